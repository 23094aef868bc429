//! Baselines: one law on both engines, which tells other ridges apart, and what is refused. Their values are those of
//! `reference/runs.json`.

use crate::common::{experiment, kolmogorov_smirnov, merge, sample};
use giantstep::metric::Metric;
use giantstep::run::{Outcome, run};
use giantstep::watch::Watch;
use serde_json::{Value, json};

const ERRORS: [Metric; 4] = [
    Metric::LinearError,
    Metric::KernelError,
    Metric::TangentKernelError,
    Metric::FeatureMachineError,
];

fn drawn(engine: &str, ridge: f64, changes: &Value) -> Vec<Vec<f64>> {
    let mut spec = json!({
        "network": {"width": 6, "activation": "tanh(x)"},
        "protocol": {"dimension": 20, "batch": 24, "steps": 1, "remove_below": 1},
        "readout": {"after": "never"},
        "baseline": [
            {"kind": "linear", "ridge": ridge},
            {"kind": "kernel", "degree": 2, "ridge": ridge},
            {"kind": "tangent_kernel", "ridge": ridge},
            {"kind": "feature_machine", "rounds": 1, "ridge": ridge},
        ],
        "evaluation": {"test_samples": 50, "metrics": ["test_error"]},
        "run": {"engine": engine, "precision": "f64"},
    });
    merge(&mut spec, changes.clone());
    let setup = experiment(spec).setup;
    sample(0..600, |seed| {
        let seed = seed + 10_000 * u64::from(engine == "in_law");
        let run = run(&setup, seed, &Watch::default());
        assert_eq!(run.outcome, Outcome::Completed);
        let value = |metric: Metric| {
            let found = run.measurements.iter().find(|m| m.metric == metric);
            found.expect("measured").value
        };
        ERRORS.map(value).to_vec()
    })
}

#[test]
fn baselines_have_one_law_on_both_engines() {
    let least = |x: &[Vec<f64>], y: &[Vec<f64>]| {
        let each = x.iter().zip(y).map(|(x, y)| kolmogorov_smirnov(x, y));
        each.fold(1.0, f64::min)
    };
    for changes in [
        json!({}),
        json!({"readout": {"batch": "same"}, "inputs": {"spike": {"along": [0.6, 0], "strength": 4}}}),
        // More samples than dimensions: in law the frame fills up.
        json!({"protocol": {"dimension": 12, "reuse": 2, "steps": 2}, "readout": {"batch": "same"}}),
    ] {
        let direct = drawn("direct", 0.3, &changes);
        let p = least(&direct, &drawn("in_law", 0.3, &changes));
        assert!(p > 1e-3, "{changes}: p = {p:.1e}");
        let p = least(&direct, &drawn("in_law", 3.0, &changes));
        assert!(p < 1e-4, "{changes}: p = {p:.1e}");
    }
}

/// One kernel of degree 1 is linear regression: `c_1^2 <x, x'>/d`, with ridge and diagonal in units of `c_1^2`.
#[test]
fn a_kernel_of_an_odd_activation_to_degree_one_is_linear() {
    let c1 = 2.0 / (3.0 * std::f64::consts::PI).sqrt();
    let power = 2.0 / std::f64::consts::PI * (2.0f64 / 3.0).asin();
    let spec = json!({
        "network": {"activation": "erf(x)"},
        "protocol": {"dimension": 30, "batch": 50, "steps": 0},
        "readout": {"after": "never"},
        "baseline": [
            {"kind": "linear", "ridge": (0.2 + power) / (c1 * c1) - 1.0},
            {"kind": "kernel", "degree": 1, "ridge": 0.2},
        ],
        "evaluation": {"test_samples": 500, "metrics": ["test_error"]},
        "run": {"engine": "direct", "precision": "f64"},
    });
    let run = run(&experiment(spec).setup, 3, &Watch::default());
    let value = |metric: Metric| {
        let found = run.measurements.iter().find(|m| m.metric == metric);
        found.expect("measured").value
    };
    let (linear, kernel) = (value(Metric::LinearError), value(Metric::KernelError));
    assert!((linear / kernel - 1.0).abs() < 1e-9, "{linear} {kernel}");
}

#[test]
fn what_no_baseline_can_be_is_refused() {
    let of = |baseline: Value, changes: Value| {
        let mut spec = json!({
            "target": {"link": "z1"}, "network": {"width": 2},
            "protocol": {"dimension": 10, "steps": 0, "batch": 10},
            "baseline": baseline
        });
        merge(&mut spec, changes);
        let spec: Result<giantstep::Spec, _> = serde_json::from_value(spec);
        match spec {
            Ok(spec) => spec.check().map(|_| ()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    let kernel = json!([{"kind": "kernel"}]);
    assert_eq!(of(kernel.clone(), json!({})), Ok(()));
    for (baseline, changes, said) in [
        (
            json!([{"kind": "linear", "ridge": 0}]),
            json!({}),
            "baseline.ridge = 0: is 0, and must be positive",
        ),
        (
            json!([{"kind": "linear", "ridge": []}]),
            json!({}),
            "baseline.ridge = []",
        ),
        (
            json!([{"kind": "kernel", "degree": 21}]),
            json!({}),
            "baseline.degree = 21",
        ),
        (
            json!([{"kind": "feature_machine", "rounds": 0}]),
            json!({}),
            "baseline.rounds = 0",
        ),
        (
            json!([{"kind": "kernel"}, {"kind": "kernel", "degree": 2}]),
            json!({}),
            "stands there twice",
        ),
        (
            json!([{"kind": "laplace"}]),
            json!({}),
            "unknown variant `laplace`",
        ),
        (
            json!([{"kind": "linear", "degree": 2}]),
            json!({}),
            "unknown field `degree`",
        ),
        (
            kernel.clone(),
            json!({"network": {"bias": {"gaussian": 1}}}),
            "neurons with biases",
        ),
        (
            kernel,
            json!({"evaluation": {"metrics": ["norm"]}}),
            "none are asked for",
        ),
    ] {
        let error = of(baseline, changes).expect_err(said);
        assert!(error.contains(said), "{said}: {error}");
    }
}
