//! What a run is told from outside, and whom it tells: whether to stop, who looks on, with whom the rows are shared.

use std::fmt;
use std::sync::atomic::AtomicBool;

use crate::measurement::Measurement;
use crate::ranks::{Alone, Ranks};

/// One who looks on while work is done; any number of threads may call at a time.
///
/// Nothing that is computed depends on it. The default of every event is to ignore it.
pub trait Observer: Sync {
    /// So many more rows of a batch were worked off by this process: the unit of [`crate::cost::Cost::rows`].
    fn rows_done(&self, _rows: u64) {}

    /// The giant step `step` (0: the initial network) is finished, and `measured` is all that was recorded of it.
    fn step_done(&self, _step: u32, _measured: &[Measurement]) {}
}

/// One who looks away.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// One who counts rows.
#[derive(Debug, Clone, Copy)]
pub struct OnRows<F>(pub F);

impl<F: Fn(u64) + Sync> Observer for OnRows<F> {
    fn rows_done(&self, rows: u64) {
        self.0(rows);
    }
}

/// Whether to stop, whom to tell, and with whom the rows are shared. By default never, nobody, and alone.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// When set, a pass ends at the next block of rows with [`Interrupted`].
    pub stop: &'a AtomicBool,
    /// Learns of finished rows and steps.
    pub observer: &'a dyn Observer,
    /// The processes that share the blocks of every batch; all execute the same run.
    pub ranks: &'a dyn Ranks,
}

/// The wish of nobody to stop.
pub static NEVER: AtomicBool = AtomicBool::new(false);

impl Default for Watch<'_> {
    fn default() -> Self {
        Self {
            stop: &NEVER,
            observer: &Unobserved,
            ranks: &Alone,
        }
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("stop", self.stop)
            .field("ranks", &self.ranks)
            .finish_non_exhaustive()
    }
}

/// The end of the work was asked for while a pass was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;
