//! The giant-step laboratory: from an experiment file to runs, a table, reports and figures.
//!
//! Every front (command line, notebook, page) parses, calls these few functions, and renders what they return. Nothing here
//! prints, ends the process, reads arguments or the environment.
//!
//! - [`plan`]: text -> [`plan::Plan`], its points and [`plan::Jobs`], made once.
//! - [`rows`]: own data: the rows of a file, known by their content.
//! - [`mod@perform`]: jobs -> a [`Report`]: runs, their table, and what theory says of them, in one call each.
//! - [`work`], [`mod@drive`]: jobs -> ended runs; the one loop, accompanied by a [`work::Session`].
//! - [`keep`]: where ended runs are kept: [`keep::Memory`], or the [`keep::Store`] of a results folder.
//! - [`results`], [`table`]: every number measured, as one tidy table.
//! - [`outlook`], [`compare`], [`slope`], [`cite`], [`report`]: theory beside measurements.
//! - [`verdicts`]: what an analysis says of each direction, in words.
//! - [`load`], [`standing`]: what the runs that are left take, and what a folder holds of its plan.
//! - [`document`]: what is handed over as JSON, the same by every front.
//! - [`chart`]: figures of a table, and what a plan asks for and cannot give.
//! - [`remedy`]: what a person can do about an error, as a value.
//! - [`starter`]: a first experiment for a link.
//! - [`claims`], [`experiments`]: the ledger of claims, and the experiments that come along.

pub mod chart;
pub mod cite;
pub mod claims;
pub mod compare;
pub mod document;
pub mod drive;
pub mod experiments;
pub mod fence;
pub mod files;
pub mod keep;
pub mod load;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod outlook;
pub mod perform;
pub mod plan;
mod process;
pub mod published;
pub mod remedy;
pub mod report;
pub mod results;
pub mod rows;
pub mod slope;
pub mod standing;
pub mod starter;
pub mod table;
pub mod verdicts;
pub mod words;
pub mod work;

pub use drive::{Manner, drive};
pub use keep::{Keep, Memory, Store};
pub use outlook::{Ask, Outlook, Predicted};
pub use perform::{perform, recall};
pub use plan::{Jobs, Machine, Plan, Scale, Wanted};
pub use report::Report;
pub use results::Results;
pub use table::Table;
pub use work::{Asked, Event, Observer, Session};
