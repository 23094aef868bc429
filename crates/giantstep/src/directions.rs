//! Vectors of R^d, known by their coordinates on an engine's frame.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

/// `k` vectors of R^d as the rows of a `k x q` matrix of coordinates on an orthonormal frame of `q` vectors.
///
/// The direct engine's frame is the canonical basis (`q = d`). The in-law engine's frame grows when a batch is
/// touched along new directions; vectors written earlier have fewer columns, and the missing ones are zero.
/// Inner products are Euclidean in the coordinates, whatever the frame: no algorithm needs to know more.
#[derive(Debug, Clone)]
pub struct Directions {
    coordinates: Mat<f64>,
}

impl Directions {
    /// Wraps a `k x q` matrix of coordinates.
    pub fn new(coordinates: Mat<f64>) -> Self {
        Self { coordinates }
    }

    /// No vectors at all.
    pub fn none() -> Self {
        Self::new(Mat::new())
    }

    /// The number of vectors.
    pub fn rows(&self) -> usize {
        self.coordinates.nrows()
    }

    /// The number of frame vectors that the coordinates speak of.
    pub fn columns(&self) -> usize {
        self.coordinates.ncols()
    }

    /// The `k x q` coordinates.
    pub fn coordinates(&self) -> MatRef<'_, f64> {
        self.coordinates.as_ref()
    }

    /// The coordinates j of all vectors.
    pub fn column(&self, j: usize) -> &[f64] {
        self.coordinates.col_as_slice(j)
    }

    /// The coordinates of the same vectors on a frame enlarged to `columns >= q` vectors, `k x columns`.
    pub fn widened(&self, columns: usize) -> Mat<f64> {
        let old = self.columns();
        Mat::from_fn(self.rows(), columns, |i, j| {
            if j < old {
                self.coordinates[(i, j)]
            } else {
                0.0
            }
        })
    }

    /// The rows of all `parts`, one below the other.
    pub fn stack(parts: &[&Self]) -> Self {
        let rows = parts.iter().map(|part| part.rows()).sum();
        let columns = parts.iter().map(|part| part.columns()).max().unwrap_or(0);
        let mut stacked = Mat::zeros(rows, columns);
        let mut first = 0;
        for part in parts {
            stacked
                .submatrix_mut(first, 0, part.rows(), part.columns())
                .copy_from(&part.coordinates);
            first += part.rows();
        }
        Self::new(stacked)
    }

    /// Inner products `<u_i, v_j>`, a `k x l` matrix, such as `M = W W*^T` and `Q = W W^T`; `2 k l q` flops.
    pub fn gram(&self, other: &Self) -> Mat<f64> {
        let common = self.columns().min(other.columns());
        let mut gram = Mat::zeros(self.rows(), other.rows());
        matmul(
            gram.as_mut(),
            Accum::Replace,
            self.coordinates.get(.., ..common),
            other.coordinates.get(.., ..common).transpose(),
            1.0,
            Par::Seq,
        );
        gram
    }

    /// `<u_i, v_i>` for each row of two lists of equal length.
    pub fn row_products(&self, other: &Self) -> Vec<f64> {
        let common = self.columns().min(other.columns());
        (0..self.rows())
            .map(|i| {
                (0..common)
                    .map(|j| self.coordinates[(i, j)] * other.coordinates[(i, j)])
                    .sum()
            })
            .collect()
    }

    /// Euclidean length of each vector.
    pub fn norms(&self) -> Vec<f64> {
        self.row_products(self).into_iter().map(f64::sqrt).collect()
    }

    /// `u_i <- u_i + scale_i v_i`, for two lists of equal length.
    pub fn add_scaled(&mut self, scale: impl Fn(usize) -> f64, other: &Self) {
        if other.columns() > self.columns() {
            // Room for more, which a step at a time may need.
            let room = other.columns().next_multiple_of(64);
            self.coordinates.reserve(self.rows(), room);
            self.coordinates
                .resize_with(self.rows(), other.columns(), |_, _| 0.0);
        }
        for j in 0..other.columns() {
            for i in 0..self.rows() {
                self.coordinates[(i, j)] += scale(i) * other.coordinates[(i, j)];
            }
        }
    }

    /// The coordinate j of vector i; a missing one is zero.
    pub fn entry(&self, i: usize, j: usize) -> f64 {
        if j < self.columns() {
            self.coordinates[(i, j)]
        } else {
            0.0
        }
    }

    /// The vectors whose coordinates j are `f(i, j, u_ij)`.
    pub fn map(&self, f: impl Fn(usize, usize, f64) -> f64) -> Self {
        let at = |i, j| f(i, j, self.coordinates[(i, j)]);
        Self::new(Mat::from_fn(self.rows(), self.columns(), at))
    }

    /// `A U` for a matrix A of k columns: the vectors `sum_i A_li u_i`; `2 l k q` flops.
    pub fn combined(&self, coefficients: &Mat<f64>) -> Self {
        Self::new(coefficients * &self.coordinates)
    }

    /// `u_i <- scale_i u_i`.
    pub fn scale(&mut self, scale: impl Fn(usize) -> f64) {
        for j in 0..self.columns() {
            for i in 0..self.rows() {
                self.coordinates[(i, j)] *= scale(i);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_columns_count_as_zero() {
        let short = Directions::new(Mat::from_fn(2, 1, |i, _| i as f64 + 1.0));
        let long = Directions::new(Mat::from_fn(1, 3, |_, j| j as f64 + 2.0));
        assert_eq!(
            short.gram(&long),
            Mat::from_fn(2, 1, |i, _| 2.0 * (i as f64 + 1.0))
        );
        let mut sum = short.clone();
        sum.add_scaled(|_| 2.0, &Directions::stack(&[&long, &long]));
        assert_eq!(sum.coordinates()[(1, 0)], 6.0);
        assert_eq!(sum.coordinates()[(0, 2)], 8.0);
        assert_eq!(sum.norms().len(), 2);
    }
}
