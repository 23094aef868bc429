//! A fixed training set and the batches that are drawn from it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Role, Stream, below, shuffled};

/// How the rows of a batch are drawn from a training set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// In epochs: the set in random order, cut into batches; what is left at the end rests until the next epoch.
    WithoutReplacement,
    /// Each row uniform over the set, whatever came before.
    WithReplacement,
}

/// A fixed training set, from which the batches of all steps are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingSet {
    /// The number of its rows, at least that of a batch.
    pub rows: u64,
    /// How a batch is drawn.
    pub sampling: Sampling,
}

/// The batches that are drawn from a training set in one run.
#[derive(Debug)]
pub(crate) struct Draws {
    set: TrainingSet,
    batch: u64,
    seed: u64,
    /// The number of the last epoch and its order of rows.
    epoch: Option<(u64, Vec<u64>)>,
}

impl Draws {
    /// Batches of `batch` rows.
    pub(crate) fn new(set: TrainingSet, batch: u64, seed: u64) -> Self {
        Self {
            set,
            batch,
            seed,
            epoch: None,
        }
    }

    /// The rows of the batch of this number, ascending; none stands for all.
    pub(crate) fn rows(&mut self, index: u64) -> Option<Arc<[u64]>> {
        let Self {
            set, batch, seed, ..
        } = *self;
        let stream = |number| Stream::new(seed, Role::Order, number, 0);
        let mut rows: Vec<u64> = match set.sampling {
            Sampling::WithoutReplacement if batch == set.rows => return None,
            Sampling::WithoutReplacement => {
                let each = set.rows / batch;
                let number = index / each;
                if self.epoch.as_ref().is_none_or(|(last, _)| *last != number) {
                    self.epoch = Some((number, shuffled(&mut stream(number), set.rows)));
                }
                let order = self.epoch.iter().flat_map(|(_, order)| order);
                let first = (index % each) * batch;
                order
                    .skip(first as usize)
                    .take(batch as usize)
                    .copied()
                    .collect()
            }
            Sampling::WithReplacement => {
                let mut stream = stream(index);
                (0..batch).map(|_| below(&mut stream, set.rows)).collect()
            }
        };
        // Rows that lie together are read together; a sum has no order.
        rows.sort_unstable();
        Some(rows.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(rows: u64, batch: u64, sampling: Sampling) -> Draws {
        Draws::new(TrainingSet { rows, sampling }, batch, 5)
    }

    #[test]
    fn an_epoch_has_every_row_at_most_once_and_the_next_another_order() {
        let mut draws = draws(10, 3, Sampling::WithoutReplacement);
        let mut epochs = Vec::new();
        for epoch in 0..20 {
            let mut seen: Vec<u64> = (0..3)
                .flat_map(|batch| draws.rows(3 * epoch + batch).expect("a part").to_vec())
                .collect();
            epochs.push(seen.clone());
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 9);
        }
        epochs.dedup();
        assert_eq!(epochs.len(), 20);
        // Out of order, as a run that goes on where it was stopped.
        let again = draws.rows(4).map(|rows| rows.to_vec());
        assert_eq!(again.as_deref(), Some(&epochs[1][3..6]));
    }

    #[test]
    fn a_batch_of_the_whole_set_is_the_set() {
        assert_eq!(draws(7, 7, Sampling::WithoutReplacement).rows(3), None);
        let drawn = draws(7, 7, Sampling::WithReplacement).rows(3);
        assert_eq!(drawn.map(|rows| rows.len()), Some(7));
    }

    /// Of 4 rows drawn from 4 with replacement all differ with probability 4!/4^4 = 0.094.
    #[test]
    fn rows_with_replacement_may_come_twice() {
        let mut draws = draws(4, 4, Sampling::WithReplacement);
        let distinct = (0..4000).filter(|index| {
            let mut rows = draws.rows(*index).expect("a part").to_vec();
            rows.dedup();
            rows.len() == 4
        });
        let share = distinct.count() as f64 / 4000.0;
        assert!(
            (share - 0.09375).abs() < 4.0 * (0.085f64 / 4000.0).sqrt(),
            "{share}"
        );
    }
}
