//! The table of a results folder with the meaning of its columns.

use std::path::Path;

use giantstep::measurement::Signs;

use super::ChartError;
use crate::table::{MADE, NAMED, Record, SIZES, Table, TableError, read};

/// The rows of a results folder.
#[derive(Debug, Clone)]
pub struct Results {
    table: Table,
}

impl Results {
    /// Reads `results.parquet` of a folder.
    ///
    /// # Errors
    /// [`ChartError`] if there is no folder, no table, or a damaged one.
    pub fn open(folder: &Path) -> Result<Self, ChartError> {
        let named = || folder.to_path_buf();
        if !folder.is_dir() {
            return Err(ChartError::NoFolder { folder: named() });
        }
        let table = read(&folder.join("results.parquet")).map_err(|source| match &source {
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
        if table.records.is_empty() {
            return Err(ChartError::NoRows { folder: named() });
        }
        Ok(Self::new(table))
    }

    /// The rows of an experiment.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// All rows.
    pub fn records(&self) -> &[Record] {
        &self.table.records
    }

    /// The metrics, in the order of the table.
    pub fn metrics(&self) -> Vec<String> {
        let mut metrics: Vec<String> = Vec::new();
        for record in &self.table.records {
            if !metrics.iter().any(|known| known == record.metric.name()) {
                metrics.push(record.metric.to_string());
            }
        }
        metrics
    }

    /// The columns that have a value in some row.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&str> = NAMED.into_iter().chain(self.table.keys()).collect();
        let rows = 0..self.table.records.len();
        columns.retain(|name| rows.clone().any(|row| self.value(row, name).is_some()));
        columns
    }

    /// What distinguishes draws of different quantities: every column but the seed and those made of others.
    pub(super) fn identity(&self) -> impl Iterator<Item = &str> {
        let named = NAMED.into_iter().filter(|name| !MADE.contains(name));
        named.chain(
            self.table
                .keys()
                .into_iter()
                .filter(|key| !SIZES.contains(key)),
        )
    }

    /// The value of a row in a column; the position of a text.
    pub(super) fn value(&self, row: usize, column: &str) -> Option<f64> {
        self.table.number(&self.table.records[row], column)
    }

    /// The texts of a column with the numbers that stand for them; none for a column of numbers.
    pub(super) fn texts(&self, column: &str) -> Option<Vec<(f64, String)>> {
        if column == "group" {
            let all = Signs::ONE.into_iter().chain(Signs::PAIRS);
            return Some(
                (1..)
                    .map(f64::from)
                    .zip(all.map(|s| s.to_string()))
                    .collect(),
            );
        }
        self.table.texts(column)
    }
}
