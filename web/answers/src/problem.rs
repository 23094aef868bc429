//! What went wrong, as the page is told: a message, what to do, and where.

use giantstep::expr::ExprError;
use giantstep_lab::remedy::{Remedied, Remedy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

/// What kind of problem it is: who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The question is no question.
    Question,
    /// What was sent cannot be understood, or not be done.
    Input,
    /// There is nothing of this name.
    Absent,
    /// It is not ready.
    Early,
    /// Too much is under way.
    Busy,
    /// The program failed.
    Failed,
}

/// A place in a text as the browser counts: units of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct At {
    start: usize,
    end: usize,
}

/// Why a request was not answered.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    message: String,
    help: Option<String>,
    at: Option<At>,
}

impl Problem {
    /// A problem that words tell.
    pub fn new(kind: Kind, message: impl ToString) -> Self {
        Self {
            kind,
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
            ..Self::new(Kind::Input, message)
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
            ..Self::new(Kind::Input, &error.problem)
        }
    }

    /// The program failed.
    pub fn failed(reason: impl ToString) -> Self {
        Self::new(Kind::Failed, reason)
    }

    /// There is nothing of this name.
    pub fn absent(what: &str) -> Self {
        Self::new(Kind::Absent, format!("there is no such {what}"))
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the page is told.
    pub fn json(&self) -> Json {
        json!({ "error": { "message": self.message, "help": self.help, "at": self.at } })
    }
}

/// What a question says.
///
/// # Errors
/// It is no JSON of this kind.
pub fn asked<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::new(Kind::Question, error))
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
        Remedy::RunByHand => "run it with `giantstep run`, or choose a law".to_owned(),
        Remedy::EndOthers => "end it first".to_owned(),
        Remedy::Repeat => "ask again when this is mended".to_owned(),
        Remedy::Collect(folder) => format!("`giantstep collect {}` makes it", folder.display()),
        Remedy::Launcher(words) | Remedy::Other(words) => words,
    }
}
