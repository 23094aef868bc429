//! Axes of a sweep.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use super::{PlanError, names};

/// One axis of a sweep; several axes are crossed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AxisSpec {
    /// The dotted key that is set, with one of `values`, `linear` and `log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The values: numbers, formulas or other text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<serde_json::Value>>,
    /// Equally spaced numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<Space>,
    /// Numbers of equal ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Space>,
    /// Several keys set together: one table of dotted keys for each point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Vec<BTreeMap<String, serde_json::Value>>>,
}

/// `count` numbers from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// The first number.
    pub from: f64,
    /// The last number.
    pub to: f64,
    /// How many, at least 2.
    pub count: usize,
}

/// One key set to one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Its place among the distinct values of the key on its axis, from 1.
    pub position: usize,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

impl Setting {
    /// A number for tables: the value itself, or the position on the axis for anything else.
    pub fn number(&self) -> f64 {
        match &self.value {
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            _ => self.position as f64,
        }
    }

    /// The value as text.
    pub fn label(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// A checked axis: the settings of each of its positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    positions: Vec<Vec<Setting>>,
}

impl Axis {
    /// The number of positions.
    #[allow(
        clippy::len_without_is_empty,
        reason = "an axis has at least one position"
    )]
    pub fn len(&self) -> usize {
        self.positions.len()
    }
}

impl AxisSpec {
    pub(super) fn resolve(&self, index: usize) -> Result<Axis, PlanError> {
        let fail = |message: &str| PlanError::Value {
            key: format!("sweep[{index}]"),
            message: message.to_owned(),
        };
        let positions = match (&self.key, &self.values, self.linear, self.log, &self.zip) {
            (Some(key), Some(values), None, None, None) => {
                let values = values
                    .iter()
                    .map(plain)
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| fail("a value is null"))?;
                single(names::full(key), values)
            }
            (Some(key), None, Some(space), None, None) => {
                let step = |k: usize| {
                    space.from + (space.to - space.from) * k as f64 / (space.count - 1) as f64
                };
                single(
                    names::full(key),
                    space.numbers(step).ok_or_else(|| {
                        fail("a space needs finite ends and a count of at least 2")
                    })?,
                )
            }
            (Some(key), None, None, Some(space), None) if space.from > 0.0 && space.to > 0.0 => {
                let ratio = space.to / space.from;
                let step = |k: usize| space.from * ratio.powf(k as f64 / (space.count - 1) as f64);
                single(
                    names::full(key),
                    space.numbers(step).ok_or_else(|| {
                        fail("a space needs finite ends and a count of at least 2")
                    })?,
                )
            }
            (Some(_), None, None, Some(_), None) => {
                return Err(fail("a log space has positive ends"));
            }
            (None, None, None, None, Some(points)) => points
                .iter()
                .map(|point| {
                    point
                        .iter()
                        .map(|(key, value)| {
                            let value = plain(value).ok_or_else(|| fail("a value is null"))?;
                            Ok::<_, PlanError>(Setting {
                                key: names::full(key).to_owned(),
                                value,
                                position: 0,
                            })
                        })
                        .collect()
                })
                .collect::<Result<_, PlanError>>()?,
            _ => {
                return Err(fail(
                    "an axis has a key with one of values, linear and log; or zip alone",
                ));
            }
        };
        if positions.is_empty() {
            return Err(fail("an axis needs at least one value"));
        }
        Ok(Axis {
            positions: ranked(positions),
        })
    }
}

/// Numbers the distinct values of each key in order of appearance.
fn ranked(mut positions: Vec<Vec<Setting>>) -> Vec<Vec<Setting>> {
    let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for setting in positions.iter_mut().flatten() {
        let known = seen.entry(setting.key.clone()).or_default();
        let place = known.iter().position(|value| *value == setting.value);
        setting.position = place.unwrap_or_else(|| {
            known.push(setting.value.clone());
            known.len() - 1
        }) + 1;
    }
    positions
}

impl Space {
    fn numbers(self, step: impl Fn(usize) -> f64) -> Option<Vec<Value>> {
        let sound = self.count >= 2
            && self.count <= 100_000
            && self.from.is_finite()
            && self.to.is_finite();
        sound.then(|| (0..self.count).map(|k| Value::Float(step(k))).collect())
    }
}

fn single(key: &str, values: Vec<Value>) -> Vec<Vec<Setting>> {
    let setting = |value| {
        vec![Setting {
            key: key.to_owned(),
            value,
            position: 0,
        }]
    };
    values.into_iter().map(setting).collect()
}

fn plain(value: &serde_json::Value) -> Option<Value> {
    Value::try_from(value).ok()
}

/// The settings of point `index` of the crossed axes; the last axis varies fastest.
pub(super) fn at(axes: &[Axis], index: usize) -> Vec<Setting> {
    let mut rest = index;
    let mut settings: Vec<&[Setting]> = Vec::new();
    for axis in axes.iter().rev() {
        settings.push(&axis.positions[rest % axis.len()]);
        rest /= axis.len();
    }
    settings.into_iter().rev().flatten().cloned().collect()
}
