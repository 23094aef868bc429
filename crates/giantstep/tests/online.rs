//! Online learning, one fresh sample a step, against the equations of Saad and Solla integrated by `reference/online.py`.
//!
//! Seen to catch: batches of two samples in place of one, whose noise is half as large, and steps that are longer by a third.

use giantstep::Trainer;
use giantstep::spec::Spec;
use giantstep::watch::Watch;
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
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let spread: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
            let error = (spread / (n * (n - 1.0))).sqrt();
            worst = worst.max((mean - expected).abs() / (4.0 * error + 0.02));
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
