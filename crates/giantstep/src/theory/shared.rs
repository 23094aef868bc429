//! The few variables that neurons share, and rules for them.

use faer::{Mat, Side};

use crate::batch::Inputs;
use crate::columns;
use crate::expr::Link;
use crate::gauss::Rule;
use crate::theory::coordinates;
use crate::theory::expectation::{Points, Shape, exact_up_to, link_values, panels, trapezoid};
use crate::theory::fields::Fields;

/// The variables that neurons share: the target's fields and the common parts of `lambda_perp`.
pub(super) struct Shared {
    pub(super) points: Points,
    r: usize,
    /// The target's fields as combinations of the variables, `r x v`.
    target: Mat<f64>,
    /// The shared part of every class, `K x v`.
    class: Mat<f64>,
    /// The number of variables that have a positive variance; they come first.
    real: usize,
    /// How far the shared part of every class goes along the others.
    far: Vec<f64>,
}

/// How fine rules are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fineness {
    /// The finest that can be paid for, checked on the link.
    Finest,
    /// This spacing, which resolves the link, and no points of negligible weight: some 1e-6 of what is averaged.
    Enough(f64),
}

impl Fineness {
    /// The coarsest spacing that resolves a link; none if rules do not.
    pub(super) fn of(link: &Link, shape: &Shape) -> Option<Self> {
        let r = link.r();
        let resolved = |finest: &f64| {
            let rules: Option<Vec<Rule>> =
                (0..r).map(|j| rule(shape, 1.0, true, j, *finest)).collect();
            let target = Mat::identity(r, r);
            rules.is_some_and(|rules| {
                let points = Points::pruned(&rules, LIGHT, MOST_POINTS);
                points.is_some_and(|points| resolves(&points, &target, link, shape))
            })
        };
        let known = *shape != Shape::Kinked;
        let spacing = SPACINGS.iter().rev().find(|finest| resolved(finest));
        spacing.copied().filter(|_| known).map(Self::Enough)
    }
}

/// The spacings that are tried.
const SPACINGS: [f64; 4] = [0.03, 0.1, 0.2, 0.5];
/// Weights below this fraction of the largest are negligible: the mass beyond six standard deviations.
const LIGHT: f64 = 1e-8;
/// Points before the light ones are left out, at most.
const MOST_POINTS: f64 = 2e7;

/// The cost of a tensor rule, in units of about a nanosecond, beyond which points are sampled.
const WORK: f64 = 1e9;
/// No rule is finer: nearly a million points.
const FINEST: f64 = 2e-5;
/// Shared variances below this fraction of a neuron's own are dropped.
const NEGLIGIBLE: f64 = 1e-9;

impl Shared {
    /// Rules for the shared variables of these fields; none if neurons repel each other too strongly.
    pub(super) fn of(
        fields: &Fields,
        link: &Link,
        shape: &Shape,
        (fineness, seed, law): (Fineness, u64, Inputs),
    ) -> Option<Self> {
        let gaussian = law == Inputs::Gaussian;
        let (k, r) = (fields.overlap.nrows(), link.r());
        let own: Vec<f64> = (0..k).map(|c| fields.orthogonal.own[(c, c)]).collect();
        let eigen = fields
            .orthogonal
            .cross
            .self_adjoint_eigen(Side::Lower)
            .ok()?;
        // Directions in class space, split by the sign of the variance, with their sharpness.
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for j in 0..k {
            let value = eigen.S()[j];
            let direction: Vec<f64> = (0..k)
                .map(|c| value.abs().sqrt() * eigen.U()[(c, j)])
                .collect();
            let sharpness: f64 = direction.iter().zip(&own).map(|(v, d)| v * v / d).sum();
            if sharpness < NEGLIGIBLE {
                continue;
            }
            match value > 0.0 {
                true => positive.push(direction),
                false => negative.push((direction, sharpness.sqrt())),
            }
        }
        let s = positive.len();
        let mut class = Mat::from_fn(k, r + s, |c, j| match j.checked_sub(r) {
            None => fields.overlap[(c, j)],
            Some(j) => positive[j][c],
        });
        let mut target = Mat::from_fn(r, r + s, |i, j| f64::from(i == j));
        let smooth = matches!(shape, Shape::Polynomial(_) | Shape::Smooth);
        // Rotate so that few variables are sharp: all of them for a smooth link of Gaussian coordinates, the shared noise otherwise.
        let first = if smooth && gaussian { 0 } else { r };
        let metric = Mat::from_fn(r + s - first, r + s - first, |i, j| {
            (0..k)
                .map(|c| class[(c, first + i)] * class[(c, first + j)] / own[c])
                .sum::<f64>()
        });
        let axes = metric.self_adjoint_eigen(Side::Lower).ok()?;
        let turn = Mat::from_fn(r + s, r + s, |i, j| {
            match (i.checked_sub(first), j.checked_sub(first)) {
                (Some(i), Some(j)) => axes.U()[(i, j)],
                _ => f64::from(i == j),
            }
        });
        class = class * &turn;
        target = target * &turn;
        let sharpness = |j: usize| {
            (0..k)
                .map(|c| class[(c, j)].powi(2) / own[c])
                .sum::<f64>()
                .sqrt()
        };
        let work = (100 + 12 * k + 4 * k * k) as f64;
        let nodes =
            |rules: &[Rule]| -> f64 { rules.iter().map(|rule| rule.nodes.len() as f64).product() };
        let formal = 15f64.powi(negative.len() as i32);
        let mut rules = Vec::new();
        let spacings = match &fineness {
            // Only a link that is no polynomial asks for the finer ones.
            Fineness::Finest => &SPACINGS[..],
            Fineness::Enough(spacing) => std::slice::from_ref(spacing),
        };
        for finest in spacings {
            rules = (0..r + s)
                .map(|j| {
                    let of_link = (0..r).any(|i| target[(i, j)].abs() > 1e-9);
                    if j < r && !gaussian && law != Inputs::Sphere {
                        let fine = 1.0 / (1.0 + sharpness(j).powi(2)).sqrt();
                        let scale = (4.0 * fine).min(12.0 * finest);
                        return coordinates::rule(law, coordinates::kinks(shape, j), scale);
                    }
                    rule(shape, sharpness(j), of_link, j, *finest)
                })
                .collect::<Option<Vec<_>>>()?;
            if nodes(&rules) * formal * work < WORK {
                break;
            }
        }
        let mut far = vec![0.0; k];
        for (direction, sharpness) in &negative {
            let rule = negative_variance(*sharpness)?;
            let farthest = rule.nodes.iter().fold(0.0f64, |m, x| m.max(*x));
            for (far, d) in far.iter_mut().zip(direction) {
                *far += farthest * d.abs();
            }
            rules.push(rule);
            class = Mat::from_fn(k, class.ncols() + 1, |c, j| {
                if j < class.ncols() {
                    class[(c, j)]
                } else {
                    direction[c]
                }
            });
            target = Mat::from_fn(r, target.ncols() + 1, |i, j| {
                if j < target.ncols() {
                    target[(i, j)]
                } else {
                    0.0
                }
            });
        }
        let tensor = match fineness {
            _ if !coordinates::resolved(law, shape) => None,
            Fineness::Finest if nodes(&rules) * work < WORK => Some(Points::Tensor(rules))
                .filter(|points| !gaussian || resolves(points, &target, link, shape)),
            Fineness::Finest => None,
            Fineness::Enough(_) => Points::pruned(&rules, LIGHT, MOST_POINTS)
                .filter(|points| points.count() as f64 * work < WORK),
        };
        let points = if let Some(tensor) = tensor {
            tensor
        } else if negative.is_empty() {
            Points::Sampled {
                variables: r + s,
                count: (4e7 / work) as usize,
                seed,
                coordinates: (law, r),
            }
        } else {
            return None;
        };
        Some(Self {
            points,
            r,
            target,
            class,
            real: r + s,
            far,
        })
    }

    /// How far the shared part of class c goes.
    pub(super) fn reach(&self, c: usize) -> f64 {
        let spread: f64 = (0..self.real).map(|j| self.class[(c, j)].powi(2)).sum();
        8.5 * spread.sqrt() + self.far[c] + 1e-9
    }

    /// The target's fields and the shared part of every class at a block of points.
    pub(super) fn fields(&self, columns: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        (
            combine(&self.target, self.r, columns),
            combine(&self.class, self.class.nrows(), columns),
        )
    }
}

pub(super) fn combine(matrix: &Mat<f64>, rows: usize, of: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = of.first().map_or(1, Vec::len);
    (0..rows)
        .map(|i| {
            let mut out = vec![0.0; length];
            for (j, column) in of.iter().enumerate() {
                let scale = matrix[(i, j)];
                if scale != 0.0 {
                    columns::add_scaled(&mut out, scale, column);
                }
            }
            out
        })
        .collect()
}

/// A rule for a variable along which neurons have this sharpness and of which the link may depend; none if it had too
/// many points.
fn rule(shape: &Shape, sharp: f64, of_link: bool, variable: usize, finest: f64) -> Option<Rule> {
    // Extra degree that resolves a smoothed activation of small sharpness.
    let extra = match sharp {
        x if x < 1e-6 => Some(0),
        x if x < 0.05 => Some(6),
        x if x < 0.2 => Some(12),
        x if x < 0.5 => Some(24),
        _ => None,
    };
    // Equally spaced: an error of exp(-2 pi^2).
    let fine = 1.0 / (1.0 + sharp * sharp).sqrt();
    if fine < FINEST {
        return None;
    }
    Some(match (shape, of_link, extra) {
        (_, false, Some(extra)) => exact_up_to(4 + extra),
        (Shape::Polynomial(degree), true, Some(extra)) => exact_up_to(2 * degree + 4 + extra),
        (Shape::Polynomial(_), true, None) | (_, false, None) => trapezoid(fine),
        (Shape::Smooth | Shape::Kinked, true, _) => trapezoid(fine.min(finest)),
        (Shape::AxisKinks(places), true, _) => match places.get(variable)?.as_slice() {
            [] => trapezoid(fine.min(finest)),
            kinks => panels(kinks, (4.0 * fine).min(12.0 * finest)),
        },
    })
}

/// Whether a rule resolves the link itself: `E g^2` agrees with a rule made for the link alone.
fn resolves(points: &Points, target: &Mat<f64>, link: &Link, shape: &Shape) -> bool {
    if matches!(shape, Shape::Polynomial(_)) {
        return true;
    }
    let r = link.r();
    let power = |points: &Points, target: &Mat<f64>| {
        points.expect(1, |columns, weights, sums| {
            let mut labels = vec![0.0; weights.len()];
            link_values(link, &combine(target, r, columns), &mut labels);
            for (label, weight) in labels.iter().zip(weights) {
                sums[0] += weight * label * label;
            }
        })[0]
    };
    let fine = shape.points(r, 0, 1 << 20, 0);
    if fine.is_sampled() {
        return false;
    }
    let exact = power(&fine, &Mat::identity(r, r));
    (power(points, target) - exact).abs() <= 1e-5 * exact
}

/// Sharpness beyond which a formal Gaussian of negative variance is not integrated.
const REPULSION: f64 = 0.55;

/// A rule for a formal Gaussian of variance -1: real nodes, signed weights, all moments up to an order.
///
/// Neurons that repel each other have such a shared variable: `E f = f - f''/2 + f''''/8 - ...`. Along it a neuron
/// of this sharpness is smooth on the scale `1/sharpness`; the error is below 1e-5.
fn negative_variance(sharpness: f64) -> Option<Rule> {
    use faer::linalg::solvers::Solve;
    let most = match sharpness {
        x if x < 0.1 => 3,
        x if x < 0.25 => 5,
        x if x < REPULSION => 7,
        _ => return None,
    };
    let spacing = 0.25 / sharpness;
    // In units of the spacing; every node but 0 counts twice.
    let system = Mat::from_fn(most + 1, most + 1, |m, j| {
        let twice = if j == 0 { 1.0 } else { 2.0 };
        twice * (j as f64).powi(2 * m as i32)
    });
    // Even moments of N(0, -1): 1, -1, 3, -15, ...
    let moments = Mat::from_fn(most + 1, 1, |m, _| {
        (1..=m)
            .map(|m| -(2.0 * m as f64 - 1.0) / (spacing * spacing))
            .product::<f64>()
    });
    let weights = system.partial_piv_lu().solve(moments);
    let all = -(most as i64)..=most as i64;
    Some(Rule {
        nodes: all.clone().map(|j| j as f64 * spacing).collect(),
        weights: all
            .map(|j| weights[(j.unsigned_abs() as usize, 0)])
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formal_negative_variance_sharpens() {
        // Smoothing the normal distribution function at scale 1 by the variance -k^2 leaves scale sqrt(1 - k^2).
        let normal = |x: f64| 0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2));
        for k in [0.01, 0.09, 0.2, 0.3, 0.5] {
            let rule = negative_variance(k).unwrap();
            for s in [-2.0, -0.3, 0.0, 1.1] {
                let found = rule.expect(|x| normal(s + k * x));
                let exact = normal(s / (1.0 - k * k).sqrt());
                assert!((found - exact).abs() < 3e-6, "{k} {s}: {found} {exact}");
            }
        }
        assert_eq!(negative_variance(0.7), None);
    }
}
