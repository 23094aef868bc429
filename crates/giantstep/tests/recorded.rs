//! What a run records and tells: every number in its place, every row and every step once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::engines::in_law;
use crate::common::{bits_until, experiment};
use giantstep::cost::cost;
use giantstep::measurement::Measurement;
use giantstep::metric::{Metric, MetricGroup, Place};
use giantstep::run::{run, run_on};
use giantstep::spec::Spec;
use giantstep::watch::{Observer, Watch};
use serde_json::{Value, json};

/// Notes what it is told.
#[derive(Default)]
struct Diary {
    rows: AtomicU64,
    steps: Mutex<Vec<(u32, Vec<Measurement>)>>,
}

impl Observer for Diary {
    fn rows_done(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    fn step_done(&self, step: u32, measured: &[Measurement]) {
        let mut steps = self.steps.lock().expect("no panic");
        steps.push((step, measured.to_vec()));
    }
}

#[test]
fn an_observer_is_told_of_every_row_and_of_every_step_once() {
    let experiment = experiment(json!({"protocol": {"steps": 3}}))
        .setup
        .experiment;
    let diary = Diary::default();
    let watch = Watch {
        observer: &diary,
        ..Watch::default()
    };
    let run = run_on(&experiment, &mut in_law::<f64>(&experiment, 1), 1, &watch);
    // Three gradients; a readout and a test on every network.
    assert_eq!(diary.rows.into_inner(), 3 * 160 + 4 * (160 + 400));
    let steps = diary.steps.into_inner().expect("no panic");
    let numbers: Vec<u32> = steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    for (step, measured) in &steps {
        assert!(!measured.is_empty() && measured.iter().all(|m| m.step == *step));
    }
    let told: Vec<Measurement> = steps
        .into_iter()
        .flat_map(|(_, measured)| measured)
        .collect();
    assert_eq!(told, run.measurements);
}

#[test]
fn every_number_stands_in_a_place_of_its_metric_and_group() {
    let mut seen = Vec::new();
    for group in MetricGroup::ALL {
        for ridge in [json!(1.0), json!({"leave_one_out": [0.1, 1.0]})] {
            let baselines = ["linear", "kernel", "tangent_kernel", "feature_machine"];
            let baselines = baselines.map(|kind| json!({"kind": kind}));
            let changes = json!({
                "readout": {"ridge": ridge},
                "evaluation": {"metrics": [group.name()]},
                "baseline": if group == MetricGroup::TestError { &baselines[..] } else { &[] },
            });
            let experiment = experiment(changes).setup.experiment;
            let run = run_on(
                &experiment,
                &mut in_law::<f64>(&experiment, 1),
                1,
                &Watch::default(),
            );
            for m in &run.measurements {
                let (metric, places) = (m.metric, m.places());
                assert!(
                    metric.places().contains(&&places[..]),
                    "{metric}: {places:?}"
                );
                let neurons = metric.is_of_neurons() && places.contains(&Place::Neuron);
                let expected = match neurons {
                    true => Some(MetricGroup::Neurons),
                    false => metric.group(),
                };
                assert_eq!(Some(group), expected, "{metric}: {places:?}");
                seen.push((metric, places));
            }
        }
    }
    for metric in Metric::ALL
        .into_iter()
        .filter(|metric| metric.group().is_some())
    {
        for places in metric.places() {
            let found = seen.contains(&(metric, places.to_vec()));
            assert!(found, "{metric} is never recorded with {places:?}");
        }
    }
}

#[test]
fn what_is_recorded_less_often_is_the_same() {
    for engine in ["direct", "in_law"] {
        let of = |record: Value| {
            let spec = json!({
                "protocol": {"steps": 12},
                "evaluation": {"record": record},
                "run": {"engine": engine, "precision": "f64"}
            });
            let (diary, setup) = (Diary::default(), experiment(spec).setup);
            let watch = Watch {
                observer: &diary,
                ..Watch::default()
            };
            let costs = cost(&setup);
            let run = run(&setup, 1, &watch);
            let rows = diary.rows.into_inner();
            assert_eq!(costs.cost.rows, rows, "{record}");
            (bits_until(&run, u32::MAX), rows)
        };
        let (whole, most) = of(json!("every_step"));
        for (record, steps) in [
            (json!("last"), vec![12]),
            (json!({"every": 5}), vec![0, 5, 10, 12]),
            (json!({"log": 2}), vec![0, 1, 3, 10, 12]),
        ] {
            let (part, rows) = of(record);
            let expected = whole.iter().filter(|(step, ..)| steps.contains(step));
            let expected: Vec<_> = expected.copied().collect();
            assert_eq!(part, expected, "{engine}, {steps:?}");
            // A readout and a test for every step recorded.
            assert_eq!(most - rows, (13 - steps.len() as u64) * (160 + 400));
        }
    }
    for (record, key) in [
        ("every", "evaluation.record.every"),
        ("log", "evaluation.record.log"),
    ] {
        let spec: Spec = serde_json::from_value(json!({
            "target": {"link": "z1"},
            "network": {"width": 2},
            "protocol": {"dimension": 3, "steps": 1, "batch": 3, "step_size": 1},
            "evaluation": {"record": {record: 0}}
        }))
        .expect("readable");
        assert_eq!(spec.check().expect_err("no step").key, key);
    }
}
