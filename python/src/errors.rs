//! Errors as Python raises them: the whole text, with what to do in the words of the package.

use giantstep_lab::remedy::{Remedied, Remedy};
use pyo3::create_exception;
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;

create_exception!(
    giantstep,
    GiantstepError,
    PyValueError,
    "What was asked for is wrong or cannot be done; the text says what, and what to do. The other errors are kinds of it.

>>> import giantstep as gs
>>> gs.lab(threads=-1)
Traceback (most recent call last):
    ...
giantstep.GiantstepError: threads = -1: at least 1, or None for all
>>> issubclass(gs.GiantstepError, ValueError) and issubclass(gs.LinkError, gs.GiantstepError)
True
"
);
create_exception!(
    giantstep,
    LinkError,
    GiantstepError,
    "A link or an activation cannot be read.

>>> import giantstep as gs
>>> try:
...     gs.analyze('z1 + z_2')
... except gs.LinkError as error:
...     print(error)
the link `z1 + z_2`: unknown name `z_2`
  z1 + z_2
       ^^^
  help: did you mean `z2`?
"
);
create_exception!(
    giantstep,
    ExperimentError,
    GiantstepError,
    "An experiment cannot be run as it is written.

>>> import giantstep as gs
>>> try:
...     gs.Experiment('z1', d=100, p=16, n='4*d', eta='p', **{'protocol.batch_size': 3})
... except gs.ExperimentError as error:
...     print(error)
unknown key `protocol.batch_size`
  help: did you mean `protocol.batch`?
"
);
create_exception!(
    giantstep,
    ResultsError,
    GiantstepError,
    "Results cannot be kept, read or drawn.

>>> import giantstep as gs
>>> try:
...     gs.Results.open('nowhere')
... except gs.ResultsError as error:
...     print(error)
`nowhere` is no results folder: No such file or directory (os error 2)
  help: give a folder that `gs.run(experiment, out=folder)` has made
"
);

/// Why something was not done; raised where Python waits for it.
#[derive(Debug, Clone)]
pub enum Problem {
    /// A link or an activation.
    Link(String),
    /// An experiment.
    Experiment(String),
    /// A folder, a table, a figure.
    Results(String),
    /// Something else, a fault of the program among it.
    Failed(String),
    /// The end was asked for.
    Interrupted,
}

impl Problem {
    pub fn experiment(error: impl Remedied) -> Self {
        Self::Experiment(told(&error))
    }

    pub fn results(error: impl Remedied) -> Self {
        Self::Results(told(&error))
    }
}

impl From<Problem> for PyErr {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Link(text) => LinkError::new_err(text),
            Problem::Experiment(text) => ExperimentError::new_err(text),
            Problem::Results(text) => ResultsError::new_err(text),
            Problem::Failed(text) => GiantstepError::new_err(text),
            Problem::Interrupted => PyKeyboardInterrupt::new_err("stopped"),
        }
    }
}

/// The message with its remedy.
fn told(error: &impl Remedied) -> String {
    let Some(remedy) = error.remedy() else {
        return error.to_string();
    };
    let help = match remedy {
        Remedy::GiveExperiment => "give the text of an experiment file (TOML)".to_owned(),
        Remedy::GiveResults => {
            "give a folder that `gs.run(experiment, out=folder)` has made".to_owned()
        }
        Remedy::WriteChange => "write experiment.set({\"protocol.dimension\": 512})".to_owned(),
        Remedy::LookUpKey => "gs.keys() describes every key".to_owned(),
        Remedy::LookUpClaimKey => "docs/claims.md lists the keys of a claim".to_owned(),
        Remedy::RunByHand => "run the file itself, or choose a law".to_owned(),
        Remedy::OtherFolder | Remedy::MoveAway => "choose another folder with out=".to_owned(),
        Remedy::EndOthers => "end it first, or choose another folder with out=".to_owned(),
        Remedy::AllowThreads => {
            "ask for fewer with threads=, or let the system allow more".to_owned()
        }
        Remedy::SeparateRuns => {
            "choose another folder with out=, or make the setting an axis of a sweep".to_owned()
        }
        Remedy::Repeat => "finished runs are kept; call it again when this is mended".to_owned(),
        Remedy::Meant(name) => format!("did you mean `{name}`?"),
        Remedy::Collect(folder) => {
            format!(
                "run the experiment again with out={:?}",
                folder.display().to_string()
            )
        }
        Remedy::Launcher(words) | Remedy::Other(words) => words,
    };
    format!("{error}\n  help: {help}")
}
