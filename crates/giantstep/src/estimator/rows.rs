//! Rows that are given: standardised panel by panel as they are read, never copied as a whole.

use std::sync::atomic::Ordering;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::EstimatorError;
use crate::batch::streamed::{ROWS, leaves, per_leaf};
use crate::real::Real;
use crate::reduce::{Pool, stoppable_tree_sum};
use crate::watch::{Interrupted, Watch};

/// The numbers of a matrix, in either precision.
#[derive(Debug, Clone, Copy)]
pub enum Entries<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

impl Entries<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(entries) => entries.len(),
            Self::F64(entries) => entries.len(),
        }
    }
}

/// How a matrix lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Row after row.
    Rows,
    /// Column after column.
    Columns,
}

/// A matrix of n rows and d columns, as it lies in memory.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    entries: Entries<'a>,
    rows: usize,
    columns: usize,
    order: Order,
}

impl<'a> Table<'a> {
    /// A matrix of this shape.
    ///
    /// # Errors
    /// [`EstimatorError::Shape`] if the numbers do not fill it.
    pub fn new(
        entries: Entries<'a>,
        rows: usize,
        columns: usize,
        order: Order,
    ) -> Result<Self, EstimatorError> {
        let expected = rows * columns;
        if entries.len() != expected || rows > u32::MAX as usize {
            return Err(EstimatorError::Shape {
                what: "inputs",
                is: entries.len(),
                expected,
            });
        }
        Ok(Self {
            entries,
            rows,
            columns,
            order,
        })
    }

    /// The number n of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number d of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// An entry.
    pub(super) fn value(&self, row: usize, column: usize) -> f64 {
        let at = match self.order {
            Order::Rows => row * self.columns + column,
            Order::Columns => column * self.rows + row,
        };
        match self.entries {
            Entries::F32(entries) => f64::from(entries[at]),
            Entries::F64(entries) => entries[at],
        }
    }

    /// Weighted mean and standard deviation of every column, in two passes; the deviation of a constant column is 0.
    pub(super) fn moments(
        &self,
        weights: &[f64],
        watch: Watch<'_>,
    ) -> Result<(Vec<f64>, Vec<f64>), Interrupted> {
        let total: f64 = weights.iter().sum();
        let mean = |of: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let blocks = self.rows.div_ceil(ROWS);
            let sums = stoppable_tree_sum(blocks, self.columns, watch, |block, sums| {
                let first = block * ROWS;
                for (at, weight) in weights[first..].iter().take(ROWS).enumerate() {
                    for (column, sum) in sums.iter_mut().enumerate() {
                        *sum += weight * of(column, self.value(first + at, column));
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
}

/// A standardised matrix.
pub(super) struct Rows<'a> {
    table: Table<'a>,
    means: &'a [f64],
    /// 1 over the standard deviations; 0 for a constant column.
    inverse: Vec<f64>,
}

/// The fields of some rows.
pub(super) struct Panel<'a, T> {
    /// Their numbers.
    pub numbers: &'a [u32],
    /// Fields, one column after the other; the first k columns leave as coefficients.
    pub fields: &'a mut [T],
    /// Sums over rows, to be added to.
    pub sums: &'a mut [f64],
    /// Space for intermediate columns, which keeps its length and content from an earlier panel.
    pub scratch: &'a mut Vec<T>,
}

/// What one leaf works with; leaves hand it on to each other.
struct Workspace<T> {
    /// A panel of X by columns, and behind it the fields.
    panel: Vec<T>,
    /// `C^T X` on the panels of the leaf.
    product: Vec<T>,
    scratch: Vec<T>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(table: Table<'a>, means: &'a [f64], deviations: &[f64]) -> Self {
        let inverse = |deviation: &f64| match *deviation {
            0.0 => 0.0,
            deviation => 1.0 / deviation,
        };
        Self {
            table,
            means,
            inverse: deviations.iter().map(inverse).collect(),
        }
    }

    pub(super) fn columns(&self) -> usize {
        self.table.columns
    }

    /// Writes the rows of these numbers, column after column.
    fn read<T: Real>(&self, numbers: &[u32], out: &mut [T]) {
        match self.table.entries {
            Entries::F32(entries) => self.read_from(entries, numbers, out),
            Entries::F64(entries) => self.read_from(entries, numbers, out),
        }
    }

    fn read_from<T: Real, U: Real>(&self, entries: &[U], numbers: &[u32], out: &mut [T]) {
        /// So many rows are read side by side.
        const SIDE: usize = 16;
        let (n, d, height) = (self.table.rows, self.table.columns, numbers.len());
        let (by_row, by_column) = match self.table.order {
            Order::Rows => (d, 1),
            Order::Columns => (1, n),
        };
        for (piece, numbers) in numbers.chunks(SIDE).enumerate() {
            for j in 0..d {
                let (mean, inverse) = (self.means[j], self.inverse[j]);
                let from = j * height + piece * SIDE;
                for (out, number) in out[from..from + numbers.len()].iter_mut().zip(numbers) {
                    let x = entries[*number as usize * by_row + j * by_column].to_f64();
                    *out = T::from_f64((x - mean) * inverse);
                }
            }
        }
    }

    /// Panels of rows, fields along `directions` (m x d) and what `visit` makes of them: one after the other, in order.
    pub(super) fn map<T: Real, R: Send>(
        &self,
        part: &[u32],
        directions: MatRef<'_, f64>,
        watch: Watch<'_>,
        visit: impl Fn(&[u32], &mut [T]) -> R + Sync,
    ) -> Result<Vec<R>, Interrupted> {
        let transposed = transposed::<T>(directions);
        let (d, m) = (self.columns(), directions.nrows());
        let spaces = Pool::default();
        let one = |numbers: &[u32]| {
            if watch.stop.load(Ordering::Relaxed) {
                return Err(Interrupted);
            }
            let mut space: Vec<T> = spaces.take_or(Vec::new);
            space.resize(ROWS * (d + m), T::from_f64(0.0));
            let (x, fields) = space.split_at_mut(ROWS * d);
            let (x, fields) = (
                &mut x[..numbers.len() * d],
                &mut fields[..numbers.len() * m],
            );
            self.read(numbers, x);
            product(x, transposed.as_ref(), fields, numbers.len());
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
        part: &[u32],
        directions: MatRef<'_, f64>,
        (k, sums): (usize, usize),
        watch: Watch<'_>,
        visit: impl Fn(&mut Panel<'_, T>) + Sync,
    ) -> Result<(Mat<f64>, Vec<f64>), Interrupted> {
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        let (d, m) = (self.columns(), directions.nrows());
        let fields = m.max(k);
        let transposed = transposed::<T>(directions);
        let panels: Vec<&[u32]> = part.chunks(ROWS).collect();
        let per_leaf = per_leaf(panels.len() as u64) as usize;
        let spaces = Pool::default();
        let leaves = leaves(part.len() as u64);
        let total = stoppable_tree_sum(leaves, k * d + sums, watch, |leaf, out| {
            let mut space = spaces.take_or(|| Workspace {
                panel: vec![zero; ROWS * (d + fields)],
                product: vec![zero; k * d],
                scratch: Vec::new(),
            });
            let (backward, own) = out.split_at_mut(k * d);
            let first = leaf * per_leaf;
            for (at, numbers) in panels[first..].iter().take(per_leaf).enumerate() {
                if watch.stop.load(Ordering::Relaxed) {
                    break;
                }
                let height = numbers.len();
                let (x, values) = space.panel.split_at_mut(ROWS * d);
                let (x, values) = (&mut x[..height * d], &mut values[..height * fields]);
                self.read(numbers, x);
                product(x, transposed.as_ref(), &mut values[..height * m], height);
                visit(&mut Panel {
                    numbers,
                    fields: values,
                    sums: own,
                    scratch: &mut space.scratch,
                });
                matmul(
                    MatMut::from_column_major_slice_mut(&mut space.product, k, d),
                    if at == 0 { Accum::Replace } else { Accum::Add },
                    MatRef::from_column_major_slice(&values[..height * k], height, k).transpose(),
                    MatRef::from_column_major_slice(x, height, d),
                    one,
                    Par::Seq,
                );
            }
            for (sum, value) in backward.iter_mut().zip(&space.product) {
                *sum = value.to_f64();
            }
            spaces.give(space);
        })?;
        let (backward, own) = total.split_at(k * d);
        let backward = MatRef::from_column_major_slice(backward, k, d).to_owned();
        Ok((backward, own.to_vec()))
    }
}

/// Each direction contiguous, as the product reads them.
fn transposed<T: Real>(directions: MatRef<'_, f64>) -> Mat<T> {
    let (m, d) = (directions.nrows(), directions.ncols());
    Mat::from_fn(d, m, |j, i| T::from_f64(directions[(i, j)]))
}

/// Fields of `height` rows along directions, d x m.
fn product<T: Real>(x: &[T], directions: MatRef<'_, T>, fields: &mut [T], height: usize) {
    matmul(
        MatMut::from_column_major_slice_mut(fields, height, directions.ncols()),
        Accum::Replace,
        MatRef::from_column_major_slice(x, height, directions.nrows()),
        directions,
        T::from_f64(1.0),
        Par::Seq,
    );
}
