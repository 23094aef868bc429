//! Predictions beside what was measured, as text.

use giantstep::theory::{Absent, Status};
use giantstep_lab::compare::{Agreement, Compared, Tally, compare, farthest};
use giantstep_lab::outlook::Predicted;
use giantstep_lab::plan::Plan;
use giantstep_lab::table::Row;

use super::{aligned, number, results};

/// The most lines of a comparison; the farthest are shown.
const MOST_LINES: usize = 5;

/// The comparison, what has no prediction, and why.
pub fn text(plan: &Plan, predicted: &Predicted, rows: &[Row]) -> String {
    let compared = compare(predicted, rows);
    let mut text = String::new();
    if let Some(sentence) = sentence(&compared) {
        text.push_str(&format!("{sentence}\n\n{}", table(&compared)));
    }
    text.push_str(&absent(plan, predicted));
    text
}

/// One sentence on all comparisons, and what would tell more; none if there are none.
pub fn sentence(compared: &[Compared]) -> Option<String> {
    let Tally {
        all,
        agree,
        within_spread,
        finite_size,
        unknown,
        apart,
    } = Tally::of(compared);
    if all == 0 {
        return None;
    }
    let single = compared.iter().all(|c| c.row.stderr.is_none());
    let mut parts = Vec::new();
    let mut part = |count: usize, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    part(agree, "within 3 standard errors");
    part(within_spread, "within the predicted spread over seeds");
    let further = match agree + within_spread {
        0 => "within 1/√d",
        _ => "further but within 1/√d",
    };
    part(finite_size, further);
    part(unknown, "beyond 1/√d, of unknown spread");
    let parts = parts.join(", ");
    let mut sentence = match (apart, unknown) {
        (0, 0) => format!("theory agrees: of {all} predictions {parts}"),
        (0, _) => format!("theory: of {all} predictions {parts}"),
        (_, _) if apart == all => format!("theory: all {all} predictions lie APART"),
        (_, _) => format!("theory: {apart} of {all} predictions lie APART; {parts}"),
    };
    if single {
        sentence.push_str("; a single run has no standard error: more run.seeds tell more");
    }
    Some(sentence)
}

/// The farthest comparisons, with the place first.
fn table(compared: &[Compared]) -> String {
    let shown = farthest(compared, MOST_LINES);
    let rows: Vec<Row> = shown.iter().map(|c| c.row.clone()).collect();
    let more = shown.iter().map(|c| {
        let verdict = match c.agreement {
            Agreement::Agrees => "",
            Agreement::WithinSpread => "spread",
            Agreement::FiniteSize => "1/√d",
            Agreement::Unknown => "one run",
            Agreement::Apart => "APART",
        };
        vec![
            number(c.prediction.value),
            c.prediction.standard_error.map(number).unwrap_or_default(),
            c.distance.map(|z| format!("{z:+.1}")).unwrap_or_default(),
            verdict.to_owned(),
            status(c.prediction.status).to_owned(),
            // The formula; --json and `predict` have the whole source.
            c.prediction
                .source
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned(),
        ]
    });
    let header = ["predicted", "error", "s.e. apart", "", "", "source"];
    let mut text = beside(&results(&rows), &aligned(&header, more));
    if compared.len() > shown.len() {
        text.push_str(&format!(
            "... and {} that lie nearer (--json has all)\n",
            compared.len() - shown.len()
        ));
    }
    text
}

/// Two tables of the same length side by side.
fn beside(left: &str, right: &str) -> String {
    let width = left.lines().map(|line| line.chars().count()).max();
    let width = width.unwrap_or(0) + 2;
    let lines = left.lines().zip(right.lines());
    lines
        .map(|(left, right)| format!("{left:width$}{right}\n"))
        .collect()
}

/// The word for how sure a prediction is.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Theorem => "theorem",
        Status::Derived => "derived",
        Status::Conjectured => "conjectured",
    }
}

/// What has no prediction and why, each reason once; empty if nothing is missing.
pub fn absent(plan: &Plan, predicted: &Predicted) -> String {
    let mut reasons: Vec<(&Absent, usize)> = Vec::new();
    for absent in predicted
        .outlooks
        .iter()
        .flat_map(|o| &o.predictions.absent)
    {
        match reasons.iter_mut().find(|(known, _)| *known == absent) {
            Some((_, points)) => *points += 1,
            None => reasons.push((absent, 1)),
        }
    }
    let mut text = String::new();
    let steps = |(first, last): (u32, u32)| match first == last {
        true => format!("step {first}"),
        false => format!("steps {first} to {last}"),
    };
    for (absent, points) in &reasons {
        let points = match plan.points.len() {
            1 => String::new(),
            all => format!(", {points} of {all} points"),
        };
        let formula = match (&absent.formula, absent.needs) {
            (Some(formula), None) => format!("; {formula} would give it and is not evaluated here"),
            (Some(formula), Some(_)) => format!("; it comes from {formula}"),
            (None, _) => "; no formula is known".to_owned(),
        };
        text.push_str(&format!(
            "no prediction of {} ({}{points}): {}{formula}\n",
            absent
                .metrics
                .iter()
                .map(|metric| metric.name())
                .collect::<Vec<_>>()
                .join(", "),
            steps(absent.steps),
            absent.reason
        ));
    }
    if reasons.iter().any(|(absent, _)| absent.needs.is_some()) {
        text.push_str(
            "`giantstep predict --all` and predictions = \"all\" take the time and the samples that these need\n",
        );
    }
    if predicted.interrupted {
        text.push_str("interrupted: predictions are not complete\n");
    }
    text
}
