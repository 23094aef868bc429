//! How two-layer networks learn features in a few giant gradient steps: simulation and theory.

#![forbid(unsafe_code)]

pub mod activation;
pub mod batch;
mod columns;
pub mod directions;
pub mod evaluate;
pub mod expr;
pub mod labels;
pub mod metrics;
pub mod network;
pub mod normal;
pub mod peak;
pub mod readout;
pub mod real;
pub mod reduce;
pub mod run;
pub mod spec;
pub mod train;
