//! How a command failed.

use std::borrow::Cow;

use giantstep_lab::remedy::{Remedied, Remedy};

/// How a command failed: the exit code and the message.
#[derive(Debug)]
pub enum Failed {
    /// What was asked for is not acceptable: nothing was run. Exit code 2.
    Input(String),
    /// The work was started and did not complete. Exit code 1.
    Work(String),
    /// The end was asked for and work is left that the same command goes on with: exit code 75.
    Unfinished(String),
    /// Another process of the group tells why; the exit code is the same.
    Elsewhere(u8),
}

impl Failed {
    pub(crate) fn input(error: impl Remedied) -> Self {
        Failed::Input(told(&error))
    }

    pub(crate) fn work(error: impl Remedied) -> Self {
        Failed::Work(told(&error))
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Failed::Work(_) => 1,
            Failed::Input(_) => 2,
            Failed::Unfinished(_) => 75,
            Failed::Elsewhere(code) => *code,
        }
    }
}

/// The message with its remedy in the terms of the command line.
fn told(error: &impl Remedied) -> String {
    match error.remedy() {
        None => error.to_string(),
        Some(remedy) => format!("{error}\n  help: {}", words(remedy)),
    }
}

/// A message of at most about 2 kB: what was given may be of any length, and stands in the middle.
pub(crate) fn short(message: &str) -> Cow<'_, str> {
    const HEAD: usize = 1200;
    const TAIL: usize = 600;
    if message.len() <= HEAD + TAIL + 100 {
        return message.into();
    }
    let head = message.floor_char_boundary(HEAD);
    let tail = message.ceil_char_boundary(message.len() - TAIL);
    let left_out = tail - head;
    let (head, tail) = (&message[..head], &message[tail..]);
    format!("{head} [{left_out} bytes are left out here] {tail}").into()
}

pub(crate) fn words(remedy: Remedy) -> String {
    let plain = match remedy {
        Remedy::GiveExperiment => {
            "give the path of an experiment file (TOML); those that come along are run by name: `giantstep reproduce --list`"
        }
        Remedy::GiveResults => "give a folder that `giantstep run` has made",
        Remedy::WriteChange => "write --set key=value, for instance --set protocol.dimension=512",
        Remedy::LookUpKey => "`giantstep schema` describes every key",
        Remedy::LookUpClaimKey => "docs/claims.md lists the keys of [claim]",
        Remedy::RunByHand => "run the file by `giantstep run`, or choose a law",
        Remedy::OtherFolder => "choose another folder with --out, one that you may write to",
        Remedy::MoveAway => "move the file away, or choose another folder with --out",
        Remedy::EndOthers => "end it first, or choose another folder with --out",
        Remedy::AllowThreads => {
            "the system allows no further thread; set run.threads = 1, raise the limit of processes (`ulimit -u`) or end others"
        }
        Remedy::SeparateRuns => {
            "choose another folder with --out, make the setting an axis of the sweep, or set the old runs aside with --anew"
        }
        Remedy::Repeat => "finished runs are kept; repeat the command when this is mended",
        Remedy::Meant(name) => return format!("did you mean `{name}`?"),
        Remedy::Collect(folder) => {
            let folder = folder.display();
            return format!("`giantstep collect {folder}` makes it from the runs of the folder");
        }
        Remedy::Launcher(library) => {
            return format!(
                "use the launcher of the MPI library that this program was built with ({library})"
            );
        }
        Remedy::Other(words) => return words,
    };
    plain.to_owned()
}
