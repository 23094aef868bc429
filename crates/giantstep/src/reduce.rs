//! Sums in a fixed order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::batch::Interrupted;

/// Sums the contributions of `blocks` blocks in a fixed binary tree, so that the bits of the result do not depend
/// on the number of threads; `leaf` gets the number of a block and a zeroed buffer of `length` to fill.
///
/// About `threads * log2(blocks)` buffers exist at a time.
pub fn tree_sum(blocks: usize, length: usize, leaf: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    let buffers = Pool::default();
    node(
        0,
        blocks,
        &|block| {
            let mut sum = buffers.take_or(|| vec![0.0; length]);
            sum.fill(0.0);
            leaf(block, &mut sum);
            sum
        },
        &|mut left: Vec<f64>, right| {
            for (left, right) in left.iter_mut().zip(&right) {
                *left += right;
            }
            buffers.give(right);
            left
        },
    )
    .unwrap_or_else(|| vec![0.0; length])
}

/// [`tree_sum`] that leaves out all blocks that are not begun when `stop` is set.
///
/// # Errors
/// [`Interrupted`] when `stop` is set.
pub fn stoppable_tree_sum(
    blocks: usize,
    length: usize,
    stop: &AtomicBool,
    leaf: impl Fn(usize, &mut [f64]) + Sync,
) -> Result<Vec<f64>, Interrupted> {
    let sum = tree_sum(blocks, length, |block, sum| {
        if !stop.load(Ordering::Relaxed) {
            leaf(block, sum);
        }
    });
    if stop.load(Ordering::Relaxed) {
        Err(Interrupted)
    } else {
        Ok(sum)
    }
}

/// The sum of blocks `first..end`: the left subtree is the largest full one.
fn node<S: Send>(
    first: usize,
    end: usize,
    leaf: &(impl Fn(usize) -> S + Sync),
    add: &(impl Fn(S, S) -> S + Sync),
) -> Option<S> {
    match end - first {
        0 => None,
        1 => Some(leaf(first)),
        length => {
            let middle = first + length.next_power_of_two() / 2;
            let (left, right) = rayon::join(
                || node(first, middle, leaf, add),
                || node(middle, end, leaf, add),
            );
            Some(add(left?, right?))
        }
    }
}

/// Buffers that are used again.
#[derive(Debug)]
pub(crate) struct Pool<B>(Mutex<Vec<B>>);

impl<B> Default for Pool<B> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<B> Pool<B> {
    /// A buffer that was given back, or a new one.
    pub(crate) fn take_or(&self, new: impl FnOnce() -> B) -> B {
        let old = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        old.unwrap_or_else(new)
    }

    /// Gives a buffer back.
    pub(crate) fn give(&self, buffer: B) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmonic(threads: usize, blocks: usize) -> Vec<f64> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        pool.install(|| {
            tree_sum(blocks, 2, |block, sum| {
                sum[0] += 1.0 / (1.0 + block as f64);
                sum[1] += 1.0;
            })
        })
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        for blocks in [0, 1, 2, 3, 7, 100, 1000] {
            let one = harmonic(1, blocks);
            assert_eq!(one[1], blocks as f64);
            assert_eq!(one, harmonic(2, blocks));
            assert_eq!(one, harmonic(4, blocks));
        }
    }

    #[test]
    fn a_stopped_sum_begins_no_further_block() {
        let stop = AtomicBool::new(false);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .expect("threads");
        let begun = std::sync::atomic::AtomicUsize::new(0);
        let sum = pool.install(|| {
            stoppable_tree_sum(100, 1, &stop, |block, _| {
                begun.fetch_add(1, Ordering::Relaxed);
                if block == 3 {
                    stop.store(true, Ordering::Relaxed);
                }
            })
        });
        assert_eq!((sum, begun.into_inner()), (Err(Interrupted), 4));
    }
}
