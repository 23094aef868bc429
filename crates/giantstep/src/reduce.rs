//! Sums in a fixed order, over the threads of a process and the ranks of a group.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use crate::ranks::{Alone, Ranks, Share};
use crate::watch::{Interrupted, Watch};

/// Sums the contributions of `blocks` blocks in a fixed binary tree, whose nodes halve their blocks as evenly as can be,
/// so that the bits of the result do not depend on the number of threads; `leaf` gets the number of a block and a
/// zeroed buffer of `length` to fill.
///
/// About `threads * log2(blocks)` buffers exist at a time.
pub fn tree_sum(blocks: usize, length: usize, leaf: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    shared_tree_sum(&Alone, blocks, length, leaf)
}

/// [`tree_sum`] of which each rank computes the blocks that [`Share`] gives it; all get the sum, with the same bits
/// as on one rank.
///
/// Each rank first sums its own subtrees; their sums are added on the way up the tree by the rank that owns the
/// first block, and rank 0 broadcasts the total: `R - 1` messages of `length` numbers each way if the number R of ranks
/// is a power of two, about three times as many on the way up otherwise.
pub fn shared_tree_sum(
    ranks: &dyn Ranks,
    blocks: usize,
    length: usize,
    leaf: impl Fn(usize, &mut [f64]) + Sync,
) -> Vec<f64> {
    let tree = Tree::new(ranks, blocks, length, &|| false);
    tree.total(tree.own(ROOT, &leaf))
}

/// [`shared_tree_sum`] over the ranks of `watch`, which leaves out all blocks that are not begun when its flag is
/// set.
///
/// # Errors
/// [`Interrupted`], on all ranks, when the flag is set on any.
pub fn stoppable_tree_sum(
    blocks: usize,
    length: usize,
    watch: Watch<'_>,
    leaf: impl Fn(usize, &mut [f64]) + Sync,
) -> Result<Vec<f64>, Interrupted> {
    let stopped = || watch.stop.load(Ordering::Relaxed);
    let tree = Tree::new(watch.ranks, blocks, length, &stopped);
    let own = tree.own(ROOT, &|block, sum: &mut [f64]| {
        if !stopped() {
            leaf(block, sum);
        }
    });
    // Agreed before the sums are exchanged: no rank waits for one that has stopped.
    if watch.ranks.any(stopped()) {
        Err(Interrupted)
    } else {
        Ok(tree.total(own))
    }
}

/// A node of the tree of blocks: number `index` of the `2^depth` that divide the blocks evenly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) depth: u32,
    pub(crate) index: usize,
}

/// All blocks.
pub(crate) const ROOT: Node = Node { depth: 0, index: 0 };

impl Node {
    /// The nodes of its two halves.
    pub(crate) fn children(self) -> (Self, Self) {
        let child = |index| Self {
            depth: self.depth + 1,
            index,
        };
        (child(2 * self.index), child(2 * self.index + 1))
    }
}

/// What a block contributes. Compiled once: a tree of tasks for each kind of sum was a twentieth of this library's code.
type Leaf<'a> = dyn Fn(usize, &mut [f64]) + Sync + 'a;

/// The sum over the tree of blocks.
struct Tree<'a> {
    ranks: &'a dyn Ranks,
    /// Whether the sum is no longer wanted.
    stopped: &'a (dyn Fn() -> bool + Sync),
    share: Share,
    blocks: usize,
    length: usize,
    buffers: Pool<Vec<f64>>,
}

impl<'a> Tree<'a> {
    fn new(
        ranks: &'a dyn Ranks,
        blocks: usize,
        length: usize,
        stopped: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            ranks,
            stopped,
            share: Share::new(blocks, ranks.size()),
            blocks,
            length,
            buffers: Pool::default(),
        }
    }

    fn buffer(&self) -> Vec<f64> {
        self.buffers.take_or(|| vec![0.0; self.length])
    }

    fn added(&self, mut left: Vec<f64>, right: Vec<f64>) -> Vec<f64> {
        for (left, right) in left.iter_mut().zip(&right) {
            *left += right;
        }
        self.buffers.give(right);
        left
    }

    /// The sums of this rank's largest subtrees below a node, from left to right.
    fn own(&self, node: Node, leaf: &Leaf<'_>) -> Vec<Vec<f64>> {
        let (first, last) = self.share.owners(node.depth, node.index);
        let rank = self.ranks.rank();
        if self.blocks == 0 || rank < first || rank > last {
            return Vec::new();
        }
        if first == last {
            return vec![self.subtree(node, leaf)];
        }
        let (left, right) = node.children();
        let (mut left, right) = rayon::join(|| self.own(left, leaf), || self.own(right, leaf));
        left.extend(right);
        left
    }

    /// The sum of one or more blocks, all by this rank.
    fn subtree(&self, node: Node, leaf: &Leaf<'_>) -> Vec<f64> {
        // Even to leave out the leaves one by one would take for ever where there are 10^12.
        if (self.stopped)() {
            return self.buffer();
        }
        let start = self.share.start(node.depth, node.index);
        if self.share.start(node.depth, node.index + 1) - start == 1 {
            let mut sum = self.buffer();
            sum.fill(0.0);
            leaf(start, &mut sum);
            return sum;
        }
        let (left, right) = node.children();
        let (left, right) = rayon::join(|| self.subtree(left, leaf), || self.subtree(right, leaf));
        self.added(left, right)
    }

    /// The sum of all blocks, on every rank.
    fn total(&self, own: Vec<Vec<f64>>) -> Vec<f64> {
        if self.blocks == 0 {
            return vec![0.0; self.length];
        }
        let root = self.combined(ROOT, &mut own.into_iter());
        let mut total = root.unwrap_or_else(|| self.buffer());
        self.ranks.broadcast(0, &mut total);
        total
    }

    /// The sum of a node on the rank that owns its first block. Every rank goes through the nodes in the same order,
    /// so the first message that is not yet delivered always finds both of its ranks ready.
    fn combined(&self, node: Node, own: &mut impl Iterator<Item = Vec<f64>>) -> Option<Vec<f64>> {
        let (first, last) = self.share.owners(node.depth, node.index);
        let rank = self.ranks.rank();
        if rank < first || rank > last {
            return None;
        }
        if first == last {
            return own.next();
        }
        let (left, right) = node.children();
        let (other, _) = self.share.owners(right.depth, right.index);
        match (self.combined(left, own), self.combined(right, own)) {
            (Some(left), Some(right)) => Some(self.added(left, right)),
            (Some(left), None) => {
                let mut right = self.buffer();
                self.ranks.receive(other, &mut right);
                Some(self.added(left, right))
            }
            (None, Some(right)) => {
                self.ranks.send(first, &right);
                self.buffers.give(right);
                None
            }
            (None, None) => None,
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
    use std::sync::atomic::AtomicBool;

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

    /// All leaves of it could not even be looked at.
    #[test]
    fn an_endless_sum_ends_when_it_is_stopped() {
        let stop = AtomicBool::new(false);
        let watch = Watch {
            stop: &stop,
            ..Watch::default()
        };
        let sum = stoppable_tree_sum(1 << 50, 1, watch, |_, _| {
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(sum, Err(Interrupted));
    }

    #[test]
    fn a_stopped_sum_begins_no_further_block() {
        let stop = AtomicBool::new(false);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .expect("threads");
        let begun = std::sync::atomic::AtomicUsize::new(0);
        let watch = Watch {
            stop: &stop,
            ..Watch::default()
        };
        let sum = pool.install(|| {
            stoppable_tree_sum(100, 1, watch, |block, _| {
                begun.fetch_add(1, Ordering::Relaxed);
                if block == 3 {
                    stop.store(true, Ordering::Relaxed);
                }
            })
        });
        assert_eq!((sum, begun.into_inner()), (Err(Interrupted), 4));
    }
}
