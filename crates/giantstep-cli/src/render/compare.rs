//! Predictions beside what was measured, as text.

use giantstep::theory::{Absent, Effort, Status};
use giantstep_lab::compare::{Agreement, Compared, compare};
use giantstep_lab::outlook::Predicted;
use giantstep_lab::plan::Plan;
use giantstep_lab::table::Row;

use super::{aligned, number, results};

/// The most lines of a comparison; the farthest are shown.
const MOST_LINES: usize = 16;

/// The comparison, what has no prediction, and why.
pub fn text(plan: &Plan, predicted: &Predicted, rows: &[Row]) -> String {
    let compared = compare(predicted, rows);
    let mut text = String::new();
    if !compared.is_empty() {
        let count = |agreement| compared.iter().filter(|c| c.agreement == agreement).count();
        text.push_str(&format!(
            "theory: {} of {} predictions within 3 standard errors, {} more within 1/√𝑑, {} apart\n\n",
            count(Agreement::Agrees),
            compared.len(),
            count(Agreement::FiniteSize),
            count(Agreement::Apart),
        ));
        text.push_str(&table(&compared));
    }
    text.push_str(&absent(plan, predicted));
    text
}

/// The farthest comparisons in their order, with the place first.
fn table(compared: &[Compared]) -> String {
    let far = |c: &Compared| match c.agreement {
        Agreement::Agrees => (0, c.distance.map_or(0.0, f64::abs)),
        Agreement::FiniteSize => (1, c.distance.map_or(0.0, f64::abs)),
        Agreement::Apart => (2, c.distance.map_or(f64::MAX, f64::abs)),
    };
    let mut order: Vec<usize> = (0..compared.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (far(&compared[*a]), far(&compared[*b]));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    order.truncate(MOST_LINES);
    order.sort_unstable();
    let shown: Vec<&Compared> = order.iter().map(|index| &compared[*index]).collect();
    let rows: Vec<Row> = shown.iter().map(|c| c.row.clone()).collect();
    let more = shown.iter().map(|c| {
        let verdict = match c.agreement {
            Agreement::Agrees => "",
            Agreement::FiniteSize => "1/√d",
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
        text.push_str(&format!(
            "no prediction of {} ({}{points}): {}\n",
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
    if reasons
        .iter()
        .any(|(absent, _)| absent.effort == Some(Effort::Sampled))
    {
        text.push_str("predictions = \"all\" samples what quadrature does not reach, up to a minute a point\n");
    }
    if predicted.interrupted {
        text.push_str(&format!(
            "interrupted: {} points have no predictions\n",
            predicted.left_out
        ));
    } else if predicted.left_out > 0 {
        text.push_str(&format!(
            "{} further points have no quick predictions: predictions = \"all\" makes them\n",
            predicted.left_out
        ));
    }
    text
}
