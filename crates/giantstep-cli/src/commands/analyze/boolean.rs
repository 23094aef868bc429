//! The analysis of Boolean inputs as people read it.

use giantstep::analysis::{BooleanReport, BooleanStep, Coefficient};

use giantstep_lab::verdicts::or;

use super::text::{line, trust, wrapped};
use crate::render::{aligned, number};

/// The most coefficients shown; `--json` has all.
const SHOWN: usize = 24;

/// The whole answer: a sentence, then the tables.
pub(super) fn shown(report: &BooleanReport) -> String {
    let mut text = wrapped("", report.answer().split(' '), " ");
    text.push('\n');
    for (name, value) in [
        ("link", report.link.clone()),
        ("inputs", "independent signs".to_owned()),
        ("decided", trust(report.status, 1e-10)),
        (
            "mean, variance",
            format!("{}, {}", number(report.mean), number(report.variance)),
        ),
        ("degree", report.degree.to_string()),
        ("one step", or(report.one_step, "never")),
        ("leap", or(report.leap, "never")),
        (
            "of transformed labels",
            or(report.transformed_leap, "never"),
        ),
        ("coefficients", coefficients(&report.coefficients)),
    ] {
        text.push_str(&line(name, &value));
    }
    text.push_str("\nwhat steps at n ~ d add\n");
    text.push_str(&chain(&report.chain));
    for note in &report.notes {
        text.push('\n');
        text.push_str(&line("note", note));
    }
    text
}

fn coefficients(all: &[Coefficient]) -> String {
    let named = |c: &Coefficient| {
        let product: Vec<String> = c.coordinates.iter().map(|k| format!("z{k}")).collect();
        match product.is_empty() {
            true => number(c.value),
            false => format!("{} {}", number(c.value), product.join("*")),
        }
    };
    let mut names: Vec<String> = all.iter().take(SHOWN).map(named).collect();
    if all.len() > SHOWN {
        names.push(format!("and {} more", all.len() - SHOWN));
    }
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

fn chain(steps: &[BooleanStep]) -> String {
    let rows = steps.iter().enumerate().map(|(step, known)| {
        vec![
            step.to_string(),
            known.dimension.to_string(),
            number(known.floor),
            known.directions.join(", "),
        ]
    });
    aligned(&["step", "dim", "floor", "directions"], rows)
}
