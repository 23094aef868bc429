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
mod products;
mod spikes;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, MatRef, Par, Scale, Side};
use pulp::Arch;

use crate::activation::Activation;
use crate::directions::Directions;
use crate::labels::Target;
use crate::network::Pairing;
use crate::readout::Intercept;
use crate::theory::conditional::{Conditional, ConditionalError};
use crate::theory::fixed_point::{Goal, fixed_point, fixed_point_knowing};
use crate::watch::NEVER;

pub(crate) use drawn::Drawn;
pub use drawn::NetworkErrors;
use nodes::Nodes;
use products::{outer, quadratic};
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

/// V and R are found when an iteration changes them by less than this fraction: where n and p meet, errors are some hundred times
/// as sensitive.
const TOLERANCE: f64 = 3e-6;
/// And a first guess of V.
const NEAR: f64 = 1e-2;
/// Changes of V that are known to the search for R.
const KNOWN: usize = 3;

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
        let Nodes { points, weights } = Nodes::new(&sharpness);
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
        // `L^-1` of `S = L L^T`.
        let inverse = |mut s: Mat<f64>| -> Result<Mat<f64>, GivenWeightsError> {
            if stop.load(Ordering::Relaxed) {
                return Err(GivenWeightsError::Stopped);
            }
            for i in 0..p {
                s[(i, i)] += penalty;
            }
            let factor = s.llt(Side::Lower).map_err(|_| failed())?;
            let mut inverse = Mat::identity(size, size);
            solve_lower_triangular_in_place(factor.L(), inverse.as_mut(), Par::Seq);
            Ok(inverse)
        };
        let goal = |tolerance, positive, base| Goal {
            tolerance,
            positive,
            base,
        };
        // Near enough is the constant V whose mean is right.
        let mean = self.mixed(&self.weights) * Scale(n);
        let constant = fixed_point(vec![1.0], goal(NEAR, 1, base), |v| {
            let near = inverse(&mean * Scale(1.0 / (base + v[0])))?;
            let left = penalty * near.subcols(0, p).squared_norm_l2();
            Ok::<_, GivenWeightsError>(vec![(base + v[0]) * (size as f64 - left) / n])
        })?;
        let start = constant.map_or(1.0, |v| v[0]);
        let count = self.points();
        // The last V that was tried, and `L^-1` there; all that were tried, with their images.
        let last = Cell::new((Vec::new(), Mat::zeros(0, 0)));
        let tried = RefCell::new(Vec::new());
        fixed_point(vec![start; count], goal(TOLERANCE, count, base), |v| {
            let inverse = inverse(self.mixed(&shares(v)))?;
            let image = self.full_traces(&inverse);
            last.set((v.to_vec(), inverse));
            tried.borrow_mut().push((v.to_vec(), image.clone()));
            Ok::<_, GivenWeightsError>(image)
        })?
        .ok_or_else(failed)?;
        let (v, inverse) = last.into_inner();
        let shares = shares(&v);
        let labels: Vec<f64> = shares.iter().zip(&self.label).map(|(c, h)| c * h).collect();
        let seen = &self.mean * column(&labels) + &self.covariance * column(&shares);
        let weights = inverse.transpose() * (&inverse * seen);
        let alone = self.alone(&weights);
        let means = &inverse * &self.mean;
        // The map of V has the derivative that the excess has: its last changes begin the search.
        let less = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x - y).collect();
        let changes = tried.into_inner();
        let changes: Vec<(Vec<f64>, Vec<f64>)> = changes
            .windows(2)
            .map(|pair| (less(&pair[1].0, &pair[0].0), less(&pair[1].1, &pair[0].1)))
            .collect();
        let known = &changes[changes.len().saturating_sub(KNOWN)..];
        // The excess that the noise of the samples adds.
        let errors =
            fixed_point_knowing(known, alone.clone(), goal(TOLERANCE, 0, 0.0), |errors| {
                if stop.load(Ordering::Relaxed) {
                    return Err(GivenWeightsError::Stopped);
                }
                let x: Vec<f64> = (0..v.len())
                    .map(|q| shares[q] * errors[q] / (base + v[q]))
                    .collect();
                // `L^-1 E[...] L^-T`: `tr F(kappa) S^-1 F(kappa') S^-1` in the basis in which S is I.
                let middle = &inverse * self.linear(&x) * inverse.transpose() + outer(&means, &x);
                let linear = self.traces(&(inverse.transpose() * &middle * &inverse));
                let excess = linear.iter().zip(quadratic(&means, &middle));
                let pairs = alone.iter().zip(excess);
                Ok(pairs.map(|(alone, (x, y))| alone + x + y).collect())
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
        let spread = self.traces(&outer);
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

fn column(x: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(x, x.len(), 1)
}
