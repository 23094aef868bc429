//! Why a figure could not be made from a results folder.

use std::path::PathBuf;

use crate::files::{OutputError, SaveError};
use crate::remedy::Remedied;
use crate::table::TableError;

/// Why a figure could not be made from a results folder; the message names what exists and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// No such folder.
    #[error(
        "there is no folder `{folder}`\n  help: give the results folder of a run, such as results/NAME"
    )]
    NoFolder {
        /// As typed.
        folder: PathBuf,
    },
    /// The folder has no table.
    #[error("there is no `{}`\n  help: `giantstep collect {}` makes it from the runs of the folder", folder.join("results.parquet").display(), folder.display())]
    NoTable {
        /// The folder.
        folder: PathBuf,
    },
    /// The table cannot be read.
    #[error("{source}\n  help: `giantstep collect {}` makes it again from the runs of the folder", folder.display())]
    Table {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: TableError,
    },
    /// The table is empty.
    #[error("`{}` has no rows\n  help: finish some runs, then `giantstep collect {}`", folder.join("results.parquet").display(), folder.display())]
    NoRows {
        /// The folder.
        folder: PathBuf,
    },
    /// A metric or a column that is not there.
    #[error("no {kind} `{name}`\n  help: {}known are {}", nearest(name, known), known.join(", "))]
    Unknown {
        /// `metric` or `column`.
        kind: &'static str,
        /// As typed.
        name: String,
        /// What exists.
        known: Vec<String>,
    },
    /// A formula that cannot be read.
    #[error("in the formula of a column: {message}")]
    Formula {
        /// What the parser said, with the place.
        message: String,
    },
    /// Text where numbers are needed.
    #[error(
        "`{column}` is text ({values}), which has no place on an axis\n  help: use it in --by or --panels{number}"
    )]
    Text {
        /// The column.
        column: String,
        /// Its first values.
        values: String,
        /// A numeric column of the same meaning, if there is one.
        number: &'static str,
    },
    /// A filter without an operator.
    #[error(
        "--where {text}: no `=`, `<=` or `>=`\n  help: write --where COLUMN=VALUE, for instance --where step=1"
    )]
    Filter {
        /// As typed.
        text: String,
    },
    /// A filter whose value is no number, on a column of numbers.
    #[error("--where {text}: `{value}` is not a value of `{column}`\n  help: it takes {known}")]
    FilterValue {
        /// The whole filter.
        text: String,
        /// The column.
        column: String,
        /// As typed.
        value: String,
        /// What it takes.
        known: String,
    },
    /// A filter that leaves nothing.
    #[error(
        "the filter {filter} leaves none of {rows} rows of `{metric}`\n  help: among them `{column}` takes {known}"
    )]
    Emptied {
        /// The filter.
        filter: String,
        /// Rows before it.
        rows: usize,
        /// The metric.
        metric: String,
        /// The column of the filter.
        column: String,
        /// The values before it.
        known: String,
    },
    /// No row has values in all columns of the figure.
    #[error(
        "no row of `{metric}` that is left has a value of `{column}`\n  help: choose another column; --list shows what each metric has"
    )]
    NoValue {
        /// The metric.
        metric: String,
        /// The column.
        column: String,
    },
    /// Rows of one point that are not draws of one quantity.
    #[error("the rows of one point of the figure differ in {}\n  help: choose with --where {first}={value}, tell apart with --by {first} or --panels {first}, or average with --pool {first}", columns.join(" and "))]
    Mixed {
        /// Each column with its values.
        columns: Vec<String>,
        /// The first column.
        first: String,
        /// One of its values.
        value: String,
    },
    /// A spread that does not belong to the statistic.
    #[error(
        "the standard error and the standard deviation belong to the mean\n  help: with --statistic median use --spread quartiles or none"
    )]
    Spread,
    /// Values without a place on a logarithmic axis.
    #[error(
        "{what} has values that are not positive ({value}), which a logarithmic scale cannot show\n  help: use a linear one, or leave them out with --where"
    )]
    NotPositive {
        /// The axis.
        what: String,
        /// One of them.
        value: f64,
    },
    /// The figure could not be drawn or saved.
    #[error(transparent)]
    Figure(#[from] SaveError),
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// `did you mean ...? ` if a name is near.
fn nearest(name: &str, known: &[String]) -> String {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(2))
        .min()
        .map_or(String::new(), |(_, known)| {
            format!("did you mean `{known}`? ")
        })
}

impl Remedied for ChartError {}
