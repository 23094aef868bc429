//! Points for expectations over the projections on the spikes.

use std::ops::Range;

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par, Side};

use crate::theory::expectation::{spread_normals, trapezoid};

/// Points and their weights, which sum to 1.
pub(super) struct Nodes {
    pub points: Vec<Vec<f64>>,
    pub weights: Vec<f64>,
    pub rule: Rule,
}

/// How points were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// A product of rules, which resolves what is averaged.
    Product,
    /// Spread evenly: two halves, each of them such a set too.
    Spread,
}

/// Points, at most.
pub(super) const MOST: f64 = 2600.0;
/// Points that are spread for each neuron, and at least and at most in all: twice two mirrored halves.
const OF_NEURON: usize = 8;
const FEWEST: usize = 1024;
const SPREAD: usize = 2048;
/// The step of a rule by the scale on which a function changes, and at most: errors of `exp(-2 pi^2 / FINE^2)`.
const FINE: f64 = 1.4;
const STEP: f64 = 0.8;
/// A step that polynomials bear.
const WIDEST: f64 = 1.0;
/// Lighter points are left out.
const LEAST: f64 = 1e-8;

impl Nodes {
    /// Points for functions that change over `1 / sharpness` along each direction: a product of equally spaced rules, for
    /// two and three directions as fine as the number of points allows; beyond, points that are spread evenly, mirrored,
    /// and have covariance I, others for every seed and more of them for a larger width.
    pub(super) fn new(sharpness: &[f64], width: usize, seed: u64) -> Self {
        if sharpness.is_empty() {
            return Self {
                points: vec![Vec::new()],
                weights: vec![1.0],
                rule: Rule::Product,
            };
        }
        let mut coarser = 1.0;
        while coarser < 1e3 {
            let steps = sharpness.iter().map(|x| {
                let step = (FINE / x).min(STEP) * coarser;
                if coarser > 1.0 {
                    step.min(WIDEST)
                } else {
                    step
                }
            });
            let rules: Vec<Vec<(f64, f64)>> = steps.map(equally_spaced).collect();
            let size: f64 = rules.iter().map(|rule| rule.len() as f64).product();
            // The points of a product that weigh anything lie in a ball.
            let ball = [1.0, 1.0, 0.79, 0.53, 0.31].get(sharpness.len());
            if size * ball.unwrap_or(&0.2) < MOST {
                return Self::product(&rules);
            }
            coarser *= 1.1;
        }
        Self::spread(sharpness.len(), width, seed)
    }

    fn product(rules: &[Vec<(f64, f64)>]) -> Self {
        let mut all = vec![(Vec::new(), 1.0)];
        for rule in rules {
            all = all
                .iter()
                .flat_map(|(point, weight)| {
                    rule.iter().map(move |(x, w)| {
                        let mut point: Vec<f64> = point.clone();
                        point.push(*x);
                        (point, weight * w)
                    })
                })
                .filter(|(_, weight)| *weight > LEAST)
                .collect();
        }
        let total: f64 = all.iter().map(|(_, weight)| weight).sum();
        let (points, weights) = all.into_iter().map(|(x, w)| (x, w / total)).unzip();
        Self {
            points,
            weights,
            rule: Rule::Product,
        }
    }

    fn spread(s: usize, width: usize, seed: u64) -> Self {
        let pairs = (OF_NEURON * width).clamp(FEWEST, SPREAD) / 4;
        let halves = [0, 1].into_iter();
        let points = halves.flat_map(|half| spread(s, seed, half * pairs..(half + 1) * pairs));
        Self {
            points: points.collect(),
            weights: vec![0.25 / pairs as f64; 4 * pairs],
            rule: Rule::Spread,
        }
    }
}

/// These pairs of the sequence, each a point and its mirror image, with covariance I.
fn spread(s: usize, seed: u64, pairs: Range<usize>) -> impl Iterator<Item = Vec<f64>> {
    let count = pairs.len();
    let mut columns = vec![vec![0.0; count]; s];
    spread_normals(seed, pairs.start, &mut columns);
    let raw = Mat::from_fn(count, s, |q, k| columns[k][q]);
    let covariance = raw.transpose() * &raw * faer::Scale(1.0 / count as f64);
    // raw = x L^T with covariance L L^T: the rows of x have covariance I.
    let even = match covariance.llt(Side::Lower) {
        Ok(factor) => {
            let mut even = raw.transpose().to_owned();
            solve_lower_triangular_in_place(factor.L(), even.as_mut(), Par::Seq);
            even.transpose().to_owned()
        }
        Err(_) => raw,
    };
    let point = move |q: usize, sign: f64| (0..s).map(|k| sign * even[(q, k)]).collect();
    (0..count).flat_map(move |q| [point(q, 1.0), point(q, -1.0)])
}

/// Equally spaced nodes and weights.
fn equally_spaced(step: f64) -> Vec<(f64, f64)> {
    let rule = trapezoid(step);
    let pairs = rule.nodes.into_iter().zip(rule.weights);
    pairs.filter(|(_, weight)| *weight > LEAST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_the_moments_of_a_gaussian() {
        for sharpness in [&[1.0][..], &[8.0], &[1.0, 2.0], &[5.0, 5.0, 1.0], &[1.0; 5]] {
            let Nodes {
                points, weights, ..
            } = Nodes::new(sharpness, 400, 0);
            assert!((points.len() as f64) < 1.1 * MOST, "{}", points.len());
            let mean = |f: &dyn Fn(&[f64]) -> f64| -> f64 {
                points.iter().zip(&weights).map(|(x, w)| w * f(x)).sum()
            };
            for k in 0..sharpness.len() {
                assert!((mean(&|_| 1.0) - 1.0).abs() < 1e-12);
                assert!(mean(&|x| x[k]).abs() < 1e-12);
                // Points lighter than 1e-8 are left out: of three directions that takes 2.2e-5 of the variance, and 2.4e-3
                // of the eighth moment (summed by an independent program).
                assert!((mean(&|x| x[k] * x[k]) - 1.0).abs() < 3e-5);
                let expected = (-0.5f64).exp();
                // Evenly spread points do better than the standard error of as many independent pairs.
                let spread = (1.0 - (-1.0f64).exp()) / (points.len() as f64).sqrt();
                let tolerance = if sharpness.len() < 4 { 5e-6 } else { spread };
                assert!((mean(&|x| x[k].cos()) - expected).abs() < tolerance);
                // Polynomials need tails, which spread points lack.
                if sharpness.len() < 4 {
                    assert!((mean(&|x| x[k].powi(8)) / 105.0 - 1.0).abs() < 3e-3);
                }
            }
        }
    }
}
