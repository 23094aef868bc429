//! How two-layer networks learn features in a few giant gradient steps: simulation and theory.
//!
//! A target `y = g(W* x)` of r directions in R^d, a network `f(x) = (1/sqrt p) sum_i a_i sigma(<w_i, x>)`, T full
//! gradient steps of size eta on batches of n Gaussian samples, and a ridge readout after each. Formulas and
//! normalisations are those of `THEORY.md`.
//!
//! ```
//! use giantstep::{Metric, Outcome, Spec, Watch, run};
//!
//! // What is learnt, by what, and how: the experiment file, here as JSON.
//! let spec: Spec = serde_json::from_str(r#"{
//!     "target":     { "link": "z1 + z1*z2" },
//!     "network":    { "width": 8, "pairing": "symmetric" },
//!     "protocol":   { "dimension": 50, "steps": 2, "batch": "2*d", "step_size": "p" },
//!     "evaluation": { "test_samples": 1000 }
//! }"#)?;
//! let setup = spec.check()?.setup;
//! let run = run(&setup, 1, &Watch::default());
//! assert_eq!(run.outcome, Outcome::Completed);
//!
//! // M = W W*^T, p x r; the network has turned towards the target.
//! let overlaps = run.network.first.gram(&run.target);
//! assert_eq!((overlaps.nrows(), overlaps.ncols()), (8, 2));
//! let aligned = run.measurements.iter().filter(|m| m.metric == Metric::WeightAlignment);
//! let aligned: Vec<f64> = aligned.map(|m| m.value).collect();
//! assert!(aligned[2] > 2.0 * aligned[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Trainer`] takes the same run step by step, [`cost()`] tells what it will take, [`predict()`] what theory expects of it,
//! [`analyze()`] what giant steps can learn of its target at all.
//!
//! # In reading order
//!
//! - [`spec`]: the experiment file, and its one conversion into checked types: [`experiment`], [`setup`].
//! - [`mod@run`]: one seed from start to end; the story that the other modules tell in detail.
//! - [`labels`], [`network`], [`train`], [`readout`], [`baseline`], [`evaluate`], [`metric`], [`measurement`], [`metrics`]: target, student, giant steps, second
//!   stage, errors, what is recorded. Written once, for any engine.
//! - [`batch`]: the waist. An [`batch::Engine`] answers the one question that training asks of a batch:
//!   [`batch::Direct`] with explicit coordinates, [`batch::InLaw`] with the same law at a cost without d.
//! - [`estimator`]: the same steps on any data matrix, their sizes and number chosen on held-out rows.
//! - [`equivalence`]: the readout on features and on what is to be equivalent to them.
//! - [`directions`]: vectors of R^d whatever the engine.
//! - [`expr`], [`activation`], [`gauss`]: links and activations as typed text, with derivatives and Hermite
//!   coefficients; [`callable`]: as code.
//! - [`mod@cost`]: what a run will take; [`peak`]: what the hardware could do.
//! - [`watch`]: whether to stop, and whom to tell.
//! - [`real`], [`elementary`], [`reduce`], [`ranks`]: precisions, functions of whole columns, sums in a fixed order
//!   over threads and processes.

#![forbid(unsafe_code)]
/// The version of the numbers: builds with the same one give the same run for the same setup and seed, to rounding.
///
/// It changes when numbers do, and not with the sources: `tests/numbers.rs` holds it beside golden values.
pub const NUMBERS: u32 = 2;

pub use faer;

pub use analysis::{AnalysisOptions, Report, analyze};
pub use cost::{Cost, RunCost, cost};
pub use experiment::Experiment;
pub use measurement::{Measurement, Signs};
pub use metric::{Metric, MetricGroup};
pub use run::{Outcome, Run, Trainer, run};
pub use setup::{EngineChoice, Limits, Setup};
pub use spec::{Spec, SpecError};
pub use theory::{Prediction, Predictions, predict};
pub use watch::{Observer, Watch};

pub mod activation;
pub mod analysis;
pub mod baseline;
pub mod batch;
pub mod callable;
pub mod catalogue;
mod columns;
pub mod cost;
pub mod directions;
pub mod elementary;
pub mod equivalence;
pub mod estimator;
pub mod evaluate;
pub mod experiment;
pub mod expr;
pub mod gauss;
mod hermite;
pub mod kernels;
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
pub mod setup;
pub mod spec;
mod spectrum;
pub mod theory;
pub mod train;
pub mod watch;
