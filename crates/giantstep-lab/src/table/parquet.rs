//! Records as the columns of a Parquet file, and back.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, IntType, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::{Record, TableError};
use crate::files::write_atomically;

/// Rows kept together in the file.
const ROW_GROUP: usize = 1 << 20;

/// The columns of every table, in the order of the file; axes follow.
const COLUMNS: [&str; 12] = [
    "seed",
    "n",
    "d",
    "p",
    "step",
    "metric",
    "neuron",
    "direction",
    "rank",
    "group",
    "ridge",
    "value",
];

/// Writes `records` to one Parquet file (Snappy, strings by dictionary, statistics), atomically.
///
/// # Errors
/// An axis takes the name of another column, or the file cannot be written.
pub fn write(path: &Path, records: &[Record]) -> Result<(), TableError> {
    Ok(write_atomically(path, &encode(records)?)?)
}

/// The bytes of the file that [`write()`] writes.
///
/// # Errors
/// An axis takes the name of another column.
pub fn encode(records: &[Record]) -> Result<Vec<u8>, TableError> {
    let axes = axis_names(records)?;
    file(records, &axes).map_err(TableError::Encode)
}

/// Reads the records of a file written by [`write()`], in their order.
///
/// # Errors
/// The file is not there, damaged, or not a result table.
pub fn read(path: &Path) -> Result<Vec<Record>, TableError> {
    let bytes = std::fs::read(path).map_err(|source| TableError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    decode(bytes, path)
}

/// The records in the bytes of a file; `path` is where they came from, for messages.
///
/// # Errors
/// As [`read()`].
pub fn decode(bytes: Vec<u8>, path: &Path) -> Result<Vec<Record>, TableError> {
    let damaged = |source| TableError::Damaged {
        path: path.to_path_buf(),
        source,
    };
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(damaged)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    if let Some(absent) = COLUMNS
        .iter()
        .find(|name| !columns.iter().any(|column| column.name() == **name))
    {
        let (path, column) = (path.to_path_buf(), (*absent).to_owned());
        return Err(TableError::Foreign {
            path,
            column,
            expected: "the values of a required column",
        });
    }
    let mut records = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(damaged)?;
        row_group(group.as_ref(), &mut records).map_err(|error| match error {
            Problem::Damaged(source) => damaged(source),
            Problem::Foreign { column, expected } => TableError::Foreign {
                path: path.to_path_buf(),
                column,
                expected,
            },
        })?;
    }
    Ok(records)
}

/// Names of all axes in the order in which they first appear.
fn axis_names(records: &[Record]) -> Result<Vec<String>, TableError> {
    let mut names: Vec<String> = Vec::new();
    for record in records {
        for (place, (name, _)) in record.axes.iter().enumerate() {
            let twice = record.axes[..place]
                .iter()
                .any(|(earlier, _)| earlier == name);
            if twice || COLUMNS.contains(&name.as_str()) {
                return Err(TableError::AxisName { name: name.clone() });
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    Ok(names)
}

fn schema(axes: &[String]) -> Result<TypePtr, ParquetError> {
    let unsigned = |bit_width| {
        Some(LogicalType::Integer(IntType {
            bit_width,
            is_signed: false,
        }))
    };
    let fixed = COLUMNS.iter().map(|&name| match name {
        "seed" | "p" => (name, Physical::INT64, unsigned(64), Repetition::REQUIRED),
        "step" => (name, Physical::INT32, unsigned(32), Repetition::REQUIRED),
        "neuron" | "direction" | "rank" => {
            (name, Physical::INT32, unsigned(32), Repetition::OPTIONAL)
        }
        "metric" => (
            name,
            Physical::BYTE_ARRAY,
            Some(LogicalType::String),
            Repetition::REQUIRED,
        ),
        "group" => (
            name,
            Physical::BYTE_ARRAY,
            Some(LogicalType::String),
            Repetition::OPTIONAL,
        ),
        "ridge" => (name, Physical::DOUBLE, None, Repetition::OPTIONAL),
        _ => (name, Physical::DOUBLE, None, Repetition::REQUIRED),
    });
    let further = axes
        .iter()
        .map(|name| (name.as_str(), Physical::DOUBLE, None, Repetition::OPTIONAL));
    let fields = fixed
        .chain(further)
        .map(|(name, physical, logical, repetition)| {
            let column = Type::primitive_type_builder(name, physical);
            column
                .with_logical_type(logical)
                .with_repetition(repetition)
                .build()
                .map(Arc::new)
        });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("results")
        .with_fields(fields)
        .build()
        .map(Arc::new)
}

fn file(records: &[Record], axes: &[String]) -> Result<Vec<u8>, ParquetError> {
    let strings = ["metric", "group"].map(ColumnPath::from);
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("giantstep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in strings {
        properties = properties.set_column_dictionary_enabled(column, true);
    }
    let mut file =
        SerializedFileWriter::new(Vec::new(), schema(axes)?, Arc::new(properties.build()))?;
    for records in records.chunks(ROW_GROUP) {
        let mut group = file.next_row_group()?;
        let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        required::<Int64Type>(&mut group, records, |r| r.seed as i64)?;
        required::<DoubleType>(&mut group, records, |r| r.n)?;
        required::<DoubleType>(&mut group, records, |r| r.d)?;
        required::<Int64Type>(&mut group, records, |r| r.p as i64)?;
        required::<Int32Type>(&mut group, records, |r| r.step as i32)?;
        required::<ByteArrayType>(&mut group, records, |r| text(&r.metric))?;
        optional::<Int32Type>(&mut group, records, |r| r.neuron.map(|i| i as i32))?;
        optional::<Int32Type>(&mut group, records, |r| r.direction.map(|i| i as i32))?;
        optional::<Int32Type>(&mut group, records, |r| r.rank.map(|i| i as i32))?;
        optional::<ByteArrayType>(&mut group, records, |r| r.group.as_deref().map(text))?;
        optional::<DoubleType>(&mut group, records, |r| r.ridge)?;
        required::<DoubleType>(&mut group, records, |r| r.value)?;
        for axis in axes {
            let value = |r: &Record| {
                r.axes
                    .iter()
                    .find(|(name, _)| name == axis)
                    .map(|(_, value)| *value)
            };
            optional::<DoubleType>(&mut group, records, value)?;
        }
        group.close()?;
    }
    file.into_inner()
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn required<T: DataType>(
    group: &mut Group<'_>,
    records: &[Record],
    value: impl Fn(&Record) -> T::T,
) -> Result<(), ParquetError> {
    put::<T>(group, &records.iter().map(value).collect::<Vec<_>>(), None)
}

fn optional<T: DataType>(
    group: &mut Group<'_>,
    records: &[Record],
    value: impl Fn(&Record) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<_> = records.iter().map(value).collect();
    let levels: Vec<i16> = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    put::<T>(
        group,
        &values.into_iter().flatten().collect::<Vec<_>>(),
        Some(&levels),
    )
}

fn put<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("too many columns".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// What may be wrong with a row group.
enum Problem {
    Damaged(ParquetError),
    Foreign {
        column: String,
        expected: &'static str,
    },
}

impl From<ParquetError> for Problem {
    fn from(error: ParquetError) -> Self {
        Self::Damaged(error)
    }
}

fn row_group(group: &dyn RowGroupReader, records: &mut Vec<Record>) -> Result<(), Problem> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let start = records.len();
    records.resize_with(start + rows, Record::default);
    let fresh = &mut records[start..];
    let columns = group.metadata().schema_descr().columns();
    let names: Vec<_> = columns
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    for (index, name) in names.iter().enumerate() {
        let levels = columns[index].max_def_level();
        if levels > 1 || columns[index].max_rep_level() > 0 {
            return Err(Problem::Foreign {
                column: name.clone(),
                expected: "one value a row",
            });
        }
        let column = Column {
            name,
            rows,
            nullable: levels == 1,
            reader: group.get_column_reader(index)?,
        };
        match name.as_str() {
            "seed" => column.whole(fresh, |r, v: i64| r.seed = v as u64)?,
            "n" => column.real(fresh, |r, v| r.n = v)?,
            "d" => column.real(fresh, |r, v| r.d = v)?,
            "p" => column.whole(fresh, |r, v: i64| r.p = v as u64)?,
            "step" => column.small(fresh, |r, v| r.step = v)?,
            "metric" => column.text(fresh, |r, v| r.metric = v)?,
            "neuron" => column.small(fresh, |r, v| r.neuron = Some(v))?,
            "direction" => column.small(fresh, |r, v| r.direction = Some(v))?,
            "rank" => column.small(fresh, |r, v| r.rank = Some(v))?,
            "group" => column.text(fresh, |r, v| r.group = Some(v))?,
            "ridge" => column.real(fresh, |r, v| r.ridge = Some(v))?,
            "value" => column.real(fresh, |r, v| r.value = v)?,
            axis => column.real(fresh, |r, v| r.axes.push((axis.to_owned(), v)))?,
        }
    }
    Ok(())
}

/// One column of a row group, about to be read.
struct Column<'a> {
    name: &'a str,
    rows: usize,
    nullable: bool,
    reader: ColumnReader,
}

impl Column<'_> {
    fn whole(self, records: &mut [Record], set: impl Fn(&mut Record, i64)) -> Result<(), Problem> {
        match self.reader {
            ColumnReader::Int64ColumnReader(reader) => {
                fill(reader, self.nullable, self.rows, records, set)
            }
            _ => Err(self.foreign("64-bit integers")),
        }
    }

    fn small(self, records: &mut [Record], set: impl Fn(&mut Record, u32)) -> Result<(), Problem> {
        match self.reader {
            ColumnReader::Int32ColumnReader(reader) => {
                fill(reader, self.nullable, self.rows, records, |r, v: i32| {
                    set(r, v as u32)
                })
            }
            _ => Err(self.foreign("32-bit integers")),
        }
    }

    fn real(self, records: &mut [Record], set: impl Fn(&mut Record, f64)) -> Result<(), Problem> {
        match self.reader {
            ColumnReader::DoubleColumnReader(reader) => {
                fill(reader, self.nullable, self.rows, records, set)
            }
            _ => Err(self.foreign("64-bit floats")),
        }
    }

    fn text(
        self,
        records: &mut [Record],
        set: impl Fn(&mut Record, String),
    ) -> Result<(), Problem> {
        match self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => {
                let set = |r: &mut Record, v: ByteArray| {
                    set(r, String::from_utf8_lossy(v.data()).into_owned())
                };
                fill(reader, self.nullable, self.rows, records, set)
            }
            _ => Err(self.foreign("strings")),
        }
    }

    fn foreign(&self, expected: &'static str) -> Problem {
        Problem::Foreign {
            column: self.name.to_owned(),
            expected,
        }
    }
}

fn fill<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    nullable: bool,
    rows: usize,
    records: &mut [Record],
    set: impl Fn(&mut Record, T::T),
) -> Result<(), Problem> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let mut read = 0;
    while read < rows {
        let (more, _, _) = reader.read_records(
            rows - read,
            nullable.then_some(&mut levels),
            None,
            &mut values,
        )?;
        if more == 0 {
            return Err(
                ParquetError::General(format!("{read} rows where {rows} are announced")).into(),
            );
        }
        read += more;
    }
    let present = (0..rows).filter(|&row| !nullable || levels[row] == 1);
    for (row, value) in present.zip(values) {
        set(&mut records[row], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let base = Record {
            seed: u64::MAX,
            n: 1e15,
            d: 512.0,
            p: 1024,
            step: 1,
            ..Record::default()
        };
        let error = Record {
            metric: "test_error".into(),
            value: 0.25,
            ridge: Some(1e-3),
            ..base.clone()
        };
        let overlap = Record {
            metric: "M".into(),
            neuron: Some(u32::MAX),
            direction: Some(0),
            group: Some("−".into()),
            value: f64::NEG_INFINITY,
            axes: vec![("eta".into(), 2.5)],
            ..base.clone()
        };
        let spike = Record {
            metric: "singular_value".into(),
            rank: Some(7),
            value: -0.0,
            axes: vec![("kappa".into(), 1.5), ("eta".into(), f64::INFINITY)],
            ..base
        };
        vec![error, overlap, spike]
    }

    fn sorted(mut records: Vec<Record>) -> Vec<Record> {
        records
            .iter_mut()
            .for_each(|r| r.axes.sort_by(|a, b| a.0.cmp(&b.0)));
        records
    }

    #[test]
    fn a_table_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.parquet");
        write(&path, &records()).unwrap();
        assert_eq!(sorted(read(&path).unwrap()), sorted(records()));
    }

    #[test]
    fn a_table_longer_than_a_row_group_comes_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.parquet");
        let record = |i: usize| Record {
            seed: i as u64,
            rank: i.is_multiple_of(3).then_some(i as u32),
            ..records()[1].clone()
        };
        let long: Vec<_> = (0..ROW_GROUP + 5).map(record).collect();
        write(&path, &long).unwrap();
        assert!(read(&path).unwrap() == long);
    }

    #[test]
    fn an_empty_table_is_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.parquet");
        write(&path, &[]).unwrap();
        assert_eq!(read(&path).unwrap(), []);
    }

    #[test]
    fn the_same_records_give_the_same_bytes() {
        assert_eq!(encode(&records()).unwrap(), encode(&records()).unwrap());
    }

    #[test]
    fn an_axis_may_not_hide_a_column() {
        for axes in [
            vec![("value".to_owned(), 1.0)],
            vec![("eta".to_owned(), 1.0), ("eta".to_owned(), 2.0)],
        ] {
            let error = write(
                Path::new("unused"),
                &[Record {
                    axes,
                    ..Record::default()
                }],
            )
            .unwrap_err();
            assert!(matches!(error, TableError::AxisName { .. }));
        }
    }

    #[test]
    fn damaged_absent_and_foreign_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.parquet");
        assert!(matches!(read(&path), Err(TableError::Read { .. })));
        write(&path, &records()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() / 2);
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(read(&path), Err(TableError::Damaged { .. })));

        let field = Type::primitive_type_builder("seed", Physical::DOUBLE)
            .build()
            .unwrap();
        let schema = Type::group_type_builder("x")
            .with_fields(vec![Arc::new(field)])
            .build()
            .unwrap();
        let file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
        std::fs::write(&path, file.into_inner().unwrap()).unwrap();
        assert!(matches!(read(&path), Err(TableError::Foreign { .. })));
    }
}
