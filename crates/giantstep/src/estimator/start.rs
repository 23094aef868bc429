//! The network as it is drawn.

use faer::Mat;

use super::problem::Problem;
use super::search::normalise;
use crate::batch::{Role, Stream};
use crate::real::Real;

/// What training starts from.
pub(super) struct Start {
    pub first: Mat<f64>,
    pub bias: Vec<f64>,
    pub signs: Mat<f64>,
}

impl Start {
    /// Rows and biases of trained neurons, and beside them one neuron of each pair as it was drawn.
    pub(super) fn beside(&self, trained: &Mat<f64>) -> (Mat<f64>, Vec<f64>) {
        let ((p, d), pairs) = (trained.shape(), trained.nrows() / 2);
        let first = Mat::from_fn(p + pairs, d, |i, j| match i.checked_sub(p) {
            None => trained[(i, j)],
            Some(pair) => self.first[(pair, j)],
        });
        (first, [&self.bias[..], &self.bias[..pairs]].concat())
    }
}

impl<T: Real> Problem<'_, T> {
    /// Mirrored pairs, neuron i and p - 1 - i.
    pub(super) fn start(&self, width: usize) -> Start {
        let (d, k, half) = (self.rows.columns(), self.labels.ncols(), width / 2);
        let seed = self.options.seed;
        let mirror = |i: usize| i.min(width - 1 - i);
        let mut drawn = vec![0.0; half * d];
        Stream::new(seed, Role::FirstLayer, 0, 0).fill_normal(&mut drawn);
        let mut bias = vec![0.0; half];
        Stream::new(seed, Role::Bias, 0, 0).fill_normal(&mut bias);
        let mut signs = vec![0.0; half * k];
        Stream::new(seed, Role::SecondLayer, 0, 0).fill_signs(&mut signs, |sign| sign);
        let scale = 1.0 / (width as f64 * (k as f64).sqrt());
        let mut first = Mat::from_fn(width, d, |i, j| drawn[mirror(i) * d + j]);
        normalise(&mut first);
        Start {
            first,
            bias: (0..width)
                .map(|i| self.options.bias * bias[mirror(i)])
                .collect(),
            signs: Mat::from_fn(width, k, |i, j| {
                let side = if i < half { scale } else { -scale };
                side * signs[mirror(i) * k + j]
            }),
        }
    }
}
