//! The recursion of the Hermite polynomials `He_k`, not normalised: `E He_j He_k = k! [j = k]` under N(0, 1).

use crate::real::Real;

/// `He_k(x)`; `He_0 = 1`, `He_{k+1} = x He_k - k He_{k-1}`.
///
/// ```
/// assert_eq!(giantstep::gauss::hermite(3, 2.0), 2.0); // x^3 - 3x
/// ```
#[inline(always)]
pub fn hermite<T: Real>(k: usize, x: T) -> T {
    let (mut low, mut high) = (T::from_f64(0.0), T::from_f64(1.0));
    for j in 0..k {
        (low, high) = (high, next_hermite(j, x, low, high));
    }
    high
}

/// `He_{j+1}(x)` after `He_{j-1}(x)` and `He_j(x)`.
#[inline(always)]
pub(crate) fn next_hermite<T: Real>(j: usize, x: T, low: T, high: T) -> T {
    x * high - T::from_f64(j as f64) * low
}
