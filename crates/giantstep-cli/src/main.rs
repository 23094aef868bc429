//! The command line of the giant-step laboratory.

use std::process::ExitCode;

use clap::Parser;
use giantstep_cli::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().execute()
}
