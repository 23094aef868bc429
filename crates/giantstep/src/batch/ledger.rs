//! A batch held with all that was revealed of it, because it will be touched again.

use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

use crate::batch::settled::Settled;
use crate::batch::untouched::{Untouched, beside};
use crate::batch::{BatchId, Numbers, Panel, Purpose, Role, Stream, Sweep, Swept};
use crate::columns;
use crate::ranks::{Ranks, Share};
use crate::real::Real;
use crate::reduce::{shared_tree_sum, stoppable_tree_sum};
use crate::watch::{Interrupted, Watch};

/// Rows of one block; a block has its own streams, so the number of threads cannot change a draw.
const BLOCK: usize = 1024;

/// What was revealed of a batch `X` (n x d): its coordinates `Z` (n x q) on the frame, and an orthonormal basis
/// `E` (n x m) of the directions of R^n along which the untouched part was contracted.
///
/// It satisfies `E^T X_perp = 0`, and given that, `X_perp = (I - E E^T) G` with a fresh Gaussian G. Each rank holds the
/// rows of its own blocks.
#[derive(Debug)]
pub struct Ledger<T> {
    seed: u64,
    id: BatchId,
    rows: usize,
    /// The frame's size when the batch was opened.
    opened: usize,
    /// Columns of Z.
    columns: usize,
    /// Columns of E.
    contracted: usize,
    /// The number of the first of `blocks`.
    first: usize,
    blocks: Vec<Block<T>>,
    /// Matrices of normals drawn so far; 0 before the first pass.
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
        Self {
            seed,
            id,
            rows: rows as usize,
            opened: frame,
            columns: 0,
            contracted: 0,
            first: 0,
            blocks: Vec::new(),
            draws: 0,
        }
    }

    /// The number of blocks on all ranks.
    fn all(&self) -> usize {
        self.rows.div_ceil(BLOCK)
    }

    /// Draws the blocks of this rank along the frame that was known when the batch was opened.
    fn begin(&mut self, ranks: &dyn Ranks) {
        let own = Share::new(self.all(), ranks.size()).of(ranks.rank());
        self.first = own.start;
        self.blocks = own
            .map(|b| {
                let size = BLOCK.min(self.rows - b * BLOCK);
                Block {
                    coordinates: Mat::zeros(size, 0),
                    contracted: Mat::zeros(size, 0),
                }
            })
            .collect();
        self.extend(self.opened, ranks);
    }

    /// Fresh normals, the own blocks of an n x `columns` matrix.
    fn fresh(&mut self, columns: usize) -> Vec<Mat<T>> {
        let (seed, role, index) = (self.seed, Role::Ledger(self.id.purpose), self.id.index);
        let (draw, first) = (self.draws << 32, self.first);
        self.draws += 1;
        of_each(self.blocks.len(), &|b| {
            let mut stream = Stream::new(seed, role, index, draw | (first + b) as u64);
            let mut normals = Mat::zeros(self.blocks[b].coordinates.nrows(), columns);
            for j in 0..columns {
                stream.fill_normal(normals.col_as_slice_mut(j));
            }
            normals
        })
    }

    /// `E^T values` in f64, summed in the fixed tree.
    fn along_contracted(&self, values: &[Mat<T>], columns: usize, ranks: &dyn Ranks) -> Mat<f64> {
        let m = self.contracted;
        let sums = shared_tree_sum(ranks, self.all(), m * columns, |b, sums| {
            let b = b - self.first;
            let contracted = self.blocks[b].contracted.transpose();
            let product = product(contracted, values[b].as_ref());
            for j in 0..columns {
                for (i, value) in product.col_as_slice(j).iter().enumerate() {
                    sums[j * m + i] = value.to_f64();
                }
            }
        });
        Mat::from_fn(m, columns, |i, j| sums[j * m + i])
    }

    /// `(I - E E^T) values`, block by block.
    fn project_out(&self, values: &mut [Mat<T>], columns: usize, ranks: &dyn Ranks) {
        if self.contracted == 0 || columns == 0 {
            return;
        }
        let along = cast::<T>(self.along_contracted(values, columns, ranks).as_ref());
        to_each(values, &|b, value| {
            matmul(
                value.as_mut(),
                Accum::Add,
                self.blocks[b].contracted.as_ref(),
                along.as_ref(),
                T::from_f64(-1.0),
                Par::Seq,
            );
        });
    }

    /// Coordinates along frame vectors that this batch has not been contracted against: `(I - E E^T) G`.
    fn extend(&mut self, frame: usize, ranks: &dyn Ranks) {
        let new = frame - self.columns;
        if new == 0 {
            return;
        }
        let mut normals = self.fresh(new);
        self.project_out(&mut normals, new, ranks);
        self.append(&normals, new);
    }

    fn append(&mut self, normals: &[Mat<T>], columns: usize) {
        self.columns += columns;
        to_each(&mut self.blocks, &|b, block| {
            block.coordinates = joined(&block.coordinates, &normals[b]);
        });
    }

    /// The pass of [`crate::batch::Engine::sweep`] on a held batch; `2 n q (m + k) + 2 n k (E + k)` flops, of which a part
    /// of the rows saves the first.
    pub(super) fn sweep(
        &mut self,
        untouched: &mut Untouched,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        if self.draws == 0 {
            self.begin(watch.ranks);
        }
        self.extend(untouched.frame(), watch.ranks);
        let q = self.columns;
        let k = sweep.coefficients;
        let directions = cast::<T>(sweep.directions.widened(q).as_ref());
        let slots: Vec<OnceLock<Mat<T>>> = self.blocks.iter().map(|_| OnceLock::new()).collect();
        let sums = stoppable_tree_sum(self.all(), sweep.sums + k * q, watch, |b, sums| {
            let block = &self.blocks[b - self.first].coordinates;
            let visited = Visited::of(b, block.nrows(), sweep.part);
            let picked = visited.part.map(|part| {
                let row = |v: usize| (part[v] - visited.start) as usize;
                Mat::from_fn(part.len(), q, |v, j| block[(row(v), j)])
            });
            let coordinates = picked.as_ref().unwrap_or(block);
            let rows = coordinates.nrows();
            let fields = product(coordinates.as_ref(), directions.transpose());
            let width = directions.nrows().max(k);
            let mut values = vec![T::from_f64(0.0); rows * width];
            for j in 0..directions.nrows() {
                values[j * rows..(j + 1) * rows].copy_from_slice(fields.col_as_slice(j));
            }
            let (backward, own) = sums.split_at_mut(k * q);
            if rows > 0 {
                visit(&mut Panel {
                    first_row: visited.first,
                    numbers: match (visited.part, self.id.purpose) {
                        (Some(part), _) => Numbers::Listed(part),
                        (None, Purpose::Set) => Numbers::Consecutive,
                        (None, _) => Numbers::Fresh,
                    },
                    rows,
                    fields: &mut values,
                    sums: own,
                    scratch: &mut Vec::new(),
                });
            }
            let coefficients = MatRef::from_column_major_slice(&values[..rows * k], rows, k);
            let product = product(coefficients.transpose(), coordinates.as_ref());
            for j in 0..q {
                for (i, value) in product.col_as_slice(j).iter().enumerate() {
                    backward[j * k + i] = value.to_f64();
                }
            }
            // A block is visited once, so the slot is empty.
            let _ = slots[b - self.first].set(visited.spread(coefficients, block.nrows()));
            watch.observer.rows_done(rows as u64);
        })?;
        // Not stopped, so every slot is filled.
        let coefficients = slots.into_iter().filter_map(OnceLock::into_inner).collect();
        let known = Mat::from_fn(k, q, |i, j| sums[j * k + i]);
        let backward = if k == 0 {
            known
        } else {
            self.reveal(untouched, known, coefficients, watch.ranks)
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
        ranks: &dyn Ranks,
    ) -> Mat<f64> {
        let k = known.nrows();
        let lengths = self.lengths(&coefficients, k, ranks);
        // Twice is enough: what the first projection leaves of E by rounding, the second removes.
        self.project_out(&mut coefficients, k, ranks);
        self.project_out(&mut coefficients, k, ranks);
        let (basis, triangle) = self.orthonormal(&coefficients, &lengths, ranks);
        drop(coefficients);
        let drawn = untouched.draw(triangle.nrows());
        let new = drawn.ncols();
        let backward = beside(&known, untouched.frame(), &(triangle.transpose() * &drawn));
        let mut normals = self.fresh(new);
        to_each(&mut self.blocks, &|b, block| {
            block.contracted = joined(&block.contracted, &basis[b]);
        });
        self.contracted += triangle.nrows();
        self.project_out(&mut normals, new, ranks);
        let drawn = cast::<T>(drawn.as_ref());
        to_each(&mut normals, &|b, normals| {
            matmul(
                normals.as_mut(),
                Accum::Add,
                basis[b].as_ref(),
                drawn.as_ref(),
                T::from_f64(1.0),
                Par::Seq,
            );
        });
        self.append(&normals, new);
        backward
    }

    /// The lengths of the k columns of a tall matrix given in blocks.
    fn lengths(&self, blocks: &[Mat<T>], k: usize, ranks: &dyn Ranks) -> Vec<f64> {
        let powers = shared_tree_sum(ranks, self.all(), k, |b, powers| {
            let block = &blocks[b - self.first];
            for (j, power) in powers.iter_mut().enumerate() {
                *power = columns::power(block.col_as_slice(j));
            }
        });
        powers.iter().map(|power| power.sqrt()).collect()
    }

    /// Thin QR of a tall matrix given in blocks: `C = E R` with `E^T E = I` and as many rows of R as the rank.
    ///
    /// Blocks are factorised one by one and their triangles together, with column pivoting, so the sums of squares
    /// that lose half the digits never appear. Rounding is relative to each column's `lengths` before anything was
    /// projected out of it; what is left below that is no direction. Ranks give each other their triangles,
    /// `min(k, 1024) x k` numbers a block.
    fn orthonormal(
        &self,
        blocks: &[Mat<T>],
        lengths: &[f64],
        ranks: &dyn Ranks,
    ) -> (Vec<Mat<T>>, Mat<f64>) {
        let k = lengths.len();
        let factors: Vec<(Mat<T>, Mat<T>)> = of_each(blocks.len(), &|b| {
            let qr = blocks[b].qr();
            (qr.compute_thin_Q(), qr.thin_R().to_owned())
        });
        // All blocks but the last have BLOCK rows, so every rank knows where the triangles of the others begin.
        let last = self.rows - (self.all() - 1) * BLOCK;
        let start = |b: usize| match b < self.all() {
            true => b * BLOCK.min(k),
            false => (b - 1) * BLOCK.min(k) + last.min(k),
        };
        let height = start(self.all());
        let mut triangles = vec![0.0; height * k];
        for (b, (_, triangle)) in factors.iter().enumerate() {
            let rows = triangles[start(self.first + b) * k..].chunks_exact_mut(k.max(1));
            for (i, row) in rows.take(triangle.nrows()).enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    if lengths[j] > 0.0 {
                        *value = triangle[(i, j)].to_f64() / lengths[j];
                    }
                }
            }
        }
        let share = Share::new(self.all(), ranks.size());
        for rank in 0..ranks.size() {
            let own = share.of(rank);
            ranks.broadcast(
                rank,
                &mut triangles[start(own.start) * k..start(own.end) * k],
            );
        }
        // They were divided by the lengths above.
        let judged: Vec<f64> = lengths
            .iter()
            .map(|length| f64::from(*length > 0.0))
            .collect();
        let triangles = MatRef::from_row_major_slice(&triangles, height, k);
        let settled = Settled::new(triangles, &judged, 64.0 * T::EPSILON);
        let rank = settled.triangle.nrows();
        let restored = Mat::from_fn(rank, k, |i, j| settled.triangle[(i, j)] * lengths[j]);
        let thin = settled.basis();
        let basis = of_each(factors.len(), &|b| {
            let (q, _) = &factors[b];
            let first = start(self.first + b);
            let part = cast::<T>(thin.submatrix(first, 0, q.ncols(), rank));
            product(q.as_ref(), part.as_ref())
        });
        (basis, restored)
    }

    /// The number n of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// What is made of each block, on all threads.
fn of_each<R: Send>(blocks: usize, made: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    (0..blocks).into_par_iter().map(made).collect()
}

/// What is done to each block, on all threads.
fn to_each<B: Send>(blocks: &mut [B], done: &(dyn Fn(usize, &mut B) + Sync)) {
    let numbered = blocks.par_iter_mut().enumerate();
    numbered.for_each(|(b, block)| done(b, block));
}

/// Which rows of a block a pass visits.
struct Visited<'a> {
    /// The number of the block's first row.
    start: u64,
    /// The place of the first visited row in the pass.
    first: u64,
    /// The numbers of the visited rows; none for all.
    part: Option<&'a [u64]>,
}

impl<'a> Visited<'a> {
    fn of(block: usize, rows: usize, part: Option<&'a [u64]>) -> Self {
        let start = (block * BLOCK) as u64;
        let end = start + rows as u64;
        let Some(part) = part else {
            return Self {
                start,
                first: start,
                part: None,
            };
        };
        let first = part.partition_point(|row| *row < start);
        let last = part.partition_point(|row| *row < end);
        Self {
            start,
            first: first as u64,
            part: Some(&part[first..last]),
        }
    }

    /// The coefficients of all `rows` rows of the block: of those that are not visited 0, of one that is visited twice the sum.
    fn spread<T: Real>(&self, coefficients: MatRef<'_, T>, rows: usize) -> Mat<T> {
        let Some(part) = self.part else {
            return coefficients.to_owned();
        };
        let mut all = Mat::<T>::zeros(rows, coefficients.ncols());
        for j in 0..coefficients.ncols() {
            for (v, row) in part.iter().enumerate() {
                all[((row - self.start) as usize, j)] += coefficients[(v, j)];
            }
        }
        all
    }
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
