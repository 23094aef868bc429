//! A batch held with all that was revealed of it, because it will be touched again.

use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

use crate::batch::in_law::{Untouched, beside};
use crate::batch::{BatchId, Context, Interrupted, Panel, Role, Stream, Sweep, Swept};
use crate::columns;
use crate::real::Real;
use crate::reduce::tree_sum;

/// Rows of one block; a block has its own streams, so the number of threads cannot change a draw.
const BLOCK: usize = 1024;

/// What was revealed of a batch `X` (n x d): its coordinates `Z` (n x q) on the frame, and an orthonormal basis
/// `E` (n x m) of the directions of R^n along which the untouched part was contracted.
///
/// It satisfies `E^T X_perp = 0`, and given that, `X_perp = (I - E E^T) G` with a fresh Gaussian G.
#[derive(Debug)]
pub struct Ledger<T> {
    seed: u64,
    id: BatchId,
    rows: usize,
    blocks: Vec<Block<T>>,
    draws: u64,
}

/// The rows of Z and E that belong to one block.
#[derive(Debug)]
struct Block<T> {
    coordinates: Mat<T>,
    contracted: Mat<T>,
}

impl<T: Real> Ledger<T> {
    /// A batch of which only the coordinates on the frame's `frame` vectors are known.
    pub(super) fn new(seed: u64, id: BatchId, rows: u64, frame: usize) -> Self {
        let rows = rows as usize;
        let blocks = (0..rows.div_ceil(BLOCK))
            .map(|b| {
                let size = BLOCK.min(rows - b * BLOCK);
                Block {
                    coordinates: Mat::zeros(size, 0),
                    contracted: Mat::zeros(size, 0),
                }
            })
            .collect();
        let mut ledger = Self {
            seed,
            id,
            rows,
            blocks,
            draws: 0,
        };
        ledger.extend(frame);
        ledger
    }

    fn columns(&self) -> usize {
        self.blocks
            .first()
            .map_or(0, |block| block.coordinates.ncols())
    }

    /// Fresh normals, an n x `columns` matrix in blocks.
    fn fresh(&mut self, columns: usize) -> Vec<Mat<T>> {
        let (seed, role, index) = (self.seed, Role::Ledger(self.id.purpose), self.id.index);
        let draw = self.draws << 32;
        self.draws += 1;
        self.blocks
            .par_iter()
            .enumerate()
            .map(|(b, block)| {
                let mut stream = Stream::new(seed, role, index, draw | b as u64);
                let mut normals = Mat::zeros(block.coordinates.nrows(), columns);
                for j in 0..columns {
                    stream.fill_normal(normals.col_as_slice_mut(j));
                }
                normals
            })
            .collect()
    }

    /// `sum_b left_b^T right_b` in f64, summed in the fixed tree.
    fn contract<'a>(
        &'a self,
        left: impl Fn(&'a Block<T>) -> MatRef<'a, T> + Sync,
        right: impl Fn(usize) -> MatRef<'a, T> + Sync,
        (rows, columns): (usize, usize),
    ) -> Mat<f64> {
        let sums = tree_sum(self.blocks.len(), rows * columns, |b, sums| {
            let product = product(left(&self.blocks[b]).transpose(), right(b));
            for j in 0..columns {
                for (i, value) in product.col_as_slice(j).iter().enumerate() {
                    sums[j * rows + i] = value.to_f64();
                }
            }
        });
        Mat::from_fn(rows, columns, |i, j| sums[j * rows + i])
    }

    /// `(I - E E^T) values`, block by block.
    fn project_out(&self, values: &mut [Mat<T>]) {
        let m = self
            .blocks
            .first()
            .map_or(0, |block| block.contracted.ncols());
        let columns = values.first().map_or(0, |block| block.ncols());
        if m == 0 || columns == 0 {
            return;
        }
        let along = {
            let values = &*values;
            self.contract(
                |block| block.contracted.as_ref(),
                |b| values[b].as_ref(),
                (m, columns),
            )
        };
        let along = cast::<T>(along.as_ref());
        values
            .par_iter_mut()
            .zip(&self.blocks)
            .for_each(|(value, block)| {
                let minus = T::from_f64(-1.0);
                matmul(
                    value.as_mut(),
                    Accum::Add,
                    block.contracted.as_ref(),
                    along.as_ref(),
                    minus,
                    Par::Seq,
                );
            });
    }

    /// Coordinates along frame vectors that this batch has not been contracted against: `(I - E E^T) G`.
    fn extend(&mut self, frame: usize) {
        let new = frame - self.columns();
        if new == 0 {
            return;
        }
        let mut normals = self.fresh(new);
        self.project_out(&mut normals);
        self.append(normals);
    }

    fn append(&mut self, columns: Vec<Mat<T>>) {
        self.blocks
            .par_iter_mut()
            .zip(columns)
            .for_each(|(block, new)| {
                block.coordinates = joined(&block.coordinates, &new);
            });
    }

    /// The pass of [`crate::batch::Engine::sweep`] on a held batch; `2 n q (m + k) + 2 n k (E + k)` flops.
    pub(super) fn sweep(
        &mut self,
        untouched: &mut Untouched,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        context: Context<'_>,
    ) -> Result<Swept, Interrupted> {
        self.extend(untouched.frame());
        let q = self.columns();
        let k = sweep.coefficients;
        let directions = cast::<T>(sweep.directions.widened(q).as_ref());
        let slots: Vec<OnceLock<Mat<T>>> = self.blocks.iter().map(|_| OnceLock::new()).collect();
        let sums = tree_sum(self.blocks.len(), sweep.sums + k * q, |b, sums| {
            if context.stop.load(std::sync::atomic::Ordering::Relaxed) {
                return;
            }
            let block = &self.blocks[b];
            let rows = block.coordinates.nrows();
            let fields = product(block.coordinates.as_ref(), directions.transpose());
            let width = directions.nrows().max(k);
            let mut values = vec![T::from_f64(0.0); rows * width];
            for j in 0..directions.nrows() {
                values[j * rows..(j + 1) * rows].copy_from_slice(fields.col_as_slice(j));
            }
            let (backward, own) = sums.split_at_mut(k * q);
            visit(&mut Panel {
                first_row: (b * BLOCK) as u64,
                rows,
                fields: &mut values,
                sums: own,
                scratch: &mut Vec::new(),
            });
            let coefficients = MatRef::from_column_major_slice(&values[..rows * k], rows, k);
            let product = product(coefficients.transpose(), block.coordinates.as_ref());
            for j in 0..q {
                for (i, value) in product.col_as_slice(j).iter().enumerate() {
                    backward[j * k + i] = value.to_f64();
                }
            }
            // A block is visited once, so the slot is empty.
            let _ = slots[b].set(coefficients.to_owned());
            (context.progress)(rows as u64);
        });
        let coefficients: Option<Vec<Mat<T>>> =
            slots.into_iter().map(OnceLock::into_inner).collect();
        let Some(coefficients) = coefficients else {
            return Err(Interrupted);
        };
        let known = Mat::from_fn(k, q, |i, j| sums[j * k + i]);
        let backward = if k == 0 {
            known
        } else {
            self.reveal(untouched, known, coefficients)
        };
        Ok(Swept {
            backward: backward.into(),
            sums: sums[k * q..].to_vec(),
        })
    }

    /// Draws `X_perp^T C` given all that is known, and the coordinates of the batch that go with it.
    fn reveal(
        &mut self,
        untouched: &mut Untouched,
        known: Mat<f64>,
        mut coefficients: Vec<Mat<T>>,
    ) -> Mat<f64> {
        let lengths = lengths(&coefficients);
        // Twice is enough: what the first projection leaves of E by rounding, the second removes.
        self.project_out(&mut coefficients);
        self.project_out(&mut coefficients);
        let (basis, triangle) = orthonormal(&coefficients, &lengths);
        drop(coefficients);
        let drawn = untouched.draw(triangle.nrows());
        let new = drawn.ncols();
        let backward = beside(&known, untouched.frame(), &(triangle.transpose() * &drawn));
        let mut normals = self.fresh(new);
        self.blocks
            .par_iter_mut()
            .zip(&basis)
            .for_each(|(block, basis)| {
                block.contracted = joined(&block.contracted, basis);
            });
        self.project_out(&mut normals);
        let drawn = cast::<T>(drawn.as_ref());
        normals
            .par_iter_mut()
            .zip(&basis)
            .for_each(|(normals, basis)| {
                matmul(
                    normals.as_mut(),
                    Accum::Add,
                    basis.as_ref(),
                    drawn.as_ref(),
                    T::from_f64(1.0),
                    Par::Seq,
                );
            });
        self.append(normals);
        backward
    }

    /// The number n of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// The lengths of the columns of a tall matrix given in blocks.
fn lengths<T: Real>(blocks: &[Mat<T>]) -> Vec<f64> {
    let columns = blocks.first().map_or(0, |block| block.ncols());
    let power = |j: usize| -> f64 {
        let squares = |block: &Mat<T>| columns::power(block.col_as_slice(j));
        blocks.iter().map(squares).sum()
    };
    (0..columns).map(|j| power(j).sqrt()).collect()
}

/// Thin QR of a tall matrix given in blocks: `C = E R` with `E^T E = I` and as many rows of R as the rank.
///
/// Blocks are factorised one by one and their triangles together, with column pivoting, so the sums of squares
/// that lose half the digits never appear. Rounding is relative to each column's `lengths` before anything was
/// projected out of it; what is left below that is no direction.
fn orthonormal<T: Real>(blocks: &[Mat<T>], lengths: &[f64]) -> (Vec<Mat<T>>, Mat<f64>) {
    let k = blocks.first().map_or(0, |block| block.ncols());
    let factors: Vec<(Mat<T>, Mat<T>)> = blocks
        .par_iter()
        .map(|block| {
            let qr = block.qr();
            (qr.compute_thin_Q(), qr.thin_R().to_owned())
        })
        .collect();
    let heights: Vec<usize> = factors
        .iter()
        .map(|(_, triangle)| triangle.nrows())
        .collect();
    let mut stacked = Mat::<f64>::zeros(heights.iter().sum(), k);
    let mut first = 0;
    for (_, triangle) in &factors {
        for j in 0..k {
            for i in 0..triangle.nrows() {
                if lengths[j] > 0.0 {
                    stacked[(first + i, j)] = triangle[(i, j)].to_f64() / lengths[j];
                }
            }
        }
        first += triangle.nrows();
    }
    let qr = stacked.col_piv_qr();
    let triangle = qr.thin_R();
    let tolerance = 64.0 * T::EPSILON;
    let rank = (0..triangle.nrows())
        .take_while(|j| triangle[(*j, *j)].abs() > tolerance)
        .count();
    let (_, inverse) = qr.P().arrays();
    let restored = Mat::from_fn(rank, k, |i, j| triangle[(i, inverse[j])] * lengths[j]);
    let thin = qr.compute_thin_Q();
    let mut first = 0;
    let starts: Vec<usize> = heights
        .iter()
        .map(|height| {
            first += height;
            first - height
        })
        .collect();
    let basis = factors
        .par_iter()
        .zip(&starts)
        .map(|((q, _), start)| {
            let part = cast::<T>(thin.submatrix(*start, 0, q.ncols(), rank));
            product(q.as_ref(), part.as_ref())
        })
        .collect();
    (basis, restored)
}

fn product<T: Real>(left: MatRef<'_, T>, right: MatRef<'_, T>) -> Mat<T> {
    let mut out = Mat::zeros(left.nrows(), right.ncols());
    matmul(
        out.as_mut(),
        Accum::Replace,
        left,
        right,
        T::from_f64(1.0),
        Par::Seq,
    );
    out
}

fn joined<T: Real>(left: &Mat<T>, right: &Mat<T>) -> Mat<T> {
    let first = left.ncols();
    Mat::from_fn(left.nrows(), first + right.ncols(), |i, j| {
        if j < first {
            left[(i, j)]
        } else {
            right[(i, j - first)]
        }
    })
}

fn cast<T: Real>(matrix: MatRef<'_, f64>) -> Mat<T> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        T::from_f64(matrix[(i, j)])
    })
}
