//! Whole runs against explicit matrices: `reference/runs.json` is made by an independent program from the data that it
//! lists, for every law of the network, loss, removal, geometry, lookahead and kind of readout.
//!
//! Seen to catch: a spherical step without `1/|w|^2`, without its projection or without the norm; a projected one divided
//! by `|w|^2`; either sign of lookahead, its gradient doubled, its train error; residuals exchanged; a switch at c instead
//! of `c E y^2`, and one that goes back; a gradient without `1/sqrt p`, uphill; a uniform second layer on [0, 1], positive
//! normals, signs exchanged, ones doubled, the width of the pairs instead of p; rows of the sphere that are not unit,
//! gaussian ones that are; pairs repeated instead of mirrored, of equal signs; noise of the standard deviation `Delta`, the
//! same for all batches; a mean or linear part that is not removed, or not added back; one batch too early; the readout of
//! another batch; a ridge nine times too large, intercepts forgotten, the worst candidate, residuals for left-out ones;
//! alignments without squares, angles of the transposed plane, groups of the other sign, a zero vector that has a cosine,
//! pairs of one order, a neuron paired with itself, singular values of W.

use crate::common::explicit::{Expected, Explicit, Lines, assert_measured, matrix};
use giantstep::batch::Coloured;
use giantstep::experiment::Origin;
use giantstep::faer::Mat;
use giantstep::run::{Outcome, Run, run_on};
use giantstep::spec::Spec;
use giantstep::watch::Watch;
use serde::Deserialize;

const REFERENCE: &str = include_str!("../../../reference/runs.json");

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Case {
    name: String,
    spec: Spec,
    a: Vec<f64>,
    b: Vec<f64>,
    W: Lines,
    measured: Vec<Expected>,
}

fn of(case: &Case) -> Run {
    let engine: Explicit = serde_json::from_str(REFERENCE).expect("saved by runs.py");
    let checked = case.spec.check().expect("an experiment");
    let (experiment, seed) = (&checked.setup.experiment, checked.seeds.start);
    let watch = Watch::default();
    match &experiment.inputs {
        Origin::Coloured(covariance) => run_on(
            experiment,
            Coloured::on_axes(engine, covariance),
            seed,
            &watch,
        ),
        _ => run_on(experiment, engine, seed, &watch),
    }
}

fn assert_close(name: &str, found: &Mat<f64>, expected: &Mat<f64>) {
    let distance = (found - expected).norm_max();
    let scale = expected.norm_max();
    assert!(
        distance <= 1e-11 * scale,
        "{name}: off by {distance:.1e}, {found:?}"
    );
}

#[test]
fn runs_are_those_of_explicit_matrices() {
    let reference: Reference = serde_json::from_str(REFERENCE).expect("saved by runs.py");
    assert_eq!(reference.cases.len(), 50);
    for case in reference.cases {
        let run = of(&case);
        let name = case.name;
        assert_eq!(run.outcome, Outcome::Completed, "{name}");
        let first = run.network.first.coordinates().to_owned();
        let second = matrix(&[run.network.second]);
        assert_close(&format!("{name}: a"), &second, &matrix(&[case.a]));
        // Without biases there is no list of them.
        let bias = match run.network.bias.is_empty() {
            true => vec![0.0; case.b.len()],
            false => run.network.bias,
        };
        assert_close(&format!("{name}: b"), &matrix(&[bias]), &matrix(&[case.b]));
        assert_close(&format!("{name}: W"), &first, &matrix(&case.W));
        assert_measured(&name, &run.measurements, &case.measured);
    }
}
