//! A batch held with all that was revealed of it, because it will be touched again.

use std::sync::OnceLock;

use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

use crate::batch::inputs::{Reach, RowLaw};
use crate::batch::pieces::{Pieces, cast};
use crate::batch::settled::Settled;
use crate::batch::tall::{Factors, Rows};
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
    /// The law of rows in coordinates on it.
    law: RowLaw<'static>,
    /// Columns of Z.
    columns: usize,
    /// Columns of E.
    contracted: usize,
    /// The number of the first of `blocks`.
    first: usize,
    blocks: Vec<Block<T>>,
    /// The last contraction, if the coordinates that belong to it have not been needed yet.
    pending: Option<Box<Pending<T>>>,
    /// Matrices of normals drawn so far; 0 before the first pass.
    draws: u64,
}

/// The rows of Z and E that belong to one block.
#[derive(Debug)]
struct Block<T> {
    coordinates: Pieces<T>,
    contracted: Pieces<T>,
}

/// A contraction `X_perp^T C` whose value `R^T B` is known, with `C = E_new R`.
#[derive(Debug)]
struct Pending<T> {
    /// Of C without what lies along E.
    factors: Factors<T>,
    /// What makes E_new of them.
    basis: Mat<f64>,
    /// B, the coordinates of `X_perp^T E_new` on new frame vectors.
    drawn: Mat<f64>,
}

/// A column of which so much is left by a projection is as orthogonal as it can be: rounding has grown ten times at most.
const LEFT: f64 = 0.1;

impl<T: Real> Ledger<T> {
    /// A batch of which only the coordinates on the frame's `frame` vectors are known, in which rows have this law.
    pub(super) fn new(
        seed: u64,
        id: BatchId,
        rows: u64,
        (frame, law): (usize, RowLaw<'static>),
    ) -> Self {
        Self {
            seed,
            id,
            rows: rows as usize,
            opened: frame,
            law,
            columns: 0,
            contracted: 0,
            first: 0,
            blocks: Vec::new(),
            pending: None,
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
                    coordinates: Pieces::new(size),
                    contracted: Pieces::new(size),
                }
            })
            .collect();
        let mut normals = self.fresh(self.opened);
        if let Reach::First(r) = self.law.reach {
            self.give_law(&mut normals, r);
        }
        self.append(normals, self.opened);
    }

    /// Overwrites the first r coordinates by those of their law.
    fn give_law(&mut self, values: &mut [Mat<T>], r: usize) {
        let (seed, role, index) = (self.seed, Role::Ledger(self.id.purpose), self.id.index);
        let (draw, first, inputs) = (self.draws << 32, self.first, self.law.inputs);
        self.draws += 1;
        to_each(values, &|b, values| {
            let rows = values.nrows();
            let mut stream = Stream::new(seed, role, index, draw | (first + b) as u64);
            let mut z = vec![T::from_f64(0.0); rows * r];
            inputs.fill(&mut stream, &mut z, rows);
            for (j, z) in z.chunks_exact(rows).enumerate() {
                values.col_as_slice_mut(j).copy_from_slice(z);
            }
        });
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
            let mut product = vec![T::from_f64(0.0); m * columns];
            self.blocks[b].contracted.transposed_times(
                values[b].as_ref(),
                MatMut::from_column_major_slice_mut(&mut product, columns, m),
            );
            for (sum, value) in sums.iter_mut().zip(product) {
                *sum = value.to_f64();
            }
        });
        Mat::from_fn(m, columns, |i, j| sums[i * columns + j])
    }

    /// `(I - E E^T) values`, block by block.
    fn project_out(&self, values: &mut [Mat<T>], columns: usize, ranks: &dyn Ranks) {
        self.set_along(values, &Mat::zeros(self.contracted, columns), ranks);
    }

    /// Gives the columns of `values` the coordinates `along` on E: `values + E (along - E^T values)`.
    fn set_along(&self, values: &mut [Mat<T>], along: &Mat<f64>, ranks: &dyn Ranks) {
        if along.nrows() == 0 || along.ncols() == 0 {
            return;
        }
        let missing = along - self.along_contracted(values, along.ncols(), ranks);
        let missing = cast::<T>(missing.as_ref());
        to_each(values, &|b, value| {
            self.blocks[b]
                .contracted
                .add_times(value.as_mut(), missing.as_ref());
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
        self.append(normals, new);
    }

    fn append(&mut self, normals: Vec<Mat<T>>, columns: usize) {
        self.columns += columns;
        for (block, normals) in self.blocks.iter_mut().zip(normals) {
            block.coordinates.append(normals);
        }
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
        self.complete(watch.ranks);
        self.extend(untouched.frame(), watch.ranks);
        let q = self.columns;
        let k = sweep.coefficients;
        let directions = cast::<T>(sweep.directions.widened(q).as_ref());
        let slots: Vec<OnceLock<Mat<T>>> = self.blocks.iter().map(|_| OnceLock::new()).collect();
        let sums = stoppable_tree_sum(self.all(), sweep.sums + k * q, watch, |b, sums| {
            let block = &self.blocks[b - self.first].coordinates;
            let visited = Visited::of(b, block.nrows(), sweep.part);
            let picked = visited.part.map(|part| {
                let rows = part.iter().map(|row| (row - visited.start) as usize);
                block.picked(&rows.collect::<Vec<_>>())
            });
            let coordinates = picked.as_ref().unwrap_or(block);
            let rows = coordinates.nrows();
            let width = directions.nrows().max(k);
            let mut values = vec![T::from_f64(0.0); rows * width];
            let m = directions.nrows();
            let fields = MatMut::from_column_major_slice_mut(&mut values[..rows * m], rows, m);
            coordinates.add_times(fields, directions.transpose());
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
            let mut product = vec![T::from_f64(0.0); k * q];
            let out = MatMut::from_column_major_slice_mut(&mut product, k, q);
            coordinates.transposed_times(coefficients, out);
            for (sum, value) in backward.iter_mut().zip(product) {
                *sum = value.to_f64();
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

    /// Draws `X_perp^T C` given all that is known; the coordinates of the batch that go with it are made when it is touched
    /// again.
    fn reveal(
        &mut self,
        untouched: &mut Untouched,
        known: Mat<f64>,
        mut coefficients: Vec<Mat<T>>,
        ranks: &dyn Ranks,
    ) -> Mat<f64> {
        let k = known.nrows();
        let lengths = self.lengths(&coefficients, k, ranks);
        if self.contracted > 0 {
            self.project_out(&mut coefficients, k, ranks);
            let left = self.lengths(&coefficients, k, ranks);
            let mut pairs = left.iter().zip(&lengths);
            if pairs.any(|(left, length)| *left < LEFT * length) {
                // Twice is enough: what the first projection leaves of E by rounding, the second removes.
                self.project_out(&mut coefficients, k, ranks);
            }
        }
        let factors = self.tall(k, ranks).factors(&coefficients);
        drop(coefficients);
        // Rounding is relative to each column's length before anything was projected out of it; what is left below that is
        // no direction.
        let settled = Settled::new(factors.triangle.as_ref(), &lengths, 64.0 * T::EPSILON);
        let triangle = &settled.triangle;
        let drawn = untouched.draw(triangle.nrows());
        let backward = beside(&known, untouched.frame(), &(triangle.transpose() * &drawn));
        self.pending = Some(Box::new(Pending {
            factors,
            basis: settled.basis(),
            drawn,
        }));
        backward
    }

    /// Makes what belongs to the last contraction: `E_new`, and the coordinates on the frame vectors that it drew,
    /// `(I - E E^T) G + E_new B`.
    fn complete(&mut self, ranks: &dyn Ranks) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let Pending {
            factors,
            basis,
            drawn,
        } = *pending;
        let columns = factors.triangle.ncols();
        let new = self.tall(columns, ranks).times(factors, &basis);
        for (block, new) in self.blocks.iter_mut().zip(new) {
            block.contracted.append(new);
        }
        let old = self.contracted;
        self.contracted += basis.ncols();
        let along = Mat::from_fn(self.contracted, drawn.ncols(), |i, j| match i < old {
            true => 0.0,
            false => drawn[(i - old, j)],
        });
        let mut normals = self.fresh(drawn.ncols());
        self.set_along(&mut normals, &along, ranks);
        self.append(normals, drawn.ncols());
    }

    /// How the rows of a matrix of k columns beside the batch are spread.
    fn tall<'a>(&self, k: usize, ranks: &'a dyn Ranks) -> Rows<'a> {
        Rows {
            ranks,
            count: self.rows,
            block: BLOCK,
            columns: k,
        }
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
