//! Which of the rows that are given serve what, and in which order rows of a fixed set are drawn.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Purpose, Role, Stream};

/// Which rows are held out for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestRows {
    /// Drawn anew for each seed.
    Random,
    /// The last ones, the same for every seed.
    Last,
}

/// How many rows serve what; no row serves two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// Rows from which the batches of steps are taken.
    pub training: u64,
    /// Rows on which readouts are fitted that want a fresh batch.
    pub readout: u64,
    /// Rows on which errors are measured.
    pub test: u64,
    /// Which these are.
    pub test_rows: TestRows,
}

/// The numbers of the rows of each purpose, ascending.
#[derive(Debug, Clone)]
pub struct Split {
    training: Arc<[u64]>,
    readout: Arc<[u64]>,
    test: Arc<[u64]>,
}

impl Split {
    /// All of `rows` rows for every purpose.
    pub fn whole(rows: u64) -> Self {
        let all: Arc<[u64]> = (0..rows).collect();
        Self {
            training: all.clone(),
            readout: all.clone(),
            test: all,
        }
    }

    /// Random rows of `rows`, none of them twice, in the numbers that `division` asks for; `O(rows)`.
    pub fn new(rows: u64, division: Division, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Role::Split, 0, 0);
        let mut order = match division.test_rows {
            TestRows::Random => shuffled(&mut stream, rows),
            TestRows::Last => {
                let others = rows.saturating_sub(division.test);
                let order = shuffled(&mut stream, others);
                (others..rows).chain(order).collect()
            }
        }
        .into_iter();
        let mut next = |count: u64| {
            let mut some: Vec<u64> = order.by_ref().take(count as usize).collect();
            some.sort_unstable();
            Arc::from(some)
        };
        Self {
            test: next(division.test),
            readout: next(division.readout),
            training: next(division.training),
        }
    }

    /// The rows of a purpose.
    pub fn of(&self, purpose: Purpose) -> &Arc<[u64]> {
        match purpose {
            Purpose::Training | Purpose::Set => &self.training,
            Purpose::Readout => &self.readout,
            Purpose::Test => &self.test,
        }
    }
}

/// The numbers below `count` in an order that is uniform over all (Fisher and Yates).
pub(crate) fn shuffled(stream: &mut Stream, count: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..count).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, below(stream, last as u64 + 1) as usize);
    }
    order
}

/// A number below `count`, uniform to 2^-53.
pub(crate) fn below(stream: &mut Stream, count: u64) -> u64 {
    (stream.uniform() * count as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_serves_two_purposes_and_every_one_can_serve_each() {
        for test_rows in [TestRows::Random, TestRows::Last] {
            let division = Division {
                training: 5,
                readout: 2,
                test: 3,
                test_rows,
            };
            let mut served = [[0; 3]; 12];
            for seed in 0..200 {
                let split = Split::new(12, division, seed);
                let parts = [Purpose::Set, Purpose::Readout, Purpose::Test].map(|of| split.of(of));
                assert_eq!(parts.map(|part| part.len()), [5, 2, 3]);
                let mut all: Vec<u64> =
                    parts.iter().flat_map(|part| part.iter().copied()).collect();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), 10);
                for (purpose, part) in parts.iter().enumerate() {
                    assert!(part.is_sorted());
                    part.iter()
                        .for_each(|row| served[*row as usize][purpose] += 1);
                }
            }
            for (row, counts) in served.iter().enumerate() {
                let expected: [f64; 3] = match (test_rows, row) {
                    (TestRows::Random, _) => [83.3, 33.3, 50.0],
                    (TestRows::Last, 9..) => [0.0, 0.0, 200.0],
                    (TestRows::Last, _) => [111.1, 44.4, 0.0],
                };
                // Five standard deviations of 200 draws.
                for (count, expected) in counts.iter().zip(expected) {
                    let spread = (expected * (1.0 - expected / 200.0)).sqrt();
                    assert!(
                        (f64::from(*count) - expected).abs() <= 5.0 * spread,
                        "{row}: {counts:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = [0; 6];
        for seed in 0..6000 {
            let order = shuffled(&mut Stream::new(seed, Role::Order, 0, 0), 3);
            counts[(order[0] * 2 + u64::from(order[1] > order[2])) as usize] += 1;
        }
        let distance: f64 = counts
            .iter()
            .map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0)
            .sum();
        // Chi-square of 5 degrees of freedom exceeds this with probability 1e-3.
        assert!(distance < 20.5, "{counts:?}");
    }
}
