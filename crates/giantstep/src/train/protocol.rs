//! The checked parameters of a training protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Formula;
use crate::labels::Removal;
use crate::train::{Loss, Sampling, TrainingSet, Update};

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

/// Batch sizes that differ from step to step.
#[derive(Debug, Clone)]
pub struct BatchSizes {
    of: StepSize,
    /// One batch serves so many steps: its size is that of the first of them.
    reuse: u32,
    most: u64,
    mean: f64,
}

impl BatchSizes {
    /// Those of a formula in t, rounded, for so many steps; of more than 100 000 the mean is taken over that many.
    pub(crate) fn new(of: StepSize, steps: u32, reuse: u32) -> Self {
        let mut sizes = Self {
            of,
            reuse: reuse.max(1),
            most: 1,
            mean: 0.0,
        };
        let (mut count, mut sum) = (0.0, 0.0);
        for step in spread(steps) {
            let rows = sizes.at(step);
            sizes.most = sizes.most.max(rows);
            sum += rows as f64;
            count += 1.0;
        }
        sizes.mean = sum / f64::max(count, 1.0);
        sizes
    }

    /// The size of the batch of step `step`, 1 for the first.
    fn at(&self, step: u32) -> u64 {
        let first = step.saturating_sub(1) / self.reuse * self.reuse + 1;
        self.of.at(first).round().max(1.0) as u64
    }

    /// The largest.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// The formula in t.
    pub fn formula(&self) -> &StepSize {
        &self.of
    }
}

/// All of a moderate number of steps, from 1; of more 100 000 that are spread evenly, the last among them.
pub(crate) fn spread(steps: u32) -> impl Iterator<Item = u32> {
    const ALL: u32 = 100_000;
    let count = steps.min(ALL);
    (1..=count).map(move |j| (u64::from(steps) * u64::from(j) / u64::from(count)) as u32)
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
    /// The batch size n; that of the first step, if they differ.
    pub batch: u64,
    /// The batch sizes, if they differ.
    pub sizes: Option<BatchSizes>,
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
    /// The number of rows of the batch of step `step`, 1 for the first.
    pub fn rows(&self, step: u32) -> u64 {
        self.sizes
            .as_ref()
            .map_or(self.batch, |sizes| sizes.at(step))
    }

    /// The number of rows of the largest batch.
    pub fn largest(&self) -> u64 {
        self.sizes.as_ref().map_or(self.batch, |sizes| sizes.most)
    }

    /// The mean number of rows of a step.
    pub fn mean_rows(&self) -> f64 {
        let sizes = self.sizes.as_ref();
        sizes.map_or(self.batch as f64, |sizes| sizes.mean)
    }

    /// The number of rows of the batch that is open at step `step`: the training set, or the step's own.
    pub fn opened(&self, step: u32) -> u64 {
        self.set.map_or_else(|| self.rows(step), |set| set.rows)
    }

    /// Whether step `step` sees the rows of the step before it, or is the first, 1.
    pub(crate) fn sees_again(&self, step: u32) -> bool {
        let index = |step: u32| self.plan.index(step - 1);
        step == 1 || self.visits_all() || index(step) == index(step - 1)
    }

    /// The number of steps in a row that see the same rows; none if all steps do.
    pub(crate) fn repeats(&self) -> Option<u32> {
        match self.plan {
            _ if self.visits_all() => None,
            BatchPlan::Fresh => Some(1),
            BatchPlan::Reused { steps } => Some(steps),
        }
    }

    /// Whether every step visits the whole training set.
    pub(crate) fn visits_all(&self) -> bool {
        let whole = |set: TrainingSet| {
            set.sampling == Sampling::WithoutReplacement && set.rows == self.batch
        };
        self.sizes.is_none() && self.set.is_some_and(whole)
    }

    /// The most rows of an open batch.
    pub fn most_opened(&self) -> u64 {
        self.set.map_or_else(|| self.largest(), |set| set.rows)
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
