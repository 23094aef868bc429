//! Losses, updates, biases and inputs against limits from independent programs.
//!
//! Runs are at finite d and over few seeds: what is measured may be off by four of its own standard errors and by 0.015 for the
//! limit. Cases tell each other apart: the squared loss from the absolute one, Gaussian inputs from signs, rows of length 1 from
//! the polar factor.

use crate::common::against::{Mean, mean};
use crate::common::gaussian::probability;
use crate::common::losses::losses;
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::run::{Outcome, Run, run};
use giantstep::spec::Spec;
use giantstep::watch::Watch;
use rayon::prelude::*;
use serde_json::{Value, json};

fn runs(mut spec: Value, seeds: u64) -> Vec<Run> {
    crate::common::merge(&mut spec, json!({"readout": {"after": "never"}}));
    let spec: Spec = serde_json::from_value(spec).expect("a specification");
    let setup = spec.check().expect("an experiment").setup;
    let seeds = (0..seeds).into_par_iter();
    let runs: Vec<Run> = seeds
        .map(|seed| run(&setup, seed, &Watch::default()))
        .collect();
    assert!(runs.iter().all(|run| run.outcome == Outcome::Completed));
    runs
}

/// A measured average, over runs.
fn over(runs: &[Run], step: u32, metric: Metric, direction: Option<u32>) -> Mean {
    let values: Vec<f64> = runs
        .iter()
        .map(|run| {
            let group = direction.map(|_| Signs::Positive);
            let found = run.measurements.iter().find(|m| {
                (m.step, m.metric, m.neuron) == (step, metric, None)
                    && (m.direction, m.group) == (direction, group)
            });
            found.expect("measured").value
        })
        .collect();
    mean(&values)
}

fn assert_near(what: &str, Mean { value, error }: Mean, expected: f64, limit: f64) {
    assert!(
        (value - expected).abs() < 4.0 * error + limit,
        "{what}: {value} +- {error}, not {expected}"
    );
}

/// Two mirrored pairs of tanh: `He3(z1)` is learnt with the absolute and Huber's loss and not with the squared one; signs with the
/// three losses of classes; a staircase of inputs of signs, whose second step is another than that of Gaussian ones.
#[test]
fn overlaps_are_those_of_the_recursion_with_the_residual_of_the_loss() {
    let limits = losses();
    assert_eq!(limits.len(), 8);
    for case in limits {
        let spec = json!({
            "inputs": case.inputs,
            "target": {"link": case.link},
            "network": {"width": 4, "activation": "tanh(x)", "pairing": "symmetric"},
            "protocol": {
                "dimension": 1200, "batch": format!("{}*d", case.alpha), "steps": 3,
                "step_size": format!("{}*p", case.rate), "loss": case.loss
            },
            "evaluation": {"metrics": ["weight_cosine"]},
        });
        let canonical = json!({"target": {"directions": "canonical"}});
        let mut spec = spec;
        if case.inputs == "hypercube" {
            crate::common::merge(&mut spec, canonical);
        }
        let runs = runs(spec, 10);
        for (step, overlaps) in (1..).zip(&case.overlap) {
            for (direction, expected) in (1..).zip(overlaps) {
                let found = over(&runs, step, Metric::Overlap, Some(direction));
                let what = format!(
                    "{} {} {}, step {step}, {direction}",
                    case.link, case.loss, case.inputs
                );
                assert_near(&what, found, *expected, 0.015 + 4.0 * case.error);
            }
        }
    }
}

/// `|T_1|^2 c_1^2 / (p c_1^2 S^2 + E y^2 (E sigma'^2 - c_1^2)/alpha)`, an orthogonalised step's, and a gradient's, for
/// `sin(z1)`, tanh, n = 4d: each singular value counts alike, so the one spike is shared by p rows.
#[test]
fn an_orthogonalised_step_shares_the_spike_among_all_neurons() {
    for (update, width, expected) in [
        ("polar", 4, 0.1904),
        ("polar", 16, 0.0481),
        ("normalised", 16, 0.7289),
        ("gradient", 16, 0.7289),
    ] {
        let spec = json!({
            "target": {"link": "sin(z1)"},
            "network": {"width": width, "activation": "tanh(x)"},
            // Long steps, beside which the start is short.
            "protocol": {
                "dimension": 1500, "batch": "4*d", "steps": 1, "step_size": "1e4*p", "loss": "correlation",
                "update": update
            },
            "evaluation": {"metrics": ["weight_alignment"]},
        });
        let runs = runs(spec, 6);
        let found = over(&runs, 1, Metric::WeightAlignment, None);
        assert_near(
            &format!("{update}, {width}"),
            found,
            expected,
            0.02 * expected,
        );
    }
}

/// relu(x + b): one step moves a neuron by `eta~ a~ c_1(b) T_1` along the target, and `c_1(b)` is the normal distribution
/// function. (This seen without the biases: 0.5 for all b.)
#[test]
fn a_bias_changes_how_far_a_neuron_goes() {
    for engine in ["direct", "in_law"] {
        let spec = json!({
            "target": {"link": "z1 + z1*z2"},
            "network": {"width": 64, "bias": {"uniform": [-2, 2]}},
            "protocol": {
                "dimension": 1000, "batch": "8*d", "steps": 1, "step_size": "2*p", "loss": "correlation"
            },
            "evaluation": {"metrics": ["norm"]},
            "run": {"engine": engine},
        });
        let spec: Spec = serde_json::from_value(spec).expect("a specification");
        let run = run(
            &spec.check().expect("an experiment").setup,
            1,
            &Watch::default(),
        );
        let m = run.network.first.gram(&run.target);
        let cumulative = |b: f64| probability(f64::NEG_INFINITY, b);
        // Neurons of large and of small bias, by least squares: slope 1 in each half.
        for half in [-1.0, 1.0] {
            let (mut top, mut bottom) = (0.0, 0.0);
            for (i, b) in run.network.bias.iter().enumerate() {
                if b * half > 0.0 {
                    let expected = 2.0 * 8.0 * run.network.second[i] * cumulative(*b);
                    top += m[(i, 0)] * expected;
                    bottom += expected * expected;
                }
            }
            let slope = top / bottom;
            assert!((slope - 1.0).abs() < 0.12, "{engine}, {half}: {slope}");
        }
    }
}

/// A step size that is constant in t, a clip that is never reached, the usual scale in words: none of them changes a bit.
#[test]
fn options_that_do_nothing_change_no_bit() {
    let base = json!({
        "target": {"link": "z1 + z1*z2", "noise": 0.1},
        "network": {"width": 6},
        "protocol": {"dimension": 40, "batch": 100, "steps": 3, "step_size": "p"},
        "evaluation": {"test_samples": 100, "metrics": ["test_error", "neurons"]},
    });
    let bits = |changes: Value| {
        let mut spec = base.clone();
        crate::common::merge(&mut spec, changes);
        let spec: Spec = serde_json::from_value(spec).expect("a specification");
        crate::common::bits(&run(
            &spec.check().expect("an experiment").setup,
            4,
            &Watch::default(),
        ))
    };
    let plain = bits(json!({}));
    for changes in [
        json!({"protocol": {"clip": {"rows": 1e9}}}),
        json!({"protocol": {"clip": {"whole": 1e9}}}),
        json!({"protocol": {"weight_decay": 0}}),
        json!({"protocol": {"step_size": "p + 0*t"}}),
        json!({"network": {"scale": "1/sqrt(p)"}}),
        json!({"readout": {"samples": "n", "ridge": "d/40"}}),
        json!({"inputs": "gaussian"}),
    ] {
        assert_eq!(bits(changes.clone()), plain, "{changes}");
    }
}
