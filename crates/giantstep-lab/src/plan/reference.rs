//! What stands beside the results: published values and predictions.

use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::At;

/// A published or predicted value, shown beside the measured one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The metric.
    pub metric: Metric,
    /// The step; the last one that counts, with `between`.
    pub step: u32,
    /// The value.
    pub value: f64,
    /// Not the metric is meant, but the number of steps in which it goes from the first of these values to the second, run by run,
    /// on straight lines between what is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[f64; 2]>,
    /// How far the measured mean may lie from it.
    pub tolerance: f64,
    /// The batch size n of the point, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<f64>,
    /// The target direction, for a metric that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<u32>,
    /// The sign of the second layer, for a metric that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Signs>,
    /// The point by its swept settings, such as `{ "target.link" = 1 }`: the position on that axis, from 1.
    #[serde(default, skip_serializing_if = "At::is_empty")]
    pub at: At,
    /// Where it is from.
    pub source: String,
}

impl Reference {
    /// Whether a metric, the batch size of its point, its direction and its group are those that are meant.
    pub(crate) fn means(
        &self,
        metric: Metric,
        n: f64,
        place: (Option<u32>, Option<Signs>),
    ) -> bool {
        let here = (self.direction, self.group);
        metric == self.metric && self.n.is_none_or(|wanted| wanted == n) && place == here
    }
}

/// Which predictions are computed beside a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// None.
    None,
    /// Those that are integrals or rest on a few networks, in no more time than the runs take and at most 10 s.
    #[default]
    Quick,
    /// The same however long they take, on eight networks unless a time is set.
    Patient,
    /// Also those that have to be sampled, up to a minute a point.
    All,
}
