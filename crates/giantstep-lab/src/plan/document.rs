//! An experiment file with its overrides applied, before it is split into points.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use giantstep::spec::{Callables, Checked, Given, InputsSpec, Spec, StartSpec};
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::axis::{Axis, AxisSpec, Setting};
use super::keys::check_keys;
use super::names;
use super::wording::plain;
use super::{FigureSpec, PlanError, Reference, Scale, SlopeSpec, Wanted};
use crate::rows::Files;

/// The keys of an experiment file besides those of [`Spec`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Extras {
    /// Axes of a sweep, crossed with each other.
    sweep: Vec<AxisSpec>,
    /// Figures to draw; sensible ones if absent.
    figure: Vec<FigureSpec>,
    /// Which predictions of theory stand beside the results.
    predictions: Wanted,
    /// Published or predicted values beside which the measured ones are shown.
    reference: Vec<Reference>,
    /// Exponents to be fitted over the points.
    slope: Vec<SlopeSpec>,
    /// Points of the sweep with a larger batch are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_batch: Option<u64>,
    /// Changes of `--quick`, as dotted keys.
    quick: BTreeMap<String, serde_json::Value>,
}

const EXTRAS: [&str; 7] = [
    "sweep",
    "figure",
    "predictions",
    "reference",
    "slope",
    "largest_batch",
    "quick",
];

/// An experiment file, read.
#[derive(Debug, Clone)]
pub struct Document {
    table: Table,
    extras: Extras,
    files: Files,
    callables: Callables,
}

impl Document {
    /// Of a table with its changes applied; unknown keys are refused.
    pub(super) fn of(mut table: Table) -> Result<Self, PlanError> {
        check(&table)?;
        if let Some(Value::Table(quick)) = table.get("quick") {
            let mut quickly = table.clone();
            for (key, value) in quick {
                set(&mut quickly, key, value.clone())
                    .and_then(|()| check(&quickly))
                    .map_err(|error| PlanError::Quick(Box::new(error)))?;
            }
        }
        let mut own = Table::new();
        for key in EXTRAS {
            if let Some(value) = table.remove(key) {
                own.insert(key.to_owned(), value);
            }
        }
        let extras = typed(Value::Table(own))?;
        Ok(Self {
            table,
            extras,
            files: Files::default(),
            callables: Callables::default(),
        })
    }

    /// The same, of which no file is read.
    pub(super) fn without_files(self) -> Self {
        Self {
            files: Files::out_of_reach(),
            ..self
        }
    }

    /// The same with functions in the places of expressions.
    ///
    /// # Errors
    /// An axis sets an expression whose place is taken.
    pub(super) fn with(self, callables: Callables) -> Result<Self, PlanError> {
        let document = Self { callables, ..self };
        let axes = document.axes()?;
        let swept = axes.iter().flat_map(Axis::keys);
        let taken = document.taken();
        match swept
            .into_iter()
            .find_map(|key| taken.iter().find(|(of, _)| *of == key))
        {
            Some((key, name)) => Err(PlanError::Taken {
                key,
                name: name.clone(),
            }),
            None => Ok(document),
        }
    }

    /// The expressions whose places are taken by functions, with the names of these.
    fn taken(&self) -> Vec<(&'static str, String)> {
        let Callables { link, activation } = &self.callables;
        let link = link
            .iter()
            .map(|(link, _)| ("target.link", link.name().to_owned()));
        let activation = activation.iter();
        let activation = activation.map(|sigma| ("network.activation", sigma.source().to_owned()));
        link.chain(activation).collect()
    }

    /// Whether a file holds all of it.
    ///
    /// # Errors
    /// A part of it is a function.
    pub fn check_writable(&self) -> Result<(), PlanError> {
        match self.taken().into_iter().next() {
            Some((key, name)) => Err(PlanError::Callable { key, name }),
            None => Ok(()),
        }
    }

    /// That of [`Plan::schema`](super::Plan::schema).
    pub(super) fn schema() -> &'static Schema {
        static SCHEMA: LazyLock<Schema> = LazyLock::new(Document::made_schema);
        &SCHEMA
    }

    fn made_schema() -> Schema {
        let mut schema = schema_for!(Spec);
        let extras = schema_for!(Extras);
        for section in ["properties", "$defs"] {
            let more = extras
                .get(section)
                .and_then(|value| value.as_object())
                .cloned()
                .unwrap_or_default();
            if let Some(known) = schema
                .get_mut(section)
                .and_then(|value| value.as_object_mut())
            {
                known.extend(more);
            }
        }
        schema.insert("title".to_owned(), "giantstep experiment".into());
        schema
    }

    /// What the experiment shows.
    pub fn title(&self) -> Option<&str> {
        self.table.get("title").and_then(Value::as_str)
    }

    /// The figures asked for.
    pub fn figures(&self) -> &[FigureSpec] {
        &self.extras.figure
    }

    /// The predictions wanted beside the results.
    pub fn predictions(&self) -> Wanted {
        self.extras.predictions
    }

    /// The published and predicted values.
    pub fn references(&self) -> &[Reference] {
        &self.extras.reference
    }

    /// The exponents to be fitted.
    pub fn slopes(&self) -> &[SlopeSpec] {
        &self.extras.slope
    }

    /// Points with a larger batch are left out.
    pub(super) fn largest_batch(&self) -> u64 {
        self.extras.largest_batch.unwrap_or(u64::MAX)
    }

    pub(super) fn axes(&self) -> Result<Vec<Axis>, PlanError> {
        self.extras
            .sweep
            .iter()
            .enumerate()
            .map(|(index, axis)| axis.resolve(index))
            .collect()
    }

    /// One point: the file with the settings applied, typed and checked.
    pub(super) fn point(&self, settings: &[Setting]) -> Result<(Spec, Checked), PlanError> {
        let mut table = self.table.clone();
        for setting in settings {
            set(&mut table, &setting.key, setting.value.clone())?;
        }
        check(&table)?;
        let mut spec: Spec = typed(Value::Table(table))?;
        let mut given = Given {
            callables: self.callables.clone(),
            ..Given::default()
        };
        if let InputsSpec::File(file) = &mut spec.inputs {
            let found = self.files.read(file).map_err(Box::new)?;
            file.file = found.path;
            file.content = Some(found.content);
            given.data = Some(found.data);
        }
        if let Some(StartSpec::Weights(file)) = &mut spec.network.start {
            let found = self.files.weights(file).map_err(Box::new)?;
            file.file = found.path;
            file.content = Some(found.content);
            given.weights = Some(found.weights);
        }
        let checked = spec.check_with(given)?;
        Ok((spec, checked))
    }

    /// The file as it was understood, for the results folder.
    ///
    /// # Errors
    /// No file holds it, if a part of it is a function.
    pub fn resolved(&self) -> Result<String, PlanError> {
        self.check_writable()?;
        let spec = if self.extras.sweep.is_empty() {
            let (spec, _) = self.point(&[])?;
            Table::try_from(spec).map_err(|error| unwritable(&error))?
        } else {
            // Values may be missing that every axis sets: the table as typed is what can be shown.
            let mut table = self.table.clone();
            if let Some(Value::Table(inputs)) = table.get_mut("inputs")
                && let Some(Value::String(file)) = inputs.get("file")
                && let Some(found) = self.files.named(file)
            {
                inputs.insert("file".to_owned(), found.path.into());
                inputs.insert("content".to_owned(), found.content.into());
            }
            if let Some(Value::Table(network)) = table.get_mut("network")
                && let Some(Value::Table(start)) = network.get_mut("start")
                && let Some(Value::String(file)) = start.get("file")
                && let Some(found) = self.files.named_weights(file)
            {
                start.insert("file".to_owned(), found.path.into());
                start.insert("content".to_owned(), found.content.into());
            }
            table
        };
        let extras = Table::try_from(&self.extras).map_err(|error| unwritable(&error))?;
        let mut whole = spec;
        whole.extend(extras.into_iter().filter(|(key, value)| {
            key != "quick" && value.as_array().is_none_or(|list| !list.is_empty())
        }));
        toml::to_string(&whole).map_err(|error| unwritable(&error))
    }
}

/// The table of a text, with the changes of `--quick` and the overrides applied.
pub(super) fn table(
    text: &str,
    origin: &str,
    overrides: &[String],
    scale: Scale,
) -> Result<Table, PlanError> {
    let mut table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| PlanError::Syntax {
            origin: origin.to_owned(),
            message: error.to_string(),
        })?;
    names::expand(&mut table);
    if scale == Scale::Quick
        && let Some(Value::Table(quick)) = table.get("quick").cloned()
    {
        for (key, value) in quick {
            set(&mut table, &key, value)?;
        }
    }
    for text in overrides {
        let (key, value) = parse_override(text)?;
        let key = names::full(&table, &key);
        set(&mut table, &key, value)?;
    }
    // Overrides may bring axes and figures.
    names::expand(&mut table);
    Ok(table)
}

/// Refuses unknown keys and values of a kind that no key has.
fn check(table: &Table) -> Result<(), PlanError> {
    table
        .iter()
        .try_for_each(|(key, value)| plain_values(key, value))?;
    check_keys(table, Document::schema())
}

/// Refuses dates, which TOML reads where a formula such as `1979-05-27` lacks its quotes, and text that would move a terminal's
/// cursor or break a figure.
fn plain_values(key: &str, value: &Value) -> Result<(), PlanError> {
    let refused = |message| {
        Err(PlanError::Value {
            key: key.to_owned(),
            message,
        })
    };
    match value {
        Value::Datetime(date) => refused(format!(
            "{date} is a date; text and formulas stand in quotes"
        )),
        Value::String(text) => {
            // A long link may stand on several lines; what is printed stands on one.
            let shown = matches!(key.rsplit('.').next(), Some("title" | "name"));
            let breaks = |c: &char| c.is_control() && (shown || !c.is_whitespace());
            match text.chars().find(breaks) {
                Some(control) => refused(format!(
                    "the character U+{:04X} cannot be printed; leave it out",
                    u32::from(control)
                )),
                None => Ok(()),
            }
        }
        Value::Table(table) => table
            .iter()
            .try_for_each(|(inner, value)| plain_values(&format!("{key}.{inner}"), value)),
        Value::Array(list) => list.iter().try_for_each(|value| plain_values(key, value)),
        _ => Ok(()),
    }
}

fn unwritable(error: &impl ToString) -> PlanError {
    PlanError::Value {
        key: "experiment".to_owned(),
        message: error.to_string(),
    }
}

/// Below it every whole number is one of f64.
const MOST_WHOLE: f64 = 9e15;

/// `key=value`, the value as TOML or, failing that, as text.
fn parse_override(text: &str) -> Result<(String, Value), PlanError> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(PlanError::Override {
            text: text.to_owned(),
        });
    };
    if text.contains(['\n', '\r']) {
        return Err(PlanError::Value {
            key: key.trim().to_owned(),
            message: "a change is one key and one value on one line".to_owned(),
        });
    }
    let read = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        // A whole number beyond those of TOML is a number all the same, and 1e3 is a whole number.
        .or_else(|| {
            let number = value.trim().parse().ok();
            number.filter(|x: &f64| x.is_finite()).map(Value::Float)
        })
        .map(|read| match read {
            Value::Float(x) if value.contains('e') && x.fract() == 0.0 && x.abs() < MOST_WHOLE => {
                (x as i64).into()
            }
            read => read,
        })
        .unwrap_or_else(|| Value::String(value.to_owned()));
    Ok((key.trim().to_owned(), read))
}

/// Sets a dotted key, making tables on the way.
fn set(table: &mut Table, key: &str, value: Value) -> Result<(), PlanError> {
    let (path, last) = key
        .rsplit_once('.')
        .map_or((None, key), |(path, last)| (Some(path), last));
    let mut here = table;
    for part in path.into_iter().flat_map(|path| path.split('.')) {
        let next = here
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = next else {
            let message = format!("`{part}` is a value, not a section");
            return Err(PlanError::Value {
                key: key.to_owned(),
                message,
            });
        };
        here = inner;
    }
    here.insert(last.to_owned(), value);
    Ok(())
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, PlanError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => None,
            path => Some(path),
        };
        let message = plain(&error.inner().to_string());
        let missing = message.strip_prefix("missing key `");
        match (missing.and_then(|rest| rest.strip_suffix('`')), path) {
            (Some(name), None) => PlanError::Missing {
                key: name.to_owned(),
            },
            (Some(name), Some(path)) => PlanError::Missing {
                key: format!("{path}.{name}"),
            },
            (None, path) => PlanError::Value {
                key: path.unwrap_or_else(|| "experiment".to_owned()),
                message,
            },
        }
    })
}
