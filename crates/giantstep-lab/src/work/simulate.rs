//! One run, fenced: what does not fit into memory or fails in its code is told by its reason.

use std::panic::AssertUnwindSafe;

use giantstep::batch::{Direct, InLaw};
use giantstep::cost::EngineKind;
use giantstep::real::Real;
use giantstep::run::{Run, run};
use giantstep::spec::{Checked, Precision};
use giantstep::watch::Watch;

use super::memory;
use crate::plan::{Job, Point};
use crate::words;

/// One run. A run that does not fit into what memory is left, or whose code panics, is told from others by its reason.
pub fn simulate(job: &Job<'_>, watch: Watch<'_>) -> Result<Run, String> {
    let needed = job.cost.cost.memory as u64;
    let short = memory::available().filter(|available| *available < needed);
    if watch.ranks.any(short.is_some()) {
        let available = short.unwrap_or_default();
        return Err(format!(
            "out of memory: the run needs about {}, and {} can still be had; free memory or choose smaller n, d or p, then \
             retry",
            words::bytes(needed),
            words::bytes(available)
        ));
    }
    let run = || simulate_unchecked(job.point, job.cost.engine, job.seed, watch);
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        format!(
            "the program failed: {}; please report it",
            text.unwrap_or_default()
        )
    })
}

/// One seed of one point.
fn simulate_unchecked(point: &Point, engine: EngineKind, seed: u64, watch: Watch<'_>) -> Run {
    fn on<T: Real>(checked: &Checked, engine: EngineKind, seed: u64, watch: Watch<'_>) -> Run {
        let dimension = checked.experiment.protocol.dimension;
        match engine {
            EngineKind::Direct => {
                let mut engine = Direct::<T>::new(dimension as usize, checked.directions, seed);
                run(&checked.experiment, &mut engine, seed, watch)
            }
            EngineKind::InLaw => {
                let mut engine = InLaw::<T>::new(dimension, seed);
                run(&checked.experiment, &mut engine, seed, watch)
            }
        }
    }
    match point.checked.precision {
        Precision::F32 => on::<f32>(&point.checked, engine, seed, watch),
        Precision::F64 => on::<f64>(&point.checked, engine, seed, watch),
    }
}
