//! `giantstep prepare FILE`: the plan of an experiment put into a results folder, for workers to share.

use clap::Args;

use super::run::{FileArgs, PlaceArgs, rate, remaining};
use super::{Failed, print};
use crate::execute::jobs;
use crate::schedule::{peak_memory, threads_of};
use crate::terminal::{bytes, seconds};

/// `giantstep prepare FILE [--out DIR]`
#[derive(Debug, Args)]
pub struct Prepare {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Prepare {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let (text, origin, scale) = self.file.read()?;
        let place = self
            .place
            .open(self.place.plan(&text, &origin, scale)?, scale)?;
        let left = remaining(&place.plan, &|id| place.store.has(id))?;
        let jobs = jobs(&place.plan).map_err(Failed::input)?;
        print(&format!(
            "{} runs, {} of them in the folder; the rest takes about {} here, up to {} of memory\n\n\
             giantstep worker --shard I/N {}\n",
            left.planned,
            left.planned - left.runs,
            seconds(left.flops / rate(&place.plan)),
            bytes(peak_memory(&jobs, threads_of(&jobs)) as u64),
            place.folder.display()
        ))
    }
}
