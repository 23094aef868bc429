//! Randomised quasi-Monte-Carlo: the fallback for kinked functions of many directions at once.

use super::numeric::Approximate;
use crate::gauss::{golden_ratios, normal_quantile};

/// The number of independent randomisations, from whose spread the error is estimated.
const REPLICATES: usize = 12;

/// The mean of `f(z)` over `dimensions` standard normals, for several numbers at once.
///
/// A lattice by generalised golden ratios, shifted at random; the error is four standard errors of the
/// replicates. O(12 * points) evaluations, the same numbers every time.
pub fn means(
    dimensions: usize,
    points: usize,
    outputs: usize,
    mut f: impl FnMut(&[f64], &mut [f64]),
) -> Vec<Approximate> {
    let steps = golden_ratios(dimensions);
    let mut shifts = SplitMix(0x9e37_79b9);
    let mut replicates = vec![vec![0.0; outputs]; REPLICATES];
    let mut z = vec![0.0; dimensions];
    let mut out = vec![0.0; outputs];
    for replicate in &mut replicates {
        let shift: Vec<f64> = (0..dimensions).map(|_| shifts.uniform()).collect();
        for point in 0..points {
            for ((z, shift), step) in z.iter_mut().zip(&shift).zip(&steps) {
                let u = (shift + point as f64 * step).fract();
                // The baker's transform makes the periodic lattice one of second order.
                let u = 1.0 - (2.0 * u - 1.0).abs();
                *z = normal_quantile(u.clamp(1e-16, 1.0 - 1e-16));
            }
            out.fill(0.0);
            f(&z, &mut out);
            for (sum, value) in replicate.iter_mut().zip(&out) {
                *sum += value / points as f64;
            }
        }
    }
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
    let mut shifts = SplitMix(shift);
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

/// A small fixed generator for shifts and permutations.
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.word() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// A standard normal.
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform())
    }
}
