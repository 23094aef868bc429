//! The program from end to end, as a user runs it.

// What is left out on a machine is told.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod analyze;
mod as_json;
mod claims;
#[cfg(target_os = "linux")]
mod cluster;
mod common;
mod docs;
#[cfg(target_os = "linux")]
mod ends;
mod experiments;
mod failed;
mod kept;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(feature = "mpi")]
mod mpi;
mod mutated;
mod plot;
mod predict;
mod refused;
mod shell;
#[cfg(target_os = "linux")]
mod slurm;
#[cfg(target_os = "linux")]
mod survival;
