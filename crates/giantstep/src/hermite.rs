//! Hermite polynomials, Gaussian quadrature and Hermite coefficients.
//!
//! `He_k` are the probabilists' polynomials, not normalised: `E He_j He_k = k! [j = k]` under N(0, 1). THEORY.md (5).

use std::num::NonZeroUsize;

use gauss_quad::{GaussHermite, GaussLegendre};

use crate::expr::{Expr, Program};

/// Half the width of the line on which composite rules integrate; the Gaussian mass beyond is below 1e-35.
const EDGE: f64 = 12.5;

/// `He_k(x)`; `He_0 = 1`, `He_{k+1} = x He_k - k He_{k-1}`.
///
/// ```
/// assert_eq!(giantstep::hermite::hermite(3, 2.0), 2.0); // x^3 - 3x
/// ```
pub fn hermite(k: usize, x: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for j in 0..k {
        (low, high) = (high, x * high - j as f64 * low);
    }
    high
}

/// `He_0(x), ..., He_{count-1}(x)`; O(count).
pub fn hermite_all(count: usize, x: f64) -> Vec<f64> {
    let mut values = Vec::with_capacity(count);
    let (mut low, mut high) = (0.0, 1.0);
    for j in 0..count {
        values.push(high);
        (low, high) = (high, x * high - j as f64 * low);
    }
    values
}

/// A quadrature rule for N(0, 1): `E f(x) = sum_q weights_q f(nodes_q)`, weights summing to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The nodes, ascending.
    pub nodes: Vec<f64>,
    /// Their weights.
    pub weights: Vec<f64>,
}

impl Rule {
    /// `E f(x)`.
    pub fn expect(&self, mut f: impl FnMut(f64) -> f64) -> f64 {
        self.nodes
            .iter()
            .zip(&self.weights)
            .map(|(x, w)| w * f(*x))
            .sum()
    }
}

/// The Gauss-Hermite rule with `count` nodes: exact for polynomials of degree below `2 count`, slow for kinks (the
/// error falls like `count^(-1/2)` for a jump: use [`composite`]).
pub fn gauss_hermite(count: NonZeroUsize) -> Rule {
    let rule = GaussHermite::new(count);
    let mut pairs: Vec<(f64, f64)> = rule
        .as_node_weight_pairs()
        .iter()
        .map(|(x, w)| (x * std::f64::consts::SQRT_2, *w))
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    normalised(pairs)
}

/// Gauss-Legendre panels of at most `width` with edges at the kinks, weighted by the Gaussian density.
///
/// Converges exponentially for functions that are smooth between the kinks.
pub fn composite(kinks: &[f64], width: f64) -> Rule {
    const ORDER: NonZeroUsize = NonZeroUsize::new(12).expect("12 is positive");
    let panel = GaussLegendre::new(ORDER);
    let mut edges: Vec<f64> = kinks
        .iter()
        .copied()
        .filter(|kink| kink.abs() < EDGE)
        .collect();
    edges.extend([-EDGE, EDGE]);
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let mut pairs = Vec::new();
    for edge in edges.windows(2) {
        let parts = ((edge[1] - edge[0]) / width).ceil().max(1.0);
        let half = (edge[1] - edge[0]) / parts / 2.0;
        for part in 0..parts as usize {
            let centre = edge[0] + (2.0 * part as f64 + 1.0) * half;
            let mut nodes: Vec<(f64, f64)> = panel.as_node_weight_pairs().to_vec();
            nodes.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (x, w) in nodes {
                let x = centre + half * x;
                pairs.push((
                    x,
                    half * w * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt(),
                ));
            }
        }
    }
    normalised(pairs)
}

fn normalised(pairs: Vec<(f64, f64)>) -> Rule {
    let total: f64 = pairs.iter().map(|(_, w)| w).sum();
    Rule {
        nodes: pairs.iter().map(|(x, _)| *x).collect(),
        weights: pairs.iter().map(|(_, w)| w / total).collect(),
    }
}

/// Where a function of one variable may have kinks or jumps: the roots of its kink expressions.
///
/// Roots are found where the sign changes on a grid of spacing 1/64; a double root between two nodes is missed.
pub fn kink_points(expr: &Expr) -> Vec<f64> {
    let mut roots = Vec::new();
    for kink in expr.kinks() {
        let program = Program::new(&kink);
        let value = |x: f64| program.eval(&[x]);
        let steps = (2.0 * EDGE * 64.0) as usize;
        let mut previous = (-EDGE, value(-EDGE));
        for step in 1..=steps {
            let x = -EDGE + step as f64 / 64.0;
            let here = value(x);
            if here == 0.0 {
                roots.push(x);
            } else if previous.1 * here < 0.0 {
                let (mut low, mut high) = (previous.0, x);
                while high - low > f64::EPSILON * (1.0 + low.abs()) {
                    let middle = 0.5 * (low + high);
                    if middle <= low || middle >= high {
                        break;
                    }
                    if value(middle) * here > 0.0 {
                        high = middle
                    } else {
                        low = middle
                    }
                }
                roots.push(0.5 * (low + high));
            }
            previous = (x, here);
        }
    }
    roots.sort_by(f64::total_cmp);
    roots.dedup_by(|a, b| (*a - *b).abs() < 1e-13);
    roots
}

/// Hermite coefficients `c_k = E[f(x) He_k(x)]` of a function of one variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
    /// `c_0, c_1, ...`
    pub values: Vec<f64>,
    /// For each, the difference between two resolutions plus rounding: a value within it may be zero.
    pub errors: Vec<f64>,
}

impl Coefficients {
    /// The first `count` coefficients, by quadrature split at the kinks.
    ///
    /// ```
    /// use giantstep::{expr::{Scope, parse}, hermite::Coefficients};
    /// let relu = Coefficients::of(&parse("relu(x)", Scope::Activation)?, 4);
    /// assert!((relu.values[1] - 0.5).abs() < 1e-12);
    /// assert!(relu.values[3].abs() <= relu.errors[3]); // relu has no third coefficient
    /// # Ok::<(), giantstep::expr::ExprError>(())
    /// ```
    pub fn of(expr: &Expr, count: usize) -> Self {
        let program = Program::new(expr);
        let kinks = kink_points(expr);
        let on = |width: f64| {
            let rule = composite(&kinks, width);
            let (mut values, mut sizes) = (vec![0.0; count], vec![0.0; count]);
            for (x, w) in rule.nodes.iter().zip(&rule.weights) {
                let f = program.eval(&[*x]);
                for (k, h) in hermite_all(count, *x).into_iter().enumerate() {
                    values[k] += w * f * h;
                    sizes[k] += (w * f * h).abs();
                }
            }
            (values, sizes)
        };
        let (coarse, _) = on(1.0);
        let (values, sizes) = on(0.5);
        let errors = (0..count)
            .map(|k| (values[k] - coarse[k]).abs() + 64.0 * f64::EPSILON * sizes[k])
            .collect();
        Self { values, errors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Scope, parse};
    use proptest::prelude::*;

    fn factorial(k: usize) -> f64 {
        (1..=k).map(|j| j as f64).product()
    }

    proptest! {
        #[test]
        fn hermite_identities(k in 1usize..15, x in -5.0..5.0f64) {
            let all = hermite_all(k + 2, x);
            prop_assert_eq!(all[k], hermite(k, x));
            // He_k' = k He_{k-1}, by a central difference.
            let h = 1e-5;
            let slope = (hermite(k, x + h) - hermite(k, x - h)) / (2.0 * h);
            let size = 1.0 + (0..=k).map(|j| all[j].abs()).fold(0.0, f64::max) * k as f64 * k as f64;
            prop_assert!((slope - k as f64 * all[k - 1]).abs() < 1e-6 * size);
            // He_k(-x) = (-1)^k He_k(x).
            prop_assert_eq!(hermite(k, -x), if k % 2 == 0 { all[k] } else { -all[k] });
        }

        #[test]
        fn hermite_polynomials_are_orthogonal(j in 0usize..10, k in 0usize..10) {
            let rule = gauss_hermite(NonZeroUsize::new(12).unwrap());
            let product = rule.expect(|x| hermite(j, x) * hermite(k, x));
            let expected = if j == k { factorial(k) } else { 0.0 };
            prop_assert!((product - expected).abs() < 1e-9 * (factorial(j) * factorial(k)).sqrt());
        }
    }

    #[test]
    fn composite_rules_integrate_kinked_moments() {
        let rule = composite(&[0.0], 0.5);
        let relu = |x: f64| x.max(0.0);
        let pi = std::f64::consts::PI;
        assert!((rule.expect(relu) - (0.5 / pi).sqrt()).abs() < 1e-14);
        assert!((rule.expect(|x| relu(x) * relu(x)) - 0.5).abs() < 1e-14);
    }

    #[test]
    fn coefficients_agree_with_closed_forms() {
        let pi = std::f64::consts::PI;
        let of = |text| Coefficients::of(&parse(text, Scope::Activation).unwrap(), 6);
        // E[relu''] is the density at zero; E[erf(x) x] = 2/sqrt(3 pi).
        assert!((of("relu(x)").values[2] - (0.5 / pi).sqrt()).abs() < 1e-13);
        assert!((of("erf(x)").values[1] - 2.0 / (3.0 * pi).sqrt()).abs() < 1e-13);
        // exp(s x) has c_k = s^k exp(s^2/2).
        for (k, value) in of("exp(x/2)").values.iter().enumerate() {
            assert!((value - 0.5f64.powi(k as i32) * 0.125f64.exp()).abs() < 1e-12);
        }
        // step(x - 1): c_1 is the density at 1.
        let density = (-0.5f64).exp() / (2.0 * pi).sqrt();
        assert!((of("step(x - 1)").values[1] - density).abs() < 1e-13);
        let tanh = of("tanh(x)");
        assert!(tanh.values[2].abs() <= tanh.errors[2] && tanh.errors[2] < 1e-12);
    }
}
