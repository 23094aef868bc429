//! What figures are drawn of: a table, and what theory says of its points.

use std::borrow::Cow;
use std::path::Path;

use giantstep::theory::{Effort, FloorKind, floors};
use giantstep::watch::NEVER;

use super::ChartError;
use crate::outlook::Predicted;
use crate::plan::Plan;
use crate::table::{Record, Table, TableError, read};

/// Reads `results.parquet` of a folder.
///
/// # Errors
/// [`ChartError`] if there is no folder, no table, an empty or a damaged one.
pub fn open(folder: &Path) -> Result<Table, ChartError> {
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
    match table.records.is_empty() {
        true => Err(ChartError::NoRows { folder: named() }),
        false => Ok(table),
    }
}

/// A table, and what theory says of its points.
#[derive(Debug)]
pub struct Data<'a> {
    /// What was measured; without any, what is predicted.
    pub(super) table: Cow<'a, Table>,
    pub(super) predicted: &'a Predicted,
    /// The predictions as rows.
    pub(super) foretold: Vec<Record>,
    pub(super) plan: Option<&'a Plan>,
    /// Whether nothing was measured.
    pub(super) alone: bool,
}

impl<'a> Data<'a> {
    /// What was measured with what is predicted beside it; without rows, predictions alone.
    pub fn new(table: &'a Table, predicted: &'a Predicted, plan: Option<&'a Plan>) -> Self {
        let foretold = predicted.records();
        let alone = table.records.is_empty();
        Self {
            table: match alone {
                true => Cow::Owned(table.with(foretold.clone())),
                false => Cow::Borrowed(table),
            },
            predicted,
            foretold,
            plan,
            alone,
        }
    }

    /// The error of the best polynomial of a degree for the target of a point.
    pub(super) fn kernel_floor(&self, point: u32, degree: usize) -> Option<f64> {
        let index = (point as usize).checked_sub(1)?;
        let known = self.predicted.outlooks.get(index);
        let floors = match known.map(|outlook| &outlook.floors) {
            Some(Ok(floors)) => floors.clone(),
            // The line is asked for by name: it is drawn even if predictions are not.
            _ => {
                let point = self.plan?.points.get(index)?;
                floors(&point.checked.setup.experiment, Effort::Sampled, &NEVER).ok()?
            }
        };
        let mut kernels = floors.iter();
        let kernel = kernels.find(|floor| floor.kind == FloorKind::Kernel(degree));
        kernel.map(|floor| floor.value)
    }
}
