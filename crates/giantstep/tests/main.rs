//! The library by its public entries, as one program: a file a subject.

// What was compared is told where a test fails.
#![allow(clippy::print_stdout)]

mod acceptance;
mod analysis;
mod analysis_activation;
mod analysis_budget;
mod analysis_consistency;
mod analysis_grids;
mod analysis_integrals;
mod analysis_invariance;
mod analysis_table;
mod analysis_thresholds;
mod analysis_traps;
mod baselines;
mod beyond_theory;
mod callables;
mod class_equations;
mod common;
mod engines_agree;
mod equivalence;
mod estimator;
mod fluctuations;
mod generative_leap;
mod given_weights;
mod inputs;
mod invariants;
mod language;
mod numbers;
mod online;
mod own_data;
mod random_links;
mod ranks;
mod readout;
mod reproducible;
mod runs;
mod shared_pass;
mod sizes;
mod spectra;
mod stairway;
mod start;
mod theory_by_hand;
mod theory_coordinates;
mod theory_effort;
mod theory_every_metric;
mod theory_floors;
mod theory_one_step;
mod theory_page;
mod theory_readouts;
mod theory_recursion;
mod theory_reuse;
mod theory_spectra;
mod theory_steps;
mod training;
mod verdicts;
