//! The `[protocol]` section: what was asked, and what is understood.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Known, Quantity, positive, quoted, rate, value};
use super::{Spec, SpecError};
use crate::labels::Removal;
use crate::nearest::nearest;
use crate::network::Bias;
use crate::train::{
    Adam, BatchPlan, BatchSizes, Clip, Geometry, Layer, Lookahead, LookaheadKind, Loss, Momentum,
    Pointwise, Protocol, Rule, Sampling, StepSize, TrainingSet, Update,
};

/// A step whose gradient is taken at a displaced point of the same batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookaheadSpec {
    /// The side.
    pub kind: LookaheadKind,
    /// The factor of the gradient in the displacement, as `step_size` is in the step; a number or a formula in d, n, p.
    pub radius: Quantity,
}

/// The loss: `"squared"`, `"correlation"`, `"absolute"`, `"huber"`, for labels of 1 and -1 `"logistic"`, `"hinge"`,
/// `"exponential"`; an expression in y and f such as `"log(1 + (y - f)^2)"`; or a switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected the name of a loss, an expression in y and f, or { correlation_until = c }"
)]
pub enum LossSpec {
    /// A name or an expression.
    Text(String),
    /// Correlation loss, then squared loss.
    Switched {
        /// The fraction of the mean square label below which the last error must have been.
        correlation_until: f64,
    },
}

/// Whether a layer besides the first is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"frozen\" or { step_size = ... }")]
pub enum LayerSpec {
    /// It is not.
    Frozen(Frozen),
    /// It follows its own gradient.
    Trained {
        /// Its step size: a number or a formula in d, n, p and the step t.
        step_size: Quantity,
    },
}

/// What is said of a layer that is not trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frozen {
    /// It stays as drawn.
    Frozen,
}

/// What is added to the weights, times the step size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleSpec {
    /// The gradient.
    Gradient,
    /// Its rows at length 1.
    Normalised,
    /// Its orthogonal factor `(G G^T)^(-1/2) G`.
    Polar,
    /// The signs of its entries.
    Sign,
    /// Adam, entry by entry.
    Adam(Adam),
}

impl RuleSpec {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            RuleSpec::Gradient => "gradient",
            RuleSpec::Normalised => "normalised",
            RuleSpec::Polar => "polar",
            RuleSpec::Sign => "sign",
            RuleSpec::Adam(_) => "adam",
        }
    }
}

/// How long a gradient may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClipSpec {
    /// The length of each row.
    Rows(Quantity),
    /// The Frobenius norm.
    Whole(Quantity),
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtocolSpec {
    /// The input dimension d; of given rows their number of columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<Quantity>,
    /// The number of giant steps.
    pub steps: u32,
    /// The batch size n, a number or a formula in d, p and the step t = 1, 2, ...; rounded to the nearest integer. Elsewhere n is
    /// that of the first step.
    pub batch: Quantity,
    /// The step size eta, a number or a formula in d, n, p and the step t = 1, 2, ...; a giant step has eta of order p at n
    /// of order d. Needed if there are steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_size: Option<Quantity>,
    /// One batch serves this many steps; 1 draws a fresh batch every step.
    #[serde(default = "defaults::one")]
    pub reuse: u32,
    /// The number of samples of a fixed training set from which batches are drawn, a number or a formula in d, n, p; every
    /// batch is new if absent, and of given rows all serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_set: Option<Quantity>,
    /// How batches are drawn from the training set: in epochs without replacement, or row by row with it.
    #[serde(default = "defaults::sampling")]
    pub sampling: Sampling,
    /// The loss.
    #[serde(default = "defaults::loss")]
    pub loss: LossSpec,
    /// Whether the second layer is trained, and how fast.
    #[serde(default = "defaults::frozen")]
    pub second_layer: LayerSpec,
    /// Whether the biases are trained, and how fast.
    #[serde(default = "defaults::frozen")]
    pub biases: LayerSpec,
    /// What is made of the gradient of the first layer; `"sign"` and Adam need the direct engine.
    #[serde(default = "defaults::rule")]
    pub update: RuleSpec,
    /// The memory of the steps, with what is left of it after each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub momentum: Option<Momentum>,
    /// Weights are multiplied by `1 - eta omega` in each step; omega, a number or a formula in d, n, p.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<Quantity>,
    /// The largest length of the gradient of the first layer, before momentum; a number or a formula in d, n, p.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipSpec>,
    /// From this step on, 1 for the first, networks are averaged (Polyak), and what is measured is their mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_from: Option<u32>,
    /// Plain, projected or spherical steps.
    #[serde(default = "defaults::geometry")]
    pub geometry: Geometry,
    /// Lookahead steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookahead: Option<LookaheadSpec>,
    /// Estimated Hermite parts of the labels of degree below this are removed (0: none, 1: mean, 2: mean and
    /// linear part), and added back at prediction.
    #[serde(default)]
    pub remove_below: u32,
}

mod defaults {
    use super::{Frozen, Geometry, LayerSpec, LossSpec, RuleSpec, Sampling};

    pub(super) fn loss() -> LossSpec {
        LossSpec::Text("squared".to_owned())
    }
    pub(super) fn geometry() -> Geometry {
        Geometry::Plain
    }
    pub(super) fn frozen() -> LayerSpec {
        LayerSpec::Frozen(Frozen::Frozen)
    }
    pub(super) fn rule() -> RuleSpec {
        RuleSpec::Gradient
    }
    pub(super) fn sampling() -> Sampling {
        Sampling::WithoutReplacement
    }
    pub(super) fn one() -> u32 {
        1
    }
}

/// The most steps of a run.
const MOST_STEPS: u32 = 100_000_000;

impl Spec {
    pub(super) fn check_protocol(
        &self,
        dimension: u64,
        (batch, sizes, set): (u64, Option<BatchSizes>, Option<TrainingSet>),
        known: Known<'_>,
    ) -> Result<Protocol, SpecError> {
        let protocol = &self.protocol;
        if protocol.steps > MOST_STEPS {
            let reason = format!("more than {MOST_STEPS} steps");
            let steps = protocol.steps;
            return Err(SpecError::new(
                "protocol.steps",
                steps,
                reason,
                "take fewer steps",
            ));
        }
        if protocol.reuse == 0 {
            let reason = "a batch serves at least one step";
            let remedy = "1 draws a fresh batch every step";
            return Err(SpecError::new("protocol.reuse", 0, reason, remedy));
        }
        if let (Some(_), Some(_), Quantity::Formula(text)) = (&sizes, set, &protocol.batch) {
            let reason = "batches that are drawn from a training set have one size";
            let remedy = "leave t out";
            return Err(SpecError::new(
                "protocol.batch",
                quoted(text),
                reason,
                remedy,
            ));
        }
        let lookahead = match &protocol.lookahead {
            None => None,
            Some(spec) => Some(Lookahead {
                kind: spec.kind,
                radius: positive("protocol.lookahead.radius", &spec.radius, known)?,
            }),
        };
        let removal = match protocol.remove_below {
            0 => Removal::Nothing,
            1 => Removal::Mean,
            2 => Removal::MeanAndLinear,
            more => {
                let reason = "only degrees 0 and 1 can be estimated from a batch and removed";
                let remedy = "use 0 (nothing), 1 (mean) or 2 (mean and linear part)";
                return Err(SpecError::new(
                    "protocol.remove_below",
                    more,
                    reason,
                    remedy,
                ));
            }
        };
        let second_layer = self.check_layer("second_layer", &protocol.second_layer, known)?;
        let biases = self.check_layer("biases", &protocol.biases, known)?;
        if biases.is_trained() && self.network.bias == Bias::Zero {
            let reason = "there are no biases to train";
            let remedy = "give network.bias; { gaussian = 0 } starts them at zero";
            return Err(SpecError::new("protocol.biases", "trained", reason, remedy));
        }
        Ok(Protocol {
            dimension,
            steps: protocol.steps,
            batch,
            sizes,
            step_size: self.check_step_size(known)?,
            plan: match protocol.reuse {
                1 => BatchPlan::Fresh,
                steps => BatchPlan::Reused { steps },
            },
            set,
            loss: self.check_loss()?,
            second_layer,
            biases,
            update: self.check_update(known)?,
            average_from: self.check_average()?,
            geometry: protocol.geometry,
            lookahead,
            removal,
        })
    }

    fn check_average(&self) -> Result<Option<u32>, SpecError> {
        let steps = self.protocol.steps;
        match self.protocol.average_from {
            Some(from) if from == 0 || from > steps => {
                let reason = format!("is none of the steps 1 to {steps}");
                let remedy = "1 averages over all steps, and not the start";
                Err(SpecError::new(
                    "protocol.average_from",
                    from,
                    reason,
                    remedy,
                ))
            }
            from => Ok(from),
        }
    }

    fn check_step_size(&self, known: Known<'_>) -> Result<StepSize, SpecError> {
        let key = "protocol.step_size";
        match &self.protocol.step_size {
            Some(size) => rate(key, size, known, self.protocol.steps),
            None if self.protocol.steps == 0 => Ok(StepSize::Constant(0.0)),
            None => {
                let reason = "a step has a size";
                let remedy =
                    "give a number or a formula such as \"p\"; none is needed with steps = 0";
                Err(SpecError::new(key, "absent", reason, remedy))
            }
        }
    }

    fn check_layer(
        &self,
        name: &str,
        layer: &LayerSpec,
        known: Known<'_>,
    ) -> Result<Layer, SpecError> {
        let LayerSpec::Trained { step_size } = layer else {
            return Ok(Layer::Frozen);
        };
        let key = format!("protocol.{name}");
        if self.protocol.lookahead.is_some() {
            let reason = "a lookahead displaces the first layer alone";
            let remedy = format!("leave protocol.lookahead out, or set {key} = \"frozen\"");
            return Err(SpecError::new(&key, "trained", reason, remedy));
        }
        let key = format!("{key}.step_size");
        Ok(Layer::Trained(rate(
            &key,
            step_size,
            known,
            self.protocol.steps,
        )?))
    }

    fn check_loss(&self) -> Result<Loss, SpecError> {
        match &self.protocol.loss {
            LossSpec::Switched {
                correlation_until: fraction,
            } => {
                if *fraction > 0.0 && *fraction <= 1.0 {
                    return Ok(Loss::CorrelationUntil(*fraction));
                }
                let reason = "the fraction of the mean square label lies in (0, 1]";
                let remedy = "for instance { correlation_until = 0.5 }";
                let key = "protocol.loss.correlation_until";
                Err(SpecError::new(key, fraction, reason, remedy))
            }
            LossSpec::Text(text) => match text.as_str() {
                "squared" => Ok(Loss::Squared),
                "correlation" => Ok(Loss::Correlation),
                text => Pointwise::parse(text)
                    .map(Loss::Pointwise)
                    .map_err(|error| {
                        let names = ["squared", "correlation"].into_iter();
                        let names: Vec<&str> = names.chain(Pointwise::NAMES).collect();
                        let remedy = match nearest(text, names.iter().copied()) {
                            Some(name) => format!("did you mean \"{name}\"?"),
                            None => {
                                format!("use {}, or an expression in y and f", names.join(", "))
                            }
                        };
                        SpecError::new("protocol.loss", quoted(text), error, remedy)
                    }),
            },
        }
    }

    fn check_update(&self, known: Known<'_>) -> Result<Update, SpecError> {
        let protocol = &self.protocol;
        let rule = match protocol.update {
            RuleSpec::Gradient => Rule::Gradient,
            RuleSpec::Normalised => Rule::Normalised,
            RuleSpec::Polar => Rule::Polar,
            RuleSpec::Sign => Rule::Sign,
            RuleSpec::Adam(adam) => Rule::Adam(checked_adam(adam)?),
        };
        if let Some(Momentum::HeavyBall(mu) | Momentum::Nesterov(mu)) = protocol.momentum {
            if !(mu > 0.0 && mu < 1.0) {
                let reason = "what a step leaves of the momentum lies between 0 and 1";
                let remedy = "0.9 is usual; leave it out for no momentum";
                return Err(SpecError::new("protocol.momentum", mu, reason, remedy));
            }
            if matches!(rule, Rule::Adam(_)) {
                let reason = "Adam has a momentum of its own";
                let remedy = "leave protocol.momentum out, and set beta1";
                return Err(SpecError::new("protocol.momentum", mu, reason, remedy));
            }
        }
        Ok(Update {
            clip: match &protocol.clip {
                None => None,
                Some(ClipSpec::Rows(most)) => {
                    Some(Clip::Rows(positive("protocol.clip.rows", most, known)?))
                }
                Some(ClipSpec::Whole(most)) => {
                    Some(Clip::Whole(positive("protocol.clip.whole", most, known)?))
                }
            },
            momentum: protocol.momentum,
            rule,
            weight_decay: match &protocol.weight_decay {
                None => 0.0,
                Some(decay) => {
                    let key = "protocol.weight_decay";
                    let (number, shown) = value(key, decay, known)?;
                    if !(number >= 0.0 && number.is_finite()) {
                        let reason = format!("is {number}, and must be finite and not negative");
                        let remedy = "0 is no decay";
                        return Err(SpecError::new(key, shown, reason, remedy));
                    }
                    number
                }
            },
        })
    }
}

fn checked_adam(adam: Adam) -> Result<Adam, SpecError> {
    let inside = |beta: f64| (0.0..1.0).contains(&beta);
    let (key, value) = match adam {
        Adam { beta1, .. } if !inside(beta1) => ("beta1", beta1),
        Adam { beta2, .. } if !inside(beta2) => ("beta2", beta2),
        Adam { epsilon, .. } if !(epsilon > 0.0 && epsilon.is_finite()) => {
            let reason = "is added to a root that may be zero, and must be positive and finite";
            let key = "protocol.update.adam.epsilon";
            return Err(SpecError::new(key, epsilon, reason, "1e-8 is usual"));
        }
        _ => return Ok(adam),
    };
    let key = format!("protocol.update.adam.{key}");
    let reason = "what a step leaves of a mean lies between 0 and 1";
    Err(SpecError::new(
        &key,
        value,
        reason,
        "0.9 and 0.999 are usual",
    ))
}
