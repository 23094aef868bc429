//! Inputs that are not Gaussian, and starts with given overlaps, against what is known of them exactly.

use crate::common::{experiment, in_law, kolmogorov_smirnov, run_quietly, sample};
use giantstep::batch::{Direct, DirectionsLaw, Inputs};
use giantstep::metric::Metric;
use giantstep::run::{Run, run};
use giantstep::watch::Watch;
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

/// Random directions among blocks of variances: one law on both engines, from the labels' variance `tr Sigma/d` on average to
/// what two steps on one batch make of W. A spectrum of the same variances on other shares is told apart.
#[test]
fn variances_of_blocks_have_one_law_on_both_engines_wherever_the_target_lies() {
    let drawn = |spectrum: &Value, engine: &str| {
        let setup = experiment(json!({
            "inputs": {"spectrum": spectrum},
            "target": {"directions": "random"},
            "network": {"width": 6},
            "protocol": {"dimension": 30, "batch": 60, "reuse": 2},
            "run": {"engine": engine, "precision": "f64"},
            "evaluation": {"metrics": ["train_error"]}
        }))
        .setup;
        sample(0..800, |seed| {
            let seed = seed + 10_000 * u64::from(engine == "in_law");
            let run = run(&setup, seed, &Watch::default());
            let (m, q) = (
                run.network.first.gram(&run.target),
                run.network.first.gram(&run.network.first),
            );
            vec![
                value(&run, 1, Metric::TrainError),
                value(&run, 2, Metric::TrainError),
                m.squared_norm_l2(),
                q.squared_norm_l2(),
                q[(0, 1)],
            ]
        })
    };
    let spectrum = json!([[3, 0.2], [1, 0.5], [0.2, 0.3]]);
    let direct = drawn(&spectrum, "direct");
    let least = |x: &[Vec<f64>], y: &[Vec<f64>]| {
        let each = x.iter().zip(y).map(|(x, y)| kolmogorov_smirnov(x, y));
        each.fold(1.0, f64::min)
    };
    let p = least(&direct, &drawn(&spectrum, "in_law"));
    assert!(p > 1e-3, "p = {p:.1e}");
    let p = least(
        &direct,
        &drawn(&json!([[3, 0.3], [1, 0.4], [0.2, 0.3]]), "in_law"),
    );
    assert!(p < 1e-6, "p = {p:.1e}");
}

/// Inputs of another law along random directions: the labels' variance is that of the law on either engine, for every kind of
/// batch, and what two steps make of M and Q has one law. Gaussian inputs are told apart.
#[test]
fn target_coordinates_have_their_law_wherever_the_target_lies() {
    let drawn = |inputs: Value, engine: &str, protocol: Value| {
        let mut changes = json!({
            "inputs": inputs,
            "target": {"link": "z1 + z1^2*z2 + z1*z2", "directions": "random"},
            "network": {"width": 6},
            "protocol": {"dimension": 30, "batch": 90},
            "run": {"engine": engine, "precision": "f64"},
            "evaluation": {"metrics": ["test_error"], "test_samples": 100}
        });
        crate::common::merge(&mut changes, json!({"protocol": protocol}));
        let setup = experiment(changes).setup;
        sample(0..600, |seed| {
            let seed = seed + 10_000 * u64::from(engine == "in_law");
            let run = run(&setup, seed, &Watch::default());
            let (m, q) = (
                run.network.first.gram(&run.target),
                run.network.first.gram(&run.network.first),
            );
            vec![m.squared_norm_l2(), q.squared_norm_l2(), q[(0, 1)]]
        })
    };
    let least = |x: &[Vec<f64>], y: &[Vec<f64>]| {
        let each = x.iter().zip(y).map(|(x, y)| kolmogorov_smirnov(x, y));
        each.fold(1.0, f64::min)
    };
    for protocol in [json!({}), json!({"reuse": 2}), json!({"training_set": 120})] {
        let of = |inputs, engine| drawn(inputs, engine, protocol.clone());
        let direct = of(json!({"target": "hypercube"}), "direct");
        let p = least(&direct, &of(json!({"target": "hypercube"}), "in_law"));
        assert!(p > 1e-3, "{protocol}: p = {p:.1e}");
        let p = least(&direct, &of(json!("gaussian"), "in_law"));
        assert!(p < 1e-6, "{protocol}: p = {p:.1e}");
    }
}

/// (54): what two steps on the hypercube make of M and Q along axes is, up to `O(1/d)`, what they make where the target's
/// coordinates alone are signs; Gaussian inputs are another law.
#[test]
fn the_hypercube_is_its_coordinates_along_the_target() {
    let drawn = |inputs: Value, engine: &str, dimension: u64, first: u64| {
        let setup = experiment(json!({
            "inputs": inputs,
            "target": {"link": "z1 + 2*z2 + z1*z2", "directions": "canonical"},
            "network": {"width": 4, "activation": "tanh(x)"},
            "protocol": {"dimension": dimension, "batch": "6*d", "step_size": "p"},
            "readout": {"after": "never"},
            "run": {"engine": engine, "precision": "f64"},
            "evaluation": {"metrics": ["norm"]}
        }))
        .setup;
        sample(first..first + 1500, |seed| {
            let run = run(&setup, seed, &Watch::default());
            let (second, first) = (&run.network.second, &run.network.first);
            let (m, q) = (first.gram(&run.target), first.gram(first));
            let along = |k: usize| (0..4).map(|i| second[i] * m[(i, k)]).sum::<f64>();
            vec![
                m.squared_norm_l2(),
                q.squared_norm_l2(),
                along(0),
                along(1),
                m[(0, 1)].abs(),
                q[(0, 1)],
            ]
        })
    };
    for dimension in [30, 120] {
        let hypercube = drawn(json!("hypercube"), "direct", dimension, 0);
        let along = drawn(json!({"target": "hypercube"}), "in_law", dimension, 10_000);
        let gaussian = drawn(json!("gaussian"), "in_law", dimension, 20_000);
        let of = |other: &[Vec<f64>]| -> Vec<f64> {
            let pairs = hypercube.iter().zip(other);
            pairs.map(|(x, y)| kolmogorov_smirnov(x, y)).collect()
        };
        let (same, different) = (of(&along), of(&gaussian));
        assert!(same.iter().all(|p| *p > 1e-3), "d = {dimension}: {same:?}");
        let least = different.iter().copied().fold(1.0, f64::min);
        assert!(least < 1e-10, "d = {dimension}: {different:?}");
    }
}

/// THEORY.md (20) with averages over the points of the square, which reference/target_law.py computes: tanh, n = 6 d, overlaps
/// of neurons with a positive second layer.
#[test]
fn a_large_dimension_climbs_by_the_recursion_over_signs() {
    let setup = experiment(json!({
        "inputs": {"target": "hypercube"},
        "target": {"link": "z1 + 2*z2 + z1*z2"},
        "network": {"width": 4, "activation": "tanh(x)", "pairing": "symmetric"},
        "protocol": {"dimension": 30_000, "batch": "6*d", "step_size": "p", "steps": 3},
        "readout": {"after": "never"},
        "run": {"engine": "in_law"},
        "evaluation": {"metrics": ["neurons"]}
    }))
    .setup;
    // Of each seed the mean over two neurons, by steps and directions.
    let sample = sample(0..60, |seed| {
        let run = run(&setup, seed, &Watch::default());
        let positive = |j: u32| run.network.second[j as usize - 1] > 0.0;
        let mean = |step: u32, direction: u32| {
            let found = run.measurements.iter().filter(|m| {
                (m.metric, m.step, m.direction) == (Metric::Overlap, step, Some(direction))
                    && m.neuron.is_some_and(positive)
            });
            found.map(|m| m.value / 2.0).sum::<f64>()
        };
        vec![
            mean(1, 1),
            mean(1, 2),
            mean(2, 1),
            mean(2, 2),
            mean(3, 1),
            mean(3, 2),
        ]
    });
    let reference: Value =
        serde_json::from_str(include_str!("../../../reference/target_law.json")).expect("saved");
    let expected = |k: usize| reference["steps"][k / 2]["positive"][k % 2].as_f64();
    for (k, values) in sample.iter().enumerate() {
        let expected = expected(k).expect("a number");
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let error = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt() / n.sqrt();
        let distance = (mean - expected).abs();
        assert!(distance < 4.0 * error, "{mean} +- {error}, not {expected}");
        assert!(error < 0.002, "{error} tells nothing apart");
    }
}

/// `z_1 = <w*_1, x>` has the variance of its axis, `1 + s c^2` with a spike of overlap c.
#[test]
fn labels_have_the_variance_of_their_direction() {
    for (inputs, expected) in [
        (json!({"spectrum": [[4, "2/d"], [1, "1 - 2/d"]]}), 4.0),
        (json!({"spectrum": [[4, 0.8], [1, 0.2]]}), 4.0),
        (
            json!({"spike": {"along": "target", "strength": "d^0.5"}}),
            11.0,
        ),
        (json!({"spike": {"along": [0.5, 0.8], "strength": 8}}), 3.0),
        (json!({"spike": {"along": [0, 0], "strength": 8}}), 1.0),
    ] {
        for engine in ["direct", "in_law"] {
            let setup = experiment(json!({
                "inputs": inputs,
                "target": {"link": "z1 + 0*z2", "directions": "canonical"},
                "protocol": {"steps": 0},
                "evaluation": {"test_samples": 100_000},
                "run": {"engine": engine, "precision": "f64"}
            }))
            .setup;
            let found = value(&run(&setup, 2, &Watch::default()), 0, Metric::LabelVariance);
            // Four standard errors, sqrt(2/100 000) each.
            assert!(
                (found / expected - 1.0).abs() < 0.018,
                "{inputs} {engine}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn a_covariance_that_is_none_is_refused() {
    let of = |changes: Value| {
        let mut spec = json!({
            "target": {"link": "z1 + z2"}, "network": {"width": 2},
            "protocol": {"dimension": 10, "steps": 0, "batch": 10}
        });
        crate::common::merge(&mut spec, changes);
        let spec: giantstep::Spec = serde_json::from_value(spec).expect("a specification");
        spec.check().map(|_| ()).map_err(|error| error.to_string())
    };
    for (changes, said) in [
        (json!({"inputs": {"spectrum": []}}), "the shares sum to 0"),
        (
            json!({"inputs": {"spectrum": [[1, 0.5], [2, 0.4]]}}),
            "the shares sum to 0.9",
        ),
        (
            json!({"inputs": {"spectrum": [[0, 1]]}}),
            "must be positive",
        ),
        (
            json!({"inputs": {"spectrum": [[2, -0.5], [1, 1.5]]}}),
            "a share is positive",
        ),
        (
            json!({"inputs": {"spectrum": [[2, 0.01], [1, 0.99]]}}),
            "is none",
        ),
        (
            json!({"inputs": {"spectrum": [["p", 1]]}}),
            "inputs.spectrum",
        ),
        (
            json!({"inputs": {"spike": {"along": [0.5], "strength": 1}}}),
            "1 overlaps with r = 2",
        ),
        (
            json!({"inputs": {"spike": {"along": [0.9, 0.9], "strength": 1}}}),
            "at most 1 together",
        ),
        (
            json!({"inputs": {"spike": {"along": "target", "strength": 0}}}),
            "inputs.spike.strength",
        ),
        (
            json!({"inputs": {"spike": {"along": [0.5, 0.5], "strength": 1}}, "protocol": {"dimension": 2}}),
            "leaves no direction",
        ),
        (
            json!({"inputs": {"spike": {"along": "target", "strength": 1}}, "protocol": {"remove_below": 2}}),
            "covariance 1",
        ),
        (
            json!({"inputs": {"spike": {"along": "target", "strength": 1}}, "target": {"link": "0", "r": 0}}),
            "no direction",
        ),
    ] {
        let error = of(changes).expect_err(said);
        assert!(
            error.contains(said) && error.contains("help:"),
            "{said}: {error}"
        );
    }
    let fits = json!({"inputs": {"spike": {"along": [0.6, 0.8], "strength": 1}}, "protocol": {"dimension": 2}});
    assert_eq!(of(fits), Ok(()));
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
