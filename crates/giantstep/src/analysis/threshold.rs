//! The weak-recovery threshold alpha_c of approximate message passing.

use rayon::prelude::*;

use super::budget::Work;
use super::estimate::Approximate;
use super::levels::{finite_values, second_order_energy};
use super::sampled::normals;
use super::span::dot;
use super::symmetry::Symmetry;
use crate::expr::Link;

/// A threshold with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// alpha_c; infinite where no direction can be weakly recovered at n proportional to d.
    pub value: f64,
    /// Of one direction from the level sets, of more from independent repetitions and the width of the bins.
    pub error: f64,
}

/// What is known of the second order of the labels, `E[z z^T - 1 | y]`, before it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondOrder {
    /// It vanishes.
    Vanishes,
    /// Nothing.
    Open,
}

/// `1 / alpha_c = sup over M >= 0 of |E_y[G(y) M G(y)]|_F / |M|_F`, `G(y) = E[z z^T - 1 | y]`, where
/// `E[z | y] = 0` (Troiani et al. 2405.15480; THEORY.md (14)); None where it cannot be told from infinity.
///
/// Of one direction from the level sets of the link ([`super::levels`]). Otherwise from six times 2^16 points in bins of
/// the label. The product of two conditional means is estimated from independent
/// quarters of the points, so that noise does not bias it, after G is averaged over the symmetries of the link,
/// which keeps the supremum from fitting noise; bins twice as wide show what their width costs, most
/// where the labels have heavy tails; the spread of the repetitions is the rest of the error. `effective` is an
/// orthonormal basis of the directions of the link.
pub fn weak_recovery(
    link: &Link,
    effective: &[Vec<f64>],
    symmetries: &[Symmetry],
    second_order: SecondOrder,
    work: Work<'_>,
) -> Option<Threshold> {
    let never = Threshold {
        value: f64::INFINITY,
        error: 0.0,
    };
    if second_order == SecondOrder::Vanishes {
        return Some(never);
    }
    let line = match effective {
        [direction] => second_order_energy(link.expr(), direction),
        _ => None,
    };
    let found = line.or_else(|| binned(link, effective, symmetries, work));
    let Approximate { value, error } = found?;
    (value > 2.0 * error.max(1e-12)).then(|| Threshold {
        value: 1.0 / value,
        error: error / (value * value),
    })
}

/// `1 / alpha_c` from points in bins; none where `work` was stopped.
fn binned(
    link: &Link,
    effective: &[Vec<f64>],
    symmetries: &[Symmetry],
    work: Work<'_>,
) -> Option<Approximate> {
    const REPETITIONS: usize = 6;
    let turns: Vec<Vec<f64>> = symmetries.iter().map(|s| within(s, effective)).collect();
    let both: Vec<[f64; 2]> = (0..REPETITIONS)
        .into_par_iter()
        .map(|k| repetition(link, effective, &turns, (QUARTERS * k) as u64 + 23, work))
        .collect::<Option<_>>()?;
    let count = REPETITIONS as f64;
    let mean = |side: usize| both.iter().map(|b| b[side]).sum::<f64>() / count;
    let (value, wide) = (mean(0), mean(1));
    let squares: f64 = both.iter().map(|b| (b[0] - value).powi(2)).sum();
    let spread = (squares / (count - 1.0) / count).sqrt();
    Some(Approximate {
        value,
        error: 2.0 * (value - wide).abs() + 4.0 * spread,
    })
}

/// `1 / alpha_c` from bins of one width and of twice that; none where `work` was stopped.
fn repetition(
    link: &Link,
    effective: &[Vec<f64>],
    turns: &[Vec<f64>],
    seed: u64,
    work: Work<'_>,
) -> Option<[f64; 2]> {
    let m = effective.len();
    let quarter = 1usize << 14;
    let points = QUARTERS * quarter;
    let quarters =
        (0..QUARTERS).map(|shift| labelled(link, effective, quarter, shift as u64 + seed));
    let samples: Vec<(f64, Vec<f64>)> = quarters.flatten().collect();
    let finite = finite_values(link.expr()).is_some();
    let mut order: Vec<usize> = (0..points).collect();
    order.sort_by(|&a, &b| samples[a].0.total_cmp(&samples[b].0));
    let labels: Vec<f64> = order.iter().map(|&i| samples[i].0).collect();
    let mut found = [0.0; 2];
    for (found, size) in found.iter_mut().zip([points / 512, points / 256]) {
        let all = atoms_and_quantiles(&labels, size, finite).into_iter();
        let bins: Vec<Bin> = all
            .take_while(|_| !work.stopped())
            .map(|bin| Bin {
                mass: bin.len() as f64 / points as f64,
                means: std::array::from_fn(|side| {
                    let part = order[bin.clone()].iter().filter(|&&i| i / quarter == side);
                    let mean = mean_hermite(part.map(|&i| samples[i].1.as_slice()), m);
                    symmetrised(mean, turns, m)
                }),
            })
            .collect();
        if work.stopped() {
            return None;
        }
        *found = top(&bins, m, &[(0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2)]);
    }
    Some(found)
}

/// Labels `g(z)` at `count` Gaussian points, each with the coordinates t of z in the basis `effective`.
pub(super) fn labelled(
    link: &Link,
    effective: &[Vec<f64>],
    count: usize,
    seed: u64,
) -> Vec<(f64, Vec<f64>)> {
    let t = normals(effective.len(), count, seed);
    let columns: Vec<Vec<f64>> = (0..link.r())
        .map(|i| {
            (0..count)
                .map(|point| t.iter().zip(effective).map(|(t, b)| t[point] * b[i]).sum())
                .collect()
        })
        .collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut labels = vec![0.0; count];
    link.eval_columns(&columns, &mut labels);
    (0..count)
        .map(|point| (labels[point], t.iter().map(|t| t[point]).collect()))
        .collect()
}

/// Independent parts of the points.
const QUARTERS: usize = 4;

/// The mass of a range of labels, and `E[t t^T - 1 | y in it]` from each quarter.
struct Bin {
    mass: f64,
    means: [Vec<f64>; QUARTERS],
}

/// Ranges of sorted labels: one for each atom, otherwise of equal size.
///
/// Labels are of one atom if they are equal; where they take finitely many values, if they differ by rounding.
fn atoms_and_quantiles(labels: &[f64], size: usize, finite: bool) -> Vec<std::ops::Range<usize>> {
    let largest = labels.iter().fold(0.0f64, |a, y| a.max(y.abs()));
    let apart = if finite { 1e-12 * largest } else { 0.0 };
    let mut bins = Vec::new();
    let mut start = 0;
    while start < labels.len() {
        let mut end = (start + size).min(labels.len());
        if finite {
            end = start + 1;
        }
        let last = labels[end - 1];
        while end < labels.len() && labels[end] - last <= apart {
            end += 1;
        }
        bins.push(start..end);
        start = end;
    }
    bins
}

/// A symmetry in the coordinates of the basis, row by row.
pub(super) fn within(symmetry: &Symmetry, basis: &[Vec<f64>]) -> Vec<f64> {
    let moved: Vec<Vec<f64>> = basis.iter().map(|b| symmetry.apply(b)).collect();
    basis
        .iter()
        .flat_map(|a| moved.iter().map(|b| dot(a, b)).collect::<Vec<f64>>())
        .collect()
}

/// The matrix averaged over the group that these reflections and exchanges generate.
pub(super) fn symmetrised(mut matrix: Vec<f64>, turns: &[Vec<f64>], m: usize) -> Vec<f64> {
    for _ in 0..4 {
        for turn in turns {
            let inverse: Vec<f64> = (0..m * m).map(|k| turn[k % m * m + k / m]).collect();
            let turned = multiply(&multiply(turn, &matrix, m), &inverse, m);
            matrix
                .iter_mut()
                .zip(&turned)
                .for_each(|(x, y)| *x = 0.5 * (*x + y));
        }
    }
    matrix
}

/// The mean of `t t^T - 1`, row by row.
fn mean_hermite<'a>(points: impl Iterator<Item = &'a [f64]>, m: usize) -> Vec<f64> {
    let mut sums = vec![0.0; m * m];
    let mut count: f64 = 0.0;
    for t in points {
        count += 1.0;
        for i in 0..m {
            for j in 0..m {
                sums[i * m + j] += t[i] * t[j] - f64::from(u8::from(i == j));
            }
        }
    }
    sums.iter().map(|s| s / count.max(1.0)).collect()
}

/// The largest eigenvalue of `M -> E[G_a M G_b]` over pairs of quarters, from the identity: power iteration stays among M >= 0.
fn top(bins: &[Bin], m: usize, pairs: &[(usize, usize)]) -> f64 {
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
        for bin in bins {
            for (a, b) in pairs {
                let left = multiply(&bin.means[*a], &matrix, m);
                let both = multiply(&left, &bin.means[*b], m);
                let weight = 0.5 * bin.mass / pairs.len() as f64;
                for i in 0..m {
                    for j in 0..m {
                        next[i * m + j] += weight * (both[i * m + j] + both[j * m + i]);
                    }
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
