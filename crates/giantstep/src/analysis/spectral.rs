//! The spectral threshold alpha_s: above it the matrix that a reused batch applies to every neuron has an outlier.

use faer::{Mat, Side};
use rayon::prelude::*;

use super::budget::Work;
use super::levels::finite_values;
use super::report::Spectral;
use super::symmetry::Symmetry;
use super::threshold::{labelled, symmetrised, within};
use crate::expr::Link;
use crate::gauss::{Enclosure, Interval, Jet};

/// `alpha_s` of `H = (1/n) sum_i rho(y_i) x_i x_i^T` at n = alpha d, with `rho(y) = y - E y` or its negative, whichever
/// is smaller; None where the labels are not bounded, or no such matrix has an outlier.
///
/// With `L(tau) = |E[rho (z z^T - 1)/(tau - rho)]|`, its largest eigenvalue, and `V(tau) = E[rho^2/(tau - rho)^2]`, an
/// outlier sits where `L = 1/alpha` if `V < 1/alpha` there; at the threshold both are equal (Mondelli and Montanari
/// 1708.05932, Lu and Li 1702.06435; THEORY.md (59)). Means over six times 2^14 points, averaged over the
/// symmetries of the link; the error is that of their spread. None where `work` was stopped.
pub fn spectral(
    link: &Link,
    effective: &[Vec<f64>],
    symmetries: &[Symmetry],
    work: Work<'_>,
) -> Option<Spectral> {
    const REPETITIONS: u64 = 6;
    if finite_values(link.expr()).is_none() && !bounded(link) {
        return None;
    }
    let turns: Vec<Vec<f64>> = symmetries.iter().map(|s| within(s, effective)).collect();
    let thresholds: Vec<[f64; 2]> = (0..REPETITIONS)
        .into_par_iter()
        .map(|k| {
            let points = labelled(link, effective, 1 << 14, 61 + k);
            let count = points.len() as f64;
            let mean = points.iter().map(|(label, _)| label).sum::<f64>() / count;
            [1.0, -1.0].map(|sign| {
                let law: Vec<(f64, &[f64])> = points
                    .iter()
                    .map(|(label, t)| (sign * (label - mean), t.as_slice()))
                    .collect();
                threshold(&law, &turns, work)
            })
        })
        .collect();
    if work.stopped() {
        return None;
    }
    let best = (0..2).filter_map(|sign| {
        let inverse: Vec<f64> = thresholds.iter().map(|both| both[sign]).collect();
        let count = inverse.len() as f64;
        let mean = inverse.iter().sum::<f64>() / count;
        let squares: f64 = inverse.iter().map(|x| (x - mean).powi(2)).sum();
        let error = 4.0 * (squares / (count - 1.0) / count).sqrt();
        // Points of a link without an outlier have small ones of either size.
        (mean > 2.0 * error.max(1e-3)).then(|| Spectral {
            alpha_s: 1.0 / mean,
            error: error / (mean * mean),
        })
    });
    best.min_by(|a, b| a.alpha_s.total_cmp(&b.alpha_s))
}

/// `1 / alpha_s` of points (rho, t); zero without an outlier at any alpha.
fn threshold(law: &[(f64, &[f64])], turns: &[Vec<f64>], work: Work<'_>) -> f64 {
    let top = law.iter().fold(0.0f64, |top, (rho, _)| top.max(*rho));
    let count = law.len() as f64;
    let energy = |tau: f64| -> f64 {
        let terms = law.iter().map(|(rho, _)| (rho / (tau - rho)).powi(2));
        terms.sum::<f64>() / count
    };
    // What is stopped is looked at no longer; its result is thrown away.
    let seen = |tau: f64| work.stopped() || largest(law, turns, tau) >= energy(tau);
    // L grows like 1/tau and V like 1/tau^2 outwards: the first place from inside at which L is larger.
    let at = |step: u32| top * (1.0 + 1e-3 * 1.5f64.powi(step as i32));
    let Some(first) = (0..40).find(|step| seen(at(*step))) else {
        return 0.0;
    };
    let (mut low, mut high) = match first {
        0 => return energy(at(0)),
        step => (at(step - 1), at(step)),
    };
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        match seen(middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    energy(high)
}

/// The largest eigenvalue of `E[rho (t t^T - 1)/(tau - rho)]`.
fn largest(law: &[(f64, &[f64])], turns: &[Vec<f64>], tau: f64) -> f64 {
    let m = law.first().map_or(0, |(_, t)| t.len());
    let mut sums = vec![0.0; m * m];
    for (rho, t) in law {
        let weight = rho / (tau - rho) / law.len() as f64;
        for i in 0..m {
            for j in 0..m {
                sums[i * m + j] += weight * (t[i] * t[j] - f64::from(u8::from(i == j)));
            }
        }
    }
    let sums = symmetrised(sums, turns, m);
    let matrix = Mat::from_fn(m, m, |i, j| 0.5 * (sums[i * m + j] + sums[j * m + i]));
    let values = matrix.self_adjoint_eigenvalues(Side::Lower);
    values
        .ok()
        .and_then(|values| values.last().copied())
        .unwrap_or(0.0)
}

/// Whether the link is bounded: its values over a large cube are those over one ten thousand times larger.
pub(crate) fn bounded(link: &Link) -> bool {
    let enclosure = Enclosure::new(link.expr());
    let over = |edge: f64| {
        let variable = Jet {
            value: Interval::new(-edge, edge),
            slopes: [],
        };
        enclosure.on(&vec![variable; link.r()]).value
    };
    let (small, large) = (over(1e4), over(1e8));
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-3 * (1.0 + a.abs());
    large.low.is_finite()
        && large.high.is_finite()
        && same(small.low, large.low)
        && same(small.high, large.high)
}
