//! The key `inputs`: a law by its name, or rows of a file.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Known, count, quoted};
use super::{Spec, SpecError, SpectrumSpec, SpikeSpec};
use crate::batch::{Data, Division, Inputs, TestRows};
use crate::experiment::{Origin, OwnData, ReadoutBatch, ReadoutSchedule};
use crate::metric::MetricGroup;
use crate::setup::EngineChoice;
use crate::train::{Sampling, TrainingSet};

/// Where inputs come from: the name of a law, `{ target = "hypercube" }` for a law of the target's coordinates alone, `{ spectrum = [[variance, share], ...] }` or `{ spike = { along = "target",
/// strength = "d^0.5" } }` for Gaussian ones of another covariance, or `{ file = "X.parquet" }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected \"gaussian\", \"hypercube\", \"sphere\", \"uniform\", { target = one of these }, { spectrum = \
                 [[variance, share], ...] }, { spike = { along = \"target\" or [overlaps], strength = ... } }, or { file = \"...\" } with labels, standardise, \
                 test_share, test_rows, content"
)]
pub enum InputsSpec {
    /// They are drawn.
    Law(Inputs),
    /// They are drawn, of another law along the target than across it.
    Target(TargetLawSpec),
    /// They are Gaussian, of a few variances.
    Spectrum(SpectrumSpec),
    /// They are Gaussian, with one direction of a larger variance.
    Spike(SpikeSpec),
    /// They are given.
    File(FileSpec),
}

/// Inputs whose coordinates along the target have a law of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetLawSpec {
    /// The law of the coordinates along the target's orthonormal directions; all that is orthogonal to them is independent and
    /// standard normal.
    pub target: Inputs,
}

/// Rows of a file as inputs, and what they serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// A file of numbers, by its ending: `.parquet`, `.csv`, `.npy` or `.safetensors`.
    pub file: String,
    /// The column of the labels (of `.npy`, another file of them; of `.safetensors`, the tensor); without it they are the
    /// link of projections of the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Whether columns are brought to mean 0 and variance 1 over all rows.
    #[serde(default = "none")]
    pub standardise: Standardise,
    /// The share of the rows that is held out for tests, of which `evaluation.test_samples` are used at most.
    #[serde(default = "a_fifth")]
    pub test_share: f64,
    /// Which rows these are.
    #[serde(default = "random")]
    pub test_rows: TestRows,
    /// The hash of the file, which kept runs rest on; a file with another one is refused. Written by the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// What is done to the columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standardise {
    /// Nothing.
    None,
    /// Each is brought to mean 0 and variance 1 over all rows.
    Columns,
}

fn none() -> Standardise {
    Standardise::None
}

fn a_fifth() -> f64 {
    0.2
}

fn random() -> TestRows {
    TestRows::Random
}

impl InputsSpec {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&FileSpec> {
        match self {
            Self::Law(_) | Self::Target(_) | Self::Spectrum(_) | Self::Spike(_) => None,
            Self::File(file) => Some(file),
        }
    }

    /// Where they come from if they are drawn, besides their covariance.
    fn origin(&self) -> Origin {
        match self {
            Self::Law(law) => Origin::Law(*law),
            Self::Target(TargetLawSpec { target }) if *target != Inputs::Gaussian => {
                Origin::Target(*target)
            }
            Self::Target(_) | Self::Spectrum(_) | Self::Spike(_) | Self::File(_) => {
                Origin::Law(Inputs::Gaussian)
            }
        }
    }

    /// A law that is asked for of inputs that are given: its key and its name.
    pub(super) fn law_of_given(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Law(law) if *law != Inputs::Gaussian => Some(("inputs", law.name())),
            Self::Target(TargetLawSpec { target }) => Some(("inputs.target", target.name())),
            // A covariance is refused where it is checked.
            Self::Law(_) | Self::Spectrum(_) | Self::Spike(_) | Self::File(_) => None,
        }
    }
}

/// Where the inputs of a check come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Drawn,
    Given(Arc<Data<'static>>),
}

impl Source {
    pub(super) fn data(&self) -> Option<&Arc<Data<'static>>> {
        match self {
            Self::Drawn => None,
            Self::Given(data) => Some(data),
        }
    }
}

impl Spec {
    /// The input dimension d: as asked for, or the number of columns.
    pub(super) fn check_dimension(
        &self,
        source: &Source,
        known: Known<'_>,
    ) -> Result<u64, SpecError> {
        let key = "protocol.dimension";
        let asked = self.protocol.dimension.as_ref();
        let asked = asked.map(|dimension| count(key, dimension, known));
        let asked = asked.transpose()?;
        match (source.data(), asked) {
            (None, Some(dimension)) => Ok(dimension),
            (None, None) => Err(SpecError::new(
                key,
                "absent",
                "inputs that are drawn have a dimension",
                "give a number",
            )),
            (Some(data), None) => Ok(data.columns() as u64),
            (Some(data), Some(asked)) if asked == data.columns() as u64 => Ok(asked),
            (Some(data), Some(asked)) => {
                let reason = format!("the rows that are given have {} columns", data.columns());
                Err(SpecError::new(key, asked, reason, "leave it out"))
            }
        }
    }

    /// What remains of the engines where rows are given.
    pub(super) fn check_engine_of_data(&self) -> Result<EngineChoice, SpecError> {
        let asked = match self.run.engine {
            EngineChoice::Auto => return Ok(EngineChoice::Auto),
            EngineChoice::Direct => "direct",
            EngineChoice::InLaw => "in_law",
        };
        let reason = "this engine draws its inputs, and they are given here";
        let remedy = "leave it out: rows of a file have an engine of their own";
        Err(SpecError::new("run.engine", quoted(asked), reason, remedy))
    }

    /// Whether any readout is fitted on rows of its own.
    fn fits_on_fresh_rows(&self) -> bool {
        let of_readouts = [MetricGroup::TestError, MetricGroup::ErrorRate];
        let asked = |group| self.evaluation.metrics.contains(group);
        self.readout.batch == ReadoutBatch::Fresh
            && self.readout.after != ReadoutSchedule::Never
            && of_readouts.iter().any(asked)
    }

    /// The training set, if batches are drawn from one.
    pub(super) fn check_training_set(
        &self,
        source: &Source,
        (batch, readout): (u64, u64),
        known: Known<'_>,
    ) -> Result<(Origin, Option<TrainingSet>), SpecError> {
        let key = "protocol.training_set";
        let protocol = &self.protocol;
        let sampling = protocol.sampling;
        let asked = protocol.training_set.as_ref();
        let asked = asked.map(|rows| count(key, rows, known)).transpose()?;
        let too_many = |asked: u64, of: u64| {
            let reason = format!("a batch of {asked} rows is drawn from a training set of {of}");
            let remedy = match source {
                Source::Drawn => "raise protocol.training_set, or choose a smaller batch",
                Source::Given(_) => "choose a smaller batch, or hold fewer rows out",
            };
            SpecError::new("protocol.batch", asked, reason, remedy)
        };
        let (origin, rows) = match (source, asked) {
            (Source::Drawn, Some(rows)) => (self.inputs.origin(), rows),
            (Source::Drawn, None) => {
                if sampling != Sampling::WithoutReplacement {
                    return Err(SpecError::new(
                        "protocol.sampling",
                        quoted("with_replacement"),
                        "there is no training set from which batches are drawn",
                        "give protocol.training_set",
                    ));
                }
                if self.readout.batch == ReadoutBatch::TrainingSet {
                    return Err(SpecError::new(
                        "readout.batch",
                        quoted("training_set"),
                        "there is none: every batch is new",
                        "give protocol.training_set, or use \"same\" or \"fresh\"",
                    ));
                }
                return Ok((self.inputs.origin(), None));
            }
            (Source::Given(data), asked) => {
                let division = self.check_division(data, readout, asked)?;
                let own = OwnData {
                    data: data.clone(),
                    division,
                };
                (Origin::Given(own), division.training)
            }
        };
        if batch > rows {
            return Err(too_many(batch, rows));
        }
        Ok((origin, Some(TrainingSet { rows, sampling })))
    }

    /// What the rows that are given serve.
    fn check_division(
        &self,
        data: &Data<'_>,
        readout: u64,
        asked: Option<u64>,
    ) -> Result<Division, SpecError> {
        let rows = data.rows() as u64;
        let (share, test_rows) = match self.inputs.file() {
            Some(file) => (file.test_share, file.test_rows),
            None => (a_fifth(), random()),
        };
        if !(share > 0.0 && share < 1.0) {
            let reason = "the share of the rows that is held out lies between 0 and 1";
            let key = "inputs.test_share";
            return Err(SpecError::new(key, share, reason, "0.2 is usual"));
        }
        let held_out = (share * rows as f64).round() as u64;
        let test = held_out.min(self.evaluation.test_samples);
        if test == 0 {
            let reason = format!("of {rows} rows this is none");
            let remedy = "raise it";
            return Err(SpecError::new("inputs.test_share", share, reason, remedy));
        }
        let readout = match self.fits_on_fresh_rows() {
            true => readout,
            false => 0,
        };
        let left = rows.saturating_sub(test).saturating_sub(readout);
        let said = || {
            let kept = match readout {
                0 => String::new(),
                some => format!(" and {some} kept for readouts (readout.batch = \"fresh\")"),
            };
            format!(
                "of {rows} rows {test} are held out for tests{kept}: {left} are left for training"
            )
        };
        match asked {
            None if left == 0 => Err(SpecError::new(
                "readout.samples",
                readout,
                said(),
                "give fewer, or set readout.batch = \"training_set\"",
            )),
            Some(asked) if asked > left => Err(SpecError::new(
                "protocol.training_set",
                asked,
                said(),
                "give fewer, or leave it out: all that are left serve",
            )),
            asked => Ok(Division {
                training: asked.unwrap_or(left),
                readout,
                test,
                test_rows,
            }),
        }
    }
}
