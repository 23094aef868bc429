//! The singular values of what one step adds to W, below its spike: the bulk. THEORY.md (48).
//!
//! Beside the spike the rows of `W^1 - W^0` are independent, `N(0, b_i^2 C/d)` with `b_i = eta~ a~_i` and
//!
//! ```text
//! C = c_2^2 H^2 + (eps^2 / alpha) H_2,   H = (1/n) sum y x x^T,   H_2 = (1/n) sum y^2 x x^T
//! ```
//!
//! C is a block of the inverse of a matrix that is linear in the samples, of which the trace G follows from itself; the rows
//! have the law of Marchenko and Pastur with this covariance. Its equations are solved in the upper half plane alone: shares of values
//! come from an integral along a half circle, so that no density is smoothed.

use std::f64::consts::PI;
use std::num::NonZeroUsize;

use faer::c64;

use super::label_law::LabelLaw;
use crate::gauss::mean_over;

/// A step of this fraction of the way to the image contracts at every z.
const CLOSER: f64 = 0.8;
const TOLERANCE: f64 = 1e-8;
const ITERATIONS: usize = 2000;
/// Points on the half circle.
const ANGLES: NonZeroUsize = NonZeroUsize::new(24).unwrap();
/// Halvings of an interval that holds a quantile: to a thousandth of it.
const HALVINGS: usize = 14;

/// What one step has moved, the spike apart.
#[derive(Debug)]
pub(super) struct MovedRows {
    /// The labels of the step.
    pub labels: LabelLaw,
    /// `c_2`, and `eps^2 = E sigma'^2 - c_1^2 - c_2^2`.
    pub turn: f64,
    pub random: f64,
    /// `alpha = n/d`.
    pub samples: f64,
    /// `b_i^2` and how many rows have it, over d.
    pub rows: Vec<(f64, f64)>,
}

/// The numbers that follow from themselves: `G = ((a, b), (b, c))`, l and e of THEORY.md (48).
#[derive(Clone, Copy)]
struct State {
    blocks: [c64; 3],
    companion: c64,
    own: c64,
}

impl MovedRows {
    /// The mean square singular value times p over the sum of `b_i^2`: `(1/d) tr C`.
    fn power(&self) -> f64 {
        let of = &self.labels;
        let square = of.average(&of.mean, |y| y * y) / self.samples;
        let mean = of.average(&of.mean, |y| y);
        (self.random + self.turn * self.turn) * square + (self.turn * mean).powi(2)
    }

    fn count(&self) -> f64 {
        self.rows.iter().map(|(_, count)| count).sum()
    }

    fn squares(&self) -> f64 {
        self.rows.iter().map(|(square, count)| square * count).sum()
    }

    /// What follows from a state at z, and how far that is from it.
    fn round(&self, z: c64, state: State) -> (State, f64) {
        let (zeta, samples) = (-state.companion.inv(), self.samples);
        let [a, b, c] = state.blocks;
        // E[Y (1 + G Y / alpha)^-1], Y = ((u, v), (v, 0)).
        let mut mean = [c64::new(0.0, 0.0); 3];
        for (y, weight) in self.labels.values.iter().zip(&self.labels.mean) {
            let (u, v) = (self.random * y * y / samples, self.turn * y);
            let (xx, xy) = ((a * u + b * v) / samples + 1.0, a * v / samples);
            let (yx, yy) = ((b * u + c * v) / samples, b * v / samples + 1.0);
            let over = (xx * yy - xy * yx).inv() * *weight;
            mean[0] += (yy * u - yx * v) * over;
            mean[1] += (xx * v - xy * u) * over;
            mean[2] += -(xy * v) * over;
        }
        let (first, cross, last) = (mean[0] - zeta, mean[1], mean[2] - 1.0);
        let over = (first * last - cross * cross).inv();
        let mut change = 0.0f64;
        let mut nearer = |old: c64, new: c64, size: c64| {
            let step = new - old;
            let far = step.norm() / size.norm();
            // NaN must not be lost in a maximum.
            change = if far <= change { change } else { far };
            old + step * CLOSER
        };
        let blocks = [
            nearer(a, last * over, a),
            nearer(b, -cross * over, a),
            nearer(c, first * over, a),
        ];
        let own = -(zeta * blocks[0] + 1.0) / (z * state.companion);
        let terms = self
            .rows
            .iter()
            .map(|(square, count)| (own * *square + 1.0).inv() * (square * count));
        let companion = -terms.sum::<c64>() / z;
        let companion = nearer(state.companion, companion, state.companion);
        let next = State {
            blocks,
            companion,
            own,
        };
        (next, change)
    }

    fn solve(&self, z: c64, mut state: State) -> Option<State> {
        for _ in 0..ITERATIONS {
            let (next, change) = self.round(z, state);
            if change < TOLERANCE {
                return Some(next);
            }
            if !change.is_finite() {
                return None;
            }
            state = next;
        }
        None
    }

    /// The share of the squared singular values below x > 0: the mean over `z = x exp(i theta)`, in the upper half plane, of the real part
    /// of `-z (1/p) tr (W W^T - z)^-1`.
    fn below(&self, x: f64) -> Option<f64> {
        // As if no sample met itself, at z = -x.
        let companion = c64::new(self.squares() / x, 0.0);
        let zero = c64::new(0.0, 0.0);
        let mut state = State {
            blocks: [companion, zero, c64::new(-1.0, 0.0)],
            companion,
            own: zero,
        };
        let mut share = 0.0;
        for (angle, weight) in mean_over([PI, 0.0], ANGLES) {
            state = self.solve(c64::from_polar(x, angle), state)?;
            let terms = self
                .rows
                .iter()
                .map(|(square, count)| (state.own * *square + 1.0).inv().re * count);
            share += weight * terms.sum::<f64>() / self.count();
        }
        Some(share)
    }

    /// The singular value below which this share of the rows lies; none where the equations are not solved, or where it is zero.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let mean = self.power() * self.squares() / self.count();
        let (mut low, mut high) = (mean * 1e-3, mean);
        while self.below(low)? > share {
            low *= 0.1;
            if low < mean * 1e-8 {
                return None;
            }
        }
        while self.below(high)? < share {
            high *= 2.0;
            if high > mean * 1e6 {
                return None;
            }
        }
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            match self.below(middle)? < share {
                true => low = middle,
                false => high = middle,
            }
        }
        Some((low * high).powf(0.25))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Link;

    /// Rows drawn with the C of drawn samples, d = 1500, four draws: `reference/moved_rows.py`.
    #[test]
    fn quantiles_are_those_of_drawn_matrices() {
        for (turn, random, expected) in [
            (
                0.0,
                0.1,
                [(0.19987, 0.00056), (0.14737, 0.00049), (0.08879, 0.00035)],
            ),
            (
                0.4,
                0.05,
                [(0.30123, 0.00086), (0.20584, 0.00067), (0.11205, 0.00038)],
            ),
        ] {
            let rows = MovedRows {
                labels: LabelLaw::new(&Link::parse("sin(z1)", None).unwrap(), 1, 0.0, 0.0).unwrap(),
                turn,
                random,
                samples: 3.0,
                rows: vec![(1.0, 0.8)],
            };
            for (share, (mean, error)) in [0.9, 0.75, 0.5].into_iter().zip(expected) {
                let found = rows.quantile(share).unwrap();
                assert!(
                    (found - mean).abs() < 3.0 * error,
                    "{turn} {share}: {found}"
                );
            }
        }
    }

    #[test]
    fn values_of_rows_that_are_too_many_begin_at_zero() {
        // Twice as many rows as dimensions: half of the values are 0, and no quantile below is asked for.
        let rows = MovedRows {
            labels: LabelLaw::new(&Link::parse("sign(z1)", None).unwrap(), 1, 0.0, 0.0).unwrap(),
            turn: 0.0,
            random: 1.0,
            samples: 1e6,
            rows: vec![(1.0, 1.0), (4.0, 1.0)],
        };
        assert_eq!(rows.quantile(0.4), None);
        assert!(rows.quantile(0.6).unwrap() > 0.0);
        // C = 1e-6: the law of Marchenko and Pastur of rows of two lengths, of mean 2.5 and of no value above its edge.
        let edge = 2.0 * (1.0 + 2f64.sqrt()) * 1e-3;
        assert!(rows.quantile(0.999).unwrap() < edge);
    }
}
