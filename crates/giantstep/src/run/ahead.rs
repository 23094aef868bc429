//! One pass for two: where readouts after a step are fitted on the rows of the next step's gradient.
//!
//! Both take the fields of the same network along the same rows; the pass of the gradient sums the moments of the readouts on
//! the way ([`Experiment::shares_pass`] says when), and the gradient waits for its step. No number changes: the fields, their
//! sums and what is drawn of a batch are those of two passes, in their order. Of the frame of the in-law engine, which a
//! gradient enlarges, the test batch would see more than before it, so that one is opened first.
//!
//! [`Experiment::shares_pass`]: crate::experiment::Experiment::shares_pass

use super::State;
use super::batches::{On, Training};
use crate::batch::{Access, AnyBatch, BatchId, Engine};
use crate::readout::{Fitted, RidgeError, of_moments};
use crate::real::Real;
use crate::train::{Besides, Gradient, Layers, StepContext, gradient_besides};
use crate::watch::Watch;

/// What is known of the next step.
pub(super) struct Ahead {
    /// The steps that were taken before.
    taken: u32,
    gradient: Gradient,
    fitted: Vec<Fitted>,
    /// The test batch, opened before the gradient was taken.
    tests: AnyBatch,
}

impl Ahead {
    /// The gradient of this step, 1 for the first, if it is known.
    pub(super) fn gradient(self, step: u32) -> Option<Gradient> {
        (self.taken + 1 == step).then_some(self.gradient)
    }

    /// The readouts after this step, and the test batch, if they are known.
    pub(super) fn readouts(&mut self, step: u32) -> Option<(&[Fitted], &mut AnyBatch)> {
        (self.taken == step).then_some((&self.fitted, &mut self.tests))
    }
}

impl Training {
    /// What step `step` depends on besides its network, and its batch.
    pub(super) fn of_step<'a>(
        &'a mut self,
        state: &'a State,
        step: u32,
        watch: Watch<'a>,
    ) -> (StepContext<'a>, &'a mut AnyBatch) {
        let experiment = &state.experiment;
        let context = StepContext {
            activation: &experiment.network.activation,
            gain: experiment.network.gain,
            start: state.start(),
            labels: state.labels(),
            removed: &self.removed,
            id: self.id,
            rows: experiment.protocol.rows(step),
            part: self.part.as_deref(),
            watch,
        };
        (context, &mut self.batch)
    }
}

impl<T: Real> On<'_, T> {
    /// Takes the gradient of the step after `step`, and with it the readouts, where one pass is enough for both and it was not
    /// made yet; its rows are open.
    pub(super) fn look_ahead(
        &mut self,
        state: &State,
        step: u32,
        (tests, samples): (BatchId, u64),
        watch: Watch<'_>,
    ) -> Result<(), RidgeError> {
        let experiment = &state.experiment;
        if self.ahead.as_ref().is_some_and(|ahead| ahead.taken == step) {
            return Ok(());
        }
        let sizes = (experiment.protocol.rows(step + 1), experiment.network.width);
        let ridges = experiment.shared_ridges(step, sizes.0);
        let (Some(training), Some(ridges)) = (&mut self.training, ridges) else {
            return Ok(());
        };
        let tests = self.engine.open(tests, samples, Access::Once);
        let (context, batch) = training.of_step(state, step + 1, watch);
        let protocol = &experiment.protocol;
        let (gradient, sums) = gradient_besides(
            &state.network,
            (&protocol.loss, Layers::of(protocol), Besides::Moments),
            self.last.as_ref(),
            &mut self.engine,
            batch,
            context,
        )?;
        let fitted = of_moments((ridges, experiment.readout.intercept), &sums, sizes)?;
        self.ahead = Some(Ahead {
            taken: step,
            gradient,
            fitted,
            tests,
        });
        Ok(())
    }
}
