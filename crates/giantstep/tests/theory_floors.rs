//! Floors of errors: their values, and the grounds that they name.
//!
//! Seen to catch: label noise missing in floors; floors of one response with all coefficients.

use crate::common::experiment;
use giantstep::spec::Spec;
use giantstep::theory::{Effort, FloorKind, floors};
use giantstep::watch::NEVER;
use serde_json::{Value, json};

#[test]
fn floors_carry_their_grounds() {
    let of = |changes: Value| {
        floors(
            &experiment(changes).setup.experiment,
            Effort::Integrated,
            &NEVER,
        )
        .unwrap()
    };
    let staircase = json!({
        "target": {"link": "z1 + z1*z2 + z1*z2*z3", "noise": 0.5},
        "network": {"width": 4},
        "protocol": {"dimension": 1000, "steps": 3, "batch": "4*d"}
    });
    let found = of(staircase.clone());
    let values = |kind: &dyn Fn(FloorKind) -> bool| -> Vec<f64> {
        found
            .iter()
            .filter(|f| kind(f.kind))
            .map(|f| f.value - 0.5)
            .collect()
    };
    // Rows 4 of the acceptance table, 2, 1, 0 and 3, 2, 1; relu never finds the third direction, whose variance stays.
    let kernels = values(&|kind| matches!(kind, FloorKind::Kernel(_)));
    let narrow = values(&|kind| kind == FloorKind::BoundedWidth);
    for (found, expected) in kernels
        .iter()
        .chain(&narrow)
        .zip([2.0, 1.0, 0.0, 3.0, 2.0, 1.0, 1.0])
    {
        assert!((found - expected).abs() < 1e-9, "{kernels:?} {narrow:?}");
    }
    assert_eq!(narrow.len(), 4);
    assert!(
        found
            .iter()
            .all(|f| !f.source.is_empty() && !f.regime.is_empty())
    );
    // After a step, width and n of order d: 0 with coefficients that depend on z1, 1 if all neurons respond alike.
    let wide = of(json!({
        "target": {"link": "z1 + z1*z2"},
        "network": {"width": 500},
        "protocol": {"dimension": 1000, "steps": 1, "batch": "4*d"}
    }));
    let at = |kind| {
        wide.iter()
            .find(|f| f.kind == kind && f.step == Some(1))
            .unwrap()
            .value
    };
    assert!(
        at(FloorKind::Wide(1)).abs() < 1e-9 && (at(FloorKind::WideAlike(1)) - 1.0).abs() < 1e-9
    );
    // A batch used again follows another staircase.
    let mut reused = staircase;
    reused["protocol"]["reuse"] = json!(2);
    assert!(of(reused).iter().all(|f| f.step.is_none()));
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
        let found = floors(&experiment, Effort::Integrated, &NEVER).expect("floors");
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
        floors(&experiment, Effort::Integrated, &NEVER)
    };
    assert!(!of("clean").expect("floors").is_empty());
    assert!(of("noisy").expect_err("no floors").contains("clean labels"));
}
