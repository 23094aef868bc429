//! One run: a target, a network law, a protocol, a readout and a seed; and what was measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Access, BatchId, Engine, Purpose};
use crate::cost::touched_again;
use crate::directions::Directions;
use crate::evaluate::errors;
use crate::labels::{Labels, Removal, RemovedPart, Target};
use crate::measurement::Measurement;
use crate::metric::{Metric, MetricGroup};
use crate::metrics;
use crate::network::{Network, NetworkLaw};
use crate::readout::{Features, Readout, Ridge, RidgeError, RidgeParams, fit};
use crate::train::{Gradient, Protocol, StepContext, advance};
use crate::watch::{Interrupted, Watch};

/// The batch on which a readout is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutBatch {
    /// The batch of the last step (of the first step, for the initial network).
    Same,
    /// A fresh batch of the same size.
    Fresh,
}

/// After which steps readouts are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutSchedule {
    /// On the initial features (random features) and after every step.
    EveryStep,
    /// On the initial features and after the last step.
    Ends,
    /// After the last step only.
    Last,
    /// Never.
    Never,
}

impl ReadoutSchedule {
    pub(crate) fn wants(self, step: u32, steps: u32) -> bool {
        match self {
            ReadoutSchedule::EveryStep => true,
            ReadoutSchedule::Ends => step == 0 || step == steps,
            ReadoutSchedule::Last => step == steps,
            ReadoutSchedule::Never => false,
        }
    }
}

/// Everything that a run depends on besides its seed and its engine.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// What is to be learnt.
    pub target: Target,
    /// The law of the network.
    pub network: NetworkLaw,
    /// How it is trained.
    pub protocol: Protocol,
    /// The ridge readout.
    pub readout: RidgeParams,
    /// Where readouts are fitted.
    pub readout_batch: ReadoutBatch,
    /// When readouts are fitted.
    pub schedule: ReadoutSchedule,
    /// The number of test samples.
    pub test_samples: u64,
    /// What is recorded.
    pub metrics: Vec<MetricGroup>,
}

/// How a run ended. Measurements of finished steps are kept whatever the end.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All steps were taken.
    Completed,
    /// The end of the work was asked for while step `step` was under way.
    Interrupted {
        /// The step, 1 for the first.
        step: u32,
    },
    /// A weight ceased to be finite.
    Diverged {
        /// The step, 1 for the first.
        step: u32,
        /// The first such neuron, from 1.
        neuron: u32,
    },
    /// The readout of a step had no solution.
    NoReadout {
        /// The step; 0 is the initial network.
        step: u32,
        /// The reason.
        reason: String,
    },
}

/// What happened in one run.
#[derive(Debug, Clone)]
pub struct Run {
    /// The numbers, in order of steps.
    pub measurements: Vec<Measurement>,
    /// How the run ended.
    pub outcome: Outcome,
    /// The network after the last finished step, in coordinates of the engine's frame.
    pub network: Network,
    /// The target's directions in the same coordinates.
    pub target: Directions,
}

/// Runs one seed of an experiment on an engine: THEORY.md (1) to (4).
///
/// Cost of a step on the direct engine: `4 n d p` flops; of a readout `2 n d p + n p^2`; of a test
/// `2 n_test d p`. Results depend on the seed, the experiment and the engine, not on the number of threads.
pub fn run<E: Engine>(experiment: &Experiment, engine: &mut E, seed: u64, watch: Watch<'_>) -> Run {
    let mut state = State::start(experiment, engine, seed, watch);
    let outcome = state.steps();
    Run {
        measurements: state.measurements,
        outcome,
        network: state.network,
        target: state.target,
    }
}

/// Why the steps ended early.
enum Stop {
    Interrupted,
    Ended(Outcome),
}

impl From<Interrupted> for Stop {
    fn from(_: Interrupted) -> Self {
        Stop::Interrupted
    }
}

/// The open training batch and what was removed from its labels.
struct Training<B> {
    id: BatchId,
    batch: B,
    removed: RemovedPart,
}

struct State<'a, E: Engine> {
    experiment: &'a Experiment,
    engine: &'a mut E,
    seed: u64,
    watch: Watch<'a>,
    target: Directions,
    network: Network,
    /// W0, kept where singular values of `W - W0` are asked for: it costs p coordinates a vector.
    initial: Option<Directions>,
    measurements: Vec<Measurement>,
}

impl<'a, E: Engine> State<'a, E> {
    fn start(experiment: &'a Experiment, engine: &'a mut E, seed: u64, watch: Watch<'a>) -> Self {
        let target = engine.target(experiment.target.r);
        let network = experiment.network.draw(engine, seed);
        let initial = experiment
            .metrics
            .contains(&MetricGroup::SingularValues)
            .then(|| network.first.clone());
        Self {
            experiment,
            engine,
            seed,
            watch,
            target,
            network,
            initial,
            measurements: Vec::new(),
        }
    }

    fn steps(&mut self) -> Outcome {
        let protocol = &self.experiment.protocol;
        let mut training = None;
        let mut last = None;
        for step in 0..=protocol.steps {
            let before = self.measurements.len();
            match self.step(step, &mut training, &mut last) {
                Ok(()) => {
                    let measured = &self.measurements[before..];
                    self.watch.observer.step_done(step, measured);
                }
                Err(Stop::Interrupted) => return Outcome::Interrupted { step },
                Err(Stop::Ended(outcome)) => return outcome,
            }
        }
        Outcome::Completed
    }

    /// Step `step` (none for 0) and all that is measured after it.
    fn step(
        &mut self,
        step: u32,
        training: &mut Option<Training<E::Batch>>,
        last: &mut Option<Gradient>,
    ) -> Result<(), Stop> {
        let groups = &self.experiment.metrics;
        if step > 0 {
            self.open(step - 1, training)?;
            if let Some(open) = training.as_mut() {
                let gradient = self.advance(step, open, last.as_ref())?;
                let out = &mut self.measurements;
                metrics::gradient(
                    step,
                    &gradient.directions,
                    &self.target,
                    &self.network.second,
                    groups,
                    out,
                );
                if groups.contains(&MetricGroup::TrainError) {
                    out.push(Measurement::new(
                        step,
                        Metric::TrainError,
                        gradient.train_error,
                    ));
                }
                *last = Some(gradient);
            }
        }
        let second = &self.network.second;
        metrics::weights(
            step,
            &self.network.first,
            &self.target,
            second,
            groups,
            &mut self.measurements,
        );
        if let (Some(initial), 1..) = (&self.initial, step) {
            let values = metrics::singular_values(&self.network.first, initial).unwrap_or_default();
            for (rank, value) in values.into_iter().enumerate() {
                let base = Measurement::new(step, Metric::SingularValue, value);
                self.measurements.push(Measurement {
                    rank: Some(rank as u32 + 1),
                    ..base
                });
            }
        }
        if groups.contains(&MetricGroup::TestError) {
            self.test(step, training)?;
        }
        Ok(())
    }

    /// What the protocol asks of a training batch besides one gradient.
    fn access(&self) -> Access {
        if touched_again(self.experiment) {
            Access::Many
        } else {
            Access::Once
        }
    }

    /// Makes sure that the batch of step `step` (0 for the first) is open.
    fn open(&mut self, step: u32, training: &mut Option<Training<E::Batch>>) -> Result<(), Stop> {
        let protocol = &self.experiment.protocol;
        let id = BatchId {
            purpose: Purpose::Training,
            index: protocol.plan.index(step),
        };
        if training.as_ref().is_some_and(|open| open.id == id) {
            return Ok(());
        }
        *training = None;
        let mut known = vec![&mut self.target, &mut self.network.first];
        known.extend(self.initial.as_mut());
        self.engine.keep_only(&mut known);
        let mut batch = self.engine.open(id, protocol.batch, self.access());
        let labels = Labels {
            target: &self.experiment.target,
            directions: &self.target,
            seed: self.seed,
        };
        let removed = labels.estimate(
            protocol.removal,
            id,
            protocol.batch,
            self.engine,
            &mut batch,
            self.watch,
        )?;
        *training = Some(Training { id, batch, removed });
        Ok(())
    }

    fn advance(
        &mut self,
        step: u32,
        training: &mut Training<E::Batch>,
        last: Option<&Gradient>,
    ) -> Result<Gradient, Stop> {
        let protocol = &self.experiment.protocol;
        let context = StepContext {
            activation: &self.experiment.network.activation,
            second: &self.network.second,
            labels: Labels {
                target: &self.experiment.target,
                directions: &self.target,
                seed: self.seed,
            },
            removed: &training.removed,
            id: training.id,
            rows: protocol.batch,
            watch: self.watch,
        };
        let mut first = self.network.first.clone();
        let gradient = advance(
            &mut first,
            protocol,
            last,
            self.engine,
            &mut training.batch,
            context,
        )?;
        if let Some(neuron) = first.norms().iter().position(|norm| !norm.is_finite()) {
            return Err(Stop::Ended(Outcome::Diverged {
                step,
                neuron: neuron as u32 + 1,
            }));
        }
        self.network.first = first;
        Ok(gradient)
    }

    /// Fits readouts where the schedule wants them and measures all test errors.
    fn test(&mut self, step: u32, training: &mut Option<Training<E::Batch>>) -> Result<(), Stop> {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        let wanted = experiment.schedule.wants(step, protocol.steps);
        if wanted || protocol.removal != Removal::Nothing {
            self.open(step.saturating_sub(1), training)?;
        }
        let nothing = RemovedPart::nothing();
        let removed = training
            .as_ref()
            .map_or(&nothing, |open| &open.removed)
            .clone();
        let labels = Labels {
            target: &experiment.target,
            directions: &self.target,
            seed: self.seed,
        };
        let mut features = Features {
            first: &self.network.first,
            activation: &experiment.network.activation,
            labels,
            removed: &removed,
            id: BatchId {
                purpose: Purpose::Readout,
                index: u64::from(step),
            },
            rows: protocol.batch,
            watch: self.watch,
        };
        let mut fitted = Vec::new();
        if wanted {
            let found = match (experiment.readout_batch, training) {
                (ReadoutBatch::Same, Some(open)) => {
                    features.id = open.id;
                    fit(&experiment.readout, features, self.engine, &mut open.batch)
                }
                _ => {
                    let mut batch = self.engine.open(features.id, protocol.batch, Access::Once);
                    fit(&experiment.readout, features, self.engine, &mut batch)
                }
            };
            fitted = match found {
                Ok((fitted, _)) => fitted,
                Err(RidgeError::Interrupted(interrupted)) => return Err(interrupted.into()),
                Err(error) => {
                    let reason = error.to_string();
                    return Err(Stop::Ended(Outcome::NoReadout { step, reason }));
                }
            };
        }
        let mut readouts = vec![Readout {
            weights: self.network.second.clone(),
            intercept: 0.0,
        }];
        readouts.extend(fitted.iter().map(|fit| fit.readout.clone()));
        features.id = BatchId {
            purpose: Purpose::Test,
            index: u64::from(step),
        };
        features.rows = experiment.test_samples;
        let mut batch = self.engine.open(features.id, features.rows, Access::Once);
        let errors = errors(&readouts, features, self.engine, &mut batch)?;
        let out = &mut self.measurements;
        out.push(Measurement::new(
            step,
            Metric::LabelVariance,
            errors.label_variance,
        ));
        out.push(Measurement::new(
            step,
            Metric::UntrainedReadoutError,
            errors.readouts[0],
        ));
        for (fit, error) in fitted.iter().zip(&errors.readouts[1..]) {
            let error = Measurement::new(step, Metric::TestError, *error);
            match experiment.readout.ridge {
                Ridge::Values(_) => out.push(Measurement {
                    ridge: Some(fit.ridge),
                    ..error
                }),
                // A ridge chosen anew for every seed is an outcome, not a place in the table.
                Ridge::LeaveOneOut(_) => {
                    out.push(error);
                    out.push(Measurement::new(step, Metric::ChosenRidge, fit.ridge));
                }
            }
        }
        Ok(())
    }
}
