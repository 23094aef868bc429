//! Readouts and the next gradient in one pass: as many passes less, and the numbers of two passes to the last bit.
//!
//! A run that ends after t steps fits its last readouts in a pass of their own; a longer one in that of step t + 1.
//! Seen to catch: a test batch opened after the gradient, readouts of a network that is not the average or on rows of another
//! batch, labels before the removal.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::faulty::Faulty;
use crate::common::{bits, engines, experiment, merge, stopped_after};
use giantstep::batch::{Access, BatchId, Engine, EngineKind, Panel, Purpose, Sweep, Swept};
use giantstep::cost::cost;
use giantstep::directions::Directions;
use giantstep::metric::Metric;
use giantstep::run::{Outcome, Run, run, run_on};
use giantstep::setup::Setup;
use giantstep::watch::{Interrupted, OnRows, Watch};
use serde_json::{Value, json};

/// The row of a gradient that has a NaN where one is asked for.
const ROW: usize = 2;

/// An engine that counts passes over batches for steps and readouts, and over batches for tests.
struct Counted<E> {
    inner: E,
    passes: [u32; 2],
}

impl<E: Engine<Real = f64>> Engine for Counted<E> {
    type Real = f64;
    type Batch = (BatchId, E::Batch);

    fn dimension(&self) -> u64 {
        self.inner.dimension()
    }

    fn target(&mut self, r: usize) -> Directions {
        self.inner.target(r)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        self.inner.gaussian(rows)
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> Self::Batch {
        (id, self.inner.open(id, rows, access))
    }

    fn sweep(
        &mut self,
        (id, batch): &mut Self::Batch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, f64>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        self.passes[usize::from(id.purpose == Purpose::Test)] += 1;
        self.inner.sweep(batch, sweep, visit, watch)
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        self.inner.keep_only(known);
    }
}

fn counted<E: Engine<Real = f64>>(setup: &Setup, inner: E, faulty: u32) -> (Run, [u32; 2], u64) {
    let mut engine = Counted {
        inner: Faulty::new(inner, faulty, ROW),
        passes: [0; 2],
    };
    let rows = AtomicU64::new(0);
    let observer = OnRows(|more| {
        rows.fetch_add(more, Ordering::Relaxed);
    });
    let watch = Watch {
        observer: &observer,
        ..Watch::default()
    };
    let run = run_on(&setup.experiment, &mut engine, 3, &watch);
    (run, engine.passes, rows.into_inner())
}

/// The run with its passes and rows; the gradient number `faulty`, from 1, has a NaN.
fn on(engine: &str, setup: &Setup, faulty: u32) -> (Run, [u32; 2], u64) {
    let experiment = &setup.experiment;
    match engine {
        "direct" => counted(setup, engines::direct(experiment, 3), faulty),
        _ => counted(setup, engines::in_law(experiment, 3), faulty),
    }
}

fn setup(changes: &Value, more: Value) -> Setup {
    let mut spec = json!({"protocol": {"reuse": 5, "steps": 5}, "readout": {"batch": "same"}});
    merge(&mut spec, changes.clone());
    merge(&mut spec, more);
    experiment(spec).setup
}

/// The first batch has fewer samples than features, and shares nothing; the last ones do.
#[test]
fn the_memory_of_shared_passes_is_counted_where_batches_grow() {
    let memory = |batch: Value| {
        let changes = json!({"protocol": {"batch": batch, "reuse": 2}, "network": {"width": 50}});
        let setup = setup(&changes, json!({"run": {"engine": "direct"}}));
        cost(&setup).cost.memory
    };
    let (grows, largest) = (memory(json!("20*t")), memory(json!(100)));
    assert_eq!(grows, largest);
}

/// Of 5 steps with a readout and a test after each and before the first: 5 gradients, 6 readouts, 6 tests without sharing.
#[test]
fn readouts_on_rows_of_the_next_gradient_take_no_pass() {
    for (changes, shared) in [
        (json!({}), 5),
        (json!({"protocol": {"reuse": 2}}), 3),
        (json!({"protocol": {"reuse": 1}}), 1),
        (json!({"protocol": {"reuse": 3, "batch": "100 + 10*t"}}), 4),
        (
            json!({"readout": {"ridge": [0.1, 1, 10], "intercept": "with"}}),
            5,
        ),
        (
            json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 1}}}),
            5,
        ),
        (json!({"protocol": {"average_from": 3}}), 3),
        (json!({"protocol": {"reuse": 1, "training_set": 300}}), 1),
        (json!({"protocol": {"reuse": 1, "training_set": 160}}), 5),
        (
            json!({"protocol": {"reuse": 1, "training_set": 160}, "readout": {"batch": "training_set"}}),
            5,
        ),
        (
            json!({"protocol": {"training_set": 300}, "readout": {"batch": "training_set"}}),
            0,
        ),
        (
            json!({"protocol": {"training_set": 160, "sampling": "with_replacement"}, "readout": {"batch": "training_set"}}),
            0,
        ),
        (json!({"readout": {"batch": "fresh"}}), 0),
        (json!({"readout": {"after": "ends"}}), 1),
        (json!({"readout": {"after": "last"}}), 0),
        (json!({"evaluation": {"record": {"every": 2}}}), 3),
        (
            json!({"evaluation": {"record": {"every": 2}}, "protocol": {"reuse": 4}}),
            2,
        ),
        (
            json!({"evaluation": {"record": {"every": 2}}, "protocol": {"steps": 13, "reuse": 3}}),
            5,
        ),
        (
            json!({"evaluation": {"record": {"log": 3}}, "protocol": {"steps": 13, "reuse": 3}}),
            5,
        ),
        (
            json!({"evaluation": {"record": {"log": 3}}, "protocol": {"steps": 13, "reuse": 5}}),
            3,
        ),
        // A pass over centred fields has those of the start, one for leave-one-out is followed by another.
        (json!({"network": {"output": "centred"}}), 0),
        (
            json!({"readout": {"ridge": {"leave_one_out": [0.1, 1]}}}),
            0,
        ),
        // Samples no more than features, beside one more.
        (
            json!({"network": {"width": 160}, "protocol": {"dimension": 400}}),
            0,
        ),
        (
            json!({"network": {"width": 158}, "protocol": {"dimension": 400}, "readout": {"intercept": "with"}}),
            5,
        ),
        (
            json!({"network": {"width": 159}, "protocol": {"dimension": 400}, "readout": {"intercept": "with"}}),
            0,
        ),
        // p^2 moments beside p d numbers.
        (json!({"network": {"width": 50}}), 5),
        (json!({"network": {"width": 51}}), 0),
    ] {
        for engine in ["direct", "in_law"] {
            let setup = setup(&changes, json!({"run": {"engine": engine}}));
            let experiment = &setup.experiment;
            let steps = experiment.protocol.steps;
            let (run, passes, rows) = on(engine, &setup, 0);
            assert_eq!(run.outcome, Outcome::Completed);
            let wanted = |wants: &dyn Fn(u32) -> bool| (0..=steps).filter(|t| wants(*t)).count();
            let gradients = match experiment.protocol.lookahead {
                Some(_) => 2 * steps,
                None => steps,
            };
            let again = match experiment.readout.ridge {
                giantstep::readout::Ridge::LeaveOneOut(_) => 2,
                giantstep::readout::Ridge::Values(_) => 1,
            };
            let fits = again * wanted(&|t| experiment.fits_readout(t)) as u32;
            let tests = wanted(&|t| experiment.tests(t)) as u32;
            assert_eq!(
                passes,
                [gradients + fits - shared, tests],
                "{engine}, {changes}"
            );
            if experiment.protocol.sizes.is_none() {
                assert_eq!(cost(&setup).cost.rows, rows, "{engine}, {changes}");
                assert_eq!(
                    cost(&setup).cost.passes,
                    f64::from(passes[0] + passes[1]),
                    "{engine}, {changes}"
                );
            }
        }
    }
}

/// What was measured after `step` steps.
fn after(run: &Run, step: u32) -> Vec<(Metric, Option<f64>, u64)> {
    let of_step = run.measurements.iter().filter(|m| m.step == step);
    of_step
        .map(|m| (m.metric, m.ridge, m.value.to_bits()))
        .collect()
}

#[test]
fn a_shared_pass_has_the_numbers_of_two() {
    for changes in [
        json!({}),
        json!({"protocol": {"reuse": 2}}),
        json!({"network": {"width": 150, "pairing": "symmetric", "activation": "tanh(x)"}, "protocol": {"batch": 2500}}),
        json!({
            "network": {"bias": {"gaussian": 0.5}, "activation": "x^2/2 + x"},
            "protocol": {"second_layer": {"step_size": 0.5}, "biases": {"step_size": 1}, "step_size": "p/10"}
        }),
        json!({"protocol": {"remove_below": 1}, "readout": {"ridge": [0.1, 1, 10], "intercept": "with"}}),
        json!({
            "target": {"noise": 0.3}, "protocol": {"remove_below": 2},
            "evaluation": {"metrics": ["test_error", "error_rate", "feature_spectrum", "network_loss"]}
        }),
        json!({"network": {"output": "centred", "bias": {"uniform": [-1, 1]}}}),
        json!({"protocol": {"training_set": 400}}),
        json!({"protocol": {"training_set": 160}, "readout": {"batch": "training_set"}}),
        json!({"protocol": {"training_set": 400, "sampling": "with_replacement", "reuse": 2}}),
        json!({"protocol": {"loss": {"correlation_until": 0.99}, "geometry": "spherical"}}),
        json!({"protocol": {"loss": "logistic", "geometry": "projected"}, "target": {"link": "sign(z1)"}}),
        json!({"protocol": {"momentum": {"heavy_ball": 0.5}, "clip": {"rows": 0.05}, "average_from": 3}}),
        json!({"protocol": {"lookahead": {"kind": "sharpness_aware", "radius": 1}}}),
        json!({"inputs": {"spike": {"along": [0.5, 0.3], "strength": 2}}, "protocol": {"step_size": "p/4"}}),
        json!({"inputs": {"target": "hypercube"}, "target": {"link": "z1 + 2*z2 + z1*z2"}}),
        // The frame is full after two steps; from the start.
        json!({"protocol": {"dimension": 30}}),
        json!({"protocol": {"dimension": 12}}),
    ] {
        for (engine, precision) in [
            ("direct", "f32"),
            ("direct", "f64"),
            ("in_law", "f32"),
            ("in_law", "f64"),
        ] {
            let name = format!("{engine}, {precision}, {changes}");
            let how = json!({"run": {"engine": engine, "precision": precision}});
            let long = setup(&changes, how.clone());
            let long = [1, 2, 4].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.expect("threads");
                pool.install(|| run(&long, 4, &Watch::default()))
            });
            for other in &long[1..] {
                assert_eq!(bits(&long[0]), bits(other), "{name}: threads");
            }
            // An average begins within the run.
            let first = changes["protocol"]["average_from"].as_u64();
            for steps in first.unwrap_or(0) as u32..=5 {
                let mut only = how.clone();
                merge(
                    &mut only,
                    json!({"protocol": {"steps": steps}, "evaluation": {"record": "last"}}),
                );
                let alone = run(&setup(&changes, only), 4, &Watch::default());
                let seen = after(&alone, steps);
                assert!(seen.iter().any(|m| m.0 == Metric::TestError), "{name}");
                assert_eq!(after(&long[0], steps), seen, "{name}: step {steps}");
                if steps == 5 {
                    let weights = |run: &Run| run.network.first.coordinates().to_owned();
                    assert_eq!(weights(&long[0]), weights(&alone), "{name}");
                }
            }
        }
    }
}

/// Whenever it is stopped, a run has the first of the numbers of the whole, and all of each finished step.
#[test]
fn a_run_that_is_stopped_in_a_shared_pass_has_not_finished_the_step_before() {
    for engine in ["direct", "in_law"] {
        let setup = setup(&json!({}), json!({"run": {"engine": engine}}));
        let until = |most: u64| stopped_after(most, |watch| run(&setup, 6, watch));
        let whole = until(u64::MAX);
        // A shared pass and a test: 160 + 400 rows.
        for (most, step) in [
            (1, 0),
            (160, 0),
            (300, 0),
            (560, 0),
            (561, 1),
            (720, 1),
            (721, 1),
            (1121, 2),
            (2240, 3),
            (2801, 5),
            (3360, 5),
        ] {
            let run = until(most);
            assert_eq!(
                run.outcome,
                Outcome::Interrupted { step },
                "{engine}, {most}"
            );
            let finished = whole.measurements.iter().filter(|m| m.step < step).count();
            let kept = &run.measurements;
            assert!(kept.len() >= finished, "{engine}, {most}");
            assert_eq!(kept[..], whole.measurements[..kept.len()]);
            let tested = kept.iter().any(|m| {
                m.step == step && matches!(m.metric, Metric::TestError | Metric::LabelVariance)
            });
            assert!(!tested, "{engine}, {most}");
        }
    }
}

/// The readouts of the pass are those before the step that fails.
#[test]
fn a_gradient_that_is_no_number_ends_the_step_that_it_is_of() {
    for engine in ["direct", "in_law"] {
        let setup = setup(&json!({}), json!({}));
        let (whole, ..) = on(engine, &setup, 0);
        for step in [1, 3, 5] {
            let (run, ..) = on(engine, &setup, step);
            let neuron = ROW as u32 + 1;
            assert_eq!(run.outcome, Outcome::Diverged { step, neuron });
            let before = whole.measurements.iter().filter(|m| m.step < step);
            assert!(run.measurements.iter().eq(before), "{engine}, {step}");
        }
    }
}

/// The engine decides on draws: 130 is the last dimension in which the direct one is cheaper with passes of their own, 168 with
/// shared ones.
#[test]
fn what_a_shared_pass_saves_chooses_no_engine() {
    for (dimension, engine) in [(130, EngineKind::Direct), (131, EngineKind::InLaw)] {
        let changes = json!({
            "target": {"link": "z1 + z1*z2"}, "network": {"width": 40},
            "protocol": {"dimension": dimension, "batch": 1000},
            "evaluation": {"test_samples": 1000, "metrics": ["test_error"]}
        });
        assert_eq!(cost(&setup(&changes, json!({}))).engine, engine);
    }
}
