//! How a network is trained: one giant step `w_i <- w_i + eta G_i` after another.
//!
//! THEORY.md (2).

mod loss;
mod protocol;
mod set;
mod step;
mod update;

pub use loss::{Loss, LossError, Pointwise};
pub(crate) use protocol::spread;
pub use protocol::{
    BatchPlan, BatchSizes, Geometry, Layer, Lookahead, LookaheadKind, Protocol, StepSize,
};
pub(crate) use set::Draws;
pub use set::{Sampling, TrainingSet};
pub(crate) use step::{Besides, gradient_besides};
pub use step::{Gradient, Layers, Memories, Residual, StepContext, advance, gradient};
pub use update::{Adam, Clip, Memory, Momentum, Rule, Update};
