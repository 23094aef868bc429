//! The library by its public entries, as one program: a file a subject.

mod acceptance;
mod analysis;
mod analysis_activation;
mod analysis_consistency;
mod analysis_integrals;
mod analysis_invariance;
mod analysis_table;
mod analysis_traps;
mod common;
mod engines_agree;
mod equivalence;
mod fluctuations;
mod given_weights;
mod invariants;
mod language;
mod numbers;
mod ranks;
mod readout;
mod reproducible;
mod runs;
mod stairway;
mod theory;
mod theory_by_hand;
mod theory_page;
mod theory_readouts;
mod verdicts;
