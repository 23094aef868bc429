//! Rows that are given, and batches drawn from a fixed training set: against an independent program, and against the engine that
//! draws the same rows itself.

use std::sync::Arc;

use crate::common::explicit::{Expected, Lines, assert_measured, matrix};
use crate::common::own_data::{D, SEED, SET, drawn, finished, waves};
use crate::common::{bits, merge};
use giantstep::batch::{
    Access, BatchId, Data, Direct, DirectionsLaw, Division, Engine, Given, Order, Panel, Purpose,
    Split, Sweep, TestRows,
};
use giantstep::directions::Directions;
use giantstep::experiment::{Experiment, Origin};
use giantstep::faer::Mat;
use giantstep::labels::Labels;
use giantstep::run::{Outcome, run, run_on};
use giantstep::spec::{Spec, Standardise};
use giantstep::watch::Watch;
use serde::Deserialize;
use serde_json::json;

const REFERENCE: &str = include_str!("../../../reference/own_data.json");

#[derive(Deserialize)]
struct Reference {
    rows: Lines,
    labels: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Case {
    name: String,
    spec: Spec,
    a: Vec<f64>,
    W: Lines,
    measured: Vec<Expected>,
}

#[test]
fn runs_on_given_rows_and_on_a_training_set_are_those_of_explicit_matrices() {
    let reference: Reference = serde_json::from_str(REFERENCE).expect("saved by own_data.py");
    assert_eq!(reference.cases.len(), 7);
    for case in reference.cases {
        let name = &case.name;
        let checked = match case.spec.inputs.file() {
            None => case.spec.check(),
            Some(file) => {
                let (n, d) = (reference.rows.len(), reference.rows[0].len());
                let mut data = Data::new(reference.rows.concat(), n, d, Order::Rows).expect("rows");
                if file.labels.is_some() {
                    data = data.with_labels(reference.labels.clone()).expect("labels");
                }
                if file.standardise == Standardise::Columns {
                    data = data.standardised().expect("varied");
                }
                case.spec.check_on(Arc::new(data))
            }
        };
        let checked = checked.unwrap_or_else(|error| panic!("{name}: {error}"));
        let run = run(&checked.setup, checked.seeds.start, &Watch::default());
        assert_eq!(run.outcome, Outcome::Completed, "{name}");
        let first = run.network.first.coordinates();
        let distance = (first - matrix(&case.W)).norm_max();
        assert!(distance < 1e-11, "{name}: W is off by {distance:.1e}");
        for (found, expected) in run.network.second.iter().zip(&case.a) {
            assert!((found - expected).abs() < 1e-11, "{name}: a");
        }
        assert_measured(name, &run.measurements, &case.measured);
    }
}

/// The rows of a batch of the direct engine and their labels.
fn written(experiment: &Experiment, id: BatchId, rows: u64) -> (Lines, Vec<f64>) {
    let mut engine = Direct::<f64>::new(D, DirectionsLaw::Random, SEED);
    let target = engine.target(experiment.target.r);
    let labels = Labels {
        target: &experiment.target,
        directions: &target,
        seed: SEED,
    };
    let mut batch = engine.open(id, rows, Access::Many);
    let all = std::sync::Mutex::new((vec![vec![0.0; D]; rows as usize], vec![0.0; rows as usize]));
    let axes = Directions::stack(&[&Mat::identity(D, D).into(), &target]);
    let visit = |panel: &mut Panel<'_, f64>| {
        let mut values = vec![0.0; panel.rows];
        labels.write(id, panel, D, &mut values);
        let mut all = all.lock().expect("a lock");
        for (v, label) in values.into_iter().enumerate() {
            let row = panel.first_row as usize + v;
            all.1[row] = label;
            for j in 0..D {
                all.0[row][j] = panel.field(j)[v];
            }
        }
    };
    let sweep = Sweep {
        directions: &axes,
        coefficients: 0,
        sums: 0,
        part: None,
    };
    engine
        .sweep(&mut batch, sweep, &visit, Watch::default())
        .expect("not stopped");
    all.into_inner().expect("a lock")
}

/// The same experiment on the rows that the direct engine draws, each where the split of given rows will look for it.
fn given(spec: &Spec, with_labels: bool) -> (Spec, Arc<Data<'static>>) {
    let experiment = spec.check().expect("an experiment").setup.experiment;
    let steps = u64::from(experiment.protocol.steps);
    let id = |purpose, index| BatchId { purpose, index };
    let parts = [
        (id(Purpose::Set, 0), SET),
        (id(Purpose::Readout, steps), experiment.readout_samples),
        (id(Purpose::Test, steps), experiment.test_samples),
    ];
    let fresh = experiment.readout_batch == giantstep::experiment::ReadoutBatch::Fresh;
    let division = Division {
        training: SET,
        readout: if fresh { parts[1].1 } else { 0 },
        test: parts[2].1,
        test_rows: TestRows::Random,
    };
    let total = division.training + division.readout + division.test;
    let split = Split::new(total, division, SEED);
    let mut rows = vec![vec![0.0; D]; total as usize];
    let mut labels = vec![0.0; total as usize];
    for (id, count) in parts {
        let (x, y) = written(&experiment, id, count);
        for ((row, x), y) in split.of(id.purpose).iter().zip(x).zip(y) {
            rows[*row as usize] = x;
            labels[*row as usize] = y;
        }
    }
    // By columns, as a table comes.
    let columns: Vec<f64> = (0..D)
        .flat_map(|j| rows.iter().map(move |row| row[j]))
        .collect();
    let mut data = Data::new(columns, total as usize, D, Order::Columns).expect("rows");
    let mut text = serde_json::to_value(spec).expect("JSON");
    let share = 0.5f64.max(division.test as f64 / total as f64 + 1e-3);
    merge(
        &mut text,
        json!({
            "inputs": {"file": "memory", "test_share": share},
            "protocol": {"training_set": null},
            "run": {"engine": "auto"},
        }),
    );
    if with_labels {
        merge(
            &mut text,
            json!({"target": {"link": null, "r": null, "noise": 0.0}}),
        );
        data = data.with_labels(labels).expect("labels");
    }
    let spec = serde_json::from_value(text).expect("a specification");
    (spec, Arc::new(data))
}

/// Same rows, same numbers: training and readouts cannot tell a file from a stream. Only rounding differs, where a sum is taken in
/// panels of other rows.
#[test]
fn the_rows_of_the_direct_engine_in_a_table_give_its_numbers() {
    for (changes, with_labels) in [
        (json!({}), false),
        (
            json!({"protocol": {"sampling": "with_replacement", "steps": 5}}),
            false,
        ),
        (
            json!({"readout": {"batch": "same", "samples": null}}),
            false,
        ),
        (
            json!({
                "readout": {"batch": "training_set", "samples": null, "ridge": {"leave_one_out": [0.1, 1]}, "intercept": "with"},
                "network": {"bias": {"gaussian": 0.5}, "output": "centred"},
                "protocol": {"second_layer": {"step_size": 0.5}, "biases": {"step_size": 1}, "momentum": {"nesterov": 0.5}}
            }),
            false,
        ),
        (
            json!({"protocol": {"batch": 900, "update": "polar", "step_size": 1}}),
            false,
        ),
        (
            json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 1}, "reuse": 2}}),
            false,
        ),
        // With their noise labels are a column.
        (
            json!({"target": {"noise": 0.25}, "protocol": {"remove_below": 2}}),
            true,
        ),
        (
            json!({"protocol": {"loss": "huber", "update": {"adam": {}}, "step_size": 0.1}}),
            true,
        ),
    ] {
        let mut changes = changes;
        let metrics = match with_labels {
            true => json!(["test_error", "train_error", "norm", "network_loss"]),
            false => json!([
                "test_error",
                "train_error",
                "norm",
                "weight_cosine",
                "gradient_cosine"
            ]),
        };
        merge(&mut changes, json!({"evaluation": {"metrics": metrics}}));
        let spec = drawn(&changes);
        let direct = finished(&spec.check().expect("an experiment").setup);
        let (spec, data) = given(&spec, with_labels);
        let checked = spec
            .check_on(data)
            .unwrap_or_else(|error| panic!("{changes}: {error}"));
        assert!(matches!(checked.setup.experiment.inputs, Origin::Given(_)));
        let own = finished(&checked.setup);
        let distance =
            (direct.network.first.coordinates() - own.network.first.coordinates()).norm_max();
        assert!(distance < 1e-12, "{changes}: W is off by {distance:.1e}");
        assert_eq!(
            direct.measurements.len(),
            own.measurements.len(),
            "{changes}"
        );
        for (direct, own) in direct.measurements.iter().zip(&own.measurements) {
            assert_eq!(direct.metric, own.metric);
            let tolerance = 1e-10 * direct.value.abs().max(1.0);
            assert!(
                (direct.value - own.value).abs() < tolerance,
                "{changes}: {direct:?} {own:?}"
            );
        }
    }
}

#[test]
fn given_rows_are_shared_by_threads_without_a_change_of_a_bit() {
    let (n, d) = (9000, 20);
    let entries: Vec<f32> = (0..n * d)
        .map(|i| ((i * 7919 % 10_007) as f32 / 5000.0) - 1.0)
        .collect();
    let data = Data::new(entries, n, d, Order::Rows)
        .expect("rows")
        .standardised()
        .expect("varied");
    let spec = json!({
        "target": {"link": "z1 + z1*z2", "noise": 0.1},
        "network": {"width": 8},
        "protocol": {"steps": 4, "batch": 3000, "step_size": "p", "remove_below": 1},
        "readout": {"batch": "training_set"},
    });
    let spec: Spec = serde_json::from_value(spec).expect("a specification");
    let setup = spec.check_on(Arc::new(data)).expect("an experiment").setup;
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| bits(&finished(&setup)))
    };
    let one = on(1);
    assert!(one.len() > 50);
    assert!([2, 4].into_iter().all(|threads| on(threads) == one));
}

/// A borrowed matrix is an engine for as long as it lives.
#[test]
fn a_borrowed_matrix_serves_as_well_as_an_owned_one() {
    let entries = waves(300, D);
    let spec = drawn(
        &json!({"protocol": {"training_set": 300, "batch": 100}, "readout": {"after": "never"}, "evaluation": {"metrics": ["norm"]}}),
    );
    let experiment = spec.check().expect("an experiment").setup.experiment;
    let on = |data: Data<'_>| {
        let engine = Given::<f64>::new(
            Arc::new(data),
            Split::whole(300),
            DirectionsLaw::Canonical,
            1,
        );
        bits(&run_on(&experiment, engine, 1, &Watch::default()))
    };
    let borrowed = Data::new(&entries[..], 300, D, Order::Rows).expect("rows");
    let owned = Data::new(entries.clone(), 300, D, Order::Rows).expect("rows");
    assert_eq!(on(borrowed), on(owned));
}

/// Rows in single precision take four bytes an entry and labels eight, once for all runs: the same run on drawn rows needs as
/// much less as there are rows.
#[test]
fn rows_that_are_given_count_as_memory() {
    let (n, d) = (2000, 50);
    let rows: Vec<f32> = (0..n * d).map(|i| (i as f32 * 0.7).sin()).collect();
    let data = Data::new(rows, n, d, Order::Rows).expect("rows");
    let data = data
        .with_labels(vec![1.0; n])
        .expect("labels")
        .standardised()
        .expect("varied");
    let spec: Spec = serde_json::from_value(json!({
        "network": {"width": 2}, "protocol": {"steps": 0, "batch": 10}, "readout": {"batch": "same"}
    }))
    .expect("a specification");
    let cost = giantstep::cost(&spec.check_on(Arc::new(data)).expect("an experiment").setup).cost;
    assert_eq!(cost.given, (4 * n * d + 8 * n + 16 * d) as f64);
    assert!(cost.memory > 50e6 + cost.given);
}
