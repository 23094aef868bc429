//! Gaussian averages of relu in closed form, of whole columns.
//!
//! About t, in units of the standard deviation of what is averaged over, all of them are combinations of the normal
//! distribution function `P(x > -t)` and the density at t.

use std::sync::LazyLock;

use faer::Mat;
use faer::linalg::solvers::Solve;

use crate::activation::Activation;
use crate::elementary::{Elementary, horner};
use crate::expr::{Expr, Function};

/// Points that are computed together: with arrays of this length there is no doubt that loops have wide vectors.
pub(super) const LANES: usize = 8;
pub(super) type Lane = [f64; LANES];

/// Whether an activation is relu of its argument.
pub(super) fn is_relu(activation: &Activation) -> bool {
    matches!(activation.expr(), Some(Expr::Apply(Function::Relu, x)) if **x == Expr::Variable(0))
}

/// The distribution function and the density of a normal variable.
pub(super) fn normal(t: f64) -> (f64, f64) {
    let below = 0.5 * libm::erfc(-t / std::f64::consts::SQRT_2);
    (below, DENSITY * (-t * t / 2.0).exp())
}

/// `E relu(t + x)` and `E relu(t + x)^2`, x ~ N(0, 1), with the distribution function and the density at t.
#[inline(always)]
pub(super) fn moments(t: f64, (below, density): (f64, f64)) -> (f64, f64) {
    (t * below + density, (1.0 + t * t) * below + t * density)
}

/// `1 / sqrt(2 pi)`.
const DENSITY: f64 = 0.398_942_280_401_432_7;
/// Tails are fitted up to here; beyond it they are below 1e-18.
const REACH: f64 = 9.0;
/// A polynomial in `(t - CENTRE) / (t + CENTRE)` of so many terms has the tail to 2e-14 of itself.
const CENTRE: f64 = 5.0;
const TERMS: usize = 18;

/// The coefficients of `P(x > t) exp(t^2 / 2)`, which agree with it at the zeros of a Chebyshev polynomial.
static TAIL: LazyLock<[f64; TERMS]> = LazyLock::new(|| {
    let end = (REACH - CENTRE) / (REACH + CENTRE);
    let places: [f64; TERMS] = std::array::from_fn(|k| {
        let angle = std::f64::consts::PI * (k as f64 + 0.5) / TERMS as f64;
        0.5 * (end - 1.0 + (end + 1.0) * angle.cos())
    });
    let tail = |u: f64| {
        let t = CENTRE * (1.0 + u) / (1.0 - u);
        0.5 * libm::erfc(t / std::f64::consts::SQRT_2) * (t * t / 2.0).exp()
    };
    let powers = Mat::from_fn(TERMS, TERMS, |k, j| places[k].powi(j as i32));
    let values = Mat::from_fn(TERMS, 1, |k, _| tail(places[k]));
    let coefficients = powers.partial_piv_lu().solve(values);
    std::array::from_fn(|j| coefficients[(j, 0)])
});

/// [`normal`] of columns: the bells of all entries first, then lane by lane.
pub(super) struct Normal {
    tail: [f64; TERMS],
}

impl Normal {
    pub(super) fn new() -> Self {
        Self { tail: *TAIL }
    }

    /// `out <- exp(-t^2 / 2)`, for [`Normal::lane`].
    #[inline(always)]
    pub(super) fn bells(t: &[f64], out: &mut [f64]) {
        for (out, t) in out.iter_mut().zip(t) {
            *out = -0.5 * t * t;
        }
        f64::exp_column(out);
    }

    /// The distribution function and the density at t, where `exp(-t^2 / 2)` is `bell`.
    #[inline(always)]
    pub(super) fn lane(&self, t: Lane, bell: Lane) -> (Lane, Lane) {
        let below = std::array::from_fn(|v| {
            let size = if t[v].abs() > REACH {
                REACH
            } else {
                t[v].abs()
            };
            let u = (size - CENTRE) / (size + CENTRE);
            let tail = bell[v] * horner(u, self.tail);
            if t[v] > 0.0 { 1.0 - tail } else { tail }
        });
        (below, bell.map(|bell| DENSITY * bell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_the_normal_law_are_those_of_libm() {
        let t: Vec<f64> = (-6000..6000).map(|k| f64::from(k) / 500.0).collect();
        let mut bells = vec![0.0; t.len()];
        Normal::bells(&t, &mut bells);
        let normals = Normal::new();
        for (t, bell) in t.as_chunks().0.iter().zip(bells.as_chunks().0) {
            let (below, density) = normals.lane(*t, *bell);
            for v in 0..LANES {
                let (expected, bell) = normal(t[v]);
                let tolerance = 1e-15 + if t[v] > -REACH { 1e-13 * expected } else { 0.0 };
                assert!((below[v] - expected).abs() < tolerance, "{}", t[v]);
                assert!((density[v] - bell).abs() <= 1e-14 * bell + 1e-300);
            }
        }
    }
}
