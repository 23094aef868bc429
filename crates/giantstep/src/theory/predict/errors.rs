//! Errors of the ridge readout.

use super::prediction::{BOUNDED, Grounds, RANDOM, TRAINED};
use super::{BOUNDED_WIDTH, PROPORTIONAL, SCARCE, Task};
use crate::experiment::ReadoutBatch;
use crate::labels::Removal;
use crate::metric::Metric;
use crate::network::{Pairing, SecondLayer};
use crate::readout::{Intercept, Ridge};
use crate::theory::bounded_width::Kernels;
use crate::theory::one_step::LinkMoments;
use crate::theory::recursion::{Effort, Step};
use crate::theory::state_equations::{Sizes, TrainedFeatures, random_features};
use crate::train::Geometry;

/// Repetitions behind the standard error of sampled averages.
const REPETITIONS: u64 = 8;

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
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let width = experiment.network.width as f64;
        let intercept = experiment.readout.intercept;
        if width <= BOUNDED_WIDTH * d {
            let Some(state) = state else {
                let reason = "no limit of (M, Q) at this step";
                return self.absent(&metric, here, reason);
            };
            if width > BOUNDED_WIDTH * n {
                let reason = "p is not far below n, as the limit of bounded width asks";
                return self.absent(&metric, here, reason);
            }
            return self.bounded_errors(step, &ridges, state);
        }
        if n.min(width) >= d.powf(PROPORTIONAL) {
            let reason = "p is not far below d, and neither p nor n is of order d";
            return self.absent(&metric, here, reason);
        }
        if self.population.is_paired() {
            let reason = "the state equations need independent neurons, not symmetric pairs";
            return self.absent(&metric, here, reason);
        }
        let sizes = |ridge: f64| Sizes {
            samples: n / d,
            width: width / d,
            ridge,
        };
        if step == 0 {
            let links = match self.link.standard_errors {
                None => vec![self.link.clone()],
                Some(_) if self.effort == Effort::Integrated => return self.needs_samples(step),
                Some(_) => (1..=REPETITIONS)
                    .map(|seed| {
                        LinkMoments::from_seed(&experiment.target, seed).without(protocol.removal)
                    })
                    .collect(),
            };
            for ridge in ridges {
                let errors = links
                    .iter()
                    .map(|link| random_features(&self.activation, link, sizes(ridge), intercept))
                    .map(|risk| risk.map(f64::from))
                    .collect();
                self.push_errors(step, ridge, errors, RANDOM);
            }
            return;
        }
        if n >= d.powf(PROPORTIONAL) || n < d.powf(SCARCE) {
            let reason = "the batch of the step is not of order d";
            return self.absent(&metric, here, reason);
        }
        if let Some(reason) = self.no_spike(step) {
            return self.absent(&metric, here, reason);
        }
        let features = TrainedFeatures {
            link: &experiment.target.link,
            noise: experiment.target.noise,
            removed_mean: self.dynamics.removed_mean,
            activation: &experiment.network.activation,
            step_samples: n / d,
            rate: self.dynamics.rate,
        };
        for ridge in ridges {
            let error = features.error(sizes(ridge)).map(f64::from);
            self.push_errors(step, ridge, vec![error], TRAINED);
        }
    }

    /// Errors at bounded width, given the state of the network.
    fn bounded_errors(&mut self, step: u32, ridges: &[f64], state: &Step) {
        let n = self.experiment.protocol.batch as f64;
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

    /// Why the state equations of a trained network do not apply.
    fn no_spike(&self, step: u32) -> Option<&'static str> {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        let odd = self
            .activation
            .coefficients
            .iter()
            .step_by(2)
            .all(|c| *c == 0.0);
        let equal = matches!(
            experiment.network.second_layer,
            SecondLayer::Ones | SecondLayer::Rademacher
        );
        let checks = [
            (
                step > 1,
                "exact errors at p of order d are known for one giant step only",
            ),
            (
                self.link.r != 1,
                "exact errors of trained features are known for one direction only",
            ),
            (
                !odd,
                "the state equations of trained features are written for odd activations",
            ),
            (
                !equal,
                "the state equations of trained features need second-layer weights of one size",
            ),
            (
                experiment.readout_batch == ReadoutBatch::Same,
                "the readout is fitted on the batch of the step; the equations need a fresh one",
            ),
            (
                protocol.geometry != Geometry::Plain || protocol.lookahead.is_some(),
                "the state equations are written for plain steps",
            ),
            (
                experiment.readout.intercept == Intercept::With && self.link.mean() != 0.0,
                "the state equations of trained features have no intercept",
            ),
            (
                experiment.network.pairing == Pairing::Symmetric,
                "the state equations need independent neurons, not symmetric pairs",
            ),
        ];
        checks
            .into_iter()
            .find_map(|(fails, reason)| fails.then_some(reason))
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
