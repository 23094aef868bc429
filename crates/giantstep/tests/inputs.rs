//! Inputs that are not Gaussian, and starts with given overlaps, against what is known of them exactly.

use crate::common::{experiment, in_law, run_quietly};
use giantstep::batch::{Direct, DirectionsLaw, Inputs};
use giantstep::metric::Metric;
use giantstep::run::Run;
use serde_json::{Value, json};

fn on(inputs: Inputs, changes: Value, seed: u64) -> Run {
    let experiment = experiment(changes).setup.experiment;
    let engine = Direct::<f64>::new(100, DirectionsLaw::Canonical, seed).on(inputs);
    run_quietly(&experiment, engine, seed)
}

fn value(run: &Run, step: u32, metric: Metric) -> f64 {
    let found = run.measurements.iter();
    let mut found = found.filter(|m| m.step == step && m.metric == metric && m.neuron.is_none());
    found.next().expect("measured").value
}

/// On the hypercube `z^2 = 1`, so labels `z1^2 + z1 z2` are `1 + z1 z2`, of variance 1 exactly; `E (z1^2 - 1)^2` is 2 for Gaussian
/// inputs and 4/5 for uniform ones; the fourth moment of the sphere is `3 d/(d + 2)`.
#[test]
fn labels_have_the_variance_of_their_inputs() {
    let spec = |link: &str| json!({"target": {"link": link}, "protocol": {"steps": 0}, "evaluation": {"test_samples": 200_000}});
    for (inputs, link, expected) in [
        (Inputs::Hypercube, "z1^2 + z1*z2", 1.0),
        (Inputs::Hypercube, "He2(z1)", 0.0),
        (Inputs::Gaussian, "He2(z1)", 2.0),
        (Inputs::Uniform, "He2(z1)", 0.8),
        (Inputs::Sphere, "He2(z1)", 3.0 * 100.0 / 102.0 - 1.0),
    ] {
        let found = value(&on(inputs, spec(link), 1), 0, Metric::LabelVariance);
        // The standard error of a variance of 200 000 labels of kurtosis below 20.
        assert!(
            (found - expected).abs() < 0.04 * expected.max(1e-9),
            "{inputs:?}, {link}: {found}"
        );
    }
}

/// On the hypercube the link `z1*z2 + He2(z1)` is `z1 z2` to the last bit, for training and tests alike.
#[test]
fn a_square_is_a_constant_on_the_hypercube() {
    let of = |link: &str| on(Inputs::Hypercube, json!({"target": {"link": link}}), 3);
    let (x, y) = (of("z1*z2"), of("z1*z2 + He2(z1)"));
    assert_eq!(x.measurements, y.measurements);
    let gaussian = |link: &str| on(Inputs::Gaussian, json!({"target": {"link": link}}), 3);
    assert_ne!(
        gaussian("z1*z2").measurements,
        gaussian("z1*z2 + He2(z1)").measurements
    );
}

#[test]
fn given_overlaps_are_those_of_every_neuron_on_both_engines() {
    for pairing in ["independent", "symmetric"] {
        let changes = json!({
            "network": {"start": {"overlap": [0.3, -0.2]}, "pairing": pairing},
            "protocol": {"steps": 0}
        });
        let drawn = experiment(changes.clone()).setup.experiment;
        let direct = on(Inputs::Gaussian, changes, 5);
        for run in [direct, in_law(&drawn, 5)] {
            let (m, first) = (run.network.first.gram(&run.target), &run.network.first);
            for i in 0..m.nrows() {
                assert!((m[(i, 0)] - 0.3).abs() < 1e-12 && (m[(i, 1)] + 0.2).abs() < 1e-12);
                assert!((first.norms()[i] - 1.0).abs() < 1e-12);
            }
            // Across the target rows are as independent as they were.
            let gram = first.gram(first);
            assert!((gram[(0, 1)] - 0.13).abs() < 0.5);
        }
    }
}

/// Directions of lengths and angles of their own: labels have the covariance that their Gram matrix says, whichever engine, and
/// the first orthonormal direction is that of `w*_1`.
#[test]
fn directions_may_overlap() {
    let variance = |link: &str| {
        let changes = json!({
            "target": {"link": link, "gram": [[1.0, 0.6, 0.0], [0.6, 2.0, -0.5], [0.0, -0.5, 1.0]]},
            "protocol": {"steps": 0}, "evaluation": {"test_samples": 200_000}
        });
        let run = in_law(&experiment(changes).setup.experiment, 4);
        value(&run, 0, Metric::LabelVariance)
    };
    for (link, expected) in [
        ("z1", 1.0),
        ("z2 + 0*z3", 2.0),
        ("z1 + z2", 4.2),
        ("z2 + 2*z3", 4.0),
        // E (z1 z2)^2 - (E z1 z2)^2 = 2 + 0.36.
        ("z1*z2", 2.36),
    ] {
        let found = variance(link);
        assert!(
            (found - expected).abs() < 0.03 * expected,
            "{link}: {found}"
        );
    }
    // z2 = 0.6 z1 + ...: one step at n = d on z2 alone leans on both, 0.6 to sqrt(2 - 0.36).
    let changes = json!({
        "target": {"link": "z2", "gram": [[1.0, 0.6], [0.6, 2.0]]},
        "protocol": {"dimension": 400, "batch": 8000, "steps": 1, "step_size": "10*p", "loss": "correlation"},
        "evaluation": {"metrics": ["gradient_cosine"]}
    });
    let run = in_law(&experiment(changes).setup.experiment, 4);
    let along = |k: u32| {
        let found = run
            .measurements
            .iter()
            .find(|m| (m.metric, m.direction, m.neuron) == (Metric::GradientCosine, Some(k), None));
        found.expect("measured").value.abs()
    };
    let ratio = along(1) / along(2);
    assert!((ratio - 0.6 / 1.64f64.sqrt()).abs() < 0.06, "{ratio}");
}

#[test]
fn a_gram_matrix_that_is_none_is_refused() {
    let spec = |gram: Value| -> giantstep::Spec {
        serde_json::from_value(json!({
            "target": {"link": "z1 + z2", "gram": gram}, "network": {"width": 2},
            "protocol": {"dimension": 10, "steps": 0, "batch": 10}
        }))
        .expect("a specification")
    };
    for (gram, reason) in [
        (json!([[1.0]]), "z2 lies beyond r = 1"),
        (json!([[1.0, 0.1], [0.2, 1.0]]), "not symmetric"),
        (
            json!([[1.0, 1.0], [1.0, 1.0]]),
            "direction 2 lies in the span",
        ),
        (json!([[1.0, 0.1], [0.1]]), "is no 2 x 2 matrix"),
    ] {
        let error = spec(gram).check().expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(spec(json!([[4.0, 1.0], [1.0, 0.5]])).check().is_ok());
}
