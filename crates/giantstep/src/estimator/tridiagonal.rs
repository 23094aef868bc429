//! A symmetric matrix as `A = Q T Q^T` with T tridiagonal: all that many ridges need of it, at a fraction of the cost of
//! eigenvectors.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as forth_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as forth,
    apply_block_householder_sequence_transpose_on_the_left_in_place_scratch as back_scratch,
    apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj as back,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Conj, Mat, Par};

/// The factors of a symmetric matrix.
pub(super) struct Tridiagonal {
    /// Below the diagonal, the reflections whose product is Q.
    reflections: Mat<f64>,
    factors: Mat<f64>,
    diagonal: Vec<f64>,
    beside: Vec<f64>,
}

/// `T + lambda` is not positive definite to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Indefinite;

impl Tridiagonal {
    /// Of a matrix whose lower triangle is given. `(4/3) m^3` flops.
    pub(super) fn of(mut matrix: Mat<f64>) -> Self {
        let m = matrix.nrows();
        let block = recommended_block_size::<f64>(m, m);
        let mut factors = Mat::zeros(block, m.saturating_sub(1));
        let scratch = tridiag_in_place_scratch::<f64>(m, Par::Seq, Default::default());
        tridiag_in_place(
            matrix.as_mut(),
            factors.as_mut(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
        Self {
            diagonal: (0..m).map(|i| matrix[(i, i)]).collect(),
            beside: (1..m).map(|i| matrix[(i, i - 1)]).collect(),
            reflections: matrix,
            factors,
        }
    }

    fn turned(
        &self,
        mut x: Mat<f64>,
        scratch: fn(usize, usize, usize) -> StackReq,
        turn: Turn,
    ) -> Mat<f64> {
        let (m, k) = x.shape();
        if m < 2 {
            return x;
        }
        let scratch = scratch(m - 1, self.factors.nrows(), k);
        turn(
            self.reflections.submatrix(1, 0, m - 1, m - 1),
            self.factors.as_ref(),
            Conj::No,
            x.submatrix_mut(1, 0, m - 1, k),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
        x
    }

    /// `Q^T x`.
    pub(super) fn inwards(&self, x: Mat<f64>) -> Mat<f64> {
        self.turned(x, back_scratch::<f64>, back::<f64>)
    }

    /// `Q x`.
    pub(super) fn outwards(&self, x: Mat<f64>) -> Mat<f64> {
        self.turned(x, forth_scratch::<f64>, forth::<f64>)
    }

    /// The pivots of `T + ridge` from the first row down.
    fn pivots(&self, ridge: f64) -> Result<Vec<f64>, Indefinite> {
        let mut pivots: Vec<f64> = Vec::with_capacity(self.diagonal.len());
        for (i, entry) in self.diagonal.iter().enumerate() {
            let above = pivots
                .last()
                .map_or(0.0, |pivot| self.beside[i - 1].powi(2) / pivot);
            let pivot = entry + ridge - above;
            if !(pivot > 0.0) {
                return Err(Indefinite);
            }
            pivots.push(pivot);
        }
        Ok(pivots)
    }

    /// `(T + ridge)^{-1} b` and the trace of the inverse. `O(m k)`.
    pub(super) fn solve(&self, ridge: f64, b: &Mat<f64>) -> Result<(Mat<f64>, f64), Indefinite> {
        let m = self.diagonal.len();
        let down = self.pivots(ridge)?;
        let mut x = b.clone();
        for column in x.col_iter_mut() {
            let column = column.try_as_col_major_mut().map(|c| c.as_slice_mut());
            let Some(column) = column else { continue };
            for i in 1..m {
                column[i] -= self.beside[i - 1] / down[i - 1] * column[i - 1];
            }
            for i in (0..m).rev() {
                let below = if i + 1 < m {
                    self.beside[i] * column[i + 1]
                } else {
                    0.0
                };
                column[i] = (column[i] - below) / down[i];
            }
        }
        // The i-th diagonal entry of the inverse is 1 over what elimination from both ends leaves of row i.
        let (mut up, mut trace) = (0.0, 0.0);
        for i in (0..m).rev() {
            let below = if i + 1 < m {
                self.beside[i].powi(2) / up
            } else {
                0.0
            };
            up = self.diagonal[i] + ridge - below;
            let left = down[i] - below;
            if !(up > 0.0 && left > 0.0) {
                return Err(Indefinite);
            }
            trace += 1.0 / left;
        }
        Ok((x, trace))
    }
}

type Turn = fn(
    faer::MatRef<'_, f64>,
    faer::MatRef<'_, f64>,
    Conj,
    faer::MatMut<'_, f64>,
    Par,
    &mut MemStack,
);

#[cfg(test)]
mod tests {
    use super::*;

    fn definite(m: usize) -> Mat<f64> {
        let root = Mat::from_fn(m, m + 3, |i, j| ((1 + 3 * i + 7 * j * j) as f64).sin());
        &root * root.transpose()
    }

    #[test]
    fn solutions_and_traces_are_those_of_the_matrix() {
        for m in [1, 2, 3, 40, 150] {
            let matrix = definite(m);
            let b = Mat::from_fn(m, 2, |i, j| ((i + 5 * j) as f64).cos());
            let factors = Tridiagonal::of(matrix.clone());
            let rotated = factors.inwards(b.clone());
            assert!((factors.outwards(rotated.clone()) - &b).norm_max() < 1e-12);
            let (x, trace) = factors.solve(0.3, &rotated).expect("definite");
            let x = factors.outwards(x);
            let mut shifted = matrix;
            for i in 0..m {
                shifted[(i, i)] += 0.3;
            }
            assert!((&shifted * &x - &b).norm_max() < 1e-10, "m = {m}");
            use faer::linalg::solvers::Solve;
            let inverse = shifted.partial_piv_lu().solve(Mat::<f64>::identity(m, m));
            let expected: f64 = (0..m).map(|i| inverse[(i, i)]).sum();
            assert!((trace / expected - 1.0).abs() < 1e-10, "m = {m}");
        }
    }

    #[test]
    fn an_indefinite_matrix_is_seen() {
        let matrix = Mat::from_fn(3, 3, |i, j| if i == j { -1.0 } else { 0.1 });
        let factors = Tridiagonal::of(matrix);
        assert!(factors.solve(0.5, &Mat::zeros(3, 1)).is_err());
    }
}
