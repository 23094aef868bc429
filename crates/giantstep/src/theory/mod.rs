//! What should have happened: predictions from the theory of giant steps.
//!
//! [`predict`] lays predictions beside what a run of the same experiment measures. Each carries the regime in
//! which it holds, its source, and whether it is proved.
//!
//! - [`one_step`]: one step, `n = alpha d^l`: alignment in closed form, or as a law over neurons.
//! - [`moments`]: of links and activations.
//! - [`recursion`]: T steps on fresh batches, `n = alpha d`: a closed recursion of (M, Q).
//! - [`online`]: many small steps on few samples each: the equations of online learning.
//! - [`reuse`]: two steps on the same batch.
//! - [`bounded_width`]: readout errors given (M, Q).
//! - [`given_weights`]: readout errors on weights that are known, where n, p and d grow together.
//! - [`class_equations`]: the same after one step in closed form, for second layers of few values.
//! - [`state_equations`]: the same after no step, and after one of equal neurons of equal length.

mod anisotropic;
mod averages;
pub mod bounded_width;
pub mod class_equations;
mod compositions;
pub(crate) mod conditional;
mod coordinate_kernels;
mod coordinates;
mod dynamics;
pub(crate) mod expectation;
mod fields;
mod fixed_point;
mod fluctuation;
pub mod given_weights;
mod integrated;
mod label_law;
mod linear_labels;
mod mirrored;
pub mod moments;
mod moved_rows;
pub mod one_step;
pub mod online;
pub mod population;
mod power_iteration;
mod predict;
pub mod recursion;
mod relu;
pub mod reuse;
mod sample;
mod sampler;
mod separated;
mod shared;
pub(crate) mod smoothed;
mod spiked;
mod split;
pub mod state_equations;
pub(crate) mod table;
mod updates;

pub use conditional::ConditionalError;
pub use predict::{
    Absent, Floor, FloorKind, Forecast, Needs, Networks, Prediction, Predictions, Spread, Status,
    floors, predict, predict_within,
};
pub use recursion::Effort;
