//! The error of a ridge readout on given first-layer weights, without a readout batch: the deterministic equivalent of
//! the conditional Gaussian model (34), (35).
//!
//! Given `kappa = U x` on the s spikes U of the weights, features have mean `m = mu0 / sqrt p`, covariance
//! `Sigma = [D(mu1) G D(mu1) + D(mu*^2)] / p` and covariance `c = D(mu1) (W W*^T - B A^T) tau / sqrt p` with the label,
//! with `B = W U^T`, `G = W W^T - B B^T`, `A = W* U^T` and D the diagonal matrix of a vector. With expectations over
//! `kappa ~ N(0, I_s)`,
//!
//! ```text
//! F = Sigma + m m^T                   the second moment of the features given kappa
//! S = lambda I + n E[F / (1 + V)],    V(kappa) = tr F(kappa) S^-1
//! a = S^-1 n E[(m h + c) / (1 + V)]
//! R0(kappa) = (h - m.a)^2 + Var(y | kappa) - 2 c.a + a.Sigma a
//! R(kappa) = R0(kappa) + n E'[R(kappa') tr F(kappa) S^-1 F(kappa') S^-1 / (1 + V(kappa'))^2]
//! ```
//!
//! and the test error is `E R`. An intercept is one more feature, 1, without ridge. Functions of kappa alone are few, so that
//! `m m^T` in V and R is of order 1/n of the rest; it counts the samples that fitting them takes, and belongs there by
//! leave-one-out as `Sigma` does. Regime: `n, p = Theta(d)`, W from steps that do not know the readout's batch.
//! THEORY.md (38) to (40).

mod drawn;
mod nodes;
mod spikes;

use std::sync::atomic::{AtomicBool, Ordering};

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Accum, Mat, MatRef, Par, Side};

use crate::activation::Activation;
use crate::directions::Directions;
use crate::labels::Target;
use crate::network::Pairing;
use crate::readout::Intercept;
use crate::theory::conditional::{Conditional, ConditionalError};
use crate::theory::fixed_point::{Goal, fixed_point};
use crate::watch::NEVER;

pub(crate) use drawn::Drawn;
pub use drawn::NetworkErrors;
use nodes::Nodes;
use spikes::shared;

/// What a ridge readout can make of the features of given weights, for any number of samples and ridge.
#[derive(Debug)]
pub struct GivenWeights {
    /// Weights of the points kappa, K of them.
    weights: Vec<f64>,
    /// `mu0 / sqrt p`, `mu1 / sqrt p` and `mu*^2 / p` at the points, p x K.
    mean: Mat<f64>,
    slope: Mat<f64>,
    rest: Mat<f64>,
    /// `G`, p x p.
    across: Mat<f64>,
    /// `c` at the points, p x K.
    covariance: Mat<f64>,
    /// `h`, and the variance of the label, at the points.
    label: Vec<f64>,
    label_rest: Vec<f64>,
    spikes: usize,
}

/// The samples and the ridge of a readout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ridged {
    /// The number n of samples.
    pub samples: f64,
    /// The ridge lambda, not divided by n.
    pub ridge: f64,
    /// Whether there is an intercept.
    pub intercept: Intercept,
}

/// Mean squared errors of a readout, label noise included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadoutErrors {
    /// On new samples; the leave-one-out error has the same limit.
    pub test: f64,
    /// On its own samples.
    pub train: f64,
}

/// Why a readout on given weights has no predicted error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GivenWeightsError {
    /// There is no Gaussian model of the features.
    #[error(transparent)]
    Conditional(#[from] ConditionalError),
    /// The link draws random numbers.
    #[error("no error is derived for links that draw random numbers")]
    Random,
    /// The weights are not finite.
    #[error("the weights are not finite")]
    NotFinite,
    /// The equations have no solution.
    #[error(
        "ridge {ridge:e}, {samples} samples, {width} neurons: the equations of the readout have no solution; as n and p \
         meet at a ridge of zero the error has no limit"
    )]
    Unsolved {
        /// The ridge.
        ridge: f64,
        /// n.
        samples: f64,
        /// p.
        width: usize,
    },
    /// The end was asked for.
    #[error("the time for predictions was up")]
    Stopped,
}

/// A fixed point is reached when a step changes it by less than this fraction.
const TOLERANCE: f64 = 1e-6;

impl GivenWeights {
    /// The features of the weights `first` (p x q) in dimension d with their biases (none, or p), and the labels of `target` along `directions`, of
    /// which a mean is removed before the fit and added back at prediction.
    ///
    /// The spikes are the right singular directions of W above the edge of rows of the same lengths in random
    /// directions, and the target's directions along which W has more than random overlaps besides; of neurons that come
    /// in pairs one of each is looked at. `O(p^2 q + p^3 + K p)` with K points, 1 without spikes, about 40 for one, up to 2600 for several.
    ///
    /// # Errors
    /// [`GivenWeightsError`], with the reason.
    pub fn new(
        (first, bias, activation): (&Directions, &[f64], &Activation),
        (directions, target): (&Directions, &Target),
        pairing: Pairing,
        removed_mean: f64,
        dimension: f64,
    ) -> Result<Self, GivenWeightsError> {
        if target.link.is_random() {
            return Err(GivenWeightsError::Random);
        }
        let p = first.rows();
        let independent = match pairing {
            Pairing::Independent => p,
            Pairing::Symmetric => p / 2,
        };
        let rows = first.coordinates().get(..independent, ..).to_owned();
        let known =
            shared(&rows.into(), directions, dimension).ok_or(GivenWeightsError::NotFinite)?;
        let along = first.gram(&known);
        let across = first.gram(first) - &along * along.transpose();
        let overlap = first.gram(directions) - &along * directions.gram(&known).transpose();
        let features = (first, bias, activation);
        let model = Conditional::new(features, (directions, &target.link), known)?;
        let s = along.ncols();
        // How many standard deviations a neuron crosses along a spike.
        let sharpness: Vec<f64> = (0..s)
            .map(|k| {
                let ratio = |i: usize| along[(i, k)].abs() / across[(i, i)].sqrt();
                (0..p).map(ratio).fold(0.0, f64::max)
            })
            .collect();
        let Nodes { points, weights } = Nodes::new(&sharpness);
        let nodes = points.len();
        let scale = 1.0 / (p as f64).sqrt();
        let (mut mean, mut slope) = (Mat::zeros(p, nodes), Mat::zeros(p, nodes));
        let mut rest = Mat::zeros(p, nodes);
        let mut covariance = Mat::zeros(p, nodes);
        let (mut label, mut label_rest) = (vec![0.0; nodes], vec![0.0; nodes]);
        // tau = R^+T slopes, in the target's coordinates.
        let overlap = overlap * model.labels.inverse.transpose();
        for (q, kappa) in points.iter().enumerate() {
            let moments = model.labels.moments(&target.link, kappa);
            label[q] = moments.mean - removed_mean;
            let linear: f64 = moments.slopes.iter().map(|x| x * x).sum();
            label_rest[q] = linear + moments.rest + target.noise;
            for (i, neuron) in model.neurons.iter().enumerate() {
                let (_, [value, own, square]) = neuron.at(kappa);
                mean[(i, q)] = scale * value;
                slope[(i, q)] = scale * own;
                rest[(i, q)] = scale * scale * square;
                let slopes = moments.slopes.iter().enumerate();
                let linear: f64 = slopes.map(|(j, slope)| overlap[(i, j)] * slope).sum();
                covariance[(i, q)] = scale * own * linear;
            }
        }
        Ok(Self {
            weights,
            mean,
            slope,
            rest,
            across,
            covariance,
            label,
            label_rest,
            spikes: s,
        })
    }

    /// The number s of spikes that were found.
    pub fn spikes(&self) -> usize {
        self.spikes
    }

    /// The number K of points kappa.
    pub fn points(&self) -> usize {
        self.weights.len()
    }

    fn width(&self) -> usize {
        self.across.nrows()
    }

    /// The same with one more feature, the constant 1.
    fn with_constant(&self) -> Self {
        let p = self.width();
        let below = |matrix: &Mat<f64>, last: f64| {
            Mat::from_fn(p + 1, self.points(), |i, q| match i < p {
                true => matrix[(i, q)],
                false => last,
            })
        };
        let across = |i: usize, j: usize| match i.max(j) < p {
            true => self.across[(i, j)],
            false => 0.0,
        };
        Self {
            weights: self.weights.clone(),
            mean: below(&self.mean, 1.0),
            slope: below(&self.slope, 0.0),
            rest: below(&self.rest, 0.0),
            across: Mat::from_fn(p + 1, p + 1, across),
            covariance: below(&self.covariance, 0.0),
            label: self.label.clone(),
            label_rest: self.label_rest.clone(),
            spikes: self.spikes,
        }
    }

    /// `sum_k x_k F(kappa_k)`, x >= 0: two products and one Hadamard product.
    fn mixed(&self, x: &[f64]) -> Mat<f64> {
        let p = self.width();
        let product = |of: &Mat<f64>| {
            let scaled = Mat::from_fn(p, x.len(), |i, q| of[(i, q)] * x[q]);
            let mut product = Mat::zeros(p, p);
            triangular::matmul(
                product.as_mut(),
                BlockStructure::TriangularLower,
                Accum::Replace,
                scaled.as_ref(),
                BlockStructure::Rectangular,
                of.transpose(),
                BlockStructure::Rectangular,
                1.0,
                Par::Seq,
            );
            product
        };
        let (linear, means) = (product(&self.slope), product(&self.mean));
        let own = &self.rest * column(x);
        Mat::from_fn(p, p, |i, j| {
            let place = (i.max(j), i.min(j));
            let own = if i == j { own[(i, 0)] } else { 0.0 };
            linear[place] * self.across[(i, j)] + means[place] + own
        })
    }

    /// `tr Sigma(kappa) T` at every point, for a symmetric T.
    fn traces(&self, t: MatRef<'_, f64>) -> Vec<f64> {
        let p = self.width();
        let weighted = Mat::from_fn(p, p, |i, j| self.across[(i, j)] * t[(i, j)]);
        let linear = quadratic(&self.slope, weighted.as_ref());
        let own = (0..self.points()).map(|q| {
            let rest = self.rest.col_as_slice(q).iter().enumerate();
            rest.map(|(i, x)| x * t[(i, i)]).sum::<f64>()
        });
        linear.into_iter().zip(own).map(|(x, y)| x + y).collect()
    }

    /// `tr F(kappa) T` at every point, for a symmetric T.
    fn full_traces(&self, t: MatRef<'_, f64>) -> Vec<f64> {
        let means = quadratic(&self.mean, t);
        self.traces(t)
            .into_iter()
            .zip(means)
            .map(|(x, y)| x + y)
            .collect()
    }

    /// The errors of the readout.
    ///
    /// About 20 iterations of `4 p^3 + 6 K p^2` flops; more where n and p meet at a small ridge.
    ///
    /// # Errors
    /// [`GivenWeightsError::Unsolved`] where n and p meet at a ridge of zero.
    pub fn errors(&self, ridged: Ridged) -> Result<ReadoutErrors, GivenWeightsError> {
        self.errors_until(ridged, &NEVER)
    }

    /// [`GivenWeights::errors`], unless `stop` is set before the end.
    ///
    /// # Errors
    /// As [`GivenWeights::errors`].
    pub fn errors_until(
        &self,
        ridged: Ridged,
        stop: &AtomicBool,
    ) -> Result<ReadoutErrors, GivenWeightsError> {
        match ridged.intercept {
            Intercept::Without => self.solve(ridged, stop),
            Intercept::With => self.with_constant().solve(ridged, stop),
        }
    }

    fn solve(&self, ridged: Ridged, stop: &AtomicBool) -> Result<ReadoutErrors, GivenWeightsError> {
        let Ridged {
            samples: n,
            ridge,
            intercept,
        } = ridged;
        let size = self.width();
        let p = match intercept {
            Intercept::Without => size,
            Intercept::With => size - 1,
        };
        let failed = || GivenWeightsError::Unsolved {
            ridge,
            samples: n,
            width: p,
        };
        // With S and V in units of the ridge, `1 + V` is `ridge + V`: at n <= p that has a limit at ridge zero.
        let (penalty, base, unit) = match n > size as f64 {
            true => (ridge, 1.0, 1.0),
            false => (1.0, ridge, ridge),
        };
        let shares = |v: &[f64]| -> Vec<f64> {
            let weights = self.weights.iter().zip(v);
            weights.map(|(w, v)| n * w / (base + v)).collect()
        };
        let inverse = |v: &[f64]| -> Result<Mat<f64>, GivenWeightsError> {
            if stop.load(Ordering::Relaxed) {
                return Err(GivenWeightsError::Stopped);
            }
            let mut s = self.mixed(&shares(v));
            for i in 0..p {
                s[(i, i)] += penalty;
            }
            let factor = s.llt(Side::Lower).map_err(|_| failed())?;
            Ok(factor.inverse())
        };
        let goal = |base| Goal {
            tolerance: TOLERANCE,
            positive: self.points(),
            base,
        };
        let v = fixed_point(vec![1.0; self.points()], goal(base), |v| {
            Ok::<_, GivenWeightsError>(self.full_traces(inverse(v)?.as_ref()))
        })?
        .ok_or_else(failed)?;
        let (shares, inverse) = (shares(&v), inverse(&v)?);
        let labels: Vec<f64> = shares.iter().zip(&self.label).map(|(c, h)| c * h).collect();
        let weights =
            &inverse * (&self.mean * column(&labels) + &self.covariance * column(&shares));
        let alone = self.alone(&weights);
        // The excess that the noise of the samples adds.
        let errors = fixed_point(alone.clone(), goal(0.0), |errors| {
            if stop.load(Ordering::Relaxed) {
                return Err(GivenWeightsError::Stopped);
            }
            let x: Vec<f64> = (0..v.len())
                .map(|q| shares[q] * errors[q] / (base + v[q]))
                .collect();
            let t = &inverse * self.mixed(&x) * &inverse;
            let excess = self.full_traces(t.as_ref());
            Ok(alone.iter().zip(excess).map(|(x, y)| x + y).collect())
        })?
        .ok_or_else(failed)?;
        let average = |of: &dyn Fn(usize) -> f64| {
            let terms = self.weights.iter().enumerate();
            terms.map(|(q, w)| w * of(q)).sum::<f64>()
        };
        Ok(ReadoutErrors {
            test: average(&|q| errors[q]),
            train: average(&|q| errors[q] * (unit / (base + v[q])).powi(2)),
        })
    }

    /// `R0`: the error of one readout at every point.
    fn alone(&self, weights: &Mat<f64>) -> Vec<f64> {
        let p = self.width();
        let outer = Mat::from_fn(p, p, |i, j| weights[(i, 0)] * weights[(j, 0)]);
        let spread = self.traces(outer.as_ref());
        let means = self.mean.transpose() * weights;
        let linear = self.covariance.transpose() * weights;
        (0..self.points())
            .map(|q| {
                let missed = self.label[q] - means[(q, 0)];
                missed * missed + self.label_rest[q] - 2.0 * linear[(q, 0)] + spread[q]
            })
            .collect()
    }
}

/// `x_q . T x_q` for every column.
fn quadratic(x: &Mat<f64>, t: MatRef<'_, f64>) -> Vec<f64> {
    let product = t * x;
    (0..x.ncols())
        .map(|q| {
            let pairs = x.col_as_slice(q).iter().zip(product.col_as_slice(q));
            pairs.map(|(x, y)| x * y).sum()
        })
        .collect()
}

fn column(x: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(x, x.len(), 1)
}
