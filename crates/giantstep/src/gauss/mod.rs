//! The Gaussian in few dimensions: rules, Hermite polynomials, quantiles, roots and lattices, each once.

mod hermite;
mod interval;
mod lattice;
mod quantile;
mod roots;
mod rule;
mod steep;
mod sturm;

pub(crate) use hermite::normalised_hermite;
pub use hermite::{Coefficients, hermite, hermite_all};
pub(crate) use interval::{Enclosure, Interval, Jet};
pub(crate) use lattice::golden_ratios;
pub(crate) use quantile::normal_quantile;
pub use roots::kink_points;
pub(crate) use roots::{Zeros, crossing, zeros_of_one, zeros_on_line};
pub use rule::{Rule, composite, gauss_hermite};
pub(crate) use rule::{density, gauss_of, legendre, mean_over};
pub(crate) use steep::{steep, steep_along};

/// Half the width of the line on which composite rules integrate; the Gaussian mass beyond is below 1e-35.
pub(crate) const EDGE: f64 = 12.5;
