//! Sums over the points kappa, and functions of them, by products of matrices of which half is computed.

use std::cmp::Ordering::{Equal, Greater, Less};

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};

use super::{GivenWeights, column};

/// Points that are handled at a time: they stay in the cache.
const POINTS: usize = 256;
/// Rows of a panel: three vectors, which the product keeps in registers.
const ROWS: usize = 24;

impl GivenWeights {
    /// `sum_k x_k F(kappa_k)`.
    pub(super) fn mixed(&self, x: &[f64]) -> Mat<f64> {
        self.linear(x) + outer(&self.mean, x)
    }

    /// `sum_k x_k Sigma(kappa_k)`: one product and one Hadamard product.
    pub(super) fn linear(&self, x: &[f64]) -> Mat<f64> {
        let slopes = outer(&self.slope, x);
        let own = &self.rest * column(x);
        let mut linear = hadamard(slopes, &self.across);
        for i in 0..self.width() {
            linear[(i, i)] += own[(i, 0)];
        }
        linear
    }

    /// `tr Sigma(kappa) T` at every point, for a symmetric T.
    pub(super) fn traces(&self, t: &Mat<f64>) -> Vec<f64> {
        let linear = quadratic(&self.slope, &hadamard(t.clone(), &self.across));
        let own = self.rest.transpose() * t.diagonal().column_vector();
        (0..self.points()).map(|q| linear[q] + own[q]).collect()
    }

    /// `tr F(kappa) L^-T L^-1` at every point. Means may be so large that they cancel in `m^T (L^-T L^-1 m)`, and not in
    /// `|L^-1 m|^2`.
    pub(super) fn full_traces(&self, inverse: &Mat<f64>) -> Vec<f64> {
        let means = by_panels(&self.mean, inverse, Pair::Product);
        let linear = self.traces(&(inverse.transpose() * inverse));
        linear.into_iter().zip(means).map(|(x, y)| x + y).collect()
    }
}

/// The products of the entries.
fn hadamard(mut x: Mat<f64>, y: &Mat<f64>) -> Mat<f64> {
    Arch::new().dispatch(|| {
        for j in 0..y.ncols() {
            let pairs = x.col_as_slice_mut(j).iter_mut().zip(y.col_as_slice(j));
            pairs.for_each(|(x, y)| *x *= y);
        }
    });
    x
}

/// `sum_q x_q z_q z_q^T`, of columns z.
pub(super) fn outer(z: &Mat<f64>, x: &[f64]) -> Mat<f64> {
    let p = z.nrows();
    let mut sum = Mat::zeros(p, p);
    let mut scaled = Mat::<f64>::zeros(p, POINTS.min(x.len()));
    for (block, x) in x.chunks(POINTS).enumerate() {
        let first = block * POINTS;
        Arch::new().dispatch(|| {
            for (q, x) in x.iter().enumerate() {
                let pairs = scaled.col_as_slice_mut(q).iter_mut();
                let pairs = pairs.zip(z.col_as_slice(first + q));
                pairs.for_each(|(scaled, z)| *scaled = x * z);
            }
        });
        let z = z.subcols(first, x.len());
        triangular::matmul(
            sum.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Add,
            scaled.subcols(0, x.len()),
            BlockStructure::Rectangular,
            z.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
    }
    for j in 0..p {
        for i in 0..j {
            sum[(i, j)] = sum[(j, i)];
        }
    }
    sum
}

/// `z_q . T z_q` for every column, of a symmetric T: `sum_i z_i (T_ii z_i + 2 sum_(j < i) T_ij z_j)`.
pub(super) fn quadratic(z: &Mat<f64>, t: &Mat<f64>) -> Vec<f64> {
    let lower = Mat::from_fn(t.nrows(), t.nrows(), |i, j| match i.cmp(&j) {
        Less => 0.0,
        Equal => t[(i, j)],
        Greater => 2.0 * t[(i, j)],
    });
    by_panels(z, &lower, Pair::Column)
}

/// What `L z` is multiplied with.
enum Pair {
    /// z.
    Column,
    /// Itself.
    Product,
}

/// `z_q . L z_q` or `|L z_q|^2` for every column, of a lower triangle L: panels of its rows leave out most of the zeros.
fn by_panels(z: &Mat<f64>, lower: &Mat<f64>, pair: Pair) -> Vec<f64> {
    let p = z.nrows();
    let mut values = vec![0.0; z.ncols()];
    let mut product = Mat::<f64>::zeros(ROWS, POINTS);
    for (block, values) in values.chunks_mut(POINTS).enumerate() {
        let z = z.subcols(block * POINTS, values.len());
        for first in (0..p).step_by(ROWS) {
            let rows = ROWS.min(p - first);
            let mut product = product.submatrix_mut(0, 0, rows, values.len());
            matmul(
                product.rb_mut(),
                Accum::Replace,
                lower.submatrix(first, 0, rows, first + rows),
                z.subrows(0, first + rows),
                1.0,
                Par::Seq,
            );
            Arch::new().dispatch(Dots {
                left: match pair {
                    Pair::Column => z.subrows(first, rows),
                    Pair::Product => product.rb(),
                },
                right: product.rb(),
                values: &mut *values,
            });
        }
    }
    values
}

/// Adds the inner product of every pair of columns, compiled for wide vectors.
struct Dots<'a> {
    left: MatRef<'a, f64>,
    right: MatRef<'a, f64>,
    values: &'a mut [f64],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (q, value) in self.values.iter_mut().enumerate() {
            let slices = [self.left, self.right].map(|of| of.col(q).try_as_col_major());
            let [x, y] = slices.map(|of| of.map_or(&[][..], |column| column.as_slice()));
            let ((x, x_end), (y, y_end)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
            let mut lanes = [0.0; 8];
            for (x, y) in x.iter().zip(y) {
                for v in 0..8 {
                    lanes[v] += x[v] * y[v];
                }
            }
            let ends = x_end.iter().zip(y_end).map(|(x, y)| x * y).sum::<f64>();
            *value += lanes.iter().sum::<f64>() + ends;
        }
    }
}
