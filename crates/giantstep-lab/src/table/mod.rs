//! The tidy result table: one [`Record`] for each number measured, beside what every row of a point has in common.
//!
//! A [`Table`] knows the swept keys of each point as they were typed and the numbers they came to. It is handed on as
//! Arrow ([`Table::batches`]) and kept as one Parquet file ([`write()`], [`read()`]), which pandas, Polars and DuckDB open
//! directly: names are strings, counts are unsigned, what does not apply is null. [`aggregate()`] turns draws into means.

mod aggregate;
mod arrow;
mod columns;
mod csv;
mod decode;
mod encode;
mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use giantstep::experiment::Experiment;
use giantstep::measurement::Signs;
use giantstep::metric::Metric;

use crate::files::{OutputError, write_atomically};
use crate::plan::{Plan, Point, Setting};
use crate::remedy::Remedied;

pub use aggregate::{Row, aggregate};
pub use columns::{MADE, NAMED, SIZES};
pub use csv::csv;
pub(crate) use csv::quoted;
pub use decode::{decode, visit};
pub use encode::{Writer, encode};
pub use file::{Sift, TABLE, TableFile};

/// One number measured in one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    /// Number of the point in its plan, from 1; 0 for a run by itself.
    pub point: u32,
    /// Number of the run in its plan, from 1; 0 for a run by itself.
    pub run: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Samples in a batch.
    pub n: f64,
    /// Input dimension.
    pub d: f64,
    /// Width of the network.
    pub p: u64,
    /// Steps taken; 0 is before the first.
    pub step: u32,
    /// What was measured.
    pub metric: Metric,
    /// Which neuron, where the metric has one value for each.
    pub neuron: Option<u32>,
    /// Which target direction.
    pub direction: Option<u32>,
    /// Which place in an ordered list, for instance of singular values.
    pub rank: Option<u32>,
    /// Which group of neurons.
    pub group: Option<Signs>,
    /// Penalty of the readout.
    pub ridge: Option<f64>,
    /// The number.
    pub value: f64,
}

impl Record {
    /// A number with no place yet.
    pub fn new(metric: Metric, value: f64) -> Self {
        Self {
            point: 0,
            run: 0,
            seed: 0,
            n: 0.0,
            d: 0.0,
            p: 0,
            step: 0,
            metric,
            neuron: None,
            direction: None,
            rank: None,
            group: None,
            ridge: None,
            value,
        }
    }
}

impl Record {
    /// A number of an experiment, with its sizes and no other place yet.
    pub fn of(experiment: &Experiment, metric: Metric, value: f64) -> Self {
        Self {
            n: experiment.protocol.batch as f64,
            d: experiment.protocol.dimension as f64,
            p: experiment.network.width as u64,
            ..Self::new(metric, value)
        }
    }
}

/// What the rows of one point have in common besides n, d and p.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// The step size as the number it came to.
    pub step_size: f64,
    /// The numbers that formulas of other swept keys came to, by the name of their column.
    pub numbers: Arc<[(String, f64)]>,
    /// Swept keys with their values as typed. The values of a key are all numbers, or all text.
    pub settings: Arc<[Setting]>,
}

/// The numbers of a plan, or of one run by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// By the number of the point; empty for a run by itself.
    pub points: BTreeMap<u32, Common>,
    /// The rows, by run and step.
    pub records: Vec<Record>,
}

impl Table {
    /// The points of a plan, without rows.
    pub fn of(plan: &Plan) -> Self {
        let settings = plan.points.iter().flat_map(|point| &point.settings);
        let is_number = |setting: &Setting| setting.value.is_integer() || setting.value.is_float();
        let texts: Vec<&str> = settings
            .filter(|setting| !is_number(setting))
            .map(|setting| setting.key.as_str())
            .collect();
        let typed = |setting: &Setting| match texts.contains(&setting.key.as_str()) {
            true => Setting {
                value: toml::Value::String(setting.label()),
                ..setting.clone()
            },
            false => setting.clone(),
        };
        let keys = texts.iter().copied().collect::<BTreeSet<_>>();
        let settings = plan.points.iter().flat_map(|point| &point.settings);
        let swept: BTreeSet<&str> = settings.map(|setting| setting.key.as_str()).collect();
        let points = plan.points.iter().map(|point| {
            let protocol = &point.checked.setup.experiment.protocol;
            let mut settings: Vec<Setting> = Vec::new();
            for setting in &point.settings {
                // Of two axes that set one key the later one holds.
                settings.retain(|earlier| earlier.key != setting.key);
                settings.push(typed(setting));
            }
            Common {
                step_size: protocol.step_size.at(1),
                numbers: numbers(point, &keys, &swept).into(),
                settings: settings.into(),
            }
        });
        Self {
            points: (1..).zip(points).collect(),
            records: Vec::new(),
        }
    }

    /// The column with the numbers that the formulas of a swept key came to; none for a key without formulas.
    pub fn number_of(&self, key: &str) -> Option<String> {
        if let Some((_, column)) = HAVE_COLUMNS.into_iter().find(|(known, _)| *known == key) {
            let is_of_key = column != "ridge" || self.texts(key).is_some();
            return is_of_key.then(|| column.to_owned());
        }
        let column = number_column(key, self.keys().into_iter());
        self.numbers().contains(&&*column).then_some(column)
    }

    /// The columns of numbers that formulas of swept keys came to, besides those that every table has.
    pub fn numbers(&self) -> BTreeSet<&str> {
        let numbers = self
            .points
            .values()
            .flat_map(|common| common.numbers.iter());
        numbers.map(|(column, _)| column.as_str()).collect()
    }

    /// The same points with other rows.
    pub fn with(&self, records: Vec<Record>) -> Self {
        Self {
            points: self.points.clone(),
            records,
        }
    }
}

/// Keys whose numbers every table has, and the columns that hold them.
const HAVE_COLUMNS: [(&str, &str); 5] = [
    (SIZES[0], "n"),
    (SIZES[1], "d"),
    (SIZES[2], "p"),
    ("protocol.step_size", "step_size"),
    ("readout.ridge", "ridge"),
];

/// What the formulas of these keys, among all that are swept, came to at a point: those of keys that every table has a column for are left out.
fn numbers(point: &Point, keys: &BTreeSet<&str>, swept: &BTreeSet<&str>) -> Vec<(String, f64)> {
    let asked = keys
        .iter()
        .filter(|key| HAVE_COLUMNS.iter().all(|(known, _)| known != *key));
    let mut asked = asked.peekable();
    if asked.peek().is_none() {
        return Vec::new();
    }
    let spec = serde_json::json!(point.evaluated());
    let came_to = |key: &str| {
        let parts = key.split('.');
        let found = parts
            .into_iter()
            .try_fold(&spec, |spec, part| spec.get(part));
        found?.as_f64()
    };
    asked
        .filter_map(|key| Some((number_column(key, swept.iter().copied()), came_to(key)?)))
        .collect()
}

/// The column with the numbers of a key: named by its last part, `radius` for `protocol.lookahead.radius`; by all of
/// them, `protocol_biases_step_size`, where that is the name of another column.
fn number_column<'a>(key: &str, keys: impl Iterator<Item = &'a str>) -> String {
    fn last(key: &str) -> &str {
        key.rsplit('.').next().unwrap_or_default()
    }
    let name = last(key);
    let shared = keys.filter(|other| last(other) == name).count() > 1;
    match shared || arrow::is_fixed(name) {
        true => key.replace('.', "_"),
        false => name.to_owned(),
    }
}

/// Writes a table to one Parquet file, atomically.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, table: &Table) -> Result<(), TableError> {
    Ok(write_atomically(path, &encode(table)?)?)
}

/// Reads the file of a whole plan that [`write()`] has written.
///
/// # Errors
/// The file is not there, damaged, or not such a table.
pub fn read(path: &Path) -> Result<Table, TableError> {
    let bytes = std::fs::read(path).map_err(|source| TableError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let table = decode(bytes, path)?;
    if table.records.iter().any(|record| record.point == 0) {
        return Err(TableError::Foreign {
            path: path.to_path_buf(),
            column: "point".to_owned(),
            expected: "the number of the point of each row",
        });
    }
    Ok(table)
}

impl Remedied for TableError {}

/// Why a table could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file could not be opened or read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, or no Parquet file.
    #[error("`{path}` is not a readable Parquet file: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: ::parquet::errors::ParquetError,
    },
    /// A column is missing or of another type: the file is another program's, or of an older version.
    #[error(
        "`{path}` is not a result table of this version: column `{column}` should hold {expected}"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The table could not be encoded.
    #[error("cannot encode the result table: {0}")]
    Encode(#[from] ::parquet::errors::ParquetError),
    /// The file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}
