//! Where work is done: on threads that long work shares, or on those that are left to short work.

use giantstep_answers::Problem;
use giantstep_lab::fence::fenced;

use crate::State;

/// How long a piece of work may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Milliseconds.
    Short,
    /// Seconds: it waits until a core is free, and is forgotten if nobody waits for it any more.
    Long,
}

impl Lane {
    /// Does it on a thread of its own; a panic in it is told as a problem.
    pub async fn work<T: Send + 'static>(
        self,
        state: &State,
        what: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = match self {
            Self::Short => None,
            Self::Long => {
                let free = state.long.clone().acquire_owned().await;
                Some(free.map_err(Problem::failed)?)
            }
        };
        let work = move || {
            // Until the work has ended, also if nobody waits for it any more.
            let _turn = turn;
            fenced(what).unwrap_or_else(|reason| Err(Problem::failed(reason)))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(Problem::failed(error)))
    }
}
