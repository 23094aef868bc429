//! What the cores that Python grants can do, and what an experiment rests on.

use giantstep_lab::cite::{bibtex, citations};
use giantstep_lab::outlook::Predicted;
use giantstep_lab::plan::{Machine, Plan};

/// A machine of so many cores.
pub fn machine(threads: usize) -> Machine {
    Machine {
        cores: threads,
        ranks: 1,
    }
}

/// The papers that a plan and its predictions rest on, as text and as BibTeX.
pub fn cited(plan: &Plan, predicted: &Predicted, threads: usize) -> (String, String) {
    let all = citations(plan, machine(threads), predicted);
    (giantstep_lab::cite::text(&all), bibtex(&all))
}
