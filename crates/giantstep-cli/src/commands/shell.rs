//! `giantstep completions SHELL` and `giantstep man DIR`: the command line as shells and `man` want it.

use std::fs::create_dir_all;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::generate_to;

use super::{Cli, print};
use crate::failed::Failed;

/// `giantstep completions SHELL`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell that is to complete commands and options.
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "giantstep", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

/// `giantstep man DIR`
#[derive(Debug, Args)]
pub struct Man {
    /// Where giantstep.1 and one page for each command are written.
    folder: PathBuf,
}

impl Man {
    pub(super) fn execute(self) -> Result<(), Failed> {
        create_dir_all(&self.folder)
            .and_then(|()| generate_to(Cli::command(), &self.folder))
            .map_err(|error| Failed::Work(format!("`{}`: {error}", self.folder.display())))
    }
}
