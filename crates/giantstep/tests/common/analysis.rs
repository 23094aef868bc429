//! Reports of the analysis, and numbers in them that are what they should be.

use giantstep::analysis::{AnalysisError, AnalysisOptions, Report, analyze};

use super::text::{activation, link};

/// A generic activation: its Hermite coefficients of order 1 to 4 are -- like `He_k(sqrt(2/3))` -- far from zero, even and odd.
pub const GENERIC: &str = "exp(-(x - 1)^2)";

/// The analysis without the parts that rest on samples.
pub fn unsampled() -> AnalysisOptions {
    AnalysisOptions {
        sampled: false,
        ..AnalysisOptions::patient()
    }
}

pub fn analysed(
    text: &str,
    student: &str,
    options: AnalysisOptions,
) -> Result<Report, AnalysisError> {
    analyze(&link(text), &activation(student), options)
}

/// For [`GENERIC`].
pub fn report(text: &str) -> Report {
    analysed(text, GENERIC, AnalysisOptions::patient()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// For relu, without samples.
pub fn report_of_relu(text: &str) -> Report {
    analysed(text, "relu(x)", unsampled()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found} instead of {expected}"
    );
}

pub fn all_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert!(found.len() >= expected.len(), "{what}: {found:?}");
    for (f, e) in found.iter().zip(expected) {
        close(*f, *e, tolerance, what);
    }
}
