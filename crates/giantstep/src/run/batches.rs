//! What of a run needs its batches: steps, readouts and tests, on any engine. Where readouts are fitted on rows that the next
//! step sees again, its gradient comes of the same pass (`run/ahead.rs`).

use std::sync::Arc;

use super::ahead::Ahead;
use super::{State, Stop, ranked};
use crate::baseline::{Fits, Learner};
use crate::batch::{Access, AnyBatch, AnyEngine, BatchId, Engine, Purpose};
use crate::directions::Directions;
use crate::evaluate::{Moments, errors};
use crate::experiment::{Experiment, ReadoutBatch, TestLabels};
use crate::labels::{Labels, Removal, RemovedPart, Target};
use crate::measurement::Measurement;
use crate::metric::{Metric, MetricGroup};
use crate::network::{Output, Start};
use crate::readout::{Features, Fitted, Readout, Ridge, RidgeError, fit};
use crate::real::Real;
use crate::spectrum;
use crate::train::{Draws, Gradient, Layers, Memories, advance};
use crate::watch::{Interrupted, Watch};

/// Which readouts are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readouts {
    /// The frozen second layer.
    FrozenAlone,
    /// That, and ridge readouts fitted now.
    Fitted,
}

/// What of a run needs its batches, whatever the engine.
pub(super) trait Batches: std::fmt::Debug + Send {
    /// Takes step `step`, 1 for the first, and measures the gradient followed.
    fn advance(&mut self, state: &mut State, step: u32, watch: Watch<'_>) -> Result<(), Stop>;

    /// Test errors after `step` steps.
    fn test(
        &mut self,
        state: &mut State,
        step: u32,
        readouts: Readouts,
        watch: Watch<'_>,
    ) -> Result<Vec<Measurement>, RidgeError>;

    /// Test errors of the baselines on the readout's batch after `step` steps.
    fn baselines(
        &mut self,
        state: &mut State,
        step: u32,
        watch: Watch<'_>,
    ) -> Result<Vec<Measurement>, RidgeError>;
}

/// The open training batch, or the training set of which a batch is a part, and what was removed from its labels.
pub(super) struct Training {
    pub(super) id: BatchId,
    pub(super) batch: AnyBatch,
    pub(super) part: Option<Arc<[u64]>>,
    pub(super) removed: RemovedPart,
}

impl Training {
    /// The samples on which readouts and baselines are fitted after `step` steps; none if they have a batch of their own.
    fn shared<'a>(
        &'a mut self,
        experiment: &Experiment,
        step: u32,
        samples: Features<'a>,
    ) -> Option<(Features<'a>, &'a mut AnyBatch)> {
        let (protocol, step) = (&experiment.protocol, step.max(1));
        let own = match experiment.readout_batch {
            ReadoutBatch::Same if experiment.touches_again() => Features {
                id: self.id,
                rows: protocol.rows(step),
                part: self.part.as_deref(),
                ..samples
            },
            ReadoutBatch::TrainingSet => Features {
                id: self.id,
                rows: protocol.opened(step),
                ..samples
            },
            ReadoutBatch::Same | ReadoutBatch::Fresh => return None,
        };
        Some((own, &mut self.batch))
    }
}

/// An engine with the batch that it has open, the last gradient followed, and the next one if it is known.
pub(super) struct On<'e, T: Real> {
    pub(super) engine: AnyEngine<'e, T>,
    pub(super) training: Option<Training>,
    draws: Option<Draws>,
    pub(super) last: Option<Gradient>,
    pub(super) ahead: Option<Ahead>,
    memories: Memories,
}

impl<T: Real> std::fmt::Debug for On<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("On").finish_non_exhaustive()
    }
}

impl<'e, T: Real> On<'e, T> {
    /// The engine before its first batch.
    pub(super) fn new(engine: AnyEngine<'e, T>, experiment: &Experiment, seed: u64) -> Self {
        let protocol = &experiment.protocol;
        let draws = protocol
            .set
            .map(|set| Draws::new(set, protocol.batch, seed));
        Self {
            engine,
            training: None,
            draws,
            last: None,
            ahead: None,
            memories: Memories::default(),
        }
    }

    /// The batch of step `step` (0 for the first), opened if it is not.
    fn open(
        &mut self,
        state: &mut State,
        step: u32,
        watch: Watch<'_>,
    ) -> Result<&mut Training, Interrupted> {
        let protocol = &state.experiment.protocol;
        let number = protocol.plan.index(step);
        let (id, part) = match &mut self.draws {
            None => (
                BatchId {
                    purpose: Purpose::Training,
                    index: number,
                },
                None,
            ),
            Some(draws) => (
                BatchId {
                    purpose: Purpose::Set,
                    index: 0,
                },
                draws.rows(number),
            ),
        };
        let open = match self.training.take() {
            Some(open) if open.id == id => Training { part, ..open },
            _ => {
                let mut known = vec![&mut state.target, &mut state.network.first];
                known.extend(state.initial.as_mut().map(|initial| &mut initial.first));
                known.extend(
                    state
                        .average
                        .as_mut()
                        .map(|average| &mut average.network.first),
                );
                known.extend(self.memories.first.vectors());
                self.engine.keep_only(&mut known);
                let access = match state.experiment.touches_again() {
                    true => Access::Many,
                    false => Access::Once,
                };
                let rows = protocol.opened(step + 1);
                let mut batch = self.engine.open(id, rows, access);
                let removed = state.labels().estimate(
                    protocol.removal,
                    id,
                    rows,
                    &mut self.engine,
                    &mut batch,
                    watch,
                )?;
                Training {
                    id,
                    batch,
                    part,
                    removed,
                }
            }
        };
        Ok(self.training.insert(open))
    }
}

impl<T: Real> Batches for On<'_, T> {
    fn advance(&mut self, state: &mut State, step: u32, watch: Watch<'_>) -> Result<(), Stop> {
        self.open(state, step - 1, watch)?;
        let Self {
            engine,
            training: Some(training),
            last,
            ahead,
            memories,
            ..
        } = self
        else {
            return Ok(());
        };
        let mut network = state.network.clone();
        let known = ahead.take().and_then(|ahead| ahead.gradient(step));
        let (context, batch) = training.of_step(state, step, watch);
        let gradient = advance(
            (&mut network, memories),
            (step, &state.experiment.protocol),
            (last.as_ref(), known),
            engine,
            batch,
            context,
        )?;
        let norms = network.first.norms();
        let infinite = [&norms, &network.second, &network.bias]
            .into_iter()
            .find_map(|weights| weights.iter().position(|weight| !weight.is_finite()));
        if let Some(neuron) = infinite {
            let neuron = neuron as u32 + 1;
            return Err(Stop::Diverged { neuron });
        }
        // Its groups are the signs of the second layer at which it was taken.
        if state.experiment.records(step) {
            state.measure_gradient(step, &gradient);
        }
        state.network = network;
        state.averaged(step);
        *last = Some(gradient);
        Ok(())
    }

    fn test(
        &mut self,
        state: &mut State,
        step: u32,
        readouts: Readouts,
        watch: Watch<'_>,
    ) -> Result<Vec<Measurement>, RidgeError> {
        if readouts == Readouts::Fitted || state.experiment.protocol.removal != Removal::Nothing {
            self.open(state, step.saturating_sub(1), watch)?;
        }
        let state = &*state;
        let experiment = &state.experiment;
        let nothing = RemovedPart::nothing();
        let removed = self
            .training
            .as_ref()
            .map_or(&nothing, |open| &open.removed);
        let removed = removed.clone();
        let network = state.measured();
        let features = state.samples(&removed, step, watch);
        let clean = state.clean();
        let mut tests = features.of_tests(experiment, clean.as_ref());
        tests.start = state.start();
        if readouts == Readouts::Fitted {
            self.look_ahead(state, step, (tests.id, tests.rows), watch)?;
        }
        let known = self.ahead.as_mut();
        let known = known.and_then(|ahead| ahead.readouts(step));
        let shared = self.training.as_mut();
        let shared = shared.and_then(|open| open.shared(experiment, step, features));
        let mut opened;
        let (fitted, batch) = match (known, readouts, shared) {
            (Some((fitted, batch)), ..) => (fitted.to_vec(), batch),
            (None, readouts, shared) => {
                let engine = &mut self.engine;
                let fitted = match (readouts, shared) {
                    (Readouts::FrozenAlone, _) => Vec::new(),
                    (Readouts::Fitted, Some((own, batch))) => {
                        fit(&experiment.readout, own, engine, batch)?.0
                    }
                    (Readouts::Fitted, None) => {
                        let mut batch = engine.open(features.id, features.rows, Access::Once);
                        fit(&experiment.readout, features, engine, &mut batch)?.0
                    }
                };
                opened = engine.open(tests.id, tests.rows, Access::Once);
                (fitted, &mut opened)
            }
        };
        let mut readouts = vec![Readout {
            weights: network
                .second
                .iter()
                .map(|a| a * experiment.network.gain)
                .collect(),
            intercept: 0.0,
        }];
        readouts.extend(fitted.iter().map(|fit| fit.readout.clone()));
        let asks = |group| experiment.metrics.contains(&group);
        let moments = match asks(MetricGroup::FeatureSpectrum) {
            true => Moments::Taken,
            false => Moments::Left,
        };
        let found = errors(
            &readouts,
            (Some(&experiment.protocol.loss), moments),
            tests,
            &mut self.engine,
            batch,
        )?;
        let power = found.label_variance + found.label_mean * found.label_mean;
        let spectrum = match &found.moments {
            Some(moments) => Some(spectrum::features(moments, tests.rows as f64, power)?),
            None => None,
        };
        let put = |metric, value| Measurement::new(step, metric, value);
        let mut out = Vec::new();
        if asks(MetricGroup::TestError) {
            out.push(put(Metric::LabelVariance, found.label_variance));
            out.push(put(Metric::UntrainedReadoutError, found.readouts[0]));
            for (fit, error) in fitted.iter().zip(&found.readouts[1..]) {
                out.extend(of_readout(
                    put(Metric::TestError, *error),
                    &experiment.readout.ridge,
                    fit,
                ));
            }
        }
        if asks(MetricGroup::ErrorRate) {
            out.push(put(Metric::NetworkErrorRate, found.rates[0]));
            for (fit, rate) in fitted.iter().zip(&found.rates[1..]) {
                out.extend(
                    of_readout(
                        put(Metric::ErrorRate, *rate),
                        &experiment.readout.ridge,
                        fit,
                    )
                    .into_iter()
                    .next(),
                );
            }
        }
        if let Some(found) = spectrum {
            let rank = spectrum::effective_rank(&found.values);
            out.extend(ranked(step, Metric::FeatureEigenvalue, found.values));
            out.extend(rank.map(|rank| put(Metric::FeatureRank, rank)));
            out.push(put(Metric::KernelAlignment, found.alignment));
        }
        if asks(MetricGroup::NetworkLoss) {
            out.extend(found.loss.map(|loss| put(Metric::NetworkLoss, loss)));
        }
        Ok(out)
    }

    fn baselines(
        &mut self,
        state: &mut State,
        step: u32,
        watch: Watch<'_>,
    ) -> Result<Vec<Measurement>, RidgeError> {
        if state.experiment.readout_batch != ReadoutBatch::Fresh
            || state.experiment.protocol.removal != Removal::Nothing
        {
            self.open(state, step.saturating_sub(1), watch)?;
        }
        let state = &*state;
        let (experiment, engine) = (&state.experiment, &mut self.engine);
        let removed = match &self.training {
            Some(open) => open.removed.clone(),
            None => RemovedPart::nothing(),
        };
        let learner = Learner {
            activation: &experiment.network.activation,
            start: state
                .initial
                .as_ref()
                .filter(|_| experiment.fits_tangent_kernel()),
            gain: experiment.network.gain,
            layers: Layers::of(&experiment.protocol),
        };
        let none = Directions::none();
        let samples = Features {
            first: learner.start.map_or(&none, |start| &start.first),
            ..state.samples(&removed, step, watch)
        };
        let baselines = &experiment.baselines;
        let shared = self.training.as_mut();
        let fits = match shared.and_then(|open| open.shared(experiment, step, samples)) {
            Some((own, batch)) => Fits::new(baselines, &learner, &own, engine, batch)?,
            None => {
                let mut batch = engine.open(samples.id, samples.rows, Access::Once);
                Fits::new(baselines, &learner, &samples, engine, &mut batch)?
            }
        };
        let clean = state.clean();
        let samples = samples.of_tests(experiment, clean.as_ref());
        let mut batch = engine.open(samples.id, samples.rows, Access::Once);
        let errors = fits.errors(&learner, samples, engine, &mut batch)?;
        let put = |(metric, ridge, error)| Measurement {
            ridge: Some(ridge),
            ..Measurement::new(step, metric, error)
        };
        Ok(errors.into_iter().map(put).collect())
    }
}

impl<'a> Features<'a> {
    /// The test samples of the same step, with the labels that are asked for.
    fn of_tests(self, experiment: &Experiment, clean: Option<&'a Target>) -> Self {
        let labels = match clean {
            Some(target) => Labels {
                target,
                ..self.labels
            },
            None => self.labels,
        };
        Self {
            labels,
            id: BatchId {
                purpose: Purpose::Test,
                ..self.id
            },
            rows: experiment.test_samples,
            ..self
        }
    }
}

impl State {
    /// The target without noise, if tests have its labels.
    fn clean(&self) -> Option<Target> {
        match self.experiment.test_labels {
            TestLabels::Clean => self.experiment.target.clean(),
            TestLabels::Noisy => None,
        }
    }

    /// Samples whose features nobody has asked for yet: those of the readout after `step` steps.
    fn samples<'a>(
        &'a self,
        removed: &'a RemovedPart,
        step: u32,
        watch: Watch<'a>,
    ) -> Features<'a> {
        let network = self.measured();
        Features {
            first: &network.first,
            bias: &network.bias,
            activation: &self.experiment.network.activation,
            start: None,
            labels: self.labels(),
            removed,
            id: BatchId {
                purpose: Purpose::Readout,
                index: u64::from(step),
            },
            rows: self.experiment.readout_samples,
            part: None,
            watch,
        }
    }
}

/// The error of a ridge readout, and its ridge where the data chose it.
fn of_readout(error: Measurement, ridge: &Ridge, fit: &Fitted) -> Vec<Measurement> {
    match ridge {
        Ridge::Values(_) => vec![Measurement {
            ridge: Some(fit.ridge),
            ..error
        }],
        // A ridge chosen anew for every seed is an outcome, not a place in the table.
        Ridge::LeaveOneOut(_) => {
            let chosen = Measurement::new(error.step, Metric::ChosenRidge, fit.ridge);
            vec![error, chosen]
        }
    }
}

impl State {
    /// Where labels come from.
    pub(super) fn labels(&self) -> Labels<'_> {
        Labels {
            target: &self.experiment.target,
            directions: &self.target,
            seed: self.seed,
        }
    }

    /// The network at the start, where its output is subtracted.
    pub(super) fn start(&self) -> Option<Start<'_>> {
        let law = &self.experiment.network;
        let network = self.initial.as_ref()?;
        (law.output == Output::Centred).then_some(Start {
            network,
            gain: law.gain,
        })
    }
}
