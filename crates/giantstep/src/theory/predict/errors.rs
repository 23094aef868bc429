//! Errors of the ridge readout.

use super::prediction::{BOUNDED, GIVEN, Grounds, RANDOM};
use super::scope::{Scope, scope};
use super::{BOUNDED_WIDTH, PROPORTIONAL, Task};
use crate::experiment::ReadoutBatch;
use crate::labels::Removal;
use crate::metric::Metric;
use crate::readout::Ridge;
use crate::run::Outcome;
use crate::theory::bounded_width::Kernels;
use crate::theory::given_weights::{Drawn, NetworkErrors, Ridged, drawn};
use crate::theory::one_step::LinkMoments;
use crate::theory::recursion::{Effort, Step};
use crate::theory::state_equations::{Sizes, random_features};

/// Repetitions behind the standard error of sampled averages.
const REPETITIONS: u64 = 8;
/// Neurons and samples from here on are many, where p is not small beside n and d.
const MANY: f64 = 30.0;
/// Networks drawn in law, at most, by effort.
const NETWORKS: f64 = 4.0;
const MANY_NETWORKS: f64 = 16.0;
/// What drawing them may take without being asked for: some seconds of one core.
const QUICK_FLOPS: f64 = 4.5e11;
/// A guess, for messages alone.
const FLOPS_A_SECOND: f64 = 5e10;

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
        let ridges = match &experiment.readout.ridge {
            Ridge::Values(ridges) => ridges.clone(),
            Ridge::LeaveOneOut(_) => {
                let reason = "the ridge is chosen on the data";
                return self.absent(&metric, here, reason);
            }
        };
        if protocol.removal == Removal::MeanAndLinear {
            let reason =
                "readouts of labels without their estimated linear part have no prediction";
            return self.absent(&metric, here, reason);
        }
        if let Some(Scope {
            last: Some(last),
            reason,
        }) = scope(experiment)
            && step > last
        {
            return self.absent(&metric, here, reason);
        }
        let (n, d) = (experiment.readout_samples as f64, protocol.dimension as f64);
        let width = experiment.network.width as f64;
        if width <= BOUNDED_WIDTH * d && width <= BOUNDED_WIDTH * n {
            let Some(state) = state else {
                let reason = "no limit of (M, Q) at this step";
                return self.absent(&metric, here, reason);
            };
            return self.bounded_errors(step, &ridges, state);
        }
        if width < MANY {
            let reason = "p is neither far below n and d nor large";
            return self.absent(&metric, here, reason);
        }
        if n.min(width) >= d.powf(PROPORTIONAL) {
            let reason = "n and p are both far above d: features and labels are not Gaussian then";
            return self.absent(&metric, here, reason);
        }
        if step == 0 && !self.population.is_paired() {
            return self.random_features(&ridges);
        }
        if step > 0 && experiment.readout_batch == ReadoutBatch::Same {
            let reason =
                "the readout is fitted on the batch of the step; the equations need a fresh one";
            return self.absent(&metric, here, reason);
        }
        if n < MANY {
            let reason = "n is too small for a limit: errors of steps and readouts on so few samples have heavy tails";
            return self.absent(&metric, here, reason);
        }
        self.given_weights(step, &ridges);
    }

    /// Errors of random features.
    fn random_features(&mut self, ridges: &[f64]) {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        let d = protocol.dimension as f64;
        let links = match self.link.standard_errors {
            None => vec![self.link.clone()],
            Some(_) if self.effort == Effort::Integrated => return self.needs_samples(0),
            Some(_) => (1..=REPETITIONS)
                .map(|seed| {
                    LinkMoments::from_seed(&experiment.target, seed).without(protocol.removal)
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

    /// Errors on the weights of networks drawn in law.
    fn given_weights(&mut self, step: u32, ridges: &[f64]) {
        let (metric, here) = ([Metric::TestError], (step, step));
        let networks = match self.networks(ridges) {
            Ok(networks) => networks.clone(),
            Err(seconds) => {
                let reason = format!(
                    "the steps and readouts of one network drawn in law take about {seconds:.0} s of one core"
                );
                return self.absent_within(&metric, here, reason, Some(Effort::Sampled));
            }
        };
        let mut errors = Vec::new();
        for (steps, outcome) in &networks {
            match (steps.get(step as usize), outcome) {
                (Some(Some(Ok(found))), _) => errors.push(found.clone()),
                (Some(Some(Err(error))), _) => return self.absent(&metric, here, error),
                (_, Outcome::Interrupted { .. }) => {
                    return self.absent(&metric, here, "the end of the work was asked for");
                }
                _ => {
                    let reason = "a network drawn in law ceased to be finite";
                    return self.absent(&metric, here, reason);
                }
            }
        }
        for (k, ridge) in ridges.iter().enumerate() {
            let of_ridge: Vec<Result<f64, String>> =
                errors.iter().map(|errors| Ok(errors[k])).collect();
            self.push_errors(step, *ridge, of_ridge, GIVEN);
        }
    }

    /// The errors of networks drawn in law, once for all steps; the seconds that one takes if that is too long.
    fn networks(&mut self, ridges: &[f64]) -> Result<&Vec<(NetworkErrors, Outcome)>, f64> {
        let experiment = self.experiment;
        if self.drawn.is_none() {
            let readouts: Vec<Ridged> = ridges
                .iter()
                .map(|ridge| Ridged {
                    samples: experiment.readout_samples as f64,
                    ridge: *ridge,
                    intercept: experiment.readout.intercept,
                })
                .collect();
            let asked = Drawn {
                experiment,
                removed_mean: self.dynamics.removed_mean,
                readouts: &readouts,
                stop: self.stop,
            };
            let most = match self.effort {
                Effort::Integrated => (QUICK_FLOPS / asked.flops()).min(NETWORKS),
                Effort::Sampled => MANY_NETWORKS,
            };
            self.drawn = Some(match most < 1.0 {
                true => Err(asked.flops() / FLOPS_A_SECOND),
                false => Ok(drawn(asked, most as u64)),
            });
        }
        match &self.drawn {
            Some(Ok(networks)) => Ok(networks),
            Some(Err(seconds)) => Err(*seconds),
            None => Err(f64::NAN),
        }
    }

    /// Errors at bounded width, given the state of the network.
    fn bounded_errors(&mut self, step: u32, ridges: &[f64], state: &Step) {
        let n = self.experiment.readout_samples as f64;
        let intercept = self.experiment.readout.intercept;
        let at = (&state.overlap, &state.covariance);
        let of = |task: &Self, seed| Kernels::from_seed(&task.dynamics, &task.population, at, seed);
        let mut kernels = vec![of(self, 0)];
        if matches!(&kernels[0], Ok(kernels) if kernels.sampled) {
            match self.effort {
                Effort::Integrated => return self.needs_samples(step),
                Effort::Sampled => kernels.extend((1..REPETITIONS).map(|seed| of(self, seed))),
            }
        }
        for ridge in ridges {
            let errors = kernels
                .iter()
                .map(|kernels| {
                    kernels
                        .as_ref()
                        .map_err(Clone::clone)?
                        .ridge_error(ridge / n, intercept)
                })
                .collect();
            self.push_errors(step, *ridge, errors, BOUNDED);
        }
    }

    fn needs_samples(&mut self, step: u32) {
        let reason =
            "quadrature does not reach the averages over this link: they have to be sampled";
        self.absent_within(
            &[Metric::TestError],
            (step, step),
            reason,
            Some(Effort::Sampled),
        );
    }

    /// Records the mean of repeated values, and its standard error if there are several.
    fn push_errors<E: ToString>(
        &mut self,
        step: u32,
        ridge: f64,
        errors: Vec<Result<f64, E>>,
        grounds: Grounds,
    ) {
        let errors: Vec<f64> = match errors.into_iter().collect() {
            Ok(errors) => errors,
            Err(error) => {
                return self.absent(&[Metric::TestError], (step, step), E::to_string(&error));
            }
        };
        let size = errors.len() as f64;
        let mean = errors.iter().sum::<f64>() / size;
        let spread: f64 = errors.iter().map(|x| (x - mean).powi(2)).sum();
        if let Some(made) = self.push(step, Metric::TestError, mean, grounds) {
            made.ridge = Some(ridge);
            made.standard_error = (size > 1.0).then(|| (spread / (size * (size - 1.0))).sqrt());
        }
    }
}
