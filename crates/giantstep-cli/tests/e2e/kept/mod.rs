//! Runs that are kept: found again, extended, never mixed; damage named; shared by processes.

mod again;
mod damaged;
mod mixed;
mod shared;
