//! What the page of the laboratory asks, answered in JSON: behind a server (`giantstep-web`), and in the browser itself
//! (`web/worker`). Knows no transport, and needs no threads.
//!
//! - [`Question`]: what is answered at once: links, analyses, costs, predictions, the catalogue.
//! - [`run`]: the runs of a file, told step by step, and what comes of them.
//! - [`Load`]: what an experiment would take, and whether it is begun.
//! - [`Problem`]: what went wrong.

mod asks;
mod load;
mod mathml;
mod problem;
mod run;

pub use asks::Question;
pub use load::{Bounds, Load, Setting, Speed};
pub use problem::{At, Kind, Problem, asked};
pub use run::{Begun, Product, Progress, begun, csv, run, svg, told};
