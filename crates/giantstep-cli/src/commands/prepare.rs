//! `giantstep prepare FILE`: the plan of an experiment put into a results folder, for workers to share.

use clap::Args;

use super::print;
use super::run::{FileArgs, PlaceArgs};
use crate::failed::Failed;
use giantstep::ranks::Alone;
use giantstep_lab::keep::Keep;
use giantstep_lab::load::{rate, remaining};
use giantstep_lab::work::peak_memory;

use crate::launch::machine;
use crate::render::{bytes, seconds};

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
        let plan = self.place.plan(&text, &origin, scale)?;
        let jobs = plan.jobs(machine(&Alone)).map_err(Failed::input)?;
        let place = self.place.open(jobs, scale)?;
        let jobs = &place.jobs;
        let left = remaining(jobs, &|id| place.store.has(id));
        print(&format!(
            "{} runs, {} of them in the folder; the rest takes about {} here, up to {} of memory\n\n\
             giantstep worker --shard I/N {}\n",
            left.planned,
            left.planned - left.runs,
            seconds(left.flops / rate(jobs.plan, jobs.machine)),
            bytes(peak_memory(&jobs.list, jobs.machine) as u64),
            place.folder.display()
        ))
    }
}
