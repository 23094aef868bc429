//! One run, fenced: what does not fit into memory or fails in its code is told by its reason.

use giantstep::run::Run;
use giantstep::setup::Setup;
use giantstep::watch::Watch;

use super::memory;
use crate::fence::caught;
use crate::plan::Job;
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
    let setup = Setup {
        engine: job.cost.engine.into(),
        ..job.point.checked.setup.clone()
    };
    caught(|| giantstep::run(&setup, job.seed, &watch))
}
