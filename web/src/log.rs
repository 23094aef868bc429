//! What a run tells while it works, kept so that whoever comes late or comes back hears all of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Everything told so far, numbered from 0.
#[derive(Debug)]
pub struct Log {
    lines: Mutex<Lines>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Lines {
    told: Vec<(&'static str, Arc<str>)>,
    closed: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            lines: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells something.
    pub fn tell(&self, name: &'static str, json: String) {
        self.lines().told.push((name, json.into()));
        self.count.send_modify(|count| *count += 1);
    }

    /// Nothing more will be told.
    pub fn close(&self) {
        self.lines().closed = true;
        self.count.send_modify(|count| *count += 1);
    }

    /// Changes whenever something is told.
    pub fn changes(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// What was told at this place; `Err` if nothing is and nothing will be.
    pub fn at(&self, place: usize) -> Result<Option<(&'static str, Arc<str>)>, ()> {
        let lines = self.lines();
        match (lines.told.get(place), lines.closed) {
            (Some(told), _) => Ok(Some(told.clone())),
            (None, false) => Ok(None),
            (None, true) => Err(()),
        }
    }
}
