//! Online learning, one fresh sample a step, against the equations of Saad and Solla integrated by `reference/online.py`: runs,
//! and the predictions of (78).
//!
//! Seen to catch: batches of two samples in place of one, whose noise is half as large, and steps that are longer by a third, in runs and
//! in predictions the former.

use crate::common::against::{mean, measured, overlay_of, place, simulate};
use crate::common::experiment;
use giantstep::Trainer;
use giantstep::activation::Activation;
use giantstep::batch::Inputs;
use giantstep::expr::Link;
use giantstep::metric::Metric;
use giantstep::network::{Initial, NetworkLaw};
use giantstep::predict;
use giantstep::spec::Spec;
use giantstep::theory::population::Population;
use giantstep::theory::recursion::Dynamics;
use giantstep::theory::{Effort, Spread};
use giantstep::train::{Geometry, Loss, Update};
use giantstep::watch::{NEVER, Watch};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    start: Vec<Vec<f64>>,
    eta: f64,
    states: Vec<State>,
}

#[derive(Deserialize)]
struct State {
    time: u32,
    overlap: Vec<Vec<f64>>,
    covariance: Vec<Vec<f64>>,
    error: f64,
}

const D: u32 = 1500;
const SEEDS: u64 = 6;

/// M and Q of one seed at each of the times, entry by entry.
fn simulated(case: &Case, seed: u64, (engine, batch, factor): (&str, u32, f64)) -> Vec<Vec<f64>> {
    let (p, r) = (case.start.len(), case.start[0].len());
    let last = case.states.last().expect("a state").time;
    let spec = json!({
        "target": {"link": format!("sum(i, {r}, erf(z_i/sqrt(2)))")},
        "network": {
            "width": p, "activation": "erf(x/sqrt(2))", "second_layer": "ones", "scale": "sqrt(p)",
            "start": {"overlap": case.start}
        },
        "protocol": {
            "dimension": D, "batch": batch, "steps": last * D, "step_size": format!("{}/d", factor * case.eta)
        },
        "evaluation": {"metrics": [], "record": "last"},
        "run": {"engine": engine, "precision": "f64"},
    });
    let spec: Spec = serde_json::from_value(spec).expect("a specification");
    let setup = spec.check().expect("an experiment").setup;
    let watch = Watch::default();
    let mut trainer = Trainer::new(&setup, seed, &watch);
    let mut out = Vec::new();
    while let Some(step) = trainer.step(&watch) {
        if case.states.iter().any(|state| state.time * D == step) {
            let (m, q) = (trainer.overlaps(), trainer.covariance());
            let of_m = (0..p).flat_map(|i| (0..r).map(move |k| (i, k)));
            let of_q = (0..p).flat_map(|i| (0..=i).map(move |k| (i, k)));
            out.push(of_m.map(|at| m[at]).chain(of_q.map(|at| q[at])).collect());
        }
    }
    out
}

/// The largest distance from the equations, in units of four standard errors and 0.02 for finite d.
fn distance(case: &Case, how: (&str, u32, f64), seeds: u64) -> f64 {
    let runs: Vec<Vec<Vec<f64>>> = (0..seeds)
        .into_par_iter()
        .map(|seed| simulated(case, seed, how))
        .collect();
    let mut worst: f64 = 0.0;
    for (place, state) in case.states.iter().enumerate() {
        let p = case.start.len();
        let lower = (0..p).flat_map(|i| (0..=i).map(move |k| (i, k)));
        let expected = state.overlap.iter().flatten().copied();
        let expected = expected.chain(lower.map(|(i, k)| state.covariance[i][k]));
        for (entry, expected) in expected.enumerate() {
            let values: Vec<f64> = runs.iter().map(|run| run[place][entry]).collect();
            let found = mean(&values);
            worst = worst.max((found.value - expected).abs() / (4.0 * found.error + 0.02));
        }
    }
    worst
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../reference/online.json");
    let reference: Reference = serde_json::from_str(text).expect("saved by online.py");
    reference.cases
}

#[test]
fn one_sample_a_step_follows_saad_and_solla() {
    for case in cases() {
        let found = distance(&case, ("in_law", 1, 1.0), SEEDS);
        assert!(found < 1.0, "{:?}: {found}", case.start);
    }
}

#[test]
fn the_direct_engine_follows_them_too() {
    let mut case = cases().swap_remove(0);
    case.states.truncate(2);
    let found = distance(&case, ("direct", 1, 1.0), 4);
    assert!(found < 1.0, "{found}");
}

#[test]
fn other_noise_and_other_steps_are_told_apart() {
    let case = cases().swap_remove(0);
    for how in [("in_law", 2, 1.0), ("in_law", 1, 1.3)] {
        let found = distance(&case, how, SEEDS);
        assert!(found > 1.5, "{how:?}: {found}");
    }
}

/// The largest distance of predicted M, Q and error from the program's, at `samples` in the place of one.
fn predicted_distance(case: &Case, samples: f64) -> f64 {
    let (p, r) = (case.start.len(), case.start[0].len());
    let base = experiment(json!({
        "network": {"width": p, "activation": "erf(x/sqrt(2))", "second_layer": "ones", "scale": "sqrt(p)"}
    }));
    let law = NetworkLaw {
        start: Initial::Overlaps(case.start.clone()),
        ..base.setup.experiment.network
    };
    let link = Link::parse(&format!("sum(i, {r}, erf(z_i/sqrt(2)))"), None).expect("a link");
    let activation = Activation::parse("erf(x/sqrt(2))").expect("an activation");
    let dimension = f64::from(D);
    let dynamics = Dynamics {
        link: &link,
        coordinates: Inputs::Gaussian,
        noise: 0.0,
        removed_mean: 0.0,
        activation: &activation,
        rate: case.eta / dimension / p as f64,
        samples: samples / dimension,
        dimension,
        loss: Loss::Squared,
        geometry: Geometry::Plain,
        update: Update::PLAIN,
        stop: &NEVER,
    };
    let population = Population::of_law(&law);
    let start = population.start(&law.start, r);
    let steps: Vec<u32> = case.states.iter().map(|state| state.time * D).collect();
    let (found, error) = dynamics.online(&population, &start, &steps, Effort::Integrated);
    assert_eq!(error, None);
    let mut worst: f64 = 0.0;
    for (found, state) in found.steps.iter().zip(&case.states) {
        worst = worst.max((found.untrained_error - state.error).abs());
        for i in 0..p {
            for k in 0..r {
                worst = worst.max((found.overlap[(i, k)] - state.overlap[i][k]).abs());
            }
            for k in 0..p {
                let q = match i == k {
                    true => found.covariance.diagonal(i),
                    false => found.covariance.between(i, k),
                };
                worst = worst.max((q - state.covariance[i][k]).abs());
            }
        }
    }
    worst
}

#[test]
fn predictions_are_the_equations_of_saad_and_solla() {
    let mut cases = cases();
    cases.truncate(2);
    // Two neurons and two directions are four variables: a second for each unit of time.
    cases[1].states.truncate(1);
    for case in &cases {
        let found = predicted_distance(case, 1.0);
        println!("{:?}: {found:.1e}", case.start);
        assert!(found < 5e-4, "{:?}: {found}", case.start);
    }
    assert!(predicted_distance(&cases[0], 2.0) > 0.01);
}

/// Errors, overlaps and their spread over seeds: one neuron, one sample a step.
#[test]
fn many_small_steps_are_predicted_with_their_spread() {
    const SEEDS: u64 = 80;
    let checked = experiment(json!({
        "target": {"link": "erf(z1/sqrt(2))", "noise": 0.1},
        "network": {"width": 1, "activation": "erf(x/sqrt(2))", "second_layer": "ones", "start": {"overlap": 0.2}},
        "protocol": {"dimension": 400, "batch": 2, "steps": 1600, "step_size": "1/d"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["test_error", "weight_cosine", "norm"], "record": {"every": 800}, "test_samples": 2000}
    }));
    let found = predict(&checked.setup.experiment);
    let measured = measured(&simulate(&checked, 0..SEEDS));
    let mut spreads = 0;
    for p in found.present.iter().filter(|p| p.step > 0) {
        let mean = measured[&place(p)];
        println!(
            "{} {}: {:.4} {:.4} ({:.4})",
            p.step, p.metric, p.value, mean.value, mean.error
        );
        assert!(
            (p.value - mean.value).abs() < 3.0 * mean.error + 5e-3,
            "{p:?}: {mean:?}"
        );
        if let (Some(Spread::Fluctuation(sd)), Metric::Overlap) = (&p.spread, p.metric) {
            let ratio = mean.error * (SEEDS as f64).sqrt() / sd;
            println!("spread {sd:.4}: {ratio:.3}");
            assert!((ratio - 1.0).abs() < 0.3, "{p:?}: {ratio}");
            spreads += 1;
        }
    }
    assert!(
        spreads == 2 && found.present.iter().any(|p| p.step == 1600),
        "{:?}",
        found.absent
    );
}

#[test]
fn rows_of_length_one_follow_the_equation_of_phase_retrieval() {
    // logit m^2 = logit m_0^2 + (8 - 48 gamma) gamma step/d, exactly.
    let (gamma, d) = (0.1, 1e4);
    let checked = experiment(json!({
        "target": {"link": "z1^2"},
        "network": {"width": 1, "activation": "x^2", "second_layer": "ones", "start": {"overlap": 0.3}},
        "protocol": {
            "dimension": 10_000, "batch": 1, "steps": 70_000, "step_size": "0.1/d", "geometry": "projected"
        },
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["weight_cosine"], "record": {"every": 35_000}}
    }));
    let logit = |x: f64| (x / (1.0 - x)).ln();
    for step in [35_000, 70_000] {
        let found = predict(&checked.setup.experiment);
        let alignment =
            |p: &&giantstep::Prediction| p.step == step && p.metric == Metric::WeightAlignment;
        let value = found
            .present
            .iter()
            .find(alignment)
            .expect("a prediction")
            .value;
        let expected = logit(0.09) + (8.0 - 48.0 * gamma) * gamma * f64::from(step) / d;
        assert!((logit(value) - expected).abs() < 2e-3, "{step}: {value}");
    }
}

#[test]
fn before_a_random_start_is_left_its_deviations_are_the_alignment() {
    // d E m^2/dt = (8 - 48 gamma) E m^2 + 48 gamma/d for small m in t = gamma step/d, from E m^2 = 1/d: the noise of a step is
    // 4 E (z^2 - l^2)^2 l^2 z^2 = 48 for independent normals.
    let (gamma, d) = (0.1, 3000.0);
    let checked = experiment(json!({
        "target": {"link": "z1^2"},
        "network": {"width": 1, "activation": "x^2", "second_layer": "ones"},
        "protocol": {
            "dimension": 3000, "batch": 1, "steps": 60_000, "step_size": "0.1/d", "geometry": "projected"
        },
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["weight_cosine"], "record": {"every": 15_000}}
    }));
    let found = predict(&checked.setup.experiment);
    let alignment = |step: u32| {
        let wanted =
            |p: &&giantstep::Prediction| p.step == step && p.metric == Metric::WeightAlignment;
        found.present.iter().find(wanted).map(|p| p.value)
    };
    for step in [15_000, 30_000] {
        let (rate, t) = (8.0 - 48.0 * gamma, gamma * f64::from(step) / d);
        let source = 48.0 * gamma / rate;
        let square = ((1.0 + source) * (rate * t).exp() - source) / d;
        let value = alignment(step).expect("a prediction");
        // Of the fourth powers 3 (E m^2)^2 is left out.
        let close = (value - square).abs() < 0.01 * square + 3.0 * square * square;
        assert!(close, "{step}: {value} for {square}");
    }
    assert_eq!(alignment(60_000), None);
}

/// Giant steps from overlaps that are given, with another factor before the output.
#[test]
fn given_overlaps_and_other_factors_are_predicted() {
    overlay_of(
        json!({
            "target": {"link": "z1 + He2(z1)*z2"},
            "network": {
                "width": 4, "activation": "tanh(x)", "second_layer": "ones", "scale": "1.5/sqrt(p)",
                "start": {"overlap": [[0.5, 0.0], [0.3, 0.4], [-0.2, 0.6], [0.1, 0.1]]}
            },
            "protocol": {"dimension": 1500, "batch": "3*d", "steps": 2, "step_size": "p"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine", "norm", "covariance", "gradient_cosine"]}
        }),
        40,
        6e-3,
        |p| p.metric != Metric::Overlap,
    );
}
