//! What people read on a terminal: aligned tables, reports, comparisons.

pub mod claims;
pub mod compare;
pub mod report;
pub mod summary;
pub mod trial;

use comfy_table::{CellAlignment, Table, presets};

use giantstep_lab::plan::Reference;
use giantstep_lab::table::{Row, SIZES};
pub use giantstep_lab::words::{bytes, count, number, seconds};

/// What a published number of steps lies between.
fn steps_between([from, to]: [f64; 2]) -> String {
    format!("steps from {} to {}", number(from), number(to))
}

/// What is said where there is no mean beside a published value.
fn unmeasured(reference: &Reference) -> &'static str {
    match reference.between {
        None => "not run",
        // Runs that are not there have not come to it either.
        Some(_) => "not reached",
    }
}

/// A table without lines, numbers to the right: a header, then rows. Ends with a line break; no line ends
/// with a blank.
pub fn aligned(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for index in 0..header.len() {
        let numeric = |text: &str| {
            text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit() || "+-−±".contains(c))
        };
        let right = table
            .column_cells_iter(index)
            .all(|cell| cell.is_none_or(|cell| numeric(&cell.content())));
        if let (true, Some(column)) = (right, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// The aggregated results as a table; columns that say nothing are left out.
pub fn results(rows: &[Row]) -> String {
    let mut columns: Vec<(&str, Vec<String>)> = vec![
        (
            "n",
            rows.iter().map(|row| count(row.n.round() as u64)).collect(),
        ),
        ("d", rows.iter().map(|row| number(row.d)).collect()),
        ("p", rows.iter().map(|row| row.p.to_string()).collect()),
    ];
    let mut keys: Vec<&str> = Vec::new();
    for setting in rows.iter().flat_map(|row| row.settings.iter()) {
        let key = setting.key.as_str();
        if !SIZES.contains(&key) && !keys.contains(&key) {
            keys.push(key);
        }
    }
    for axis in keys {
        let value = |row: &Row| {
            let mut settings = row.settings.iter();
            let setting = settings.find(|setting| setting.key == axis);
            setting.map(|setting| number(setting.number()))
        };
        columns.push((
            axis,
            rows.iter()
                .map(|row| value(row).unwrap_or_default())
                .collect(),
        ));
    }
    let index = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let real = |value: Option<f64>| value.map(number).unwrap_or_default();
    columns.extend([
        (
            "step",
            rows.iter().map(|row| row.step.to_string()).collect(),
        ),
        (
            "metric",
            rows.iter().map(|row| row.metric.to_string()).collect(),
        ),
        ("neuron", rows.iter().map(|row| index(row.neuron)).collect()),
        (
            "direction",
            rows.iter().map(|row| index(row.direction)).collect(),
        ),
        ("rank", rows.iter().map(|row| index(row.rank)).collect()),
        (
            "group",
            rows.iter()
                .map(|row| row.group.map(|group| group.to_string()).unwrap_or_default())
                .collect(),
        ),
        ("ridge", rows.iter().map(|row| real(row.ridge)).collect()),
        ("mean", rows.iter().map(|row| number(row.mean)).collect()),
        ("stderr", rows.iter().map(|row| real(row.stderr)).collect()),
        (
            "draws",
            rows.iter().map(|row| row.draws.to_string()).collect(),
        ),
    ]);
    columns.retain(|(_, cells)| cells.is_empty() || cells.iter().any(|cell| !cell.is_empty()));
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let line = |i: usize| columns.iter().map(|(_, cells)| cells[i].clone()).collect();
    aligned(&header, (0..rows.len()).map(line))
}

/// Columns of a terminal.
const WIDTH: usize = 80;

/// Words in lines of at most 80 columns, each after so many blanks; ends with a line break.
pub fn wrapped(words: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{margin}{word}")),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use giantstep::metric::Metric;
    use giantstep_lab::table::{Record, Table, aggregate};

    #[test]
    fn a_result_table_is_aligned_and_shows_only_columns_with_content() {
        let record = |point, seed, n, value| Record {
            point,
            seed,
            n,
            d: 512.0,
            p: 1024,
            step: 1,
            ..Record::new(Metric::TestError, value)
        };
        let records = [
            record(1, 1, 3326.0, 0.33),
            record(1, 2, 3326.0, 0.35),
            record(2, 1, 262_144.0, 0.077),
        ];
        let rows = aggregate(&Table::default(), &records);
        let expected = [
            "      n    d     p  step  metric       mean  stderr  draws",
            "  3 326  512  1024     1  test_error   0.34    0.01      2",
            "262 144  512  1024     1  test_error  0.077              1",
        ];
        assert_eq!(results(&rows).lines().collect::<Vec<_>>(), expected);
    }
}
