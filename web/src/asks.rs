//! Questions and their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::extract::State as Of;
use axum::http::StatusCode;
use axum::response::Response;
use giantstep_answers::{Problem, Question};

use crate::State;
use crate::lane::Lane;
use crate::problem::{Refusal, answer};

/// Set when the request is dropped.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Answers a question; whoever asked it and has gone away ends the work.
pub async fn ask(
    question: Question,
    Of(state): Of<Arc<State>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let gone = Gone(Arc::new(AtomicBool::new(false)));
    let stop = gone.0.clone();
    let lane = match question {
        Question::Catalogue | Question::Read | Question::Check => Lane::Short,
        Question::Analyze | Question::Predict => Lane::Long,
    };
    let setting = state.setting;
    let work = move || match stop.load(Ordering::Relaxed) {
        true => Err(Problem::failed("nobody waits for this any more")),
        false => question.answer(&body, &setting, &stop),
    };
    let json = lane.work(&state, work).await?;
    Ok(answer(StatusCode::OK, json.to_string()))
}
