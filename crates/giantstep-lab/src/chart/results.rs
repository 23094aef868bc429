//! The table of a results folder with the meaning of its columns.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::ChartError;
use crate::plan::{Plan, Scale};
use crate::plot::column_of;
use crate::table::{Record, TableError, read};

/// The columns of every table that a figure can use, besides swept keys.
const NAMED: [&str; 12] = [
    "n",
    "d",
    "p",
    "step_size",
    "exponent",
    "step",
    "direction",
    "rank",
    "group",
    "ridge",
    "neuron",
    "seed",
];

/// The rows of a results folder, with what its experiment file says of them.
#[derive(Debug, Clone)]
pub struct Results {
    records: Vec<Record>,
    /// The step size of each row, where the experiment file tells.
    step_sizes: Vec<Option<f64>>,
    /// Swept keys in the order of the table.
    axes: Vec<String>,
    /// The texts of those swept keys that have text, by the number that stands for each in the table.
    texts: BTreeMap<String, Vec<(f64, String)>>,
    /// Why the experiment file says nothing, if so.
    pub note: Option<String>,
}

impl Results {
    /// Reads `results.parquet` and `experiment.toml` of a folder. Without the latter, texts are shown by their position.
    ///
    /// # Errors
    /// [`ChartError`] if there is no folder, no table, or a damaged one.
    pub fn open(folder: &Path) -> Result<Self, ChartError> {
        let named = || folder.to_path_buf();
        if !folder.is_dir() {
            return Err(ChartError::NoFolder { folder: named() });
        }
        let records = read(&folder.join("results.parquet")).map_err(|source| match &source {
            TableError::Read { source: reason, .. }
                if reason.kind() == std::io::ErrorKind::NotFound =>
            {
                ChartError::NoTable { folder: named() }
            }
            _ => ChartError::Table {
                folder: named(),
                source,
            },
        })?;
        if records.is_empty() {
            return Err(ChartError::NoRows { folder: named() });
        }
        let path = folder.join("experiment.toml");
        let plan = std::fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                Plan::read(&text, &path.display().to_string(), &[], Scale::Full)
                    .map_err(|error| error.to_string())
            });
        Ok(match plan {
            Ok(plan) => Self::new(records, Some(&plan)),
            Err(reason) => {
                let shown = path.display();
                Self {
                    note: Some(format!(
                        "{shown}: {reason}; swept texts are shown by their position on the axis"
                    )),
                    ..Self::new(records, None)
                }
            }
        })
    }

    /// The rows of an experiment.
    pub fn new(records: Vec<Record>, plan: Option<&Plan>) -> Self {
        let mut axes: Vec<String> = Vec::new();
        for (name, _) in records.iter().flat_map(|record| &record.axes) {
            if !axes.contains(name) {
                axes.push(name.clone());
            }
        }
        let step_sizes = step_sizes(&records, plan);
        let texts = texts(&axes, plan);
        Self {
            records,
            step_sizes,
            axes,
            texts,
            note: None,
        }
    }

    /// All rows.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The metrics, in the order of the table.
    pub fn metrics(&self) -> Vec<String> {
        let mut metrics: Vec<String> = Vec::new();
        for record in &self.records {
            if !metrics.contains(&record.metric) {
                metrics.push(record.metric.clone());
            }
        }
        metrics
    }

    /// The columns that have a value in some row.
    pub fn columns(&self) -> Vec<&str> {
        let swept = self.axes.iter().map(String::as_str);
        let mut columns: Vec<&str> = NAMED.into_iter().chain(swept).collect();
        columns.retain(|name| (0..self.records.len()).any(|row| self.value(row, name).is_some()));
        columns
    }

    /// What distinguishes draws of different quantities: every column but the seed and those made of others.
    pub(super) fn identity(&self) -> impl Iterator<Item = &str> {
        let made = ["seed", "exponent", "step_size"];
        let named = NAMED.into_iter().filter(move |name| !made.contains(name));
        named.chain(self.axes.iter().map(String::as_str))
    }

    /// The value of a row in a column; the position of a text.
    pub(super) fn value(&self, row: usize, column: &str) -> Option<f64> {
        let record = &self.records[row];
        match column {
            "seed" => Some(record.seed as f64),
            "neuron" => record.neuron.map(f64::from),
            "group" => record
                .group
                .as_deref()
                .map(|group| if group == "+" { 1.0 } else { 2.0 }),
            "step_size" => self.step_sizes[row],
            name => column_of(record, name),
        }
    }

    /// The texts of a column with the numbers that stand for them; none for a column of numbers.
    pub(super) fn texts(&self, column: &str) -> Option<Vec<(f64, String)>> {
        if column == "group" {
            return Some(vec![(1.0, "+".to_owned()), (2.0, "-".to_owned())]);
        }
        self.texts.get(column).cloned()
    }
}

/// What tells the points of a sweep apart in the table: n, d, p and the other swept keys.
fn place(n: f64, d: f64, p: u64, axes: &[(String, f64)]) -> Vec<u64> {
    let sizes = [n.to_bits(), d.to_bits(), p];
    let mut named: Vec<_> = axes.iter().collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let axes = named.into_iter().map(|(_, value)| value.to_bits());
    sizes.into_iter().chain(axes).collect()
}

fn step_sizes(records: &[Record], plan: Option<&Plan>) -> Vec<Option<f64>> {
    let mut known: HashMap<Vec<u64>, f64> = HashMap::new();
    for point in plan.map_or(&[][..], |plan| &plan.points) {
        let axes: Vec<(String, f64)> = point
            .settings
            .iter()
            .filter(|setting| !is_size(&setting.key))
            .map(|setting| (setting.key.clone(), setting.number()))
            .collect();
        let protocol = &point.checked.setup.experiment.protocol;
        let width = point.checked.setup.experiment.network.width as u64;
        let at = place(
            protocol.batch as f64,
            protocol.dimension as f64,
            width,
            &axes,
        );
        known.insert(at, protocol.step_size);
    }
    let of = |record: &Record| {
        let at = place(record.n, record.d, record.p, &record.axes);
        known.get(&at).copied()
    };
    records.iter().map(of).collect()
}

/// Swept keys that every table has as the numbers n, d and p.
fn is_size(key: &str) -> bool {
    matches!(
        key,
        "protocol.dimension" | "protocol.batch" | "network.width"
    )
}

fn texts(axes: &[String], plan: Option<&Plan>) -> BTreeMap<String, Vec<(f64, String)>> {
    let mut texts = BTreeMap::new();
    for key in axes {
        let mut values: Vec<(f64, String)> = Vec::new();
        let mut any = false;
        let points = plan.map_or(&[][..], |plan| &plan.points);
        for setting in points.iter().flat_map(|point| &point.settings) {
            if setting.key != *key {
                continue;
            }
            any |= setting.value.as_float().is_none() && setting.value.as_integer().is_none();
            if !values.iter().any(|(number, _)| *number == setting.number()) {
                values.push((setting.number(), setting.label()));
            }
        }
        if any {
            texts.insert(key.clone(), values);
        }
    }
    texts
}
