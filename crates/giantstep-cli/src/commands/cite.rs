//! `giantstep cite FILE`: the papers that an experiment rests on.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::failed::Failed;
use crate::progress::Progress;
use crate::signals::{Kept, ended, listen};
use giantstep::ranks::Alone;
use giantstep_lab::cite::{bibtex, citations, text};
use giantstep_lab::fence::fenced;
use giantstep_lab::keep::Shelf;
use giantstep_lab::outlook::{Ask, Predicted};
use giantstep_lab::plan::{Plan, PlanError, Scale, Wanted};

use crate::launch;

/// `giantstep cite FILE|FOLDER [--bibtex]`
#[derive(Debug, Args)]
pub struct Cite {
    /// An experiment file, or a folder of results with its experiment.toml.
    path: PathBuf,
    /// Print BibTeX entries instead of a list.
    #[arg(long)]
    bibtex: bool,
}

impl Cite {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let shelf = self.path.is_dir().then(|| Shelf::of(&self.path));
        let path = match self.path.is_dir() {
            true => self.path.join("experiment.toml"),
            false => self.path,
        };
        let file = std::fs::read_to_string(&path).map_err(|source| {
            let path = path.clone();
            Failed::input(PlanError::Read { path, source })
        })?;
        let origin = path.display().to_string();
        let plan = Plan::read(&file, &origin, &[], Scale::Full).map_err(Failed::input)?;
        let wanted = match plan.document.predictions() {
            Wanted::None => Wanted::None,
            // What a prediction rests on does not depend on the effort.
            Wanted::Quick | Wanted::Patient | Wanted::All => Wanted::Quick,
        };
        let asked = listen(Kept::Known)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let ask = Ask {
            shelf: shelf.as_ref(),
            ..Ask::new(wanted)
        };
        let found = fenced(|| {
            let predicted = Predicted::of(&plan, ask, &session);
            citations(&plan, launch::machine(&Alone), &predicted)
        });
        let found = found.map_err(Failed::work)?;
        print(&match self.bibtex {
            true => bibtex(&found),
            false => text(&found),
        })?;
        ended(&asked)
    }
}
