//! Why an experiment file is not accepted.

use std::path::PathBuf;

use giantstep::spec::SpecError;

use super::UnknownKey;
use crate::remedy::{Remedied, Remedy, at_once};
use crate::rows::RowsError;

/// Why an experiment file was not accepted; nothing has been run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{origin} is not TOML: {message}")]
    Syntax {
        /// The file or the override.
        origin: String,
        /// What the parser said, with the place.
        message: String,
    },
    /// An override without `=`.
    #[error("the change `{text}` has no `=`")]
    Override {
        /// As typed.
        text: String,
    },
    /// Keys that no experiment file has.
    #[error("{}", told(unknown))]
    UnknownKeys {
        /// Each with what is probably meant.
        unknown: Vec<UnknownKey>,
    },
    /// A value of the wrong kind.
    #[error("{key}: {message}")]
    Value {
        /// The dotted key.
        key: String,
        /// What was expected.
        message: String,
    },
    /// A key that a file must have.
    #[error("{}", absent(key))]
    Missing {
        /// The dotted key, or the section.
        key: String,
    },
    /// Several of these.
    #[error("{}", listed(.0))]
    Several(
        /// In the order in which they were found.
        Vec<PlanError>,
    ),
    /// A value that was refused.
    #[error("{0}")]
    Spec(#[from] SpecError),
    /// Rows of a file that were refused.
    #[error("{0}")]
    Rows(#[from] Box<RowsError>),
    /// A value that was refused at one point of a sweep.
    #[error("at the point {point} of the sweep:\n{source}")]
    Point {
        /// The settings of the point.
        point: String,
        /// The refusal.
        source: Box<PlanError>,
    },
    /// A change of the `[quick]` table is wrong.
    #[error("[quick] {0}")]
    Quick(Box<PlanError>),
    /// Too many runs.
    #[error("the points of the sweep and their seeds make {runs} runs, more than {limit}")]
    TooManyRuns {
        /// As asked for.
        runs: u64,
        /// At most.
        limit: u64,
    },
    /// Too many points.
    #[error("the sweep has {points} points, more than {limit}")]
    TooManyPoints {
        /// As asked for; a float, which does not overflow.
        points: f64,
        /// At most.
        limit: usize,
    },
    /// A function, which no file holds.
    #[error("{key} = {name}: a function given as code, which no file holds")]
    Callable {
        /// The key of the expression whose place it takes.
        key: &'static str,
        /// Its name.
        name: String,
    },
    /// An axis over an expression whose place a function takes.
    #[error("sweep: an axis sets `{key}`, whose place the function `{name}` takes")]
    Taken {
        /// The key.
        key: &'static str,
        /// The name of the function.
        name: String,
    },
    /// Two axes over one key.
    #[error("sweep: an axis sets `{earlier}` and a later one `{later}`")]
    SetTwice {
        /// The key of the earlier axis.
        earlier: String,
        /// The key of the later one.
        later: String,
    },
    /// Two points that are one experiment.
    #[error(
        "sweep: the points {first} and {second} are the same experiment: their draws are the same"
    )]
    EqualPoints {
        /// The settings of the first.
        first: String,
        /// The settings of the second.
        second: String,
    },
}

/// A key that is missing, or a section.
fn absent(key: &str) -> String {
    match key.contains('.') {
        true => format!("{key} is missing"),
        false => format!("the section [{key}] is missing"),
    }
}

/// All errors, each from a line of its own on.
fn listed(all: &[PlanError]) -> String {
    let texts = all.iter().map(|error| match error {
        PlanError::UnknownKeys { unknown } => lines(unknown),
        error => error.to_string(),
    });
    at_once(&texts.collect::<Vec<_>>())
}

/// Unknown keys; what is meant by an only one is the remedy.
fn told(unknown: &[UnknownKey]) -> String {
    match unknown {
        [only] if only.meant.is_some() => format!("unknown key `{}`", only.key),
        all => lines(all),
    }
}

/// A line for each unknown key, with what is meant.
fn lines(unknown: &[UnknownKey]) -> String {
    let line = |unknown: &UnknownKey| match (&unknown.meant, unknown.absent) {
        (Some(meant), _) => format!("unknown key `{}`: did you mean `{meant}`?", unknown.key),
        (None, Some(absent)) => format!(
            "unknown key `{}`: {absent}; see Scope in the README",
            unknown.key
        ),
        (None, None) => format!("unknown key `{}`", unknown.key),
    };
    unknown.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Remedied for PlanError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            PlanError::Read { .. } => Some(Remedy::GiveExperiment),
            PlanError::Override { .. } => Some(Remedy::WriteChange),
            PlanError::UnknownKeys { unknown } => Some(match &unknown[..] {
                [
                    UnknownKey {
                        meant: Some(name), ..
                    },
                ] => Remedy::Meant(name.clone()),
                _ => Remedy::LookUpKey,
            }),
            PlanError::Value { .. } | PlanError::Missing { .. } | PlanError::Several(_) => {
                Some(Remedy::LookUpKey)
            }
            PlanError::Rows(error) => error.remedy(),
            PlanError::Point { source, .. } | PlanError::Quick(source) => source.remedy(),
            PlanError::Callable { .. } => Some(Remedy::Other(
                "write it as an expression; with a function, runs stay in memory and have no file"
                    .to_owned(),
            )),
            PlanError::Taken { .. } => Some(Remedy::Other(
                "leave the axis out, or the function".to_owned(),
            )),
            PlanError::TooManyPoints { .. } => Some(Remedy::Other("shorten an axis".to_owned())),
            PlanError::TooManyRuns { .. } => Some(Remedy::Other(
                "shorten an axis, or give fewer seeds".to_owned(),
            )),
            PlanError::SetTwice { .. } => Some(Remedy::Other(
                "leave one of the axes out, or set both keys in one `zip`".to_owned(),
            )),
            PlanError::EqualPoints { .. } => Some(Remedy::Other(
                "leave one of them out; in a space, widen the range or lower the count".to_owned(),
            )),
            // Its message carries its remedy, which is about keys alone.
            PlanError::Spec(_) | PlanError::Syntax { .. } => None,
        }
    }
}
