//! Where ended runs are kept: in memory, or in a results folder that processes share.

mod entry;
mod identity;
mod kept_plan;
mod lease;
mod memory;
mod shelf;
mod store;
mod trainers;
mod weights;

use std::fmt::Debug;
use std::path::PathBuf;

use giantstep::run::Run;

pub use crate::process::Owner;
pub use entry::{Checksum, Ending, Entry, EntryError, parse};
pub(crate) use identity::foreseen;
pub use identity::{Names, RunId, Settings, resolved};
pub use kept_plan::read_plan;
pub use lease::{Lease, Leased};
pub use memory::Memory;
pub use shelf::Shelf;
pub use store::{Earlier, Store, Stray, Survey};
pub(crate) use trainers::Paused;
pub use trainers::Trainers;

use crate::files::OutputError;
use crate::plan::PlanError;
use crate::remedy::{Remedied, Remedy};
use crate::table::{Record, TableError};

/// Keeps ended runs by name.
pub trait Keep: Sync {
    /// Whether a run has ended.
    fn has(&self, id: &RunId) -> bool;

    /// Leases a run to this process.
    ///
    /// # Errors
    /// The lease cannot be written.
    fn lease(&self, id: &RunId) -> Result<Leased, StoreError>;

    /// Reads a run and hands on its numbers piece by piece; none if it has not ended.
    ///
    /// # Errors
    /// What is kept is damaged or foreign.
    fn read(
        &self,
        id: &RunId,
        rows: &mut dyn FnMut(Vec<Record>),
    ) -> Result<Option<Entry>, EntryError>;

    /// Begins to keep the numbers of a run.
    ///
    /// # Errors
    /// They cannot be written.
    fn begin(&self, id: &RunId) -> Result<Box<dyn Draft + '_>, StoreError>;

    /// Runs that may be taken further; none where a run is over with its last step.
    fn trainers(&self) -> Option<&Trainers> {
        None
    }
}

/// The numbers of a run under way, kept as they are measured; gone if it is dropped.
pub trait Draft: Debug + Send {
    /// Adds numbers, without their places in a plan.
    ///
    /// # Errors
    /// They cannot be written.
    fn add(&mut self, rows: &mut dyn Iterator<Item = Record>) -> Result<(), TableError>;

    /// Hands on the numbers of a run that does not end, piece by piece.
    ///
    /// # Errors
    /// They cannot be read.
    fn read(self: Box<Self>, rows: &mut dyn FnMut(Vec<Record>)) -> Result<(), TableError>;

    /// Keeps the run, which has ended, with its weights where they are asked for.
    ///
    /// # Errors
    /// It cannot be written.
    fn keep(self: Box<Self>, entry: Entry, weights: Option<&Run>) -> Result<(), StoreError>;
}

/// Why a store could not be opened or used. Finished runs are untouched by all of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder holds results that cannot stand beside those of this plan.
    #[error(
        "`{folder}` holds runs, or a plan for runs, that do not belong with these:\n  {}",
        differences.join("\n  ")
    )]
    Mixed {
        /// The results folder.
        folder: PathBuf,
        /// What differs.
        differences: Vec<String>,
    },
    /// A part of the plan is a function.
    #[error(transparent)]
    Unwritable(Box<PlanError>),
    /// Its plan is not one that this program has written.
    #[error("`{path}` is not a plan of this program, or was changed by hand: it would be lost")]
    NotOurs {
        /// The plan.
        path: PathBuf,
    },
    /// A file that results would replace, in a folder without any.
    #[error("`{path}` is not of a run of this program, and would be lost")]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// Runs are under way that would lose their folder.
    #[error(
        "`{folder}`: runs are under way there, by process {} on {}",
        owner.process, owner.host
    )]
    Busy {
        /// The results folder.
        folder: PathBuf,
        /// One who computes.
        owner: Owner,
    },
    /// The heartbeat of the leases could not be started.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no plan in the folder.
    #[error("`{folder}` is no results folder: {source}")]
    NoPlan {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused.
    #[error("`{path}`: {source}")]
    System {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Numbers could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Remedied for StoreError {
    fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            StoreError::Mixed { .. } => Remedy::SeparateRuns,
            StoreError::Unwritable(error) => return error.remedy(),
            StoreError::NotOurs { .. } => Remedy::MoveAway,
            StoreError::Occupied { .. } => Remedy::OtherFolder,
            StoreError::Busy { .. } => Remedy::EndOthers,
            StoreError::Thread { .. } => Remedy::AllowThreads,
            StoreError::NoPlan { .. } => Remedy::GiveResults,
            StoreError::Output(error) => return error.remedy(),
            StoreError::System { .. } | StoreError::Table(_) => Remedy::Repeat,
        })
    }
}
