//! Experiments on a fixed training set, and rows to give in its place.

use giantstep::run::{Outcome, Run, run};
use giantstep::spec::Spec;
use giantstep::watch::Watch;
use serde_json::{Value, json};

use super::merge;

pub const D: usize = 12;
pub const SET: u64 = 900;
pub const SEED: u64 = 7;

/// An experiment on a training set of the direct engine.
pub fn drawn(changes: &Value) -> Spec {
    let mut spec = json!({
        "target": {"link": "z1 + z1*z2"},
        "network": {"width": 6, "activation": "tanh(x)"},
        "protocol": {"dimension": D, "steps": 3, "batch": 400, "step_size": "p", "training_set": SET},
        "readout": {"after": "last", "samples": 500},
        "evaluation": {"test_samples": 600, "record": "last"},
        "run": {"engine": "direct", "precision": "f64"},
    });
    merge(&mut spec, changes.clone());
    serde_json::from_value(spec).expect("a specification")
}

pub fn finished(setup: &giantstep::Setup) -> Run {
    let run = run(setup, SEED, &Watch::default());
    assert_eq!(run.outcome, Outcome::Completed);
    run
}

/// The entries of rows to give, no two alike.
pub fn waves(rows: usize, columns: usize) -> Vec<f64> {
    (0..rows * columns)
        .map(|i| (i as f64 * 0.7).sin())
        .collect()
}
