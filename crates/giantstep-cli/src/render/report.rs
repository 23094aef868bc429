//! A worked-off plan as text.

use std::path::PathBuf;

use giantstep_lab::plan::{Plan, SlopeKind};
use giantstep_lab::published::{Comparison, comparisons};
use giantstep_lab::report::{Report, rows, settings_in_words};
use giantstep_lab::slope::{Slope, slopes};
use giantstep_lab::table::Row;

use super::{aligned, compare, number, seconds};

/// The most lines of results on standard output; all of them are in the Parquet table.
const MOST_LINES: usize = 48;

/// The result for people.
pub fn text(report: &Report<'_>, files: &[PathBuf]) -> String {
    let Report {
        jobs,
        results,
        predicted,
        found,
        took,
        ..
    } = report;
    let plan = jobs.plan;
    let rows = rows(&results.table);
    let shown: Vec<Row> = rows
        .iter()
        .filter(|row| row.rank.is_none_or(|rank| rank <= 3))
        .cloned()
        .collect();
    let most = shown.len().min(MOST_LINES);
    let mut text = String::new();
    if let Some(title) = plan.document.title() {
        text.push_str(&format!("{title}\n\n"));
    }
    text.push_str(&settings_in_words(plan));
    text.push_str(&super::results(&shown[..most]));
    if shown.len() > most {
        text.push_str(&format!(
            "... and {} more rows in results.parquet\n",
            shown.len() - most
        ));
    }
    let comparisons = comparisons(plan, &results.table, &rows);
    if !comparisons.is_empty() {
        text.push_str(&format!("\n{}", compared(&comparisons)));
    }
    let theory = compare::text(plan, predicted, &rows);
    if !theory.is_empty() {
        text.push_str(&format!("\n{theory}"));
    }
    let slopes = slopes(plan, &results.table);
    if !slopes.is_empty() {
        text.push_str(&format!("\n{}", fitted(plan, &slopes)));
    }
    for failure in &results.failures {
        text.push_str(&format!(
            "\nseed {} {}: {}\n",
            failure.seed, failure.point, failure.reason
        ));
    }
    let runs = format!("{} of {} runs", results.completed, results.planned);
    let runs = match *found {
        0 => runs,
        found => format!("{runs}, {found} of them found in the folder,"),
    };
    text.push_str(&format!("\n{runs} in {}\n", seconds(took.as_secs_f64())));
    for file in files {
        text.push_str(&format!("{}\n", file.display()));
    }
    text
}

fn fitted(plan: &Plan, slopes: &[Slope]) -> String {
    let header = [
        "exponent of",
        "in",
        "at",
        "over",
        "measured",
        "95 %",
        "predicted",
        "draws",
        "source",
    ];
    let lines = slopes.iter().map(|slope| {
        let spec = &slope.spec;
        let named = |(key, position): (&String, &usize)| {
            let mut settings = plan.points.iter().flat_map(|point| &point.settings);
            let found = settings.find(|s| s.key == *key && s.position == *position);
            found.map(|setting| setting.label()).unwrap_or_default()
        };
        let at: Vec<String> = spec.at.iter().map(named).collect();
        let sign = match spec.kind {
            SlopeKind::Equal => "",
            SlopeKind::AtMost => "≤ ",
        };
        vec![
            spec.metric.to_string(),
            spec.x.clone(),
            at.join(", "),
            format!("{} to {}", number(slope.range.0), number(slope.range.1)),
            format!("{:.3}", slope.measured),
            format!("± {:.3}", slope.half_width),
            format!("{sign}{}", number(spec.predicted)),
            slope.draws.to_string(),
            spec.source.clone(),
        ]
    });
    aligned(&header, lines)
}

fn compared(comparisons: &[Comparison]) -> String {
    let header = [
        "metric",
        "at",
        "step",
        "direction",
        "group",
        "reference",
        "measured",
        "stderr",
        "",
        "source",
    ];
    let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
    let lines = comparisons.iter().map(|comparison| {
        let reference = &comparison.reference;
        let mut at: Vec<String> = reference
            .at
            .iter()
            .map(|(key, position)| format!("{key} {position}"))
            .collect();
        at.extend(reference.n.map(|n| format!("n = {}", number(n))));
        at.extend(reference.between.map(super::steps_between));
        let verdict = match comparison.within {
            None => super::unmeasured(reference),
            Some(true) => "within",
            Some(false) => "OUTSIDE",
        };
        vec![
            reference.metric.to_string(),
            at.join(", "),
            reference.step.to_string(),
            reference
                .direction
                .map(|k| k.to_string())
                .unwrap_or_default(),
            reference
                .group
                .map(|group| group.to_string())
                .unwrap_or_default(),
            format!(
                "{} ± {}",
                number(reference.value),
                number(reference.tolerance)
            ),
            optional(comparison.measured),
            optional(comparison.stderr),
            verdict.to_owned(),
            reference.source.clone(),
        ]
    });
    aligned(&header, lines)
}
