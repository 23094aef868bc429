//! What a run leaves behind: a folder of files, a short table, or one JSON document.

use std::path::{Path, PathBuf};
use std::time::Duration;

use giantstep::directions::Directions;
use serde_json::{Value as Json, json};

use crate::execute::{ExecuteError, Results, engine_name, predict};
use crate::figure::FigureError;
use crate::output::{Entries, NamedMatrix, OutputError, write_atomically, write_matrices};
use crate::plan::{Plan, PlanError, Reference};
use crate::plot::figures;
use crate::slope::{Slope, SlopeKind, slopes};
use crate::table::{self, Row, TableError, aggregate};
use crate::terminal;

/// Why results could not be written; results in memory are still printed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The table could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A figure could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// The configuration could not be shown.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The engine of a point could not be told.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// A published or predicted value beside the measured one.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Comparison {
    /// What was published or predicted.
    #[serde(flatten)]
    pub reference: Reference,
    /// The mean measured, if the point was run.
    pub measured: Option<f64>,
    /// Its standard error.
    pub stderr: Option<f64>,
    /// Whether the measured mean lies within the tolerance.
    pub within: Option<bool>,
}

/// Means over seeds, without the rows of single neurons (those are in the Parquet table).
pub fn rows(results: &Results) -> Vec<Row> {
    let few: Vec<_> = results
        .records
        .iter()
        .filter(|record| record.neuron.is_none())
        .cloned()
        .collect();
    aggregate(&few)
}

/// The references of a plan beside what was measured.
pub fn comparisons(plan: &Plan, rows: &[Row]) -> Vec<Comparison> {
    let fits = |reference: &Reference, row: &Row| {
        let at = reference.at.iter().all(|(key, position)| {
            plan.points
                .iter()
                .flat_map(|point| &point.settings)
                .any(|setting| {
                    let axis = row.axes.iter().find(|(axis, _)| axis == key);
                    setting.key == *key
                        && setting.position == *position
                        && axis.is_some_and(|(_, v)| *v == setting.number())
                })
        });
        row.metric == reference.metric
            && row.step == reference.step
            && reference.n.is_none_or(|n| n == row.n)
            && reference.direction == row.direction
            && reference.group == row.group
            && at
    };
    let compare = |reference: &Reference| {
        let row = rows.iter().find(|row| fits(reference, row));
        Comparison {
            reference: reference.clone(),
            measured: row.map(|row| row.mean),
            stderr: row.and_then(|row| row.stderr),
            within: row.map(|row| (row.mean - reference.value).abs() <= reference.tolerance),
        }
    };
    plan.document.references().iter().map(compare).collect()
}

/// Writes the resolved file, the table, weights and figures into `folder`; returns the paths.
///
/// # Errors
/// [`ReportError`] names the file; files written before it stay.
pub fn write(plan: &Plan, results: &Results, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut paths = vec![
        folder.join("experiment.toml"),
        folder.join("results.parquet"),
    ];
    write_atomically(&paths[0], plan.document.resolved()?.as_bytes())?;
    table::write(&paths[1], &results.records)?;
    for weights in &results.weights {
        let path = folder.join(format!(
            "weights-{}-{}.safetensors",
            weights.point + 1,
            weights.seed
        ));
        let (first, target) = (&weights.run.network.first, &weights.run.target);
        let second = Directions::new(giantstep::faer::Mat::from_fn(
            1,
            weights.run.network.second.len(),
            |_, j| weights.run.network.second[j],
        ));
        let overlaps = Directions::new(first.gram(target));
        let gram = Directions::new(first.gram(first));
        let named = [
            ("W", first),
            ("a", &second),
            ("W_star", target),
            ("M", &overlaps),
            ("Q", &gram),
        ];
        let entries: Vec<Vec<f64>> = named.iter().map(|(_, matrix)| row_major(matrix)).collect();
        let matrices: Vec<NamedMatrix<'_>> = named
            .iter()
            .zip(&entries)
            .map(|((name, matrix), entries)| NamedMatrix {
                name,
                rows: matrix.rows(),
                columns: matrix.columns(),
                entries: Entries::F64(entries),
            })
            .collect();
        write_matrices(&path, &matrices)?;
        paths.push(path);
    }
    for (name, figure) in figures(plan, &results.records) {
        paths.extend(figure.save(folder, &name)?);
    }
    Ok(paths)
}

fn row_major(matrix: &Directions) -> Vec<f64> {
    let coordinates = matrix.coordinates();
    (0..matrix.rows())
        .flat_map(|i| (0..matrix.columns()).map(move |j| coordinates[(i, j)]))
        .collect()
}

/// The whole result as one JSON document: a stable interface.
///
/// # Errors
/// [`ReportError`] if the configuration cannot be shown.
pub fn json(
    plan: &Plan,
    results: &Results,
    files: &[PathBuf],
    took: Duration,
) -> Result<Json, ReportError> {
    let rows = rows(results);
    let config: toml::Table = plan.document.resolved()?.parse().unwrap_or_default();
    let points = plan
        .points
        .iter()
        .map(|point| {
            let protocol = &point.checked.experiment.protocol;
            let settings: serde_json::Map<String, Json> = point
                .settings
                .iter()
                .map(|s| (s.key.clone(), json!(s.label())))
                .collect();
            Ok(json!({
                "settings": settings,
                "config": point.spec,
                "n": protocol.batch,
                "d": protocol.dimension,
                "p": point.checked.experiment.network.width,
                "step_size": protocol.step_size,
                "engine": engine_name(predict(point)?.engine),
            }))
        })
        .collect::<Result<Vec<_>, ReportError>>()?;
    Ok(json!({
        "config": config,
        "points": points,
        "rows": rows,
        "references": comparisons(plan, &rows),
        "slopes": slopes(plan, &results.records),
        "failures": results.failures,
        "runs": { "planned": results.planned, "completed": results.completed },
        "interrupted": results.interrupted,
        "files": files,
        "seconds": took.as_secs_f64(),
    }))
}

/// The most lines of results on standard output; all of them are in the Parquet table.
const MOST_LINES: usize = 48;

/// The result for people.
pub fn text(plan: &Plan, results: &Results, files: &[PathBuf], took: Duration) -> String {
    let rows = rows(results);
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
    text.push_str(&labels(plan));
    text.push_str(&terminal::results(&shown[..most]));
    if shown.len() > most {
        text.push_str(&format!(
            "... and {} more rows in results.parquet\n",
            shown.len() - most
        ));
    }
    let comparisons = comparisons(plan, &rows);
    if !comparisons.is_empty() {
        text.push_str(&format!("\n{}", compared(&comparisons)));
    }
    let slopes = slopes(plan, &results.records);
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
    text.push_str(&format!(
        "\n{runs} in {}\n",
        terminal::seconds(took.as_secs_f64())
    ));
    for file in files {
        text.push_str(&format!("{}\n", file.display()));
    }
    text
}

/// What the numbers on an axis of text stand for.
pub fn labels(plan: &Plan) -> String {
    let mut lines: Vec<String> = Vec::new();
    for setting in plan.points.iter().flat_map(|point| &point.settings) {
        let counted = matches!(
            setting.key.as_str(),
            "protocol.batch" | "protocol.dimension" | "network.width"
        );
        let line = format!("{} {}: {}", setting.key, setting.position, setting.label());
        if setting.value.is_str() && !counted && !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        String::new()
    } else {
        lines.join("\n") + "\n\n"
    }
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
            spec.metric.clone(),
            spec.x.clone(),
            at.join(", "),
            format!(
                "{} to {}",
                terminal::number(slope.range.0),
                terminal::number(slope.range.1)
            ),
            format!("{:.3}", slope.measured),
            format!("± {:.3}", slope.half_width),
            format!("{sign}{}", terminal::number(spec.predicted)),
            slope.draws.to_string(),
            spec.source.clone(),
        ]
    });
    terminal::aligned(&header, lines)
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
    let optional = |value: Option<f64>| value.map(terminal::number).unwrap_or_default();
    let lines = comparisons.iter().map(|comparison| {
        let reference = &comparison.reference;
        let mut at: Vec<String> = reference
            .at
            .iter()
            .map(|(key, position)| format!("{key} {position}"))
            .collect();
        at.extend(reference.n.map(|n| format!("n = {}", terminal::number(n))));
        let verdict = match comparison.within {
            None => "not run",
            Some(true) => "within",
            Some(false) => "OUTSIDE",
        };
        vec![
            reference.metric.clone(),
            at.join(", "),
            reference.step.to_string(),
            reference
                .direction
                .map(|k| k.to_string())
                .unwrap_or_default(),
            reference.group.clone().unwrap_or_default(),
            format!(
                "{} ± {}",
                terminal::number(reference.value),
                terminal::number(reference.tolerance)
            ),
            optional(comparison.measured),
            optional(comparison.stderr),
            verdict.to_owned(),
            reference.source.clone(),
        ]
    });
    terminal::aligned(&header, lines)
}
