//! More samples than features: the normal equations, p x p.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use super::{
    Fitted, Intercept, Ridge, RidgeError, RidgeInfo, RidgeParams, Samples, Spectrum, fitted, least,
    prepare,
};
use crate::batch::{Engine, Panel, Sweep};
use crate::watch::Interrupted;

/// The moments that a ridge fit needs, centred if there is an intercept.
struct Moments {
    gram: Mat<f64>,
    cross: Mat<f64>,
    feature_mean: Vec<f64>,
    label_mean: f64,
}

pub(super) fn fit<E: Engine>(
    params: &RidgeParams,
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<(Vec<Fitted>, RidgeInfo), RidgeError> {
    let moments = moments(params.intercept, features, engine, batch)?;
    match &params.ridge {
        Ridge::Values(ridges) => Ok((moments.readouts(ridges)?, RidgeInfo::default())),
        Ridge::LeaveOneOut(ridges) => {
            let eigen = moments.eigen()?;
            let errors = eigen.leave_one_out(
                params.intercept,
                (features, &moments),
                ridges,
                engine,
                batch,
            )?;
            let (best, info) = least(ridges, errors);
            let readouts = best.map(|ridge| moments.readout(ridge, eigen.solve(ridge)));
            Ok((readouts.into_iter().collect(), info))
        }
    }
}

/// Readouts of n rows of p features whose moments have the sums of [`add_moments`].
///
/// # Errors
/// [`RidgeError::NotFinite`].
pub(crate) fn of_moments(
    (ridges, intercept): (&[f64], Intercept),
    sums: &[f64],
    (n, p): (u64, usize),
) -> Result<Vec<Fitted>, RidgeError> {
    Moments::of(sums, p, n as f64, intercept).readouts(ridges)
}

impl Moments {
    /// Of n rows with these sums.
    fn of(sums: &[f64], p: usize, n: f64, intercept: Intercept) -> Self {
        let (feature_mean, label_mean) = match intercept {
            Intercept::Without => (vec![0.0; p], 0.0),
            Intercept::With => {
                let start = p * p + p;
                (
                    sums[start..start + p].iter().map(|sum| sum / n).collect(),
                    sums[start + p] / n,
                )
            }
        };
        let gram = Mat::from_fn(p, p, |i, j| {
            let (low, high) = (i.max(j), i.min(j));
            sums[high * p + low] - n * feature_mean[i] * feature_mean[j]
        });
        let cross = Mat::from_fn(p, 1, |i, _| {
            sums[p * p + i] - n * feature_mean[i] * label_mean
        });
        Self {
            gram,
            cross,
            feature_mean,
            label_mean,
        }
    }

    fn failed(&self) -> RidgeError {
        RidgeError::NotFinite {
            width: self.gram.nrows(),
        }
    }

    fn eigen(&self) -> Result<Eigen, RidgeError> {
        match self.cross.is_all_finite() {
            true => Eigen::of(self).ok_or_else(|| self.failed()),
            false => Err(self.failed()),
        }
    }

    fn readout(&self, ridge: f64, weights: Vec<f64>) -> Fitted {
        fitted(ridge, weights, &self.feature_mean, self.label_mean)
    }

    /// A readout for each of these ridges.
    fn readouts(&self, ridges: &[f64]) -> Result<Vec<Fitted>, RidgeError> {
        if let [ridge] = ridges[..]
            && self.cross.is_all_finite()
            && let Some(weights) = self.cholesky(ridge)
        {
            return Ok(vec![self.readout(ridge, weights)]);
        }
        let eigen = self.eigen()?;
        let solved = ridges.iter().map(|ridge| (*ridge, eigen.solve(*ridge)));
        Ok(solved.map(|(ridge, a)| self.readout(ridge, a)).collect())
    }

    /// `(G + lambda I)^{-1} b` by Cholesky: a fraction of the cost of eigenvalues where there is one ridge, and it stands
    /// clear of rounding; none otherwise.
    fn cholesky(&self, ridge: f64) -> Option<Vec<f64>> {
        let p = self.gram.nrows();
        let trace: f64 = (0..p).map(|i| self.gram[(i, i)]).sum();
        if ridge <= trace * p as f64 * f64::EPSILON {
            return None;
        }
        let mut shifted = self.gram.clone();
        for i in 0..p {
            shifted[(i, i)] += ridge;
        }
        let weights = shifted.llt(Side::Lower).ok()?.solve(&self.cross);
        Some((0..p).map(|i| weights[(i, 0)]).collect())
    }
}

/// The eigenvectors of `Phi^T Phi`.
struct Eigen {
    spectrum: Spectrum,
    vectors: Mat<f64>,
    /// `U^T Phi^T y`.
    rotated: Vec<f64>,
}

impl Eigen {
    fn of(moments: &Moments) -> Option<Self> {
        let p = moments.gram.nrows();
        let eigen = moments.gram.self_adjoint_eigen(Side::Lower).ok()?;
        let vectors = eigen.U().to_owned();
        let rotated = vectors.transpose() * &moments.cross;
        Some(Self {
            spectrum: Spectrum::new((0..p).map(|j| eigen.S()[j]), p),
            rotated: (0..p).map(|j| rotated[(j, 0)]).collect(),
            vectors,
        })
    }

    fn solve(&self, ridge: f64) -> Vec<f64> {
        let p = self.rotated.len();
        let inverse = self.spectrum.inverse(ridge);
        let scaled = Mat::from_fn(p, 1, |j, _| self.rotated[j] * inverse[j]);
        let weights = &self.vectors * scaled;
        (0..p).map(|i| weights[(i, 0)]).collect()
    }

    /// Mean squared leave-one-out error for each ridge, by a second pass.
    ///
    /// With `s` the eigenvalues and `u` a row of centred features in the eigenbasis, the leverage is
    /// `h = [1/n] + sum u_j^2 / (s_j + lambda)` and the left-out residual is the residual over `1 - h`.
    fn leave_one_out<E: Engine>(
        &self,
        intercept: Intercept,
        (features, moments): (&impl Samples, &Moments),
        ridges: &[f64],
        engine: &mut E,
        batch: &mut E::Batch,
    ) -> Result<Vec<f64>, Interrupted> {
        let p = features.width();
        let n = features.rows() as f64;
        let shrink: Vec<Vec<f64>> = ridges
            .iter()
            .map(|ridge| self.spectrum.inverse(*ridge))
            .collect();
        let base = match intercept {
            Intercept::Without => 0.0,
            Intercept::With => 1.0 / n,
        };
        let mean = Mat::from_fn(1, p, |_, i| moments.feature_mean[i]) * &self.vectors;
        let visit = |panel: &mut Panel<'_, E::Real>| {
            let (labels, phi) = prepare(features, panel);
            let rows = panel.rows;
            let rotated = MatRef::from_column_major_slice(&phi, rows, p) * &self.vectors;
            for (shrink, sum) in shrink.iter().zip(panel.sums.iter_mut()) {
                let mut leverage = vec![base; rows];
                let mut residual: Vec<f64> =
                    labels.iter().map(|y| y - moments.label_mean).collect();
                for j in 0..p {
                    let column = rotated.col_as_slice(j).iter();
                    for ((value, h), e) in column.zip(&mut leverage).zip(&mut residual) {
                        let u = value - mean[(0, j)];
                        *h += u * u * shrink[j];
                        *e -= u * self.rotated[j] * shrink[j];
                    }
                }
                let pairs = leverage.iter().zip(&residual);
                *sum += pairs.map(|(h, e)| (e / (1.0 - h)).powi(2)).sum::<f64>();
            }
        };
        let directions = features.directions();
        let sweep = Sweep {
            directions: &directions,
            coefficients: 0,
            sums: shrink.len(),
            part: features.part(),
        };
        let sums = engine.sweep(batch, sweep, &visit, features.watch())?.sums;
        Ok(sums.into_iter().map(|sum| sum / n).collect())
    }
}

/// How many sums over rows [`add_moments`] takes.
pub(crate) fn moment_sums(p: usize) -> usize {
    p * p + 2 * p + 1
}

/// Adds the moments of rows of features `phi` (rows x p) with these labels: the lower half of `Phi^T Phi`, `Phi^T y`, the sums of
/// the features and of the labels.
pub(crate) fn add_moments(phi: MatRef<'_, f64>, labels: &[f64], sums: &mut [f64]) {
    let (rows, p) = phi.shape();
    let (gram, rest) = sums.split_at_mut(p * p);
    let (cross, rest) = rest.split_at_mut(p);
    let (means, label_sum) = rest.split_at_mut(p);
    let labels_column = MatRef::from_column_major_slice(labels, rows, 1);
    add_products(phi, labels_column, gram, cross);
    for (i, mean) in means.iter_mut().enumerate() {
        *mean += phi.col(i).iter().sum::<f64>();
    }
    label_sum[0] += labels.iter().sum::<f64>();
}

/// Adds the lower half of `Phi^T Phi` (p x p) and `Phi^T Y` (p x k) of rows of features and labels.
pub(crate) fn add_products(
    phi: MatRef<'_, f64>,
    labels: MatRef<'_, f64>,
    gram: &mut [f64],
    cross: &mut [f64],
) {
    let (p, k) = (phi.ncols(), labels.ncols());
    triangular::matmul(
        MatMut::from_column_major_slice_mut(gram, p, p),
        BlockStructure::TriangularLower,
        Accum::Add,
        phi.transpose(),
        BlockStructure::Rectangular,
        phi,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    matmul(
        MatMut::from_column_major_slice_mut(cross, p, k),
        Accum::Add,
        phi.transpose(),
        labels,
        1.0,
        Par::Seq,
    );
}

/// `Phi^T Phi` and `Phi^T y` of their sums.
pub(crate) fn second_moments(sums: &[f64], p: usize) -> (Mat<f64>, Mat<f64>) {
    let moments = Moments::of(sums, p, 1.0, Intercept::Without);
    (moments.gram, moments.cross)
}

fn moments<E: Engine>(
    intercept: Intercept,
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Moments, Interrupted> {
    let p = features.width();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let (labels, phi) = prepare(features, panel);
        let phi = MatRef::from_column_major_slice(&phi, panel.rows, p);
        add_moments(phi, &labels, panel.sums);
    };
    let directions = features.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: moment_sums(p),
        part: features.part(),
    };
    let sums = engine.sweep(batch, sweep, &visit, features.watch())?.sums;
    Ok(Moments::of(&sums, p, features.rows() as f64, intercept))
}
