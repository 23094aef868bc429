//! The one conversion of an experiment file into checked types.

use crate::activation::Activation;
use crate::experiment::{Experiment, Recording};
use crate::expr::{Formula, Link};
use crate::labels::{Removal, Target};
use crate::network::{NetworkLaw, Pairing};
use crate::readout::{Ridge, RidgeParams};
use crate::setup::{Limits, Setup};
use crate::spec::{Quantity, RidgeSpec, SaveWeights, Spec};
use crate::train::{BatchPlan, Lookahead, Loss, Protocol};

/// The largest dimension: integers up to here are exact in double precision.
const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

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
    fn new(key: &str, value: impl ToString, reason: impl ToString, remedy: impl ToString) -> Self {
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

/// Values of `d`, `n`, `p` that are known so far.
#[derive(Debug, Clone, Copy, Default)]
struct Known<'a> {
    /// Names of the file's own numbers.
    named: &'a [(&'a str, f64)],
    d: Option<f64>,
    n: Option<f64>,
    p: Option<f64>,
}

impl<'a> Known<'a> {
    fn names(self) -> Vec<(&'a str, f64)> {
        let sizes = [("d", self.d), ("n", self.n), ("p", self.p)].into_iter();
        let sizes = sizes.filter_map(|(name, value)| value.map(|value| (name, value)));
        sizes.chain(self.named.iter().copied()).collect()
    }
}

impl Spec {
    /// Checks everything that can be checked before a run.
    ///
    /// # Errors
    /// [`SpecError`] names the first key that is wrong, its value, the reason and the remedy.
    pub fn check(&self) -> Result<Checked, SpecError> {
        let named = self.check_named()?;
        let mut known = Known {
            named: &named,
            ..Known::default()
        };
        let protocol = &self.protocol;
        let dimension = count("protocol.dimension", &protocol.dimension, known)?;
        known.d = Some(dimension as f64);
        let width = count("network.width", &self.network.width, known)?;
        known.p = Some(width as f64);
        let batch = count("protocol.batch", &protocol.batch, known)?;
        known.n = Some(batch as f64);
        let experiment = Experiment {
            target: self.check_target(dimension)?,
            network: self.check_network(width)?,
            protocol: self.check_protocol(dimension, batch, known)?,
            readout: self.check_readout()?,
            readout_batch: self.readout.batch,
            schedule: self.readout.after,
            test_samples: self.check_test_samples()?,
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
        Ok(Checked {
            name: self.check_name()?,
            setup: Setup {
                experiment,
                directions: self.target.directions,
                engine: run.engine,
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

    fn check_target(&self, dimension: u64) -> Result<Target, SpecError> {
        let target = &self.target;
        let link = Link::parse(&target.link, target.r).map_err(|error| {
            SpecError::new(
                "target.link",
                quoted(&target.link),
                format!("\n{error}"),
                "correct the link",
            )
        })?;
        let r = link.r();
        if r as u64 > dimension {
            let reason = format!("r = {r} directions do not fit into dimension d = {dimension}");
            let remedy = "raise protocol.dimension or use fewer variables";
            return Err(SpecError::new("target.r", r, reason, remedy));
        }
        if !(target.noise >= 0.0 && target.noise.is_finite()) {
            let reason = "a variance is finite and not negative";
            return Err(SpecError::new(
                "target.noise",
                target.noise,
                reason,
                "give 0 or a positive number",
            ));
        }
        Ok(Target {
            link,
            r,
            noise: target.noise,
        })
    }

    fn check_network(&self, width: u64) -> Result<NetworkLaw, SpecError> {
        let network = &self.network;
        let activation = Activation::parse(&network.activation).map_err(|error| {
            let value = quoted(&network.activation);
            SpecError::new(
                "network.activation",
                value,
                format!("\n{error}"),
                "correct the activation",
            )
        })?;
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
        })
    }

    fn check_protocol(
        &self,
        dimension: u64,
        batch: u64,
        known: Known<'_>,
    ) -> Result<Protocol, SpecError> {
        let protocol = &self.protocol;
        if protocol.steps > 100_000 {
            let reason = "more than 100000 giant steps";
            return Err(SpecError::new(
                "protocol.steps",
                protocol.steps,
                reason,
                "take fewer steps",
            ));
        }
        if protocol.reuse == 0 {
            let remedy = "1 draws a fresh batch every step";
            return Err(SpecError::new(
                "protocol.reuse",
                0,
                "a batch serves at least one step",
                remedy,
            ));
        }
        if let Loss::CorrelationUntil(fraction) = protocol.loss
            && !(fraction > 0.0 && fraction <= 1.0)
        {
            let reason = "the fraction of the mean square label lies in (0, 1]";
            let remedy = "for instance { correlation_until = 0.5 }";
            return Err(SpecError::new(
                "protocol.loss.correlation_until",
                fraction,
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
        Ok(Protocol {
            dimension,
            steps: protocol.steps,
            batch,
            step_size: positive("protocol.step_size", &protocol.step_size, known)?,
            plan: match protocol.reuse {
                1 => BatchPlan::Fresh,
                steps => BatchPlan::Reused { steps },
            },
            loss: protocol.loss,
            geometry: protocol.geometry,
            lookahead,
            removal,
        })
    }

    fn check_readout(&self) -> Result<RidgeParams, SpecError> {
        let (ridge, values) = match &self.readout.ridge {
            RidgeSpec::Value(value) => (Ridge::Values(vec![*value]), vec![*value]),
            RidgeSpec::Values(values) => (Ridge::Values(values.clone()), values.clone()),
            RidgeSpec::LeaveOneOut {
                leave_one_out: values,
            } => (Ridge::LeaveOneOut(values.clone()), values.clone()),
        };
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

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The value of a number or formula.
fn value(key: &str, quantity: &Quantity, known: Known<'_>) -> Result<(f64, String), SpecError> {
    match quantity {
        // Without hundreds of zeros.
        Quantity::Number(number) if *number != 0.0 && number.abs() < 1e-15 => {
            Ok((*number, format!("{number:e}")))
        }
        Quantity::Number(number) => Ok((*number, number.to_string())),
        Quantity::Formula(text) => {
            let names = known.names();
            let scope: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            let formula = Formula::parse(text, &scope).map_err(|error| {
                let remedy = match scope.len() {
                    0 => "give a number".to_owned(),
                    _ => format!("use numbers and {}", scope.join(", ")),
                };
                SpecError::new(key, quoted(text), format!("\n{error}"), remedy)
            })?;
            let values: Vec<f64> = names.iter().map(|(_, value)| *value).collect();
            Ok((formula.eval(&values), quoted(text)))
        }
    }
}

/// A positive integer: a whole number, or the value of a formula, rounded.
fn count(key: &str, quantity: &Quantity, known: Known<'_>) -> Result<u64, SpecError> {
    let (number, shown) = value(key, quantity, known)?;
    if let Quantity::Number(number) = quantity
        && number.is_finite()
        && number.fract() != 0.0
    {
        let remedy = format!("give {} or {}", number.floor(), number.ceil());
        return Err(SpecError::new(key, shown, "is not a whole number", remedy));
    }
    let rounded = number.round();
    if rounded < 1.0 || rounded.is_nan() {
        let reason = format!("is {number}, and must be at least 1");
        return Err(SpecError::new(key, shown, reason, "choose a larger value"));
    }
    if rounded > LARGEST_COUNT {
        let reason = format!("is {number:e}, which overflows the largest count 2^53");
        return Err(SpecError::new(key, shown, reason, "choose a smaller value"));
    }
    Ok(rounded as u64)
}

/// A finite positive number.
fn positive(key: &str, quantity: &Quantity, known: Known<'_>) -> Result<f64, SpecError> {
    let (number, shown) = value(key, quantity, known)?;
    if number > 0.0 && number.is_finite() {
        Ok(number)
    } else {
        let reason = format!("is {number}, and must be positive and finite");
        Err(SpecError::new(key, shown, reason, "choose another value"))
    }
}

/// Bytes from text such as `"400 MB"` or `"1.5 GiB"`.
fn bytes(key: &str, text: &str) -> Result<u64, SpecError> {
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim() {
        "" | "B" => Some(1.0),
        "kB" | "KB" => Some(1e3),
        "MB" => Some(1e6),
        "GB" => Some(1e9),
        "TB" => Some(1e12),
        "KiB" => Some(1024.0),
        "MiB" => Some(1024.0 * 1024.0),
        "GiB" => Some(1024.0 * 1024.0 * 1024.0),
        _ => None,
    };
    match (number.trim().parse::<f64>(), unit) {
        (Ok(number), Some(unit)) if number > 0.0 && number.is_finite() => {
            Ok((number * unit) as u64)
        }
        _ => {
            let remedy = "write for instance \"400 MB\" or \"8 GB\"";
            Err(SpecError::new(
                key,
                quoted(text),
                "not an amount of memory",
                remedy,
            ))
        }
    }
}
