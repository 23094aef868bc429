//! Batch sizes that follow a formula in the step.

use giantstep::spec::Spec;
use giantstep::train::Protocol;
use serde_json::{Value, json};

fn protocol(changes: Value) -> Result<(Protocol, f64), String> {
    let mut spec = json!({
        "target": {"link": "z1"}, "network": {"width": 2},
        "protocol": {"dimension": 10, "steps": 5, "step_size": 1},
        "readout": {"after": "never"}, "evaluation": {"metrics": ["norm"]}
    });
    crate::common::merge(&mut spec, json!({ "protocol": changes }));
    let spec: Spec = serde_json::from_value(spec).expect("a specification");
    let setup = spec.check().map_err(|error| error.to_string())?.setup;
    let rows = giantstep::cost(&setup).cost.rows as f64;
    Ok((setup.experiment.protocol, rows))
}

#[test]
fn every_step_has_the_batch_of_its_formula() {
    let (found, rows) = protocol(json!({"batch": "d*t + 0.4"})).expect("an experiment");
    let sizes: Vec<u64> = (1..=5).map(|step| found.rows(step)).collect();
    assert_eq!(sizes, [10, 20, 30, 40, 50]);
    assert_eq!(
        (found.batch, found.largest(), found.mean_rows()),
        (10, 50, 30.0)
    );
    // One gradient pass a step.
    assert_eq!(rows, 150.0);
    let (found, _) = protocol(json!({"batch": "d*t", "reuse": 2})).expect("an experiment");
    let sizes: Vec<u64> = (1..=5).map(|step| found.rows(step)).collect();
    assert_eq!(sizes, [10, 10, 30, 30, 50]);
    let (found, _) = protocol(json!({"batch": "3*d"})).expect("an experiment");
    assert!(found.sizes.is_none() && found.rows(5) == 30);
    // Very many steps: a sample of them, to a part in 10^4.
    let (found, _) = protocol(json!({"batch": "t", "steps": 10_000_000})).expect("an experiment");
    assert_eq!(found.largest(), 10_000_000);
    assert!((found.mean_rows() / 5e6 - 1.0).abs() < 1e-4);
}

#[test]
fn sizes_that_are_none_are_refused() {
    for (changes, said) in [
        (json!({"batch": "10 - 2*t"}), "is 0 at t = 5"),
        (json!({"batch": "10^(4*t)"}), "at t = 4"),
        (json!({"batch": "log(t - 1)"}), "at t = 1"),
        (json!({"batch": "t + s"}), "use numbers and d, p, t"),
        (json!({"batch": "2*t", "training_set": 50}), "have one size"),
    ] {
        let error = protocol(changes).expect_err(said);
        assert!(
            error.contains("protocol.batch") && error.contains(said),
            "{said}: {error}"
        );
    }
}

/// Batches of different sizes are followed as long as all are of order d; else what is known of one step holds for the first.
#[test]
fn predictions_end_with_the_first_batch_where_others_are_not_of_order_d() {
    let (found, _) = protocol(json!({"batch": "20*t"})).expect("an experiment");
    assert!(found.sizes.is_some());
    let last = |batch: &str, step_size: &str, reuse: u32| {
        let spec: Spec = serde_json::from_value(json!({
            "target": {"link": "z1"}, "network": {"width": 4, "pairing": "symmetric"},
            "protocol": {
                "dimension": 500, "steps": 2, "batch": batch, "step_size": step_size, "reuse": reuse
            },
            "readout": {"after": "never"}, "evaluation": {"metrics": ["weight_cosine"]}
        }))
        .expect("a specification");
        let found = giantstep::predict(&spec.check().expect("an experiment").setup.experiment);
        let reasons = found.absent.iter().map(|absent| absent.reason.clone());
        let of_sizes = reasons.filter(|reason| reason.contains("different sizes"));
        let steps = found.present.iter().map(|prediction| prediction.step);
        (steps.max(), of_sizes.count() > 0)
    };
    assert_eq!(last("1000*t", "p", 1), (Some(2), false));
    assert_eq!(last("1000*t^4", "p", 1), (Some(1), true));
    assert_eq!(last("1000", "p/t", 1), (Some(2), false));
    assert_eq!(last("1000", "p/t", 2), (Some(1), true));
}
