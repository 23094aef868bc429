//! Sums that were averaged together, taken apart again.

use faer::Mat;

/// A list of numbers, read from the front.
pub(super) struct Split<'a>(pub &'a [f64]);

impl<'a> Split<'a> {
    pub(super) fn take(&mut self, count: usize) -> &'a [f64] {
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front
    }

    pub(super) fn matrix(&mut self, rows: usize, columns: usize) -> Mat<f64> {
        let entries = self.take(rows * columns);
        Mat::from_fn(rows, columns, |i, j| entries[i * columns + j])
    }
}
