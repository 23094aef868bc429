//! Settings without a theory are said to have none: never the numbers of the setting beside them.

use crate::common::{experiment, merge};
use giantstep::metric::Metric;
use giantstep::spec::Spec;
use giantstep::theory::{Effort, Needs, Prediction, Status, predict, predict_within};
use giantstep::watch::NEVER;
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

#[test]
fn what_has_no_prediction_says_why() {
    let reasons = |changes: Value| -> Vec<String> {
        let mut base = json!({"network": {"width": 4}, "protocol": {"dimension": 200, "steps": 3, "batch": "4*d"}});
        merge(&mut base, changes);
        predict(&experiment(base).setup.experiment)
            .absent
            .into_iter()
            .map(|absent| absent.reason)
            .collect()
    };
    let says = |changes: Value, word: &str| {
        let found = reasons(changes.clone());
        assert!(
            found.iter().any(|r| r.contains(word)),
            "{changes}: {found:?}"
        );
    };
    assert_eq!(reasons(json!({})), Vec::<String>::new());
    says(json!({"protocol": {"reuse": 3}}), "in-law engine");
    says(
        json!({"protocol": {"remove_below": 2}}),
        "estimated on the training batch",
    );
    says(
        json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 1}}}),
        "lookahead",
    );
    says(
        json!({"protocol": {"batch": "d^2"}, "target": {"link": "z1*z2"}}),
        "leading order",
    );
    says(
        json!({"protocol": {"batch": "d^2"}, "target": {"link": "z1*z2 + 1"}}),
        "mean",
    );
    // What more samples or time would give is told from what is not derived.
    let absent = |changes: Value| {
        let checked = experiment(changes);
        predict_within(&checked.setup.experiment, Effort::Integrated, &NEVER).absent
    };
    let wide = absent(json!({
        "target": {"link": "tanh(z1 + z2)*sin(z3*z4)"}, "network": {"width": 4},
        "protocol": {"dimension": 200, "steps": 1, "batch": "4*d"}, "readout": {"after": "never"}
    }));
    assert!(
        wide.iter()
            .all(|a| a.needs == Some(Needs::Samples) && a.formula.is_some()),
        "{wide:?}"
    );
    let ahead = absent(json!({
        "network": {"width": 4},
        "protocol": {"dimension": 200, "batch": "4*d", "lookahead": {"kind": "extragradient", "radius": 1}},
        "readout": {"after": "never"}
    }));
    assert!(
        ahead
            .iter()
            .all(|a| a.needs.is_none() && a.formula.is_some()),
        "{ahead:?}"
    );
    says(
        json!({"readout": {"ridge": {"leave_one_out": [1.0]}}}),
        "chosen on the data",
    );
    // At n of order d, nothing of leading order two is learnt: a theorem.
    let checked = experiment(json!({
        "target": {"link": "z1*z2"}, "network": {"width": 4},
        "protocol": {"dimension": 200, "steps": 2, "batch": "4*d"}
    }));
    let found = predict(&checked.setup.experiment);
    let aligned = found
        .present
        .iter()
        .find(|p| p.metric == Metric::WeightAlignment && p.step == 2)
        .unwrap();
    // The limit is zero by the theorem; what finite d leaves of an alignment is derived.
    assert!(aligned.value < 0.05 && aligned.status == Status::Derived);
    let none = found.present.iter().filter(|p| p.status == Status::Theorem);
    assert!(none.clone().count() >= 4 && none.clone().all(|p| p.value.abs() < 1e-12));
    assert!(
        serde_json::to_string(&found)
            .unwrap()
            .contains("\"status\":\"theorem\"")
    );
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
