//! The quantile of the normal law.

/// The quantile of N(0, 1) at a level in (0, 1).
pub(crate) fn normal_quantile(level: f64) -> f64 {
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * level)
}
