//! Weights that are given at the start.

use std::sync::Arc;

use crate::common::merge;
use crate::common::own_data::waves;
use giantstep::batch::{Data, Order};
use giantstep::faer::Mat;
use giantstep::network::Weights;
use giantstep::run::{Outcome, run};
use giantstep::spec::{Given, Spec};
use giantstep::watch::Watch;
use serde_json::{Value, json};

const P: usize = 4;
const D: usize = 6;

fn weights() -> Weights {
    Weights {
        first: Mat::from_fn(P, D, |i, j| ((1 + i * D + j) as f64).sin()),
        second: Some(vec![0.5, -0.25, 0.125, -1.0]),
        bias: Some(vec![0.1, 0.2, 0.3, 0.4]),
    }
}

fn spec(changes: Value) -> Spec {
    let mut spec = json!({
        "target": {"link": "z1"},
        "network": {"width": P, "bias": {"gaussian": 1}, "start": {"file": "memory"}},
        "protocol": {"dimension": D, "steps": 0, "batch": 20, "step_size": 1},
        "readout": {"after": "never"},
        "evaluation": {"test_samples": 10, "metrics": ["norm"]},
    });
    merge(&mut spec, changes);
    serde_json::from_value(spec).expect("a specification")
}

fn given(weights: Weights) -> Given {
    Given {
        weights: Some(Arc::new(weights)),
        ..Given::default()
    }
}

#[test]
fn a_run_starts_from_the_weights_that_are_given() {
    let data = Arc::new(Data::new(waves(100, D), 100, D, Order::Rows).expect("rows"));
    let spike = json!({"inputs": {"spike": {"along": [0.5], "strength": 2}}});
    for (changes, data) in [
        (json!({}), None),
        (spike, None),
        (
            json!({"inputs": {"file": "memory"}, "protocol": {"dimension": null}}),
            Some(data),
        ),
    ] {
        let given = Given {
            data,
            ..given(weights())
        };
        let setup = spec(changes)
            .check_with(given)
            .expect("an experiment")
            .setup;
        let run = run(&setup, 3, &Watch::default());
        assert_eq!(run.outcome, Outcome::Completed);
        let known = weights();
        assert_eq!(run.network.first.coordinates(), known.first.as_ref());
        assert_eq!(Some(run.network.second), known.second);
        assert_eq!(Some(run.network.bias), known.bias);
    }
}

#[test]
fn what_is_not_given_is_drawn_as_ever() {
    let drawn = spec(json!({"network": {"start": null}}))
        .check()
        .expect("an experiment");
    let drawn = run(&drawn.setup, 3, &Watch::default()).network;
    let only = Weights {
        second: None,
        bias: None,
        ..weights()
    };
    let setup = spec(json!({}))
        .check_with(given(only))
        .expect("an experiment")
        .setup;
    let found = run(&setup, 3, &Watch::default()).network;
    assert_eq!((found.second, found.bias), (drawn.second, drawn.bias));
    assert_ne!(found.first.norms(), drawn.first.norms());
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let refused = |changes: Value, weights: Weights| {
        let checked = spec(changes).check_with(given(weights));
        checked.expect_err("refused").to_string()
    };
    let with = |change: &dyn Fn(&mut Weights)| {
        let mut weights = weights();
        change(&mut weights);
        weights
    };
    for (changes, weights, said) in [
        (
            json!({"network": {"width": 5}}),
            weights(),
            "W is 4 x 6, and not p x d = 5 x 6",
        ),
        (
            json!({}),
            with(&|w| w.second = Some(vec![1.0])),
            "a has 1 entries for p = 4",
        ),
        (
            json!({}),
            with(&|w| w.bias = Some(vec![1.0; 5])),
            "b has 5 entries for p = 4",
        ),
        (
            json!({}),
            with(&|w| w.first[(1, 2)] = f64::NAN),
            "has the entry NaN",
        ),
        (
            json!({}),
            with(&|w| w.second = Some(vec![f64::INFINITY; 4])),
            "has the entry inf",
        ),
        (
            json!({"network": {"bias": "zero"}}),
            weights(),
            "the network has none",
        ),
        (
            json!({"network": {"pairing": "symmetric"}}),
            weights(),
            "are in no pairs",
        ),
        (
            json!({"run": {"engine": "in_law"}}),
            weights(),
            "coordinates of R^d",
        ),
    ] {
        let error = refused(changes, weights);
        assert!(
            error.contains("network.start") && error.contains(said) && error.contains("help:"),
            "{said}: {error}"
        );
    }
    let error = spec(json!({})).check().expect_err("no weights").to_string();
    assert!(error.contains("reads no files"), "{error}");
}
