//! At most as many samples as features: the kernel matrix, n x n.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, Par, Side};

use super::{
    Fitted, Intercept, Ridge, RidgeError, RidgeInfo, RidgeParams, Samples, Spectrum, fitted, least,
    prepare,
};
use crate::batch::{Engine, Panel, Sweep};
use crate::watch::Interrupted;

/// The rows of a batch: features n x p and labels n x 1.
struct Rows {
    phi: Mat<f64>,
    labels: Mat<f64>,
}

pub(super) fn fit<E: Engine>(
    params: &RidgeParams,
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<(Vec<Fitted>, RidgeInfo), RidgeError> {
    let p = features.width();
    let mut rows = rows(features, engine, batch)?;
    let failed = || RidgeError::NotFinite { width: p };
    if !rows.phi.is_all_finite() || !rows.labels.is_all_finite() {
        return Err(failed());
    }
    let (feature_mean, label_mean) = match params.intercept {
        Intercept::Without => (vec![0.0; p], 0.0),
        Intercept::With => rows.centre(),
    };
    let kernel = Kernel::of(&rows, params.intercept).ok_or_else(failed)?;
    let one = |ridge: f64| {
        let weights = kernel.solve(&rows, ridge);
        fitted(ridge, weights, &feature_mean, label_mean)
    };
    match &params.ridge {
        Ridge::Values(ridges) => {
            let readouts = ridges.iter().map(|ridge| one(*ridge)).collect();
            Ok((readouts, RidgeInfo::default()))
        }
        Ridge::LeaveOneOut(ridges) => {
            let errors = ridges.iter().map(|ridge| kernel.leave_one_out(*ridge));
            let (best, info) = least(ridges, errors.collect());
            Ok((best.map(one).into_iter().collect(), info))
        }
    }
}

/// All rows, gathered in the sums of a pass: each panel fills its own.
fn rows<E: Engine>(
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Rows, Interrupted> {
    let (n, p) = (features.rows() as usize, features.width());
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let (labels, phi) = prepare(features, panel);
        let (first, rows) = (panel.first_row as usize, panel.rows);
        let columns = phi.chunks_exact(rows).chain([&labels[..]]);
        for (from, to) in columns.zip(panel.sums.chunks_exact_mut(n)) {
            to[first..first + rows].copy_from_slice(from);
        }
    };
    let directions = features.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: n * (p + 1),
        part: features.part(),
    };
    let sums = engine.sweep(batch, sweep, &visit, features.watch())?.sums;
    Ok(Rows {
        phi: Mat::from_fn(n, p, |v, i| sums[i * n + v]),
        labels: Mat::from_fn(n, 1, |v, _| sums[p * n + v]),
    })
}

impl Rows {
    /// Turns the samples about the mean and leaves the mean out: n - 1 samples in which the intercept has no part.
    /// Returns the means of features and labels.
    fn centre(&mut self) -> (Vec<f64>, f64) {
        let n = self.phi.nrows();
        let first = |matrix: &mut Mat<f64>| {
            reflect(matrix);
            let mean = (0..matrix.ncols())
                .map(|i| matrix[(0, i)] / (n as f64).sqrt())
                .collect();
            *matrix = matrix.submatrix(1, 0, n - 1, matrix.ncols()).to_owned();
            mean
        };
        let feature_mean = first(&mut self.phi);
        let label_mean: Vec<f64> = first(&mut self.labels);
        (feature_mean, label_mean[0])
    }
}

/// The reflection of R^n that exchanges the first axis and `(1, ..., 1) / sqrt n`, on every column.
fn reflect(matrix: &mut Mat<f64>) {
    let n = matrix.nrows();
    let even = 1.0 / (n as f64).sqrt();
    // Along v = (1, ..., 1) / sqrt n - e_1, of squared length 2 (1 - 1 / sqrt n).
    let half = 1.0 - even;
    if half == 0.0 {
        return;
    }
    for i in 0..matrix.ncols() {
        let column = matrix.col_as_slice_mut(i);
        let along = (even * column.iter().sum::<f64>() - column[0]) / half;
        column.iter_mut().for_each(|x| *x -= along * even);
        column[0] += along;
    }
}

/// The eigenvectors of `Phi Phi^T`.
struct Kernel {
    spectrum: Spectrum,
    vectors: Mat<f64>,
    /// `U^T y`.
    rotated: Vec<f64>,
    /// The eigenvectors by samples: turned back if the mean was left out.
    by_sample: Mat<f64>,
}

impl Kernel {
    fn of(rows: &Rows, intercept: Intercept) -> Option<Self> {
        let (n, p) = rows.phi.shape();
        let mut gram = Mat::zeros(n, n);
        triangular::matmul(
            gram.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Replace,
            rows.phi.as_ref(),
            BlockStructure::Rectangular,
            rows.phi.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        let eigen = gram.self_adjoint_eigen(Side::Lower).ok()?;
        let vectors = eigen.U().to_owned();
        let rotated = vectors.transpose() * &rows.labels;
        let by_sample = match intercept {
            Intercept::Without => vectors.clone(),
            Intercept::With => {
                let mut wide = Mat::zeros(n + 1, n);
                wide.submatrix_mut(1, 0, n, n).copy_from(&vectors);
                reflect(&mut wide);
                wide
            }
        };
        Some(Self {
            spectrum: Spectrum::new((0..n).map(|j| eigen.S()[j]), p),
            rotated: (0..n).map(|j| rotated[(j, 0)]).collect(),
            vectors,
            by_sample,
        })
    }

    /// `Phi^T (K + lambda)^{-1} y`.
    fn solve(&self, rows: &Rows, ridge: f64) -> Vec<f64> {
        let inverse = self.spectrum.inverse(ridge);
        let scaled = Mat::from_fn(inverse.len(), 1, |j, _| inverse[j] * self.rotated[j]);
        let weights = rows.phi.transpose() * (&self.vectors * scaled);
        weights.col_as_slice(0).to_vec()
    }

    /// Mean squared leave-one-out error: the left-out residual of sample v is
    /// `[(K + lambda)^{-1} y]_v / [(K + lambda)^{-1}]_vv`, also in the limit of no ridge.
    fn leave_one_out(&self, ridge: f64) -> f64 {
        let (n, k) = self.by_sample.shape();
        let inverse = self.spectrum.inverse(ridge);
        // In the limit of no ridge the directions that no feature reaches outweigh all others.
        let null = |j: usize| ridge <= self.spectrum.cutoff && self.spectrum.is_null(j);
        let sums = |v: usize, weight: &dyn Fn(usize) -> f64| {
            (0..k).fold((0.0, 0.0), |(e, h), j| {
                let u = self.by_sample[(v, j)];
                (e + u * weight(j) * self.rotated[j], h + u * weight(j) * u)
            })
        };
        let error = |v: usize| {
            let (e, h) = sums(v, &|j| f64::from(null(j)));
            let (e, h) = match h > n as f64 * f64::EPSILON {
                true => (e, h),
                false => sums(v, &|j| inverse[j]),
            };
            (e / h).powi(2)
        };
        (0..n).map(error).sum::<f64>() / n as f64
    }
}
