//! The experiment file: what was asked, and its one conversion into what is understood.
//!
//! [`Spec`] is the raw form (every key of the TOML file, with its default); [`Spec::check`] turns it into a
//! [`Checked`] experiment or into a [`SpecError`] that names the key, the value and the remedy.

mod baseline;
mod check;
mod covariance;
mod given;
mod inputs;
mod network;
mod protocol;
mod quantity;
mod readout;
mod target;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use baseline::{BaselineSpec, Ridges};
pub use check::{Checked, MOST_RUNS, SpecError};
pub use covariance::{AlongSpec, FirstDirection, SpectrumSpec, SpikeLaw, SpikeSpec};
pub use given::{Callables, Given};
pub use inputs::{FileSpec, InputsSpec, Standardise, TargetLawSpec};
pub use protocol::{ClipSpec, Frozen, LayerSpec, LookaheadSpec, LossSpec, ProtocolSpec, RuleSpec};
pub use quantity::Quantity;

use crate::batch::{DirectionsLaw, Inputs};
use crate::experiment::{ReadoutBatch, ReadoutSchedule, Recording, TestLabels};
use crate::metric::MetricGroup;
use crate::network::{Bias, FirstLayer, Output, Pairing, SecondLayer};
use crate::readout::{Intercept, ReadoutLoss};
use crate::real::Precision;
use crate::setup::EngineChoice;

/// An experiment file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A short name, used for files.
    #[serde(default = "defaults::name")]
    pub name: String,
    /// What the experiment shows, in a sentence.
    #[serde(default)]
    pub title: String,
    /// Named numbers for formulas, such as `alpha = 1.5` for `batch = "d^alpha"`.
    #[serde(default, rename = "let", skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, f64>,
    /// The law of the inputs, of which all but the Gaussian need the direct engine; or the covariance of Gaussian ones; or rows
    /// of a file.
    #[serde(default = "defaults::inputs")]
    pub inputs: InputsSpec,
    /// What is to be learnt.
    #[serde(default)]
    pub target: TargetSpec,
    /// The law of the network.
    pub network: NetworkSpec,
    /// How it is trained.
    pub protocol: ProtocolSpec,
    /// The ridge readout.
    #[serde(default)]
    pub readout: ReadoutSpec,
    /// What the network is compared with: kernel methods on the batch of its readout, one of each kind.
    #[serde(default, rename = "baseline", skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineSpec>,
    /// What is measured.
    #[serde(default)]
    pub evaluation: EvaluationSpec,
    /// Seeds, engine and limits.
    #[serde(default)]
    pub run: RunSpec,
}

/// What is to be learnt: `y = g(W* x) + noise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// The link g, an expression in z1..zr, such as `"z1 + He2(z1)*z2"`, and in random numbers drawn for each sample: e1,
    /// e2, ... standard normal, u1, u2, ... uniform on [0, 1], as in `"sign(z1 + 0.3*e1)"`. Needed unless labels are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The number of directions; the largest index in the link if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r: Option<usize>,
    /// The r x r inner products of the directions `w*_k` of `z_k = <w*_k, x>`; the identity if absent. Metrics are of the
    /// orthonormal directions that they become one after the other (Gram and Schmidt).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gram: Option<Vec<Vec<f64>>>,
    /// How the directions lie in R^d.
    #[serde(default = "defaults::directions")]
    pub directions: DirectionsLaw,
    /// The variance of the Gaussian label noise.
    #[serde(default)]
    pub noise: f64,
}

impl Default for TargetSpec {
    fn default() -> Self {
        Self {
            link: None,
            r: None,
            gram: None,
            directions: defaults::directions(),
            noise: 0.0,
        }
    }
}

/// The law of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The width p, a number or a formula in d.
    pub width: Quantity,
    /// The activation, an expression in x.
    #[serde(default = "defaults::activation")]
    pub activation: String,
    /// The law of the initial first layer.
    #[serde(default = "defaults::first_layer")]
    pub first_layer: FirstLayer,
    /// The law of the second layer.
    #[serde(default = "defaults::second_layer")]
    pub second_layer: SecondLayer,
    /// Whether neurons come in mirrored pairs.
    #[serde(default = "defaults::pairing")]
    pub pairing: Pairing,
    /// The law of the biases at the start.
    #[serde(default = "defaults::bias")]
    pub bias: Bias,
    /// Overlaps with the target directions at the start, or all weights, instead of those that are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartSpec>,
    /// What stands before `sum_i a_i sigma`, a number or a formula in d and p; `1/sqrt(p)` if absent. Readouts keep `1/sqrt(p)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Quantity>,
    /// Whether the output at the start is subtracted, in training and in tests of the network's own second layer.
    #[serde(default = "defaults::output")]
    pub output: Output,
}

/// What is given of the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected { overlap = ... }, or { file = \"W.safetensors\" }"
)]
pub enum StartSpec {
    /// Overlaps.
    Overlaps(StartOverlaps),
    /// Weights.
    Weights(WeightsFile),
}

/// A file of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsFile {
    /// A `.safetensors` file with the first layer `W` (p x d), and, if they are to be taken too, the second layer `a` and biases `b`
    /// (p).
    pub file: String,
    /// The hash of the file, which kept runs rest on; a file with another one is refused. Written by the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// The overlaps `<w_i, w*_k>` of the neurons at the start, on rows of the sphere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartOverlaps {
    /// One number for all, one for each direction, or a list of these for each neuron (of a pair, for one).
    pub overlap: OverlapSpec,
}

/// Overlaps with the target directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number, a list of r numbers, or one such list for each neuron"
)]
pub enum OverlapSpec {
    /// The same of each neuron with each direction.
    Each(f64),
    /// One with each direction, the same of each neuron.
    List(Vec<f64>),
    /// Neuron by neuron.
    Table(Vec<Vec<f64>>),
}

/// How the ridge of the readout is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number or formula, a list of them, or { leave_one_out = [...] }"
)]
pub enum RidgeSpec {
    /// One value.
    Value(Quantity),
    /// Several values, each reported.
    Values(Vec<Quantity>),
    /// The best of several values by exact leave-one-out.
    LeaveOneOut {
        /// The candidates.
        leave_one_out: Vec<Quantity>,
    },
}

/// The ridge readout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReadoutSpec {
    /// What it minimises beside the ridge: the squares of `y - f`, or the logistic loss of the signs of the labels.
    pub loss: ReadoutLoss,
    /// The ridge lambda (not divided by n), or how to choose it; numbers or formulas in d, n, p.
    pub ridge: RidgeSpec,
    /// The number of samples of a fresh batch of the fit, a number or a formula in d, n, p; n if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<Quantity>,
    /// On which batch the readout is fitted.
    pub batch: ReadoutBatch,
    /// With or without intercept.
    pub intercept: Intercept,
    /// When readouts are fitted.
    pub after: ReadoutSchedule,
}

impl Default for ReadoutSpec {
    fn default() -> Self {
        Self {
            loss: ReadoutLoss::Squared,
            ridge: RidgeSpec::Value(Quantity::Number(1.0)),
            samples: None,
            batch: ReadoutBatch::Fresh,
            intercept: Intercept::Without,
            after: ReadoutSchedule::EveryStep,
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSpec {
    /// The number of test samples.
    pub test_samples: u64,
    /// Whether the labels of test samples carry their noise.
    pub labels: TestLabels,
    /// The groups of metrics.
    pub metrics: Vec<MetricGroup>,
    /// After which steps they are recorded, and readouts and test errors computed.
    pub record: Recording,
}

impl Default for EvaluationSpec {
    fn default() -> Self {
        use MetricGroup::{GradientCosine, Norm, TestError, TrainError, WeightCosine};
        Self {
            test_samples: 100_000,
            labels: TestLabels::Noisy,
            metrics: vec![TestError, TrainError, Norm, WeightCosine, GradientCosine],
            record: Recording::EveryStep,
        }
    }
}

/// Seeds, engine and limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunSpec {
    /// The number of seeds; each redraws target directions, network and data.
    pub seeds: u64,
    /// The first seed.
    pub first_seed: u64,
    /// Which engine runs.
    pub engine: EngineChoice,
    /// Precision of the data path.
    pub precision: Precision,
    /// The number of threads; 0 takes all cores. Results do not depend on it.
    pub threads: usize,
    /// The largest memory that a run may take, such as `"4 GB"`.
    pub memory_limit: String,
    /// Whether to save the last weights and overlaps of every seed as safetensors.
    pub save_weights: SaveWeights,
}

/// Whether weights are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaveWeights {
    /// Only measurements are kept.
    No,
    /// `weights-SEED.safetensors` holds W, a, W*, M and Q after the last finished step.
    Last,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            seeds: 1,
            first_seed: 0,
            engine: EngineChoice::Auto,
            precision: Precision::F32,
            threads: 0,
            memory_limit: "8 GB".to_owned(),
            save_weights: SaveWeights::No,
        }
    }
}

mod defaults {
    use super::{
        Bias, DirectionsLaw, FirstLayer, Inputs, InputsSpec, Output, Pairing, SecondLayer,
    };

    pub(super) fn name() -> String {
        "experiment".to_owned()
    }
    pub(super) fn activation() -> String {
        "relu(x)".to_owned()
    }
    pub(super) fn directions() -> DirectionsLaw {
        DirectionsLaw::Random
    }
    pub(super) fn first_layer() -> FirstLayer {
        FirstLayer::Sphere
    }
    pub(super) fn second_layer() -> SecondLayer {
        SecondLayer::Rademacher
    }
    pub(super) fn pairing() -> Pairing {
        Pairing::Independent
    }
    pub(super) fn inputs() -> InputsSpec {
        InputsSpec::Law(Inputs::Gaussian)
    }
    pub(super) fn bias() -> Bias {
        Bias::Zero
    }
    pub(super) fn output() -> Output {
        Output::Plain
    }
}
