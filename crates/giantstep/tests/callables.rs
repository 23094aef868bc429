//! Functions that are given as code: the same run as with the expressions whose places they take, and nothing that is derived.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{bits, merge};
use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisError, AnalysisOptions, analyze};
use giantstep::callable::Callable;
use giantstep::experiment::Experiment;
use giantstep::expr::Link;
use giantstep::run::{Outcome, Run, run};
use giantstep::spec::Callables;
use giantstep::spec::{Checked, Given, Spec};
use giantstep::theory::{Effort, floors, predict};
use giantstep::watch::{NEVER, Watch};
use serde_json::{Value, json};

fn spec(changes: &Value) -> Spec {
    let mut spec = json!({
        "target": { "link": "z1 + z1*z2", "noise": 0.1 },
        "network": { "width": 6, "bias": { "gaussian": 0.25 }, "output": "centred" },
        "protocol": {
            "dimension": 20, "steps": 2, "batch": 1000, "step_size": "p",
            "second_layer": { "step_size": 0.1 }, "biases": { "step_size": 0.1 },
        },
        "evaluation": { "test_samples": 1000 },
        "run": { "precision": "f64", "engine": "direct" },
    });
    merge(&mut spec, changes.clone());
    serde_json::from_value(spec).expect("a spec")
}

/// The functions of the expressions `z1 + z1*z2` and `relu(x)`, with the number of calls of each and of the entries seen.
fn functions(counts: &Arc<[AtomicUsize; 6]>) -> Callables {
    let counted = |name, at: usize, f: fn(&[&[f64]], usize) -> f64| {
        let counts = counts.clone();
        Callable::new(name, move |z: &[&[f64]], out: &mut [f64]| {
            counts[2 * at].fetch_add(1, Ordering::Relaxed);
            counts[2 * at + 1].fetch_add(out.len(), Ordering::Relaxed);
            for (v, out) in out.iter_mut().enumerate() {
                *out = f(z, v);
            }
        })
    };
    let link = counted("g", 0, |z, v| z[0][v] + z[0][v] * z[1][v]);
    let value = counted("sigma", 1, |x, v| x[0][v].max(0.0));
    let slope = counted("slope", 2, |x, v| f64::from(u8::from(x[0][v] > 0.0)));
    Callables {
        link: Some((link, 2)),
        activation: Some(Activation::given(value, slope)),
    }
}

fn given(counts: &Arc<[AtomicUsize; 6]>) -> Given {
    Given {
        callables: functions(counts),
        ..Given::default()
    }
}

fn checked(changes: &Value) -> (Checked, Arc<[AtomicUsize; 6]>) {
    let counts = Arc::default();
    let checked = spec(changes).check_with(given(&counts));
    (checked.expect("checked"), counts)
}

fn with_functions(changes: &Value) -> Run {
    run(&checked(changes).0.setup, 3, &Watch::default())
}

fn typed(changes: &Value) -> Run {
    let setup = spec(changes).check().expect("checked").setup;
    run(&setup, 3, &Watch::default())
}

#[test]
fn a_run_on_functions_is_that_on_their_expressions() {
    for changes in [
        json!({}),
        json!({ "run": { "engine": "in_law" } }),
        json!({ "protocol": { "training_set": 3000 }, "readout": { "batch": "training_set" } }),
        json!({ "protocol": { "remove_below": 2, "second_layer": "frozen", "biases": "frozen" } }),
        json!({ "evaluation": { "labels": "clean" } }),
    ] {
        let (ours, theirs) = (with_functions(&changes), typed(&changes));
        assert_eq!(ours.outcome, Outcome::Completed);
        assert!(ours.measurements.len() > 20);
        assert_eq!(bits(&ours), bits(&theirs), "{changes}");
    }
    // In single precision the functions are still called in double precision, and their values rounded.
    let single = json!({ "run": { "precision": "f32" } });
    let (ours, theirs) = (with_functions(&single), typed(&single));
    let pairs = ours.measurements.iter().zip(&theirs.measurements);
    for (ours, theirs) in pairs {
        let close = (ours.value - theirs.value).abs() < 1e-4 * (1.0 + theirs.value.abs());
        assert!(close, "{ours:?} {theirs:?}");
    }
}

#[test]
fn functions_are_called_once_for_the_rows_of_a_panel() {
    let (checked, counts) = checked(&json!({
        "network": { "bias": "zero", "output": "plain" },
        "protocol": { "steps": 1, "second_layer": "frozen", "biases": "frozen" },
        "readout": { "after": "never" },
        "evaluation": { "metrics": ["weight_cosine"] },
    }));
    assert_eq!(
        run(&checked.setup, 0, &Watch::default()).outcome,
        Outcome::Completed
    );
    let counts: Vec<usize> = counts
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .collect();
    // 1000 rows are three panels; six neurons are asked about at once.
    assert_eq!(counts, [3, 1000, 3, 6000, 3, 6000]);
}

#[test]
fn readouts_ask_for_all_neurons_of_a_panel_at_once() {
    let (checked, counts) = checked(&json!({
        "network": { "bias": "zero", "output": "plain" },
        "protocol": { "steps": 0, "second_layer": "frozen", "biases": "frozen" },
    }));
    assert_eq!(
        run(&checked.setup, 0, &Watch::default()).outcome,
        Outcome::Completed
    );
    let [calls, entries] = [2, 3].map(|k| counts[k].load(Ordering::Relaxed));
    // A column of a panel has 333 rows, six have 2000.
    assert!(entries > 1000 * calls, "{entries} in {calls} calls");
}

#[test]
fn nothing_is_derived_of_a_function() {
    let plain = json!({
        "target": { "noise": 0.0 },
        "network": { "bias": "zero", "output": "plain" },
        "protocol": { "second_layer": "frozen", "biases": "frozen" },
    });
    let (checked, counts) = checked(&plain);
    let mut experiment = checked.setup.experiment;
    let told = |experiment: &Experiment, what: &str| {
        let found = predict(experiment);
        assert!(found.present.is_empty() && !found.absent.is_empty());
        let because =
            |reason: &str| reason.contains(what) && reason.contains("write it as an expression");
        assert!(
            found.absent.iter().any(|absent| because(&absent.reason)),
            "{found:?}"
        );
        let reason = floors(experiment, Effort::Integrated, &NEVER).expect_err("no floors");
        assert!(because(&reason), "{reason}");
    };
    told(&experiment, "the link is given as code");
    let expressions = spec(&plain).check().expect("checked").setup.experiment;
    assert!(!predict(&expressions).present.is_empty());
    experiment.target = expressions.target.clone();
    told(&experiment, "the activation is given as code");
    let link = Link::parse("z1", None).expect("a link");
    let found = analyze(
        &link,
        &experiment.network.activation,
        AnalysisOptions::default(),
    );
    assert_eq!(found.err(), Some(AnalysisError::Callable));
    // And none of it was called on the way.
    assert_eq!(
        counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum::<usize>(),
        0
    );
}

#[test]
fn settings_about_the_expression_are_refused() {
    for (changes, said) in [
        (
            json!({ "target": { "r": 3 } }),
            "target.r = 3: the link `g` is a function of 2 directions",
        ),
        (
            json!({ "target": { "gram": [[1.0, 0.0], [0.0, 1.0]] } }),
            "target.gram",
        ),
        (
            json!({ "protocol": { "dimension": 1 } }),
            "do not fit into dimension d = 1",
        ),
    ] {
        let found = spec(&changes).check_with(given(&Arc::default()));
        let error = found.expect_err("refused").to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn hermite_coefficients_of_a_function_are_those_of_its_expression() {
    let functions = functions(&Arc::default());
    let given = functions
        .activation
        .expect("an activation")
        .coefficients(4)
        .values;
    let typed = Activation::parse("relu(x)")
        .expect("an activation")
        .coefficients(4)
        .values;
    for (given, typed) in given.iter().zip(&typed) {
        // The kink is not known.
        assert!((given - typed).abs() < 1e-3, "{given} {typed}");
    }
}
