//! The ridge readout: the second stage of training, on the features of a given first layer.
//!
//! All of it is in double precision, whatever the precision of the data path: with a small ridge a readout is made of
//! what the features hardly show, and single precision would answer in its place. Activations keep the rounding with
//! which the engine delivers them, 6e-8 in single precision; it moves a readout no more than a ridge of `1e-15 n/p` would.

mod dual;
mod logistic;
mod primal;

pub(crate) use primal::{add_moments, add_products, moment_sums, of_moments, second_moments};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::batch::{BatchId, Engine, Panel};
use crate::directions::Directions;
use crate::labels::{Labels, RemovedPart};
use crate::metric::Metric;
use crate::network::{Start, shift};
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// How the ridge is chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Ridge {
    /// One readout for each of these values.
    Values(Vec<f64>),
    /// The value among these with the least exact leave-one-out error.
    LeaveOneOut(Vec<f64>),
}

/// Whether the readout has an intercept (never penalised).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intercept {
    /// `f = phi . a`.
    Without,
    /// `f = phi . a + b`.
    With,
}

/// What a readout minimises, beside the ridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutLoss {
    /// `sum (y - f)^2 + lambda |a|^2`.
    Squared,
    /// `sum log(1 + exp(-s f)) + (lambda/2) |a|^2`, s the signs of the labels.
    Logistic,
}

/// The parameters of the readout.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeParams {
    /// What it minimises.
    pub loss: ReadoutLoss,
    /// How the ridge is chosen.
    pub ridge: Ridge,
    /// With or without intercept.
    pub intercept: Intercept,
}

impl RidgeParams {
    /// Whether n samples leave more degrees of freedom than p features take: the system is then solved in p x p.
    fn is_primal(&self, n: u64, p: usize) -> bool {
        n - u64::from(self.intercept == Intercept::With).min(n) > p as u64
    }

    /// The ridges, if readouts on n samples of p features are made of their moments alone, which one pass sums.
    pub(crate) fn by_moments(&self, n: u64, p: usize) -> Option<&[f64]> {
        match (self.loss, &self.ridge) {
            (ReadoutLoss::Squared, Ridge::Values(ridges)) if self.is_primal(n, p) => Some(ridges),
            _ => None,
        }
    }
}

/// A readout `f(x) = phi(x) . a + b` with `phi(x) = sigma(W x) / sqrt p`.
#[derive(Debug, Clone)]
pub struct Readout {
    /// The weights a (p).
    pub weights: Vec<f64>,
    /// The intercept b; 0 without one.
    pub intercept: f64,
}

/// A readout and the ridge that it was fitted with.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The ridge lambda.
    pub ridge: f64,
    /// The readout.
    pub readout: Readout,
}

/// What the fit found besides the weights.
#[derive(Debug, Clone, Default)]
pub struct RidgeInfo {
    /// `(lambda, mean squared leave-one-out error)` for every candidate; empty for given values.
    pub leave_one_out: Vec<(f64, f64)>,
}

/// Why no readout was found.
#[derive(Debug, thiserror::Error)]
pub enum RidgeError {
    /// The features are not finite, or the eigensolver failed on them.
    #[error(
        "the readout has no solution: the {width} x {width} feature matrix is not finite or its eigensolver failed"
    )]
    NotFinite {
        /// The width p.
        width: usize,
    },
    /// Newton's method found no least objective.
    #[error(
        "the logistic readout did not converge at ridge {ridge:e}: raise readout.ridge, which separable samples need"
    )]
    Unconverged {
        /// The ridge.
        ridge: f64,
    },
    /// A kernel has no inverse with this ridge.
    #[error(
        "the kernel of {metric} is not positive definite to rounding at ridge {ridge:e}: raise the ridge"
    )]
    Indefinite {
        /// Whose kernel.
        metric: Metric,
        /// The ridge.
        ridge: f64,
    },
    /// The end of the work was asked for.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// The samples and features of a fit.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// The first layer W.
    pub first: &'a Directions,
    /// The biases b, or nothing if there are none.
    pub bias: &'a [f64],
    /// The activation sigma.
    pub activation: &'a Activation,
    /// The network whose output is subtracted from that of the network's own second layer, if any.
    pub start: Option<Start<'a>>,
    /// Where labels come from.
    pub labels: Labels<'a>,
    /// What is removed from them before the fit.
    pub removed: &'a RemovedPart,
    /// Name of the batch.
    pub id: BatchId,
    /// The number n of rows.
    pub rows: u64,
    /// Which rows of the batch these are; none for all.
    pub part: Option<&'a [u64]>,
    /// Whether to stop, and whom to tell.
    pub watch: Watch<'a>,
}

/// Rows of features and labels: what a readout is fitted and tested on.
pub trait Samples: Sync {
    /// The number p of features.
    fn width(&self) -> usize;

    /// The number n of rows.
    fn rows(&self) -> u64;

    /// Which rows of the batch these are; none for all.
    fn part(&self) -> Option<&[u64]> {
        None
    }

    /// Whether to stop, and whom to tell.
    fn watch(&self) -> Watch<'_>;

    /// The vectors along which fields are needed, at least p.
    fn directions(&self) -> Directions;

    /// The labels of a panel, to be asked for before [`Samples::activations`].
    fn labels<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<T>;

    /// Subtracts from labels what is removed before a fit and added back at prediction.
    fn remove<T: Real>(&self, panel: &Panel<'_, T>, labels: &mut [T]);

    /// Replaces the first p fields of a panel by `sqrt(p) phi`.
    fn activations<T: Real>(&self, panel: &mut Panel<'_, T>);

    /// What is subtracted from the output of the network's own second layer, if anything.
    fn start<T: Real>(&self, _panel: &mut Panel<'_, T>) -> Option<Vec<T>> {
        None
    }
}

impl Samples for Features<'_> {
    fn width(&self) -> usize {
        self.first.rows()
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn part(&self) -> Option<&[u64]> {
        self.part
    }

    fn watch(&self) -> Watch<'_> {
        self.watch
    }

    fn directions(&self) -> Directions {
        let mut known = vec![self.first, self.labels.directions, &self.removed.linear];
        known.extend(self.start.map(|start| &start.network.first));
        Directions::stack(&known)
    }

    fn labels<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<T> {
        let mut labels = vec![T::from_f64(0.0); panel.rows];
        self.labels.write(self.id, panel, self.width(), &mut labels);
        labels
    }

    fn remove<T: Real>(&self, panel: &Panel<'_, T>, labels: &mut [T]) {
        let first = self.width() + self.labels.target.r;
        self.removed.subtract(panel, first, labels);
    }

    fn activations<T: Real>(&self, panel: &mut Panel<'_, T>) {
        let mut column = vec![T::from_f64(0.0); panel.rows];
        shift(self.bias, panel, 0);
        let values = self
            .activation
            .on(&panel.fields[..self.width() * panel.rows]);
        for i in 0..self.width() {
            values.write(i, panel.field(i), &mut column);
            panel.field_mut(i).copy_from_slice(&column);
        }
    }

    fn start<T: Real>(&self, panel: &mut Panel<'_, T>) -> Option<Vec<T>> {
        let start = self.start?;
        let first = self.width() + self.labels.target.r + self.removed.linear.rows();
        let mut column = vec![T::from_f64(0.0); panel.rows];
        let mut sum = column.clone();
        start.add_output(self.activation, panel, first, &mut column, &mut sum);
        Some(sum)
    }
}

/// Readouts on one batch. Logistic ones: `argmin sum_v log(1 + exp(-s_v f_v)) + (lambda/2) |a|^2` by Newton's method, a pass
/// of `2 n q p + n p^2` flops a step. Ridge readouts: `argmin sum_v (y_v - phi_v . a - b)^2 + lambda |a|^2`.
///
/// The ridge is not divided by n. A zero ridge gives the least-norm solution. With n samples below p + 1 the system is
/// solved in n x n, otherwise in p x p; the eigenvalues of one factorisation serve all ridges and leave-one-out. One pass
/// over the batch costs `2 n q p + n p min(n, p)` flops, then `O(min(n, p)^3)`; leave-one-out with n > p adds a pass of
/// `2 n q p + 2 n p^2`. Memory: `O(p min(n, p))`. The paper's Algorithm 1, second stage; THEORY.md (3).
///
/// # Errors
/// [`RidgeError`] if the features are not finite, or if the end of the work was asked for.
pub fn fit<E: Engine>(
    params: &RidgeParams,
    features: impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<(Vec<Fitted>, RidgeInfo), RidgeError> {
    if let (ReadoutLoss::Logistic, Ridge::Values(ridges) | Ridge::LeaveOneOut(ridges)) =
        (params.loss, &params.ridge)
    {
        let fitted = ridges
            .iter()
            .map(|ridge| logistic::fit((*ridge, params.intercept), &features, engine, batch));
        return Ok((fitted.collect::<Result<_, _>>()?, RidgeInfo::default()));
    }
    if params.is_primal(features.rows(), features.width()) {
        primal::fit(params, &features, engine, batch)
    } else {
        dual::fit(params, &features, engine, batch)
    }
}

/// Labels of a panel, less what is removed from them, and its features `phi`, p columns one after the other.
fn prepare<T: Real>(samples: &impl Samples, panel: &mut Panel<'_, T>) -> (Vec<f64>, Vec<f64>) {
    let mut labels = samples.labels(panel);
    samples.remove(panel, &mut labels);
    samples.activations(panel);
    (
        labels.iter().map(|y| y.to_f64()).collect(),
        features(samples, panel),
    )
}

/// The features `phi` of a panel of activations, p columns one after the other.
pub(crate) fn features<T: Real>(samples: &impl Samples, panel: &Panel<'_, T>) -> Vec<f64> {
    let p = samples.width();
    let scale = 1.0 / (p as f64).sqrt();
    let phi = panel.fields[..p * panel.rows].iter();
    phi.map(|value| scale * value.to_f64()).collect()
}

/// Eigenvalues of `Phi^T Phi` or `Phi Phi^T`, ascending; those up to a cutoff are rounding.
struct Spectrum {
    values: Vec<f64>,
    cutoff: f64,
}

impl Spectrum {
    fn new(values: impl Iterator<Item = f64>, size: usize) -> Self {
        let values: Vec<f64> = values.map(|value| value.max(0.0)).collect();
        let cutoff = values.last().copied().unwrap_or(0.0) * size as f64 * f64::EPSILON;
        Self { values, cutoff }
    }

    /// Whether nothing but rounding is in the j-th direction.
    fn is_null(&self, j: usize) -> bool {
        self.values[j] <= self.cutoff
    }

    /// `1 / (s_j + lambda)`; zero where only rounding would be divided by rounding.
    fn inverse(&self, ridge: f64) -> Vec<f64> {
        let one = |j: usize| match ridge <= self.cutoff && self.is_null(j) {
            true => 0.0,
            false => 1.0 / (self.values[j] + ridge),
        };
        (0..self.values.len()).map(one).collect()
    }
}

/// A choice among ridges of known leave-one-out errors.
fn least(ridges: &[f64], errors: Vec<f64>) -> (Option<f64>, RidgeInfo) {
    let leave_one_out: Vec<(f64, f64)> = ridges.iter().copied().zip(errors).collect();
    let best = leave_one_out.iter().min_by(|x, y| x.1.total_cmp(&y.1));
    (best.map(|best| best.0), RidgeInfo { leave_one_out })
}

/// A readout of centred features as one of the features themselves.
fn fitted(ridge: f64, weights: Vec<f64>, feature_mean: &[f64], label_mean: f64) -> Fitted {
    let offset: f64 = weights.iter().zip(feature_mean).map(|(a, m)| a * m).sum();
    Fitted {
        ridge,
        readout: Readout {
            weights,
            intercept: label_mean - offset,
        },
    }
}
