//! Averages over the target's coordinates `z = W* x` by their own law; all that is orthogonal to them is Gaussian.

use std::num::NonZeroUsize;

use crate::batch::Inputs;
use crate::gauss::{Rule, mean_over};
use crate::theory::expectation::{Points, Shape};

/// The nodes of a panel.
const NODES: NonZeroUsize = NonZeroUsize::new(12).expect("12 is positive");

/// The rule of one coordinate that is not Gaussian, for functions that are smooth on this scale between these places; none where
/// coordinates depend on one another, as on the sphere.
pub(super) fn rule(law: Inputs, kinks: &[f64], scale: f64) -> Option<Rule> {
    match law {
        Inputs::Gaussian | Inputs::Sphere => None,
        Inputs::Hypercube => Some(Rule {
            nodes: vec![-1.0, 1.0],
            weights: vec![0.5, 0.5],
        }),
        Inputs::Uniform => {
            let end = 3f64.sqrt();
            let inside = kinks.iter().copied().filter(|kink| kink.abs() < end);
            let mut edges: Vec<f64> = inside.chain([-end, end]).collect();
            edges.sort_unstable_by(f64::total_cmp);
            let mut rule = Rule {
                nodes: Vec::new(),
                weights: Vec::new(),
            };
            for edge in edges.windows(2) {
                let width = edge[1] - edge[0];
                let parts = (width / scale).ceil().max(1.0);
                for part in 0..parts as usize {
                    let from = edge[0] + width * part as f64 / parts;
                    let panel = mean_over([from, from + width / parts], NODES);
                    rule.nodes.extend(panel.iter().map(|(x, _)| x));
                    let share = width / parts / (2.0 * end);
                    rule.weights.extend(panel.iter().map(|(_, w)| share * w));
                }
            }
            Some(rule)
        }
    }
}

/// Whether products of rules resolve a link of this shape.
pub(super) fn resolved(law: Inputs, shape: &Shape) -> bool {
    match law {
        // Of two values nothing is left to be resolved.
        Inputs::Hypercube => true,
        Inputs::Gaussian | Inputs::Uniform => *shape != Shape::Kinked,
        Inputs::Sphere => false,
    }
}

/// The places between which a link is smooth along its j-th coordinate.
pub(super) fn kinks(shape: &Shape, j: usize) -> &[f64] {
    match shape {
        Shape::AxisKinks(places) => places.get(j).map_or(&[], Vec::as_slice),
        Shape::Polynomial(_) | Shape::Smooth | Shape::Kinked => &[],
    }
}

/// Points for averages of polynomials of this order times a link, or its square; at most about `budget`, else sampled.
pub(super) fn points(
    law: Inputs,
    (shape, r, order): (&Shape, usize, usize),
    budget: usize,
    seed: u64,
) -> Points {
    /// The scale on which a link varies.
    const SCALE: f64 = 0.5;
    if law == Inputs::Gaussian {
        return shape.points(r, order, budget, seed);
    }
    let rules: Option<Vec<Rule>> = (0..r).map(|j| rule(law, kinks(shape, j), SCALE)).collect();
    let fits = |rules: &Vec<Rule>| {
        let sizes = rules.iter().map(|rule| rule.nodes.len() as f64);
        resolved(law, shape) && sizes.product::<f64>() <= budget as f64
    };
    match rules.filter(fits) {
        Some(rules) => Points::Tensor(rules),
        None => Points::Sampled {
            variables: r,
            count: budget,
            seed,
            coordinates: (law, r),
        },
    }
}

/// Turns draws of standard normals, a column for each coordinate, into draws of the law.
pub(super) fn of_normals(law: Inputs, columns: &mut [Vec<f64>]) {
    match law {
        Inputs::Gaussian => {}
        Inputs::Hypercube => {
            for x in columns.iter_mut().flatten() {
                *x = if *x < 0.0 { -1.0 } else { 1.0 };
            }
        }
        Inputs::Uniform => {
            // sqrt 3 (2 Phi(x) - 1).
            for x in columns.iter_mut().flatten() {
                *x = 3f64.sqrt() * libm::erf(*x * std::f64::consts::FRAC_1_SQRT_2);
            }
        }
        Inputs::Sphere => {
            let rows = columns.first().map_or(0, Vec::len);
            let r = columns.len() as f64;
            for v in 0..rows {
                let squares: f64 = columns.iter().map(|column| column[v] * column[v]).sum();
                let scale = (r / squares).sqrt();
                columns.iter_mut().for_each(|column| column[v] *= scale);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Link;

    #[test]
    fn rules_and_draws_have_the_same_moments() {
        let link = Link::parse("relu(z1 - 1/2)*z2^2", None).unwrap();
        let shape = Shape::of(&link);
        for law in [Inputs::Hypercube, Inputs::Uniform] {
            let exact = points(law, (&shape, 2, 0), 1 << 14, 0);
            let drawn = Points::Sampled {
                variables: 2,
                count: 1 << 16,
                seed: 3,
                coordinates: (law, 2),
            };
            assert!(!exact.is_sampled());
            let means = |points: &Points| {
                points.expect(3, |columns, weights, sums| {
                    for (v, weight) in weights.iter().enumerate() {
                        let (x, y) = (columns[0][v], columns[1][v]);
                        let values = [x * x, x.powi(4), (x - 0.5).max(0.0) * y * y];
                        for (sum, value) in sums.iter_mut().zip(values) {
                            *sum += weight * value;
                        }
                    }
                })
            };
            let (exact, drawn) = (means(&exact), means(&drawn));
            // By hand: the last is E (x - 1/2)_+ E y^2.
            let end = 3f64.sqrt();
            let known = match law {
                Inputs::Hypercube => [1.0, 1.0, 0.25],
                _ => [1.0, 1.8, (end - 0.5).powi(2) / (4.0 * end)],
            };
            for k in 0..3 {
                assert!((exact[k] - known[k]).abs() < 1e-13, "{law:?} {k}");
                assert!((drawn[k] - known[k]).abs() < 2e-3, "{law:?} {k}");
            }
        }
    }

    #[test]
    fn draws_on_the_sphere_have_its_radius() {
        let mut columns = vec![vec![0.3, -2.0], vec![1.0, 0.1], vec![-0.2, 0.4]];
        of_normals(Inputs::Sphere, &mut columns);
        for v in 0..2 {
            let squares: f64 = columns.iter().map(|column| column[v].powi(2)).sum();
            assert!((squares - 3.0).abs() < 1e-14);
        }
    }
}
