//! How two-layer networks learn features in a few giant gradient steps: simulation and theory.
//!
//! A target `y = g(W* x)` of r directions in R^d, a network `f(x) = (1/sqrt p) sum_i a_i sigma(<w_i, x>)`, T full
//! gradient steps of size eta on batches of n Gaussian samples, and a ridge readout after each. Formulas and
//! normalisations are those of `THEORY.md`.
//!
//! ```
//! use giantstep::batch::{Direct, DirectionsLaw, InLaw};
//! use giantstep::measurement::Measurement;
//! use giantstep::metric::Metric;
//! use giantstep::run::{Outcome, Run, run};
//! use giantstep::spec::Spec;
//! use giantstep::watch::Watch;
//!
//! // What is learnt, by what, and how: the experiment file, here as JSON.
//! let spec: Spec = serde_json::from_str(r#"{
//!     "target":     { "link": "z1 + z1*z2" },
//!     "network":    { "width": 8, "pairing": "symmetric" },
//!     "protocol":   { "dimension": 50, "steps": 2, "batch": "2*d", "step_size": "p" },
//!     "evaluation": { "test_samples": 1000 }
//! }"#)?;
//! let experiment = spec.check()?.experiment;
//! assert_eq!((experiment.protocol.batch, experiment.protocol.step_size), (100, 8.0));
//!
//! let watch = Watch::default();
//! let seed = 1;
//! let explicit = run(&experiment, &mut Direct::<f32>::new(50, DirectionsLaw::Random, seed), seed, watch);
//! let in_law = run(&experiment, &mut InLaw::<f32>::new(50, seed), seed, watch);
//!
//! // Two draws of one law, and both have learnt something.
//! let alignment = |run: &Run, step| {
//!     let at = |m: &&Measurement| m.metric == Metric::WeightAlignment && m.step == step;
//!     run.measurements.iter().find(at).map_or(f64::NAN, |m| m.value)
//! };
//! for run in [&explicit, &in_law] {
//!     assert_eq!(run.outcome, Outcome::Completed);
//!     let overlaps = run.network.first.gram(&run.target); // M = W W*^T, p x r
//!     assert_eq!((overlaps.nrows(), overlaps.ncols()), (8, 2));
//!     assert!(alignment(run, 2) > 2.0 * alignment(run, 0));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In reading order
//!
//! - [`spec`]: the experiment file, and its one conversion into checked types.
//! - [`run`]: one seed from start to end; the story that the other modules tell in detail.
//! - [`labels`], [`network`], [`train`], [`readout`], [`evaluate`], [`metric`], [`measurement`], [`metrics`]: target, student, giant steps, second
//!   stage, errors, what is recorded. Written once, for any engine.
//! - [`batch`]: the waist. An [`batch::Engine`] answers the one question that training asks of a batch:
//!   [`batch::Direct`] with explicit coordinates, [`batch::InLaw`] with the same law at a cost without d.
//! - [`equivalence`]: the readout on features and on what is to be equivalent to them.
//! - [`directions`]: vectors of R^d whatever the engine.
//! - [`expr`], [`activation`], [`gauss`]: links and activations as typed text, with derivatives and Hermite
//!   coefficients.
//! - [`cost`]: what a run will take; [`peak`]: what the hardware could do.
//! - [`watch`]: whether to stop, and whom to tell.
//! - [`real`], [`elementary`], [`reduce`], [`ranks`]: precisions, functions of whole columns, sums in a fixed order
//!   over threads and processes.

#![forbid(unsafe_code)]
// Printing and ending the process belong to the command line.
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

/// A hash of the sources of this library and of the versions of its dependencies: two builds with the same one compute
/// the same.
pub const SOURCES: &str = env!("GIANTSTEP_SOURCES");

pub use faer;

pub mod activation;
pub mod analysis;
pub mod batch;
pub mod catalogue;
mod columns;
pub mod cost;
pub mod directions;
pub mod elementary;
pub mod equivalence;
pub mod evaluate;
pub mod expr;
pub mod gauss;
pub mod labels;
pub mod measurement;
pub mod metric;
pub mod metrics;
mod nearest;
pub mod network;
mod normal;
pub mod peak;
pub mod ranks;
pub mod readout;
pub mod real;
pub mod reduce;
pub mod references;
pub mod run;
pub mod spec;
pub mod theory;
pub mod train;
pub mod watch;
