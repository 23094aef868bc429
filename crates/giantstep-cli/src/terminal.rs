//! What people read: aligned tables, numbers with units, a progress bar.

use std::io::{IsTerminal, stderr};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::table::Row;

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
    let mut axes: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.axes) {
        if !axes.contains(&name.as_str()) {
            axes.push(name);
        }
    }
    for axis in axes {
        let value = |row: &Row| {
            row.axes
                .iter()
                .find(|(name, _)| name == axis)
                .map(|(_, value)| number(*value))
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
            rows.iter().map(|row| row.metric.clone()).collect(),
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
                .map(|row| row.group.clone().unwrap_or_default())
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

/// Four significant digits: `0.3361`, `1.2e-5`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let text = if (1e-4..1e7).contains(&size) {
        let digits = (3 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.3e}")
    };
    let (digits, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    if digits.contains('.') {
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
            + exponent
    } else {
        text
    }
}

/// A count in groups of three digits: `262 144`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let mut groups: Vec<&str> = if head.is_empty() {
        Vec::new()
    } else {
        vec![head]
    };
    groups.extend((0..tail.len()).step_by(3).map(|i| &tail[i..i + 3]));
    groups.join(" ")
}

/// A duration in the units people use: `12 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`.
pub fn seconds(value: f64) -> String {
    let whole = value.round() as u64;
    match value {
        _ if value < 0.9995 => format!("{:.0} ms", value * 1e3),
        _ if value < 59.95 => format!("{value:.1} s"),
        _ if whole < 3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ if whole < 48 * 3600 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// An amount of memory in decimal units: `812 B`, `120 MB`, `9.2 GB`.
pub fn bytes(value: u64) -> String {
    let mut size = value as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if size < 999.5 {
            break;
        }
        (size, unit) = (size / 1e3, next);
    }
    if size < 9.95 && unit != "B" {
        format!("{size:.1} {unit}")
    } else {
        format!("{size:.0} {unit}")
    }
}

/// A bar on standard error with the time left; silent where standard error is not a terminal. Gone when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is full after `rows` rows.
    pub fn new(rows: u64) -> Self {
        let target = if stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self::drawn_on(target, rows)
    }

    /// A bar that nobody sees.
    pub fn hidden(rows: u64) -> Self {
        Self::drawn_on(ProgressDrawTarget::hidden(), rows)
    }

    fn drawn_on(target: ProgressDrawTarget, rows: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(rows), target);
        let style = ProgressStyle::with_template("{msg}{wide_bar} {percent:>3} %  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }

    /// Says what is going on, before the bar.
    pub fn say(&self, what: &str) {
        self.bar.set_message(format!("{what}  "));
    }

    /// Tells that `rows_done` rows are done in all.
    pub fn set(&self, rows_done: u64) {
        self.bar.set_position(rows_done);
    }

    /// The same as a closure, for whoever reports progress and knows nothing of bars.
    pub fn callback(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |rows_done| bar.set_position(rows_done)
    }

    /// Prints a line above the bar, or plainly on standard error where there is no bar.
    pub fn note(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Rows done so far.
    pub fn done(&self) -> u64 {
        self.bar.position()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Record, aggregate};

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(
            [0.336_14, 512.0, 0.000_012, -2.5, 1e9].map(number),
            ["0.3361", "512", "1.2e-5", "-2.5", "1e9"]
        );
        assert_eq!(
            [0, 999, 1000, 262_144, 1_000_000].map(count),
            ["0", "999", "1 000", "262 144", "1 000 000"]
        );
        assert_eq!(
            [0.0124, 4.21, 59.99, 185.0, 7800.0, 274_000.0].map(seconds),
            [
                "12 ms",
                "4.2 s",
                "1 min 00 s",
                "3 min 05 s",
                "2 h 10 min",
                "3 d 4 h"
            ]
        );
        assert_eq!(
            [812, 1_500, 120_000_000, 9_200_000_000].map(bytes),
            ["812 B", "1.5 kB", "120 MB", "9.2 GB"]
        );
    }

    #[test]
    fn a_result_table_is_aligned_and_shows_only_columns_with_content() {
        let record = |seed, n, value| Record {
            seed,
            n,
            d: 512.0,
            p: 1024,
            step: 1,
            metric: "test_error".into(),
            value,
            ..Record::default()
        };
        let rows = aggregate(&[
            record(1, 3326.0, 0.33),
            record(2, 3326.0, 0.35),
            record(1, 262_144.0, 0.077),
        ]);
        let expected = [
            "      n    d     p  step  metric       mean  stderr  draws",
            "  3 326  512  1024     1  test_error   0.34    0.01      2",
            "262 144  512  1024     1  test_error  0.077              1",
        ];
        assert_eq!(results(&rows).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn progress_reaches_the_bar_through_the_callback() {
        let progress = Progress::drawn_on(ProgressDrawTarget::hidden(), 100);
        let report = progress.callback();
        report(40);
        assert_eq!(progress.done(), 40);
        progress.set(100);
        assert_eq!(progress.done(), 100);
    }
}
