//! How much work an analysis may take.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::expr::{Expr, Function};

/// The work that an analysis may take. It is counted, not timed, so that an answer depends neither on the machine
/// nor on how busy it is. Its memory is bounded by the sizes of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Elementary operations on numbers, roughly: when they are spent, what is not known by then is unknown.
    pub operations: u64,
}

impl Budget {
    /// A multiple of the default, at least one operation.
    pub fn times(factor: f64) -> Self {
        Self {
            operations: (Self::default().operations as f64 * factor).max(1.0) as u64,
        }
    }
}

impl Default for Budget {
    /// Two thousand million: about 6 s of one core.
    fn default() -> Self {
        Self {
            operations: 2_000_000_000,
        }
    }
}

/// What it costs to enclose a kink on a cell.
const CELL: u64 = 400;

/// A budget on its way, which threads share.
///
/// Pieces that are done side by side stop when together they have reached the end, which they do in some order exactly
/// if they do in every order: whether it is spent depends on no thread. What they did by then does, so that nothing of it
/// is used, and [`Work::settle`] forgets what was done beyond the end.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    stop: &'a (dyn Fn() -> bool + Sync),
    done: &'a AtomicU64,
    end: u64,
}

impl<'a> Work<'a> {
    /// Nothing done yet, counted in `done`; until `stop` says so.
    pub fn start(
        budget: &Budget,
        done: &'a AtomicU64,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            stop,
            done,
            end: budget.operations,
        }
    }

    /// Counts what was done.
    pub fn add(&self, operations: u64) {
        self.done.fetch_add(operations, Ordering::Relaxed);
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// After pieces that threads did: what was done beyond the end, before all had seen that it was reached, is not counted.
    pub fn settle(&self) {
        self.done.fetch_min(self.end, Ordering::Relaxed);
    }

    /// Counts cells on which a kink was enclosed.
    pub fn add_cells(&self, cells: usize) {
        self.add(cells as u64 * CELL);
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.done())
    }

    /// Whether nothing is left, or a stop was asked for.
    pub fn spent(&self) -> bool {
        self.done() >= self.end || self.stopped()
    }

    /// Whether a stop was asked for.
    pub fn stopped(&self) -> bool {
        (self.stop)()
    }

    /// A part of what is left, between 0 and 1.
    pub fn part(&self, share: f64) -> Self {
        let part = self.left() as f64 * share;
        Self {
            end: self.done().saturating_add(part as u64),
            ..*self
        }
    }
}

/// What the value of an expression at a point costs.
pub(super) fn operations(expr: &Expr) -> u64 {
    let mut sum = 0;
    expr.visit(&mut |e| {
        sum += match e {
            Expr::Apply(Function::Abs | Function::Sign | Function::Step | Function::Relu, _) => 1,
            Expr::Apply(..) => 10,
            Expr::Hermite(k, _) => 2 * u64::from(*k),
            _ => 1,
        }
    });
    sum
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn a_part_that_threads_spend_costs_what_it_was_given() {
        let left = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let done = AtomicU64::new(0);
            let budget = Budget { operations: 1000 };
            let work = Work::start(&budget, &done, &|| false);
            let part = work.part(0.5);
            pool.expect("threads").install(|| {
                (0..100).into_par_iter().for_each(|_| {
                    if !part.spent() {
                        part.add(90);
                    }
                });
            });
            part.settle();
            assert!(part.spent() && !work.spent());
            work.left()
        };
        // One thread alone goes to 540 before it sees the end.
        assert_eq!([1, 2, 4].map(left), [500; 3]);
    }
}
