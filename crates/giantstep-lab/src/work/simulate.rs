//! One run, fenced: what does not fit into memory or fails in its code is told by its reason.

use giantstep::measurement::Measurement;
use giantstep::run::{Run, Trainer};
use giantstep::setup::Setup;
use giantstep::watch::Watch;

use super::memory;
use crate::fence::caught;
use crate::plan::Job;
use crate::words;

/// One run, whose numbers are handed over step by step. A run that does not fit into what memory is left, or whose code
/// panics, is told from others by its reason.
pub fn simulate(
    job: &Job<'_>,
    watch: Watch<'_>,
    measured: &mut dyn FnMut(&[Measurement]),
) -> Result<Run, String> {
    let cost = job.cost.cost;
    let needed = (cost.memory - cost.given) as u64;
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
    let setup = Setup {
        engine: job.cost.engine.into(),
        ..job.point.checked.setup.clone()
    };
    caught(|| {
        let mut trainer = Trainer::new(&setup, job.seed, &watch);
        measured(&trainer.take_measurements());
        while trainer.step(&watch).is_some() {
            measured(&trainer.take_measurements());
        }
        let run = trainer.finish();
        measured(&run.measurements);
        run
    })
}
