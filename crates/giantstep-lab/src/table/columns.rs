//! Columns of a table by name, as numbers.

use giantstep::measurement::Signs;
use giantstep::metric::Metric;

use super::{Record, Table};

/// Columns that every table has, besides swept keys, metric and value; some are empty where they do not apply.
pub const NAMED: [&str; 14] = [
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
    "point",
    "run",
];

/// Swept keys that are the numbers n, d and p as well.
pub const SIZES: [&str; 3] = ["protocol.batch", "protocol.dimension", "network.width"];

/// Columns that say nothing that the others do not: they tell no quantities apart.
pub const MADE: [&str; 5] = ["seed", "run", "point", "exponent", "step_size"];

impl Table {
    /// The swept keys, in the order of the file.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        for setting in self.points.values().flat_map(|point| point.settings.iter()) {
            if !keys.contains(&setting.key.as_str()) {
                keys.push(&setting.key);
            }
        }
        keys
    }

    /// A column of a row as a number: `exponent` is log n / log d, a sign is 1 or 2, a text the place of the value on
    /// its axis, from 1. None where the column does not apply.
    pub fn number(&self, record: &Record, column: &str) -> Option<f64> {
        let common = || self.points.get(&record.point);
        match column {
            "n" => Some(record.n),
            "d" => Some(record.d),
            "p" => Some(record.p as f64),
            "step_size" => common().map(|common| common.step_size),
            "exponent" => Some(record.n.ln() / record.d.ln()),
            "step" => Some(f64::from(record.step)),
            "direction" => record.direction.map(f64::from),
            "rank" => record.rank.map(f64::from),
            "group" => record.group.map(|group| f64::from(group as u8 + 1)),
            "ridge" => record.ridge,
            "neuron" => record.neuron.map(f64::from),
            "seed" => Some(record.seed as f64),
            "point" => Some(f64::from(record.point)),
            "run" => Some(f64::from(record.run)),
            name => {
                let mut settings = common()?.settings.iter();
                let mut numbers = common()?.numbers.iter();
                if let Some(setting) = settings.find(|setting| setting.key == name) {
                    return Some(setting.number());
                }
                let number = numbers.find(|(column, _)| column == name);
                number.map(|(_, number)| *number)
            }
        }
    }

    /// The values of a column that is text, as typed, with the number that stands for each; none for numbers.
    pub fn texts(&self, key: &str) -> Option<Vec<(f64, String)>> {
        if key == "group" {
            let all = Signs::ONE.into_iter().chain(Signs::PAIRS);
            return Some(
                (1..)
                    .map(f64::from)
                    .zip(all.map(|signs| signs.to_string()))
                    .collect(),
            );
        }
        let mut texts: Vec<(f64, String)> = Vec::new();
        let settings = self.points.values().flat_map(|point| point.settings.iter());
        for setting in settings.filter(|setting| setting.key == key) {
            setting.value.as_str()?;
            if !texts.iter().any(|(number, _)| *number == setting.number()) {
                texts.push((setting.number(), setting.label()));
            }
        }
        (!texts.is_empty()).then_some(texts)
    }

    /// The metrics, in the order of the table.
    pub fn metrics(&self) -> Vec<String> {
        let mut metrics: Vec<Metric> = Vec::new();
        for record in &self.records {
            if !metrics.contains(&record.metric) {
                metrics.push(record.metric);
            }
        }
        metrics.iter().map(Metric::to_string).collect()
    }

    /// The columns that have a value in some row.
    pub fn columns(&self) -> Vec<&str> {
        let named = NAMED.into_iter().chain(self.numbers());
        let mut columns: Vec<&str> = named.chain(self.keys()).collect();
        columns.retain(|name| {
            self.records
                .iter()
                .any(|row| self.number(row, name).is_some())
        });
        columns
    }

    /// What distinguishes draws of different quantities: every column but the seed and those made of others.
    pub fn identity(&self) -> Vec<&str> {
        let named = NAMED.into_iter().filter(|name| !MADE.contains(name));
        let keys = self.keys().into_iter();
        named
            .chain(keys.filter(|key| !SIZES.contains(key)))
            .collect()
    }
}
