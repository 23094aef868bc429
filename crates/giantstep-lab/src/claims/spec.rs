//! A claim file: an experiment file with a `[claim]` section that says what must come out.

use giantstep::metric::Metric;
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use toml::{Table, Value};

use super::pick::Pick;
use super::rule::Rule;
use super::statistic::Statistic;
use crate::chart::check;
use crate::plan::{Plan, PlanError, Scale, check_keys, plain};
use crate::remedy::{Remedied, Remedy};

/// What must hold, and the checks that decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The claim, in a sentence.
    pub statement: String,
    /// Where it is from.
    pub source: String,
    /// What the measurement has taught about the statement, its sizes or its constants.
    #[serde(default)]
    pub found: String,
    /// How the numbers come about.
    #[serde(default)]
    pub measurement: Measurement,
    /// All of them must pass.
    pub check: Vec<Check>,
}

/// How the numbers of a claim come about. Whatever the way, they are records of the common table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// The runs of the experiment file.
    #[default]
    Training,
    /// The readout after the last step on the network's features, and on Gaussian ones: see
    /// [`giantstep::equivalence`].
    Equivalence,
}

/// One number, what it should be, and what it must not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is checked, in a few words.
    pub says: String,
    /// What is computed from the draws.
    pub statistic: Statistic,
    /// The draws.
    pub of: Pick,
    /// The rule that decides.
    pub rule: Rule,
    /// What theory says.
    pub predicted: Expected,
    /// The allowance beside the statistical error: a number, or a formula in d, n, p for finite sizes.
    #[serde(default)]
    pub margin: Number,
    /// A false claim that the same rule must reject.
    pub counter: Counter,
}

/// A number, or a formula in d, n and p.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Number {
    /// A number.
    Plain(f64),
    /// A formula such as `"3/sqrt(d)"`.
    Formula(String),
}

impl Default for Number {
    fn default() -> Self {
        Self::Plain(0.0)
    }
}

/// A predicted value and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number, a formula in d, n, p, \"theory\", or a table such as { kernel_floor = 1 }"
)]
pub enum Expected {
    /// Computed.
    From(Source),
    /// A constant of the statement itself, such as an exponent, or a published value.
    Number(Number),
}

/// What computes a predicted value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// [`giantstep::theory::predict`] for the experiment measured.
    Theory,
    /// The same for the points of another title.
    TheoryAt(String),
    /// The analyzer: the error of the best polynomial of this degree, THEORY.md (12).
    KernelFloor(usize),
    /// The analyzer: the floor of bounded width after this many steps at n = Theta(d), THEORY.md (13).
    SubspaceFloor(usize),
    /// The analyzer: the exponent in d of the squared cosine with a direction after the step, at n = Theta(d^k): 0
    /// in the learnt subspace, -1 across it. THEORY.md (9), (11).
    Staircase(u32),
}

/// A false claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a value as in `predicted`, \"reversed\", { at = \"title\" }, { along = [...] } or { metric = \"name\" }"
)]
pub enum Counter {
    /// Another measurement, of which the claim should not hold.
    Control(Control),
    /// Another value.
    Value(Expected),
}

/// A measurement of which the claim should not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// The points of another title; in a ratio, of its denominator as well.
    At(String),
    /// Another direction.
    Along(Vec<f64>),
    /// Another metric.
    Metric(Metric),
    /// The opposite order: the sign of a difference.
    Reversed,
}

impl Remedied for ClaimError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            ClaimError::Plan { source, .. } => source.remedy(),
            ClaimError::Section { .. } => Some(Remedy::LookUpClaimKey),
            ClaimError::Check { .. } | ClaimError::Runs { .. } => None,
        }
    }
}

/// Why a claim was not accepted or not measured.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The experiment is wrong.
    #[error("claim `{name}`: {source}")]
    Plan {
        /// The claim.
        name: String,
        /// What is wrong.
        source: PlanError,
    },
    /// The claim section is wrong.
    #[error("claim `{name}`: {key}: {message}")]
    Section {
        /// The claim.
        name: String,
        /// The key.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A check asks for something that was not measured or has no prediction.
    #[error("claim `{name}`, check \"{check}\": {message}")]
    Check {
        /// The claim.
        name: String,
        /// The check.
        check: String,
        /// What is missing.
        message: String,
    },
    /// Runs did not complete.
    #[error("claim `{name}`: {message}")]
    Runs {
        /// The claim.
        name: String,
        /// What happened.
        message: String,
    },
}

/// A claim, read and checked.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its name, that of the file.
    pub name: String,
    /// What must hold.
    pub section: Section,
    /// What is run.
    pub plan: Plan,
}

/// What a claim file has besides an experiment.
#[derive(Debug, JsonSchema)]
struct Extras {
    /// What must hold.
    #[allow(dead_code, reason = "it stands for its schema")]
    claim: Section,
}

impl Claim {
    /// The JSON Schema of claim files: that of experiment files, and the section `[claim]`.
    pub fn schema() -> Schema {
        let mut schema = Plan::schema().clone();
        let extras = schema_for!(Extras);
        for section in ["properties", "$defs"] {
            let more = extras.get(section).and_then(Json::as_object).cloned();
            if let Some(known) = schema.get_mut(section).and_then(Json::as_object_mut) {
                known.extend(more.unwrap_or_default());
            }
        }
        if let Some(required) = schema.get_mut("required").and_then(Json::as_array_mut) {
            required.push("claim".into());
        }
        schema.insert("title".to_owned(), "giantstep claim".into());
        schema
    }

    /// Reads a claim file.
    ///
    /// # Errors
    /// [`ClaimError`] names the claim, the key and what is wrong.
    pub fn read(name: &str, text: &str, scale: Scale) -> Result<Self, ClaimError> {
        let section = |key: &str, message: String| ClaimError::Section {
            name: name.to_owned(),
            key: key.to_owned(),
            message,
        };
        let of_plan = |source| ClaimError::Plan {
            name: name.to_owned(),
            source,
        };
        let mut table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| section("file", error.to_string()))?;
        let claim = table
            .remove("claim")
            .ok_or_else(|| section("claim", "the section is missing".to_owned()))?;
        let alone = Table::from_iter([("claim".to_owned(), claim.clone())]);
        check_keys(&alone, &Self::schema()).map_err(of_plan)?;
        let claim: Section = serde_path_to_error::deserialize(claim).map_err(|error| {
            let key = format!("claim.{}", error.path());
            section(&key, plain(&error.inner().to_string()))
        })?;
        if claim.check.is_empty() {
            let message = "a claim without a check cannot fail".to_owned();
            return Err(section("claim.check", message));
        }
        table.insert("name".to_owned(), Value::String(name.to_owned()));
        let experiment = toml::to_string(&table).map_err(|e| section("file", e.to_string()))?;
        let plan = Plan::read(&experiment, name, &[], scale).map_err(of_plan)?;
        if claim.measurement == Measurement::Training {
            check(&plan).map_err(|error| section("experiment", error.to_string()))?;
        }
        Ok(Self {
            name: name.to_owned(),
            section: claim,
            plan,
        })
    }
}
