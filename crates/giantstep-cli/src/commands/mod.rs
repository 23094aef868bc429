//! The verbs of the command line, one file each.

mod analyze;
mod bench;
mod cite;
mod claims;
mod explain;
mod folder;
mod init;
mod keys;
#[cfg(feature = "lab")]
mod lab;
mod plot;
mod predict;
mod prepare;
mod reproduce;
mod run;
mod schema;
mod shell;
mod submit;
mod r#try;
mod worker;

use clap::{Parser, Subcommand};

use crate::failed::{Failed, short};
use crate::launch;
use crate::note::note;

pub use analyze::Analyze;
pub use bench::Bench;
pub use cite::Cite;
pub use claims::ClaimsArgs;
pub use folder::{Collect, Retry, Status};
pub use init::Init;
pub use keys::Keys;
#[cfg(feature = "lab")]
pub use lab::Lab;
pub use plot::Plot;
pub use predict::Predict;
pub use prepare::Prepare;
pub use reproduce::Reproduce;
pub use run::RunArgs;
pub use schema::SchemaArgs;
pub use shell::{Completions, Man};
pub use submit::Submit;
pub use r#try::Try;
pub use worker::Worker;

/// A laboratory for how two-layer networks learn features in a few giant gradient steps.
#[derive(Debug, Parser)]
#[command(name = "giantstep", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network on a link, without a file: cosines beside theory, a figure, a file to go on from.
    Try(Box<Try>),
    /// Write a commented experiment file for a link, at the sizes that matter for it.
    Init(Init),
    /// List the keys of an experiment file with their defaults and meanings.
    Keys(Keys),
    /// Run an experiment file.
    Run(RunArgs),
    /// Tell what theory predicts of an experiment, without running it.
    Predict(Predict),
    /// Print the papers that an experiment rests on.
    Cite(Cite),
    /// Reproduce a published experiment.
    Reproduce(Reproduce),
    /// Measure every claim of the theory, each beside a counter-claim that the same rule must reject.
    Claims(ClaimsArgs),
    /// Tell how far the runs of a results folder are.
    Status(Status),
    /// Go on with a results folder, failed runs included on request.
    Retry(Retry),
    /// Make one table and the figures of the runs that a results folder holds.
    Collect(Collect),
    /// Put the plan of an experiment into a results folder, for workers to share.
    Prepare(Prepare),
    /// Submit an experiment to SLURM, as arrays of workers.
    Submit(Submit),
    /// Work on a share of the runs of a results folder, beside other processes.
    Worker(Worker),
    /// Tell what giant steps can and cannot learn of a target.
    Analyze(Analyze),
    /// Open the laboratory in the browser: type a target, watch it being learnt.
    #[cfg(feature = "lab")]
    Lab(Lab),
    /// Time one step, as a share of the peak that is measured in the same run.
    Bench(Bench),
    /// Draw figures of a results folder.
    Plot(Box<Plot>),
    /// Print the JSON Schema of experiment files, or of claim files.
    Schema(SchemaArgs),
    /// Print a script that lets a shell complete commands and options.
    Completions(Completions),
    /// Write the manual pages.
    Man(Man),
}

impl Cli {
    /// Does what was asked for: exit code 0 for success, 1 for work that did not complete, 2 for bad input, 75
    /// for a share of work that was asked to end and is to be started again.
    pub fn execute(self) -> u8 {
        let Some(command) = self.command else {
            return ended(print(FIRST));
        };
        let done = match command {
            Command::Try(args) => args.execute(),
            Command::Init(args) => args.execute(),
            Command::Keys(args) => args.execute(),
            Command::Run(args) => args.execute(),
            Command::Predict(args) => args.execute(),
            Command::Cite(args) => args.execute(),
            Command::Reproduce(args) => args.execute(),
            Command::Claims(args) => args.execute(),
            Command::Status(args) => args.execute(),
            Command::Retry(args) => args.execute(),
            Command::Collect(args) => args.execute(),
            Command::Prepare(args) => args.execute(),
            Command::Submit(args) => args.execute(),
            Command::Worker(args) => args.execute(),
            Command::Analyze(args) => args.execute(),
            #[cfg(feature = "lab")]
            Command::Lab(args) => args.execute(),
            Command::Bench(args) => args.execute(),
            Command::Plot(args) => args.execute(),
            Command::Schema(args) => args.execute(),
            Command::Completions(args) => args.execute(),
            Command::Man(args) => args.execute(),
        };
        ended(done)
    }
}

/// What is printed where nothing was asked for.
const FIRST: &str = "\
giantstep try 'z1 + z1*z2'            # train a network on a link, beside theory
giantstep analyze 'z1 + z1*z2'        # what giant steps can learn of it
giantstep reproduce stairway --quick  # a published figure; `giantstep help` lists the rest
";

/// Tells of a failure and leaves the group of processes.
fn ended(done: Result<(), Failed>) -> u8 {
    let code = done.as_ref().err().map_or(0, Failed::code);
    if let Err(Failed::Work(message) | Failed::Input(message) | Failed::Unfinished(message)) = done
    {
        note(format_args!("error: {}", short(&message)));
    }
    launch::leave();
    code
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
