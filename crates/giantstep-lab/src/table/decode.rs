//! Tables from the bytes of Parquet files.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array, PrimitiveArray, RecordBatch,
    StringArray, types,
};
use arrow_schema::DataType;
use bytes::Bytes;
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use toml::Value;

use super::arrow::{BATCH, is_fixed};
use super::{Common, Record, Table, TableError};
use crate::fence::fenced;
use crate::plan::Setting;

/// The table in the bytes of a file; `path` is where they came from, for messages.
///
/// # Errors
/// The file is damaged, or no such table.
pub fn decode(bytes: Vec<u8>, path: &Path) -> Result<Table, TableError> {
    let mut records = Vec::new();
    let table = visit(bytes, path, &mut |rows| records.extend(rows))?;
    Ok(Table { records, ..table })
}

/// Hands on the rows of a file piece by piece; returns the points.
///
/// # Errors
/// The file is damaged, or no such table.
pub fn visit(
    bytes: Vec<u8>,
    path: &Path,
    rows: &mut dyn FnMut(Vec<Record>),
) -> Result<Table, TableError> {
    // The library panics on some damaged files.
    fenced(|| read(bytes, path, rows)).unwrap_or_else(|reason| {
        Err(TableError::Damaged {
            path: path.to_path_buf(),
            source: ParquetError::General(reason),
        })
    })
}

fn read(
    bytes: Vec<u8>,
    path: &Path,
    rows: &mut dyn FnMut(Vec<Record>),
) -> Result<Table, TableError> {
    let damaged = |source| TableError::Damaged {
        path: path.to_path_buf(),
        source,
    };
    let bytes = Bytes::from(bytes);
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(damaged)?;
    let schema = metadata.schema().clone();
    let planned = schema.column_with_name("point").is_some();
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
        .with_batch_size(BATCH)
        .build()
        .map_err(damaged)?;
    let mut table = Table::default();
    // An empty table has no rows whose columns could be missed.
    let empty = RecordBatch::new_empty(schema);
    for batch in std::iter::once(Ok(empty)).chain(reader) {
        let batch = batch.map_err(|error| damaged(error.into()))?;
        let read = Rows { batch: &batch }.read(planned, &mut table);
        read.map_err(|Foreign { column, expected }| TableError::Foreign {
            path: path.to_path_buf(),
            column,
            expected,
        })?;
        rows(std::mem::take(&mut table.records));
    }
    number(&mut table.points);
    Ok(table)
}

/// A column that is not there or holds something else.
struct Foreign {
    column: String,
    expected: &'static str,
}

/// The rows of one batch.
struct Rows<'a> {
    batch: &'a RecordBatch,
}

impl Rows<'_> {
    fn read(&self, planned: bool, table: &mut Table) -> Result<(), Foreign> {
        let (small, count, real) = ("32-bit counts", "64-bit counts", "64-bit floats");
        let (point, run) = match planned {
            true => (
                Some(self.column::<types::UInt32Type>("point", small)?),
                Some(self.column::<types::UInt32Type>("run", small)?),
            ),
            false => (None, None),
        };
        let seed = self.column::<types::UInt64Type>("seed", count)?;
        let n = self.column::<types::Float64Type>("n", real)?;
        let d = self.column::<types::Float64Type>("d", real)?;
        let p = self.column::<types::UInt64Type>("p", count)?;
        let step = self.column::<types::UInt32Type>("step", small)?;
        let metric = self.names("metric")?;
        let neuron = self.column::<types::UInt32Type>("neuron", small)?;
        let direction = self.column::<types::UInt32Type>("direction", small)?;
        let rank = self.column::<types::UInt32Type>("rank", small)?;
        let group = self.names("group")?;
        let ridge = self.column::<types::Float64Type>("ridge", real)?;
        let value = self.column::<types::Float64Type>("value", real)?;
        let step_size = match planned {
            true => Some(self.column::<types::Float64Type>("step_size", real)?),
            false => None,
        };
        for row in 0..self.batch.num_rows() {
            let record = Record {
                point: point.map_or(0, |column| column.value(row)),
                run: run.map_or(0, |column| column.value(row)),
                seed: seed.value(row),
                n: n.value(row),
                d: d.value(row),
                p: p.value(row),
                step: step.value(row),
                metric: metric.value(row).parse::<Metric>().map_err(|_| Foreign {
                    column: "metric".to_owned(),
                    expected: "names of metrics",
                })?,
                neuron: at(neuron, row),
                direction: at(direction, row),
                rank: at(rank, row),
                group: signs(group, row)?,
                ridge: at(ridge, row),
                value: value.value(row),
            };
            if let Some(step_size) = step_size
                && !table.points.contains_key(&record.point)
            {
                let common = Common {
                    step_size: step_size.value(row),
                    numbers: self.numbers(row).into(),
                    settings: self.settings(row)?.into(),
                };
                table.points.insert(record.point, common);
            }
            table.records.push(record);
        }
        Ok(())
    }

    fn column<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        expected: &'static str,
    ) -> Result<&PrimitiveArray<T>, Foreign> {
        self.typed(name, expected)
    }

    fn names(&self, name: &str) -> Result<&StringArray, Foreign> {
        self.typed(name, "strings")
    }

    fn typed<T: 'static>(&self, name: &str, expected: &'static str) -> Result<&T, Foreign> {
        let column = self.batch.column_by_name(name);
        let typed = column.and_then(|column| column.as_any().downcast_ref());
        typed.ok_or_else(|| Foreign {
            column: name.to_owned(),
            expected,
        })
    }

    /// Columns that no table has by itself, of the numbers that formulas came to, or of swept keys: those have a dot, or
    /// are no numbers.
    fn others(&self, numbers: bool) -> impl Iterator<Item = (&str, &ArrayRef)> {
        let columns = self.batch.columns().iter();
        let fields = self.batch.schema_ref().fields().iter();
        let others = fields
            .zip(columns)
            .filter(|(field, _)| !is_fixed(field.name()));
        others.filter_map(move |(field, column)| {
            let is_number = *field.data_type() == DataType::Float64 && !field.name().contains('.');
            (is_number == numbers).then_some((field.name().as_str(), column))
        })
    }

    fn numbers(&self, row: usize) -> Vec<(String, f64)> {
        let of_row = |(name, column): (&str, &ArrayRef)| {
            let column = column.as_any().downcast_ref::<Float64Array>()?;
            Some((name.to_owned(), at(column, row)?))
        };
        self.others(true).filter_map(of_row).collect()
    }

    fn settings(&self, row: usize) -> Result<Vec<Setting>, Foreign> {
        let mut settings = Vec::new();
        for (key, column) in self
            .others(false)
            .filter(|(_, column)| column.is_valid(row))
        {
            let column = column.as_any();
            let whole = column.downcast_ref::<Int64Array>();
            let real = column.downcast_ref::<Float64Array>();
            let text = column.downcast_ref::<StringArray>();
            let value = None
                .or_else(|| whole.map(|column| Value::Integer(column.value(row))))
                .or_else(|| real.map(|column| Value::Float(column.value(row))))
                .or_else(|| text.map(|column| Value::String(column.value(row).to_owned())));
            let value = value.ok_or_else(|| Foreign {
                column: key.to_owned(),
                expected: "numbers or strings",
            })?;
            settings.push(Setting::new(key, value));
        }
        Ok(settings)
    }
}

fn at<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    column.is_valid(row).then(|| column.value(row))
}

fn signs(column: &StringArray, row: usize) -> Result<Option<Signs>, Foreign> {
    if column.is_null(row) {
        return Ok(None);
    }
    let mut known = Signs::ONE.into_iter().chain(Signs::PAIRS);
    let found = known.find(|signs| signs.name() == column.value(row));
    found.map(Some).ok_or_else(|| Foreign {
        column: "group".to_owned(),
        expected: "signs",
    })
}

/// Numbers the distinct values of each key in the order of the points, as on its axis.
fn number(points: &mut BTreeMap<u32, Common>) {
    let mut known: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for common in points.values_mut() {
        let settings = common.settings.iter().cloned().map(|mut setting| {
            let values = known.entry(setting.key.clone()).or_default();
            let place = values.iter().position(|value| *value == setting.value);
            setting.position = 1 + place.unwrap_or_else(|| {
                values.push(setting.value.clone());
                values.len() - 1
            });
            setting
        });
        common.settings = settings.collect();
    }
}
