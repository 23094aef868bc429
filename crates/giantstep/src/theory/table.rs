//! Tables of smooth functions of one variable.

/// N functions on equally spaced points.
#[derive(Debug, Clone)]
pub(crate) struct Table<const N: usize> {
    low: f64,
    step: f64,
    rows: Vec<[f64; N]>,
}

impl<const N: usize> Table<N> {
    /// The table for `|s| <= reach`; none if it were too large.
    pub(crate) fn new(reach: f64, step: f64, of: impl Fn(f64) -> [f64; N]) -> Option<Self> {
        const MOST: f64 = 300_000.0;
        let half = (reach / step).ceil() + 3.0;
        // A step of zero has a table of infinite length.
        if half.is_nan() || 2.0 * half >= MOST {
            return None;
        }
        let low = -half * step;
        let rows = (0..=2 * half as usize)
            .map(|j| of(low + j as f64 * step))
            .collect();
        Some(Self { low, step, rows })
    }

    /// The table covers `|s|` up to here.
    pub(crate) fn reach(&self) -> f64 {
        -self.low - 4.0 * self.step
    }

    /// The values at s, by interpolation of degree five; s is clamped to the table.
    #[inline(always)]
    pub(crate) fn at(&self, s: f64) -> [f64; N] {
        let place = ((s - self.low) / self.step).clamp(2.0, self.rows.len() as f64 - 4.0);
        let first = place as usize - 2;
        let x = place - first as f64;
        // Lagrange weights on the nodes 0, ..., 5: products of the distances to the others.
        const SCALE: [f64; 6] = [-120.0, 24.0, -12.0, 12.0, -24.0, 120.0];
        let (mut weights, mut before, mut after) = (SCALE.map(|scale| 1.0 / scale), 1.0, 1.0);
        for j in 0..6 {
            weights[j] *= before;
            weights[5 - j] *= after;
            before *= x - j as f64;
            after *= x - (5 - j) as f64;
        }
        let mut values = [0.0; N];
        for (weight, row) in weights.into_iter().zip(&self.rows[first..first + 6]) {
            for (value, entry) in values.iter_mut().zip(row) {
                *value += weight * entry;
            }
        }
        values
    }
}
