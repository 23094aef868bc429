//! Exponents that an experiment file asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An exponent to be fitted: `log metric = slope log x + const` over all draws of all points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlopeSpec {
    /// The metric; only positive values count.
    pub metric: String,
    /// The step.
    pub step: u32,
    /// What varies: `n`, `d`, `p` or a swept key.
    pub x: String,
    /// Which points, such as `{ title = 2 }`: the place of the value on its axis, from 1.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub at: std::collections::BTreeMap<String, usize>,
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
