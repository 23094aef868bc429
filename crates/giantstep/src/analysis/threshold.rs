//! The weak-recovery threshold alpha_c of approximate message passing.

use super::sampled::{SplitMix, normal_quantile};
use super::span::dot;

/// A threshold with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// alpha_c; infinite where no direction can be weakly recovered at n proportional to d.
    pub value: f64,
    /// The spread of two halves of the samples.
    pub error: f64,
}

/// `1 / alpha_c = sup over M >= 0 of |E_y[G(y) M G(y)]|_F / |M|_F`, `G(y) = E[z z^T - 1 | y]`, where
/// `E[z | y] = 0` (Troiani et al. 2405.15480; THEORY.md (14)).
///
/// From 2^19 points in bins of the label; two independent halves make the estimate of the product of two
/// conditional means free of the bias of noise. The width of the bins makes 1/alpha_c low by a little, most
/// where the labels have heavy tails. `effective` is an orthonormal basis of the directions of the link.
pub fn weak_recovery(value: &dyn Fn(&[f64]) -> f64, r: usize, effective: &[Vec<f64>]) -> Threshold {
    let m = effective.len();
    let points = 1usize << if m == 1 { 17 } else { 19 };
    let mut generator = SplitMix(23);
    let mut samples: Vec<(f64, Vec<f64>)> = (0..points)
        .map(|i| {
            let t: Vec<f64> = if m == 1 {
                vec![normal_quantile((i as f64 + 0.5) / points as f64)]
            } else {
                (0..m).map(|_| generator.normal()).collect()
            };
            let mut z = vec![0.0; r];
            for (t, b) in t.iter().zip(effective) {
                z.iter_mut().zip(b).for_each(|(z, b)| *z += t * b);
            }
            (value(&z), t)
        })
        .collect();
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    // On a line the points are a grid without noise, and bins may be small.
    let bins = atoms_and_quantiles(&samples, if m == 1 { 8 } else { points / 1024 });
    let moments: Vec<(f64, [Vec<f64>; 2])> = bins
        .iter()
        .map(|bin| {
            let halves = [0, 1].map(|half| {
                let part = samples[bin.clone()].iter().skip(half).step_by(2);
                mean_hermite(part.map(|(_, t)| t.as_slice()), m)
            });
            (bin.len() as f64 / points as f64, halves)
        })
        .collect();
    let crossed = top(&moments, m, 0, 1);
    let spread =
        (top(&moments, m, 0, 0) - crossed).abs() + (top(&moments, m, 1, 1) - crossed).abs();
    let noise = if m == 1 {
        0.0
    } else {
        4.0 * (bins.len() as f64).sqrt() / points as f64 * (m * m) as f64
    };
    if crossed <= noise + 1e-9 {
        return Threshold {
            value: f64::INFINITY,
            error: 0.0,
        };
    }
    Threshold {
        value: 1.0 / crossed,
        error: 0.5 * spread / (crossed * crossed),
    }
}

/// Ranges of samples sorted by label: one for each atom, otherwise of equal size.
fn atoms_and_quantiles(samples: &[(f64, Vec<f64>)], size: usize) -> Vec<std::ops::Range<usize>> {
    let mut bins = Vec::new();
    let mut start = 0;
    while start < samples.len() {
        let mut end = (start + size).min(samples.len());
        let last = samples[end - 1].0;
        while end < samples.len() && samples[end].0 - last <= 1e-12 * (1.0 + last.abs()) {
            end += 1;
        }
        bins.push(start..end);
        start = end;
    }
    bins
}

/// The mean of `t t^T - 1`, row by row.
fn mean_hermite<'a>(points: impl Iterator<Item = &'a [f64]>, m: usize) -> Vec<f64> {
    let mut sums = vec![0.0; m * m];
    let mut count = 0.0;
    for t in points {
        count += 1.0;
        for i in 0..m {
            for j in 0..m {
                sums[i * m + j] += t[i] * t[j] - f64::from(u8::from(i == j));
            }
        }
    }
    sums.iter().map(|s| s / count).collect()
}

/// The largest eigenvalue of `M -> E[G_a M G_b]`, from the identity: power iteration stays among M >= 0.
fn top(moments: &[(f64, [Vec<f64>; 2])], m: usize, a: usize, b: usize) -> f64 {
    let mut matrix: Vec<f64> = (0..m * m)
        .map(|k| f64::from(u8::from(k / m == k % m)))
        .collect();
    let mut value = 0.0;
    for _ in 0..60 {
        let norm = dot(&matrix, &matrix).sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        matrix.iter_mut().for_each(|x| *x /= norm);
        let mut next = vec![0.0; m * m];
        for (weight, halves) in moments {
            let left = multiply(&halves[a], &matrix, m);
            let both = multiply(&left, &halves[b], m);
            for i in 0..m {
                for j in 0..m {
                    next[i * m + j] += 0.5 * weight * (both[i * m + j] + both[j * m + i]);
                }
            }
        }
        let before = value;
        value = dot(&next, &next).sqrt();
        matrix = next;
        if (value - before).abs() <= 1e-12 * value {
            break;
        }
    }
    value
}

fn multiply(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    (0..m * m)
        .map(|k| (0..m).map(|l| a[k / m * m + l] * b[l * m + k % m]).sum())
        .collect()
}
