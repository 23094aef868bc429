//! Coordinates that do not depend on rounding: the same draws on every type of processor.
//!
//! Random numbers are given to coordinates on a basis. Where rounding chose among bases (signs of eigenvectors, pivots
//! of equal length), a processor with wider vectors would take other draws of the same law from the same seed.

use faer::linalg::solvers::ColPivQr;
use faer::{Mat, MatRef};

/// A rank-revealing QR `C = Q R` of columns, in the one basis in which R has a positive diagonal under pivots that
/// have no ties.
pub(super) struct Settled {
    qr: ColPivQr<f64>,
    signs: Vec<f64>,
    /// R, as many rows as the rank, its columns in the order of those of C.
    pub triangle: Mat<f64>,
}

impl Settled {
    /// Of `columns`, q x k, each divided by its `length` before it is judged: what is left of it below `tolerance` is
    /// no direction. O(q k min(q, k)).
    pub fn new(columns: MatRef<'_, f64>, lengths: &[f64], tolerance: f64) -> Self {
        let k = lengths.len();
        // Of equally long columns, mirrored ones for instance, the first is the pivot.
        let scale = |j: usize| match lengths[j] > 0.0 {
            true => 0.5f64.powf(j as f64 / k as f64) / lengths[j],
            false => 0.0,
        };
        let scales: Vec<f64> = (0..k).map(scale).collect();
        let scaled = Mat::from_fn(columns.nrows(), k, |i, j| columns[(i, j)] * scales[j]);
        let qr = scaled.col_piv_qr();
        let found = qr.thin_R();
        let diagonal = (0..found.nrows()).map(|i| found[(i, i)]);
        let signs: Vec<f64> = diagonal
            .take_while(|entry| entry.abs() > tolerance)
            .map(f64::signum)
            .collect();
        let (_, inverse) = qr.P().arrays();
        let triangle = Mat::from_fn(signs.len(), k, |i, j| match scales[j] > 0.0 {
            true => signs[i] * found[(i, inverse[j])] / scales[j],
            false => 0.0,
        });
        Self {
            qr,
            signs,
            triangle,
        }
    }

    /// Q, q x rank.
    pub fn basis(&self) -> Mat<f64> {
        let thin = self.qr.compute_thin_Q();
        Mat::from_fn(thin.nrows(), self.signs.len(), |i, j| {
            self.signs[j] * thin[(i, j)]
        })
    }
}

/// The Euclidean lengths of columns.
pub(super) fn lengths(columns: MatRef<'_, f64>) -> Vec<f64> {
    columns.col_iter().map(|column| column.norm_l2()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Role, Stream};

    /// The same columns in another basis, with rounding.
    #[test]
    fn a_rotation_and_rounding_change_nothing() {
        let (q, k) = (12, 10);
        let mut stream = Stream::new(3, Role::Random, 0, 0);
        let mut drawn = Mat::<f64>::zeros(q, q + k);
        for j in 0..q + k {
            stream.fill_normal(drawn.col_as_slice_mut(j));
        }
        let rotation = drawn.subcols(0, q).qr().compute_thin_Q();
        // Columns over eight orders of magnitude, each but the last two with its mirror.
        let columns = Mat::from_fn(q, k, |i, j| match j {
            8 | 9 => drawn[(i, q + j)],
            j if j % 2 == 1 => -drawn[(i, q + j - 1)] * 10f64.powi(-(j as i32) + 1),
            j => drawn[(i, q + j)] * 10f64.powi(-(j as i32)),
        });
        let noisy = Mat::from_fn(q, k, |i, j| {
            columns[(i, j)] * (1.0 + f64::EPSILON * ((i * 7 + j * 5) % 3) as f64)
        });
        let turned = &rotation * &noisy;
        let of = |columns: &Mat<f64>| {
            let lengths = lengths(columns.as_ref());
            (Settled::new(columns.as_ref(), &lengths, 1e-13), lengths)
        };
        let ((one, lengths), (other, _)) = (of(&columns), of(&turned));
        assert_eq!((one.triangle.nrows(), other.triangle.nrows()), (6, 6));
        let restored = other.basis() * &other.triangle;
        for (j, length) in lengths.iter().enumerate() {
            for i in 0..6 {
                let apart = (one.triangle[(i, j)] - other.triangle[(i, j)]).abs();
                assert!(apart < 1e-13 * length, "{i} {j}: {apart}");
            }
            for i in 0..q {
                let apart = (restored[(i, j)] - turned[(i, j)]).abs();
                assert!(apart < 1e-13 * length);
            }
        }
    }
}
