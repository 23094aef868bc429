//! What leaves the bulk of weights and features: (47) and (49) against published numbers and runs.

use crate::common::against::{mean, overlay_of, simulate};
use crate::common::experiment;
use giantstep::metric::Metric;
use giantstep::theory::{Prediction, predict};
use serde_json::{Value, json};

/// Every predicted rank within three standard errors and `bias` of the value; by metric, step and rank.
fn compared(changes: Value, seeds: u64, bias: f64) -> Vec<(Metric, u32, u32, f64)> {
    let checked = experiment(changes);
    let found = predict(&checked.setup.experiment);
    let runs = simulate(&checked, 0..seeds);
    let mut out = Vec::new();
    for p in &found.present {
        let Some(rank) = p.rank else {
            continue;
        };
        let values: Vec<f64> = runs
            .iter()
            .flat_map(|run| &run.measurements)
            .filter(|m| (m.step, m.metric, m.rank) == (p.step, p.metric, Some(rank)))
            .map(|m| m.value)
            .collect();
        let measured = mean(&values);
        println!(
            "{} {} {rank}: {:.4} | {:.4} ({:.4})",
            p.metric, p.step, p.value, measured.value, measured.error
        );
        assert!(
            (p.value - measured.value).abs() < 3.0 * measured.error + bias * p.value,
            "{p:?}: {measured:?}"
        );
        out.push((p.metric, p.step, rank, p.value));
    }
    for absent in &found.absent {
        println!("{absent:?}");
    }
    out
}

/// Singular values of what one step adds, compared with runs.
fn of_one_step(
    (link, noise): (&str, f64),
    student: &str,
    second: &str,
) -> Vec<(Metric, u32, u32, f64)> {
    compared(
        json!({
            "target": {"link": link, "noise": noise},
            "network": {"width": 480, "activation": student, "second_layer": second},
            "protocol": {"dimension": 600, "steps": 1, "batch": "3*d", "step_size": "p", "loss": "correlation"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["singular_values"]}
        }),
        12,
        3e-3,
    )
}

#[test]
fn the_spike_of_one_step_is_lifted_by_the_bulk() {
    // THEORY.md (47): eta~ c_1 S sqrt p at leading order; spectral.py, d = 600, p = 480, n = 3d.
    for (link, student, leading) in [
        ("sin(z1)", "tanh(x)", 9.495),
        ("sin(z1)", "relu(x)", 7.838),
        ("sign(z1)", "relu(x)", 10.786),
    ] {
        let found = of_one_step((link, 0.0), student, "rademacher");
        let first = found
            .iter()
            .find(|(_, _, rank, _)| *rank == 1)
            .expect("a spike");
        assert!(
            (first.3 / leading - 1.0).abs() < 0.01,
            "{link} {student}: {first:?}"
        );
    }
}

#[test]
fn the_bulk_of_one_step_has_its_quantiles() {
    // Found to differ: seven values of |a| for a Gaussian second layer, .193 for .143 in the middle.
    for (student, second, link) in [
        ("tanh(x)", "rademacher", "sin(z1)"),
        ("relu(x)", "rademacher", "sin(z1)"),
        ("relu(x)", "gaussian", "z1 + z1*z2"),
        ("tanh(x)", "ones", "sign(z1)"),
    ] {
        let found = of_one_step((link, 0.2), student, second);
        let bulk = found
            .iter()
            .filter(|(_, step, rank, _)| *step == 1 && *rank > 40);
        assert_eq!(bulk.count(), 4, "{student} {second}: {found:?}");
    }
}

#[test]
fn spectra_after_several_steps_have_the_spikes_of_the_recursion() {
    let found = compared(
        json!({
            "target": {"link": "z1 + z1*z2"},
            "network": {"width": 150, "activation": "relu(x)", "second_layer": "rademacher"},
            "protocol": {"dimension": 1000, "steps": 2, "batch": "6*d", "step_size": "1.5*p"},
            "readout": {"after": "never"},
            "evaluation": {
                "metrics": ["singular_values", "weight_spectrum", "feature_spectrum"], "test_samples": 4000
            }
        }),
        12,
        0.02,
    );
    let has = |metric, step, rank| {
        found
            .iter()
            .any(|(m, s, r, _)| (*m, *s, *r) == (metric, step, rank))
    };
    assert!(has(Metric::SingularValue, 1, 1) && has(Metric::SingularValue, 2, 2));
    assert!(has(Metric::WeightSingularValue, 2, 2));
    assert!(has(Metric::FeatureEigenvalue, 0, 1) && has(Metric::FeatureEigenvalue, 2, 2));
}

#[test]
fn features_have_as_many_large_eigenvalues_as_independent_responses() {
    // 24 runs at these sizes and their standard errors. With tanh the responses of both signs are one up to its sign.
    for (student, expected) in [
        ("relu(x)", vec![(0.8039, 0.0109), (0.6615, 0.0097)]),
        ("tanh(x)", vec![(0.4641, 0.0028)]),
    ] {
        let checked = experiment(json!({
            "target": {"link": "z1 + He2(z1)/2"},
            "network": {"width": 600, "activation": student, "second_layer": "rademacher"},
            "protocol": {"dimension": 600, "steps": 1, "batch": "8*d", "step_size": "3*p", "loss": "correlation"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["feature_spectrum"]}
        }));
        let found = predict(&checked.setup.experiment);
        let values: Vec<f64> = found
            .present
            .iter()
            .filter(|p| p.metric == Metric::FeatureEigenvalue && p.step == 1)
            .map(|p| p.value)
            .collect();
        assert_eq!(values.len(), expected.len(), "{student}: {values:?}");
        for (value, (mean, error)) in values.iter().zip(&expected) {
            assert!((value - mean).abs() < 3.0 * error, "{student}: {values:?}");
        }
    }
}

#[test]
fn many_steps_of_a_quadratic_activation_are_a_power_iteration() {
    let aligned = |p: &Prediction| p.metric == Metric::WeightAlignment && p.step > 2;
    for (link, removal, batch, rate, geometry) in [
        ("sign(z1*z2)", 0, "6*d", "p", "plain"),
        ("tanh(z1^2 - 1)", 1, "3*d", "0.7*p", "projected"),
    ] {
        let changes = json!({
            "target": {"link": link},
            "network": {"width": 40, "activation": "He2(x)/2", "second_layer": "rademacher"},
            "protocol": {
                "dimension": 800, "steps": 14, "batch": batch, "step_size": rate, "loss": "correlation", "reuse": 12,
                "geometry": geometry, "remove_below": removal
            },
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine"], "test_samples": 100}
        });
        let made = overlay_of(changes, 24, 0.0, aligned);
        let steps: Vec<u32> = made.iter().filter(|p| aligned(p)).map(|p| p.step).collect();
        assert_eq!(steps, (3..=12).collect::<Vec<_>>());
        assert!(
            made.iter()
                .filter(|p| aligned(p))
                .all(|p| p.source.contains("(60)"))
        );
    }
}
