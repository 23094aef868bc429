//! The checked parameters of a training protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Formula;
use crate::labels::Removal;
use crate::train::{Loss, TrainingSet, Update};

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

/// A step size, the same for all steps or not.
#[derive(Debug, Clone)]
pub enum StepSize {
    /// One for all steps.
    Constant(f64),
    /// A formula whose last name is t, 1 for the first step, and the values of its other names.
    Formula(Formula, Vec<f64>),
}

impl StepSize {
    /// That of step `step`, 1 for the first.
    pub fn at(&self, step: u32) -> f64 {
        match self {
            Self::Constant(size) => *size,
            Self::Formula(formula, values) => {
                let mut values = values.clone();
                values.push(f64::from(step));
                formula.eval(&values)
            }
        }
    }

    /// The number, if it is one for all steps.
    pub fn constant(&self) -> Option<f64> {
        match self {
            Self::Constant(size) => Some(*size),
            Self::Formula(..) => None,
        }
    }
}

/// Whether a layer besides the first is trained.
#[derive(Debug, Clone)]
pub enum Layer {
    /// It stays as drawn.
    Frozen,
    /// It follows its own gradient, taken on the same pass as that of the first layer, with this step size.
    Trained(StepSize),
}

impl Layer {
    /// Whether it is trained.
    pub fn is_trained(&self) -> bool {
        matches!(self, Self::Trained(_))
    }
}

/// How a network is trained.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// The input dimension d.
    pub dimension: u64,
    /// The number T of giant steps.
    pub steps: u32,
    /// The batch size n.
    pub batch: u64,
    /// The step size eta, of the gradient of `l(y, f)` averaged over the batch; a giant step has eta of order p.
    pub step_size: StepSize,
    /// Whether the second layer is trained.
    pub second_layer: Layer,
    /// Whether the biases are.
    pub biases: Layer,
    /// Fresh or reused batches.
    pub plan: BatchPlan,
    /// The fixed set from which batches are drawn; none if every batch is new.
    pub set: Option<TrainingSet>,
    /// The loss.
    pub loss: Loss,
    /// From the gradient to the step.
    pub update: Update,
    /// The first step, from 1, after which networks are averaged to be measured; none if the last one is.
    pub average_from: Option<u32>,
    /// Plain, projected or spherical steps.
    pub geometry: Geometry,
    /// Lookahead, if any.
    pub lookahead: Option<Lookahead>,
    /// The Hermite degrees that are removed from the labels.
    pub removal: Removal,
}

impl Protocol {
    /// The number of rows of the batch that is open at a step: the training set, or the step's own.
    pub fn opened(&self) -> u64 {
        self.set.map_or(self.batch, |set| set.rows)
    }

    /// The most steps that are taken on one open batch.
    pub fn steps_on_a_batch(&self) -> u32 {
        let most = match (self.set, self.plan) {
            (Some(_), _) => self.steps,
            (None, BatchPlan::Fresh) => 1,
            (None, BatchPlan::Reused { steps }) => steps.min(self.steps),
        };
        most.max(1)
    }
}
