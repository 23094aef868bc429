//! Axes of a sweep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;

use super::{MOST_POINTS, PlanError};

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
    /// A number that stands for it: the value, or the position on the axis for anything else.
    pub fn number(&self) -> f64 {
        match &self.value {
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            _ => self.position as f64,
        }
    }

    pub(crate) fn new(key: &str, value: Value) -> Self {
        Self {
            key: key.to_owned(),
            value,
            position: 0,
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

    /// The keys that it sets.
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        let settings = self.positions.iter().flatten();
        settings.map(|setting| setting.key.as_str()).collect()
    }
}

/// A key of two axes, or one of which the other is a part: the later axis would undo what the earlier has set.
pub(super) fn set_twice(axes: &[Axis]) -> Option<(&str, &str)> {
    let within = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}."));
    axes.iter().enumerate().find_map(|(index, axis)| {
        let earlier = axes[..index].iter().flat_map(Axis::keys);
        earlier
            .flat_map(|a| axis.keys().into_iter().map(move |b| (a, b)))
            .find(|(a, b)| within(a, b) || within(b, a))
    })
}

/// The counts: numbers of a space over them are rounded.
const COUNTS: [&str; 3] = ["protocol.dimension", "protocol.batch", "network.width"];

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
                    .ok_or_else(|| fail("a value is not finite"))?;
                single(key, values)
            }
            (Some(key), None, Some(space), None, None) => {
                let step = |k: usize| {
                    space.from + (space.to - space.from) * k as f64 / (space.count - 1) as f64
                };
                single(
                    key,
                    space.numbers(key, step).ok_or_else(|| {
                        fail("a space needs finite ends and a count of 2 to 10000")
                    })?,
                )
            }
            (Some(key), None, None, Some(space), None) if space.from > 0.0 && space.to > 0.0 => {
                let ratio = space.to / space.from;
                let step = |k: usize| space.from * ratio.powf(k as f64 / (space.count - 1) as f64);
                single(
                    key,
                    space.numbers(key, step).ok_or_else(|| {
                        fail("a space needs finite ends and a count of 2 to 10000")
                    })?,
                )
            }
            (Some(_), None, None, Some(_), None) => {
                return Err(fail("a log space has positive ends"));
            }
            (None, None, None, None, Some(points)) if !alike(points) => {
                return Err(fail("every table of zip sets the same keys"));
            }
            (None, None, None, None, Some(points)) => points
                .iter()
                .map(|point| {
                    point
                        .iter()
                        .map(|(key, value)| {
                            let value =
                                plain(value).ok_or_else(|| fail("a value is not finite"))?;
                            Ok::<_, PlanError>(Setting::new(key, value))
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

/// Whether all tables have the same keys.
fn alike(points: &[BTreeMap<String, serde_json::Value>]) -> bool {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.into_iter().all(|(a, b)| a.keys().eq(b.keys()))
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
    fn numbers(self, key: &str, step: impl Fn(usize) -> f64) -> Option<Vec<Value>> {
        let sound = self.count >= 2
            && self.count <= MOST_POINTS
            && self.from.is_finite()
            && self.to.is_finite();
        let rounded = |k: usize| match COUNTS.contains(&key) {
            true => step(k).round(),
            false => step(k),
        };
        sound.then(|| (0..self.count).map(|k| Value::Float(rounded(k))).collect())
    }
}

fn single(key: &str, values: Vec<Value>) -> Vec<Vec<Setting>> {
    let setting = |value| vec![Setting::new(key, value)];
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

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Axis {
        let spec: AxisSpec = toml::from_str(text).unwrap();
        spec.resolve(0).unwrap()
    }

    fn numbers(axis: &Axis) -> Vec<f64> {
        axis.positions.iter().map(|p| p[0].number()).collect()
    }

    #[test]
    fn spaces_over_counts_are_whole_numbers() {
        let log = "log = { from = 10, to = 1000, count = 4 }";
        let batch = axis(&format!("key = \"protocol.batch\"\n{log}"));
        assert_eq!(numbers(&batch), [10.0, 46.0, 215.0, 1000.0]);
        let rate = axis(&format!("key = \"protocol.step_size\"\n{log}"));
        assert!((numbers(&rate)[1] - 46.415_888_336_127_78).abs() < 1e-12);
    }

    #[test]
    fn axes_over_one_key_or_a_part_of_it_are_found() {
        let of = |key: &str| axis(&format!("key = \"{key}\"\nvalues = [1]"));
        let zip = axis("zip = [{ \"network.width\" = 3, \"protocol.loss\" = \"squared\" }]");
        for (key, twice) in [
            ("network.width", true),
            ("protocol.loss.correlation_until", true),
            ("protocol.losses", false),
            ("network", true),
        ] {
            assert_eq!(set_twice(&[zip.clone(), of(key)]).is_some(), twice, "{key}");
        }
    }
}
