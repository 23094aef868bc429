//! What holds exactly, whatever was drawn: mirrored networks, a batch that stays one matrix however often it is
//! touched, overlaps that could be those of vectors, runs at the edge of what is allowed, and runs that end early.
//!
//! Seen to catch: a mirrored second layer of equal signs, a first layer repeated but not mirrored, a ledger that
//! forgets along what it was contracted or projects once, a compacted frame without its last vector, the neuron
//! before the one that diverged, a finished step that an interruption loses.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::faulty::Faulty;
use crate::common::{bits, experiment, merge};
use giantstep::batch::{
    Access, BatchId, Direct, DirectionsLaw, Engine, EngineKind, InLaw, Panel, Purpose, Sweep, Swept,
};
use giantstep::cost::cost;
use giantstep::directions::Directions;
use giantstep::experiment::Experiment;
use giantstep::faer::Mat;
use giantstep::measurement::Measurement;
use giantstep::metric::{Metric, MetricGroup, Place};
use giantstep::real::Real;
use giantstep::run::{Outcome, Run, Trainer, run, run_on};
use giantstep::setup::Setup;
use giantstep::spec::Spec;
use giantstep::train::Geometry;
use giantstep::watch::{Observer, OnRows, Watch};
use serde_json::{Value, json};

fn direct<T>(experiment: &Experiment, seed: u64) -> Direct<T> {
    let d = experiment.protocol.dimension as usize;
    Direct::new(d, DirectionsLaw::Random, seed)
}

fn in_law<T>(experiment: &Experiment, seed: u64) -> InLaw<T> {
    InLaw::new(experiment.protocol.dimension, seed)
}

fn training(index: u64) -> BatchId {
    BatchId {
        purpose: Purpose::Training,
        index,
    }
}

// Mirrored networks

/// `sum_v f(x_v)^2` over a batch of 1000, and the largest of `|G_i + G_{p-1-i}| / |G_i|` of the first update.
fn mirrored<E: Engine>(experiment: &Experiment, mut engine: E) -> (f64, f64) {
    let target = engine.target(2);
    let network = experiment.network.draw(&mut engine, &target, 3);
    let p = network.second.len();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let mut column = vec![E::Real::from_f64(0.0); panel.rows];
        let mut output = vec![0.0; panel.rows];
        for (i, a) in network.second.iter().enumerate() {
            let activation = &experiment.network.activation;
            activation.value_column(panel.field(i), &mut column);
            for (f, value) in output.iter_mut().zip(&column) {
                *f += a * value.to_f64();
            }
        }
        panel.sums[0] += output.iter().map(|f| f * f).sum::<f64>();
    };
    let sweep = Sweep {
        directions: &network.first,
        coefficients: 0,
        sums: 1,
        part: None,
    };
    let mut batch = engine.open(training(9), 1000, Access::Once);
    let power = engine.sweep(&mut batch, sweep, &visit, Watch::default());
    let power = power.expect("no interruption").sums[0];

    let mut moved = network.clone();
    let mut batch = engine.open(training(0), 1000, Access::Once);
    let nothing = giantstep::labels::RemovedPart::nothing();
    let step = giantstep::train::StepContext {
        activation: &experiment.network.activation,
        gain: 1.0,
        start: None,
        labels: giantstep::labels::Labels {
            target: &experiment.target,
            directions: &target,
            seed: 3,
        },
        removed: &nothing,
        id: training(0),
        rows: 1000,
        part: None,
        watch: Watch::default(),
    };
    let protocol = &experiment.protocol;
    let mut memories = giantstep::train::Memories::default();
    let state = (&mut moved, &mut memories);
    giantstep::train::advance(
        state,
        (1, protocol),
        (None, None),
        &mut engine,
        &mut batch,
        step,
    )
    .expect("no interruption");
    let mut moved = moved.first;
    moved.add_scaled(|_| -1.0, &network.first);
    let coordinates = moved.coordinates().to_owned();
    let opposite = |i: usize| {
        let sum = coordinates.row(i) + coordinates.row(p - 1 - i);
        sum.norm_l2() / coordinates.row(i).norm_l2()
    };
    (power, (0..p).map(opposite).fold(0.0, f64::max))
}

#[test]
fn mirrored_networks_start_at_zero_and_take_opposite_first_steps() {
    for activation in ["relu(x)", "tanh(x)", "He3(x)"] {
        let experiment = experiment(json!({
            "network": {"pairing": "symmetric", "second_layer": "gaussian", "activation": activation},
        }))
        .setup
        .experiment;
        for (output, opposite) in [
            mirrored(&experiment, direct::<f64>(&experiment, 3)),
            mirrored(&experiment, in_law::<f64>(&experiment, 3)),
            mirrored(&experiment, direct::<f32>(&experiment, 3)),
            mirrored(&experiment, in_law::<f32>(&experiment, 3)),
        ] {
            // Values meet their opposites, computed from the same bits: only their sum is rounded.
            assert!(output < 1e-25, "{activation}: output of power {output:.1e}");
            assert!(
                opposite < 1e-12,
                "{activation}: updates differ by {opposite:.1e}"
            );
        }
    }
}

// A batch is one matrix

/// Sweeps `X along^T` and `C^T X` with coefficients `tanh` of the first k fields.
fn touch<E: Engine>(engine: &mut E, batch: &mut E::Batch, along: &Directions, k: usize) -> Swept {
    let m = along.rows();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let fields: Vec<f64> = panel.fields.iter().map(|x| x.to_f64()).collect();
        let column = |i: usize| &fields[i * panel.rows..(i + 1) * panel.rows];
        for i in 0..m {
            for j in 0..m {
                let product = |(x, y): (&f64, &f64)| x.tanh() * y;
                panel.sums[i * m + j] += column(i).iter().zip(column(j)).map(product).sum::<f64>();
            }
        }
        for (value, field) in panel.fields.iter_mut().zip(&fields) {
            *value = E::Real::from_f64(field.tanh());
        }
    };
    let sweep = Sweep {
        directions: along,
        coefficients: k,
        sums: m * m,
        part: None,
    };
    engine
        .sweep(batch, sweep, &visit, Watch::default())
        .expect("no interruption")
}

/// `sum_v c_v <u, x_v>` computed forwards along u and backwards from `sum_v c_v x_v` agree, for directions u that
/// the batch itself has revealed; and what was answered once is answered again.
fn stays_one_matrix<T: Real>(d: u64, tolerance: f64) {
    let mut engine = InLaw::<T>::new(d, 8);
    engine.target(1);
    let mut along = engine.gaussian(3);
    let mut batch = engine.open(training(0), 2500, Access::Many);
    let mut asked = Vec::new();
    for pass in 0..5 {
        let m = along.rows();
        let swept = touch(&mut engine, &mut batch, &along, m);
        let scale = (swept.backward.norms().into_iter().fold(0.0, f64::max)
            * along.norms().into_iter().fold(0.0, f64::max))
        .max(1.0);
        let backward = swept.backward.gram(&along);
        for i in 0..m {
            for j in 0..m {
                let distance = (backward[(i, j)] - swept.sums[i * m + j]).abs();
                assert!(
                    distance < tolerance * scale,
                    "d = {d}, pass {pass}: {distance:.1e} against {scale:.1e}"
                );
            }
        }
        asked.push((along.clone(), swept.backward.clone()));
        for (along, answer) in &asked {
            let mut again = touch(&mut engine, &mut batch, along, along.rows()).backward;
            again.add_scaled(|_| -1.0, answer);
            let distance = again.norms().into_iter().fold(0.0, f64::max);
            assert!(
                distance < tolerance * scale,
                "d = {d}, pass {pass}: another answer by {distance:.1e} of {scale:.1e}"
            );
        }
        // Directions that the batch revealed, next to those it knew, of length about one.
        let mut revealed = swept.backward;
        let norms = revealed.norms();
        revealed.scale(|i| 1.0 / norms[i]);
        along = match pass {
            0 => Directions::stack(&[&along, &revealed]),
            _ => {
                along.add_scaled(|_| 0.5, &revealed);
                along
            }
        };
    }
}

#[test]
fn a_held_batch_stays_one_matrix_however_often_it_is_touched() {
    for d in [11, 40, 1000, 1 << 53] {
        stays_one_matrix::<f64>(d, 1e-12);
        stays_one_matrix::<f32>(d, 2e-5);
    }
}

#[test]
fn compacting_the_frame_keeps_every_inner_product() {
    let mut engine = InLaw::<f64>::new(1 << 40, 1);
    let target = engine.target(2);
    let mut first = engine.gaussian(6);
    for index in 0..20 {
        let mut batch = engine.open(training(index), 500, Access::Once);
        let swept = touch(&mut engine, &mut batch, &first, 6);
        first.add_scaled(|_| 1e-3, &swept.backward);
        let (mut kept, mut compact) = (target.clone(), first.clone());
        engine.keep_only(&mut [&mut kept, &mut compact]);
        assert!(
            compact.columns() <= 8,
            "frame of {} vectors",
            compact.columns()
        );
        for (before, after) in [
            (first.gram(&first), compact.gram(&compact)),
            (first.gram(&target), compact.gram(&kept)),
            (target.gram(&target), kept.gram(&kept)),
        ] {
            let distance = (&before - &after).norm_max();
            assert!(
                distance < 1e-13 * before.norm_max().max(1.0),
                "{distance:.1e}"
            );
        }
        first = compact;
    }
}

// Overlaps of 50 steps

/// Values of a metric of single neurons after a step, in the order of neurons and directions.
fn of_neurons(run: &Run, step: u32, metric: Metric) -> Vec<f64> {
    let here = run
        .measurements
        .iter()
        .filter(|m| m.step == step && m.metric == metric && m.neuron.is_some());
    here.map(|m| m.value).collect()
}

#[test]
fn overlaps_move_by_the_gradients_that_are_reported_over_fifty_steps() {
    for changes in [
        json!({}),
        json!({"network": {"pairing": "symmetric"}}),
        json!({"protocol": {"reuse": 5}}),
        json!({"network": {"pairing": "symmetric"}, "protocol": {"reuse": 2, "geometry": "projected"}}),
        json!({"protocol": {"loss": "correlation", "geometry": "spherical", "reuse": 50, "dimension": 1000}}),
    ] {
        let mut spec = json!({
            "network": {"width": 8, "activation": "tanh(x)"},
            "protocol": {"dimension": 300, "steps": 50, "batch": 400},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["neurons"]},
        });
        crate::common::merge(&mut spec, changes.clone());
        let experiment = experiment(spec).setup.experiment;
        let eta = experiment.protocol.step_size.at(1);
        for run in [
            run_on(
                &experiment,
                &mut in_law::<f64>(&experiment, 2),
                2,
                &Watch::default(),
            ),
            run_on(
                &experiment,
                &mut in_law::<f32>(&experiment, 2),
                2,
                &Watch::default(),
            ),
        ] {
            assert_eq!(run.outcome, Outcome::Completed);
            for step in 1..=50 {
                let of = |step, metric| of_neurons(&run, step, metric);
                let (before, after) = (of(step - 1, Metric::Overlap), of(step, Metric::Overlap));
                let (along, gradients) = (
                    of(step, Metric::GradientOverlap),
                    of(step, Metric::GradientNorm),
                );
                let norms = of(step, Metric::Norm);
                for i in 0..8 {
                    let moved = [0, 1].map(|k| before[2 * i + k] + eta * along[2 * i + k]);
                    let after = &after[2 * i..2 * i + 2];
                    // The length before the row is divided by it; on projected steps, the one that fits.
                    let length = match experiment.protocol.geometry {
                        Geometry::Plain => 1.0,
                        Geometry::Spherical => 1f64.hypot(eta * gradients[i]),
                        Geometry::Projected => moved[0] / after[0],
                    };
                    for k in 0..2 {
                        let distance = (moved[k] / length - after[k]).abs();
                        assert!(
                            distance < 1e-11 * norms[i].max(1.0),
                            "{changes}, step {step}, neuron {i}: off by {distance:.1e}"
                        );
                    }
                    if experiment.protocol.geometry != Geometry::Plain {
                        assert!((norms[i] - 1.0).abs() < 1e-12, "{changes}: {}", norms[i]);
                    }
                }
            }
            let frame = run.target.gram(&run.target);
            let distance = (&frame - Mat::<f64>::identity(2, 2)).norm_max();
            assert!(distance < 1e-12, "{changes}: target off by {distance:.1e}");
        }
    }
}

// The edge of what is allowed

#[test]
fn runs_complete_at_every_edge() {
    let width = |p: u32, more: Value| {
        let mut spec = json!({"network": {"width": p}});
        crate::common::merge(&mut spec, more);
        spec
    };
    for changes in [
        width(1, json!({})),
        width(1, json!({"protocol": {"dimension": 2}})),
        width(
            2,
            json!({"network": {"pairing": "symmetric"}, "protocol": {"dimension": 2}}),
        ),
        width(6, json!({"target": {"link": "0", "r": 0, "noise": 1.0}})),
        width(
            1,
            json!({"target": {"link": "0", "r": 0, "noise": 1.0}, "protocol": {"dimension": 1}}),
        ),
        width(6, json!({"protocol": {"dimension": 9}})),
        width(6, json!({"protocol": {"dimension": 8}})),
        width(6, json!({"protocol": {"dimension": 7}})),
        width(6, json!({"protocol": {"dimension": 2}})),
        width(6, json!({"protocol": {"batch": 1}})),
        width(
            6,
            json!({"protocol": {"batch": 1}, "readout": {"intercept": "with", "batch": "same", "ridge": 0}}),
        ),
        width(6, json!({"evaluation": {"test_samples": 1}})),
        width(6, json!({"protocol": {"steps": 0}})),
    ] {
        for plan in [
            json!({}),
            json!({"protocol": {"reuse": 3}}),
            json!({"protocol": {"remove_below": 2}}),
        ] {
            let mut spec = json!({"protocol": {"steps": 3, "step_size": 1}});
            crate::common::merge(&mut spec, changes.clone());
            crate::common::merge(&mut spec, plan);
            let experiment = experiment(spec.clone()).setup.experiment;
            let steps = experiment.protocol.steps;
            for run in [
                run_on(
                    &experiment,
                    &mut direct::<f64>(&experiment, 4),
                    4,
                    &Watch::default(),
                ),
                run_on(
                    &experiment,
                    &mut in_law::<f64>(&experiment, 4),
                    4,
                    &Watch::default(),
                ),
            ] {
                assert_eq!(run.outcome, Outcome::Completed, "{spec}");
                assert_eq!(
                    run.measurements.last().map(|m| m.step),
                    Some(steps),
                    "{spec}"
                );
                for measured in &run.measurements {
                    assert!(measured.value.is_finite(), "{spec}: {measured:?}");
                }
            }
        }
    }
}

#[test]
fn the_largest_dimension_runs_in_law() {
    for reuse in [1, 3] {
        let spec =
            json!({"protocol": {"dimension": "2^53", "steps": 3, "reuse": reuse, "step_size": 1}});
        let experiment = experiment(spec).setup.experiment;
        assert_eq!(experiment.protocol.dimension, 1 << 53);
        let run = run_on(
            &experiment,
            &mut in_law::<f64>(&experiment, 0),
            0,
            &Watch::default(),
        );
        assert_eq!(run.outcome, Outcome::Completed);
        assert!(
            run.measurements
                .iter()
                .all(|measured| measured.value.is_finite())
        );
        // No overlap is left in so many dimensions before the first step.
        let initial = |name| {
            run.measurements
                .iter()
                .find(move |m| m.step == 0 && m.metric == name)
        };
        assert!(initial(Metric::WeightAlignment).is_some_and(|m| m.value < 1e-13));
    }
}

// Runs that end early

/// Names and bits of all that was measured up to step `last`.
fn measured(run: &Run, last: u32) -> Vec<(u32, Metric, u64)> {
    run.measurements
        .iter()
        .filter(|measured| measured.step <= last)
        .map(|measured| (measured.step, measured.metric, measured.value.to_bits()))
        .collect()
}

#[test]
fn a_weight_that_is_no_number_ends_the_run_with_its_step_and_neuron() {
    let experiment = experiment(json!({"protocol": {"steps": 4}}))
        .setup
        .experiment;
    let whole = run_on(
        &experiment,
        &mut in_law::<f64>(&experiment, 1),
        1,
        &Watch::default(),
    );
    for (step, neuron) in [(1, 1), (3, 7), (4, 10)] {
        let inner = in_law::<f64>(&experiment, 1);
        let mut engine = Faulty::new(inner, step, neuron as usize - 1);
        let run = run_on(&experiment, &mut engine, 1, &Watch::default());
        assert_eq!(run.outcome, Outcome::Diverged { step, neuron });
        assert_eq!(measured(&run, u32::MAX), measured(&whole, step - 1));
        assert!(
            run.network
                .first
                .norms()
                .iter()
                .all(|norm| norm.is_finite())
        );
    }
}

#[test]
fn training_that_blows_up_says_so_and_keeps_its_first_steps() {
    // The derivative of He3 is a square: lengths grow doubly exponentially.
    let changes = json!({
        "network": {"activation": "He3(x)"},
        "protocol": {"steps": 30, "step_size": "1e6"},
        "readout": {"after": "never"},
    });
    let experiment = experiment(changes).setup.experiment;
    for run in [
        run_on(
            &experiment,
            &mut direct::<f32>(&experiment, 1),
            1,
            &Watch::default(),
        ),
        run_on(
            &experiment,
            &mut in_law::<f32>(&experiment, 1),
            1,
            &Watch::default(),
        ),
        run_on(
            &experiment,
            &mut direct::<f64>(&experiment, 1),
            1,
            &Watch::default(),
        ),
        run_on(
            &experiment,
            &mut in_law::<f64>(&experiment, 1),
            1,
            &Watch::default(),
        ),
    ] {
        let Outcome::Diverged { step, neuron } = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        assert!((2..30).contains(&step) && (1..=10).contains(&neuron));
        assert_eq!(run.measurements.last().map(|m| m.step), Some(step - 1));
    }
}

#[test]
fn an_interrupted_run_keeps_what_it_has_measured() {
    let experiment = experiment(json!({"protocol": {"steps": 5}}))
        .setup
        .experiment;
    for engine in ["direct", "in law"] {
        let until = |most: u64| {
            let (stop, rows) = (AtomicBool::new(false), AtomicU64::new(0));
            let observer = OnRows(|more: u64| {
                if rows.fetch_add(more, Ordering::Relaxed) + more >= most {
                    stop.store(true, Ordering::Relaxed);
                }
            });
            let watch = Watch {
                stop: &stop,
                observer: &observer,
                ..Watch::default()
            };
            match engine {
                "direct" => run_on(&experiment, &mut direct::<f64>(&experiment, 6), 6, &watch),
                _ => run_on(&experiment, &mut in_law::<f64>(&experiment, 6), 6, &watch),
            }
        };
        let whole = until(u64::MAX);
        let whole = measured(&whole, u32::MAX);
        // A step sees a gradient, a readout and a test batch: 160 + 160 + 400 rows.
        let mut ends = Vec::new();
        for most in [1, 700, 1500, 2000, 2600, 3500] {
            let run = until(most);
            let Outcome::Interrupted { step } = run.outcome else {
                panic!("{engine}, {most} rows: {:?}", run.outcome)
            };
            let kept = measured(&run, u32::MAX);
            assert_eq!(kept, whole[..kept.len()], "{engine}, {most} rows");
            let finished = whole.iter().take_while(|(s, ..)| *s < step).count();
            assert!(kept.len() >= finished, "{engine}: a finished step is lost");
            ends.push(step);
        }
        assert!(ends.is_sorted() && ends[0] == 0 && ends[5] >= 4, "{ends:?}");
    }
}

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

/// Every bit of a run, with a look at everything after every step.
fn looked_at(setup: &Setup) -> Vec<u64> {
    let watch = Watch::default();
    let mut trainer = Trainer::new(setup, 3, &watch);
    let mut looks = 0;
    loop {
        let errors = trainer.test_errors(&watch).expect("a readout");
        let recorded = trainer.measurements().iter();
        let recorded =
            recorded.filter(|m| m.step == trainer.taken() && m.metric == Metric::TestError);
        for (recorded, seen) in
            recorded.zip(errors.iter().filter(|m| m.metric == Metric::TestError))
        {
            assert_eq!(recorded, seen);
            looks += 1;
        }
        let (m, q) = (trainer.overlaps(), trainer.covariance());
        assert_eq!(m.shape(), (10, 2));
        assert_eq!(q.shape(), (10, 10));
        assert_eq!(trainer.network().second.len(), 10);
        if trainer.step(&watch).is_none() {
            break;
        }
    }
    assert!(looks > 0 || !setup.experiment.fits_readout(3));
    let run = trainer.finish();
    assert_eq!(run.outcome, Outcome::Completed);
    bits(&run)
}

#[test]
fn a_look_between_two_steps_changes_no_bit() {
    for changes in [
        json!({}),
        json!({"protocol": {"reuse": 2, "remove_below": 2}, "readout": {"batch": "same"}}),
        json!({"protocol": {"reuse": 9}, "readout": {"batch": "same", "ridge": [0.1, 1.0]}}),
        json!({"protocol": {"reuse": 9}, "readout": {"batch": "same", "after": "ends"}}),
        json!({"readout": {"batch": "same", "after": "never"}}),
        json!({"protocol": {"remove_below": 1}, "evaluation": {"metrics": ["singular_values"]}}),
    ] {
        for (engine, precision) in [("direct", "f64"), ("in_law", "f32"), ("in_law", "f64")] {
            let mut spec = json!({
                "protocol": {"steps": 3},
                "run": {"engine": engine, "precision": precision}
            });
            merge(&mut spec, changes.clone());
            let setup = experiment(spec).setup;
            let straight = run(&setup, 3, &Watch::default());
            assert_eq!(bits(&straight), looked_at(&setup), "{engine}, {changes}");
        }
    }
}

#[test]
fn a_prolonged_run_has_the_numbers_of_the_longer_one() {
    let watch = Watch::default();
    for engine in ["direct", "in_law"] {
        for changes in [
            json!({}),
            json!({"protocol": {"reuse": 9}}),
            json!({"protocol": {"reuse": 2}}),
            json!({"protocol": {"training_set": 500}}),
            json!({"protocol": {"momentum": {"heavy_ball": 0.5}, "average_from": 2}}),
            json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 1.0}}}),
            json!({"readout": {"batch": "same"}}),
            json!({"protocol": {"reuse": 9}, "readout": {"batch": "same"}}),
            json!({"protocol": {"reuse": 2, "lookahead": {"kind": "extragradient", "radius": 1.0}}, "readout": {"batch": "same"}}),
            json!({"protocol": {"reuse": 2, "remove_below": 2}, "readout": {"batch": "same"}}),
            json!({"protocol": {"training_set": 160, "average_from": 2}, "readout": {"batch": "training_set"}}),
        ] {
            let setup = |steps: u32| {
                let mut spec = json!({"run": {"engine": engine}});
                merge(&mut spec, changes.clone());
                merge(&mut spec, json!({"protocol": {"steps": steps}}));
                experiment(spec).setup
            };
            let mut trainer = Trainer::new(&setup(2), 4, &watch);
            for steps in [2, 3, 5] {
                assert!(trainer.prolong(steps), "{engine}, {changes}");
                while trainer.step(&watch).is_some() {}
                assert_eq!(trainer.outcome(), Outcome::Completed);
            }
            let straight = bits(&run(&setup(5), 4, &watch));
            assert_eq!(bits(&trainer.finish()), straight, "{engine}, {changes}");
        }
    }
}

#[test]
fn a_run_that_would_have_been_another_is_not_prolonged() {
    let watch = Watch::default();
    let baseline = json!([{"kind": "linear", "ridge": 1.0}]);
    for (changes, fits) in [
        (json!({}), true),
        (json!({"evaluation": {"record": "last"}}), false),
        (json!({"evaluation": {"record": {"every": 2}}}), true),
        (json!({"evaluation": {"record": {"every": 3}}}), false),
        (json!({"readout": {"after": "last"}}), false),
        (json!({"readout": {"after": "never"}}), true),
        (json!({ "baseline": baseline }), false),
    ] {
        let mut spec = json!({"protocol": {"steps": 2}});
        merge(&mut spec, changes.clone());
        let mut trainer = Trainer::new(&experiment(spec).setup, 4, &watch);
        while trainer.step(&watch).is_some() {}
        assert!(!trainer.prolong(1), "{changes}: it has gone further");
        assert_eq!(trainer.prolong(3), fits, "{changes}");
        assert_eq!(trainer.step(&watch).is_some(), fits, "{changes}");
    }
}

#[test]
fn a_run_that_is_finished_early_is_interrupted_in_its_next_step() {
    let setup = experiment(json!({"protocol": {"steps": 3}})).setup;
    let watch = Watch::default();
    let whole = measured(&run(&setup, 1, &watch), 1);
    let mut trainer = Trainer::new(&setup, 1, &watch);
    assert_eq!(trainer.step(&watch), Some(1));
    let run = trainer.finish();
    assert_eq!(run.outcome, Outcome::Interrupted { step: 2 });
    assert_eq!(measured(&run, u32::MAX), whole);
}

#[test]
fn the_setup_chooses_engine_and_precision() {
    for (engine, precision) in [
        ("direct", "f32"),
        ("direct", "f64"),
        ("in_law", "f32"),
        ("in_law", "f64"),
    ] {
        let spec = json!({"run": {"engine": engine, "precision": precision}});
        let setup = experiment(spec).setup;
        let chosen = bits(&run(&setup, 5, &Watch::default()));
        let e = &setup.experiment;
        let by_hand = match (engine, precision) {
            ("direct", "f32") => run_on(e, direct::<f32>(e, 5), 5, &Watch::default()),
            ("direct", _) => run_on(e, direct::<f64>(e, 5), 5, &Watch::default()),
            (_, "f32") => run_on(e, in_law::<f32>(e, 5), 5, &Watch::default()),
            _ => run_on(e, in_law::<f64>(e, 5), 5, &Watch::default()),
        };
        assert_eq!(chosen, bits(&by_hand), "{engine}, {precision}");
    }
    // The cheaper one: many neurons in few dimensions are explicit, few in many are not.
    for (width, dimension, engine) in [(60, 20, EngineKind::Direct), (4, 5000, EngineKind::InLaw)] {
        let spec = json!({"network": {"width": width}, "protocol": {"dimension": dimension}});
        assert_eq!(cost(&experiment(spec).setup).engine, engine);
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
            (measured(&run, u32::MAX), rows)
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
