//! What the runs that are left of a plan will take on this machine.

use giantstep::real::Precision;
use web_time::Instant;

use crate::keep::{Names, RunId};
use crate::plan::{Jobs, Machine, Plan};

/// What is left of a plan.
#[derive(Debug, Default)]
pub struct Remaining {
    /// Runs of the plan.
    pub planned: usize,
    /// Runs that have not ended.
    pub runs: usize,
    /// Flops of these, in units of a product.
    pub flops: f64,
    /// The largest memory of one, in bytes.
    pub memory: f64,
}

/// What is left of a plan when some runs have ended.
pub fn remaining(jobs: &Jobs<'_>, has_ended: &dyn Fn(&RunId) -> bool) -> Remaining {
    let (names, mut left) = (Names::of(jobs), Remaining::default());
    for job in &jobs.list {
        left.planned += 1;
        if !has_ended(&names.id(job)) {
            left.runs += 1;
            left.flops += job.cost.cost.equivalent_flops();
            left.memory = left.memory.max(job.cost.cost.memory);
        }
    }
    left
}

/// Flops a second that the products of a plan reach here: [`speed`] in the precision of its first point.
pub fn rate(plan: &Plan, machine: Machine) -> f64 {
    let first = plan.points.first();
    let precision = first.map_or(Precision::F32, |point| point.checked.setup.precision);
    speed(precision, machine)
}

/// GFLOP/s that `threads` cores reach at most, measured; tens of milliseconds.
pub fn peak(precision: Precision, threads: usize) -> f64 {
    let start = Instant::now();
    giantstep::peak::peak(precision, threads, &|| start.elapsed())
}

/// Flops a second that products reach here: about two thirds of the peak, which is measured.
pub fn speed(precision: Precision, machine: Machine) -> f64 {
    0.66e9 * peak(precision, machine.cores)
}
