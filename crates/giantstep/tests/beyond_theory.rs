//! Settings without a theory are said to have none: never the numbers of the setting beside them.

use crate::common::merge;
use std::sync::atomic::AtomicBool;

use giantstep::spec::Spec;
use giantstep::theory::{Effort, FloorKind, floors};
use giantstep::{Prediction, predict};
use serde_json::{Value, json};

fn predicted(changes: &Value) -> (Vec<Prediction>, Vec<String>) {
    let mut spec = json!({
        "target": {"link": "z1 + z1*z2", "noise": 0.25},
        "network": {"width": 8, "pairing": "symmetric"},
        "protocol": {"dimension": 1000, "steps": 1, "batch": "2*d", "step_size": "p"},
        "readout": {"samples": "3*n"},
        "evaluation": {"metrics": ["test_error", "train_error", "norm", "weight_cosine", "gradient_cosine"]}
    });
    merge(&mut spec, changes.clone());
    let spec: Spec = serde_json::from_value(spec).expect("a specification");
    let found = predict(&spec.check().expect("an experiment").setup.experiment);
    (
        found.present,
        found
            .absent
            .into_iter()
            .map(|absent| absent.reason)
            .collect(),
    )
}

#[test]
fn what_has_no_theory_has_no_prediction_but_a_reason() {
    let (plain, _) = predicted(&json!({}));
    assert!(plain.iter().any(|prediction| prediction.step == 1));
    for (changes, from, why) in [
        (
            json!({"protocol": {"second_layer": {"step_size": 1}}}),
            1,
            "second layer",
        ),
        (
            json!({"protocol": {"update": "sign"}}),
            1,
            "single coordinates",
        ),
        (
            json!({"protocol": {"weight_decay": 0.1, "geometry": "spherical"}}),
            1,
            "more than the gradient",
        ),
        (
            json!({"protocol": {"weight_decay": 0.1, "reuse": 2, "steps": 2}}),
            1,
            "more than the gradient",
        ),
        (
            json!({"protocol": {"step_size": "p/t", "steps": 2, "reuse": 2}}),
            2,
            "different sizes",
        ),
        (
            json!({"network": {"bias": {"gaussian": 1}}, "protocol": {"reuse": 2, "steps": 2}}),
            2,
            "biases",
        ),
        (
            json!({"network": {"output": "centred", "pairing": "independent"}}),
            0,
            "start",
        ),
        (
            json!({"network": {"start": {"overlap": [[0.1, 0], [0, 0], [0, 0.2], [0, 0]]}, "second_layer": "gaussian"}}),
            0,
            "neuron by neuron",
        ),
        (
            json!({"inputs": {"target": "hypercube"}, "protocol": {"reuse": 2, "steps": 2}}),
            2,
            "Gaussian coordinates",
        ),
        (
            json!({"inputs": {"spectrum": [[2, 0.5], [0.5, 0.5]]}, "protocol": {"steps": 2}}),
            2,
            "one step",
        ),
    ] {
        let (present, absent) = predicted(&changes);
        let beyond = present.iter().find(|prediction| prediction.step >= from);
        assert!(beyond.is_none(), "{changes}: {beyond:?}");
        assert!(
            absent.iter().any(|reason| reason.contains(why)),
            "{changes}: {absent:?}"
        );
    }
}

/// Against clean labels an error lacks the noise of the labels, 1/4, and nothing else changes.
#[test]
fn predicted_errors_against_clean_labels_lack_the_noise() {
    let (noisy, _) = predicted(&json!({}));
    let (clean, _) = predicted(&json!({"evaluation": {"labels": "clean"}}));
    assert_eq!(noisy.len(), clean.len());
    let mut moved = 0;
    for (noisy, clean) in noisy.iter().zip(&clean) {
        let of_tests =
            noisy.metric.name().contains("error") && noisy.metric.name() != "train_error";
        let expected = if of_tests { 0.25 } else { 0.0 };
        moved += usize::from(of_tests);
        assert!(
            (noisy.value - clean.value - expected).abs() < 1e-9,
            "{noisy:?} {clean:?}"
        );
    }
    assert!(moved > 0);
}

/// relu has no third Hermite coefficient; relu with a bias has one, and so no floor there.
#[test]
fn a_bias_takes_the_floors_of_missing_coefficients_away() {
    let features = |bias: Value| {
        let spec = json!({
            "target": {"link": "He3(z1)"},
            "network": {"width": 8, "bias": bias},
            "protocol": {"dimension": 1000, "steps": 0, "batch": "2*d"}
        });
        let spec: Spec = serde_json::from_value(spec).expect("a specification");
        let experiment = spec.check().expect("an experiment").setup.experiment;
        let found =
            floors(&experiment, Effort::Integrated, &AtomicBool::new(false)).expect("floors");
        let features = found
            .iter()
            .filter(|floor| matches!(floor.kind, FloorKind::Features(_)));
        features.map(|floor| floor.value).collect::<Vec<_>>()
    };
    assert_eq!(features(json!("zero")).len(), 3);
    assert!(features(json!("zero"))[2] > 5.0);
    assert!(features(json!({"gaussian": 1})).is_empty());
}

/// A link that draws random numbers has no floor where they count as part of the label.
#[test]
fn floors_of_random_links_are_those_of_clean_labels() {
    let of = |labels: &str| {
        let spec = json!({
            "target": {"link": "z1 + 0.5*e1"},
            "network": {"width": 8},
            "protocol": {"dimension": 1000, "steps": 1, "batch": "2*d", "step_size": "p"},
            "evaluation": {"labels": labels}
        });
        let spec: Spec = serde_json::from_value(spec).expect("a specification");
        let experiment = spec.check().expect("an experiment").setup.experiment;
        floors(&experiment, Effort::Integrated, &AtomicBool::new(false))
    };
    assert!(!of("clean").expect("floors").is_empty());
    assert!(of("noisy").expect_err("no floors").contains("clean labels"));
}
