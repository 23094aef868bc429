//! Tables as Arrow record batches.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use giantstep::measurement::Signs;
use toml::Value;

use super::{Common, Record, Table};

/// Rows of one record batch.
pub(super) const BATCH: usize = 1 << 14;

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
    Common(fn(&Common) -> f64),
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

/// The number that a formula came to, of tables of a plan alone.
const NUMBER: [Fixed; 1] = [Fixed("step_size", Holds::Common(|c| c.step_size), false)];

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
pub(super) struct Columns<'a> {
    table: &'a Table,
    fixed: Vec<Fixed>,
    /// Numbers that formulas of swept keys came to.
    numbers: BTreeSet<&'a str>,
    /// Swept keys with the type of their values as typed.
    swept: Vec<(&'a str, DataType)>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(table: &'a Table) -> Self {
        let planned = !table.points.is_empty();
        let mut fixed: Vec<Fixed> = Vec::new();
        fixed.extend(OF_A_PLAN.into_iter().filter(|_| planned));
        fixed.extend(SIZES);
        fixed.extend(NUMBER.into_iter().filter(|_| planned));
        fixed.extend(MEASURED);
        let swept = table.keys().into_iter().map(|key| (key, kind(table, key)));
        Self {
            table,
            fixed,
            numbers: table.numbers(),
            swept: swept.collect(),
        }
    }

    fn schema(&self) -> SchemaRef {
        let fixed = self.fixed.iter();
        let fixed =
            fixed.map(|Fixed(name, holds, empty)| Field::new(*name, holds.data_type(), *empty));
        let numbers = self.numbers.iter();
        let numbers = numbers.map(|name| Field::new(*name, DataType::Float64, true));
        let swept = self.swept.iter();
        let swept = swept.map(|(key, kind)| Field::new(*key, kind.clone(), true));
        let fields: Vec<Field> = fixed.chain(numbers).chain(swept).collect();
        Arc::new(Schema::new(fields))
    }

    pub(super) fn batch(
        &self,
        schema: &SchemaRef,
        records: &[Record],
    ) -> Result<RecordBatch, ArrowError> {
        let common = |record: &Record| self.table.points.get(&record.point);
        let rows = || records.iter();
        let fixed = self.fixed.iter().map(|Fixed(_, holds, _)| -> ArrayRef {
            match holds {
                Holds::Small(of) => Arc::new(rows().map(of).collect::<UInt32Array>()),
                Holds::Count(of) => Arc::new(UInt64Array::from_iter_values(rows().map(of))),
                Holds::Real(of) => Arc::new(rows().map(of).collect::<Float64Array>()),
                Holds::Name(of) => Arc::new(rows().map(of).collect::<StringArray>()),
                Holds::Common(of) => {
                    let values = rows().map(|record| common(record).map(of));
                    Arc::new(values.collect::<Float64Array>())
                }
            }
        });
        let numbers = self.numbers.iter().map(|name| -> ArrayRef {
            let values = rows().map(|record| {
                let mut numbers = common(record)?.numbers.iter();
                let found = numbers.find(|(column, _)| column == name);
                found.map(|(_, number)| *number)
            });
            Arc::new(values.collect::<Float64Array>())
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
        RecordBatch::try_new(schema.clone(), fixed.chain(numbers).chain(swept).collect())
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

    /// The table in pieces of at most 16384 rows.
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

/// Whether a column is one that every table has.
pub(super) fn is_fixed(column: &str) -> bool {
    let parts = [&OF_A_PLAN[..], &SIZES, &NUMBER, &MEASURED];
    let mut fixed = parts.into_iter().flatten();
    fixed.any(|Fixed(name, ..)| *name == column)
}
