//! What `--explain` shows: the cost of the runs of a plan on each engine.

use giantstep_lab::load::rate;
use giantstep_lab::plan::Jobs;

use crate::render;

/// As a table: every point on each engine.
pub(super) fn text(jobs: &Jobs<'_>) -> String {
    let rate = rate(jobs.plan, jobs.machine);
    let mut lines = Vec::new();
    for (index, point) in jobs.plan.points.iter().enumerate() {
        let Some(job) = jobs.of_point(index).first() else {
            continue;
        };
        let taken = job.cost;
        let other = taken.engine.other().zip(taken.other);
        let other = other.map(|(engine, cost)| (engine.name(), cost, ""));
        let both = [(taken.engine.name(), taken.cost, "taken")];
        for (engine, cost, remark) in both.into_iter().chain(other) {
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
