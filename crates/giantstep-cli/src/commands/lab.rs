//! `giantstep lab`: the laboratory as a page in the browser.

use std::path::PathBuf;

use clap::Args;
use giantstep::ranks::Alone;
use giantstep_web::{Door, Lab as Page, LabError, Limits, Options};

use super::print;
use crate::failed::Failed;
use crate::launch;
use crate::signals::{Kept, listen};

/// `giantstep lab [DIR]`
#[derive(Debug, Args)]
pub struct Lab {
    /// Results folders below this one can be watched.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The port of this machine to listen on; by default 8188, or a free one.
    #[arg(long)]
    port: Option<u16>,
    /// Print the address and open no browser.
    #[arg(long)]
    no_browser: bool,
    /// The longest work of a run, in seconds, by the cost model.
    #[arg(long, value_name = "S", default_value_t = Limits::default().seconds)]
    seconds: f64,
}

impl Lab {
    pub(super) fn execute(self) -> Result<(), Failed> {
        if !self.folder.is_dir() {
            let folder = self.folder.display();
            return Err(Failed::Input(format!(
                "`{folder}` is no folder\n  help: give one below which results are kept, or none"
            )));
        }
        if !(self.seconds > 0.0) {
            let seconds = self.seconds;
            return Err(Failed::Input(format!(
                "--seconds: {seconds}: expected a positive number"
            )));
        }
        let asked = listen(Kept::Nothing)?;
        let page = Page::open(Options {
            folder: self.folder,
            port: self.port,
            machine: launch::machine(&Alone),
            limits: Limits {
                seconds: self.seconds,
                ..Limits::default()
            },
        });
        let page = page.map_err(|error| match error {
            LabError::Port { .. } => Failed::Input(format!(
                "{error}\n  help: give another port with --port, or none for one that is free"
            )),
            error => Failed::Work(error.to_string()),
        })?;
        let address = page.address();
        print(&format!("{address}\n"))?;
        let _door = match self.no_browser {
            true => None,
            false => Door::open(&address),
        };
        page.serve(&asked)
            .map_err(|error| Failed::Work(error.to_string()))
    }
}
