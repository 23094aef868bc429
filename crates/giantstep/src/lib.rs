//! How two-layer networks learn features in a few giant gradient steps: simulation and theory.

#![forbid(unsafe_code)]

pub use faer;

pub mod activation;
pub mod analysis;
pub mod batch;
pub mod catalogue;
mod columns;
pub mod cost;
pub mod directions;
pub mod evaluate;
pub mod expr;
pub mod hermite;
pub mod labels;
pub mod metrics;
pub mod network;
mod normal;
pub mod peak;
pub mod readout;
pub mod real;
pub mod reduce;
pub mod run;
pub mod spec;
pub mod train;
