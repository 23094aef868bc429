//! The command line of the giant-step laboratory, as one function: the program and `python -m giantstep` are the same.

// Here, and nowhere else, is printed and ended.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

mod commands;
mod failed;
mod launch;
mod note;
mod progress;
mod render;
mod signals;

use std::ffi::{OsStr, OsString};

use clap::Parser;

use crate::commands::Cli;
use crate::failed::short;

/// Does what the arguments ask for, and returns the exit code: 0 for success, 1 for work that did not complete, 2 for bad
/// input, 75 for a share of work that was asked to end and is to be started again.
///
/// `arguments` begin with the name by which it was called; `itself` are the words with which a script calls it again, the
/// first of them a path.
pub fn command(arguments: Vec<OsString>, itself: Vec<OsString>) -> u8 {
    if let Some(argument) = arguments.iter().find(|argument| !is_one_line(argument)) {
        let message = format!(
            "error: the argument {argument:?} is not one line of text\n  help: leave out line breaks and other control \
             characters, and rename files whose names are not UTF-8"
        );
        note::note(short(&message));
        return 2;
    }
    launch::call_again_as(itself);
    match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.execute(),
        // What was typed is a part of the message.
        Err(error) if error.use_stderr() && error.to_string().len() > 2000 => {
            note::note(short(&error.to_string()));
            2
        }
        Err(error) => {
            // Where neither stream can be written there is nobody to tell.
            let _ = error.print();
            error.exit_code() as u8
        }
    }
}

/// Arguments become lines of scripts and messages, names of files and values of JSON.
fn is_one_line(argument: &OsStr) -> bool {
    argument
        .to_str()
        .is_some_and(|text| !text.contains(|c: char| c.is_control() && c != '\t'))
}
