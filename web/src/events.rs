//! The log of a run as events of the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Of};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::unfold;
use tokio::sync::watch;

use crate::State;
use crate::problem::Refusal;
use crate::runs::Run;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// A reader on its way through a log.
struct Reader {
    run: Arc<Run>,
    next: usize,
    changed: watch::Receiver<usize>,
    progress: (u64, u64),
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            match self.run.log.at(self.next) {
                Ok(Some((name, json))) => {
                    let event = Event::default().id(self.next.to_string()).event(name);
                    self.next += 1;
                    return Some((Ok(event.data(&*json)), self));
                }
                Err(()) => return None,
                Ok(None) => {}
            }
            let progress = self.run.progress();
            if progress != self.progress {
                self.progress = progress;
                let json = format!(r#"{{"done":{},"of":{}}}"#, progress.0, progress.1);
                return Some((Ok(Event::default().event("progress").data(json)), self));
            }
            // Whichever comes first; a run that is gone has closed its log.
            let _ = tokio::time::timeout(TELL, self.changed.changed()).await;
        }
    }
}

/// The events of a run, from the one after `Last-Event-ID` on.
pub async fn of_run(
    Of(state): Of<Arc<State>>,
    Path(run): Path<u64>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let run = state.runs.find(run)?;
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let reader = Reader {
        changed: run.log.changes(),
        run,
        next: last.map_or(0, |last| last.saturating_add(1)),
        progress: (0, 0),
    };
    let stream = Sse::new(unfold(reader, Reader::next));
    Ok(stream.keep_alive(KeepAlive::default()))
}
