//! Passes over the rows of a matrix that is given, standardised as they are read.

use std::sync::atomic::Ordering;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::EstimatorError;
use crate::batch::streamed::{self, ROWS};
use crate::batch::{Data, Panel, Picked};
use crate::real::Real;
use crate::reduce::{Pool, stoppable_tree_sum};
use crate::watch::{Interrupted, Watch};

/// Weighted mean and standard deviation of every column, in two passes; the deviation of a constant column is 0.
pub(super) fn moments(
    data: &Data<'_>,
    weights: &[f64],
    watch: Watch<'_>,
) -> Result<(Vec<f64>, Vec<f64>), Interrupted> {
    let total: f64 = weights.iter().sum();
    let mean = |of: &(dyn Fn(usize, f64) -> f64 + Sync)| {
        let blocks = data.rows().div_ceil(ROWS);
        let sums = stoppable_tree_sum(blocks, data.columns(), watch, |block, sums| {
            let first = block * ROWS;
            for (at, weight) in weights[first..].iter().take(ROWS).enumerate() {
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum += weight * of(column, data.entry(first + at, column));
                }
            }
        })?;
        Ok(sums.into_iter().map(|sum| sum / total).collect())
    };
    let means: Vec<f64> = mean(&|_, x| x)?;
    let variances: Vec<f64> = mean(&|column, x| (x - means[column]).powi(2))?;
    let deviation = |(variance, mean): (f64, &f64)| {
        // What rounding leaves of a constant.
        let rounding = total * f64::EPSILON * variance + (total * mean * f64::EPSILON).powi(2);
        if variance.is_finite() && variance <= rounding {
            0.0
        } else {
            variance.sqrt()
        }
    };
    let deviations = variances.into_iter().zip(&means).map(deviation).collect();
    Ok((means, deviations))
}

/// A standardised matrix.
pub(super) struct Rows<'a> {
    data: Data<'a>,
}

impl<'a> Rows<'a> {
    /// Of these means and standard deviations; a column of deviation 0 is constant and has no part.
    pub(super) fn new(
        data: &'a Data<'_>,
        means: &[f64],
        deviations: &[f64],
    ) -> Result<Self, EstimatorError> {
        let divisor = |deviation: &f64| match *deviation {
            0.0 => f64::INFINITY,
            deviation => deviation,
        };
        let divisors = deviations.iter().map(divisor).collect();
        Ok(Self {
            data: data.view().scaled(means.to_vec(), divisors)?,
        })
    }

    pub(super) fn columns(&self) -> usize {
        self.data.columns()
    }

    /// Panels of rows, fields along `directions` (m x d) and what `visit` makes of them: one after the other, in order.
    pub(super) fn map<T: Real, R: Send>(
        &self,
        part: &[u64],
        directions: MatRef<'_, f64>,
        watch: Watch<'_>,
        visit: impl Fn(&[u64], &mut [T]) -> R + Sync,
    ) -> Result<Vec<R>, Interrupted> {
        let (d, m) = (self.columns(), directions.nrows());
        // Each direction contiguous, as the product reads them.
        let directions = Mat::<T>::from_fn(d, m, |j, i| T::from_f64(directions[(i, j)]));
        let spaces = Pool::default();
        let one = |numbers: &[u64]| {
            if watch.stop.load(Ordering::Relaxed) {
                return Err(Interrupted);
            }
            let height = numbers.len();
            let mut space: Vec<T> = spaces.take_or(Vec::new);
            space.resize(ROWS * (d + m), T::from_f64(0.0));
            let (x, fields) = space.split_at_mut(ROWS * d);
            let (x, fields) = (&mut x[..height * d], &mut fields[..height * m]);
            self.data.fill(numbers, x);
            matmul(
                MatMut::from_column_major_slice_mut(fields, height, m),
                Accum::Replace,
                MatRef::from_column_major_slice(x, height, d),
                directions.as_ref(),
                T::from_f64(1.0),
                Par::Seq,
            );
            let made = visit(numbers, fields);
            spaces.give(space);
            Ok(made)
        };
        part.par_chunks(ROWS).map(one).collect()
    }

    /// One pass over some rows: `visit` is shown the fields along `directions` (m x d), overwrites the first k columns by
    /// coefficients C and adds to the sums. Returns `C^T X` (k x d) and the sums. `2 n d (m + k)` flops; the result does not
    /// depend on the number of threads.
    pub(super) fn sweep<T: Real>(
        &self,
        part: &[u64],
        directions: MatRef<'_, f64>,
        (k, sums): (usize, usize),
        watch: Watch<'_>,
        visit: impl Fn(&[u64], &mut Panel<'_, T>) + Sync,
    ) -> Result<(Mat<f64>, Vec<f64>), Interrupted> {
        let rows = Picked {
            data: &self.data,
            numbers: part,
        };
        let visit = |panel: &mut Panel<'_, T>| {
            let first = panel.first_row as usize;
            visit(&part[first..first + panel.rows], panel);
        };
        let swept = streamed::sweep(&rows, directions, k, false, sums, &visit, watch)?;
        Ok((swept.backward, swept.sums))
    }
}
