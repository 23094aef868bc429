//! What is handed over as JSON, the same by every front: `--json` of the command line, `to_dict` of Python, the page.
//!
//! Results are [`crate::report::Report::json`], the state of a folder is [`crate::standing::Standing`].

use std::path::PathBuf;

use giantstep::analysis::{BooleanReport, Report};
use giantstep::cost::Cost;
use giantstep::measurement::Measurement;
use serde_json::{Value as Json, json};

use crate::outlook::Predicted;
use crate::plan::{Job, Jobs, Plan, PlanError, Point};

/// An analysis with its answer: what `giantstep analyze --json` prints.
pub fn analysis(report: &Report) -> Json {
    let mut json = json!(report);
    json["answer"] = report.answer().into();
    json
}

/// The same of Boolean inputs: what `giantstep analyze --inputs hypercube --json` prints.
pub fn boolean_analysis(report: &BooleanReport) -> Json {
    let mut json = json!(report);
    json["answer"] = report.answer().into();
    json
}

/// What a run has measured after a step.
pub fn step(job: &Job<'_>, step: u32, measured: &[Measurement]) -> Json {
    let (point, seed) = (job.index + 1, job.seed);
    json!({ "point": point, "seed": seed, "step": step, "measured": measured })
}

/// The cost of a run of each point on each engine, in seconds at a rate in flops: what `--explain --json` prints.
pub fn costs(jobs: &Jobs<'_>, rate: f64) -> Json {
    let points = jobs.plan.points.iter().enumerate().map(|(index, point)| {
        let runs = jobs.of_point(index);
        let job = runs.first();
        let settings: serde_json::Map<String, Json> = point
            .settings
            .iter()
            .map(|setting| (setting.key.clone(), json!(setting.label())))
            .collect();
        let cost = |cost: &Cost| json!({ "cost": cost, "seconds": cost.equivalent_flops() / rate });
        json!({
            "settings": settings,
            "runs": runs.len(),
            "engine": job.map(|job| job.cost.engine),
            "taken": job.map(|job| cost(&job.cost.cost)),
            "other": job.and_then(|job| job.cost.other.as_ref().map(cost)),
        })
    });
    json!({ "points": points.collect::<Vec<_>>(), "runs": jobs.list.len() })
}

/// What theory says of a plan: what `giantstep predict --json` prints.
///
/// # Errors
/// [`PlanError`] if the configuration cannot be shown.
pub fn predictions(
    plan: &Plan,
    predicted: &Predicted,
    files: &[PathBuf],
) -> Result<Json, PlanError> {
    let resolved = plan.document.resolved()?;
    let config: toml::Table = resolved.parse().unwrap_or_default();
    let point = |point: &Point| {
        let settings = point.settings.iter();
        let settings: serde_json::Map<String, Json> = settings
            .map(|setting| (setting.key.clone(), json!(setting.label())))
            .collect();
        let experiment = &point.checked.setup.experiment;
        json!({
            "settings": settings,
            "n": experiment.protocol.batch,
            "d": experiment.protocol.dimension,
            "p": experiment.network.width,
        })
    };
    Ok(json!({
        "config": config,
        "points": plan.points.iter().map(point).collect::<Vec<_>>(),
        "predictions": predicted.json(),
        "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
    }))
}
