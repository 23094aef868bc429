//! The two matrix products of a panel, without what is zero or said twice.
//!
//! In law, coordinates of vectors on the frame are triangular: the i-th new vector begins a new direction. And
//! `C^T C` is symmetric. Both products are made in blocks that leave out most of the other half.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::real::Real;

/// Directions of a block of the forward product: whole tiles of the kernels, and as narrow as they are at full speed.
pub(crate) const DIRECTIONS: usize = 32;

/// Coefficients of a block of the backward product. Narrower ones lose in speed what they save.
pub(crate) const COEFFICIENTS: usize = 64;

/// The vectors along which fields are taken, `X D^T`, in the order of how far they reach into the frame.
#[derive(Debug)]
pub(super) struct Forward<T> {
    /// `D^T`, q x m, each direction contiguous, in the order of the blocks.
    directions: Mat<T>,
    blocks: Vec<Block>,
}

/// Directions that are multiplied together.
#[derive(Debug)]
struct Block {
    /// The column of the fields to which each belongs.
    fields: Vec<usize>,
    /// Beyond so many coordinates all of them are zero.
    reach: usize,
}

impl<T: Real> Forward<T> {
    /// The rows of `directions`, m x q; in one block where zeros are too few to pay.
    pub(super) fn new(directions: MatRef<'_, f64>) -> Self {
        let (m, q) = directions.shape();
        let reaches = |i: usize| (0..q).rfind(|j| directions[(i, *j)] != 0.0);
        let reach: Vec<usize> = (0..m).map(|i| reaches(i).map_or(0, |j| j + 1)).collect();
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by_key(|i| reach[*i]);
        let in_blocks = |order: &[usize]| -> Vec<Block> {
            let block = |fields: &[usize]| Block {
                fields: fields.to_vec(),
                reach: fields.iter().map(|i| reach[*i]).max().unwrap_or(0),
            };
            order.chunks(DIRECTIONS).map(block).collect()
        };
        let mut blocks = in_blocks(&order);
        // A tenth pays for narrower products and for columns that are moved.
        if 10 * products(&blocks) > 9 * m * q {
            order = (0..m).collect();
            blocks = vec![Block {
                fields: order.clone(),
                reach: q,
            }];
        }
        Self {
            directions: Mat::from_fn(q, m, |j, i| T::from_f64(directions[(order[i], j)])),
            blocks,
        }
    }

    /// Writes the fields of the rows of `x` (rows x q), one column of `rows` entries after the other; `moved` is space.
    pub(super) fn write(&self, x: MatRef<'_, T>, fields: &mut [T], moved: &mut Vec<T>) {
        let rows = x.nrows();
        let mut first = 0;
        for block in &self.blocks {
            let width = block.fields.len();
            let directions = self.directions.submatrix(0, first, block.reach, width);
            let product = |out: &mut [T]| {
                matmul(
                    MatMut::from_column_major_slice_mut(out, rows, width),
                    Accum::Replace,
                    x.subcols(0, block.reach),
                    directions,
                    T::from_f64(1.0),
                    Par::Seq,
                );
            };
            let start = block.fields.first().copied().unwrap_or(0);
            if block.fields.iter().copied().eq(start..start + width) {
                product(&mut fields[start * rows..(start + width) * rows]);
            } else {
                moved.resize(rows * width, T::from_f64(0.0));
                product(moved);
                for (column, field) in moved.chunks_exact(rows.max(1)).zip(&block.fields) {
                    fields[field * rows..(field + 1) * rows].copy_from_slice(column);
                }
            }
            first += width;
        }
    }
}

/// Multiplications per row.
fn products(blocks: &[Block]) -> usize {
    blocks.iter().map(|b| b.fields.len() * b.reach).sum()
}

/// Adds `C^T [X, C]` of a panel to `sum` (k x columns), or `C^T X` alone where `columns` is q; blocks of `C^T C` above the
/// diagonal are left as they are. `panel` holds X by columns and C behind it.
pub(super) fn add_backward<T: Real>(
    panel: &[T],
    (rows, q, k): (usize, usize, usize),
    sum: &mut [T],
    accum: Accum,
) {
    if k == 0 {
        return;
    }
    let columns = sum.len() / k;
    let panel = MatRef::from_column_major_slice(&panel[..rows * (q + k)], rows, q + k);
    let mut sum = MatMut::from_column_major_slice_mut(sum, k, columns);
    for (first, width, seen) in blocks(k, columns, q) {
        matmul(
            sum.as_mut().submatrix_mut(first, 0, width, seen),
            accum,
            panel.subcols(q + first, width).transpose(),
            panel.subcols(0, seen),
            T::from_f64(1.0),
            Par::Seq,
        );
    }
}

/// The first of the coefficients that are multiplied together, their number, and the columns that they meet: all of them at once,
/// if there is no Gram matrix.
fn blocks(k: usize, columns: usize, q: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let most = match columns == q {
        true => k.max(1),
        false => COEFFICIENTS,
    };
    (0..k).step_by(most).map(move |first| {
        let width = most.min(k - first);
        (first, width, columns.min(q + first + width))
    })
}

/// The whole of a symmetric matrix of which [`add_backward`] has left out blocks above the diagonal.
pub(super) fn mirrored(gram: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| {
        gram[(i.max(j), i.min(j))]
    })
}

/// Multiplications for each row of a pass along `directions` (m x q) with k coefficients, as they are done.
pub(crate) fn multiplications(directions: MatRef<'_, f64>, k: usize, gram: bool) -> usize {
    let q = directions.ncols();
    let columns = if gram { q + k } else { q };
    let backward = blocks(k, columns, q).map(|(_, width, seen)| width * seen);
    products(&Forward::<f64>::new(directions).blocks) + backward.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random entries without zeros.
    fn dense(rows: usize, columns: usize) -> Mat<f64> {
        Mat::from_fn(rows, columns, |i, j| ((1 + 3 * i + 17 * j) as f64).sin())
    }

    /// Vectors on a triangular frame in any order, and r of them on its first coordinates, as a giant step meets them.
    fn directions(p: usize, r: usize, place: impl Fn(usize) -> usize) -> Mat<f64> {
        let full = dense(p + r, p + r);
        Mat::from_fn(p + r, p + r, |i, j| {
            let reach = if i < p { r + place(i) + 1 } else { i - p + 1 };
            if j < reach { full[(i, j)] } else { 0.0 }
        })
    }

    #[test]
    fn fields_are_the_dense_product_whatever_the_order() {
        for (p, r) in [(1, 1), (31, 2), (64, 2), (150, 3)] {
            let shuffled = |i: usize| (i * 7 + 3) % p;
            for directions in [
                directions(p, r, |i| i),
                directions(p, r, shuffled),
                directions(p, r, |_| p - 1),
                Mat::zeros(p, r),
            ] {
                let (m, q) = directions.shape();
                let x = dense(40, q);
                let exact = &x * directions.transpose();
                let forward = Forward::<f64>::new(directions.as_ref());
                let mut fields = vec![f64::NAN; 40 * m];
                forward.write(x.as_ref(), &mut fields, &mut Vec::new());
                let fields = MatRef::from_column_major_slice(&fields, 40, m);
                assert!((fields - &exact).norm_max() < 1e-12 * q as f64, "{p} {r}");
            }
        }
    }

    #[test]
    fn gram_matrices_are_whole_though_their_halves_are_made_once() {
        for (q, k) in [(3, 1), (10, 64), (10, 65), (70, 200)] {
            let (x, c) = (dense(50, q), dense(k, 50));
            let mut panel: Vec<f64> = (0..q).flat_map(|j| x.col(j).iter().copied()).collect();
            panel.extend((0..k).flat_map(|i| c.row(i).iter().copied().collect::<Vec<_>>()));
            let mut sum = vec![0.0; k * (q + k)];
            for accum in [Accum::Replace, Accum::Add] {
                add_backward(&panel, (50, q, k), &mut sum, accum);
            }
            let sum = MatRef::from_column_major_slice(&sum, k, q + k);
            let close = |a: Mat<f64>, b: Mat<f64>| (a - b).norm_max() < 1e-11;
            assert!(close(sum.subcols(0, q).to_owned(), 2.0 * &c * &x));
            assert!(close(mirrored(sum.subcols(q, k)), 2.0 * &c * c.transpose()));
        }
    }

    #[test]
    fn of_a_step_in_law_about_two_thirds_are_done() {
        let step = |p: usize| {
            let directions = directions(p, 2, |i| i);
            let all = (p + 2) * (p + 2) + p * (p + 2) + p * p;
            multiplications(directions.as_ref(), p, true) as f64 / all as f64
        };
        assert_eq!(step(16), 1.0);
        assert!((step(512) - 2.0 / 3.0).abs() < 0.05, "{}", step(512));
        assert!((step(1000) - 2.0 / 3.0).abs() < 0.03, "{}", step(1000));
    }
}
