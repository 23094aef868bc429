//! What should have happened: predictions from the theory of giant steps.

mod expectation;
pub mod population;
pub mod recursion;
