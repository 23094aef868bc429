//! The one conversion of an experiment file into checked types.

use std::sync::Arc;

use crate::activation::Activation;
use crate::batch::{Data, Inputs};
use crate::callable::Callable;
use crate::experiment::{Experiment, Origin, ReadoutBatch, Recording, TestLabels};
use crate::expr::{Formula, Link};
use crate::labels::Target;
use crate::network::{Bias, FirstLayer, Initial, NetworkLaw, Pairing, Weights};
use crate::readout::{ReadoutLoss, Ridge, RidgeParams};
use crate::setup::{EngineChoice, Limits, Setup};
use crate::spec::given::{Callables, Given};
use crate::spec::inputs::Source;
use crate::spec::quantity::{self, Known, LARGEST_COUNT, bytes, count, positive, quoted, value};
use crate::spec::{
    InputsSpec, OverlapSpec, Quantity, RidgeSpec, SaveWeights, Spec, StartOverlaps, StartSpec,
};

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

/// The lower triangle L of `L L^T = G`, for the Gram matrix of r directions.
fn triangle(gram: &[Vec<f64>], r: usize) -> Result<Vec<Vec<f64>>, SpecError> {
    let key = "target.gram";
    let fail = |reason: String, remedy: &str| {
        Err(SpecError::new(key, format!("{gram:?}"), reason, remedy))
    };
    if gram.len() != r || gram.iter().any(|row| row.len() != r) {
        let reason = format!("is no {r} x {r} matrix, as r = {r} directions need");
        return fail(reason, "give r lists of r numbers");
    }
    let symmetric = (0..r).all(|i| (0..i).all(|j| gram[i][j] == gram[j][i]));
    if !symmetric || gram.iter().flatten().any(|entry| !entry.is_finite()) {
        let reason = "is not symmetric with finite entries".to_owned();
        return fail(reason, "inner products do not depend on the order");
    }
    let mut lower = vec![vec![0.0; r]; r];
    for i in 0..r {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let left = gram[i][j] - known;
            if i > j {
                lower[i][j] = left / lower[j][j];
            } else if left > 1e-9 * gram[i][i] {
                lower[i][i] = left.sqrt();
            } else {
                let reason = format!(
                    "is not positive definite: direction {} lies in the span of those before it, or has no length",
                    i + 1
                );
                return fail(reason, "write the link in independent directions");
            }
        }
    }
    Ok(lower)
}

fn check_directions(r: usize, dimension: u64) -> Result<(), SpecError> {
    if r as u64 > dimension {
        let reason = format!("r = {r} directions do not fit into dimension d = {dimension}");
        let remedy = "raise protocol.dimension or use fewer variables";
        return Err(SpecError::new("target.r", r, reason, remedy));
    }
    Ok(())
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

    fn check_target(
        &self,
        source: &Source,
        dimension: u64,
        callables: &Callables,
    ) -> Result<Target, SpecError> {
        let target = &self.target;
        let given = source.data().and_then(|data| data.labels());
        if let Some((function, r)) = &callables.link {
            return self.check_callable(function, *r, given.is_some(), dimension);
        }
        let link = match (&target.link, given) {
            (Some(link), None) => link,
            (None, None) => {
                let reason = "labels are the link of projections of the inputs, or given with them";
                let remedy = "for instance \"z1 + z1*z2\"";
                return Err(SpecError::new("target.link", "absent", reason, remedy));
            }
            (None, Some(given)) => {
                self.check_no_directions()?;
                return Ok(Target {
                    noise: self.check_noise()?,
                    ..Target::given(given.clone())
                });
            }
            (Some(link), Some(_)) => {
                let reason = "labels are given with the rows";
                let remedy = "leave it out, or leave inputs.labels out";
                return Err(SpecError::new("target.link", quoted(link), reason, remedy));
            }
        };
        let shown = quoted(link);
        let r = target.r.or(target.gram.as_ref().map(Vec::len));
        let link = Link::parse(link, r).map_err(|error| {
            SpecError::new(
                "target.link",
                quoted(link),
                format!("\n{error}"),
                "correct the link",
            )
        })?;
        check_directions(link.r(), dimension)?;
        let checked = Target {
            noise: self.check_noise()?,
            ..Target::of(match &target.gram {
                Some(gram) => link.along(&triangle(gram, link.r())?),
                None => link,
            })
        };
        if self.evaluation.labels == TestLabels::Clean && checked.clean().is_none() {
            let reason = format!(
                "clean labels are averages over what the link draws, and that of {shown} has no closed form here"
            );
            let remedy = "set evaluation.labels = \"noisy\"";
            return Err(SpecError::new(
                "evaluation.labels",
                quoted("clean"),
                reason,
                remedy,
            ));
        }
        Ok(checked)
    }

    /// Labels that are given are no function of directions.
    fn check_no_directions(&self) -> Result<(), SpecError> {
        let target = &self.target;
        let gram = target.gram.as_ref().map(|gram| format!("{gram:?}"));
        let r = target.r.map(|r| r.to_string());
        match [("target.gram", gram), ("target.r", r)]
            .into_iter()
            .find_map(|(key, value)| Some((key, value?)))
        {
            None => Ok(()),
            Some((key, value)) => {
                let reason = "labels are given with the rows, and no direction is known of them";
                let remedy = "leave it out, or leave inputs.labels out and give target.link";
                Err(SpecError::new(key, value, reason, remedy))
            }
        }
    }

    /// A link that is given as code.
    fn check_callable(
        &self,
        function: &Callable,
        r: usize,
        labelled: bool,
        dimension: u64,
    ) -> Result<Target, SpecError> {
        let name = function.name();
        if labelled {
            let (reason, remedy) = (
                "labels are given with the rows",
                "leave the function out, or leave inputs.labels out",
            );
            return Err(SpecError::new("target.link", name, reason, remedy));
        }
        if let Some(gram) = &self.target.gram {
            let (reason, remedy) = (
                "the directions of a link that is given as code are orthonormal",
                "leave it out, and let the function combine them",
            );
            return Err(SpecError::new(
                "target.gram",
                format!("{gram:?}"),
                reason,
                remedy,
            ));
        }
        if let Some(asked) = self.target.r.filter(|asked| *asked != r) {
            let reason = format!("the link `{name}` is a function of {r} directions");
            return Err(SpecError::new("target.r", asked, reason, "leave it out"));
        }
        check_directions(r, dimension)?;
        Ok(Target {
            noise: self.check_noise()?,
            ..Target::callable(function.clone(), r)
        })
    }

    fn check_noise(&self) -> Result<f64, SpecError> {
        let noise = self.target.noise;
        if noise >= 0.0 && noise.is_finite() {
            return Ok(noise);
        }
        let reason = "a variance is finite and not negative";
        let remedy = "give 0 or a positive number";
        Err(SpecError::new("target.noise", noise, reason, remedy))
    }

    fn check_network(
        &self,
        width: u64,
        (dimension, r): (u64, usize),
        weights: Option<Arc<Weights>>,
        known: Known<'_>,
        callables: &Callables,
    ) -> Result<NetworkLaw, SpecError> {
        let network = &self.network;
        let typed = || {
            Activation::parse(&network.activation).map_err(|error| {
                let value = quoted(&network.activation);
                SpecError::new(
                    "network.activation",
                    value,
                    format!("\n{error}"),
                    "correct the activation",
                )
            })
        };
        let activation = match &callables.activation {
            Some(given) => given.clone(),
            None => typed()?,
        };
        if width > 1 << 20 {
            let reason = "wider than 2^20 neurons";
            return Err(SpecError::new(
                "network.width",
                width,
                reason,
                "choose a smaller width",
            ));
        }
        if network.pairing == Pairing::Symmetric && width % 2 == 1 {
            let reason = "symmetric pairs need an even width";
            let remedy = format!("use {} or pairing = \"independent\"", width + 1);
            return Err(SpecError::new("network.width", width, reason, remedy));
        }
        Ok(NetworkLaw {
            width: width as usize,
            activation,
            first_layer: network.first_layer,
            second_layer: network.second_layer,
            pairing: network.pairing,
            bias: self.check_bias()?,
            start: self.check_start(width, (dimension, r), weights)?,
            gain: match &network.scale {
                None => 1.0,
                Some(scale) => {
                    // Readouts are made of what is known here, so n is no part of a network.
                    let known = Known { n: None, ..known };
                    let (scale, root) = (
                        positive("network.scale", scale, known)?,
                        (width as f64).sqrt(),
                    );
                    if scale == 1.0 / root {
                        1.0
                    } else {
                        scale * root
                    }
                }
            },
            output: network.output,
        })
    }

    fn check_start(
        &self,
        width: u64,
        (dimension, r): (u64, usize),
        weights: Option<Arc<Weights>>,
    ) -> Result<Initial, SpecError> {
        let overlap = match &self.network.start {
            None => return Ok(Initial::Drawn),
            Some(StartSpec::Weights(file)) => {
                return self.check_weights(&file.file, (width, dimension), weights);
            }
            Some(StartSpec::Overlaps(StartOverlaps { overlap })) => overlap,
        };
        let (overlaps, shown) = match overlap {
            OverlapSpec::Each(overlap) => (vec![vec![*overlap; r]], overlap.to_string()),
            OverlapSpec::List(overlaps) => (vec![overlaps.clone()], format!("{overlaps:?}")),
            OverlapSpec::Table(rows) => (rows.clone(), format!("{rows:?}")),
        };
        let fail = |reason: String, remedy: &str| {
            Err(SpecError::new(
                "network.start.overlap",
                &shown,
                reason,
                remedy,
            ))
        };
        let drawn = match self.network.pairing {
            Pairing::Independent => width,
            Pairing::Symmetric => width / 2,
        };
        if matches!(overlap, OverlapSpec::Table(_)) && overlaps.len() as u64 != drawn {
            let reason = format!(
                "{} lists for {drawn} neurons that are drawn",
                overlaps.len()
            );
            return fail(
                reason,
                "give one for each neuron, with symmetric pairs for each of the first half",
            );
        }
        for row in &overlaps {
            if row.len() != r {
                let reason = format!("{} overlaps with r = {r} directions", row.len());
                return fail(reason, "give one for each direction, or one number for all");
            }
            let squared: f64 = row.iter().map(|m| m * m).sum();
            if !(squared <= 1.0) {
                let reason = format!(
                    "a row of length 1 has squared overlaps of at most 1 together, not {squared}"
                );
                return fail(reason, "give smaller ones");
            }
        }
        if self.network.first_layer != FirstLayer::Sphere {
            let reason = "rows of a Gaussian first layer have no fixed length".to_owned();
            return fail(reason, "set network.first_layer = \"sphere\"");
        }
        if dimension <= r as u64 {
            let reason = format!("d = {dimension} leaves nothing beside r = {r} directions");
            return fail(reason, "raise protocol.dimension");
        }
        Ok(Initial::Overlaps(overlaps))
    }

    fn check_weights(
        &self,
        file: &str,
        (width, dimension): (u64, u64),
        weights: Option<Arc<Weights>>,
    ) -> Result<Initial, SpecError> {
        let fail = |reason: String, remedy: &str| {
            Err(SpecError::new(
                "network.start.file",
                quoted(file),
                reason,
                remedy,
            ))
        };
        let Some(weights) = weights else {
            let reason = "this library reads no files".to_owned();
            return fail(
                reason,
                "read the weights and give them to `Spec::check_with`",
            );
        };
        let (rows, columns) = weights.first.shape();
        if (rows as u64, columns as u64) != (width, dimension) {
            let reason = format!("W is {rows} x {columns}, and not p x d = {width} x {dimension}");
            return fail(
                reason,
                "set network.width and protocol.dimension to its shape",
            );
        }
        for (name, list) in [("a", &weights.second), ("b", &weights.bias)] {
            if let Some(list) = list
                && list.len() != rows
            {
                let reason = format!("{name} has {} entries for p = {rows} neurons", list.len());
                return fail(reason, "save one for each neuron");
            }
        }
        let column = (0..columns).flat_map(|j| weights.first.col_as_slice(j));
        let lists = [&weights.second, &weights.bias]
            .into_iter()
            .flatten()
            .flatten();
        if let Some(entry) = column.chain(lists).find(|entry| !entry.is_finite()) {
            return fail(format!("has the entry {entry}"), "save finite weights");
        }
        if weights.bias.is_some() && self.network.bias == Bias::Zero {
            let reason = "has biases b, and the network has none".to_owned();
            return fail(
                reason,
                "set network.bias = { gaussian = 0 }, or save W and a alone",
            );
        }
        if self.network.pairing == Pairing::Symmetric {
            let reason = "weights that are given are in no pairs".to_owned();
            return fail(reason, "set network.pairing = \"independent\"");
        }
        Ok(Initial::Weights(weights))
    }

    fn check_bias(&self) -> Result<Bias, SpecError> {
        let bias = self.network.bias;
        let (key, value, reason) = match bias {
            Bias::Gaussian(variance) if !(variance >= 0.0 && variance.is_finite()) => {
                let reason = "a variance is finite and not negative";
                ("network.bias.gaussian", variance.to_string(), reason)
            }
            Bias::Uniform([from, to]) if !(from <= to && from.is_finite() && to.is_finite()) => {
                let reason = "is no interval: it goes from a number to one that is not smaller";
                ("network.bias.uniform", format!("[{from}, {to}]"), reason)
            }
            _ => return Ok(bias),
        };
        let remedy = "for instance { gaussian = 1 } or { uniform = [-1, 1] }";
        Err(SpecError::new(key, value, reason, remedy))
    }

    fn check_readout_samples(&self, batch: u64, known: Known<'_>) -> Result<u64, SpecError> {
        let Some(samples) = &self.readout.samples else {
            return Ok(batch);
        };
        let key = "readout.samples";
        let samples = count(key, samples, known)?;
        let reason = match self.readout.batch {
            ReadoutBatch::Same if samples != batch => Some(format!(
                "the readout is fitted on the batch of the step, of {batch} samples"
            )),
            ReadoutBatch::TrainingSet => {
                Some("the readout is fitted on the whole training set".to_owned())
            }
            _ => None,
        };
        if let Some(reason) = reason {
            let remedy = "set readout.batch = \"fresh\", or leave readout.samples out";
            return Err(SpecError::new(key, samples, reason, remedy));
        }
        Ok(samples)
    }

    fn check_readout(&self, known: Known<'_>) -> Result<RidgeParams, SpecError> {
        let evaluated = |quantities: &[Quantity]| -> Result<Vec<f64>, SpecError> {
            let values = quantities.iter();
            let values = values.map(|quantity| value("readout.ridge", quantity, known));
            values.map(|found| found.map(|(value, _)| value)).collect()
        };
        let (ridge, values) = match &self.readout.ridge {
            RidgeSpec::Value(value) => {
                let values = evaluated(std::slice::from_ref(value))?;
                (Ridge::Values(values.clone()), values)
            }
            RidgeSpec::Values(values) => {
                let values = evaluated(values)?;
                (Ridge::Values(values.clone()), values)
            }
            RidgeSpec::LeaveOneOut { leave_one_out } => {
                let values = evaluated(leave_one_out)?;
                (Ridge::LeaveOneOut(values.clone()), values)
            }
        };
        let logistic = self.readout.loss == ReadoutLoss::Logistic;
        if logistic && self.protocol.remove_below > 0 {
            let reason =
                "a logistic readout has labels of two signs, from which nothing is removed";
            let remedy = "set protocol.remove_below = 0";
            return Err(SpecError::new(
                "readout.loss",
                quoted("logistic"),
                reason,
                remedy,
            ));
        }
        if logistic && matches!(ridge, Ridge::LeaveOneOut(_)) {
            let reason = "leave-one-out is exact for the squared loss alone";
            let remedy = "give one ridge, or a list of them";
            return Err(SpecError::new(
                "readout.ridge",
                "leave_one_out",
                reason,
                remedy,
            ));
        }
        if values.is_empty() {
            return Err(SpecError::new(
                "readout.ridge",
                "[]",
                "no value",
                "give at least one",
            ));
        }
        for value in values {
            if !(value >= 0.0 && value.is_finite()) {
                let reason = "a ridge is finite and not negative";
                return Err(SpecError::new(
                    "readout.ridge",
                    value,
                    reason,
                    "give 0 or a positive number",
                ));
            }
            if value == 0.0 && logistic {
                let reason = "without a ridge separable samples have no logistic readout";
                return Err(SpecError::new(
                    "readout.ridge",
                    value,
                    reason,
                    "give a positive number",
                ));
            }
            if value == 0.0 && matches!(ridge, Ridge::LeaveOneOut(_)) {
                let reason = "leave-one-out is undefined where the fit interpolates";
                return Err(SpecError::new(
                    "readout.ridge",
                    value,
                    reason,
                    "give positive candidates",
                ));
            }
        }
        Ok(RidgeParams {
            loss: self.readout.loss,
            ridge,
            intercept: self.readout.intercept,
        })
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
