//! What matters of a worked-off plan, in one screen; `--rows` has the rest.

use std::path::{Path, PathBuf};

use giantstep_lab::compare::{Agreement, Compared, compare, farthest};
use giantstep_lab::plan::{Plan, SlopeKind};
use giantstep_lab::published::{Comparison, comparisons};
use giantstep_lab::report::{Report, rows};
use giantstep_lab::results::Failure;
use giantstep_lab::slope::{Slope, slopes};
use giantstep_lab::table::Row;

use super::{number, seconds, wrapped};
use giantstep_lab::words::uncertain;

/// The most lines of each kind.
const MOST_COMPARED: usize = 7;
const MOST_SLOPES: usize = 6;
const MOST_APART: usize = 5;
const MOST_MEANS: usize = 8;
const MOST_FILES: usize = 4;
/// Columns of a place in words.
const PLACE: usize = 44;

/// The screen: at most 25 lines of 80 columns, unless runs have failed.
pub fn text(report: &Report<'_>, files: &[PathBuf]) -> String {
    let plan = report.jobs.plan;
    let rows = rows(&report.results.table);
    let published = comparisons(plan, &report.results.table, &rows);
    let exponents = slopes(plan, &report.results.table);
    let mut parts = vec![plan.document.title().map(|title| wrapped(title, 0))];
    if published.is_empty() && exponents.is_empty() {
        parts.push(Some(means(plan, &rows)));
    }
    parts.push((!published.is_empty()).then(|| against_published(plan, &published)));
    parts.push((!exponents.is_empty()).then(|| fitted(plan, &exponents)));
    parts.push(theory(plan, &compare(&report.predicted, &rows)));
    parts.push(failed(&report.results.failures));
    parts.push(Some(closing(report, files)));
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("\n")
}

/// Test errors and alignments after the last recorded step, point by point.
fn means(plan: &Plan, rows: &[Row]) -> String {
    let last = rows.iter().map(|row| row.step).max().unwrap_or(0);
    let names = ["test_error", "weight_alignment"];
    let shown = rows
        .iter()
        .filter(|row| row.step == last && names.contains(&row.metric.to_string().as_str()));
    let lines: Vec<String> = shown
        .map(|row| {
            line(
                &row.metric.to_string(),
                &place_of(plan, row),
                &measured(row.mean, row.stderr),
                "",
            )
        })
        .collect();
    format!("after {last} steps\n{}", first(lines, MOST_MEANS))
}

/// Published values beside the measured ones, those outside first.
fn against_published(plan: &Plan, comparisons: &[Comparison]) -> String {
    let mut order: Vec<&Comparison> = comparisons.iter().collect();
    order.sort_by_key(|comparison| comparison.within != Some(false));
    let outside = order.iter().filter(|c| c.within == Some(false)).count();
    let run = order.iter().filter(|c| c.within.is_some()).count();
    let lines = order.iter().map(|comparison| {
        let reference = &comparison.reference;
        let mut at: Vec<String> = reference
            .at
            .iter()
            .map(|(key, position)| label(plan, key, *position))
            .collect();
        at.extend(reference.n.map(|n| format!("n = {}", number(n))));
        at.push(match reference.between {
            None => format!("step {}", reference.step),
            Some(levels) => super::steps_between(levels),
        });
        at.extend(reference.direction.map(|k| format!("z{k}")));
        at.extend(reference.group.as_ref().map(|sign| format!("a {sign}")));
        let value = match comparison.measured {
            Some(value) => measured(value, comparison.stderr),
            None => super::unmeasured(reference).to_owned(),
        };
        let verdict = match comparison.within {
            Some(false) => format!(
                "OUTSIDE {} ± {}",
                number(reference.value),
                number(reference.tolerance)
            ),
            _ => format!(
                "{} ± {}",
                number(reference.value),
                number(reference.tolerance)
            ),
        };
        line(
            &reference.metric.to_string(),
            &at.join(", "),
            &value,
            &verdict,
        )
    });
    let headline = match outside {
        0 => format!("{run} of {run} published values within their tolerance"),
        outside => format!("{outside} of {run} published values OUTSIDE their tolerance"),
    };
    format!("{headline}\n{}", first(lines.collect(), MOST_COMPARED))
}

/// Fitted exponents beside the predicted ones.
fn fitted(plan: &Plan, slopes: &[Slope]) -> String {
    let lines = slopes.iter().map(|slope| {
        let spec = &slope.spec;
        let at: Vec<String> = spec
            .at
            .iter()
            .map(|(key, position)| label(plan, key, *position))
            .collect();
        let sign = match spec.kind {
            SlopeKind::Equal => "",
            SlopeKind::AtMost => "≤ ",
        };
        line(
            &format!("{} in {}", spec.metric, spec.x),
            &at.join(", "),
            &format!("{:.2} ± {:.2}", slope.measured, slope.half_width),
            &format!("{sign}{}", number(spec.predicted)),
        )
    });
    format!(
        "exponents (95 %) beside those of theory\n{}",
        first(lines.collect(), MOST_SLOPES)
    )
}

/// One sentence on theory, then what lies apart.
fn theory(plan: &Plan, compared: &[Compared]) -> Option<String> {
    let sentence = super::compare::sentence(compared)?;
    let mut far = farthest(compared, MOST_APART);
    far.retain(|c| c.agreement == Agreement::Apart);
    let lines = far.iter().map(|c| {
        let mut place = place_of(plan, &c.row);
        place.push_str(&format!(", step {}", c.row.step));
        place.push_str(
            &c.row
                .direction
                .map(|k| format!(", z{k}"))
                .unwrap_or_default(),
        );
        line(
            &c.row.metric.to_string(),
            place.trim_start_matches(", "),
            &measured(c.row.mean, c.row.stderr),
            &format!("theory {}", number(c.prediction.value)),
        )
    });
    Some(format!(
        "{}{}",
        wrapped(&sentence, 0),
        lines.collect::<String>()
    ))
}

fn failed(failures: &[Failure]) -> Option<String> {
    let lines = failures.iter().map(|failure| {
        wrapped(
            &format!(
                "seed {} {}: {}",
                failure.seed, failure.point, failure.reason
            ),
            0,
        )
    });
    (!failures.is_empty()).then(|| first(lines.collect(), MOST_APART))
}

/// How many runs, how long, and where everything is: pictures first.
fn closing(report: &Report<'_>, files: &[PathBuf]) -> String {
    let runs = format!(
        "{} of {} runs",
        report.results.completed, report.results.planned
    );
    let runs = match report.found {
        0 => runs,
        found => format!("{runs}, {found} of them found in the folder,"),
    };
    let mut text = format!("{runs} in {}\n", seconds(report.took.as_secs_f64()));
    let is = |path: &&PathBuf, ending: &str| path.extension().is_some_and(|e| e == ending);
    let mut shown: Vec<&Path> = files
        .iter()
        .filter(|path| is(path, "png"))
        .map(PathBuf::as_path)
        .collect();
    let more = shown.len().saturating_sub(MOST_FILES);
    shown.truncate(MOST_FILES);
    shown.extend(
        files
            .iter()
            .filter(|path| is(path, "parquet"))
            .map(PathBuf::as_path),
    );
    for path in shown {
        text.push_str(&format!("{}\n", path.display()));
    }
    if more > 0 {
        text.push_str(&format!("... and {more} more pictures beside them\n"));
    }
    text
}

/// The swept settings of a mean, in words.
fn place_of(plan: &Plan, row: &Row) -> String {
    let index = row.point as usize;
    let point = index
        .checked_sub(1)
        .and_then(|index| plan.points.get(index));
    let settings = point.map_or(&[][..], |point| &point.settings);
    let words: Vec<String> = settings
        .iter()
        .map(|setting| match setting.key.as_str() {
            "protocol.batch" => format!("n = {}", number(row.n)),
            "protocol.dimension" => format!("d = {}", number(row.d)),
            "network.width" => format!("p = {}", row.p),
            _ => setting.label(),
        })
        .collect();
    words.join(", ")
}

/// A swept value by its position.
fn label(plan: &Plan, key: &str, position: usize) -> String {
    let mut settings = plan.points.iter().flat_map(|point| &point.settings);
    let found = settings.find(|setting| setting.key == key && setting.position == position);
    found.map_or_else(|| format!("{key} {position}"), |setting| setting.label())
}

fn measured(value: f64, stderr: Option<f64>) -> String {
    stderr.map_or_else(|| number(value), |stderr| uncertain(value, stderr))
}

/// A line of four columns that fits the screen.
fn line(what: &str, place: &str, value: &str, beside: &str) -> String {
    let mut head = match place {
        "" => what.to_owned(),
        place => format!("{what}, {place}"),
    };
    if head.chars().count() > PLACE {
        head = head.chars().take(PLACE - 1).chain(['…']).collect();
    }
    format!("  {head:PLACE$}  {value:<13} {beside}")
        .trim_end()
        .to_owned()
        + "\n"
}

/// The first lines, and how many more there are.
fn first(lines: Vec<String>, most: usize) -> String {
    let more = lines.len().saturating_sub(most);
    let mut text: String = lines.into_iter().take(most).collect();
    if more > 0 {
        text.push_str(&format!("  ... and {more} more (--rows shows all)\n"));
    }
    text
}
