//! A network tried on a link, in one screen.

use std::path::PathBuf;

use giantstep_lab::outlook::Predicted;
use giantstep_lab::plan::Plan;
use giantstep_lab::table::Row;

use super::{count, number, wrapped};

/// What was tried, and what came of it.
pub struct Trial<'a> {
    /// What giant steps can learn of the link.
    pub answer: String,
    /// What was run: one point.
    pub plan: &'a Plan,
    /// The engine.
    pub engine: &'a str,
    /// Means over seeds.
    pub rows: &'a [Row],
    /// What theory says.
    pub predicted: &'a Predicted,
    /// What was written.
    pub files: &'a [PathBuf],
}

/// Columns of a bar of length one.
const BAR: f64 = 20.0;
/// The most lines of cosines.
const MOST_LINES: usize = 16;

/// The screen.
pub fn text(trial: &Trial<'_>) -> String {
    let mut text = wrapped(&trial.answer, 0);
    if let Some(point) = trial.plan.points.first() {
        let experiment = &point.checked.setup.experiment;
        let protocol = &experiment.protocol;
        let seeds = point.checked.seeds.end - point.checked.seeds.start;
        let sizes = format!(
            "d = {}, n = {}, p = {}, eta = {}, {}, {seeds} seeds, engine {}",
            count(protocol.dimension),
            count(protocol.batch),
            experiment.network.width,
            number(protocol.step_size.at(1)),
            experiment.network.activation.source(),
            trial.engine,
        );
        text.push_str(&format!("\n{}", wrapped(&sizes, 0)));
    }
    text.push_str("\ncosines of the neurons with a > 0\n");
    text.push_str(&cosines(trial));
    text.push_str(&errors(trial.rows));
    text.push('\n');
    for file in trial.files {
        text.push_str(&format!("{}\n", file.display()));
    }
    if let Some(file) = trial.files.last() {
        text.push_str(&format!("go on: giantstep run {}\n", file.display()));
    }
    text
}

fn cosines(trial: &Trial<'_>) -> String {
    let of = |row: &&Row| {
        row.metric.to_string() == "weight_cosine"
            && row
                .group
                .as_ref()
                .is_some_and(|group| group.to_string() == "+")
            && row.step > 0
    };
    let rows: Vec<&Row> = trial.rows.iter().filter(of).collect();
    let mut text = format!("{:20}  {:>14}  {:>8}\n", "", "measured", "theory");
    let mut last = 0;
    for row in rows.iter().take(MOST_LINES) {
        let step = match row.step == last {
            true => String::new(),
            false => format!("step {}", row.step),
        };
        last = row.step;
        let name = row.direction.map(|k| format!("z{k}")).unwrap_or_default();
        let measured = match row.stderr {
            Some(stderr) => format!("{:.3} ± {stderr:.3}", row.mean),
            None => format!("{:.3}", row.mean),
        };
        let theory = trial.predicted.foretold.iter().find(|f| f.is_of(row));
        let theory = theory.map(|f| format!("{:.3}", f.prediction.value));
        text.push_str(&format!(
            "{step:8}{name:>4}  {measured:>20}  {:>8}  {}\n",
            theory.unwrap_or_else(|| "unknown".to_owned()),
            bar(row.mean)
        ));
    }
    if rows.len() > MOST_LINES {
        text.push_str(&format!("... and {} more\n", rows.len() - MOST_LINES));
    }
    text
}

/// A bar as long as the value, to an eighth of a column; a minus before those below zero.
fn bar(value: f64) -> String {
    let eighths = (value.abs().min(1.0) * BAR * 8.0).round() as usize;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let sign = if value < 0.0 && eighths > 0 { "-" } else { " " };
    format!("{sign}{}{part}", "█".repeat(eighths / 8))
        .trim_end()
        .to_owned()
}

/// Test errors of the ridge readout by step, in a line.
fn errors(rows: &[Row]) -> String {
    let errors = rows
        .iter()
        .filter(|row| row.metric.to_string() == "test_error")
        .map(|row| format!("{} after {}", number(row.mean), row.step));
    let errors: Vec<String> = errors.collect();
    match errors.is_empty() {
        true => String::new(),
        false => wrapped(
            &format!("test error of a ridge readout: {} steps", errors.join(", ")),
            0,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_value() {
        assert_eq!(bar(1.0), format!(" {}", "█".repeat(20)));
        assert_eq!(bar(-0.5), format!("-{}", "█".repeat(10)));
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(0.0063), " ▏");
    }
}
