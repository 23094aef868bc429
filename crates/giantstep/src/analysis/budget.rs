//! How long an analysis may take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The time that an analysis may take. Its memory is bounded by the sizes of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// When it is spent, what is not known by then is unknown.
    pub time: Duration,
}

impl Default for Budget {
    /// 10 s.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
        }
    }
}

/// A budget that runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    stop: &'a AtomicBool,
    end: Option<Instant>,
}

impl<'a> Clock<'a> {
    /// Starts now.
    pub fn start(budget: &Budget, stop: &'a AtomicBool) -> Self {
        Self {
            stop,
            end: Instant::now().checked_add(budget.time),
        }
    }

    /// Whether nothing is left, or a stop was asked for.
    pub fn spent(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// A part of what is left, between 0 and 1.
    pub fn part(&self, share: f64) -> Self {
        let now = Instant::now();
        let left = self.end.map(|end| end.saturating_duration_since(now));
        Self {
            end: left.map(|left| now + left.mul_f64(share)),
            ..*self
        }
    }
}
