//! What an analysis says of each direction, in the words of every front.

use giantstep::analysis::{Answer, GLOSSARY, Report};

/// The columns of the table; the glossary of the analysis says what each means.
pub const COLUMNS: [&str; 6] = [
    "learnt with",
    "n ~ d",
    "n ~ d^2",
    "alone from",
    "batches reused",
    "kernels",
];

/// What a column means.
pub fn meaning(column: &str) -> &'static str {
    let found = GLOSSARY.iter().find(|(name, _)| *name == column);
    found.map_or("", |(_, meaning)| meaning)
}

/// A number, or what is said where there is none.
pub fn or<T: ToString>(answer: Answer<T>, never: &str) -> String {
    match answer {
        Answer::At(value) => value.to_string(),
        Answer::Never => never.to_owned(),
        Answer::Unknown => "unknown".to_owned(),
    }
}

/// `d`, `d^2`, ...
pub fn power(exponent: u32) -> String {
    match exponent {
        1 => "d".to_owned(),
        k => format!("d^{k}"),
    }
}

/// What becomes of each direction: one a column of the costs, one a line.
pub fn rows(report: &Report) -> Vec<[String; COLUMNS.len()]> {
    let step = |answer: Answer<usize>| match answer {
        Answer::At(step) => format!("step {step}"),
        other => or(other, "never"),
    };
    let rows = report.verdicts.iter().map(|verdict| {
        [
            verdict.direction.name.clone(),
            step(verdict.giant_steps),
            step(verdict.quadratic_steps),
            match verdict.one_step_exponent {
                Answer::At(k) => power(k),
                other => or(other, "never"),
            },
            match (verdict.reused_step, verdict.reused_order) {
                (Answer::At(pass), Answer::At(1)) => format!("pass {pass}"),
                (Answer::At(_), _) => "d log d".to_owned(),
                (other, _) => or(other, "never"),
            },
            match (verdict.kernel_first, verdict.kernel_last) {
                (Some(first), Some(last)) if first == last => power(first),
                (Some(first), Some(last)) => format!("{} to {}", power(first), power(last)),
                (Some(first), None) => format!("from {}", power(first)),
                _ => "unknown".to_owned(),
            },
        ]
    });
    rows.collect()
}
