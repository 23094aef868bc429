//! Points for expectations over the projections on the spikes.

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par, Side};

use crate::theory::expectation::{spread_normals, trapezoid};

/// Points and their weights, which sum to 1.
pub(super) struct Nodes {
    pub points: Vec<Vec<f64>>,
    pub weights: Vec<f64>,
}

/// Points, at most.
pub(super) const MOST: f64 = 2600.0;
/// Mirrored points that are spread.
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
    /// and have covariance I.
    pub(super) fn new(sharpness: &[f64]) -> Self {
        if sharpness.is_empty() {
            return Self {
                points: vec![Vec::new()],
                weights: vec![1.0],
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
            let rules: Vec<Vec<(f64, f64)>> = steps.map(rule).collect();
            let size: f64 = rules.iter().map(|rule| rule.len() as f64).product();
            // The points of a product that weigh anything lie in a ball.
            let ball = [1.0, 1.0, 0.79, 0.53, 0.31].get(sharpness.len());
            if size * ball.unwrap_or(&0.2) < MOST {
                return Self::product(&rules);
            }
            coarser *= 1.1;
        }
        Self::spread(sharpness.len())
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
        Self { points, weights }
    }

    fn spread(s: usize) -> Self {
        let half = SPREAD / 2;
        let mut columns = vec![vec![0.0; half]; s];
        spread_normals(0, 0, &mut columns);
        let raw = Mat::from_fn(half, s, |q, k| columns[k][q]);
        let covariance = raw.transpose() * &raw * faer::Scale(1.0 / half as f64);
        // raw = x L^T with covariance L L^T: the rows of x have covariance I.
        let even = match covariance.llt(Side::Lower) {
            Ok(factor) => {
                let mut even = raw.transpose().to_owned();
                solve_lower_triangular_in_place(factor.L(), even.as_mut(), Par::Seq);
                even.transpose().to_owned()
            }
            Err(_) => raw,
        };
        let point = |q: usize, sign: f64| (0..s).map(|k| sign * even[(q, k)]).collect();
        let points = (0..half).flat_map(|q| [point(q, 1.0), point(q, -1.0)]);
        Self {
            points: points.collect(),
            weights: vec![0.5 / half as f64; 2 * half],
        }
    }
}

/// Equally spaced nodes and weights.
fn rule(step: f64) -> Vec<(f64, f64)> {
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
            let Nodes { points, weights } = Nodes::new(sharpness);
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
