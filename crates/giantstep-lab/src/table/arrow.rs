//! Tables as Arrow record batches, and these as the bytes of a Parquet file and back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array, PrimitiveArray, RecordBatch,
    StringArray, UInt32Array, UInt64Array, types,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use toml::Value;

use super::{Common, Record, Table, TableError};
use crate::plan::Setting;

/// Rows kept together in the file.
const ROW_GROUP: usize = 1 << 20;
/// Rows of one record batch.
const BATCH: usize = 1 << 16;

/// What a column holds of each row.
enum Holds {
    /// Counts up to 2^32.
    Small(fn(&Record) -> Option<u32>),
    /// Counts.
    Count(fn(&Record) -> u64),
    /// Numbers.
    Real(fn(&Record) -> Option<f64>),
    /// Names.
    Name(fn(&Record) -> Option<&'static str>),
    /// Numbers of the point.
    Common(fn(&Common) -> Option<f64>),
}

impl Holds {
    fn data_type(&self) -> DataType {
        match self {
            Self::Small(_) => DataType::UInt32,
            Self::Count(_) => DataType::UInt64,
            Self::Real(_) | Self::Common(_) => DataType::Float64,
            Self::Name(_) => DataType::Utf8,
        }
    }
}

/// A column of every table: its name, what it holds, and whether it may be empty.
struct Fixed(&'static str, Holds, bool);

/// Columns of tables of a plan alone.
const OF_A_PLAN: [Fixed; 2] = [
    Fixed("point", Holds::Small(|r| Some(r.point)), false),
    Fixed("run", Holds::Small(|r| Some(r.run)), false),
];

const SIZES: [Fixed; 4] = [
    Fixed("seed", Holds::Count(|r| r.seed), false),
    Fixed("n", Holds::Real(|r| Some(r.n)), false),
    Fixed("d", Holds::Real(|r| Some(r.d)), false),
    Fixed("p", Holds::Count(|r| r.p), false),
];

/// Numbers that formulas came to, of tables of a plan alone.
const NUMBERS: [Fixed; 2] = [
    Fixed("step_size", Holds::Common(|c| Some(c.step_size)), false),
    Fixed("radius", Holds::Common(|c| c.radius), true),
];

const MEASURED: [Fixed; 8] = [
    Fixed("step", Holds::Small(|r| Some(r.step)), false),
    Fixed("metric", Holds::Name(|r| Some(r.metric.name())), false),
    Fixed("neuron", Holds::Small(|r| r.neuron), true),
    Fixed("direction", Holds::Small(|r| r.direction), true),
    Fixed("rank", Holds::Small(|r| r.rank), true),
    Fixed("group", Holds::Name(|r| r.group.map(Signs::name)), true),
    Fixed("ridge", Holds::Real(|r| r.ridge), true),
    Fixed("value", Holds::Real(|r| Some(r.value)), false),
];

/// The columns of a table in their order.
struct Columns<'a> {
    table: &'a Table,
    fixed: Vec<Fixed>,
    /// Swept keys with the type of their values as typed.
    swept: Vec<(&'a str, DataType)>,
}

impl<'a> Columns<'a> {
    fn of(table: &'a Table) -> Self {
        let planned = !table.points.is_empty();
        let radius = table.points.values().any(|common| common.radius.is_some());
        let numbers = NUMBERS
            .into_iter()
            .filter(|Fixed(name, ..)| radius || *name != "radius");
        let mut fixed: Vec<Fixed> = Vec::new();
        fixed.extend(OF_A_PLAN.into_iter().filter(|_| planned));
        fixed.extend(SIZES);
        fixed.extend(numbers.filter(|_| planned));
        fixed.extend(MEASURED);
        let swept = table.keys().into_iter().map(|key| (key, kind(table, key)));
        Self {
            table,
            fixed,
            swept: swept.collect(),
        }
    }

    fn schema(&self) -> SchemaRef {
        let fixed = self.fixed.iter();
        let fixed =
            fixed.map(|Fixed(name, holds, empty)| Field::new(*name, holds.data_type(), *empty));
        let swept = self.swept.iter();
        let swept = swept.map(|(key, kind)| Field::new(*key, kind.clone(), true));
        Arc::new(Schema::new(fixed.chain(swept).collect::<Vec<_>>()))
    }

    fn batch(&self, schema: &SchemaRef, records: &[Record]) -> Result<RecordBatch, ArrowError> {
        let common = |record: &Record| self.table.points.get(&record.point);
        let rows = || records.iter();
        let fixed = self.fixed.iter().map(|Fixed(_, holds, _)| -> ArrayRef {
            match holds {
                Holds::Small(of) => Arc::new(rows().map(of).collect::<UInt32Array>()),
                Holds::Count(of) => Arc::new(UInt64Array::from_iter_values(rows().map(of))),
                Holds::Real(of) => Arc::new(rows().map(of).collect::<Float64Array>()),
                Holds::Name(of) => Arc::new(rows().map(of).collect::<StringArray>()),
                Holds::Common(of) => {
                    let values = rows().map(|record| common(record).and_then(of));
                    Arc::new(values.collect::<Float64Array>())
                }
            }
        });
        let swept = self.swept.iter().map(|(key, kind)| -> ArrayRef {
            let values = rows().map(|record| {
                let mut settings = common(record)?.settings.iter();
                settings
                    .find(|setting| setting.key == *key)
                    .map(|setting| &setting.value)
            });
            match kind {
                DataType::Int64 => Arc::new(
                    values
                        .map(|value| value?.as_integer())
                        .collect::<Int64Array>(),
                ),
                DataType::Float64 => {
                    Arc::new(values.map(|value| real(value?)).collect::<Float64Array>())
                }
                _ => Arc::new(values.map(|value| value?.as_str()).collect::<StringArray>()),
            }
        });
        RecordBatch::try_new(schema.clone(), fixed.chain(swept).collect())
    }
}

/// The type of a swept key: whole numbers, numbers, or text.
fn kind(table: &Table, key: &str) -> DataType {
    let settings = table
        .points
        .values()
        .flat_map(|common| common.settings.iter());
    let mut values = settings
        .filter(|setting| setting.key == key)
        .map(|setting| &setting.value);
    match () {
        () if values.clone().all(Value::is_integer) => DataType::Int64,
        () if values.all(|value| real(value).is_some()) => DataType::Float64,
        () => DataType::Utf8,
    }
}

fn real(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
}

impl Table {
    /// The columns of the table and their types; those that Python receives, and those of the Parquet file.
    pub fn schema(&self) -> SchemaRef {
        Columns::of(self).schema()
    }

    /// The table in pieces of at most 65536 rows.
    ///
    /// # Errors
    /// A row without a point in a table of a plan.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
        let columns = Columns::of(self);
        let schema = columns.schema();
        let pieces = self.records.chunks(BATCH);
        pieces.map(move |records| columns.batch(&schema, records))
    }
}

/// The bytes of the Parquet file of a table (Snappy, dictionaries, statistics): equal tables give equal bytes.
///
/// # Errors
/// A row without a point in a table of a plan.
pub fn encode(table: &Table) -> Result<Vec<u8>, TableError> {
    bytes(table).map_err(TableError::Encode)
}

fn bytes(table: &Table) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("giantstep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_column_dictionary_enabled("value".into(), false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP));
    let options = ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), table.schema(), options)?;
    for batch in table.batches() {
        writer.write(&batch?)?;
    }
    writer.into_inner()
}

/// The table in the bytes of a file; `path` is where they came from, for messages.
///
/// # Errors
/// The file is damaged, or no such table.
pub fn decode(bytes: Vec<u8>, path: &Path) -> Result<Table, TableError> {
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
        let rows = Rows { batch: &batch };
        rows.read(planned, &mut table)
            .map_err(|Foreign { column, expected }| TableError::Foreign {
                path: path.to_path_buf(),
                column,
                expected,
            })?;
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
        let radius = match self.batch.column_by_name("radius") {
            Some(_) => Some(self.column::<types::Float64Type>("radius", real)?),
            None => None,
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
                    radius: radius.and_then(|column| at(column, row)),
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

    /// Swept keys are all columns that no table has by itself.
    fn settings(&self, row: usize) -> Result<Vec<Setting>, Foreign> {
        let schema = self.batch.schema();
        let keys = schema.fields().iter().map(|field| field.name());
        let keys = keys.filter(|name| !is_fixed(name));
        let mut settings = Vec::new();
        for key in keys {
            let column = self.batch.column_by_name(key);
            let Some(column) = column.filter(|column| column.is_valid(row)) else {
                continue;
            };
            let column = column.as_any();
            let whole = column.downcast_ref::<Int64Array>();
            let real = column.downcast_ref::<Float64Array>();
            let text = column.downcast_ref::<StringArray>();
            let value = None
                .or_else(|| whole.map(|column| Value::Integer(column.value(row))))
                .or_else(|| real.map(|column| Value::Float(column.value(row))))
                .or_else(|| text.map(|column| Value::String(column.value(row).to_owned())));
            let value = value.ok_or_else(|| Foreign {
                column: key.clone(),
                expected: "numbers or strings",
            })?;
            settings.push(Setting::new(key, value));
        }
        Ok(settings)
    }
}

fn is_fixed(column: &str) -> bool {
    let parts = [&OF_A_PLAN[..], &SIZES, &NUMBERS, &MEASURED];
    let mut fixed = parts.into_iter().flatten();
    fixed.any(|Fixed(name, ..)| *name == column)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn common(step_size: f64, settings: &[(&str, Value, usize)]) -> Common {
        let settings = settings.iter().map(|(key, value, position)| Setting {
            position: *position,
            ..Setting::new(key, value.clone())
        });
        Common {
            step_size,
            radius: None,
            settings: settings.collect(),
        }
    }

    /// Two points that differ in a formula, a whole number and a number.
    fn table() -> Table {
        let text = |text: &str| Value::String(text.to_owned());
        let first = [
            ("protocol.step_size", text("3*p"), 1),
            ("protocol.reuse", Value::Integer(2), 1),
            ("target.noise", Value::Float(0.5), 1),
        ];
        let second = [
            ("protocol.step_size", text("p"), 2),
            ("protocol.reuse", Value::Integer(1), 2),
            ("target.noise", Value::Float(0.1 + 0.2), 2),
        ];
        let base = Record {
            point: 1,
            run: 1,
            seed: u64::MAX,
            n: 1e15,
            d: 512.0,
            p: 1024,
            step: 1,
            ..Record::new(Metric::TestError, 0.25)
        };
        let records = vec![
            Record {
                ridge: Some(1e-3),
                ..base
            },
            Record {
                metric: Metric::Overlap,
                neuron: Some(u32::MAX),
                direction: Some(0),
                group: Some(Signs::Negative),
                value: f64::NEG_INFINITY,
                ..base
            },
            Record {
                point: 2,
                run: 2,
                metric: Metric::SingularValue,
                rank: Some(7),
                value: -0.0,
                ..base
            },
        ];
        Table {
            points: [(1, common(96.0, &first)), (2, common(32.0, &second))].into(),
            records,
        }
    }

    /// The rows of one run by itself.
    fn alone() -> Table {
        let records = table().records.into_iter();
        Table {
            points: BTreeMap::new(),
            records: records
                .map(|r| Record {
                    point: 0,
                    run: 0,
                    ..r
                })
                .collect(),
        }
    }

    fn back(table: &Table) -> Table {
        decode(encode(table).unwrap(), Path::new("here")).unwrap()
    }

    #[test]
    fn a_table_comes_back_as_it_was() {
        assert_eq!(back(&table()), table());
        assert_eq!(back(&alone()), alone());
        assert_eq!(back(&Table::default()), Table::default());
    }

    #[test]
    fn every_swept_key_is_a_column_as_typed_beside_its_number() {
        let table = table();
        let batch = table.batches().next().unwrap().unwrap();
        let text = |name: &str| {
            let column = batch.column_by_name(name).unwrap();
            column
                .as_any()
                .downcast_ref::<StringArray>()
                .unwrap()
                .value(0)
                .to_owned()
        };
        let reals = batch.column_by_name("step_size").unwrap();
        let reals = reals.as_any().downcast_ref::<Float64Array>().unwrap();
        assert_eq!(
            (text("protocol.step_size").as_str(), reals.value(0)),
            ("3*p", 96.0)
        );
        let kinds: Vec<DataType> = ["protocol.step_size", "protocol.reuse", "target.noise"]
            .map(|key| {
                batch
                    .schema()
                    .field_with_name(key)
                    .unwrap()
                    .data_type()
                    .clone()
            })
            .to_vec();
        assert_eq!(kinds, [DataType::Utf8, DataType::Int64, DataType::Float64]);
        // A run by itself says nothing of a plan.
        let alone = alone();
        assert!(alone.schema().column_with_name("point").is_none());
    }

    #[test]
    fn a_table_longer_than_a_row_group_comes_back_in_order() {
        let long = table().with(
            (0..ROW_GROUP + 5)
                .map(|i| Record {
                    seed: i as u64,
                    rank: i.is_multiple_of(3).then_some(i as u32),
                    point: 1 + (i % 2) as u32,
                    ..table().records[1]
                })
                .collect(),
        );
        assert!(back(&long) == long);
    }

    #[test]
    fn equal_tables_give_equal_bytes() {
        assert_eq!(encode(&table()).unwrap(), encode(&table()).unwrap());
    }

    #[test]
    fn damaged_absent_and_foreign_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.parquet");
        assert!(matches!(
            super::super::read(&path),
            Err(TableError::Read { .. })
        ));
        super::super::write(&path, &table()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() / 2);
        assert!(matches!(
            decode(bytes, &path),
            Err(TableError::Damaged { .. })
        ));
        // A run by itself is no table of a plan, and a file of another program is neither.
        super::super::write(&path, &alone()).unwrap();
        assert!(
            matches!(super::super::read(&path), Err(TableError::Foreign { column, .. }) if column == "point")
        );
        let schema = Arc::new(Schema::new(vec![Field::new(
            "seed",
            DataType::Float64,
            false,
        )]));
        let writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
        let foreign = decode(writer.into_inner().unwrap(), &path);
        assert!(matches!(foreign, Err(TableError::Foreign { column, .. }) if column == "seed"));
    }
}
