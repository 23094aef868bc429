//! What should have happened: predictions from the theory of giant steps.

pub mod bounded_width;
mod expectation;
pub mod one_step;
pub mod population;
pub mod recursion;
pub mod reuse;
pub mod state_equations;
