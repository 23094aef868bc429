//! Hermite polynomials and coefficients.
//!
//! `He_k` are the probabilists' polynomials, not normalised: `E He_j He_k = k! [j = k]` under N(0, 1). THEORY.md (5).

use std::sync::LazyLock;

use super::roots::kink_points;
use super::rule::composite;
use crate::expr::{Expr, Program};
pub use crate::hermite::hermite;
use crate::hermite::next_hermite;

/// `He_0(x), ..., He_{count-1}(x)`; O(count).
pub fn hermite_all(count: usize, x: f64) -> Vec<f64> {
    let mut values = Vec::with_capacity(count);
    let (mut low, mut high) = (0.0, 1.0);
    for j in 0..count {
        values.push(high);
        (low, high) = (high, next_hermite(j, x, low, high));
    }
    values
}

/// Writes `he_k(x) = He_k(x) / sqrt(k!)`.
pub(crate) fn normalised_hermite(x: f64, out: &mut [f64]) {
    /// `sqrt(k)` and `1 / sqrt(k + 1)`.
    static ROOTS: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
        let of = |k: u32| (f64::from(k).sqrt(), f64::from(k + 1).sqrt().recip());
        (0..256).map(of).collect()
    });
    let (mut low, mut high) = (0.0, 1.0);
    for (out, (root, next)) in out.iter_mut().zip(ROOTS.iter()) {
        *out = high;
        (low, high) = (high, (x * high - root * low) * next);
    }
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
    /// use giantstep::{expr::{Scope, parse}, gauss::Coefficients};
    /// let relu = Coefficients::of(&parse("relu(x)", Scope::Activation)?, 4);
    /// assert!((relu.values[1] - 0.5).abs() < 1e-12);
    /// assert!(relu.values[3].abs() <= relu.errors[3]); // relu has no third coefficient
    /// # Ok::<(), giantstep::expr::ExprError>(())
    /// ```
    pub fn of(expr: &Expr, count: usize) -> Self {
        let program = Program::new(expr);
        let values = |x: &[f64]| x.iter().map(|x| program.eval(&[*x])).collect();
        Self::by(&kink_points(expr), &values, count)
    }

    /// The same of a function that is known by its values on a column: smooth but for these kinks.
    pub(crate) fn by(kinks: &[f64], function: &dyn Fn(&[f64]) -> Vec<f64>, count: usize) -> Self {
        let on = |width: f64| {
            let rule = composite(kinks, width);
            let (mut values, mut sizes) = (vec![0.0; count], vec![0.0; count]);
            let nodes = rule.nodes.iter().zip(&rule.weights);
            for ((x, w), f) in nodes.zip(function(&rule.nodes)) {
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
    use crate::gauss::gauss_hermite;
    use proptest::prelude::*;
    use std::num::NonZeroUsize;

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
