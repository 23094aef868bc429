//! The processes that share one run: each computes its blocks of every batch, and all get the sums.
//!
//! Everything but the blocks of batches is computed by every rank alike, so ranks exchange sums and nothing else.

use std::fmt;
use std::ops::Range;

/// A group of processes, numbered from 0, that execute the same run.
///
/// All ranks make the same calls in the same order; a call returns when this rank's part of it is done. A rank that
/// is lost must end the whole group, because nothing here can report it.
pub trait Ranks: fmt::Debug + Sync {
    /// The number of this process.
    fn rank(&self) -> usize;

    /// The number R of processes.
    fn size(&self) -> usize;

    /// Sends numbers to another rank.
    fn send(&self, to: usize, values: &[f64]);

    /// Receives as many numbers from another rank as it sends.
    fn receive(&self, from: usize, values: &mut [f64]);

    /// Gives the numbers of rank `from` to all ranks.
    fn broadcast(&self, from: usize, values: &mut [f64]) {
        if self.rank() == from {
            for to in (0..self.size()).filter(|to| *to != from) {
                self.send(to, values);
            }
        } else {
            self.receive(from, values);
        }
    }

    /// Whether the flag is set on any rank.
    fn any(&self, flag: bool) -> bool {
        let mut sum = [f64::from(u8::from(flag))];
        if self.rank() > 0 {
            self.send(0, &sum);
        } else {
            for from in 1..self.size() {
                let mut other = [0.0];
                self.receive(from, &mut other);
                sum[0] += other[0];
            }
        }
        self.broadcast(0, &mut sum);
        sum[0] > 0.0
    }

    /// Gives whole numbers of rank 0, such as the number of the run to be done next, to all ranks.
    fn announce(&self, numbers: &mut [u64]) {
        let mut bits: Vec<f64> = numbers.iter().map(|x| f64::from_bits(*x)).collect();
        self.broadcast(0, &mut bits);
        for (number, bits) in numbers.iter_mut().zip(bits) {
            *number = bits.to_bits();
        }
    }
}

/// A process that shares its work with no other.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, _to: usize, _values: &[f64]) {}

    fn receive(&self, _from: usize, _values: &mut [f64]) {}

    fn any(&self, flag: bool) -> bool {
        flag
    }
}

/// Which blocks belong to which rank: ranges of whole aligned subtrees of the tree in which blocks are summed
/// ([`crate::reduce`]), so that ranks exchange sums of subtrees and the order of summation stays.
///
/// The subtrees are the largest that give no rank more than 17/16 of an equal share: one for each rank where blocks
/// and ranks are powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    blocks: usize,
    ranks: usize,
    /// Blocks of one subtree, a power of two.
    unit: usize,
}

impl Share {
    /// The division of `blocks` blocks over `ranks` ranks.
    pub fn new(blocks: usize, ranks: usize) -> Self {
        let equal = blocks.div_ceil(ranks);
        let mut unit = equal.next_power_of_two();
        let largest = |unit: usize| blocks.div_ceil(unit).div_ceil(ranks) * unit;
        while unit > 1 && largest(unit).min(blocks) * 16 > equal * 17 {
            unit /= 2;
        }
        Self {
            blocks,
            ranks,
            unit,
        }
    }

    fn units(&self) -> usize {
        self.blocks.div_ceil(self.unit)
    }

    /// The blocks of one rank; rank 0 has the first.
    pub fn of(&self, rank: usize) -> Range<usize> {
        let start = |rank: usize| {
            let units = (rank * self.units()).div_ceil(self.ranks);
            (units * self.unit).min(self.blocks)
        };
        start(rank)..start(rank + 1)
    }

    /// The rank of one block.
    pub fn owner(&self, block: usize) -> usize {
        block / self.unit * self.ranks / self.units()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_one_owner_and_no_rank_much_more_than_its_share() {
        for ranks in [1, 2, 3, 4, 5, 7, 16, 100] {
            for blocks in (0..200).chain([1000, 1024, 5462, 65_537]) {
                let share = Share::new(blocks, ranks);
                let mut next = 0;
                for rank in 0..ranks {
                    let own = share.of(rank);
                    assert_eq!(own.start, next, "{blocks} blocks, {ranks} ranks");
                    assert!(own.len() * 16 <= blocks.div_ceil(ranks) * 17);
                    assert!(own.clone().all(|block| share.owner(block) == rank));
                    next = own.end;
                }
                assert_eq!(next, blocks);
            }
        }
    }

    #[test]
    fn powers_of_two_give_one_subtree_each() {
        for (blocks, ranks, unit) in [(1024, 4, 256), (1000, 4, 256), (1024, 3, 32), (7, 1, 8)] {
            assert_eq!(Share::new(blocks, ranks).unit, unit);
        }
    }
}
