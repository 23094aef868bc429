//! The tidy result table: one [`Record`] for each number measured, kept in one Parquet file.
//!
//! [`write()`] and [`read()`] are inverse to each other; [`aggregate()`] turns draws into means. pandas, Polars and
//! DuckDB open the file directly: integers are unsigned, names are strings, what does not apply is null.

mod aggregate;
mod parquet;

use std::path::PathBuf;

use crate::files::OutputError;
use crate::remedy::Remedied;

pub use self::parquet::{decode, encode, read, write};
pub use aggregate::{Row, aggregate};

/// One number measured in one run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
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
    /// What was measured, for instance `test_error`.
    pub metric: String,
    /// Which neuron, where the metric has one value for each.
    pub neuron: Option<u32>,
    /// Which target direction.
    pub direction: Option<u32>,
    /// Which place in an ordered list, for instance of singular values.
    pub rank: Option<u32>,
    /// Which group of neurons, for instance `+` or `-`.
    pub group: Option<String>,
    /// Penalty of the readout.
    pub ridge: Option<f64>,
    /// The number.
    pub value: f64,
    /// Names and values of further sweep axes, one column each. A name is none of the fields above.
    pub axes: Vec<(String, f64)>,
}

impl Remedied for TableError {}

/// Why a table could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// An axis has the name of a column that every table has, or has it twice in one record.
    #[error("the sweep axis `{name}` cannot be a column of the result table: the name is taken")]
    AxisName {
        /// The name.
        name: String,
    },
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
    /// A column is missing or of another type: the file is another program's.
    #[error("`{path}` is not a result table: column `{column}` should hold {expected}")]
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
    Encode(#[source] ::parquet::errors::ParquetError),
    /// The file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}
