//! The Gaussian in few dimensions: rules, Hermite polynomials, quantiles, roots and lattices, each once.

mod hermite;
mod lattice;
mod quantile;
mod roots;
mod rule;

pub(crate) use hermite::normalised_hermite;
pub use hermite::{Coefficients, hermite, hermite_all};
pub(crate) use lattice::golden_ratios;
pub(crate) use quantile::normal_quantile;
pub use roots::kink_points;
pub(crate) use roots::roots;
pub use rule::{Rule, composite, gauss_hermite};
pub(crate) use rule::{density, legendre};

/// Half the width of the line on which composite rules integrate; the Gaussian mass beyond is below 1e-35.
const EDGE: f64 = 12.5;
