//! Shared by the tests. Each test file uses a part of it.
#![allow(dead_code)]

pub mod against;
pub mod analysis;
pub mod engines;
pub mod explicit;
pub mod faulty;
pub mod gaussian;
pub mod losses;
pub mod own_data;
pub mod protocols;
pub mod steps;
pub mod text;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use giantstep::batch::{Coloured, Direct, DirectionsLaw, Engine, InLaw};
use giantstep::experiment::{Experiment, Origin};
use giantstep::metric::Metric;
use giantstep::run::{Outcome, Run, run_on};
use giantstep::spec::{Checked, Spec};
use giantstep::watch::{OnRows, Watch};
use rayon::prelude::*;
use serde_json::{Value, json};

/// The base experiment with the given protocol entries changed: `{"protocol": {...}, "network": {...}}`.
pub fn experiment(changes: Value) -> Checked {
    let mut spec = json!({
        "target": {"link": "(z1 + z1^2 + z2 - z2^2)/2"},
        "network": {"width": 10},
        "protocol": {"dimension": 100, "steps": 2, "batch": 160, "step_size": "p"},
        "readout": {"after": "every_step"},
        "evaluation": {
            "test_samples": 400,
            "metrics": ["test_error", "train_error", "weight_cosine", "gradient_cosine", "neurons", "singular_values"]
        }
    });
    merge(&mut spec, changes);
    let spec: Spec = serde_json::from_value(spec).expect("a valid specification");
    spec.check().expect("a valid experiment")
}

/// An experiment whose batches have many blocks.
pub fn large(changes: Value) -> Experiment {
    let mut spec = json!({
        "target": {"noise": 0.1},
        "protocol": {"dimension": 40, "batch": 20_011, "steps": 3},
        "evaluation": {"test_samples": 10_007},
    });
    merge(&mut spec, changes);
    experiment(spec).setup.experiment
}

/// Puts the entries of `changes` over those of `into`, table by table.
pub fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (key, value) in changes {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, changes) => *into = changes,
    }
}

/// One run without progress or interruption.
pub fn run_quietly<E: Engine>(experiment: &Experiment, mut engine: E, seed: u64) -> Run {
    let run = run_on(experiment, &mut engine, seed, &Watch::default());
    assert_eq!(run.outcome, Outcome::Completed);
    run
}

pub fn direct(experiment: &Experiment, seed: u64) -> Run {
    let dimension = experiment.protocol.dimension as usize;
    let engine = Direct::<f64>::new(dimension, DirectionsLaw::Canonical, seed);
    match &experiment.inputs {
        Origin::Coloured(covariance) => {
            run_quietly(experiment, Coloured::on_axes(engine, covariance), seed)
        }
        Origin::Target(inputs) => run_quietly(experiment, engine.on_target(*inputs), seed),
        _ => run_quietly(experiment, engine, seed),
    }
}

pub fn in_law(experiment: &Experiment, seed: u64) -> Run {
    let engine = InLaw::<f64>::new(experiment.protocol.dimension, seed);
    match &experiment.inputs {
        Origin::Coloured(covariance) => {
            let law = experiment.directions;
            run_quietly(
                experiment,
                Coloured::in_frame(engine, covariance, law),
                seed,
            )
        }
        Origin::Target(inputs) => run_quietly(experiment, engine.on_target(*inputs), seed),
        _ => run_quietly(experiment, engine, seed),
    }
}

/// What becomes of work that is told to stop as soon as this many rows are done.
pub fn stopped_after<R>(most: u64, work: impl FnOnce(&Watch<'_>) -> R) -> R {
    let (stop, rows) = (AtomicBool::new(false), AtomicU64::new(0));
    let observer = OnRows(|more: u64| {
        if rows.fetch_add(more, Ordering::Relaxed) + more >= most {
            stop.store(true, Ordering::Relaxed);
        }
    });
    work(&Watch {
        stop: &stop,
        observer: &observer,
        ..Watch::default()
    })
}

/// Every bit that a run leaves behind.
pub fn bits(run: &Run) -> Vec<u64> {
    let first = run.network.first.coordinates();
    let weights = (0..first.nrows()).flat_map(|i| (0..first.ncols()).map(move |j| first[(i, j)]));
    let measured = run.measurements.iter().map(|measured| measured.value);
    weights.chain(measured).map(f64::to_bits).collect()
}

/// Steps, names and bits of all that was measured up to step `last`.
pub fn bits_until(run: &Run, last: u32) -> Vec<(u32, Metric, u64)> {
    run.measurements
        .iter()
        .filter(|measured| measured.step <= last)
        .map(|measured| (measured.step, measured.metric, measured.value.to_bits()))
        .collect()
}

/// Names of the scalars that [`statistics`] returns.
pub const STATISTICS: [&str; 11] = [
    "|M|^2",
    "tr Q",
    "tr Q^2",
    "a.M_1",
    "a.M_r",
    "a.Q.a",
    "test error",
    "untrained readout error",
    "gradient cosine",
    "gradient alignment",
    "largest singular value",
];

/// Scalars of the final state, none of which depends on a basis of R^d or on the order of seeds.
pub fn statistics(run: &Run) -> Vec<f64> {
    let first = &run.network.first;
    let second = &run.network.second;
    let (m, q) = (first.gram(&run.target), first.gram(first));
    let (p, r) = (m.nrows(), m.ncols());
    let dot = |k: usize| (0..p).map(|i| second[i] * m[(i, k)]).sum::<f64>();
    let last = run.measurements.last().map_or(0, |m| m.step);
    let of_gradient = |metric| matches!(metric, Metric::GradientCosine | Metric::GradientAlignment);
    // A few samples that no neuron answers to have no gradient.
    let no_gradient = !run
        .measurements
        .iter()
        .any(|m| m.step == last && of_gradient(m.metric));
    // What no step or no direction has is 0 on either engine; anything else that is not measured is a fault.
    let find = |metric: Metric, direction: Option<u32>| {
        let absent = of_gradient(metric) && (no_gradient || r == 0)
            || metric == Metric::SingularValue && last == 0;
        let found = run.measurements.iter().find(|m| {
            m.step == last && m.metric == metric && m.direction == direction && m.neuron.is_none()
        });
        match found {
            Some(measured) => measured.value,
            None if absent => 0.0,
            None => panic!("{metric:?} is not measured"),
        }
    };
    let statistics = [
        m.squared_norm_l2(),
        (0..p).map(|i| q[(i, i)]).sum(),
        q.squared_norm_l2(),
        if r > 0 { dot(0) } else { 0.0 },
        if r > 0 { dot(r - 1) } else { 0.0 },
        (0..p)
            .flat_map(|i| (0..p).map(move |j| (i, j)))
            .map(|(i, j)| second[i] * q[(i, j)] * second[j])
            .sum(),
        find(Metric::TestError, None),
        find(Metric::UntrainedReadoutError, None),
        find(Metric::GradientCosine, Some(1)),
        find(Metric::GradientAlignment, None),
        find(Metric::SingularValue, None),
    ];
    // Seven digits: a statistic that is constant in law may differ between engines by rounding.
    statistics
        .iter()
        .map(|value| format!("{value:.6e}").parse().unwrap_or(f64::NAN))
        .collect()
}

/// Statistics over seeds, one list for each.
pub fn sample(seeds: std::ops::Range<u64>, draw: impl Fn(u64) -> Vec<f64> + Sync) -> Vec<Vec<f64>> {
    let runs: Vec<Vec<f64>> = seeds.into_par_iter().map(&draw).collect();
    (0..runs[0].len())
        .map(|k| runs.iter().map(|run| run[k]).collect())
        .collect()
}

/// The p-value of the two-sample Kolmogorov-Smirnov test (Stephens' small-sample form of the limit law).
pub fn kolmogorov_smirnov(x: &[f64], y: &[f64]) -> f64 {
    let (mut x, mut y) = (x.to_vec(), y.to_vec());
    x.sort_by(f64::total_cmp);
    y.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
    while i < x.len() && j < y.len() {
        let at = x[i].min(y[j]);
        while i < x.len() && x[i] <= at {
            i += 1;
        }
        while j < y.len() && y[j] <= at {
            j += 1;
        }
        distance = distance.max((i as f64 / x.len() as f64 - j as f64 / y.len() as f64).abs());
    }
    if distance == 0.0 {
        return 1.0;
    }
    let size = ((x.len() * y.len()) as f64 / (x.len() + y.len()) as f64).sqrt();
    let lambda = (size + 0.12 + 0.11 / size) * distance;
    let tail: f64 = (1..=100)
        .map(|k| {
            let k = f64::from(k);
            (-1f64).powf(k - 1.0) * (-2.0 * k * k * lambda * lambda).exp()
        })
        .sum();
    (2.0 * tail).clamp(0.0, 1.0)
}
