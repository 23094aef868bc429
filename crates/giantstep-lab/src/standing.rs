//! What a results folder holds of its plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::keep::{Ending, Names, Owner, RunId, Store, StoreError, Stray, Survey};
use crate::load::remaining;
use crate::plan::{Job, Jobs};

/// One run as it is named to people.
#[derive(Debug, Serialize)]
pub struct Named {
    /// The settings of its point.
    pub point: String,
    /// Its seed.
    pub seed: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// By which process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
}

impl Named {
    fn of(job: &Job<'_>) -> Self {
        Self {
            point: job.point.described().trim().to_owned(),
            seed: job.seed,
            reason: None,
            host: None,
            process: None,
        }
    }
}

/// What a folder holds of its plan.
#[derive(Debug, Default, Serialize)]
pub struct Standing {
    /// Runs of the plan.
    pub planned: usize,
    /// Runs that completed.
    pub completed: usize,
    /// Runs that failed, with the reason.
    pub failed: Vec<Named>,
    /// Runs that a process is at.
    pub under_way: Vec<Named>,
    /// Runs that nobody has begun.
    pub missing: usize,
    /// Sound runs that the plan does not ask for.
    pub beyond: usize,
    /// Damaged and foreign files.
    pub strays: Vec<Stray>,
    /// Files of which the system does not tell what they hold.
    pub unreadable: Vec<Stray>,
    /// Predicted seconds of work left on this machine, those under way included.
    pub seconds_left: f64,
    /// Predicted largest memory of a run that is left, in bytes.
    pub memory: u64,
}

impl Standing {
    /// The state of a store, at a rate of work in flops a second.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn of(jobs: &Jobs<'_>, store: &Store, rate: f64) -> Result<Self, StoreError> {
        let under_way: BTreeMap<RunId, Owner> = store.under_way()?.into_iter().collect();
        let Survey {
            sound,
            strays,
            unreadable,
        } = store.survey()?;
        let left = remaining(jobs, &|id| sound.contains_key(id));
        let mut standing = Self {
            planned: left.planned,
            strays,
            unreadable,
            memory: left.memory as u64,
            seconds_left: left.flops / rate,
            ..Self::default()
        };
        let names = Names::of(jobs);
        let mut asked = BTreeSet::new();
        for job in &jobs.list {
            let id = names.id(job);
            let named = Named::of(job);
            match (sound.get(&id), under_way.get(&id)) {
                (Some(Ending::Completed), _) => standing.completed += 1,
                (Some(Ending::Failed(reason)), _) => standing.failed.push(Named {
                    reason: Some(reason.clone()),
                    ..named
                }),
                (None, Some(owner)) => standing.under_way.push(Named {
                    host: Some(owner.host.clone()),
                    process: Some(owner.process),
                    ..named
                }),
                (None, None) => standing.missing += 1,
            }
            asked.insert(id);
        }
        standing.beyond = sound.keys().filter(|id| !asked.contains(*id)).count();
        Ok(standing)
    }
}
