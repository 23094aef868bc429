//! Test errors of the ridge readout after one giant step, where the second layer has few values: closed state equations.
//!
//! Neurons of one second-layer weight form a class. After one step on `n0 = alpha0 d` samples the rows of class j are, given the
//! batch, a spike along `s = (1/n0) sum y x` and independent rows `N(0, C_j(H)/d)` with `H = (1/n0) sum y x x^T`. Besides the
//! class itself readouts use two vectors over its neurons, how far each lies along the spike and how long it is, which are
//! correlated. The files: the labels of the step; the rows as readouts see them (42), (44); features and labels given the spike
//! (41), (43); the equations themselves (45). Regime: n0, n, p and d to infinity together. THEORY.md (41) to (46).

mod bulk;
mod equations;
mod model;

use faer::Mat;

use crate::activation::Activation;
use crate::labels::Target;
use crate::network::FirstLayer;
use bulk::Bulk;

pub use bulk::Noise;

/// Neurons of one second-layer weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// `b = eta~ a~`, with `eta~ = eta / p` and `a~ = sqrt(p) a`.
    pub step: f64,
    /// Their fraction of all neurons.
    pub share: f64,
}

/// What of the lengths of single neurons is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// All neurons of a class are equally long: with isotropic noise, one class, no even part and one direction these are the
    /// equations (24).
    Alike,
    /// Lengths fluctuate, and with them go overlaps with the spike.
    Fluctuating,
}

/// One giant step from independent rows, whose output before the step is a constant.
#[derive(Debug, Clone)]
pub struct AfterOneStep<'a> {
    /// The link, and the noise of the labels.
    pub target: &'a Target,
    /// The activation.
    pub activation: &'a Activation,
    /// The law of the rows before the step.
    pub rows: FirstLayer,
    /// `alpha0 = n0 / d`, the samples of the step.
    pub step_samples: f64,
    /// What is subtracted from labels in the step.
    pub step_mean: f64,
    /// What is subtracted from labels before the readout is fitted, and added to its predictions.
    pub readout_mean: f64,
    /// The classes; shares sum to 1.
    pub classes: Vec<Class>,
    /// What is kept of lengths.
    pub lengths: Lengths,
    /// What is kept of the noise of gradients.
    pub noise: Noise,
}

/// Features and labels after the step: of them follow the errors of readouts of any size.
#[derive(Debug)]
pub struct Features {
    /// Projections kappa on the spike, and their weights.
    weights: Vec<f64>,
    kappa: Vec<f64>,
    /// `mu_0`, `mu_1`, `mu_*^2` and `mu_2` by class and projection.
    responses: Vec<Vec<[f64; 4]>>,
    /// The mean of the label, and its variance, given the projection.
    label: Vec<f64>,
    label_rest: Vec<f64>,
    /// The label's slopes along the m directions that the spike leaves open.
    slopes: Vec<Vec<f64>>,
    bulk: Bulk,
    /// The vectors `u = s/|s|` and those m directions by `s, e_1, ..., e_r`.
    frame: Mat<f64>,
    /// The covariance of lengths with the rows before the step, along s: `2 b_j c_3`.
    lengths: Vec<f64>,
    /// d times the covariance of overlap with the spike and squared length that goes with nothing else.
    scatter: Vec<[[f64; 2]; 2]>,
}

/// Why there is no error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClassError {
    /// A size is not positive.
    #[error("the state equations need positive sizes; {name} = {value}")]
    Size {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Averages over the labels are out of reach of quadrature.
    #[error(
        "quadrature does not reach the averages over this link of {r} directions: the state equations need them"
    )]
    Sampled {
        /// The number of directions.
        r: usize,
    },
    /// The features are not Gaussian given the spike.
    #[error(
        "the gradient's part that is random from neuron to neuron has variance {variance:.2e}: too little for the state equations"
    )]
    Alike {
        /// `E sigma'^2 - c_1^2 - c_2^2`.
        variance: f64,
    },
    /// No solution was found.
    #[error(
        "the state equations have no solution at p/d = {width}, n/d = {samples}, ridge {ridge:e}"
    )]
    Unsolved {
        /// p/d.
        width: f64,
        /// n/d.
        samples: f64,
        /// The ridge.
        ridge: f64,
    },
}
