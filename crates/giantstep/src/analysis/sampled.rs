//! Randomised quasi-Monte-Carlo: the fallback for kinked functions of many directions at once.

use super::budget::Work;
use super::estimate::Approximate;

use rayon::prelude::*;

use crate::batch::{Role, Stream};
use crate::gauss::{golden_ratios, normal_quantile};

/// The number of independent randomisations, from whose spread the error is estimated.
const REPLICATES: usize = 12;

/// Points that are visited at a time.
const BLOCK: usize = 512;

/// What [`means`] costs beside the functions.
pub fn operations(dimensions: usize, points: usize, outputs: usize) -> u64 {
    const POINT: usize = 40;
    (REPLICATES * points * (dimensions * POINT + dimensions * outputs)) as u64
}

/// The means of several functions of `dimensions` standard normals: `add(columns, sums)` adds their values at a block
/// of points.
///
/// Points of Sobol, scrambled at random after Owen (by Burley's hash), up to 2^16 of them, a replicate on one thread; the error is four
/// standard errors of the replicates. O(12 * points) evaluations, the same numbers every time. Nothing is known of them where a stop is
/// asked for on the way.
pub fn means(
    dimensions: usize,
    points: usize,
    outputs: usize,
    work: &Work<'_>,
    add: impl Fn(&[Vec<f64>], &mut [f64]) + Sync,
) -> Vec<Approximate> {
    let replicate = |number: usize| {
        let seed = 0x9e37 + number as u32;
        let mut sums = vec![0.0; outputs];
        let mut first = 0;
        while first < points {
            if work.stopped() {
                return None;
            }
            let rows = BLOCK.min(points - first);
            let place = |dimension: usize, point: usize| {
                let u = sobol_burley::sample((first + point) as u32, dimension as u32, seed);
                // In the middle of its 2^24 cells.
                normal_quantile(f64::from(u) + 2f64.powi(-25))
            };
            let columns: Vec<Vec<f64>> = (0..dimensions)
                .map(|dimension| (0..rows).map(|point| place(dimension, point)).collect())
                .collect();
            add(&columns, &mut sums);
            first += rows;
        }
        sums.iter_mut().for_each(|sum| *sum /= points as f64);
        Some(sums)
    };
    let replicates = (0..REPLICATES).into_par_iter().map(replicate);
    let Some(replicates) = replicates.collect::<Option<Vec<Vec<f64>>>>() else {
        return vec![Approximate::UNKNOWN; outputs];
    };
    let count = REPLICATES as f64;
    (0..outputs)
        .map(|k| {
            let value = replicates.iter().map(|r| r[k]).sum::<f64>() / count;
            let squares: f64 = replicates.iter().map(|r| (r[k] - value).powi(2)).sum();
            let error = 4.0 * (squares / (count - 1.0) / count).sqrt();
            Approximate { value, error }
        })
        .collect()
}

/// Points of standard normals in columns, one for each dimension: the same lattice, shifted by `shift` draws.
pub fn normals(dimensions: usize, points: usize, shift: u64) -> Vec<Vec<f64>> {
    let mut shifts = Probe::Shift(shift).stream();
    golden_ratios(dimensions)
        .into_iter()
        .map(|step| {
            let start = shifts.uniform();
            (0..points)
                .map(|point| {
                    let u = (start + point as f64 * step).fract();
                    normal_quantile(u.clamp(1e-16, 1.0 - 1e-16))
                })
                .collect()
        })
        .collect()
}

/// What the analyzer draws numbers for: names of streams.
#[derive(Debug, Clone, Copy)]
pub enum Probe {
    /// Shifts of a lattice, the so many-th.
    Shift(u64),
    /// Weights of the values of Boolean labels.
    Levels,
    /// Points at which a link is compared with itself along a direction.
    Dependence,
    /// Points at which it is compared with its mirror images.
    Symmetry,
    /// Samples whose labels are sorted into bins.
    Bins,
    /// Numbers inside a link that stay the same for all of its inputs.
    Inside,
}

impl Probe {
    /// Its numbers: always the same.
    pub fn stream(self) -> Stream {
        let (kind, number) = match self {
            Self::Shift(number) => (0, number),
            Self::Levels => (1, 0),
            Self::Dependence => (2, 0),
            Self::Symmetry => (3, 0),
            Self::Bins => (4, 0),
            Self::Inside => (5, 0),
        };
        Stream::new(number, Role::Analysis, kind, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use super::super::budget::Budget;
    use super::*;

    #[test]
    fn means_end_with_the_block_in_which_a_stop_is_asked_for() {
        let (done, blocks) = (AtomicU64::new(0), AtomicUsize::new(0));
        let stop = || blocks.load(Ordering::Relaxed) >= 3;
        let work = Work::start(&Budget::default(), &done, &stop);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let count = |columns: &[Vec<f64>], sums: &mut [f64]| {
            blocks.fetch_add(1, Ordering::Relaxed);
            sums[0] += columns[0].len() as f64;
        };
        let means = one
            .expect("a thread")
            .install(|| means(2, 1 << 12, 1, &work, count));
        assert_eq!(blocks.into_inner(), 3);
        assert!(means[0].error > 1e100, "nothing is known");
    }
}
