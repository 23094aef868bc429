//! What went wrong, as the page is told: a message, what to do, and where.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use giantstep::expr::ExprError;
use giantstep_lab::remedy::{Remedied, Remedy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

/// A place in a text as the browser counts: units of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct At {
    start: usize,
    end: usize,
}

/// Why a request was not answered.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    message: String,
    help: Option<String>,
    at: Option<At>,
}

impl Problem {
    pub fn new(status: StatusCode, message: impl ToString) -> Self {
        Self {
            status,
            message: message.to_string(),
            help: None,
            at: None,
        }
    }

    /// What was sent cannot be understood, or not be done.
    pub fn input(error: impl Remedied) -> Self {
        let text = error.to_string();
        // Errors of the library carry their help.
        let (message, inner) = match text.split_once("\n  help: ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (text, None),
        };
        Self {
            help: error.remedy().map(words).or(inner),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        }
    }

    /// A text that is no expression.
    pub fn expression(error: &ExprError) -> Self {
        let units = |to: usize| {
            let before = error.text.get(..to).unwrap_or(&error.text);
            before.encode_utf16().count()
        };
        Self {
            help: Some(error.help()),
            at: Some(At {
                start: units(error.span.start),
                end: units(error.span.end),
            }),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, &error.problem)
        }
    }

    /// The program failed.
    pub fn failed(reason: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }

    /// There is nothing of this name.
    pub fn absent(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    pub fn json(&self) -> Json {
        json!({ "error": { "message": self.message, "help": self.help, "at": self.at } })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        answer(self.status, self.json().to_string())
    }
}

/// JSON as a response.
pub fn answer(status: StatusCode, json: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], json).into_response()
}

/// What a request says.
pub fn asked<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))
}

/// The answer to a path that leads nowhere.
pub async fn nothing_here() -> Problem {
    Problem::absent("page")
}

/// What to do, in the words of the page.
fn words(remedy: Remedy) -> String {
    match remedy {
        Remedy::Meant(name) => format!("did you mean `{name}`?"),
        Remedy::LookUpKey => "`giantstep keys` lists every key".to_owned(),
        Remedy::LookUpClaimKey => "docs/claims.md lists the keys of [claim]".to_owned(),
        Remedy::GiveExperiment | Remedy::WriteChange => "give an experiment file".to_owned(),
        Remedy::GiveResults => "choose a folder that `giantstep run` has made".to_owned(),
        Remedy::AllowThreads => {
            "the system allows no further thread: end other programs".to_owned()
        }
        Remedy::OtherFolder | Remedy::MoveAway | Remedy::SeparateRuns => {
            "choose another folder".to_owned()
        }
        Remedy::EndOthers => "end it first".to_owned(),
        Remedy::Repeat => "ask again when this is mended".to_owned(),
        Remedy::Collect(folder) => format!("`giantstep collect {}` makes it", folder.display()),
        Remedy::Launcher(words) | Remedy::Other(words) => words,
    }
}
