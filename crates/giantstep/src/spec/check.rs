//! The one conversion of an experiment file into checked types.

use std::sync::Arc;

use crate::batch::{Data, Inputs};
use crate::experiment::{Experiment, Origin, ReadoutBatch, Recording};
use crate::expr::Formula;
use crate::network::{Initial, Weights};
use crate::setup::{EngineChoice, Limits, Setup};
use crate::spec::given::{Callables, Given};
use crate::spec::inputs::Source;
use crate::spec::quantity::{self, Known, LARGEST_COUNT, bytes, count, quoted};
use crate::spec::{InputsSpec, SaveWeights, Spec};

/// The most runs of one experiment file: they are listed before the first begins.
pub const MOST_RUNS: u64 = 1_000_000;

/// An experiment file that was rejected: which key, which value, why, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} = {value}: {reason}\n  help: {remedy}")]
pub struct SpecError {
    /// The dotted key.
    pub key: String,
    /// The value that was given.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl SpecError {
    pub(super) fn new(
        key: &str,
        value: impl ToString,
        reason: impl ToString,
        remedy: impl ToString,
    ) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_string(),
            reason: reason.to_string(),
            remedy: remedy.to_string(),
        }
    }
}

/// A checked experiment: what to run, and how.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Name, for files.
    pub name: String,
    /// What runs, and how.
    pub setup: Setup,
    /// The seeds.
    pub seeds: std::ops::Range<u64>,
    /// Whether weights are saved.
    pub save_weights: SaveWeights,
}

impl Spec {
    /// Checks everything that can be checked before a run.
    ///
    /// # Errors
    /// [`SpecError`] names the first key that is wrong, its value, the reason and the remedy.
    pub fn check(&self) -> Result<Checked, SpecError> {
        self.check_with(Given::default())
    }

    /// [`Spec::check`] on rows that are given: those of the file that `inputs` names, or of an array in memory.
    ///
    /// Their labels, if they have any, take the place of the link.
    ///
    /// # Errors
    /// [`SpecError`] as above, and if there are too few rows.
    pub fn check_on(&self, data: Arc<Data<'static>>) -> Result<Checked, SpecError> {
        self.check_with(Given {
            data: Some(data),
            ..Given::default()
        })
    }

    /// [`Spec::check`] with what the files hold that are named, and with functions.
    ///
    /// # Errors
    /// [`SpecError`] as above, if weights have another shape, and where a setting is about an expression whose place is taken.
    pub fn check_with(&self, given: Given) -> Result<Checked, SpecError> {
        let source = match (given.data, &self.inputs) {
            (Some(data), asked) => {
                if let Some((key, law)) = asked.law_of_given() {
                    let reason = "the rows are given, and their law with them";
                    return Err(SpecError::new(key, quoted(law), reason, "leave it out"));
                }
                Source::Given(data)
            }
            (None, InputsSpec::File(file)) => {
                return Err(SpecError::new(
                    "inputs.file",
                    quoted(&file.file),
                    "this library reads no files",
                    "read the rows and give them to `Spec::check_on`",
                ));
            }
            (None, _) => Source::Drawn,
        };
        self.check_from(source, given.weights, &given.callables)
    }

    fn check_from(
        &self,
        source: Source,
        weights: Option<Arc<Weights>>,
        callables: &Callables,
    ) -> Result<Checked, SpecError> {
        let named = self.check_named()?;
        let mut known = Known {
            named: &named,
            ..Known::default()
        };
        let protocol = &self.protocol;
        let dimension = self.check_dimension(&source, known)?;
        known.d = Some(dimension as f64);
        let width = count("network.width", &self.network.width, known)?;
        known.p = Some(width as f64);
        let steps = (protocol.steps, protocol.reuse);
        let (batch, sizes) = quantity::batch("protocol.batch", &protocol.batch, known, steps)?;
        known.n = Some(batch as f64);
        let target = self.check_target(&source, dimension, callables)?;
        let mut readout_samples = self.check_readout_samples(batch, known)?;
        let (inputs, set) = self.check_training_set(&source, (batch, readout_samples), known)?;
        let inputs = match self.check_covariance(&source, target.r, known)? {
            Some(covariance) => Origin::Coloured(covariance),
            None => inputs,
        };
        let mut test_samples = self.check_test_samples()?;
        if let Origin::Given(own) = &inputs {
            test_samples = own.division.test;
        }
        match (set, &sizes, self.readout.batch) {
            (Some(set), _, ReadoutBatch::TrainingSet) => readout_samples = set.rows,
            // Of each step; the largest is what a readout may take.
            (_, Some(sizes), ReadoutBatch::Same) => readout_samples = sizes.most(),
            _ => {}
        }
        let experiment = Experiment {
            directions: self.target.directions,
            inputs,
            network: self.check_network(width, (dimension, target.r), weights, known, callables)?,
            target,
            protocol: self.check_protocol(dimension, (batch, sizes, set), known)?,
            readout: self.check_readout(known)?,
            baselines: self.check_baselines(known)?,
            readout_batch: self.readout.batch,
            schedule: self.readout.after,
            readout_samples,
            test_samples,
            test_labels: self.evaluation.labels,
            metrics: self.evaluation.metrics.clone(),
            recording: self.check_recording()?,
        };
        let run = &self.run;
        if run.seeds == 0 {
            return Err(SpecError::new(
                "run.seeds",
                0,
                "no seed, no run",
                "give at least 1",
            ));
        }
        if run.seeds > MOST_RUNS {
            return Err(SpecError::new(
                "run.seeds",
                run.seeds,
                format!("more than {MOST_RUNS} runs"),
                "give fewer seeds; the next ones can be run from first_seed on",
            ));
        }
        let Some(last) = run.first_seed.checked_add(run.seeds) else {
            let remedy = "choose first_seed and seeds with a sum below 2^64";
            return Err(SpecError::new(
                "run.first_seed",
                run.first_seed,
                "seeds overflow",
                remedy,
            ));
        };
        if run.threads > 1024 {
            let remedy = "give the number of cores, or 0 for all of them";
            return Err(SpecError::new(
                "run.threads",
                run.threads,
                "too many threads",
                remedy,
            ));
        }
        let engine = match (run.engine, experiment.beyond_law()) {
            _ if source.data().is_some() => self.check_engine_of_data()?,
            (EngineChoice::Auto, Some(_)) => EngineChoice::Direct,
            (EngineChoice::InLaw, Some(reason)) => {
                let (key, value, remedy) = match &self.inputs {
                    InputsSpec::Law(law) if *law != Inputs::Gaussian => (
                        "inputs",
                        law.name(),
                        "{ target = ... }: this law along the target alone",
                    ),
                    _ if matches!(experiment.network.start, Initial::Weights(_)) => {
                        ("network.start", "{ file = ... }", "{ overlap = ... }")
                    }
                    _ => (
                        "protocol.update",
                        self.protocol.update.name(),
                        "\"polar\" or \"normalised\"",
                    ),
                };
                let remedy = format!("set run.engine = \"direct\", or use {remedy}");
                return Err(SpecError::new(key, quoted(value), reason, remedy));
            }
            (asked, _) => asked,
        };
        Ok(Checked {
            name: self.check_name()?,
            setup: Setup {
                experiment,
                engine,
                precision: run.precision,
                limits: Limits {
                    threads: run.threads,
                    memory: bytes("run.memory_limit", &run.memory_limit)?,
                },
            },
            seeds: run.first_seed..last,
            save_weights: run.save_weights,
        })
    }

    fn check_name(&self) -> Result<String, SpecError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(fits) {
            let reason = "not a file name of 1 to 64 letters, digits, '-' and '_'";
            return Err(SpecError::new(
                "name",
                quoted(&self.name),
                reason,
                "rename the experiment",
            ));
        }
        Ok(self.name.clone())
    }

    /// The named numbers, whose names mean nothing else in a formula.
    fn check_named(&self) -> Result<Vec<(&str, f64)>, SpecError> {
        let named = self.named.iter();
        named
            .map(|(name, value)| {
                let key = format!("let.{name}");
                let means = |text: &str| Formula::parse(text, &[]).is_ok();
                let calls = ["(1)", "(1, 1)"].map(|arguments| format!("{name}{arguments}"));
                let taken = ["d", "n", "p", "t"].contains(&name.as_str())
                    || means(name)
                    || calls.iter().any(|call| means(call));
                if taken || Formula::parse(name, &[name.as_str()]).is_err() {
                    let reason = format!("`{name}` cannot be the name of a number");
                    let remedy = "a name is made of letters and digits, and is neither a size nor a function";
                    return Err(SpecError::new(&key, value, reason, remedy));
                }
                if !value.is_finite() {
                    let remedy = "give a finite number";
                    return Err(SpecError::new(&key, value, "is not finite", remedy));
                }
                Ok((name.as_str(), *value))
            })
            .collect()
    }

    fn check_recording(&self) -> Result<Recording, SpecError> {
        let recording = self.evaluation.record;
        let (key, reason, remedy) = match recording {
            Recording::Every(0) => (
                "evaluation.record.every",
                "every 0th step is no step",
                "1 records every step, 10 every tenth",
            ),
            Recording::Log(0) => (
                "evaluation.record.log",
                "no step a decade is recorded",
                "10 records ten steps of each decade",
            ),
            _ => return Ok(recording),
        };
        Err(SpecError::new(key, 0, reason, remedy))
    }

    fn check_test_samples(&self) -> Result<u64, SpecError> {
        let samples = self.evaluation.test_samples;
        let reason = match samples {
            0 => "an error is measured on at least one sample",
            many if many as f64 > LARGEST_COUNT => "more than 2^53 samples",
            _ => return Ok(samples),
        };
        Err(SpecError::new(
            "evaluation.test_samples",
            samples,
            reason,
            "100000 is usual",
        ))
    }
}
