//! Errors of the ridge readout.

use std::sync::atomic::Ordering;

use super::prediction::{BOUNDED, Grounds, Needs, RANDOM, UP, Would};
use super::{BOUNDED_WIDTH, PROPORTIONAL, Task};
use crate::experiment::ReadoutBatch;
use crate::labels::Removal;
use crate::metric::Metric;
use crate::network::Bias;
use crate::readout::{ReadoutLoss, Ridge};
use crate::theory::bounded_width::{KernelError, Kernels};
use crate::theory::given_weights::Ridged;
use crate::theory::moments::LinkMoments;
use crate::theory::recursion::{Effort, Step};
use crate::theory::sample::Sample;
use crate::theory::state_equations::{Sizes, random_features};

/// Repetitions behind the standard error of sampled averages.
const REPETITIONS: u64 = 8;
/// Neurons and samples from here on are many, where p is not small beside n and d.
const MANY: f64 = 30.0;

impl Task<'_> {
    /// Errors of the ridge readout after a step.
    pub(super) fn test_error(&mut self, step: u32, state: Option<&Step>) {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        if !experiment.fits_readout(step) {
            return;
        }
        let metric = [Metric::TestError];
        let here = (step, step);
        if experiment.readout.loss == ReadoutLoss::Logistic {
            let reason = "logistic readouts have no prediction here";
            return self.absent(&metric, here, reason, Would::UNKNOWN);
        }
        if experiment.coordinates().is_none() {
            let reason = "errors of readouts are derived for inputs of covariance 1";
            let would = Would::by("THEORY.md (21) or (38) with the covariances of (56)");
            return self.absent(&metric, here, reason, would);
        }
        let ridges = match &experiment.readout.ridge {
            Ridge::Values(ridges) => ridges.clone(),
            Ridge::LeaveOneOut(_) => {
                let reason = "the ridge is chosen on the data";
                let would = Would::by("THEORY.md (40): the least error over the ridges");
                return self.absent(&metric, here, reason, would);
            }
        };
        if protocol.removal == Removal::MeanAndLinear {
            let reason =
                "readouts of labels without their estimated linear part have no prediction";
            return self.absent(&metric, here, reason, Would::UNKNOWN);
        }
        if protocol.average_from.is_some_and(|from| step >= from) {
            let reason = "readouts of averaged networks have no prediction here";
            let would = Would::by("THEORY.md (38) on the averaged weights");
            return self.absent(&metric, here, reason, would);
        }
        if step > 0 && protocol.update.rule.is_of_coordinates() {
            let reason = "steps that act on single coordinates of R^d have no prediction here";
            let would = Would::by("THEORY.md (38) on networks that know how the directions lie");
            return self.absent(&metric, here, reason, would);
        }
        let (n, d) = (experiment.readout_samples as f64, protocol.dimension as f64);
        let width = experiment.network.width as f64;
        if width <= BOUNDED_WIDTH * d && width <= BOUNDED_WIDTH * n {
            let Some(state) = state else {
                let (why, would) = self.ended.clone();
                let reason = format!("the state of the network has no limit at this step: {why}");
                return self.absent(&metric, here, reason, would);
            };
            return self.bounded_errors(step, &ridges, state);
        }
        if !self.is_gaussian() {
            let reason = "errors of readouts of many neurons are derived for Gaussian coordinates of the target";
            let would = Would::by(
                "THEORY.md (38) with averages over the target's coordinates in their own law",
            );
            return self.absent(&metric, here, reason, would);
        }
        if width < MANY {
            let reason = "p is neither far below n and d nor large";
            let would =
                Would::by("THEORY.md (21) and (38), which meet there and are exact for neither");
            return self.absent(&metric, here, reason, would);
        }
        if n.min(width) >= d.powf(PROPORTIONAL) {
            let reason = "n and p are both far above d: features and labels are not Gaussian then";
            return self.absent(&metric, here, reason, Would::UNKNOWN);
        }
        let plain = self.start.drawn && experiment.network.bias == Bias::Zero;
        if step == 0 && plain && !self.population.is_paired() {
            return self.random_features(&ridges);
        }
        if step > 0 && experiment.readout_batch != ReadoutBatch::Fresh {
            let reason =
                "the readout is fitted on the batch of the step; the equations need a fresh one";
            return self.absent(&metric, here, reason, Would::UNKNOWN);
        }
        if n < MANY {
            let reason = "n is too small for a limit: errors of steps and readouts on so few samples have heavy tails";
            return self.absent(&metric, here, reason, Would::UNKNOWN);
        }
        if step != 1 || !self.closed_errors(&ridges) {
            self.drawn_steps.push(step);
        }
    }

    /// Errors of random features.
    fn random_features(&mut self, ridges: &[f64]) {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        let d = protocol.dimension as f64;
        let links = match self.labels.standard_errors {
            None => vec![self.labels.clone()],
            Some(_) if self.effort == Effort::Integrated => {
                return self.needs_samples(0, "THEORY.md (26)");
            }
            Some(_) => (1..=REPETITIONS)
                .map(|seed| {
                    let moments = LinkMoments::along(
                        &experiment.target,
                        self.dynamics.coordinates,
                        (seed, self.stop),
                    );
                    moments.without(protocol.removal)
                })
                .collect(),
        };
        for ridge in ridges {
            let sizes = Sizes {
                samples: experiment.readout_samples as f64 / d,
                width: experiment.network.width as f64 / d,
                ridge: *ridge,
            };
            let intercept = experiment.readout.intercept;
            let errors = links
                .iter()
                .map(|link| random_features(&self.activation, link, sizes, intercept))
                .map(|risk| risk.map(f64::from))
                .collect();
            self.push_errors(0, *ridge, errors, RANDOM);
        }
    }

    /// The ridges with a prediction of their own.
    pub(super) fn readouts(&self) -> Vec<Ridged> {
        let experiment = self.experiment;
        let ridges = match &experiment.readout.ridge {
            Ridge::Values(ridges) => &ridges[..],
            Ridge::LeaveOneOut(_) => &[],
        };
        let readout = |ridge: &f64| Ridged {
            samples: experiment.readout_samples as f64,
            ridge: *ridge,
            intercept: experiment.readout.intercept,
        };
        ridges.iter().map(readout).collect()
    }

    /// Whether the end was asked for.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Errors at bounded width, given the state of the network.
    fn bounded_errors(&mut self, step: u32, ridges: &[f64], state: &Step) {
        let n = self.experiment.readout_samples as f64;
        let intercept = self.experiment.readout.intercept;
        let at = (&state.overlap, &state.covariance);
        let of = |task: &Self, seed| Kernels::from_seed(&task.dynamics, &task.population, at, seed);
        let first = match self.is_gaussian() {
            true => Some(of(self, 0)),
            false => Kernels::of_coordinates(&self.dynamics, &self.population, at),
        };
        let Some(first) = first else {
            let reason = "quadrature does not reach the target's coordinates in their own law";
            let would = Would::by("THEORY.md (21) with averages over them that are sampled");
            return self.absent(&[Metric::TestError], (step, step), reason, would);
        };
        let mut kernels = vec![first];
        if matches!(&kernels[0], Ok(kernels) if kernels.sampled) {
            match self.effort {
                Effort::Integrated => return self.needs_samples(step, "THEORY.md (21)"),
                Effort::Sampled => kernels.extend((1..REPETITIONS).map(|seed| of(self, seed))),
            }
        }
        for ridge in ridges {
            let errors = kernels
                .iter()
                .map(|kernels| {
                    let kernels = kernels.as_ref().map_err(Clone::clone)?;
                    let error = kernels.ridge_error(ridge / n, intercept)?;
                    Ok::<_, KernelError>(error * (1.0 + kernels.excess(n, ridge / n, intercept)))
                })
                .collect();
            self.push_errors(step, *ridge, errors, BOUNDED);
        }
    }

    fn needs_samples(&mut self, step: u32, formula: &'static str) {
        let reason =
            "quadrature does not reach the averages over this link: they have to be sampled";
        let would = Would::with(Needs::Samples, formula);
        self.absent(&[Metric::TestError], (step, step), reason, would);
    }

    /// Records the mean of repeated values, and its standard error if there are several.
    pub(super) fn push_errors<E: ToString>(
        &mut self,
        step: u32,
        ridge: f64,
        errors: Vec<Result<f64, E>>,
        grounds: Grounds,
    ) {
        let (metric, here) = ([Metric::TestError], (step, step));
        let errors: Vec<f64> = match errors.into_iter().collect() {
            _ if self.stopped() => {
                let would = Would::with(Needs::Time, grounds.source);
                return self.absent(&metric, here, UP, would);
            }
            Ok(errors) => errors,
            Err(error) => {
                return self.absent(&metric, here, E::to_string(&error), Would::UNKNOWN);
            }
        };
        let errors = Sample::of(&errors);
        if let Some(made) = self.push(step, Metric::TestError, errors.mean, grounds) {
            made.ridge = Some(ridge);
            made.standard_error = errors.standard_error();
        }
    }
}
