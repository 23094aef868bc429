//! What accompanies all work: the wish to end it, whoever looks on, and the processes that share it.

use std::sync::atomic::{AtomicBool, Ordering};

use giantstep::measurement::Measurement;
use giantstep::ranks::{Alone, Ranks};

use crate::plan::{Job, Machine};

/// What was asked for; shared with everything that works.
#[derive(Debug, Default)]
pub struct Asked {
    /// Drop what is under way at the next block of rows.
    pub stop: AtomicBool,
    /// Begin no further run.
    pub wind_down: AtomicBool,
}

impl Asked {
    /// Whether no further run is to begin.
    pub fn to_end(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.wind_down.load(Ordering::Relaxed)
    }

    /// Asks for an end at once.
    pub fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Asks to begin no further run.
    pub fn ask_to_wind_down(&self) {
        self.wind_down.store(true, Ordering::Relaxed);
    }
}

/// A kind of work that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Runs; counted in rows.
    Runs,
    /// Predictions; counted in experiments, then in networks drawn for them.
    Predictions,
    /// Figures; counted in figures.
    Figures,
}

/// What happens while work goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Work of so many units begins.
    Begins {
        /// Which.
        task: Task,
        /// How much.
        units: u64,
    },
    /// So many more units are done.
    Done {
        /// Which.
        task: Task,
        /// How much more.
        units: u64,
    },
    /// A run has finished a step.
    Step {
        /// The run.
        job: &'a Job<'a>,
        /// The step; 0 is the initial network.
        step: u32,
        /// What was measured after it.
        measurements: &'a [Measurement],
    },
    /// A run has ended.
    Ended {
        /// The run.
        job: &'a Job<'a>,
        /// Why it did not complete; none if it did.
        failure: Option<&'a str>,
    },
}

/// Whoever looks on: a bar, a notebook, a page. Called from the threads that work.
pub trait Observer: Sync {
    /// Something has happened.
    fn event(&self, event: Event<'_>);
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event<'_>) {}
}

/// What accompanies all work.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// What the work has for itself.
    pub machine: Machine,
    /// Whether it is to end.
    pub asked: &'a Asked,
    /// Who looks on.
    pub observer: &'a dyn Observer,
    /// The processes that share each run.
    pub ranks: &'a dyn Ranks,
}

impl<'a> Session<'a> {
    /// Work of this process alone that nobody looks at.
    pub fn alone(cores: usize, asked: &'a Asked) -> Self {
        Self {
            machine: Machine { cores, ranks: 1 },
            asked,
            observer: &Silent,
            ranks: &Alone,
        }
    }
}
