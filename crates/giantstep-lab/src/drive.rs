//! The one loop: a plan worked off, in memory or in a results folder. What exists is not computed again, and what is
//! finished is kept at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use giantstep::ranks::Ranks;
use giantstep::run::Outcome;
use giantstep::spec::SaveWeights;
use giantstep::watch::Watch;

use crate::keep::{Draft, Ending, Entry, EntryError, Keep, Leased, Names, RunId, StoreError};
use crate::plan::{Job, Jobs};
use crate::remedy::{Remedied, Remedy};
use crate::results::{FailureKind, Results, failure, placed, records};
use crate::table::Record;
use crate::work::{Event, Session, WorkError, simulate, work};

/// Why a plan could not be worked off. What is finished is kept.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// No threads.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// What has ended cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file was damaged after it had been looked at.
    #[error("the run {id}: {source}")]
    Entry {
        /// The run.
        id: RunId,
        /// What is wrong.
        source: EntryError,
    },
}

impl Remedied for DriveError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            DriveError::Work(error) => error.remedy(),
            DriveError::Store(error) => error.remedy(),
            DriveError::Entry { .. } => Some(Remedy::Repeat),
        }
    }
}

/// What the first failed run means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Its reason is recorded and the others go on.
    #[default]
    KeepGoing,
    /// No further run is begun.
    FailFast,
}

/// What to do about runs that another process has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Wait for them, and take over where their process is gone.
    AreAwaited,
    /// Leave them to it.
    AreLeft,
}

/// One of `count` equal parts of the runs of a plan: every `count`-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub count: usize,
}

impl Shard {
    /// Everything.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Whether the run of this number belongs to the part.
    pub fn holds(self, number: usize) -> bool {
        number % self.count == self.index
    }
}

/// How a plan is worked off.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Which runs.
    pub shard: Shard,
    /// What a failure means.
    pub on_failure: OnFailure,
    /// What to do about runs of others.
    pub others: Others,
}

impl Default for Manner {
    /// All runs, whatever becomes of some, those of other processes included.
    fn default() -> Self {
        Self {
            shard: Shard::ALL,
            on_failure: OnFailure::KeepGoing,
            others: Others::AreAwaited,
        }
    }
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done<'a> {
    /// Runs that were there before.
    pub found: usize,
    /// Runs computed here.
    pub computed: usize,
    /// Runs that others are computing.
    pub elsewhere: usize,
    /// Runs of the part that have not ended, those elsewhere included.
    pub left: usize,
    /// Runs that were dropped under way; their finished steps are not in the store.
    pub dropped: Vec<Dropped<'a>>,
}

/// A run that was dropped under way.
#[derive(Debug)]
pub struct Dropped<'a> {
    /// Its number.
    number: usize,
    /// What was measured.
    draft: Box<dyn Draft + 'a>,
    outcome: Outcome,
}

/// How long to wait before looking again at the runs of others.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Works off the runs of a plan that are not kept yet; other ranks take part by [`attend`], until [`dismiss`].
///
/// # Errors
/// Threads cannot be started, or a result cannot be kept (what is finished is kept).
pub fn drive<'a>(
    jobs: &Jobs<'_>,
    keep: &'a dyn Keep,
    manner: Manner,
    session: &Session<'_>,
) -> Result<Done<'a>, DriveError> {
    let asked = session.asked;
    let names = Names::of(jobs);
    let all = jobs.list.iter().enumerate();
    let part = all.filter(|(number, _)| manner.shard.holds(*number));
    let missing = |todo: &mut Vec<(usize, Job<'_>, RunId)>| todo.retain(|(_, _, id)| !keep.has(id));
    let mut todo: Vec<(usize, Job<'_>, RunId)> = part
        .map(|(number, job)| (number, *job, names.id(job)))
        .collect();
    let size = todo.len();
    missing(&mut todo);
    let mut done = Done {
        found: size - todo.len(),
        ..Done::default()
    };
    let error = Mutex::new(None);
    let computed = AtomicUsize::new(0);
    let dropped = Mutex::new(Vec::new());
    while !todo.is_empty() && !asked.to_end() {
        let jobs: Vec<Job<'_>> = todo.iter().map(|(_, job, _)| *job).collect();
        let elsewhere = AtomicUsize::new(0);
        let one = |place: usize, job: &Job<'_>, watch: Watch<'_>| {
            let (number, _, id) = &todo[place];
            match compute(keep, job, &names, id, watch) {
                Ok(Computed::Kept(ending)) => {
                    let failure = match &ending {
                        Ending::Completed => None,
                        Ending::Failed(reason) => Some(reason.as_str()),
                    };
                    session.observer.event(Event::Ended { job, failure });
                    computed.fetch_add(1, Ordering::Relaxed);
                    if manner.on_failure == OnFailure::FailFast && ending != Ending::Completed {
                        asked.ask_to_wind_down();
                    }
                }
                Ok(Computed::Elsewhere) => {
                    elsewhere.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Computed::Before) => {}
                Ok(Computed::Dropped(draft, outcome)) => {
                    // It may be another rank that was asked to end.
                    asked.ask_to_stop();
                    let mut dropped = dropped.lock().unwrap_or_else(PoisonError::into_inner);
                    dropped.push(Dropped {
                        number: *number,
                        draft,
                        outcome,
                    });
                }
                Err(found) => {
                    asked.ask_to_stop();
                    error
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(found);
                }
            }
        };
        work(&jobs, session, &|| !asked.to_end(), &one)?;
        let elsewhere = elsewhere.into_inner();
        missing(&mut todo);
        done.elsewhere = elsewhere;
        match manner.others {
            Others::AreLeft if elsewhere == todo.len() => break,
            Others::AreAwaited if elsewhere > 0 => std::thread::sleep(LOOK_AGAIN),
            _ => {}
        }
    }
    if let Some(error) = error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    done.left = todo.len();
    done.computed = computed.into_inner();
    done.dropped = dropped.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(done)
}

/// Takes part in every run that rank 0 announces.
///
/// # Errors
/// [`WorkError`] if threads cannot be started: the process should end, and with it the group.
pub fn attend(jobs: &Jobs<'_>, session: &Session<'_>) -> Result<(), WorkError> {
    loop {
        let mut numbers = DISMISSED;
        session.ranks.announce(&mut numbers);
        let Some(job) = jobs.from_numbers(numbers) else {
            return Ok(());
        };
        // What it returns is the same on all ranks, and rank 0 keeps it.
        let take_part = |_: usize, job: &Job<'_>, watch: Watch<'_>| {
            drop(simulate(job, None, watch, &mut |_| {}));
        };
        work(&[job], session, &|| true, &take_part)?;
    }
}

/// Tells the other ranks that no further run will be announced.
pub fn dismiss(ranks: &dyn Ranks) {
    ranks.announce(&mut DISMISSED.clone());
}

/// The numbers of no run.
const DISMISSED: [u64; 3] = [u64::MAX; 3];

/// What became of one run.
enum Computed<'a> {
    /// It ended and is in the store.
    Kept(Ending),
    /// It was in the store by the time it was claimed.
    Before,
    /// Another process is at it.
    Elsewhere,
    /// The end was asked for.
    Dropped(Box<dyn Draft + 'a>, Outcome),
}

/// Computes one run and keeps it, unless another process does.
fn compute<'a>(
    keep: &'a dyn Keep,
    job: &Job<'_>,
    names: &Names,
    id: &RunId,
    watch: Watch<'_>,
) -> Result<Computed<'a>, StoreError> {
    let _lease = match keep.lease(id)? {
        Leased::Ours(lease) => lease,
        Leased::Theirs(_) => return Ok(Computed::Elsewhere),
    };
    // Its last owner may have finished it between our look and our lease.
    if keep.has(id) {
        return Ok(Computed::Before);
    }
    let mut draft = keep.begin(id)?;
    watch.ranks.announce(&mut job.as_numbers());
    let mut added = Ok(());
    let run = simulate(job, keep.trainers(), watch, &mut |measured| {
        if added.is_ok() {
            added = draft.add(&mut records(job, measured));
            if added.is_err() {
                // Ends the run on all ranks.
                watch.stop.store(true, Ordering::Relaxed);
            }
        }
    });
    added?;
    let ending = match &run {
        Ok(run) => match failure(&run.outcome) {
            Some((FailureKind::Dropped, _)) => {
                return Ok(Computed::Dropped(draft, run.outcome.clone()));
            }
            Some((FailureKind::Failed, reason)) => Ending::Failed(reason),
            None => Ending::Completed,
        },
        Err(reason) => Ending::Failed(reason.clone()),
    };
    let entry = Entry {
        id: id.clone(),
        settings: names.settings(job),
        ending: ending.clone(),
        weights: None,
    };
    let weights = job.point.checked.save_weights == SaveWeights::Last;
    draft.keep(entry, run.as_ref().ok().filter(|_| weights))?;
    Ok(Computed::Kept(ending))
}

/// The results of a plan as far as they are kept, with the finished steps of `dropped` runs. Every row passes through
/// `sift`, piece by piece in the order of runs; what it returns is held in memory.
///
/// # Errors
/// What was kept was damaged.
pub fn collect(
    jobs: &Jobs<'_>,
    keep: &dyn Keep,
    dropped: Vec<Dropped<'_>>,
    sift: &mut dyn FnMut(Vec<Record>) -> Vec<Record>,
) -> Result<Results, DriveError> {
    let names = Names::of(jobs);
    let mut results = Results::of(jobs.plan, jobs.list.len());
    results.interrupted = !dropped.is_empty();
    let mut dropped: BTreeMap<usize, Dropped<'_>> =
        dropped.into_iter().map(|run| (run.number, run)).collect();
    for (number, job) in jobs.list.iter().enumerate() {
        let id = names.id(job);
        let records = &mut results.table.records;
        let mut rows = |rows| records.extend(sift(placed(number, job, rows)));
        let damaged = |source| DriveError::Entry {
            id: id.clone(),
            source,
        };
        let entry = keep.read(&id, &mut rows).map_err(damaged)?;
        if let Some(entry) = entry {
            let reason = match entry.ending {
                Ending::Completed => None,
                Ending::Failed(reason) => Some((FailureKind::Failed, reason)),
            };
            results.keep(job, reason);
        } else if let Some(run) = dropped.remove(&number) {
            let reason = failure(&run.outcome);
            run.draft.read(&mut rows).map_err(StoreError::Table)?;
            results.keep(job, reason);
        }
    }
    results.interrupted |= results.completed + results.failures.len() < results.planned;
    Ok(results)
}
