//! Numbers of an experiment file: plain, or formulas in the sizes known before them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpecError;
use crate::expr::Formula;
use crate::train::StepSize;

/// The largest dimension: integers up to here are exact in double precision.
pub(super) const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// A number, or a formula in the quantities that are known before it (`d`, then `p`, then `n`).
///
/// Counts (d, p, n) lie in 1 to 2^53: whole numbers, or formulas, whose values are rounded to the nearest integer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number, or a formula in quotes such as \"4*d\""
)]
pub enum Quantity {
    /// A plain number.
    Number(f64),
    /// A formula such as `"d^1.65"` or `"10*sqrt(n*p)"`.
    Formula(String),
}

/// Values of `d`, `n`, `p` that are known so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// Names of the file's own numbers.
    pub(super) named: &'a [(&'a str, f64)],
    pub(super) d: Option<f64>,
    pub(super) n: Option<f64>,
    pub(super) p: Option<f64>,
}

impl<'a> Known<'a> {
    pub(super) fn names(self) -> Vec<(&'a str, f64)> {
        let sizes = [("d", self.d), ("n", self.n), ("p", self.p)].into_iter();
        let sizes = sizes.filter_map(|(name, value)| value.map(|value| (name, value)));
        sizes.chain(self.named.iter().copied()).collect()
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The value of a number or formula.
pub(super) fn value(
    key: &str,
    quantity: &Quantity,
    known: Known<'_>,
) -> Result<(f64, String), SpecError> {
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
pub(super) fn count(key: &str, quantity: &Quantity, known: Known<'_>) -> Result<u64, SpecError> {
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
pub(super) fn positive(key: &str, quantity: &Quantity, known: Known<'_>) -> Result<f64, SpecError> {
    let (number, shown) = value(key, quantity, known)?;
    if number > 0.0 && number.is_finite() {
        Ok(number)
    } else {
        let reason = format!("is {number}, and must be positive and finite");
        Err(SpecError::new(key, shown, reason, "choose another value"))
    }
}

/// A step size: positive and finite in each of the steps (of more than 100 000, in that many spread over them); a formula may have the step t in it.
pub(super) fn rate(
    key: &str,
    quantity: &Quantity,
    known: Known<'_>,
    steps: u32,
) -> Result<StepSize, SpecError> {
    let Quantity::Formula(text) = quantity else {
        return positive(key, quantity, known).map(StepSize::Constant);
    };
    let names = known.names();
    let mut scope: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    scope.push("t");
    let formula = Formula::parse(text, &scope).map_err(|error| {
        let remedy = format!("use numbers and {}", scope.join(", "));
        SpecError::new(key, quoted(text), format!("\n{error}"), remedy)
    })?;
    if !formula.uses(scope.len() - 1) {
        return positive(key, quantity, known).map(StepSize::Constant);
    }
    let values = names.iter().map(|(_, value)| *value).collect();
    let size = StepSize::Formula(formula, values);
    // All of a moderate number of steps; of more those that are spread evenly in number and in logarithm.
    const ALL: u32 = 100_000;
    let spread = (0..=ALL).flat_map(|j| {
        let share = f64::from(j) / f64::from(ALL);
        let (even, log) = (f64::from(steps) * share, f64::from(steps).powf(share));
        [even, log].map(|step| (step as u32).clamp(1, steps))
    });
    let looked_at: Box<dyn Iterator<Item = u32>> = match steps <= ALL {
        true => Box::new(1..=steps),
        false => Box::new(spread),
    };
    for step in looked_at {
        let number = size.at(step);
        if !(number > 0.0 && number.is_finite()) {
            let reason = format!("is {number} at t = {step}, and must be positive and finite");
            return Err(SpecError::new(
                key,
                quoted(text),
                reason,
                "choose another formula",
            ));
        }
    }
    Ok(size)
}

/// Bytes from text such as `"400 MB"` or `"1.5 GiB"`.
pub(super) fn bytes(key: &str, text: &str) -> Result<u64, SpecError> {
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
