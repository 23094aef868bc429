//! Why a figure could not be made of a table.

use std::path::PathBuf;

use giantstep::metric::Metric;
use giantstep_figure::MOST_PANELS;

use crate::files::{OutputError, SaveError};
use crate::remedy::{Remedied, Remedy, at_once};
use crate::table::TableError;

/// Why a figure could not be made of a table.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// No such folder.
    #[error("there is no folder `{folder}`")]
    NoFolder {
        /// As typed.
        folder: PathBuf,
    },
    /// The folder has no table.
    #[error("there is no `{}`", folder.join("results.parquet").display())]
    NoTable {
        /// The folder.
        folder: PathBuf,
    },
    /// The table cannot be read.
    #[error("{source}")]
    Table {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: TableError,
    },
    /// The table is empty.
    #[error("`{}` has no rows", folder.join("results.parquet").display())]
    NoRows {
        /// The folder.
        folder: PathBuf,
    },
    /// In one entry of an experiment file.
    #[error("{key}: {source}")]
    In {
        /// The entry, such as `figure[0]`.
        key: String,
        /// What is wrong.
        source: Box<ChartError>,
    },
    /// Several entries are wrong.
    #[error("{}", listed(.0))]
    Several(
        /// In the order of the file.
        Vec<ChartError>,
    ),
    /// A name that no file may have.
    #[error(
        "`{name}` is no name of a figure: it has letters, digits, `-`, `_` and `.`, at most 100, and does not begin with a `.`"
    )]
    Name {
        /// As typed.
        name: String,
    },
    /// Two figures of one name.
    #[error("another figure is called `{name}` too")]
    Twice {
        /// As typed.
        name: String,
    },
    /// A range without an inside.
    #[error("{key} cannot run from {low} to {high}")]
    Range {
        /// The key.
        key: &'static str,
        /// The lower end asked for.
        low: f64,
        /// The upper end asked for.
        high: f64,
    },
    /// An end was asked for.
    #[error("an end was asked for before it was drawn")]
    Stopped,
    /// A range that shows nothing.
    #[error("y_range from {low} to {high} shows nothing: there are values from {least} to {most}")]
    Beside {
        /// The lower end asked for.
        low: f64,
        /// The upper end asked for.
        high: f64,
        /// The smallest value.
        least: f64,
        /// The largest value.
        most: f64,
    },
    /// A metric, a column or a place that is not there.
    #[error("no {kind} `{name}`")]
    Unknown {
        /// What it should be.
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
    #[error("`{column}` is text ({values}), which has no place on an axis")]
    Text {
        /// The column.
        column: String,
        /// Its first values.
        values: String,
        /// A numeric column of the same meaning, if there is one.
        number: Option<String>,
    },
    /// A filter without an operator.
    #[error("the filter `{text}` has no `=`, `<=` or `>=`")]
    Filter {
        /// As typed.
        text: String,
    },
    /// A filter whose value is no number, on a column of numbers.
    #[error("the filter {text}: `{value}` is not a value of `{column}`")]
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
    #[error("the filter {filter} leaves none of {rows} rows of `{metric}`")]
    Emptied {
        /// The filter.
        filter: String,
        /// Rows before it.
        rows: usize,
        /// The metric.
        metric: Metric,
        /// The column of the filter.
        column: String,
        /// The values before it.
        known: String,
    },
    /// No row has values in all columns of the figure.
    #[error("no row of `{metric}` that is left has a value of `{column}`")]
    NoValue {
        /// The metric.
        metric: Metric,
        /// The column.
        column: String,
    },
    /// Rows of one point that are not draws of one quantity.
    #[error("the rows of one point of the figure differ in {}", columns.join(" and "))]
    Mixed {
        /// Each column with its values.
        columns: Vec<String>,
        /// The columns.
        names: Vec<String>,
        /// A value of the first.
        value: String,
    },
    /// A spread that does not belong to the statistic.
    #[error("the standard error and the standard deviation belong to the mean")]
    Spread,
    /// Values without a place on a logarithmic axis.
    #[error(
        "{what} has values that are not positive ({value}), which a logarithmic scale cannot show"
    )]
    NotPositive {
        /// The axis.
        what: String,
        /// One of them.
        value: f64,
    },
    /// More panels than anybody can read.
    #[error("`{column}` has {count} values: a figure has at most {MOST_PANELS} panels")]
    Panels {
        /// What distinguishes them.
        column: String,
        /// How many.
        count: usize,
    },
    /// Nothing to be seen.
    #[error(
        "nothing was found to draw: no single neurons with cosines in the plane of directions 1 and 2 at step {step}"
    )]
    NoPlane {
        /// The step.
        step: u32,
    },
    /// The figure could not be drawn or saved.
    #[error(transparent)]
    Figure(#[from] SaveError),
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// All errors with what to do, each from a line of its own on.
fn listed(all: &[ChartError]) -> String {
    let texts = all.iter().map(|error| match error.remedy() {
        Some(Remedy::Other(remedy)) => format!("{error}\n  help: {remedy}"),
        _ => error.to_string(),
    });
    at_once(&texts.collect::<Vec<_>>())
}

impl Remedied for ChartError {
    fn remedy(&self) -> Option<Remedy> {
        let other = match self {
            Self::NoFolder { .. } => return Some(Remedy::GiveResults),
            Self::NoTable { folder } | Self::Table { folder, .. } | Self::NoRows { folder } => {
                return Some(Remedy::Collect(folder.clone()));
            }
            Self::In { source, .. } => return source.remedy(),
            Self::Figure(error) => return error.remedy(),
            Self::Output(error) => return error.remedy(),
            Self::Formula { .. } | Self::Name { .. } | Self::Several(_) => return None,
            Self::Twice { .. } => "give each figure a name of its own".to_owned(),
            Self::Stopped => "`collect` draws it".to_owned(),
            Self::Beside { .. } => "leave it out, or give one around them".to_owned(),
            Self::Range { .. } => "give two finite numbers, the smaller one first, positive on a logarithmic scale".to_owned(),
            Self::Unknown { name, known, .. } => {
                let meant = nearest(name, known);
                let meant = meant.map_or(String::new(), |known| format!("did you mean `{known}`? "));
                match known.is_empty() {
                    true => "there is none here".to_owned(),
                    false => format!("{meant}known are {}", known.join(", ")),
                }
            }
            Self::Text { number, .. } => {
                let number = number.as_ref().map(|number| format!("; `{number}` is its number"));
                format!("use it in `by` or `panels`{}", number.unwrap_or_default())
            }
            Self::Filter { .. } => "write COLUMN=VALUE, for instance step=1".to_owned(),
            Self::FilterValue { known, .. } => format!("it takes {known}"),
            Self::Emptied { column, known, .. } => format!("among them `{column}` takes {known}"),
            Self::NoValue { .. } => "choose another column, or other rows".to_owned(),
            Self::Mixed { names, value, .. } => {
                let first = names.first().map_or("", String::as_str);
                format!(
                    "choose one with `where` ({first}={value}), tell them apart with `by` or `panels`, or average with `pool`: \
                     {first}"
                )
            }
            Self::Spread => "with the median show quartiles or none".to_owned(),
            Self::NotPositive { .. } => "use a linear one, or leave them out with `where`".to_owned(),
            Self::Panels { .. } => "choose some of them with `where`, or tell them apart with `by`".to_owned(),
            Self::NoPlane { .. } => {
                "record the metrics `neurons` and `gradient_cosine` of a target with two directions, at this step".to_owned()
            }
        };
        Some(Remedy::Other(other))
    }
}

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(2))
        .min()
        .map(|(_, known)| known)
}
