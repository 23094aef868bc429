//! What a person can do about an error, as a value: every front words it in its own terms (a flag, an argument, a button).

use std::fmt;
use std::path::PathBuf;

use giantstep::analysis::{AnalysisError, BooleanError};
use giantstep::expr::ExprError;
use giantstep::spec::SpecError;
use giantstep::watch::Interrupted;
use giantstep_figure::FigureError;

/// The most errors that are told at once.
pub(crate) const MOST_AT_ONCE: usize = 10;

/// Several errors, each from a line of its own on.
pub(crate) fn at_once(errors: &[String]) -> String {
    format!("{} things are wrong\n{}", errors.len(), errors.join("\n"))
}

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Give an experiment file.
    GiveExperiment,
    /// Give a folder in which runs were kept.
    GiveResults,
    /// Write a change as a key and a value.
    WriteChange,
    /// Look the key up in the list of all keys.
    LookUpKey,
    /// Look the key up in the list of keys of a claim.
    LookUpClaimKey,
    /// Another name is meant.
    Meant(String),
    /// Run the file where files may be read, or choose a law of the inputs.
    RunByHand,
    /// Choose another folder.
    OtherFolder,
    /// Move the file away, or choose another folder.
    MoveAway,
    /// End what is under way, or choose another folder.
    EndOthers,
    /// Let the system allow more threads, or ask for fewer.
    AllowThreads,
    /// Choose another folder, sweep over the setting, or set the old runs aside.
    SeparateRuns,
    /// Do the same again when this is mended; finished runs are kept.
    Repeat,
    /// Make the table of this folder from its runs.
    Collect(PathBuf),
    /// Start the processes with the launcher of this library.
    Launcher(String),
    /// As the words say, which hold for every front.
    Other(String),
}

/// An error that knows a remedy.
pub trait Remedied: fmt::Display {
    /// What to do; none if the message says all.
    fn remedy(&self) -> Option<Remedy> {
        None
    }
}

// Messages of the library carry their remedies, which are about links and keys alone.
impl Remedied for AnalysisError {}
impl Remedied for BooleanError {}
impl Remedied for ExprError {}
impl Remedied for SpecError {}
impl Remedied for Interrupted {}
impl Remedied for serde_json::Error {}
impl Remedied for String {}
impl Remedied for &str {}
impl Remedied for std::io::Error {}
impl Remedied for FigureError {}
