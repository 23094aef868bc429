//! The verbs of the command line, one file each.

mod analyze;
mod bench;
mod claims;
mod reproduce;
mod run;
mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use analyze::Analyze;
pub use bench::Bench;
pub use claims::ClaimsArgs;
pub use reproduce::Reproduce;
pub use run::RunArgs;

/// A laboratory for how two-layer networks learn features in a few giant gradient steps.
#[derive(Debug, Parser)]
#[command(name = "giantstep", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an experiment file.
    Run(RunArgs),
    /// Reproduce a published experiment.
    Reproduce(Reproduce),
    /// Measure every claim of the theory, each beside a counter-claim that the same rule must reject.
    Claims(ClaimsArgs),
    /// Tell what giant steps can and cannot learn of a target.
    Analyze(Analyze),
    /// Time one step, as a share of the peak that is measured in the same run.
    Bench(Bench),
    /// Print the JSON Schema of experiment files.
    Schema,
}

/// How a command failed: the exit code and the message.
#[derive(Debug)]
pub enum Failed {
    /// What was asked for is not acceptable: nothing was run. Exit code 2.
    Input(String),
    /// The work was started and did not complete. Exit code 1.
    Work(String),
}

impl Failed {
    fn input(error: impl ToString) -> Self {
        Failed::Input(error.to_string())
    }

    fn work(error: impl ToString) -> Self {
        Failed::Work(error.to_string())
    }
}

impl Cli {
    /// Does what was asked for: exit code 0 for success, 1 for work that did not complete, 2 for bad input.
    pub fn execute(self) -> ExitCode {
        let done = match self.command {
            Command::Run(args) => args.execute(),
            Command::Reproduce(args) => args.execute(),
            Command::Claims(args) => args.execute(),
            Command::Analyze(args) => args.execute(),
            Command::Bench(args) => args.execute(),
            Command::Schema => schema::execute(),
        };
        let (code, message) = match done {
            Ok(()) => return ExitCode::SUCCESS,
            Err(Failed::Work(message)) => (1, message),
            Err(Failed::Input(message)) => (2, message),
        };
        eprintln!("error: {message}");
        ExitCode::from(code)
    }
}

/// Prints to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Failed> {
    use std::io::{ErrorKind, Write, stdout};
    match stdout()
        .write_all(text.as_bytes())
        .and_then(|()| stdout().flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failed::work(error)),
        _ => Ok(()),
    }
}
