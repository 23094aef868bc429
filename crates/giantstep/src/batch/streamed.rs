//! A random matrix that is never stored: panels of rows are drawn, used, and forgotten.

use std::sync::atomic::Ordering;

use faer::{Accum, Mat, MatRef};

use crate::batch::inputs::RowLaw;
use crate::batch::products::{Forward, add_backward, mirrored};
use crate::batch::{Purpose, Role, Stream, Sweep, Swept};
use crate::real::Real;
use crate::reduce::{Pool, stoppable_tree_sum};
use crate::watch::{Interrupted, Watch};

/// Rows of a panel: whole register tiles of every matrix product, few enough that a panel stays in the caches,
/// enough that reading the directions costs little. It belongs to the definition of a batch.
pub(crate) const ROWS: usize = 384;

/// At most this many panels are summed in the precision of the data before their sum is added in f64.
const PANELS: u64 = 8;

/// At least this many leaves are made of a large batch, to keep many cores busy.
const LEAVES: u64 = 32;

/// Panels of a leaf.
pub(crate) fn per_leaf(panels: u64) -> u64 {
    (panels / LEAVES).clamp(1, PANELS)
}

/// The number of leaves that are made of `rows` rows.
pub(crate) fn leaves(rows: u64) -> usize {
    let panels = rows.div_ceil(ROWS as u64);
    panels.div_ceil(per_leaf(panels)) as usize
}

/// The numbers that rows have in the set to which they belong, whatever batch they come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers<'a> {
    /// They belong to this batch alone.
    Fresh,
    /// Consecutive ones, from the panel's first row on.
    Consecutive,
    /// These.
    Listed(&'a [u64]),
}

/// The fields of consecutive rows of a pass.
#[derive(Debug)]
pub struct Panel<'a, T> {
    /// The first row, counted in the pass.
    pub first_row: u64,
    /// What the rows are called in their set, if they are of one.
    pub numbers: Numbers<'a>,
    /// The number of rows.
    pub rows: usize,
    /// Fields, one column of `rows` entries after the other; the first k columns leave as coefficients.
    pub fields: &'a mut [T],
    /// Sums over rows, to be added to.
    pub sums: &'a mut [f64],
    /// Space for intermediate columns, which keeps its length and content from an earlier panel.
    pub scratch: &'a mut Vec<T>,
}

impl<T> Panel<'_, T> {
    /// The number of the v-th row in its set; in the pass, if it is of none.
    pub fn number(&self, v: usize) -> u64 {
        match self.numbers {
            Numbers::Fresh | Numbers::Consecutive => self.first_row + v as u64,
            Numbers::Listed(numbers) => numbers[v],
        }
    }

    /// The i-th field on all rows.
    pub fn field(&self, i: usize) -> &[T] {
        &self.fields[i * self.rows..(i + 1) * self.rows]
    }

    /// The i-th field on all rows.
    pub fn field_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.fields[i * self.rows..(i + 1) * self.rows]
    }
}

/// The rows of a pass, which are made or read panel by panel.
pub(crate) trait Rows<T>: Sync {
    /// Their number.
    fn count(&self) -> u64;

    /// The number q of columns.
    fn columns(&self) -> usize;

    /// Writes `rows` of them from `first` on, column by column.
    fn fill(&self, first: u64, rows: usize, x: &mut [T]);

    /// What these rows are called.
    fn numbers(&self, first: u64, rows: usize) -> Numbers<'_>;
}

/// The name, law and size of a random matrix X, of which a pass sees all rows or a part.
///
/// Panels are drawn as a whole, but the rows of a training set one by one, so that a part of them costs no more than itself.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The seed of the run.
    pub seed: u64,
    /// What the matrix is for.
    pub role: Role,
    /// Its number.
    pub index: u64,
    /// The number n of rows.
    pub rows: u64,
    /// The number q of columns.
    pub columns: usize,
    /// The law of its rows.
    pub law: RowLaw<'a>,
    /// The rows that are visited; none for all.
    pub part: Option<&'a [u64]>,
}

impl Source<'_> {
    fn is_set(&self) -> bool {
        self.role == Role::Batch(Purpose::Set)
    }

    /// The number of a row of the pass.
    fn number(&self, row: u64) -> u64 {
        self.part.map_or(row, |part| part[row as usize])
    }

    /// Rows of a training set, each of its own stream.
    fn one_by_one<T: Real>(&self, first: u64, rows: usize, x: &mut [T]) {
        let q = self.columns;
        let mut some = vec![T::from_f64(0.0); BLOCK * q];
        for start in (0..rows).step_by(BLOCK) {
            let height = BLOCK.min(rows - start);
            for (v, row) in some.chunks_exact_mut(q.max(1)).take(height).enumerate() {
                let number = self.number(first + (start + v) as u64);
                let mut stream = Stream::new(self.seed, self.role, self.index, number);
                self.law.fill(&mut stream, row, 1);
            }
            for (j, column) in x.chunks_exact_mut(rows).enumerate() {
                for (v, out) in column[start..start + height].iter_mut().enumerate() {
                    *out = some[v * q + j];
                }
            }
        }
    }
}

/// Rows that are turned into columns at a time: a line of the cache in single precision.
const BLOCK: usize = 16;

impl<T: Real> Rows<T> for Source<'_> {
    fn count(&self) -> u64 {
        self.part.map_or(self.rows, |part| part.len() as u64)
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn fill(&self, first: u64, rows: usize, x: &mut [T]) {
        if self.is_set() {
            return self.one_by_one(first, rows, x);
        }
        // Of other batches no part is asked for.
        let panel = first / ROWS as u64;
        let mut stream = Stream::new(self.seed, self.role, self.index, panel);
        self.law.fill(&mut stream, x, rows);
    }

    fn numbers(&self, first: u64, rows: usize) -> Numbers<'_> {
        let first = first as usize;
        match (self.part, self.is_set()) {
            (Some(part), _) => Numbers::Listed(&part[first..first + rows]),
            (None, true) => Numbers::Consecutive,
            (None, false) => Numbers::Fresh,
        }
    }
}

/// What a pass over a matrix X (n x q) with coefficients C (n x k) returns.
#[derive(Debug)]
pub struct Streamed {
    /// `C^T X`, k x q.
    pub backward: Mat<f64>,
    /// `C^T C`, k x k, or empty if it was not asked for.
    pub gram: Mat<f64>,
    /// The sums that were accumulated.
    pub sums: Vec<f64>,
}

/// What one leaf works with; leaves hand it on to each other.
#[derive(Debug)]
struct Workspace<T> {
    /// A panel of X by columns, and behind it the fields.
    panel: Vec<T>,
    /// `C^T [X, C]` on the panels of the leaf.
    product: Vec<T>,
    /// Fields that are made beside their place.
    moved: Vec<T>,
    scratch: Vec<T>,
}

/// A pass over rows whose coordinates are those of R^d.
pub(crate) fn explicit<T: Real>(
    rows: &impl Rows<T>,
    sweep: Sweep<'_>,
    visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
    watch: Watch<'_>,
) -> Result<Swept, Interrupted> {
    let directions = sweep.directions.widened(rows.columns());
    let directions = directions.as_ref();
    let k = sweep.coefficients;
    let swept = self::sweep(rows, directions, k, false, sweep.sums, visit, watch)?;
    Ok(Swept {
        backward: swept.backward.into(),
        sums: swept.sums,
    })
}

/// One pass along `directions` (m x q): `2 n q (m + k)` flops and the making of `n q` entries, and `2 n k^2` flops with the Gram
/// matrix. Memory does not depend on n, and the result not on the number of threads.
pub(crate) fn sweep<T: Real>(
    source: &impl Rows<T>,
    directions: MatRef<'_, f64>,
    k: usize,
    gram: bool,
    sums: usize,
    visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
    watch: Watch<'_>,
) -> Result<Streamed, Interrupted> {
    let zero = T::from_f64(0.0);
    let (q, count) = (source.columns(), source.count());
    let m = directions.nrows();
    let fields = m.max(k);
    // C lies behind X, so that one product gives both results.
    let columns = if gram { q + k } else { q };
    let forward = Forward::<T>::new(directions);
    let panels = count.div_ceil(ROWS as u64);
    let per_leaf = per_leaf(panels);
    let workspaces = Pool::default();
    let tallest = count.min(ROWS as u64) as usize;
    let leaves = leaves(count);
    let total = stoppable_tree_sum(leaves, k * columns + sums, watch, |leaf, out| {
        let mut space = workspaces.take_or(|| Workspace {
            panel: vec![zero; tallest * (q + fields)],
            product: vec![zero; k * columns],
            moved: Vec::new(),
            scratch: Vec::new(),
        });
        let (backward, own) = out.split_at_mut(k * columns);
        let first = leaf as u64 * per_leaf;
        for panel in first..panels.min(first + per_leaf) {
            if watch.stop.load(Ordering::Relaxed) {
                break;
            }
            let first_row = panel * ROWS as u64;
            let rows = (count - first_row).min(ROWS as u64) as usize;
            let (x, values) = space.panel[..rows * (q + fields)].split_at_mut(rows * q);
            source.fill(first_row, rows, x);
            let panel_rows = MatRef::from_column_major_slice(x, rows, q);
            forward.write(panel_rows, &mut values[..rows * m], &mut space.moved);
            visit(&mut Panel {
                first_row,
                numbers: source.numbers(first_row, rows),
                rows,
                fields: values,
                sums: own,
                scratch: &mut space.scratch,
            });
            let accum = match panel == first {
                true => Accum::Replace,
                false => Accum::Add,
            };
            add_backward(&space.panel, (rows, q, k), &mut space.product, accum);
            watch.observer.rows_done(rows as u64);
        }
        for (sum, value) in backward.iter_mut().zip(&space.product) {
            *sum = value.to_f64();
        }
        workspaces.give(space);
    })?;
    let (product, own) = total.split_at(k * columns);
    let product = MatRef::from_column_major_slice(product, k, columns);
    let (backward, gram) = product.split_at_col(q);
    Ok(Streamed {
        backward: backward.to_owned(),
        gram: mirrored(gram),
        sums: own.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::batch::Purpose;
    use crate::watch::OnRows;

    const Q: usize = 7;

    fn source(rows: usize) -> Source<'static> {
        Source {
            seed: 3,
            role: Role::Batch(Purpose::Training),
            index: 1,
            rows: rows as u64,
            columns: Q,
            law: RowLaw::GAUSSIAN,
            part: None,
        }
    }

    /// X itself: the fields along the axes.
    fn dense<T: Real>(rows: usize) -> Mat<f64> {
        let mut x = Mat::zeros(rows, Q);
        let kept = Pool::default();
        let keep = |panel: &mut Panel<'_, T>| {
            kept.give((panel.first_row as usize, panel.rows, panel.fields.to_vec()));
        };
        let watch = Watch::default();
        let axes = Mat::identity(Q, Q);
        sweep(&source(rows), axes.as_ref(), 0, false, 0, &keep, watch).expect("not stopped");
        let mut count = 0;
        while count < rows {
            let (first, height, values) = kept.take_or(|| unreachable!("every row is shown"));
            for j in 0..Q {
                for v in 0..height {
                    x[(first + v, j)] = values[j * height + v].to_f64();
                }
            }
            count += height;
        }
        x
    }

    /// Coefficients are the squares of the first k of m fields; the sums are those of the first field and of 1.
    fn squares<T: Real>(rows: usize, m: usize, k: usize, gram: bool) -> (Mat<f64>, Streamed) {
        let directions = Mat::from_fn(m, Q, |i, j| ((1 + i + 3 * j) as f64).sin());
        let watch = Watch::default();
        let visit = |panel: &mut Panel<'_, T>| {
            panel.sums[0] += panel.field(0).iter().map(|x| x.to_f64()).sum::<f64>();
            panel.sums[1] += panel.rows as f64;
            for i in 0..k {
                let from = panel.field(i % m).to_vec();
                for (out, x) in panel.field_mut(i).iter_mut().zip(from) {
                    *out = x * x;
                }
            }
        };
        let swept = sweep(
            &source(rows),
            directions.as_ref(),
            k,
            gram,
            2,
            &visit,
            watch,
        )
        .expect("not stopped");
        (directions, swept)
    }

    fn agrees_with_the_dense_product<T: Real>() {
        for (rows, m, k, gram) in [
            (1, 2, 2, true),
            (384, 3, 2, false),
            (1000, 3, 3, true),
            (40_000, 4, 1, true),
        ] {
            let (directions, swept) = squares::<T>(rows, m, k, gram);
            let x = dense::<T>(rows);
            let fields = &x * directions.transpose();
            let c = Mat::from_fn(rows, k, |v, i| fields[(v, i)] * fields[(v, i)]);
            let tolerance = 20.0 * T::EPSILON * rows as f64;
            let close = |a: &Mat<f64>, b: &Mat<f64>| {
                assert_eq!(a.shape(), b.shape());
                assert!(
                    (a - b).norm_max() < tolerance * (1.0 + b.norm_max() / rows as f64),
                    "{a:?} {b:?}"
                );
            };
            close(&swept.backward, &(c.transpose() * &x));
            if gram {
                close(&swept.gram, &(c.transpose() * &c));
            } else {
                assert_eq!(swept.gram.ncols(), 0);
            }
            assert!(
                (swept.sums[0] - (0..rows).map(|v| fields[(v, 0)]).sum::<f64>()).abs() < tolerance
            );
            assert_eq!(swept.sums[1], rows as f64);
        }
    }

    #[test]
    fn a_pass_is_the_dense_product() {
        agrees_with_the_dense_product::<f32>();
        agrees_with_the_dense_product::<f64>();
    }

    #[test]
    fn more_coefficients_than_directions_are_possible() {
        let (_, swept) = squares::<f64>(500, 1, 1, false);
        assert_eq!(swept.backward.shape(), (1, Q));
        let watch = Watch::default();
        let ones = |panel: &mut Panel<'_, f64>| panel.fields.fill(1.0);
        let none = Mat::<f64>::zeros(0, Q);
        let swept =
            sweep(&source(500), none.as_ref(), 2, true, 0, &ones, watch).expect("not stopped");
        assert_eq!(swept.gram, Mat::full(2, 2, 500.0));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads");
            pool.install(|| squares::<f32>(123_456, 5, 5, true).1)
        };
        let one = with(1);
        for threads in [2, 4] {
            let other = with(threads);
            assert_eq!(one.backward, other.backward);
            assert_eq!(one.gram, other.gram);
            assert_eq!(one.sums, other.sums);
        }
    }

    #[test]
    fn a_pass_ends_soon_after_it_is_stopped() {
        let stop = AtomicBool::new(false);
        let seen = std::sync::atomic::AtomicU64::new(0);
        let observer = OnRows(|rows| {
            seen.fetch_add(rows, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        });
        let watch = Watch {
            stop: &stop,
            observer: &observer,
            ..Watch::default()
        };
        let axes = Mat::<f64>::identity(Q, Q);
        let swept = sweep::<f32>(
            &source(1_000_000),
            axes.as_ref(),
            0,
            false,
            0,
            &|_| {},
            watch,
        );
        assert_eq!(swept.err(), Some(Interrupted));
        assert!(seen.into_inner() <= (ROWS * rayon::current_num_threads()) as u64);
    }
}
