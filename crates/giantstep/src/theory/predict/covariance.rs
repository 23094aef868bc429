//! One step on Gaussian inputs of another covariance than 1.

use super::prediction::{ANISOTROPIC, INITIAL, Would};
use super::{GRADIENT, PROPORTIONAL, SCARCE, Task, WEIGHTS};
use crate::batch::Covariance;
use crate::metric::Metric;
use crate::theory::anisotropic::{Gradient, Seen, gradient};
use crate::theory::smoothed::Sigma;

/// Overlaps of a gradient below this fraction of its length are none.
const NOTHING: f64 = 1e-4;
/// Variances along the target over d up to which neurons are as good as blind at the start.
const SMALL: f64 = 0.05;
/// Variances along the target that make signals of higher orders visible on n of order d.
const STRONG: f64 = 2.0;

impl Task<'_> {
    /// The metrics of weights and gradient at the start and after one step.
    pub(super) fn one_step_on(&mut self, covariance: &Covariance, known: u32) {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        let (n, d, r) = (
            protocol.batch as f64,
            self.dynamics.dimension,
            experiment.target.r,
        );
        let reason =
            "one step on inputs of another covariance is followed, and no readout after it";
        self.ended = (reason.to_owned(), Would::UNKNOWN);
        let known = self.limit(known, 1, reason, Would::UNKNOWN);
        let unknown = [Metric::Covariance, Metric::UntrainedReadoutError];
        self.absent(&unknown, (0, known), reason, Would::UNKNOWN);
        self.directions(0, INITIAL, &|_, _| 0.0, Metric::WeightCosine);
        self.directions(0, INITIAL, &|_, _| 0.0, Metric::Overlap);
        self.push(0, Metric::WeightAlignment, r as f64 / d, INITIAL);
        self.push(0, Metric::Norm, 1.0, INITIAL);
        if known == 0 {
            return;
        }
        let refused = |task: &mut Self, reason: &str, would| {
            let metrics = [&WEIGHTS[..], &GRADIENT[..], &[Metric::TrainError]].concat();
            task.absent(&metrics, (1, 1), reason, would);
        };
        if n < d.powf(SCARCE) {
            let reason = "steps on so few samples are followed for inputs of covariance 1";
            return refused(self, reason, Would::UNKNOWN);
        }
        let seen = Seen::of(covariance, experiment.directions, (r, d));
        let sigma = Sigma::new(&experiment.network.activation);
        let found = gradient(&experiment.target, protocol.removal, &sigma, (&seen, n / d));
        let Some(found) = found else {
            let reason = "labels that have a mean move every neuron along itself; remove_below = 1 removes the mean";
            return refused(self, reason, Would::by("THEORY.md (55), its first part"));
        };
        let signal: f64 = found.overlap.iter().map(|m| m * m).sum();
        let strongest = (0..r).fold(0.0f64, |most, k| most.max(seen.along[(k, k)]));
        let exponents = Would::by("THEORY.md (57), its exponents alone");
        if strongest > SMALL * d {
            let reason = "the variance along the target is not small beside d: neurons see it from the start";
            return refused(self, reason, exponents);
        }
        let higher = n >= d.powf(PROPORTIONAL) || strongest > STRONG;
        if signal < NOTHING * NOTHING * found.power && higher {
            let reason = "without a signal at first order a step on so many samples, or so strong a spike, follows higher orders";
            return refused(self, reason, exponents);
        }
        self.step_by(&found);
    }

    /// The metrics after the step `W + eta~ a G`.
    fn step_by(&mut self, found: &Gradient) {
        let rate = self.dynamics.rate;
        let classes: Vec<f64> = self.population.classes.iter().map(|c| c.second).collect();
        let scale = move |c: usize| rate * classes[c];
        let (power, overlap) = (found.power, found.overlap.clone());
        let norm = |c: usize| (1.0 + scale(c).powi(2) * power).sqrt();
        let moved = |c: usize, k: usize| scale(c) * overlap[k];
        let squares: f64 = overlap.iter().map(|m| m * m).sum();
        let at = ANISOTROPIC;
        self.directions(1, at, &|c, k| moved(c, k) / norm(c), Metric::WeightCosine);
        self.directions(1, at, &moved, Metric::Overlap);
        let cosine = |c: usize, k: usize| scale(c).signum() * overlap[k] / power.sqrt();
        self.directions(1, at, &cosine, Metric::GradientCosine);
        let aligned = |c: usize| scale(c).powi(2) * squares / norm(c).powi(2);
        let value = self.population.mean(|c, _| aligned(c));
        self.push(1, Metric::WeightAlignment, value, at);
        self.push(1, Metric::GradientAlignment, squares / power, at);
        let value = self.population.mean(|c, _| norm(c));
        self.push(1, Metric::Norm, value, at);
        if self.population.is_paired() {
            self.push(1, Metric::TrainError, found.label_power, at);
        } else {
            let reason =
                "the error of a network with an output on these inputs is not derived here";
            self.absent(&[Metric::TrainError], (1, 1), reason, Would::UNKNOWN);
        }
    }
}
