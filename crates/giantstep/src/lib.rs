//! How two-layer networks learn features in a few giant gradient steps: simulation and theory.

pub mod expr;
