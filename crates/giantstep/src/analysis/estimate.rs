//! Numbers with bounds on their errors.

/// A number and a bound on its error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Approximate {
    /// The number.
    pub value: f64,
    /// The bound.
    pub error: f64,
}

impl Approximate {
    /// Nothing is known; the square of the bound is still a number.
    pub const UNKNOWN: Self = Self {
        value: 0.0,
        error: 1e150,
    };
}

/// Hermite coefficients, or energies, with the error of the largest.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The numbers.
    pub values: Vec<f64>,
    /// A bound on the error of each, from two resolutions.
    pub error: f64,
}
