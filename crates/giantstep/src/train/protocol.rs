//! The checked parameters of a training protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::labels::Removal;

/// Where the batch of each step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchPlan {
    /// A new batch every step.
    Fresh,
    /// One batch serves this many steps in a row before the next is drawn.
    Reused {
        /// The number of steps, at least 1.
        steps: u32,
    },
}

impl BatchPlan {
    /// The number of the batch used by step `step` (0 for the first step).
    pub fn index(self, step: u32) -> u64 {
        match self {
            BatchPlan::Fresh => u64::from(step),
            BatchPlan::Reused { steps } => u64::from(step / steps),
        }
    }
}

/// The loss whose gradient is followed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// `1/2 (y - f)^2`: the residual is `y - f`.
    Squared,
    /// `-y f`: the residual is `y`.
    Correlation,
    /// Correlation loss until the mean square of `y - f` on the last batch was below this fraction of the mean
    /// square of `y`; squared loss from the step after, for good.
    CorrelationUntil(f64),
}

/// What happens to the rows besides the gradient step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    /// `w_i <- w_i + eta G_i`.
    Plain,
    /// `w_i <- (w_i + eta G_i) / |w_i + eta G_i|`.
    Projected,
    /// As projected, with `G_i` freed of its component along `w_i` first.
    Spherical,
}

/// The side on which a lookahead gradient is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookaheadKind {
    /// At `w_i + rho G_i`, further down the loss.
    Extragradient,
    /// At `w_i - rho G_i`, uphill.
    SharpnessAware,
}

/// A step whose gradient is taken at a displaced point, on the same batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lookahead {
    /// The side.
    pub kind: LookaheadKind,
    /// The radius rho; it multiplies G, as the step size does.
    pub radius: f64,
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// The input dimension d.
    pub dimension: u64,
    /// The number T of giant steps.
    pub steps: u32,
    /// The batch size n.
    pub batch: u64,
    /// The step size eta, of the gradient of `1/2 (y - f)^2` averaged over the batch; a giant step has eta of order p.
    pub step_size: f64,
    /// Fresh or reused batches.
    pub plan: BatchPlan,
    /// The loss.
    pub loss: Loss,
    /// Plain, projected or spherical steps.
    pub geometry: Geometry,
    /// Lookahead, if any.
    pub lookahead: Option<Lookahead>,
    /// The Hermite degrees that are removed from the labels.
    pub removal: Removal,
}
