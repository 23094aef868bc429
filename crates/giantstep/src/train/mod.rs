//! How a network is trained: one giant step `w_i <- w_i + eta G_i` after another, the second layer frozen.
//!
//! THEORY.md (2).

mod protocol;
mod step;

pub use protocol::{BatchPlan, Geometry, Lookahead, LookaheadKind, Loss, Protocol};
pub use step::{Gradient, Residual, StepContext, advance, gradient};
