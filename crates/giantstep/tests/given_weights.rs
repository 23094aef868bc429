//! Readout errors on given weights against an independent program (`reference/given_weights.py`) and against readouts
//! fitted on the same weights.
//!
//! Agreement with readouts means three standard errors of their ratio over seeds.
use crate::common::against::{agrees, mean};
use crate::common::experiment;
use crate::common::text::{activation, target};
use giantstep::batch::{Access, BatchId, Direct, DirectionsLaw, Engine, Purpose};
use giantstep::directions::Directions;
use giantstep::evaluate::{Moments, errors};
use giantstep::faer::Mat;
use giantstep::labels::{Labels, RemovedPart};
use giantstep::network::Pairing;
use giantstep::readout::{Features, Intercept, Readout, ReadoutLoss, Ridge, RidgeParams, fit};
use giantstep::run::{Outcome, run_on};
use giantstep::spec::Checked;
use giantstep::theory::given_weights::{GivenWeights, Ridged};
use giantstep::watch::Watch;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    link: String,
    activation: String,
    p: usize,
    d: usize,
    strengths: Vec<f64>,
    n: f64,
    ridge: f64,
    intercept: bool,
    test: f64,
    train: f64,
}

/// The weights of `reference/given_weights.py`.
fn weights(p: usize, d: usize, strengths: &[f64]) -> Directions {
    let mut state = (1000 * p + d) as u64;
    let mut uniform = || {
        let next = state.wrapping_mul(6_364_136_223_846_793_005);
        state = next.wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as f64 / 4_294_967_296.0
    };
    let mut first = Mat::zeros(p, d);
    for i in 0..p {
        for j in 0..d {
            let sum: f64 = (0..4).map(|_| uniform()).sum();
            first[(i, j)] = f64::from(((sum - 2.0) * 1.732_050_807_568_877_2) as f32);
        }
        let norm = (0..d).map(|j| first[(i, j)].powi(2)).sum::<f64>().sqrt();
        (0..d).for_each(|j| first[(i, j)] /= norm);
        for (k, strength) in strengths.iter().enumerate() {
            let sign = if i / (k + 1) % 2 == 0 { 1.0 } else { -1.0 };
            let size = strength * sign * (1.0 + i as f64 / p as f64);
            first[(i, k)] += 0.6 * size;
            first[(i, if k == 0 { 1 } else { k + 2 })] += 0.8 * size;
        }
    }
    first.into()
}

#[test]
fn errors_on_given_weights_are_those_of_an_independent_program() {
    let text = include_str!("../../../reference/given_weights.json");
    let golden: Golden = serde_json::from_str(text).expect("golden values");
    for case in &golden.cases {
        let first = weights(case.p, case.d, &case.strengths);
        let target = target(&case.link);
        let axes = Mat::identity(target.r, case.d).into();
        let given = GivenWeights::new(
            (&first, &[], &activation(&case.activation)),
            (&axes, &target),
            Pairing::Independent,
            0.0,
            case.d as f64,
            0,
        )
        .expect("a model");
        assert_eq!(given.spikes(), case.strengths.len(), "{}", case.link);
        let found = given
            .errors(Ridged {
                samples: case.n,
                ridge: case.ridge,
                intercept: match case.intercept {
                    true => Intercept::With,
                    false => Intercept::Without,
                },
            })
            .expect("errors");
        for (found, expected) in [(found.test, case.test), (found.train, case.train)] {
            // The rules over kappa resolve a train error of 4e-4 to 1.2e-4 of it, all other errors to 1e-4.
            let distance = (found / expected - 1.0).abs();
            let place = format!("{} {} n = {}", case.link, case.activation, case.n);
            assert!(distance < 2e-4, "{place}: {found} != {expected}");
        }
    }
}

/// Predicted and fitted errors on the weights of each seed, with `n = samples`.
fn both(checked: &Checked, samples: f64, seeds: u64) -> Vec<(f64, f64)> {
    let experiment = &checked.setup.experiment;
    let d = experiment.protocol.dimension as usize;
    let Ridge::Values(ridges) = &experiment.readout.ridge else {
        unreachable!("one ridge is given")
    };
    let one = |seed| {
        let mut engine = Direct::<f32>::new(d, DirectionsLaw::Canonical, seed);
        let trained = run_on(experiment, &mut engine, seed, &Watch::default());
        assert_eq!(trained.outcome, Outcome::Completed);
        let (first, directions) = (&trained.network.first, &trained.target);
        let given = GivenWeights::new(
            (first, &[], &experiment.network.activation),
            (directions, &experiment.target),
            experiment.network.pairing,
            0.0,
            d as f64,
            seed,
        )
        .expect("a model");
        let predicted = given.errors(Ridged {
            samples,
            ridge: ridges[0],
            intercept: experiment.readout.intercept,
        });
        let nothing = RemovedPart::nothing();
        let features = |purpose, index, rows| Features {
            first,
            bias: &[],
            start: None,
            activation: &experiment.network.activation,
            labels: Labels {
                target: &experiment.target,
                directions,
                seed,
            },
            removed: &nothing,
            id: BatchId { purpose, index },
            rows,
            part: None,
            watch: Watch::default(),
        };
        let params = RidgeParams {
            loss: ReadoutLoss::Squared,
            ridge: Ridge::Values(ridges.clone()),
            intercept: experiment.readout.intercept,
        };
        let readouts: Vec<Readout> = (10..14)
            .map(|index| {
                let features = features(Purpose::Readout, index, samples as u64);
                let mut batch = engine.open(features.id, features.rows, Access::Once);
                let fitted = fit(&params, features, &mut engine, &mut batch).expect("a readout");
                fitted.0[0].readout.clone()
            })
            .collect();
        let tested = features(Purpose::Test, 20, 6000);
        let mut batch = engine.open(tested.id, tested.rows, Access::Once);
        let found = errors(
            &readouts,
            (None, Moments::Left),
            tested,
            &mut engine,
            &mut batch,
        )
        .expect("errors");
        let mean = found.readouts.iter().sum::<f64>() / readouts.len() as f64;
        (predicted.expect("errors").test, mean)
    };
    (0..seeds).into_par_iter().map(one).collect()
}

/// The mean ratio of fitted to predicted errors is 1 within three standard errors, of at most `resolution`.
#[track_caller]
fn agree(name: &str, changes: Value, samples: f64, seeds: u64, resolution: f64) {
    let mut base = json!({
        "readout": {"after": "never"},
        "evaluation": {"metrics": []},
    });
    crate::common::merge(&mut base, changes);
    let pairs = both(&experiment(base), samples, seeds);
    let ratios: Vec<f64> = pairs
        .iter()
        .map(|(predicted, found)| found / predicted)
        .collect();
    println!("{name}: predicted {:.4}", pairs[0].0);
    agrees(name, 1.0, mean(&ratios), resolution);
}

#[test]
fn readouts_have_the_errors_that_their_weights_predict() {
    let steps = |steps: u32, batch: &str, step_size: &str| json!({"dimension": 150, "steps": steps, "batch": batch, "step_size": step_size});
    let network = |width: &str, activation: &str, second: &str| json!({"width": width, "activation": activation, "second_layer": second});
    for (name, link, network, protocol, ridge, samples) in [
        (
            "sin",
            "sin(z1)",
            network("d", "tanh(x)", "ones"),
            steps(1, "20*d", "3*p"),
            0.1,
            225.0,
        ),
        (
            "two steps",
            "z1 + z1*z2",
            network("d", "relu(x)", "rademacher"),
            steps(2, "8*d", "2*p"),
            0.1,
            300.0,
        ),
        (
            "Gaussian second layer",
            "z1 + z1*z2",
            network("d", "relu(x)", "gaussian"),
            steps(1, "8*d", "2*p"),
            0.1,
            300.0,
        ),
        (
            "wide",
            "z1 + z1*z2",
            network("2*d", "relu(x)", "rademacher"),
            steps(1, "8*d", "2*p"),
            0.01,
            900.0,
        ),
        (
            "three directions",
            "z1 + z1*z2 + tanh(z3)",
            network("0.7*d", "tanh(x)", "gaussian"),
            steps(1, "6*d", "2*p"),
            0.05,
            450.0,
        ),
    ] {
        let changes = json!({
            "target": {"link": link},
            "network": network,
            "protocol": protocol,
            "readout": {"ridge": ridge},
        });
        agree(name, changes, samples, 10, 0.02);
    }
}

/// Averages over six spikes rest on points that are spread, which 400 neurons fit in part: as they are, errors are 2.2(5) % too low.
#[test]
fn readouts_along_six_spikes_have_the_errors_that_their_weights_predict() {
    let changes = json!({
        "target": {"link": "z1*z2 + z3*z4 + z5*z6"},
        "network": {"width": "4*d", "activation": "relu(x)"},
        "protocol": {"dimension": 100, "steps": 1, "batch": "2*d^2", "step_size": "p*sqrt(d)"},
        "readout": {"ridge": 1.0},
    });
    agree("six spikes", changes, 20_000.0, 60, 0.006);
}

/// A step on 8 d samples with `c_2 != 0` stretches the whole bulk: it has no end of directions beyond the edge of rows in
/// random ones. Conditioned on all of them, errors were 1.3(5) % too low at d = 400.
#[test]
fn a_stretched_bulk_is_no_spike() {
    let experiment = experiment(json!({
        "target": {"link": "z1 + z1*z2"},
        "network": {"width": "d", "activation": "relu(x)", "second_layer": "ones"},
        "protocol": {"dimension": 200, "steps": 1, "batch": "8*d", "step_size": "2*p"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": []},
    }));
    let experiment = &experiment.setup.experiment;
    let mut engine = Direct::<f32>::new(200, DirectionsLaw::Canonical, 1);
    let trained = run_on(experiment, &mut engine, 1, &Watch::default());
    let given = GivenWeights::new(
        (&trained.network.first, &[], &experiment.network.activation),
        (&trained.target, &experiment.target),
        experiment.network.pairing,
        0.0,
        200.0,
        0,
    )
    .expect("a model");
    // The spike, and z2, along which W has more than random overlaps.
    assert!((1..=2).contains(&given.spikes()), "{}", given.spikes());
}
