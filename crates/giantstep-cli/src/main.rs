//! The command line of the giant-step laboratory.

mod commands;
mod failed;
mod launch;
mod progress;
mod render;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().execute()
}
