//! Comma-separated values with a line of names.

use std::fs::File;
use std::io::BufReader;

use csv::{ReaderBuilder, StringRecord, Trim};
use giantstep::batch::Order;

use super::{Matrix, Problem, among, damaged};

pub(super) fn read(file: File, labels: Option<&str>) -> Result<Matrix, Problem> {
    let size = file.metadata()?.len() as usize;
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .from_reader(BufReader::with_capacity(1 << 20, file));
    let broken = |error: csv::Error| damaged(format!("cannot be understood: {error}"));
    let header = reader.headers().map_err(broken)?;
    let mut names: Vec<String> = header.iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(damaged("is empty"));
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(damaged(
            "begins with numbers; its first line has the names of the columns",
        ));
    }
    let label = labels.map(|labels| among(labels, &names)).transpose()?;
    let mut record = StringRecord::new();
    let mut entries: Vec<f64> = Vec::new();
    let mut given = Vec::new();
    let mut rows = 0;
    while reader.read_record(&mut record).map_err(broken)? {
        rows += 1;
        for (column, field) in record.iter().enumerate() {
            let number = field.parse::<f64>().map_err(|_| {
                let (what, name) = (describe(field), &names[column]);
                damaged(format!(
                    "has {what} in row {rows}, column {} (`{name}`), where a number is needed",
                    column + 1
                ))
            })?;
            match Some(column) == label {
                true => given.push(number),
                false => entries.push(number),
            }
        }
        if rows == 1 {
            // A row takes about as many bytes as the first; what is too much is given back.
            let line = record.as_slice().len() + record.len();
            entries.reserve(size / line.max(1) * record.len());
        }
    }
    entries.shrink_to_fit();
    if let Some(label) = label {
        names.remove(label);
    }
    Ok(Matrix {
        rows,
        columns: names.len(),
        entries: entries.into(),
        order: Order::Rows,
        names,
        labels: label.map(|_| given),
    })
}

fn describe(field: &str) -> String {
    match field {
        "" => "nothing".to_owned(),
        text => format!("`{text}`"),
    }
}
