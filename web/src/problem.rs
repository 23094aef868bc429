//! A problem as a response, and answers.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use giantstep_answers::{Kind, Problem};

/// A request that is refused.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    problem: Problem,
}

impl Refusal {
    /// With a status of its own.
    pub fn new(status: StatusCode, message: impl ToString) -> Self {
        let problem = Problem::new(Kind::Question, message);
        Self { status, problem }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = match problem.kind() {
            Kind::Question => StatusCode::BAD_REQUEST,
            Kind::Input => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Absent => StatusCode::NOT_FOUND,
            Kind::Early => StatusCode::CONFLICT,
            Kind::Busy => StatusCode::TOO_MANY_REQUESTS,
            Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, problem }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self.status, self.problem.json().to_string())
    }
}

/// JSON as a response.
pub fn answer(status: StatusCode, json: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], json).into_response()
}

/// The answer to a path that leads nowhere.
pub async fn nothing_here() -> Refusal {
    Problem::absent("page").into()
}
