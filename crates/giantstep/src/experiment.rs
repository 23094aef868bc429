//! What one run depends on besides its seed and its engine, checked.

use std::sync::Arc;

use num_integer::lcm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Method};
use crate::batch::{Covariance, Data, DirectionsLaw, Division, Given, Inputs, Split};
use crate::labels::{GivenLabels, Removal, Target};
use crate::metric::MetricGroup;
use crate::network::{Initial, NetworkLaw, Output, Pairing};
use crate::readout::RidgeParams;
use crate::train::{BatchPlan, Loss, Protocol};

/// The batch on which a readout is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutBatch {
    /// The batch of the last step (of the first step, for the initial network).
    Same,
    /// A fresh batch of the same size.
    Fresh,
    /// The whole training set, from which batches are drawn.
    TrainingSet,
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
    /// Whether it wants one after `step` of `steps` steps.
    pub fn wants(self, step: u32, steps: u32) -> bool {
        match self {
            ReadoutSchedule::EveryStep => true,
            ReadoutSchedule::Ends => step == 0 || step == steps,
            ReadoutSchedule::Last => step == steps,
            ReadoutSchedule::Never => false,
        }
    }
}

/// After which steps anything is recorded: metrics, readouts, test errors. What is not recorded is not computed.
///
/// The initial network and the last step are recorded too, but for [`Recording::Last`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    /// After every step.
    EveryStep,
    /// After the last step only.
    Last,
    /// After every k-th step, k at least 1.
    Every(u32),
    /// After so many steps a decade, at least 1: `round(10^(j/k))` for j = 0, 1, ...
    Log(u32),
}

impl Recording {
    /// After how many of the steps 0, 1, ..., `steps` it wants numbers.
    pub fn count(self, steps: u32) -> u64 {
        let all = u64::from(steps) + 1;
        match self {
            Recording::EveryStep => all,
            Recording::Last => 1,
            Recording::Every(k) => {
                let last = u64::from(!steps.is_multiple_of(k));
                1 + u64::from(steps / k) + last
            }
            Recording::Log(k) => {
                let (mut count, mut last) = (1, 0);
                for step in Self::decades(k, steps) {
                    (count, last) = (count + 1, step);
                }
                count + u64::from(last != steps)
            }
        }
    }

    /// The steps `round(10^(j/k))` for j = 0, 1, ..., up to `steps`, each once.
    fn decades(k: u32, steps: u32) -> impl Iterator<Item = u32> {
        let step = move |j: u32| 10f64.powf(f64::from(j) / f64::from(k)).round();
        let mut last = 0.0;
        (0..)
            .map(step)
            .take_while(move |step| *step <= f64::from(steps))
            .filter(move |step| std::mem::replace(&mut last, *step) != *step)
            .map(|step| step as u32)
    }

    /// Whether it wants numbers after `step` of `steps` steps.
    pub fn wants(self, step: u32, steps: u32) -> bool {
        let ends = step == 0 || step == steps;
        match self {
            Recording::EveryStep => true,
            Recording::Last => step == steps,
            Recording::Every(k) => ends || step.is_multiple_of(k),
            Recording::Log(k) => {
                let position = f64::from(k) * f64::from(step).log10();
                let near = |j: f64| 10f64.powf(j / f64::from(k)).round() == f64::from(step);
                // Rounding moves a step by less than the spacing of positions, or every position between is rounded to it.
                ends || near(position.floor()) || near(position.ceil())
            }
        }
    }
}

/// Against which labels errors are measured on test samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestLabels {
    /// Labels with their noise, and with what the link draws.
    Noisy,
    /// The target itself, `E[y | x]`: no noise, and averaged over what the link draws.
    Clean,
}

/// Where inputs come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// They are drawn by this law.
    Law(Inputs),
    /// Their coordinates along the target are drawn by this law, all that is orthogonal to it is standard normal.
    Target(Inputs),
    /// They are Gaussian with this covariance.
    Coloured(Covariance),
    /// They are given.
    Given(OwnData),
}

/// Rows that are given, and what they serve.
#[derive(Debug, Clone)]
pub struct OwnData {
    /// The rows.
    pub data: Arc<Data<'static>>,
    /// How many of them are for training, readouts and tests.
    pub division: Division,
}

impl OwnData {
    /// The engine of one seed.
    pub fn engine<T>(&self, law: DirectionsLaw, seed: u64) -> Given<'static, T> {
        let split = Split::new(self.data.rows() as u64, self.division, seed);
        Given::new(self.data.clone(), split, law, seed)
    }
}

/// Everything that a run depends on besides its seed and its engine.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// What is to be learnt.
    pub target: Target,
    /// Where the inputs come from.
    pub inputs: Origin,
    /// How the target's directions lie in R^d; the in-law engine needs no choice.
    pub directions: DirectionsLaw,
    /// The law of the network.
    pub network: NetworkLaw,
    /// How it is trained.
    pub protocol: Protocol,
    /// The ridge readout.
    pub readout: RidgeParams,
    /// What is fitted beside it after the last step.
    pub baselines: Vec<Baseline>,
    /// Where readouts are fitted.
    pub readout_batch: ReadoutBatch,
    /// When readouts are fitted.
    pub schedule: ReadoutSchedule,
    /// The number of samples of a fresh batch on which a readout is fitted.
    pub readout_samples: u64,
    /// The number of test samples.
    pub test_samples: u64,
    /// The labels of test samples.
    pub test_labels: TestLabels,
    /// What is recorded.
    pub metrics: Vec<MetricGroup>,
    /// When it is recorded.
    pub recording: Recording,
}

impl Experiment {
    /// The same steps, of which nothing is recorded.
    pub(crate) fn steps_alone(&self) -> Self {
        Self {
            schedule: ReadoutSchedule::Never,
            metrics: Vec::new(),
            baselines: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether anything is recorded after `step` steps.
    pub fn records(&self, step: u32) -> bool {
        self.recording.wants(step, self.protocol.steps)
    }

    /// Whether test errors are measured after `step` steps.
    pub fn tests(&self, step: u32) -> bool {
        self.tests_anything() && self.records(step)
    }

    fn tests_anything(&self) -> bool {
        self.metrics.iter().any(|group| group.is_of_tests())
    }

    /// Whether the errors of readouts are asked for, and not the network's own alone.
    fn tests_readouts(&self) -> bool {
        let of_readouts = [MetricGroup::TestError, MetricGroup::ErrorRate];
        of_readouts.iter().any(|group| self.metrics.contains(group))
    }

    /// The law of the target's coordinates where all that is orthogonal to them is Gaussian of covariance 1, up to O(1/d); none
    /// where it is not. Along dense directions sums of independent entries are Gaussian too.
    pub fn coordinates(&self) -> Option<Inputs> {
        let along_axes = self.directions == DirectionsLaw::Canonical;
        match &self.inputs {
            Origin::Law(law @ (Inputs::Hypercube | Inputs::Uniform)) if along_axes => Some(*law),
            Origin::Law(_) => Some(Inputs::Gaussian),
            Origin::Target(law) => Some(*law),
            Origin::Coloured(_) | Origin::Given(_) => None,
        }
    }

    /// Whether the first step sees no output of the network: pairs have none, and the correlation loss does not look.
    pub(crate) fn starts_without_output(&self) -> bool {
        let paired = self.network.pairing == Pairing::Symmetric;
        match self.protocol.loss {
            Loss::Squared => paired,
            Loss::Correlation => true,
            Loss::CorrelationUntil(_) | Loss::Pointwise(_) => false,
        }
    }

    /// Whether inputs are standard normal vectors.
    pub fn has_gaussian_inputs(&self) -> bool {
        matches!(self.inputs, Origin::Law(Inputs::Gaussian))
    }

    /// Whether the network at the start is kept: subtracted, or compared with.
    pub fn keeps_start(&self) -> bool {
        self.network.output == Output::Centred
            || self.fits_tangent_kernel()
            || self.metrics.contains(&MetricGroup::SingularValues)
    }

    /// Whether a baseline is the tangent kernel of the start.
    pub fn fits_tangent_kernel(&self) -> bool {
        let mut baselines = self.baselines.iter();
        baselines.any(|baseline| baseline.method == Method::TangentKernel)
    }

    /// Whether baselines are fitted after `step` steps: once, after the last.
    pub fn fits_baselines(&self, step: u32) -> bool {
        !self.baselines.is_empty() && step == self.protocol.steps
    }

    /// Whether a readout is fitted after `step` steps.
    pub fn fits_readout(&self, step: u32) -> bool {
        self.tests_readouts() && self.tests(step) && self.schedule.wants(step, self.protocol.steps)
    }

    /// After how many steps, 0 among them, anything is recorded.
    pub(crate) fn recorded_steps(&self) -> u64 {
        self.recording.count(self.protocol.steps)
    }

    /// After how many steps test errors are measured.
    pub(crate) fn tested_steps(&self) -> u64 {
        match self.tests_anything() {
            true => self.recorded_steps(),
            false => 0,
        }
    }

    /// After how many steps readouts are fitted.
    pub(crate) fn fitted_steps(&self) -> u64 {
        let last = self.protocol.steps;
        let ends = |first: u32| (first..=last).step_by(last.max(1) as usize);
        let of = |steps: &mut dyn Iterator<Item = u32>| {
            steps.filter(|step| self.fits_readout(*step)).count() as u64
        };
        match self.schedule {
            _ if !self.tests_readouts() => 0,
            ReadoutSchedule::EveryStep => self.tested_steps(),
            ReadoutSchedule::Ends => of(&mut ends(0)),
            ReadoutSchedule::Last => of(&mut ends(last)),
            ReadoutSchedule::Never => 0,
        }
    }

    /// Whether readouts after `step` steps are made in the pass of the next gradient: both are of one network and the same rows,
    /// and one pass over them is enough for the readouts.
    ///
    /// A step is left; readouts are fitted on rows that it sees again; what is measured is the network that is trained, and no
    /// average; its fields are all that both ask for, so that a centred output, along whose start a gradient takes fields
    /// besides, keeps the last bit; ridges are given, and samples more than features; their p^2 moments, which every thread holds
    /// beside the p d numbers of the gradient, are few beside these.
    pub(crate) fn shares_pass(&self, step: u32) -> bool {
        self.shared_ridges(step, self.protocol.rows(step + 1))
            .is_some()
    }

    /// The ridges of readouts that are made in the pass of the next gradient, were its rows so many; none where they are not.
    pub(crate) fn shared_ridges(&self, step: u32, n: u64) -> Option<&[f64]> {
        let protocol = &self.protocol;
        let again = match self.readout_batch {
            ReadoutBatch::Same => protocol.sees_again(step + 1),
            ReadoutBatch::TrainingSet => protocol.visits_all(),
            ReadoutBatch::Fresh => false,
        };
        let averaged = protocol.average_from.is_some_and(|from| step >= from);
        let p = self.network.width;
        let fits = step < protocol.steps
            && self.fits_readout(step)
            && again
            && 2 * p as u64 <= protocol.dimension
            && !averaged
            && self.network.output == Output::Plain;
        self.readout.by_moments(n, p).filter(|_| fits)
    }

    /// How many of the steps do ([`Experiment::shares_pass`]), of batches of one size.
    pub(crate) fn shared_passes(&self) -> u64 {
        let protocol = &self.protocol;
        if protocol.steps == 0 || !self.shares_pass(0) {
            return 0;
        }
        // Of the steps 0, 1, ... before this one, so many are multiples of k.
        let end = protocol.average_from.unwrap_or(protocol.steps);
        let end = u64::from(end.min(protocol.steps));
        let every = |k: u64| match protocol.repeats() {
            // A batch ends with each multiple, but for 0.
            Some(steps) => end.div_ceil(k) + 1 - end.div_ceil(lcm(k, u64::from(steps))),
            None => end.div_ceil(k),
        };
        match (self.schedule, self.recording) {
            (ReadoutSchedule::EveryStep, Recording::EveryStep) => every(1),
            (ReadoutSchedule::EveryStep, Recording::Every(k)) => every(u64::from(k)),
            (ReadoutSchedule::EveryStep, Recording::Log(k)) => {
                let wanted = Recording::decades(k, protocol.steps);
                1 + wanted.filter(|step| self.shares_pass(*step)).count() as u64
            }
            // The first alone; the last one shares nothing.
            _ => 1,
        }
    }

    /// Why theory says nothing of it; none if it may.
    pub fn beyond_theory(&self) -> Option<&'static str> {
        if let Some(GivenLabels::Callable(_)) = self.target.given {
            return Some(
                "the link is given as code, of which nothing is derived: write it as an expression",
            );
        }
        self.network.activation.expr().is_none().then_some(
            "the activation is given as code, of which nothing is derived: write it as an expression",
        )
    }

    /// Why the in-law engine cannot run it; none if it can.
    pub fn beyond_law(&self) -> Option<&'static str> {
        if let Origin::Given(_)
        | Origin::Law(Inputs::Hypercube | Inputs::Sphere | Inputs::Uniform) = self.inputs
        {
            return Some(
                "the in-law engine draws what is left of inputs that are Gaussian across the target",
            );
        }
        if let Initial::Weights(_) = self.network.start {
            return Some(
                "weights that are given are coordinates of R^d, which the in-law engine does not have",
            );
        }
        self.protocol.update.rule.is_of_coordinates().then_some(
            "it acts on single coordinates of R^d, which the in-law engine does not have: the law of its steps depends on \
             the basis",
        )
    }

    /// Directions besides the target's that are in the in-law engine's frame for good.
    pub(crate) fn explicit_directions(&self) -> u64 {
        match &self.inputs {
            Origin::Coloured(covariance) => covariance.explicit(),
            Origin::Law(_) | Origin::Target(_) | Origin::Given(_) => 0,
        }
    }

    /// The lists of p vectors of R^d that live from one step to the next: weights, those at the start, memories.
    pub fn kept(&self) -> usize {
        let averaged = usize::from(self.protocol.average_from.is_some());
        1 + usize::from(self.keeps_start()) + averaged + self.protocol.update.remembered()
    }

    /// Whether a training batch is asked for more than one gradient: an engine has to hold what it revealed of it.
    pub fn touches_again(&self) -> bool {
        let protocol = &self.protocol;
        protocol.lookahead.is_some()
            || protocol.set.is_some()
            || !matches!(protocol.plan, BatchPlan::Fresh)
            || protocol.removal == Removal::MeanAndLinear
            || (self.readout_batch == ReadoutBatch::Same
                && (!self.baselines.is_empty()
                    || self.schedule != ReadoutSchedule::Never && self.tests_readouts()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_gives_a_small_table() {
        let steps = |recording: Recording, last: u32| -> Vec<u32> {
            (0..=last)
                .filter(|step| recording.wants(*step, last))
                .collect()
        };
        assert_eq!(steps(Recording::EveryStep, 3), [0, 1, 2, 3]);
        assert_eq!(steps(Recording::Last, 3), [3]);
        assert_eq!(steps(Recording::Every(3), 10), [0, 3, 6, 9, 10]);
        assert_eq!(steps(Recording::Log(1), 2000), [0, 1, 10, 100, 1000, 2000]);
        // 10^(j/3): 1, 2.15, 4.64, 10, 21.5, 46.4, 100.
        assert_eq!(steps(Recording::Log(3), 100), [0, 1, 2, 5, 10, 22, 46, 100]);
        let all = [
            Recording::EveryStep,
            Recording::Last,
            Recording::Every(3),
            Recording::Every(1000),
            Recording::Log(1),
            Recording::Log(7),
            Recording::Log(40),
        ];
        for recording in all {
            for last in [0, 1, 2, 3, 9, 10, 11, 100, 997, 1000] {
                let counted = recording.count(last);
                assert_eq!(
                    counted,
                    steps(recording, last).len() as u64,
                    "{recording:?} {last}"
                );
            }
        }
        for k in [2, 5, 20, 100] {
            let mut expected: Vec<u32> = (0..=5 * k)
                .map(|j| 10f64.powf(f64::from(j) / f64::from(k)).round() as u32)
                .collect();
            expected.insert(0, 0);
            expected.dedup();
            assert_eq!(steps(Recording::Log(k), 100_000), expected, "{k} a decade");
        }
    }
}
