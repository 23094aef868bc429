//! What holds exactly, whatever was drawn: mirrored networks, and overlaps that move by the gradients that are reported.
//!
//! Seen to catch: a mirrored second layer of equal signs, a first layer repeated but not mirrored.

use crate::common::engines::{direct, in_law, training};
use crate::common::{experiment, merge};
use giantstep::batch::{Access, Engine, Panel, Sweep};
use giantstep::experiment::Experiment;
use giantstep::faer::Mat;
use giantstep::metric::Metric;
use giantstep::real::Real;
use giantstep::run::{Outcome, Run, run_on};
use giantstep::train::Geometry;
use giantstep::watch::Watch;
use serde_json::json;

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
        merge(&mut spec, changes.clone());
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
