//! The standard Gaussian on the line.

/// `exp(-x^2/2)/sqrt(2 pi)`
pub fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// `P(a < z < b)`
pub fn probability(a: f64, b: f64) -> f64 {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    0.5 * (libm::erfc(a * half) - libm::erfc(b * half))
}
