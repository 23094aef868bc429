//! What `--explain` shows: the cost of the runs of a plan on each engine.

use giantstep::cost::Cost;
use giantstep_lab::plan::Jobs;
use serde_json::{Value as Json, json};

use super::run::rate;
use crate::render;

/// As one JSON document: an object for each point.
pub(super) fn json(jobs: &Jobs<'_>) -> Json {
    let rate = rate(jobs.plan, jobs.machine);
    let points = jobs.plan.points.iter().enumerate().map(|(index, point)| {
        let job = jobs.list.iter().find(|job| job.index == index);
        let settings: serde_json::Map<String, Json> = point
            .settings
            .iter()
            .map(|setting| (setting.key.clone(), json!(setting.label())))
            .collect();
        let cost = |cost: &Cost| json!({ "cost": cost, "seconds": cost.equivalent_flops() / rate });
        json!({
            "settings": settings,
            "runs": jobs.list.iter().filter(|job| job.index == index).count(),
            "engine": job.map(|job| job.cost.engine),
            "taken": job.map(|job| cost(&job.cost.cost)),
            "other": job.map(|job| cost(&job.cost.other)),
        })
    });
    json!({ "points": points.collect::<Vec<_>>(), "runs": jobs.list.len() })
}

/// As a table: every point on each engine.
pub(super) fn text(jobs: &Jobs<'_>) -> String {
    let rate = rate(jobs.plan, jobs.machine);
    let mut lines = Vec::new();
    for (index, point) in jobs.plan.points.iter().enumerate() {
        let Some(job) = jobs.list.iter().find(|job| job.index == index) else {
            continue;
        };
        let taken = job.cost;
        for (engine, cost, remark) in [
            (taken.engine.name(), taken.cost, "taken"),
            (taken.engine.other().name(), taken.other, ""),
        ] {
            lines.push(vec![
                point.described().trim().to_owned(),
                engine.to_owned(),
                render::number(cost.flops),
                render::number(cost.normals),
                render::number(cost.activations),
                render::bytes(cost.memory as u64),
                render::seconds(cost.equivalent_flops() / rate),
                remark.to_owned(),
            ]);
        }
    }
    let header = [
        "point",
        "engine",
        "flops",
        "normals",
        "activations",
        "memory",
        "a run",
        "",
    ];
    render::aligned(&header, lines)
}
