//! Exponents that an experiment file asks for.

use giantstep::metric::Metric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::At;

/// An exponent to be fitted: `log metric = slope log x + const` over all draws of all points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlopeSpec {
    /// The metric; only positive values count.
    pub metric: Metric,
    /// The step.
    pub step: u32,
    /// What varies: a column or a formula in columns, such as `n/d^2`.
    pub x: String,
    /// Which points, such as `{ title = 2 }`: the place of the value on its axis, from 1.
    #[serde(default, skip_serializing_if = "At::is_empty")]
    pub at: At,
    /// The predicted exponent, or the bound.
    pub predicted: f64,
    /// Whether the prediction is the exponent itself or a bound from above.
    #[serde(default)]
    pub kind: SlopeKind,
    /// Where the prediction is from.
    pub source: String,
}

/// What a predicted exponent says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlopeKind {
    /// The exponent.
    #[default]
    Equal,
    /// At most this.
    AtMost,
}
