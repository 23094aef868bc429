//! `giantstep worker --shard I/N DIR`: one of several processes that share a results folder.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use giantstep::ranks::Alone;

use super::Failed;
use super::folder::plan_of;
use super::run::FailureArgs;
use crate::conduct::{Manner, Others, Shard, conduct};
use crate::signals::listen;
use crate::store::Store;

/// `giantstep worker --shard I/N DIR`
#[derive(Debug, Args)]
pub struct Worker {
    /// A results folder with a plan: `giantstep prepare`, `submit` or `run` makes one.
    folder: PathBuf,
    /// Work on part I (from 0) of N parts of the runs; all of them by default.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Shard,
    #[command(flatten)]
    failure: FailureArgs,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            _ => {
                Err("a shard is I/N with 0 <= I < N, such as 0/4 for the first of four".to_owned())
            }
        }
    }
}

impl Worker {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let plan = plan_of(&self.folder)?;
        let store = Store::join(&self.folder, &plan).map_err(Failed::input)?;
        let asked = listen().map_err(Failed::work)?;
        let manner = Manner {
            shard: self.shard,
            on_failure: self.failure.on_failure(),
            others: Others::AreLeft,
        };
        let done = conduct(&plan, &store, manner, &Alone, &asked).map_err(Failed::work)?;
        let summary = format!(
            "{} runs found, {} computed, {} under way elsewhere, {} left",
            done.found, done.computed, done.elsewhere, done.left
        );
        if done.left > done.elsewhere {
            return Err(Failed::Unfinished(format!(
                "{summary}\n  help: the same command goes on from there"
            )));
        }
        eprintln!("{summary}");
        Ok(())
    }
}
