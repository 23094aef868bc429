//! Predictions of steps on other losses and of steps that are more than the gradient: (65) to (70).

use crate::common::against::overlay_of;
use crate::common::losses::losses;
use crate::common::{experiment, merge};
use giantstep::metric::Metric;
use giantstep::theory::predict;
use serde_json::{Value, json};

/// Overlaps of neurons of positive weight after every step against `reference/losses.py`.
#[test]
fn steps_on_any_loss_have_the_overlaps_of_an_independent_program() {
    let mut compared = 0;
    for case in losses().iter().filter(|case| case.inputs == "gaussian") {
        let loss = case.loss.as_str();
        // The second step is sampled, which takes a second.
        let steps = if loss == "absolute" { 2 } else { 1 };
        let checked = experiment(json!({
            "target": {"link": case.link},
            "network": {"width": 4, "activation": "tanh(x)", "pairing": "symmetric"},
            "protocol": {
                "dimension": 100_000, "steps": steps, "batch": format!("{}*d", case.alpha),
                "step_size": format!("{}*p", case.rate), "loss": loss
            },
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine"]}
        }));
        let found = predict(&checked.setup.experiment);
        for p in found.present.iter().filter(|p| {
            let positive = p.group == Some(giantstep::measurement::Signs::Positive);
            p.metric == Metric::Overlap && p.step > 0 && positive
        }) {
            let (step, k) = (
                p.step as usize - 1,
                p.direction.expect("a direction") as usize - 1,
            );
            let (expected, error) = (case.overlap[step][k], case.error);
            let sampled = p.standard_error.unwrap_or(0.0);
            println!(
                "{} {loss} {} z{}: {:.4} {expected:.4} ({error:.4})",
                case.link,
                p.step,
                k + 1,
                p.value
            );
            assert!(
                (p.value - expected).abs() < 4.0 * error.hypot(sampled) + 2e-4,
                "{loss} step {}: {} {expected}",
                p.step,
                p.value
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
}

/// `cos^2 = c_1^2 |T_1|^2 / (p c_1^2 S^2 + E y^2 (E sigma'^2 - c_1^2)/alpha)`: 1/p of a gradient's.
#[test]
fn a_polar_step_has_one_pth_of_the_alignment() {
    for (student, expected) in [
        ("tanh(x)", [0.7289, 0.1904, 0.0481, 0.0121]),
        ("relu(x)", [0.6299, 0.1828, 0.0476, 0.0120]),
    ] {
        for (width, expected) in [1, 4, 16, 64].into_iter().zip(expected) {
            let checked = experiment(json!({
                "target": {"link": "sin(z1)"},
                "network": {"width": width, "activation": student, "second_layer": "ones"},
                "protocol": {
                    "dimension": 1_000_000, "steps": 1, "batch": "4*d", "step_size": 3, "loss": "correlation", "update": "polar"
                },
                "readout": {"after": "never"},
                "evaluation": {"metrics": ["weight_cosine"]}
            }));
            let found = predict(&checked.setup.experiment);
            let overlap = found
                .present
                .iter()
                .find(|p| p.metric == Metric::Overlap && p.step == 1)
                .unwrap_or_else(|| panic!("{:?}", found.absent));
            let cosine = (overlap.value / 3.0).powi(2);
            assert!(
                (cosine - expected).abs() < 1e-4,
                "{student} {width}: {cosine}"
            );
        }
    }
}

#[test]
fn steps_that_are_more_than_the_gradient_follow_the_recursion() {
    for protocol in [
        json!({"update": "polar", "step_size": 1.5}),
        json!({"update": "normalised", "step_size": 1.5, "weight_decay": 0.2, "geometry": "projected"}),
    ] {
        println!("{protocol}");
        let mut changes: Value = json!({
            "target": {"link": "z1 + z1*z2"},
            "network": {"width": 4, "activation": "relu(x)", "second_layer": "ones"},
            "protocol": {"dimension": 1500, "steps": 3, "batch": "4*d"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine", "norm", "covariance"]}
        });
        merge(&mut changes, json!({"protocol": protocol}));
        let found = overlay_of(changes, 24, 6e-3, |p| p.metric != Metric::WeightAlignment);
        assert!(found.iter().any(|p| p.step == 3));
    }
}

/// Every coefficient of the activation becomes one of its bias: overlaps, norms and both kinds of readout.
/// Four steps with a velocity, and four of different sizes on different batches, against runs. Seen to fail with the velocity's
/// products with W taken before the step, and with the first step's size for all.
#[test]
fn velocities_and_sizes_of_steps_are_followed() {
    for protocol in [
        json!({"batch": "4*d", "momentum": {"heavy_ball": 0.6}}),
        json!({"batch": "4*d", "momentum": {"nesterov": 0.7}, "clip": {"rows": 0.1}, "weight_decay": 0.02}),
        json!({"batch": "4*d", "momentum": {"heavy_ball": 0.5}, "update": "polar", "weight_decay": 0.01}),
        json!({"batch": "4*d", "momentum": {"nesterov": 0.5}, "update": "normalised", "geometry": "projected"}),
        json!({"batch": "2*d*t", "step_size": "p/sqrt(t)"}),
    ] {
        let mut changes = json!({
            "target": {"link": "z1 + z1*z2"},
            "network": {"width": 8, "activation": "relu(x)", "pairing": "symmetric"},
            "protocol": {"dimension": 3000, "steps": 4, "step_size": "p"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine", "norm", "gradient_cosine"]}
        });
        merge(&mut changes, json!({"protocol": protocol}));
        let found = overlay_of(changes, 40, 4e-3, |p| {
            matches!(
                p.metric,
                Metric::Overlap | Metric::Norm | Metric::GradientCosine
            )
        });
        assert_eq!(found.iter().map(|p| p.step).max(), Some(4));
    }
}

#[test]
fn networks_with_biases_have_their_predictions() {
    overlay_of(
        json!({
            "target": {"link": "z1 + z1*z2"},
            "network": {"width": 24, "activation": "relu(x)", "pairing": "symmetric", "bias": {"gaussian": 1}},
            "protocol": {"dimension": 1000, "steps": 1, "batch": "4*d", "step_size": "2*p"},
            "readout": {"after": "last", "ridge": 0.01, "samples": "4*d"},
            "evaluation": {"metrics": ["weight_cosine", "norm", "test_error"], "test_samples": 4000}
        }),
        60,
        6e-3,
        |p| p.step == 1,
    );
    overlay_of(
        json!({
            "target": {"link": "z1 + z1*z2"},
            "network": {"width": 120, "activation": "relu(x)", "bias": {"uniform": [-1, 1]}},
            "protocol": {"dimension": 150, "steps": 1, "batch": "4*d", "step_size": "2*p"},
            "readout": {"after": "last", "ridge": 0.1},
            "evaluation": {"metrics": ["test_error"], "test_samples": 3000}
        }),
        16,
        1e-2,
        |p| p.step == 1 && p.metric == Metric::TestError,
    );
}

/// Where p and n are of order d any training draws networks: a trained second layer, steps of different sizes, a loss.
#[test]
fn readouts_after_any_training_have_their_errors() {
    for protocol in [
        json!({"second_layer": {"step_size": 0.5}, "loss": "huber"}),
        json!({"step_size": "2*p/t", "momentum": {"heavy_ball": 0.5}}),
    ] {
        let mut changes: Value = json!({
            "target": {"link": "z1 + z1*z2", "noise": 0.1},
            "network": {"width": 90, "activation": "relu(x)"},
            "protocol": {"dimension": 120, "steps": 2, "batch": "6*d", "step_size": "1.5*p"},
            "readout": {"after": "last", "ridge": 0.1, "samples": "4*d"},
            "evaluation": {"metrics": ["test_error"], "test_samples": 3000}
        });
        merge(&mut changes, json!({"protocol": protocol}));
        overlay_of(changes, 16, 1e-2, |p| {
            p.step == 2 && p.metric == Metric::TestError
        });
    }
}
