//! Tables as text: the columns of the Parquet file, commas between them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType};

use super::Table;

/// The table as CSV with a header; what does not apply is empty.
///
/// # Errors
/// A row without a point in a table of a plan.
pub fn csv(table: &Table) -> Result<String, ArrowError> {
    let schema = table.schema();
    let names: Vec<String> = schema.fields().iter().map(|f| quoted(f.name())).collect();
    let mut text = names.join(",") + "\n";
    for batch in table.batches() {
        let batch = batch?;
        let mut columns: Vec<_> = batch.columns().iter().map(cells).collect();
        for _ in 0..batch.num_rows() {
            let row: Vec<String> = columns.iter_mut().filter_map(Iterator::next).collect();
            text.push_str(&row.join(","));
            text.push('\n');
        }
    }
    Ok(text)
}

/// The cells of a column in order.
fn cells(column: &ArrayRef) -> Box<dyn Iterator<Item = String> + '_> {
    fn shown<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    match column.data_type() {
        DataType::UInt32 => Box::new(column.as_primitive::<UInt32Type>().iter().map(shown)),
        DataType::UInt64 => Box::new(column.as_primitive::<UInt64Type>().iter().map(shown)),
        DataType::Int64 => Box::new(column.as_primitive::<Int64Type>().iter().map(shown)),
        DataType::Float64 => Box::new(column.as_primitive::<Float64Type>().iter().map(shown)),
        _ => {
            let texts = column.as_string::<i32>().iter();
            Box::new(texts.map(|text| text.map_or_else(String::new, quoted)))
        }
    }
}

/// A field of a CSV file.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
