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
mod equations;
mod nodes;
mod products;
mod spikes;

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use faer::{Mat, MatRef};
use pulp::Arch;

use crate::activation::Activation;
use crate::directions::Directions;
use crate::labels::Target;
use crate::network::Pairing;
use crate::readout::Intercept;
use crate::theory::conditional::{Conditional, ConditionalError};
use crate::watch::NEVER;

pub(crate) use drawn::Drawn;
pub use drawn::NetworkErrors;
use nodes::{Nodes, Rule};
use spikes::shared;

/// What a ridge readout can make of the features of given weights, for any number of samples and ridge.
#[derive(Debug)]
pub struct GivenWeights {
    /// Weights of the points kappa, K of them.
    weights: Vec<f64>,
    rule: Rule,
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

impl GivenWeights {
    /// The features of the weights `first` (p x q) in dimension d with their biases (none, or p), and the labels of `target` along `directions`, of
    /// which a mean is removed before the fit and added back at prediction.
    ///
    /// The spikes are the right singular directions of W above the edge of rows of the same lengths in random
    /// directions, and the target's directions along which W has more than random overlaps besides; of neurons that come
    /// in pairs one of each is looked at. `O(p^2 q + p^3 + K p)` with K points, 1 without spikes, about 40 for one, up to 2600 for several.
    /// Along four spikes and more the points are drawn from the seed, which changes errors by about 1 %.
    ///
    /// # Errors
    /// [`GivenWeightsError`], with the reason.
    pub fn new(
        (first, bias, activation): (&Directions, &[f64], &Activation),
        (directions, target): (&Directions, &Target),
        pairing: Pairing,
        removed_mean: f64,
        dimension: f64,
        seed: u64,
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
        let features = (first, bias, activation);
        let model = Conditional::new(features, (directions, &target.link), known)?;
        let along = &model.along;
        let across = first.gram(first) - along * along.transpose();
        let overlap = first.gram(directions) - along * model.labels.centre.transpose();
        let s = along.ncols();
        // How many standard deviations a neuron crosses along a spike.
        let sharpness: Vec<f64> = (0..s)
            .map(|k| {
                let ratio = |i: usize| along[(i, k)].abs() / across[(i, i)].sqrt();
                (0..p).map(ratio).fold(0.0, f64::max)
            })
            .collect();
        let Nodes {
            points,
            weights,
            rule,
        } = Nodes::new(&sharpness, p, seed);
        let nodes = points.len();
        let scale = 1.0 / (p as f64).sqrt();
        let (mut label, mut label_rest) = (vec![0.0; nodes], vec![0.0; nodes]);
        // tau = R^+T slopes, in the target's coordinates.
        let overlap = overlap * model.labels.inverse.transpose();
        let mut slopes = Mat::zeros(model.labels.variables(), nodes);
        for (q, kappa) in points.iter().enumerate() {
            let moments = model.labels.moments(&target.link, kappa);
            label[q] = moments.mean - removed_mean;
            let linear: f64 = moments.slopes.iter().map(|x| x * x).sum();
            label_rest[q] = linear + moments.rest + target.noise;
            slopes.col_as_slice_mut(q).copy_from_slice(&moments.slopes);
        }
        let points = Mat::from_fn(s, nodes, |k, q| points[q][k]);
        let (_, [mut mean, mut slope, mut rest]) = model.at(&points);
        let mut covariance = overlap * slopes;
        for q in 0..nodes {
            let columns = [&mut mean, &mut slope, &mut rest, &mut covariance];
            let [mean, slope, rest, covariance] = columns.map(|of| of.col_as_slice_mut(q));
            Arch::new().dispatch(|| {
                mean.iter_mut().for_each(|mean| *mean *= scale);
                rest.iter_mut().for_each(|rest| *rest *= scale * scale);
                for (slope, covariance) in slope.iter_mut().zip(covariance) {
                    *slope *= scale;
                    *covariance *= *slope;
                }
            });
        }
        Ok(Self {
            weights,
            rule,
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
            rule: self.rule,
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

    /// The errors of the readout.
    ///
    /// About 8 iterations of `5 p^3 + 5 K p^2` flops; more where n and p meet at a small ridge.
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
            Intercept::Without => self.extrapolated(ridged, stop),
            Intercept::With => self.with_constant().extrapolated(ridged, stop),
        }
    }

    /// The errors for ever more points. A readout fits what is peculiar to K spread points, as it would to K samples: errors are
    /// too low by a part of order `p / K`, of which two halves of the points have twice as much.
    fn extrapolated(
        &self,
        ridged: Ridged,
        stop: &AtomicBool,
    ) -> Result<ReadoutErrors, GivenWeightsError> {
        let whole = self.solve(ridged, stop)?;
        if self.rule == Rule::Product {
            return Ok(whole);
        }
        let middle = self.points() / 2;
        let half = |points| self.part(points).solve(ridged, stop);
        let halves = [half(0..middle)?, half(middle..self.points())?];
        let of = |error: fn(&ReadoutErrors) -> f64| {
            let mean = halves.iter().map(error).sum::<f64>() / 2.0;
            (2.0 * error(&whole) - mean).max(0.0)
        };
        Ok(ReadoutErrors {
            test: of(|errors| errors.test),
            train: of(|errors| errors.train),
        })
    }

    /// The same at a part of the points, of equal weights.
    fn part(&self, points: Range<usize>) -> Self {
        let columns = |of: &Mat<f64>| of.subcols(points.start, points.len()).to_owned();
        Self {
            weights: vec![1.0 / points.len() as f64; points.len()],
            rule: self.rule,
            mean: columns(&self.mean),
            slope: columns(&self.slope),
            rest: columns(&self.rest),
            across: self.across.clone(),
            covariance: columns(&self.covariance),
            label: self.label[points.clone()].to_vec(),
            label_rest: self.label_rest[points.clone()].to_vec(),
            spikes: self.spikes,
        }
    }
}

fn column(x: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(x, x.len(), 1)
}
