//! `giantstep worker --shard I/N DIR`: one of several processes that share a results folder.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use giantstep::ranks::Alone;

use super::folder::plan_of;
use super::run::FailureArgs;
use crate::failed::Failed;
use crate::launch;
use crate::note::note;
use crate::progress::Progress;
use crate::signals::{Kept, listen};
use giantstep_lab::drive::{Manner, Others, Shard, drive};
use giantstep_lab::keep::Store;

/// `giantstep worker --shard I/N DIR`
#[derive(Debug, Args)]
pub struct Worker {
    /// A results folder with a plan: `giantstep prepare`, `submit` or `run` makes one.
    folder: PathBuf,
    /// Work on part I (from 0) of N parts of the runs; all of them by default.
    #[arg(long, value_name = "I/N", default_value = "0/1", value_parser = shard)]
    shard: Shard,
    #[command(flatten)]
    failure: FailureArgs,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text
        .split_once('/')
        .and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match parts {
        Some((index, count)) if index < count => Ok(Shard { index, count }),
        _ => Err("a shard is I/N with 0 <= I < N, such as 0/4 for the first of four".to_owned()),
    }
}

impl Worker {
    pub(super) fn execute(self) -> Result<(), Failed> {
        // First, so that a signal finds a listener.
        let asked = listen(Kept::Runs)?;
        let plan = plan_of(&self.folder)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        let store = Store::join(&self.folder, &plan).map_err(Failed::input)?;
        let manner = Manner {
            shard: self.shard,
            on_failure: self.failure.on_failure(),
            others: Others::AreLeft,
        };
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let done = drive(&jobs, &store, manner, &session).map_err(Failed::work)?;
        let summary = format!(
            "{} runs found, {} computed, {} under way elsewhere, {} left",
            done.found, done.computed, done.elsewhere, done.left
        );
        if done.left > done.elsewhere {
            // Starting again would end in the same way, for ever.
            if asked.wind_down.load(Ordering::Relaxed) && done.computed == 0 {
                return Err(Failed::work(format!(
                    "{summary}; the time limit came near before a run had ended\n  help: give a task more time, or, if \
                     the warning ahead of the limit is long, a shorter one (`giantstep submit --time`, `--warning`)"
                )));
            }
            return Err(Failed::Unfinished(format!(
                "{summary}\n  help: the same command goes on from there"
            )));
        }
        note(summary);
        Ok(())
    }
}
