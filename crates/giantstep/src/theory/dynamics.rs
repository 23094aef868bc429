//! What drives the recursion of (M, Q), its states, and why there may be none.

use std::sync::atomic::{AtomicBool, Ordering};

use faer::Mat;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::batch::Inputs;
use crate::expr::Link;
use crate::theory::fluctuation::Deviations;
use crate::theory::population::ClassMatrix;
use crate::train::{Geometry, Loss, Update};

/// What may be spent on the expectations of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Quadrature alone: about a second.
    Integrated,
    /// Samples where quadrature does not reach: up to a minute.
    Sampled,
}

/// Why there is no limit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecursionError {
    /// The state is no covariance of Gaussian fields.
    #[error(
        "step {step}: Q - M M^T has the eigenvalue {eigenvalue:.3e} times its largest: no Gaussian fields have this covariance"
    )]
    Unphysical {
        /// The number of steps taken.
        step: u32,
        /// The least eigenvalue over the largest.
        eigenvalue: f64,
    },
    /// A number of the state ceased to be finite.
    #[error("step {step}: the state is not finite")]
    NotFinite {
        /// The number of steps taken.
        step: u32,
    },
    /// Quadrature does not reach the averages of a state, and samples were not asked for.
    #[error(
        "after step {step} quadrature does not reach the averages over fields: they have to be sampled"
    )]
    Sampled {
        /// The number of steps taken.
        step: u32,
    },
    /// Fluctuations have grown beyond what a limit from `M = 0` describes.
    #[error(
        "after step {step} overlaps of single neurons fluctuate by {spread:.2} of their length: steps amplify fluctuations of \
         order 1/sqrt d, and runs leave the limit"
    )]
    Unstable {
        /// The number of steps taken.
        step: u32,
        /// The largest standard deviation of a cosine.
        spread: f64,
    },
    /// What a step adds is no small change.
    #[error(
        "after step {step} the noise of one step adds {share:.2} times a neuron's squared length: averages over so few samples \
         have no limit"
    )]
    Coarse {
        /// The number of steps taken.
        step: u32,
        /// What one step adds to the squared length of a neuron, over this length.
        share: f64,
    },
    /// The end was asked for.
    #[error("after step {step} the time for predictions was up")]
    Stopped {
        /// The number of steps taken.
        step: u32,
    },
}

impl RecursionError {
    /// The number of steps taken before the failure.
    pub fn step(&self) -> u32 {
        match self {
            RecursionError::Unphysical { step, .. }
            | RecursionError::NotFinite { step }
            | RecursionError::Sampled { step }
            | RecursionError::Unstable { step, .. }
            | RecursionError::Coarse { step, .. }
            | RecursionError::Stopped { step } => *step,
        }
    }
}

/// What drives the recursion besides the network.
#[derive(Debug, Clone)]
pub struct Dynamics<'a> {
    /// The link g.
    pub link: &'a Link,
    /// The law of the target's coordinates; all that is orthogonal to them is Gaussian. THEORY.md (53).
    pub coordinates: Inputs,
    /// The variance of the label noise.
    pub noise: f64,
    /// What is subtracted from the labels during training.
    pub removed_mean: f64,
    /// The activation.
    pub activation: &'a Activation,
    /// The step size `eta~ = eta / p`.
    pub rate: f64,
    /// `alpha = n / d`; infinite for `n >> d`.
    pub samples: f64,
    /// The dimension d, for fluctuations of order `1/sqrt d`; infinite for none.
    pub dimension: f64,
    /// The loss.
    pub loss: Loss,
    /// What happens to rows besides the step.
    pub geometry: Geometry,
    /// What is made of the gradient before it is added.
    pub update: Update,
    /// When set, averages are left, and the recursion ends.
    pub stop: &'a AtomicBool,
}

impl Dynamics<'_> {
    /// The labels `rho(y, 0)` that the first step sees, if its network has no output; none where they are no function of z:
    /// under noise, and for random links. THEORY.md (65).
    pub(super) fn first_labels(&self) -> Option<Link> {
        let Loss::Pointwise(loss) = &self.loss else {
            return None;
        };
        let known = self.noise == 0.0 && !self.link.is_random();
        known.then(|| self.link.through(loss.first(), self.removed_mean))
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The limit after some number of steps; one row for each class of neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Overlaps M with the target directions, `K x r`.
    pub overlap: Mat<f64>,
    /// The covariance Q.
    pub covariance: ClassMatrix,
    /// Products `W W0^T` with the rows at the start; not a number where they are not followed.
    pub with_start: ClassMatrix,
    /// Overlaps of the gradient that led here with the target directions, `K x r`; zero at the start.
    pub gradient: Mat<f64>,
    /// Norms of the gradient that led here.
    pub gradient_norm: Vec<f64>,
    /// `E (y - f)^2` with the frozen second layer.
    pub untrained_error: f64,
    /// One standard deviation of an entry of M of one neuron, at this d: the initial overlap and the sampling
    /// noise of every gradient, each to leading order. THEORY.md (32).
    pub fluctuation: Mat<f64>,
    /// Covariances of overlaps with what steps make of earlier fluctuations; none where averages are sampled.
    pub deviations: Option<Deviations>,
}

impl Step {
    /// `|Pi* w|^2 / |w|^2` of class c.
    pub fn alignment(&self, c: usize) -> f64 {
        let r = self.overlap.ncols();
        (0..r).map(|k| self.cosine(c, k).powi(2)).sum()
    }

    /// The cosine of a neuron of class c with direction k.
    pub fn cosine(&self, c: usize, k: usize) -> f64 {
        self.overlap[(c, k)] / self.norm(c)
    }

    /// The norm of a neuron of class c.
    pub fn norm(&self, c: usize) -> f64 {
        self.covariance.diagonal(c).sqrt()
    }

    /// The cosine of the gradient of a neuron of class c with direction k.
    pub fn gradient_cosine(&self, c: usize, k: usize) -> f64 {
        self.gradient[(c, k)] / self.gradient_norm[c]
    }

    /// Every number of the state.
    pub(super) fn numbers(&mut self) -> Vec<&mut f64> {
        let mut numbers = vec![&mut self.untrained_error];
        numbers.extend(self.gradient_norm.iter_mut());
        for matrix in [
            &mut self.overlap,
            &mut self.covariance.own,
            &mut self.covariance.cross,
            &mut self.with_start.own,
            &mut self.with_start.cross,
            &mut self.gradient,
            &mut self.fluctuation,
        ] {
            for column in matrix.as_mut().col_iter_mut() {
                numbers.extend(column.iter_mut());
            }
        }
        numbers
    }
}

/// The limit after 0, 1, ..., T steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// The states.
    pub steps: Vec<Step>,
    /// Their standard errors, entry by entry, where expectations were sampled.
    pub standard_errors: Option<Vec<Step>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Pointwise;
    use crate::watch::NEVER;

    #[test]
    fn the_labels_of_a_first_step_are_known_without_noise_alone() {
        let activation = Activation::parse("tanh(x)").unwrap();
        for (text, noise, known) in [
            ("He3(z1)", 0.0, true),
            ("He3(z1)", 0.1, false),
            ("z1 + e1", 0.0, false),
        ] {
            let link = Link::parse(text, None).unwrap();
            let dynamics = Dynamics {
                link: &link,
                coordinates: Inputs::Gaussian,
                noise,
                removed_mean: 0.0,
                activation: &activation,
                rate: 1.0,
                samples: 4.0,
                dimension: 100.0,
                loss: Loss::Pointwise(Pointwise::parse("absolute").unwrap()),
                geometry: Geometry::Plain,
                update: Update::PLAIN,
                stop: &NEVER,
            };
            assert_eq!(dynamics.first_labels().is_some(), known, "{text}, {noise}");
        }
    }
}
