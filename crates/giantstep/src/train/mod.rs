//! How a network is trained: one giant step after another.

mod protocol;
mod step;

pub use protocol::{BatchPlan, Geometry, Lookahead, LookaheadKind, Loss, Protocol};
pub use step::{Gradient, StepContext, advance, gradient};
