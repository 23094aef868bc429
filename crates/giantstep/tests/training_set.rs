//! Batches drawn from a fixed training set: epochs, and the noise that a row keeps.

use crate::common::bits;
use crate::common::own_data::{SET, drawn, finished};
use giantstep::spec::Spec;
use serde_json::{Value, json};

#[test]
fn a_batch_of_the_whole_set_is_one_batch_used_in_every_step_whatever_the_epoch() {
    let of = |changes: Value| finished(&drawn(&changes).check().expect("an experiment").setup);
    let whole = of(json!({"protocol": {"batch": SET}}));
    let again = of(json!({"protocol": {"batch": SET, "reuse": 3}}));
    assert_eq!(bits(&whole), bits(&again));
    // Mini-batches are other steps, and with replacement other batches.
    let parts = of(json!({"protocol": {"batch": 300}}));
    let other = of(json!({"protocol": {"batch": 300, "sampling": "with_replacement"}}));
    assert_ne!(bits(&whole), bits(&parts));
    assert_ne!(bits(&parts), bits(&other));
}

/// Labels of noise alone are learnt by heart if they stay; noise that is drawn anew has an error of 1 or more before each step.
#[test]
fn a_row_keeps_its_noise_from_epoch_to_epoch() {
    for engine in ["direct", "in_law"] {
        let spec = json!({
            "target": {"link": "0", "r": 0, "noise": 1.0},
            "network": {"width": 60, "activation": "tanh(x)"},
            "protocol": {
                "dimension": 200, "batch": 10, "training_set": 20, "steps": 120, "step_size": "p/2",
                "second_layer": {"step_size": 0.2}
            },
            "evaluation": {"metrics": ["train_error"]},
            "run": {"engine": engine},
        });
        let spec: Spec = serde_json::from_value(spec).expect("a specification");
        let run = finished(&spec.check().expect("an experiment").setup);
        let last = run.measurements.last().expect("measured").value;
        assert!(last < 0.3, "{engine}: {last}");
    }
}
