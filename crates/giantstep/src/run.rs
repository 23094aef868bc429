//! One run from start to end, and the same opened: a giant step, a look, another.

mod ahead;
mod batches;

use faer::Mat;

use crate::batch::{Coloured, Direct, Engine, EngineKind, InLaw, any};
use crate::cost::{cost, widest};
use crate::directions::Directions;
use crate::experiment::{Experiment, Origin};
use crate::measurement::Measurement;
use crate::metric::{Metric, MetricGroup};
use crate::metrics;
use crate::network::{Average, Network};
use crate::readout::RidgeError;
use crate::real::{Precision, Real};
use crate::setup::Setup;
use crate::spectrum;
use crate::train::Gradient;
use crate::watch::{Interrupted, Watch};
use batches::{Batches, On, Readouts};

/// How a run ended. Measurements of finished steps are kept whatever the end.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All steps were taken.
    Completed,
    /// The end of the work was asked for while step `step` was under way, or before it was begun.
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
    /// The network after the last finished step, or the average that is measured, in coordinates of the engine's frame.
    pub network: Network,
    /// The target's directions in the same coordinates.
    pub target: Directions,
}

/// Runs one seed from start to end, on the engine and in the precision of the setup: THEORY.md (1) to (4).
///
/// Cost of a step on the direct engine: `4 n d p` flops; of a readout `2 n d p + n p^2` (`n p^2` in the pass of a gradient); of a test
/// `2 n_test d p`; [`cost()`] adds up. Results depend on the seed, the experiment and the engine, not on the number of
/// threads. It takes the threads of the rayon pool in which it is called, and does not check the memory limit.
pub fn run(setup: &Setup, seed: u64, watch: &Watch<'_>) -> Run {
    to_the_end(Trainer::new(setup, seed, watch), watch)
}

/// [`run`] on an engine of one's own; `&mut` of an engine is one.
pub fn run_on<T: Real>(
    experiment: &Experiment,
    engine: impl Engine<Real = T>,
    seed: u64,
    watch: &Watch<'_>,
) -> Run {
    to_the_end(Trainer::on(experiment, engine, seed, watch), watch)
}

fn to_the_end(mut trainer: Trainer<'_>, watch: &Watch<'_>) -> Run {
    while trainer.step(watch).is_some() {}
    trainer.finish()
}

/// A run under way. [`run`] is this loop to its end:
///
/// ```
/// # use giantstep::{Spec, Trainer, Watch};
/// # let spec: Spec = serde_json::from_str(r#"{
/// #     "target": { "link": "z1" }, "network": { "width": 4 }, "evaluation": { "test_samples": 100 },
/// #     "protocol": { "dimension": 20, "steps": 3, "batch": 40, "step_size": "p" }
/// # }"#)?;
/// # let setup = spec.check()?.setup;
/// let watch = Watch::default();
/// let mut trainer = Trainer::new(&setup, 0, &watch);
/// while let Some(step) = trainer.step(&watch) {
///     println!("M after step {step}: {:?}", trainer.overlaps());
/// }
/// let run = trainer.finish();
/// # assert_eq!(run.outcome, giantstep::Outcome::Completed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Looking changes no number that follows.
#[derive(Debug)]
pub struct Trainer<'e> {
    state: State,
    batches: Box<dyn Batches + 'e>,
}

impl Trainer<'static> {
    /// Draws target and network, and records what is asked of the initial network.
    pub fn new(setup: &Setup, seed: u64, watch: &Watch<'_>) -> Self {
        match setup.precision {
            Precision::F32 => Self::of::<f32>(setup, seed, watch),
            Precision::F64 => Self::of::<f64>(setup, seed, watch),
        }
    }

    fn of<T: Real>(setup: &Setup, seed: u64, watch: &Watch<'_>) -> Self {
        let experiment = &setup.experiment;
        let d = experiment.protocol.dimension;
        let in_law = || InLaw::<T>::new(d, seed);
        let direct = || Direct::<T>::new(d as usize, experiment.directions, seed);
        match (&experiment.inputs, cost(setup).engine) {
            (Origin::Given(own), _) => {
                let engine = own.engine::<T>(experiment.directions, seed);
                Self::on(experiment, engine, seed, watch)
            }
            (Origin::Law(_), EngineKind::InLaw) => Self::on(experiment, in_law(), seed, watch),
            (Origin::Law(inputs), EngineKind::Direct | EngineKind::Data) => {
                Self::on(experiment, direct().on(*inputs), seed, watch)
            }
            (Origin::Target(inputs), EngineKind::InLaw) => {
                Self::on(experiment, in_law().on_target(*inputs), seed, watch)
            }
            (Origin::Target(inputs), EngineKind::Direct | EngineKind::Data) => {
                Self::on(experiment, direct().on_target(*inputs), seed, watch)
            }
            (Origin::Coloured(covariance), EngineKind::InLaw) => {
                let engine = Coloured::in_frame(in_law(), covariance, experiment.directions);
                Self::on(experiment, engine, seed, watch)
            }
            (Origin::Coloured(covariance), EngineKind::Direct | EngineKind::Data) => {
                let engine = Coloured::on_axes(direct(), covariance);
                Self::on(experiment, engine, seed, watch)
            }
        }
    }
}

impl<'e> Trainer<'e> {
    /// [`Trainer::new`] on an engine of one's own.
    pub fn on<T: Real>(
        experiment: &Experiment,
        engine: impl Engine<Real = T> + 'e,
        seed: u64,
        watch: &Watch<'_>,
    ) -> Self {
        let mut engine = any(engine);
        let target = engine.target(experiment.target.r);
        let network = experiment.network.draw(&mut engine, &target, seed);
        let initial = experiment.keeps_start().then(|| network.clone());
        let mut trainer = Self {
            state: State {
                experiment: experiment.clone(),
                seed,
                target,
                network,
                average: None,
                initial,
                measurements: Vec::new(),
                taken: 0,
                ended: None,
            },
            batches: Box::new(On::new(engine, experiment, seed)),
        };
        trainer.go(0, *watch);
        trainer
    }

    /// Takes the next giant step and records what is asked of it; its number, from 1, or none if there is no further
    /// step: all are taken, or the run has ended early.
    pub fn step(&mut self, watch: &Watch<'_>) -> Option<u32> {
        let next = self.state.taken + 1;
        if self.state.ended.is_some() || next > self.state.experiment.protocol.steps {
            return None;
        }
        self.go(next, *watch)
    }

    fn go(&mut self, step: u32, watch: Watch<'_>) -> Option<u32> {
        let before = self.state.measurements.len();
        match self.advanced(step, watch) {
            Ok(()) => {
                self.state.taken = step;
                let measured = &self.state.measurements[before..];
                watch.observer.step_done(step, measured);
                Some(step)
            }
            Err(stop) => {
                self.state.ended = Some(stop.at(step));
                None
            }
        }
    }

    /// Step `step` (none for 0) and all that is measured after it.
    fn advanced(&mut self, step: u32, watch: Watch<'_>) -> Result<(), Stop> {
        let Self { state, batches } = self;
        if state.experiment.records(step) {
            // A list that grows on the way is copied, and takes twice its length.
            state.measurements.reserve(widest(&state.experiment));
        }
        if step > 0 {
            batches.advance(state, step, watch)?;
        }
        if state.experiment.records(step) {
            state.measure_weights(step);
        }
        if state.experiment.tests(step) {
            let readouts = match state.experiment.fits_readout(step) {
                true => Readouts::Fitted,
                false => Readouts::FrozenAlone,
            };
            let errors = batches.test(state, step, readouts, watch)?;
            state.measurements.extend(errors);
        }
        if state.experiment.fits_baselines(step) {
            let errors = batches.baselines(state, step, watch)?;
            state.measurements.extend(errors);
        }
        Ok(())
    }

    /// Lets the run go on to `steps` steps with the numbers of a run of so many; whether it can. It cannot if it has ended
    /// early or gone further, or if of a step that it has taken something else would have been recorded.
    pub fn prolong(&mut self, steps: u32) -> bool {
        let State {
            experiment,
            taken,
            ended,
            ..
        } = &mut self.state;
        let mut longer = experiment.clone();
        longer.protocol.steps = steps;
        let asks = |of: &Experiment, step| {
            let readout = of.fits_readout(step);
            (of.records(step), readout, of.fits_baselines(step))
        };
        let fits = ended.is_none()
            && steps >= *taken
            && (0..=*taken).all(|step| asks(experiment, step) == asks(&longer, step));
        if fits {
            *experiment = longer;
        }
        fits
    }

    /// The number of giant steps taken.
    pub fn taken(&self) -> u32 {
        self.state.taken
    }

    /// The network as it is, in coordinates of the engine's frame, which may change with every step.
    pub fn network(&self) -> &Network {
        &self.state.network
    }

    /// The target's directions in the same coordinates.
    pub fn target(&self) -> &Directions {
        &self.state.target
    }

    /// `M = W W*^T`, p x r.
    pub fn overlaps(&self) -> Mat<f64> {
        self.state.network.first.gram(&self.state.target)
    }

    /// `Q = W W^T`, p x p.
    pub fn covariance(&self) -> Mat<f64> {
        self.state.network.first.gram(&self.state.network.first)
    }

    /// All that was recorded so far and not forgotten.
    pub fn measurements(&self) -> &[Measurement] {
        &self.state.measurements
    }

    /// Forgets what was recorded so far: a long run then holds no more than one step, always in the same place.
    pub fn forget_measurements(&mut self) {
        self.state.measurements.clear();
    }

    /// The test errors of the network as it is, in the form in which they are recorded: of the frozen second layer and
    /// of ridge readouts. These are fitted where the experiment says; on a fresh batch if that is a training batch of
    /// which it records no readout at any step.
    ///
    /// # Errors
    /// [`RidgeError`] if a readout has no solution, or the end was asked for.
    pub fn test_errors(&mut self, watch: &Watch<'_>) -> Result<Vec<Measurement>, RidgeError> {
        let Self { state, batches } = self;
        batches.test(state, state.taken, Readouts::Fitted, *watch)
    }

    /// How the run has ended. One with steps left is interrupted in the next.
    pub fn outcome(&self) -> Outcome {
        let State {
            taken,
            ended,
            experiment,
            ..
        } = &self.state;
        match ended {
            Some(outcome) => outcome.clone(),
            None if *taken == experiment.protocol.steps => Outcome::Completed,
            None => Outcome::Interrupted { step: taken + 1 },
        }
    }

    /// What has happened so far, without measurements; weights are copied.
    pub fn so_far(&self) -> Run {
        Run {
            measurements: Vec::new(),
            outcome: self.outcome(),
            network: self.state.measured().clone(),
            target: self.state.target.clone(),
        }
    }

    /// What happened, without the measurements that were forgotten.
    pub fn finish(self) -> Run {
        let outcome = self.outcome();
        let state = self.state;
        Run {
            measurements: state.measurements,
            outcome,
            network: match state.average {
                Some(average) => average.network,
                None => state.network,
            },
            target: state.target,
        }
    }
}

/// What of a run does not depend on its engine.
#[derive(Debug)]
struct State {
    experiment: Experiment,
    seed: u64,
    target: Directions,
    network: Network,
    /// The mean of the networks so far, where it is measured in the place of the last one.
    average: Option<Average>,
    /// The network at the start, where it is subtracted or singular values of `W - W0` are asked for.
    initial: Option<Network>,
    measurements: Vec<Measurement>,
    taken: u32,
    ended: Option<Outcome>,
}

impl State {
    /// The network that is measured.
    fn measured(&self) -> &Network {
        match &self.average {
            Some(average) => &average.network,
            None => &self.network,
        }
    }

    /// Takes the network after `step` into the average, where there is one.
    fn averaged(&mut self, step: u32) {
        let from = self.experiment.protocol.average_from;
        if from.is_some_and(|from| step >= from) {
            match &mut self.average {
                Some(average) => average.add(&self.network),
                None => self.average = Some(Average::of(&self.network)),
            }
        }
    }

    fn measure_gradient(&mut self, step: u32, gradient: &Gradient) {
        let groups = &self.experiment.metrics;
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
    }

    fn measure_weights(&mut self, step: u32) {
        let network = match &self.average {
            Some(average) => &average.network,
            None => &self.network,
        };
        let out = &mut self.measurements;
        metrics::weights(
            step,
            &network.first,
            &self.target,
            &network.second,
            &self.experiment.metrics,
            out,
        );
        let asks = |group| self.experiment.metrics.contains(&group);
        if asks(MetricGroup::WeightSpectrum) {
            let law = &self.experiment.network;
            let independent = law.pairing.drawn(law.width);
            let dimension = self.experiment.protocol.dimension as f64;
            if let Some(found) = spectrum::weights(&network.first, independent, dimension) {
                let squares: Vec<f64> = found.values.iter().map(|value| value * value).collect();
                let rank = spectrum::effective_rank(&squares);
                out.extend(ranked(step, Metric::WeightSingularValue, found.values));
                out.extend(rank.map(|rank| Measurement::new(step, Metric::WeightRank, rank)));
                let outliers = found.outliers as f64;
                out.push(Measurement::new(step, Metric::WeightOutliers, outliers));
            }
        }
        let spectrum = asks(MetricGroup::SingularValues);
        if let (Some(initial), true, 1..) = (&self.initial, spectrum, step) {
            let values =
                metrics::singular_values(&network.first, &initial.first).unwrap_or_default();
            out.extend(ranked(step, Metric::SingularValue, values));
        }
    }
}

/// Values of one metric by their rank, from 1.
fn ranked(
    step: u32,
    metric: Metric,
    values: impl IntoIterator<Item = f64>,
) -> impl Iterator<Item = Measurement> {
    (1..).zip(values).map(move |(rank, value)| Measurement {
        rank: Some(rank),
        ..Measurement::new(step, metric, value)
    })
}

/// Why a step ended early.
enum Stop {
    Interrupted,
    Diverged { neuron: u32 },
    NoReadout { reason: String },
}

impl Stop {
    fn at(self, step: u32) -> Outcome {
        match self {
            Stop::Interrupted => Outcome::Interrupted { step },
            Stop::Diverged { neuron } => Outcome::Diverged { step, neuron },
            Stop::NoReadout { reason } => Outcome::NoReadout { step, reason },
        }
    }
}

impl From<Interrupted> for Stop {
    fn from(_: Interrupted) -> Self {
        Stop::Interrupted
    }
}

impl From<RidgeError> for Stop {
    fn from(error: RidgeError) -> Self {
        match error {
            RidgeError::Interrupted(_) => Stop::Interrupted,
            error => Stop::NoReadout {
                reason: error.to_string(),
            },
        }
    }
}
