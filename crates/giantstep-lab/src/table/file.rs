//! The table of a results folder, written while results are collected.

use std::path::{Path, PathBuf};

use giantstep::metric::Metric;
use tempfile::NamedTempFile;

use super::{Record, Table, TableError, Writer};
use crate::files::{OutputError, publish, temporary};
use crate::plan::{FigureSpec, Plan};

/// The name of the table of a folder.
pub const TABLE: &str = "results.parquet";

/// Which rows stay in memory: of single neurons none but those of these metrics; all, where no metrics are given.
#[derive(Debug, Clone)]
pub struct Sift(Option<Vec<Metric>>);

impl Sift {
    /// All rows.
    pub const ALL: Self = Self(None);

    /// What is told of a plan: means over neurons, and single neurons where a figure may show them.
    pub fn told(plan: &Plan) -> Self {
        let figures = plan.document.figures();
        let mut shown: Vec<Metric> = figures.iter().map(FigureSpec::metric).collect();
        if figures.is_empty() {
            shown.push(Metric::GradientCosine);
        }
        Self(Some(shown))
    }

    /// Those of `rows` that stay.
    pub fn take(&self, mut rows: Vec<Record>) -> Vec<Record> {
        if let Self(Some(shown)) = self {
            rows.retain(|row| row.neuron.is_none() || shown.contains(&row.metric));
        }
        rows
    }
}

/// The table of a folder while it is collected: before all that is made of it, which may fail. An error waits for the
/// end, because what was measured can be told all the same.
#[derive(Debug)]
pub struct TableFile {
    path: PathBuf,
    writer: Result<Writer<NamedTempFile>, TableError>,
    sift: Sift,
}

impl TableFile {
    /// Begins the table of `plan` in `folder`, of whose rows some stay in memory.
    pub fn new(folder: &Path, plan: &Plan, sift: Sift) -> Self {
        let path = folder.join(TABLE);
        let file = temporary(folder).map_err(|source| not_written(&path, source));
        let writer = file.and_then(|file| Writer::new(&Table::of(plan), file));
        Self { path, writer, sift }
    }

    /// Adds rows, and returns those that stay in memory.
    pub fn take(&mut self, rows: Vec<Record>) -> Vec<Record> {
        if let Ok(writer) = &mut self.writer
            && let Err(error) = writer.add(rows.iter().copied())
        {
            self.writer = Err(error);
        }
        self.sift.take(rows)
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`TableError`] if it cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        let file = self.writer?.finish()?;
        publish(file, &self.path).map_err(|source| not_written(&self.path, source))
    }
}

fn not_written(path: &Path, source: std::io::Error) -> TableError {
    let path = path.to_path_buf();
    OutputError::Write { path, source }.into()
}
