//! The gradient against explicit loops: `reference/gradient.json` is made by an independent program.
//!
//! Seen to catch: a missing `1/sqrt p`, labels or their removed part read from a neighbouring field.

mod common;

use std::marker::PhantomData;

use common::explicit::{Explicit, ID, activation, matrix};
use giantstep::directions::Directions;
use giantstep::expr::Link;
use giantstep::labels::{Labels, Removal, Target};
use giantstep::train::{Loss, StepContext, gradient};
use giantstep::watch::Watch;
use serde::Deserialize;

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct Reference {
    link: String,
    X: Vec<Vec<f64>>,
    W: Vec<Vec<f64>>,
    a: Vec<f64>,
    W_star: Vec<Vec<f64>>,
    labels: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    activation: String,
    loss: Loss,
    remove_below: u32,
    gradient: Vec<Vec<f64>>,
    train_error: f64,
}

#[test]
fn gradients_are_those_of_explicit_loops() {
    let text = include_str!("../../../reference/gradient.json");
    let reference: Reference = serde_json::from_str(text).expect("saved by gradient.py");
    let mut engine = Explicit {
        precision: PhantomData::<f64>,
        x: matrix(&reference.X),
    };
    let first = Directions::from(matrix(&reference.W));
    let directions = Directions::from(matrix(&reference.W_star));
    let target = Target {
        link: Link::parse(&reference.link, None).expect("a link"),
        r: directions.rows(),
        noise: 0.0,
    };
    let labels = Labels {
        target: &target,
        directions: &directions,
        seed: 0,
    };
    let rows = reference.labels.len() as u64;
    assert_eq!(reference.cases.len(), 16);
    for case in &reference.cases {
        let name = format!(
            "{}, {:?}, {}",
            case.activation, case.loss, case.remove_below
        );
        let removal = match case.remove_below {
            0 => Removal::Nothing,
            _ => Removal::MeanAndLinear,
        };
        let removed = labels
            .estimate(removal, ID, rows, &mut engine, &mut (), Watch::default())
            .expect("no interruption");
        let step = StepContext {
            activation: &activation(&case.activation),
            second: &reference.a,
            labels,
            removed: &removed,
            id: ID,
            rows,
            watch: Watch::default(),
        };
        let found =
            gradient(&first, case.loss, None, &mut engine, &mut (), step).expect("no interruption");
        let expected = matrix(&case.gradient);
        let scale = expected.norm_max();
        let distance = (found.directions.coordinates() - &expected).norm_max();
        assert!(distance < 1e-12 * scale, "{name}: {distance:.1e}");
        let error = (found.train_error / case.train_error - 1.0).abs();
        assert!(error < 1e-12, "{name}: train error off by {error:.1e}");
        if case.remove_below == 0 {
            let power = reference.labels.iter().map(|y| y * y).sum::<f64>() / rows as f64;
            assert!((found.label_power / power - 1.0).abs() < 1e-12, "{name}");
        }
    }
}
