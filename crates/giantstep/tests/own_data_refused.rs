//! What rows that are given do not allow: sizes, laws and directions that are refused, and predictions that there are not.

use std::sync::Arc;

use crate::common::merge;
use crate::common::own_data::{D, drawn, waves};
use giantstep::batch::{Data, Order};
use giantstep::metric::Metric;
use giantstep::spec::Spec;
use serde_json::{Value, json};

fn refused(changes: Value, data: bool) -> String {
    let spec = drawn(&changes);
    let rows = waves(100, D);
    let data = data.then(|| Data::new(rows, 100, D, Order::Rows).expect("rows"));
    let checked = match data {
        Some(data) => spec.check_on(Arc::new(data)),
        None => spec.check(),
    };
    checked
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

#[test]
fn what_makes_no_sense_is_refused_with_key_value_and_reason() {
    let own = |changes: Value| {
        let mut all = json!({
            "inputs": {"file": "memory"},
            "protocol": {"training_set": null, "batch": 20},
            "readout": {"samples": 30},
            "run": {"engine": "auto"}
        });
        merge(&mut all, changes);
        refused(all, true)
    };
    assert_eq!(own(json!({})), "");
    for (changes, said) in [
        (
            json!({"protocol": {"dimension": 13}}),
            "protocol.dimension = 13: the rows that are given have 12 columns",
        ),
        (
            json!({"protocol": {"batch": 51}}),
            "protocol.batch = 51: a batch of 51 rows is drawn from a training set of 50",
        ),
        (
            json!({"protocol": {"training_set": 51}}),
            "of 100 rows 20 are held out for tests and 30 kept for readouts",
        ),
        (json!({"readout": {"samples": 80}}), "readout.samples = 80"),
        (
            json!({"inputs": {"test_share": 0.001}}),
            "inputs.test_share = 0.001: of 100 rows this is none",
        ),
        (
            json!({"inputs": {"test_share": 1.0}}),
            "inputs.test_share = 1",
        ),
        (
            json!({"run": {"engine": "direct"}}),
            "run.engine = \"direct\": this engine draws its inputs",
        ),
        (
            json!({"run": {"engine": "in_law"}}),
            "run.engine = \"in_law\"",
        ),
        (json!({"target": {"link": null}}), "target.link = absent"),
    ] {
        let error = own(changes.clone());
        assert!(
            error.contains(said) && error.contains("help:"),
            "{changes}: {error}"
        );
    }
    for (changes, said) in [
        (json!({"protocol": {"batch": 901}}), "protocol.batch = 901"),
        (
            json!({"protocol": {"training_set": null, "sampling": "with_replacement"}}),
            "protocol.sampling",
        ),
        (
            json!({"protocol": {"training_set": null}, "readout": {"samples": null, "batch": "training_set"}}),
            "readout.batch",
        ),
        (
            json!({"readout": {"batch": "training_set"}}),
            "readout.samples = 500",
        ),
        (
            json!({"protocol": {"dimension": null}}),
            "protocol.dimension = absent",
        ),
        (
            json!({"inputs": {"file": "X.npy"}}),
            "inputs.file = \"X.npy\": this library reads no files",
        ),
    ] {
        let error = refused(changes.clone(), false);
        assert!(
            error.contains(said) && error.contains("help:"),
            "{changes}: {error}"
        );
    }
    let labelled = Data::new(vec![0.0; 24], 2, D, Order::Rows).expect("rows");
    let labelled = labelled.with_labels(vec![1.0, 2.0]).expect("labels");
    let error = drawn(&json!({}))
        .check_on(Arc::new(labelled))
        .expect_err("both");
    assert!(
        error.to_string().contains("labels are given with the rows"),
        "{error}"
    );
}

#[test]
fn labels_that_are_given_have_no_directions() {
    let data = Data::new(vec![0.5; 100 * D], 100, D, Order::Rows).expect("rows");
    let data = Arc::new(data.with_labels(vec![1.0; 100]).expect("labels"));
    let base = json!({
        "network": {"width": 2}, "protocol": {"steps": 0, "batch": 10}, "readout": {"batch": "same"}
    });
    let of = |target: Value| {
        let mut spec = base.clone();
        merge(&mut spec, json!({ "target": target }));
        let spec: Spec = serde_json::from_value(spec).expect("a specification");
        spec.check_on(data.clone())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(of(json!({"noise": 0.1})), Ok(()));
    for (target, said) in [
        (
            json!({"gram": [[1.0, 0.5], [0.5, 1.0]]}),
            "target.gram = [[1.0, 0.5], [0.5, 1.0]]",
        ),
        (json!({"r": 2}), "target.r = 2"),
    ] {
        let error = of(target).expect_err(said);
        assert!(
            error.contains(said) && error.contains("no direction is known of them"),
            "{error}"
        );
    }
}

#[test]
fn rows_that_are_given_have_no_other_law() {
    let data = Arc::new(Data::new(vec![0.5; 100 * D], 100, D, Order::Rows).expect("rows"));
    let of = |inputs: Value| {
        let spec: Spec = serde_json::from_value(json!({
            "inputs": inputs, "target": {"link": "z1"}, "network": {"width": 2},
            "protocol": {"steps": 0, "batch": 10}, "readout": {"batch": "same"}
        }))
        .expect("a specification");
        spec.check_on(data.clone())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(of(json!("gaussian")), Ok(()));
    for (inputs, said) in [
        (json!("hypercube"), "inputs = \"hypercube\""),
        (json!({"target": "uniform"}), "inputs.target = \"uniform\""),
    ] {
        let error = of(inputs).expect_err(said);
        assert!(
            error.contains(said) && error.contains("their law with them"),
            "{error}"
        );
    }
}

/// Nothing is predicted of rows that are given, and of a training set what its first batch allows.
#[test]
fn theory_says_what_it_does_not_know() {
    let rows = waves(100, D);
    let data = Data::new(rows, 100, D, Order::Rows).expect("rows");
    let changes = json!({
        "inputs": {"file": "memory"}, "protocol": {"training_set": null, "batch": 20}, "readout": {"samples": 30},
        "run": {"engine": "auto"}
    });
    let checked = drawn(&changes)
        .check_on(Arc::new(data))
        .expect("an experiment");
    let predictions = giantstep::predict(&checked.setup.experiment);
    assert!(predictions.present.is_empty());
    let of = |metric: Metric| {
        let mut absent = predictions.absent.iter();
        let found = absent.find(|absent| absent.metrics.contains(&metric));
        &found.expect("nothing goes without a word").reason
    };
    for metric in [Metric::TestError, Metric::WeightAlignment, Metric::Norm] {
        assert!(
            of(metric).contains("inputs that are drawn"),
            "{}",
            of(metric)
        );
    }
    let every = json!({"evaluation": {"record": "every_step"}, "readout": {"after": "never"}});
    let drawn = drawn(&every)
        .check()
        .expect("an experiment")
        .setup
        .experiment;
    let predictions = giantstep::predict(&drawn);
    let last = predictions
        .present
        .iter()
        .map(|prediction| prediction.step)
        .max();
    assert_eq!(last, Some(1));
    assert!(
        predictions
            .absent
            .iter()
            .any(|absent| absent.reason.contains("training set"))
    );
}
