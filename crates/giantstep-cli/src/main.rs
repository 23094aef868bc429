//! The command line of the giant-step laboratory.

mod commands;
mod failed;
mod launch;
mod note;
mod progress;
mod render;
mod signals;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;
use crate::failed::short;

fn main() -> ExitCode {
    if let Some(argument) = std::env::args_os().find(|argument| !is_one_line(argument)) {
        let message = format!(
            "error: the argument {argument:?} is not one line of text\n  help: leave out line breaks and other control \
             characters, and rename files whose names are not UTF-8"
        );
        note::note(short(&message));
        return ExitCode::from(2);
    }
    match Cli::try_parse() {
        Ok(cli) => cli.execute(),
        // What was typed is a part of the message.
        Err(error) if error.use_stderr() && error.to_string().len() > 2000 => {
            note::note(short(&error.to_string()));
            ExitCode::from(2)
        }
        Err(error) => error.exit(),
    }
}

/// Arguments become lines of scripts and messages, names of files and values of JSON.
fn is_one_line(argument: &OsStr) -> bool {
    argument
        .to_str()
        .is_some_and(|text| !text.contains(|c: char| c.is_control() && c != '\t'))
}
