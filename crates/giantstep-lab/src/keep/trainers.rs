//! Runs that have taken their last step and may be taken further: one more giant step then costs one step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use giantstep::measurement::Measurement;
use giantstep::run::Trainer;

use super::{RunId, resolved};
use crate::plan::Job;

/// A run after its last step.
#[derive(Debug)]
pub struct Paused {
    /// With no step left.
    pub trainer: Trainer<'static>,
    /// What was measured after each step, from 0.
    pub told: Vec<Vec<Measurement>>,
    /// Rows that went through it.
    pub rows: u64,
}

/// Paused runs, the oldest first. Those that would take more memory than is set aside for all are dropped.
#[derive(Debug)]
pub struct Trainers {
    bytes: f64,
    held: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    name: RunId,
    bytes: f64,
    paused: Paused,
}

/// What a run is, however many steps it takes.
fn name(job: &Job<'_>) -> RunId {
    let mut settings = resolved(job.point, job.cost.engine, job.seed);
    settings.remove("protocol.steps");
    RunId::of(&settings)
}

impl Trainers {
    /// None yet, and so many bytes for them by the cost model.
    pub fn up_to(bytes: f64) -> Self {
        let held = Mutex::default();
        Self { bytes, held }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the run that is furthest on the way of this one, prolonged to its steps.
    pub(crate) fn resume(&self, job: &Job<'_>) -> Option<Paused> {
        let (name, steps) = (name(job), job.point.checked.setup.experiment.protocol.steps);
        let mut held = self.held();
        let before = held.iter().enumerate().filter(|(_, one)| one.name == name);
        let taken = before.map(|(place, one)| (one.paused.trainer.taken(), place));
        let (_, place) = taken.filter(|(taken, _)| *taken <= steps).max()?;
        let mut found = held.remove(place).paused;
        drop(held);
        found.trainer.prolong(steps).then_some(found)
    }

    /// Keeps a run that has taken all its steps, as far as there is room.
    pub(crate) fn pause(&self, job: &Job<'_>, paused: Paused) {
        let (name, bytes) = (name(job), job.cost.cost.memory);
        let mut held = self.held();
        held.push(Held {
            name,
            bytes,
            paused,
        });
        let mut sum: f64 = held.iter().map(|one| one.bytes).sum();
        held.retain(|one| {
            let stays = sum <= self.bytes;
            if !stays {
                sum -= one.bytes;
            }
            stays
        });
    }

    /// Drops all of them: something else needs the memory.
    pub(crate) fn clear(&self) {
        self.held().clear();
    }
}
