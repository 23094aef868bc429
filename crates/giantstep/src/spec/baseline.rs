//! The sections `[[baseline]]`: what is fitted beside the network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Known, Quantity, positive, quoted};
use super::{Spec, SpecError};
use crate::baseline::{Baseline, Method};
use crate::metric::MetricGroup;
use crate::network::Bias;

/// A kernel method, fitted once, after the last step, on the batch of the readout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BaselineSpec {
    /// Ridge regression on the inputs, `K = <x, x'>/d`.
    Linear {
        /// The ridge lambda of `(K + lambda)^-1 y`: a number or a formula in d, n, p, or a list of them.
        #[serde(default)]
        ridge: Ridges,
    },
    /// Kernel ridge regression with the kernel of infinitely many neurons.
    Kernel {
        /// The degree in `<x, x'>/d` to which it is taken; of what is beyond only the diagonal remains.
        #[serde(default = "three")]
        degree: u32,
        /// The ridge, as that of `linear`.
        #[serde(default)]
        ridge: Ridges,
    },
    /// Kernel ridge regression with the tangent kernel of the network at the start, in the layers that are trained.
    TangentKernel {
        /// The ridge, as that of `linear`.
        #[serde(default)]
        ridge: Ridges,
    },
    /// The recursive feature machine: the kernel of `kernel` in `x^T M x'/d`, with M from the mean outer product of gradients.
    FeatureMachine {
        /// The degree, as that of `kernel`.
        #[serde(default = "three")]
        degree: u32,
        /// How often M is learnt.
        #[serde(default = "three")]
        rounds: u32,
        /// The ridge, as that of `linear`.
        #[serde(default)]
        ridge: Ridges,
    },
}

fn three() -> u32 {
    3
}

/// One ridge or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number or formula, or a list of them"
)]
pub enum Ridges {
    /// One.
    One(Quantity),
    /// Several, each reported.
    Several(Vec<Quantity>),
}

impl Default for Ridges {
    fn default() -> Self {
        Self::One(Quantity::Number(1.0))
    }
}

impl Ridges {
    fn list(&self) -> &[Quantity] {
        match self {
            Self::One(ridge) => std::slice::from_ref(ridge),
            Self::Several(ridges) => ridges,
        }
    }
}

impl BaselineSpec {
    fn kind(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Kernel { .. } => "kernel",
            Self::TangentKernel { .. } => "tangent_kernel",
            Self::FeatureMachine { .. } => "feature_machine",
        }
    }

    fn ridges(&self) -> &Ridges {
        match self {
            Self::Linear { ridge }
            | Self::Kernel { ridge, .. }
            | Self::TangentKernel { ridge }
            | Self::FeatureMachine { ridge, .. } => ridge,
        }
    }

    /// The same with these numbers for its ridges.
    pub fn with_ridges(mut self, numbers: &[f64]) -> Self {
        let (Self::Linear { ridge }
        | Self::Kernel { ridge, .. }
        | Self::TangentKernel { ridge }
        | Self::FeatureMachine { ridge, .. }) = &mut self;
        *ridge = Ridges::Several(numbers.iter().copied().map(Quantity::Number).collect());
        self
    }
}

/// The largest degree of a kernel: beyond, no number of samples tells it from the diagonal.
const MOST_DEGREES: u32 = 20;
/// The most rounds of a feature machine.
const MOST_ROUNDS: u32 = 100;

impl Spec {
    pub(super) fn check_baselines(&self, known: Known<'_>) -> Result<Vec<Baseline>, SpecError> {
        let mut found: Vec<Baseline> = Vec::new();
        for spec in &self.baselines {
            let baseline = self.check_baseline(spec, known)?;
            let metric = baseline.method.metric();
            if found.iter().any(|other| other.method.metric() == metric) {
                let reason = format!("stands there twice, and {metric} would be of both");
                let remedy = "give one, with a list of ridges if need be";
                return Err(SpecError::new(
                    "baseline.kind",
                    quoted(spec.kind()),
                    reason,
                    remedy,
                ));
            }
            found.push(baseline);
        }
        if !found.is_empty() && !self.evaluation.metrics.contains(&MetricGroup::TestError) {
            let reason = "baselines have test errors, and none are asked for";
            let remedy = "add \"test_error\"";
            return Err(SpecError::new(
                "evaluation.metrics",
                "[...]",
                reason,
                remedy,
            ));
        }
        Ok(found)
    }

    fn check_baseline(&self, spec: &BaselineSpec, known: Known<'_>) -> Result<Baseline, SpecError> {
        let kind = spec.kind();
        let method = match spec {
            BaselineSpec::Linear { .. } => Method::Inputs,
            BaselineSpec::TangentKernel { .. } => Method::TangentKernel,
            BaselineSpec::Kernel { degree, .. } => Method::Kernel {
                degree: self.check_degree(kind, *degree)?,
            },
            BaselineSpec::FeatureMachine { degree, rounds, .. } => {
                if *rounds == 0 || *rounds > MOST_ROUNDS {
                    let reason = format!("rounds lie between 1 and {MOST_ROUNDS}");
                    let remedy = "3 to 10 are usual; kind = \"kernel\" is without any";
                    return Err(SpecError::new("baseline.rounds", rounds, reason, remedy));
                }
                Method::FeatureMachine {
                    degree: self.check_degree(kind, *degree)?,
                    rounds: *rounds,
                }
            }
        };
        let ridges = spec.ridges().list().iter();
        let ridges = ridges.map(|ridge| positive("baseline.ridge", ridge, known));
        let ridges = ridges.collect::<Result<Vec<f64>, _>>()?;
        if ridges.is_empty() {
            return Err(SpecError::new(
                "baseline.ridge",
                "[]",
                "no value",
                "give at least one",
            ));
        }
        Ok(Baseline { method, ridges })
    }

    fn check_degree(&self, kind: &str, degree: u32) -> Result<usize, SpecError> {
        if degree > MOST_DEGREES {
            let reason = format!("the series goes up to degree {MOST_DEGREES}");
            return Err(SpecError::new(
                "baseline.degree",
                degree,
                reason,
                "choose a smaller one",
            ));
        }
        if self.network.bias != Bias::Zero {
            let reason = "the kernel of neurons with biases has no series here";
            let remedy = "use kind = \"tangent_kernel\", or set network.bias = \"zero\"";
            return Err(SpecError::new(
                "baseline.kind",
                quoted(kind),
                reason,
                remedy,
            ));
        }
        Ok(degree as usize)
    }
}
