//! Tables of Parquet files.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, types};
use arrow_schema::DataType;
use giantstep::batch::{Entries, Order};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Matrix, Problem, among, damaged};

/// Rows of a piece.
const ROWS: usize = 8192;

pub(super) fn read(file: File, labels: Option<&str>) -> Result<Matrix, Problem> {
    let broken = |error: &dyn std::fmt::Display| damaged(format!("cannot be understood: {error}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| broken(&error))?;
    let schema = builder.schema().clone();
    let rows = builder.metadata().file_metadata().num_rows() as usize;
    let mut names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let label = labels.map(|labels| among(labels, &names)).transpose()?;
    let inputs: Vec<usize> = (0..names.len())
        .filter(|column| Some(*column) != label)
        .collect();
    let single = inputs
        .iter()
        .all(|column| *schema.field(*column).data_type() == DataType::Float32);
    let reader = builder
        .with_batch_size(ROWS)
        .build()
        .map_err(|error| broken(&error))?;
    let mut batches = reader.map(|batch| batch.map_err(|error| broken(&error)));
    let mut given = vec![0.0; label.map_or(0, |_| rows)];
    let places = Places {
        names: &names,
        inputs: &inputs,
        label,
        rows,
    };
    let entries: Entries<'static> = match single {
        true => places.fill(&mut batches, &mut given, |x| x as f32)?.into(),
        false => places.fill(&mut batches, &mut given, |x| x)?.into(),
    };
    if let Some(label) = label {
        names.remove(label);
    }
    Ok(Matrix {
        entries,
        rows,
        columns: names.len(),
        order: Order::Columns,
        names,
        labels: label.map(|_| given),
    })
}

/// Where the columns of a table go.
struct Places<'a> {
    names: &'a [String],
    inputs: &'a [usize],
    label: Option<usize>,
    rows: usize,
}

impl Places<'_> {
    /// All inputs, column after column, and the labels.
    fn fill<T: Copy + Default>(
        &self,
        batches: &mut dyn Iterator<Item = Result<RecordBatch, Problem>>,
        labels: &mut [f64],
        of: fn(f64) -> T,
    ) -> Result<Vec<T>, Problem> {
        let mut entries = vec![T::default(); self.rows * self.inputs.len()];
        let mut first = 0;
        for batch in batches {
            let batch = batch?;
            let height = batch.num_rows();
            for (place, column) in self.inputs.iter().enumerate() {
                let out = &mut entries[place * self.rows + first..][..height];
                self.column(&batch, *column, first, &mut |v, x| out[v] = of(x))?;
            }
            if let Some(label) = self.label {
                let out = &mut labels[first..][..height];
                self.column(&batch, label, first, &mut |v, x| out[v] = x)?;
            }
            first += height;
        }
        match first == self.rows {
            true => Ok(entries),
            false => Err(damaged(format!("has {first} rows and says {}", self.rows))),
        }
    }

    fn column(
        &self,
        batch: &RecordBatch,
        column: usize,
        first: usize,
        put: &mut dyn FnMut(usize, f64),
    ) -> Result<(), Problem> {
        let array = batch.column(column);
        let name = &self.names[column];
        if array.null_count() > 0 {
            let row = (0..array.len()).find(|v| array.is_null(*v)).unwrap_or(0);
            return Err(damaged(format!(
                "has nothing in row {}, column {} (`{name}`), where a number is needed",
                first + row + 1,
                column + 1
            )));
        }
        match numbers(array, put) {
            true => Ok(()),
            false => Err(damaged(format!(
                "has a column `{name}` of the type {}, which is no number",
                array.data_type()
            ))),
        }
    }
}

/// Hands on the numbers of a column, if they are numbers.
fn numbers(array: &ArrayRef, put: &mut dyn FnMut(usize, f64)) -> bool {
    macro_rules! each {
        ($kind:ty, $of:expr) => {{
            let values = array.as_primitive::<$kind>().values();
            values.iter().enumerate().for_each(|(v, x)| put(v, $of(*x)));
        }};
    }
    match array.data_type() {
        DataType::Float32 => each!(types::Float32Type, f64::from),
        DataType::Float64 => each!(types::Float64Type, |x| x),
        DataType::Int8 => each!(types::Int8Type, f64::from),
        DataType::Int16 => each!(types::Int16Type, f64::from),
        DataType::Int32 => each!(types::Int32Type, f64::from),
        DataType::Int64 => each!(types::Int64Type, |x| x as f64),
        DataType::UInt8 => each!(types::UInt8Type, f64::from),
        DataType::UInt16 => each!(types::UInt16Type, f64::from),
        DataType::UInt32 => each!(types::UInt32Type, f64::from),
        DataType::UInt64 => each!(types::UInt64Type, |x| x as f64),
        DataType::Boolean => {
            let values = array.as_boolean().values();
            values
                .iter()
                .enumerate()
                .for_each(|(v, x)| put(v, f64::from(x)));
        }
        _ => return false,
    }
    true
}
