//! Numbers of an experiment file: plain, or formulas in the sizes known before them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpecError;
use crate::expr::Formula;
use crate::train::{BatchSizes, StepSize, spread};

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

/// A formula that has the step t in it, and the values of its other names; none for any other quantity.
fn in_steps(
    key: &str,
    quantity: &Quantity,
    known: Known<'_>,
) -> Result<Option<StepSize>, SpecError> {
    let Quantity::Formula(text) = quantity else {
        return Ok(None);
    };
    let names = known.names();
    let mut scope: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    scope.push("t");
    let formula = Formula::parse(text, &scope).map_err(|error| {
        let remedy = format!("use numbers and {}", scope.join(", "));
        SpecError::new(key, quoted(text), format!("\n{error}"), remedy)
    })?;
    let values = names.iter().map(|(_, value)| *value).collect();
    Ok(formula
        .uses(scope.len() - 1)
        .then_some(StepSize::Formula(formula, values)))
}

/// Refuses a formula with a step at which it is not what it must be: all of a moderate number of steps are looked at, of more
/// those that are spread evenly in number and in logarithm.
fn in_each_step(
    key: &str,
    quantity: &Quantity,
    (of, steps): (&StepSize, u32),
    fits: impl Fn(f64) -> bool,
    must: &str,
) -> Result<(), SpecError> {
    const ALL: u32 = 100_000;
    let early = (0..=ALL).map(|j| {
        let share = f64::from(j) / f64::from(ALL);
        (f64::from(steps).powf(share) as u32).clamp(1, steps.max(1))
    });
    let early = early.take(if steps > ALL { ALL as usize } else { 1 });
    for step in early.chain(spread(steps)) {
        let number = of.at(step);
        if !fits(number) {
            let reason = format!("is {number} at t = {step}, and must be {must}");
            let shown = match quantity {
                Quantity::Number(number) => number.to_string(),
                Quantity::Formula(text) => quoted(text),
            };
            return Err(SpecError::new(key, shown, reason, "choose another formula"));
        }
    }
    Ok(())
}

/// A step size: positive and finite in each of the steps; a formula may have the step t in it.
pub(super) fn rate(
    key: &str,
    quantity: &Quantity,
    known: Known<'_>,
    steps: u32,
) -> Result<StepSize, SpecError> {
    let Some(size) = in_steps(key, quantity, known)? else {
        return positive(key, quantity, known).map(StepSize::Constant);
    };
    let fits = |number: f64| number > 0.0 && number.is_finite();
    in_each_step(key, quantity, (&size, steps), fits, "positive and finite")?;
    Ok(size)
}

/// A batch size: that of the first step, and all of them if they differ.
pub(super) fn batch(
    key: &str,
    quantity: &Quantity,
    known: Known<'_>,
    (steps, reuse): (u32, u32),
) -> Result<(u64, Option<BatchSizes>), SpecError> {
    let Some(size) = in_steps(key, quantity, known)? else {
        return Ok((count(key, quantity, known)?, None));
    };
    let fits = |number: f64| (1.0..=LARGEST_COUNT).contains(&number.round());
    let must = "between 1 and 2^53 when it is rounded";
    in_each_step(key, quantity, (&size, steps), fits, must)?;
    let first = size.at(1).round().max(1.0) as u64;
    Ok((first, Some(BatchSizes::new(size, steps, reuse))))
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
