//! Means over continuous second layers, beside runs that draw them.
//!
//! Seen to catch: a series in 1/p that is taken as complete (4.9 standard errors off).
use std::sync::atomic::AtomicBool;

use crate::common::against::{measured, place, simulate};
use crate::common::experiment;
use giantstep::theory::{Effort, predict_within};
use serde_json::json;

#[test]
fn a_mean_over_gaussian_second_layers_tells_what_its_series_leaves_out() {
    let checked = experiment(json!({
        "target": {"link": "z1 + He2(z1)/2"},
        "network": {"width": 16, "activation": "relu(x)", "second_layer": "gaussian"},
        "protocol": {"dimension": 50000, "steps": 2, "batch": "4*d", "step_size": "2*p"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["norm", "weight_cosine", "gradient_cosine"]},
    }));
    let experiment = &checked.setup.experiment;
    let predictions = predict_within(experiment, Effort::Integrated, &AtomicBool::new(false));
    let means = measured(&simulate(&checked, 0..300));
    let of_steps = predictions.present.iter().filter(|p| p.step > 0);
    let mut compared = 0;
    for predicted in of_steps {
        let Some(mean) = means.get(&place(predicted)) else {
            continue;
        };
        let error = predicted.standard_error.unwrap_or(0.0).hypot(mean.error);
        let distance = (predicted.value - mean.value) / error;
        assert!(distance.abs() < 3.0, "{predicted:?}: {mean:?}, {distance}");
        assert!(
            predicted.regime.contains("first order in 1/p"),
            "{predicted:?}"
        );
        // What it leaves out is little.
        assert!(
            predicted.standard_error.unwrap_or(0.0) < 0.04,
            "{predicted:?}"
        );
        compared += 1;
    }
    assert!(compared > 15, "{compared}");
}
