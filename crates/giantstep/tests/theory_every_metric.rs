//! Everything that is predicted of a run, at every step, beside simulations of the same experiment.
//!
//! Simulations have fixed seeds; agreement means three standard errors of their mean.
//! Seen to catch: neurons that do not share the noise of the data; label noise missing in readouts.

use crate::common::against::overlay;
use crate::common::merge;
use giantstep::metric::Metric;
use giantstep::theory::Status;
use serde_json::{Value, json};

/// All metrics at every step beside a simulation of the same experiment.
fn complete(network: Value, protocol: Value, target: Value) -> Value {
    let mut changes = json!({
        "target": {"link": "z1 + z2/2 + z1*z2"},
        "network": {"width": 16},
        "protocol": {"dimension": 20000, "steps": 2, "batch": "3*d", "step_size": "p"},
        "readout": {"after": "every_step", "ridge": [0.01, 100.0]},
        "evaluation": {
            "test_samples": 20000,
            "metrics": [
                "test_error", "train_error", "norm", "weight_cosine", "gradient_cosine", "neurons", "covariance"
            ]
        }
    });
    merge(
        &mut changes,
        json!({"network": network, "protocol": protocol, "target": target}),
    );
    changes
}

#[test]
fn every_metric_of_symmetric_pairs_is_predicted() {
    let found = overlay(
        complete(json!({"pairing": "symmetric"}), json!({}), json!({})),
        24,
        0.003,
    );
    assert!(found.iter().all(|p| p.status == Status::Derived));
    // Step 0: test errors for two ridges; steps 1 and 2: all.
    for metric in [
        Metric::WeightCosine,
        Metric::GradientCosine,
        Metric::Overlap,
    ] {
        let count = found
            .iter()
            .filter(|p| p.metric == metric && p.step == 2)
            .count();
        assert_eq!(count, 4, "{metric}");
    }
}

#[test]
fn every_metric_of_projected_steps_is_predicted() {
    let network = json!({"second_layer": "ones", "activation": "tanh(x)"});
    overlay(
        complete(
            network,
            json!({"geometry": "projected"}),
            json!({"noise": 0.5}),
        ),
        24,
        0.003,
    );
}

#[test]
fn every_metric_of_spherical_steps_on_the_correlation_loss_is_predicted() {
    let network = json!({"second_layer": "ones", "activation": "erf(x)"});
    let protocol = json!({"geometry": "spherical", "loss": "correlation"});
    overlay(
        complete(network, protocol, json!({"link": "z1 + z1*z2 + 1/2"})),
        24,
        0.003,
    );
}

#[test]
fn every_metric_of_centred_labels_with_kinks_is_predicted() {
    let network = json!({"second_layer": "ones"});
    let protocol = json!({"remove_below": 1, "batch": "6*d"});
    overlay(
        complete(
            network,
            protocol,
            json!({"link": "relu(z1) + relu(z2 - 1/2)"}),
        ),
        24,
        0.003,
    );
}

#[test]
fn every_metric_of_gaussian_second_layers_is_predicted() {
    for pairing in ["independent", "symmetric"] {
        // Seeds have their own second layers: their mean is resolved, not the bias of order 1/p.
        let network = json!({"second_layer": "gaussian", "pairing": pairing, "width": 64});
        let mut changes = complete(network, json!({"step_size": "p/2"}), json!({}));
        changes["readout"]["ridge"] = json!({"leave_one_out": [1.0]});
        overlay(changes, 16, 0.01);
    }
}

#[test]
fn every_metric_of_two_steps_on_one_batch_is_predicted() {
    let network = json!({"second_layer": "ones", "activation": "tanh(x)", "width": 4});
    overlay(
        complete(
            network,
            json!({"reuse": 2, "batch": "2*d"}),
            json!({"link": "He3(z1) + z1*z2"}),
        ),
        48,
        0.003,
    );
}
