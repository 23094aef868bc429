//! Rows whose number of columns grows, without moving what is there.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::real::Real;

/// Columns that a piece has at least before another one is begun: enough for products at full speed.
const WIDTH: usize = 64;

/// A matrix as a list of columns in pieces.
#[derive(Debug)]
pub(super) struct Pieces<T> {
    rows: usize,
    pieces: Vec<Mat<T>>,
}

impl<T: Real> Pieces<T> {
    /// No column.
    pub(super) fn new(rows: usize) -> Self {
        Self {
            rows,
            pieces: Vec::new(),
        }
    }

    pub(super) fn nrows(&self) -> usize {
        self.rows
    }

    pub(super) fn append(&mut self, columns: Mat<T>) {
        match self.pieces.last_mut() {
            Some(last) if last.ncols() < WIDTH => {
                let first = last.ncols();
                last.resize_with(self.rows, first + columns.ncols(), |i, j| {
                    columns[(i, j - first)]
                });
            }
            _ => self.pieces.push(columns),
        }
    }

    /// These rows alone.
    pub(super) fn picked(&self, rows: &[usize]) -> Self {
        let picked =
            |piece: &Mat<T>| Mat::from_fn(rows.len(), piece.ncols(), |v, j| piece[(rows[v], j)]);
        Self {
            rows: rows.len(),
            pieces: self.pieces.iter().map(picked).collect(),
        }
    }

    /// Each piece with the number of its first column.
    fn numbered(&self) -> impl Iterator<Item = (usize, &Mat<T>)> {
        self.pieces.iter().scan(0, |next, piece| {
            let first = *next;
            *next += piece.ncols();
            Some((first, piece))
        })
    }

    /// `out += Z B` with B of as many rows as Z has columns.
    pub(super) fn add_times(&self, mut out: MatMut<'_, T>, right: MatRef<'_, T>) {
        for (first, piece) in self.numbered() {
            matmul(
                out.as_mut(),
                Accum::Add,
                piece,
                right.subrows(first, piece.ncols()),
                T::from_f64(1.0),
                Par::Seq,
            );
        }
    }

    /// Writes `B^T Z`, k x q, of B with k columns.
    pub(super) fn transposed_times(&self, left: MatRef<'_, T>, mut out: MatMut<'_, T>) {
        for (first, piece) in self.numbered() {
            matmul(
                out.as_mut().subcols_mut(first, piece.ncols()),
                Accum::Replace,
                left.transpose(),
                piece,
                T::from_f64(1.0),
                Par::Seq,
            );
        }
    }
}

pub(super) fn product<T: Real>(left: MatRef<'_, T>, right: MatRef<'_, T>) -> Mat<T> {
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

pub(super) fn cast<T: Real>(matrix: MatRef<'_, f64>) -> Mat<T> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        T::from_f64(matrix[(i, j)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_multiply_as_the_whole() {
        let whole = Mat::from_fn(20, 150, |i, j| ((1 + 3 * i + 17 * j) as f64).sin());
        let mut pieces = Pieces::new(20);
        for (first, width) in [(0, 3), (3, 70), (73, 1), (74, 0), (74, 76)] {
            pieces.append(whole.subcols(first, width).to_owned());
        }
        assert!(pieces.pieces.len() > 1);
        let right = Mat::from_fn(150, 4, |i, j| (i + 2 * j) as f64);
        let mut out = Mat::full(20, 4, 1.0);
        pieces.add_times(out.as_mut(), right.as_ref());
        let expected = &whole * &right + Mat::full(20, 4, 1.0);
        assert!((out - expected).norm_max() < 1e-9);
        let left = Mat::from_fn(20, 2, |i, j| (i * i + j) as f64);
        let mut out = Mat::zeros(2, 150);
        pieces.transposed_times(left.as_ref(), out.as_mut());
        assert!((out - left.transpose() * &whole).norm_max() < 1e-9);
        let picked = pieces.picked(&[7, 7, 2]);
        let mut out = Mat::zeros(3, 4);
        picked.add_times(out.as_mut(), right.as_ref());
        for (v, row) in [7, 7, 2].into_iter().enumerate() {
            let expected = whole.row(row) * &right;
            assert!((out.row(v) - expected).norm_max() < 1e-9);
        }
    }
}
