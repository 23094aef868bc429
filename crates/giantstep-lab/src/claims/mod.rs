//! The ledger of claims: each claim of the theory is an experiment that can fail.
//!
//! A claim file under `experiments/claims` is an experiment file with a `[claim]` section ([`Section`]): numbers that
//! are made of the draws ([`Statistic`]), what they should be, and the [`Rule`] that decides. Every check has a
//! counter-claim, such as a wrong exponent or a wrong direction, and passes only if the same rule rejects it.

mod equivalence;
mod expected;
mod pick;
mod rule;
mod spec;
mod statistic;

use std::time::Instant;

use serde::Serialize;

use self::expected::Theory;
use crate::chart::figures;
use crate::drive::Manner;
use crate::keep::Memory;
use crate::outlook::Predicted;
use crate::perform::perform;
use crate::plan::Point;
use crate::report;
use crate::results::{Failure, Results};
use crate::table::{Record, Row};
use crate::work::Session;

pub use pick::{Pick, Reduce};
pub use rule::{Judgement, Rule, STANDARD_ERRORS, Verdict};
pub use spec::{
    Check, Claim, ClaimError, Control, Counter, Expected, Measurement, Number, Section, Source,
};
pub use statistic::{Estimate, Statistic};

/// Name and text of a file under `experiments/claims`.
macro_rules! claim {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../experiments/claims/", $name, ".toml")),
        )
    };
}

/// Name and text of every claim file.
pub const CLAIMS: [(&str, &str); 22] = [
    claim!("no-alignment"),
    claim!("one-direction"),
    claim!("several-directions"),
    claim!("leap-1"),
    claim!("leap-2"),
    claim!("leap-3"),
    claim!("staircase"),
    claim!("paper-lines"),
    claim!("stuck"),
    claim!("many-neurons"),
    claim!("hypercube"),
    claim!("absolute-loss"),
    claim!("polar"),
    claim!("kernel-floor"),
    claim!("subspace-floor"),
    claim!("crossover"),
    claim!("gaussian-equivalence"),
    claim!("readout-errors"),
    claim!("reuse"),
    claim!("spectral-threshold"),
    claim!("batch-size"),
    claim!("symmetric-pairs"),
];

/// A check, done.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// What is checked.
    pub says: String,
    /// The number measured, in words.
    pub statistic: String,
    /// The rule.
    pub rule: Rule,
    /// What theory says.
    pub predicted: f64,
    /// Where that is from; empty for a constant.
    pub origin: String,
    /// The allowance beside the statistical error.
    pub margin: f64,
    /// What was measured.
    pub measured: Estimate,
    /// Whether the claim holds.
    pub judgement: Judgement,
    /// The counter-claim.
    pub counter: Countered,
    /// The verdict.
    pub verdict: Verdict,
}

/// A counter-claim, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Countered {
    /// What it says.
    pub says: String,
    /// The value that was predicted.
    pub predicted: f64,
    /// What was measured.
    pub measured: Estimate,
    /// Whether it holds: it should not.
    pub judgement: Judgement,
}

/// A claim, measured.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The claim, in a sentence.
    pub statement: String,
    /// Where it is from.
    pub source: String,
    /// What the measurement has taught.
    pub found: String,
    /// The verdict: the worst of its checks.
    pub verdict: Verdict,
    /// The checks.
    pub checks: Vec<Checked>,
    /// Means over seeds.
    pub rows: Vec<Row>,
    /// What the numbers in the columns of swept text stand for.
    pub labels: String,
    /// The runs.
    pub runs: usize,
    /// The time taken.
    pub seconds: f64,
    /// Figures as SVG.
    #[serde(skip)]
    pub figures: Vec<String>,
}

/// Measures a claim.
///
/// # Errors
/// [`ClaimError`] if runs do not complete or a check asks for what is not there.
pub fn measure(claim: &Claim, session: &Session<'_>) -> Result<Entry, ClaimError> {
    let start = Instant::now();
    let failed = |message: String| ClaimError::Runs {
        name: claim.name.clone(),
        message,
    };
    let jobs = claim.plan.jobs(session.machine);
    let jobs = jobs.map_err(|error| failed(error.to_string()))?;
    let results = match claim.section.measurement {
        Measurement::Training => {
            let report = perform(
                &jobs,
                &Memory::default(),
                &mut |rows| rows,
                Manner::default(),
                session,
            );
            report.map_err(|error| failed(error.to_string()))?.results
        }
        Measurement::Equivalence => equivalence::equivalence(&jobs, session),
    };
    if results.interrupted {
        return Err(failed("interrupted".to_owned()));
    }
    if let Some(first) = results.failures.first() {
        let Failure {
            point,
            seed,
            reason,
            ..
        } = first;
        return Err(failed(format!("seed {seed} {point}: {reason}")));
    }
    let theory = Theory::of(&claim.plan, &session.asked.stop);
    let decide = |check: &Check| {
        decide(check, claim, &results, &theory).map_err(|message| ClaimError::Check {
            name: claim.name.clone(),
            check: check.says.clone(),
            message,
        })
    };
    let checks = claim
        .section
        .check
        .iter()
        .map(decide)
        .collect::<Result<Vec<_>, _>>()?;
    let worst = checks.iter().map(|check| check.verdict).max();
    let shown = results.table.with(shown(claim, &results.table.records));
    let mut drawn = Vec::new();
    let nothing = Predicted::default();
    figures(&claim.plan, &shown, &nothing, session, &mut |_, figure| {
        let svg = figure.map_err(|error| error.to_string());
        drawn.push(svg.and_then(|figure| figure.to_svg().map_err(|error| error.to_string())));
    });
    Ok(Entry {
        name: claim.name.clone(),
        statement: claim.section.statement.clone(),
        source: claim.section.source.clone(),
        found: claim.section.found.clone(),
        verdict: worst.unwrap_or(Verdict::Undecided),
        checks,
        rows: report::rows(&shown),
        labels: report::settings_in_words(&claim.plan),
        runs: results.completed,
        seconds: start.elapsed().as_secs_f64(),
        figures: drawn
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(failed)?,
    })
}

/// The records for figures and means: of the last step alone where the number of steps is swept, all otherwise.
fn shown(claim: &Claim, records: &[Record]) -> Vec<Record> {
    let swept = |point: &Point| point.settings.iter().any(|s| s.key == "protocol.steps");
    if !claim.plan.points.iter().any(swept) {
        return records.to_vec();
    }
    // The records of a run follow each other, in the order of its steps.
    records
        .chunk_by(|a, b| a.run == b.run)
        .flat_map(|run| {
            let last = run.iter().map(|record| record.step).max();
            run.iter().filter(move |record| Some(record.step) == last)
        })
        .copied()
        .collect()
}

/// Measures one check and judges it and its counter-claim by the same rule.
fn decide(
    check: &Check,
    claim: &Claim,
    results: &Results,
    theory: &Theory<'_>,
) -> Result<Checked, String> {
    let (statistic, of) = (&check.statistic, &check.of);
    let estimate = |statistic: &Statistic, of: &Pick| {
        statistic.estimate(of, &claim.plan, &results.table.records)
    };
    let measured = estimate(statistic, of)?;
    let predicted = theory.value(&check.predicted, statistic, of)?;
    let margin = theory.number(&check.margin, of)?;
    let judgement = check.rule.judge(measured, predicted, margin);
    let (says, value, seen) = match &check.counter {
        Counter::Value(value) => {
            let other = theory.value(value, statistic, of)?;
            (value.origin(), other, measured)
        }
        Counter::Control(Control::At(title)) => {
            let at = |pick: &Pick| Pick {
                at: Some(title.clone()),
                ..pick.clone()
            };
            let statistic = match statistic {
                Statistic::Over(other) => Statistic::Over(at(other)),
                other => other.clone(),
            };
            let seen = estimate(&statistic, &at(of))?;
            (format!("of {title}"), predicted, seen)
        }
        Counter::Control(Control::Along(along)) => {
            let other = Pick {
                along: along.clone(),
                ..of.clone()
            };
            let entries: Vec<String> = along.iter().map(f64::to_string).collect();
            (
                format!("of ({})", entries.join(", ")),
                predicted,
                estimate(statistic, &other)?,
            )
        }
        Counter::Control(Control::Metric(metric)) => {
            let other = Pick {
                metric: *metric,
                ..of.clone()
            };
            (
                format!("of {metric}"),
                predicted,
                estimate(statistic, &other)?,
            )
        }
        Counter::Control(Control::Reversed) => {
            let value = -measured.value;
            (
                "the opposite order".to_owned(),
                predicted,
                Estimate { value, ..measured },
            )
        }
    };
    let counter = Countered {
        says,
        predicted: value,
        measured: seen,
        judgement: check.rule.judge(seen, value, margin),
    };
    Ok(Checked {
        says: check.says.clone(),
        statistic: statistic.describe(of),
        rule: check.rule,
        predicted,
        origin: check.predicted.origin(),
        margin,
        measured,
        judgement,
        verdict: Verdict::of(judgement, counter.judgement),
        counter,
    })
}
