//! One run, fenced: what does not fit into memory or fails in its code is told by its reason.

use giantstep::measurement::Measurement;
use giantstep::run::{Outcome, Run, Trainer};
use giantstep::setup::Setup;
use giantstep::watch::Watch;

use super::memory;
use crate::fence::caught;
use crate::keep::{Paused, Trainers};
use crate::plan::Job;
use crate::words;

/// One run, whose numbers are handed over step by step; from where `trainers` have it, with what was told of it before. A
/// run that does not fit into what memory is left, or whose code panics, is told from others by its reason.
pub fn simulate(
    job: &Job<'_>,
    trainers: Option<&Trainers>,
    watch: Watch<'_>,
    measured: &mut dyn FnMut(&[Measurement]),
) -> Result<Run, String> {
    let cost = job.cost.cost;
    let needed = (cost.memory - cost.given) as u64;
    let begun = trainers.and_then(|trainers| trainers.resume(job));
    let mut short = memory::available().filter(|available| *available < needed);
    if let (Some(_), Some(trainers)) = (short, trainers) {
        trainers.clear();
        short = memory::available().filter(|available| *available < needed);
    }
    if watch.ranks.any(short.is_some()) {
        let available = short.unwrap_or_default();
        return Err(format!(
            "out of memory: the run needs about {}, and {} can still be had; free memory or choose smaller n, d or p, then \
             retry",
            words::bytes(needed),
            words::bytes(available)
        ));
    }
    caught(|| {
        let mut told = Vec::new();
        let mut hear = |step: &[Measurement]| {
            measured(step);
            if trainers.is_some() {
                told.push(step.to_vec());
            }
        };
        let mut trainer = match begun {
            Some(Paused {
                trainer,
                told,
                rows,
            }) => {
                for (step, numbers) in (0..).zip(told) {
                    watch.observer.step_done(step, &numbers);
                    hear(&numbers);
                }
                watch.observer.rows_done(rows);
                trainer
            }
            None => {
                let setup = Setup {
                    engine: job.cost.engine.into(),
                    ..job.point.checked.setup.clone()
                };
                let trainer = Trainer::new(&setup, job.seed, &watch);
                hear(trainer.measurements());
                trainer
            }
        };
        trainer.forget_measurements();
        while trainer.step(&watch).is_some() {
            hear(trainer.measurements());
            trainer.forget_measurements();
        }
        match trainers {
            Some(trainers) if trainer.outcome() == Outcome::Completed => {
                let run = trainer.so_far();
                let rows = cost.rows;
                trainers.pause(
                    job,
                    Paused {
                        trainer,
                        told,
                        rows,
                    },
                );
                run
            }
            _ => {
                let run = trainer.finish();
                measured(&run.measurements);
                run
            }
        }
    })
}
