//! The equations (38) to (40) at the points kappa.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par, Scale, Side};

use super::products::{outer, quadratic};
use super::{GivenWeights, GivenWeightsError, ReadoutErrors, Ridged, column};
use crate::readout::Intercept;
use crate::theory::fixed_point::{Goal, fixed_point, fixed_point_knowing};

/// V and R are found when an iteration changes them by less than this fraction: where n and p meet, errors are some hundred times
/// as sensitive.
const TOLERANCE: f64 = 3e-6;
/// And a first guess of V.
const NEAR: f64 = 1e-2;
/// Changes of V that are known to the search for R.
const KNOWN: usize = 3;

impl GivenWeights {
    /// The errors as the points have them.
    pub(super) fn solve(
        &self,
        ridged: Ridged,
        stop: &AtomicBool,
    ) -> Result<ReadoutErrors, GivenWeightsError> {
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
