//! Two steps on one batch: what they teach, against an independent program and simulations.

use crate::common::against::{agrees, measured, simulate};
use crate::common::experiment;
use crate::common::steps::dynamics;
use crate::common::text::{activation, link};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::network::Pairing;
use giantstep::theory::population::Population;
use giantstep::theory::recursion::Dynamics;
use giantstep::train::Loss;
use serde_json::json;

#[test]
fn one_batch_used_twice_teaches_he3_to_tanh() {
    let (he3, tanh) = (link("He3(z1)"), activation("tanh(x)"));
    let population = Population::of_weights(&[1.0; 4], Pairing::Independent);
    let setting = Dynamics {
        samples: 2.0,
        loss: Loss::Correlation,
        ..dynamics(&he3, &tanh)
    };
    let integrated = setting.reused_overlap(&population).unwrap()[(0, 0)];
    // NumPy, 4e7 samples: -0.23145 (22).
    assert!((integrated + 0.2315).abs() < 0.0007, "{integrated}");
    let sampled = setting.run_reused(&population).unwrap();
    let error = sampled.standard_errors.unwrap()[2].overlap[(0, 0)];
    assert!((sampled.steps[2].overlap[(0, 0)] - integrated).abs() < 3.0 * error && error < 0.002);
    // Fresh batches see nothing of degree three.
    let fresh = setting.run(&population, 2).unwrap();
    assert!(fresh.steps[2].overlap[(0, 0)].abs() < 1e-9);
    let checked = experiment(json!({
        "target": {"link": "He3(z1)"},
        "network": {"width": 4, "activation": "tanh(x)", "second_layer": "ones"},
        "protocol": {"dimension": 20000, "steps": 2, "batch": "2*d", "step_size": "p", "reuse": 2, "loss": "correlation"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["neurons"]}
    }));
    let runs = simulate(&checked, 0..40);
    let place = (2, Metric::Overlap, Some(1), Some(Signs::Positive), 0);
    agrees("reuse", integrated, measured(&runs)[&place], 0.01);
}

#[test]
fn relu_hardly_shows_the_reuse_of_a_batch() {
    let (he3, relu) = (link("He3(z1)"), activation("relu(x)"));
    let population = Population::of_weights(&[1.0; 4], Pairing::Independent);
    let setting = Dynamics {
        samples: 2.0,
        rate: 2.0,
        loss: Loss::Correlation,
        ..dynamics(&he3, &relu)
    };
    let state = &setting.run_reused(&population).unwrap().steps[2];
    // A squared cosine of 1e-3 drowns in the r/d of d <= 2000 only for the gradient; NumPy: M = -0.0773 (12).
    assert!((setting.reused_overlap(&population).unwrap()[(0, 0)] + 0.0761).abs() < 5e-4);
    assert!(
        state.gradient_cosine(0, 0).powi(2) < 2e-3,
        "{}",
        state.gradient_cosine(0, 0)
    );
}
