//! T steps on fresh batches: the recursion of the overlaps against an independent program and simulations.
//!
//! Seen to catch: a recursion without the noise of the batch, or that takes the overlap's part of `N` twice.

use crate::common::against::overlay_of;
use crate::common::steps::{FOUR, dynamics, one_step};
use crate::common::text::{activation, link, target};
use faer::Mat;
use giantstep::metric::Metric;
use giantstep::network::Pairing;
use giantstep::theory::population::{ClassMatrix, Population};
use giantstep::theory::recursion::{Dynamics, RecursionError};
use giantstep::theory::{Effort, Prediction};
use giantstep::train::Loss;
use serde_json::json;

/// Overlaps of a state, by class.
fn rows(m: &Mat<f64>) -> Vec<f64> {
    (0..m.nrows())
        .flat_map(|c| (0..m.ncols()).map(move |j| m[(c, j)]))
        .collect()
}

#[test]
fn recursion_agrees_with_an_independent_program() {
    // NumPy Monte Carlo with 3e6 samples a step (reference program recursion.py), relu, n = 4 d, eta = p:
    // M of a neuron of either sign and Q_11, after steps 1, 2, 3; its own error grows from 2e-3 to 1e-2.
    let cases: [(&str, [[f64; 5]; 3]); 4] = [
        (
            "z1 + z2 + z1^2 - z2^2",
            [
                [0.5013, 0.5002, -0.5005, -0.5015, 2.1145],
                [1.1438, 0.5966, -0.5952, -1.1482, 3.6008],
                [1.8067, 0.6086, -0.6055, -1.8164, 5.5973],
            ],
        ),
        (
            "z1 + z2 + z1^2 + z2^2",
            [
                [0.5002, 0.4989, -0.5004, -0.4963, 4.6512],
                [1.2166, 1.2158, -0.3384, -0.3375, 10.3847],
                [1.9808, 1.9816, -0.2424, -0.2425, 17.5028],
            ],
        ),
        (
            "4*z1 + z1^2 + z2",
            [
                [2.0008, 0.5008, -1.9983, -0.5004, 8.4793],
                [4.1713, 0.9060, -2.7687, -0.8428, 24.5305],
                [5.8921, 1.1843, -3.2959, -1.1186, 42.5804],
            ],
        ),
        (
            "z1 + relu(z2)",
            [
                [0.5003, 0.2497, -0.4996, -0.2493, 1.6665],
                [0.9217, 0.4914, -0.8020, -0.3615, 2.6638],
                [1.2633, 0.7122, -1.0008, -0.4194, 3.7696],
            ],
        ),
    ];
    let relu = activation("relu(x)");
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    for (text, expected) in cases {
        let link = link(text);
        let found = dynamics(&link, &relu).run(&population, 3).unwrap();
        assert!(
            found.standard_errors.is_none(),
            "{text} is integrated, not sampled"
        );
        for (state, expected) in found.steps[1..].iter().zip(expected) {
            let mut numbers = rows(&state.overlap);
            numbers.push(state.covariance.diagonal(0));
            for (found, expected) in numbers.iter().zip(expected) {
                let tolerance = 0.004 + 0.004 * expected.abs();
                assert!(
                    (found - expected).abs() < tolerance,
                    "{text}: {numbers:?} {expected}"
                );
            }
        }
    }
}

#[test]
fn a_switched_loss_is_the_squared_one_from_there_on() {
    // E (y - f)^2 is 6.16 and 5.29 before the first two steps, and E y^2 = 6: at 0.95 of it the third step is switched.
    let (link, relu) = (link("z1 + z2 + z1^2 - z2^2"), activation("relu(x)"));
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    let with = |loss| Dynamics {
        loss,
        ..dynamics(&link, &relu)
    };
    for (fraction, after) in [(0.95, Loss::Squared), (0.8, Loss::Correlation)] {
        let until = with(Loss::CorrelationUntil(fraction));
        let found = until.run(&population, 3).unwrap().steps;
        let first = with(Loss::Correlation).run(&population, 2).unwrap().steps;
        let start = (first[2].overlap.clone(), first[2].covariance.clone());
        let third = with(after).run_from(&population, start, 1).unwrap().steps;
        for (found, expected) in [
            (&found[1], &first[1]),
            (&found[2], &first[2]),
            (&found[3], &third[1]),
        ] {
            let distance = (&found.overlap - &expected.overlap).norm_max();
            assert!(distance < 1e-9, "{fraction}: {distance:.1e}");
        }
    }
}

#[test]
fn gradients_of_the_staircase_lie_on_two_lines() {
    let (link, relu) = (link("z1 + z2 + z1^2 - z2^2"), activation("relu(x)"));
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    let found = dynamics(&link, &relu).run(&population, 2).unwrap();
    let direction = |step: usize, c: usize| {
        let g = &found.steps[step].gradient;
        let size = g[(c, 0)].hypot(g[(c, 1)]);
        [g[(c, 0)] / size, g[(c, 1)] / size]
    };
    let half = 0.5f64.sqrt();
    let close = |found: [f64; 2], expected: [f64; 2], tolerance: f64| {
        let distance = (found[0] - expected[0]).hypot(found[1] - expected[1]);
        assert!(distance < tolerance, "{found:?} {expected:?}");
    };
    close(direction(1, 0), [half, half], 1e-9);
    close(direction(2, 0), [0.989, 0.145], 0.005);
    close(direction(2, 1), [-0.145, -0.989], 0.005);
    // Cosines with the gradient itself are smaller by the noise of the batch.
    let step = &found.steps[2];
    assert!(step.gradient_cosine(0, 0) > 0.4 && step.gradient_cosine(0, 0) < 0.7);
}

#[test]
fn a_network_stuck_by_symmetry_and_one_that_only_seems_so() {
    let relu = activation("relu(x)");
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    let across = |text: &str, along: [f64; 2]| {
        let link = link(text);
        let found = dynamics(&link, &relu).run(&population, 3).unwrap();
        found
            .steps
            .iter()
            .map(|s| {
                (s.overlap[(0, 1)] * along[0] - s.overlap[(0, 0)] * along[1])
                    / along[0].hypot(along[1])
            })
            .collect::<Vec<f64>>()
    };
    for m in across("z1 + z2 + z1^2 + z2^2", [1.0, 1.0]) {
        assert!(m.abs() < 1e-9);
    }
    let moving = across("4*z1 + z1^2 + z2", [4.0, 1.0]);
    for (found, expected) in moving.iter().zip([0.0, 0.0, -0.134, -0.280]) {
        assert!((found - expected).abs() < 0.01, "{moving:?}");
    }
}

#[test]
fn recursion_agrees_with_simulations_of_four_neurons() {
    // Signs are random: predictions are means over them.
    for text in [
        "z1 + z2 + z1^2 - z2^2",
        "z1 + z2 + z1^2 + z2^2",
        "4*z1 + z1^2 + z2",
    ] {
        let changes = json!({
            "target": {"link": text},
            "network": {"width": 4},
            "protocol": {"dimension": 20000, "steps": 3, "batch": "4*d", "step_size": "p"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["neurons", "norm"]}
        });
        let chosen = |p: &Prediction| matches!(p.metric, Metric::Overlap | Metric::Norm);
        overlay_of(changes, 120, 0.004, chosen);
    }
}

#[test]
fn an_impossible_state_is_an_error() {
    let (link, relu) = (link("z1"), activation("relu(x)"));
    let population = Population::of_weights(&[1.0, -1.0], Pairing::Independent);
    let overlap = Mat::from_fn(2, 1, |_, _| 1.5);
    let covariance = ClassMatrix::of_neurons(Mat::identity(2, 2));
    let found = dynamics(&link, &relu).run_from(&population, (overlap, covariance), 1);
    assert!(
        matches!(found, Err(RecursionError::Unphysical { step: 0, eigenvalue }) if eigenvalue < -0.5),
        "{found:?}"
    );
    let (cubic, far) = (activation("x^3"), target("z1^3").link);
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    let found = Dynamics {
        rate: 1e3,
        ..dynamics(&far, &cubic)
    }
    .run(&population, 8);
    assert!(found.is_err(), "{found:?}");
}

#[test]
fn symmetric_pairs_need_no_samples_for_their_first_step() {
    let (link, relu) = (link("z1 + z1*z2 + 1/2"), activation("relu(x)"));
    let weights = [1.0, 2.0, -2.0, -1.0];
    let population = Population::of_weights(&weights, Pairing::Symmetric);
    let setting = dynamics(&link, &relu);
    let integrated = setting
        .run_within(&population, 1, Effort::Integrated)
        .unwrap();
    assert!(integrated.standard_errors.is_none());
    // Two steps are sampled: their first two states must be the same.
    let beyond = setting.run_within(&population, 2, Effort::Integrated);
    assert!(
        matches!(beyond, Err(RecursionError::Sampled { step: 1 })),
        "{beyond:?}"
    );
    let sampled = setting.run(&population, 2).unwrap();
    let error = sampled.standard_errors.unwrap()[1].untrained_error;
    let (exact, found) = (&integrated.steps[1], &sampled.steps[1]);
    assert!(error > 0.0 && (exact.untrained_error - found.untrained_error).abs() < 4.0 * error);
    // A pair moves in opposite directions: Q_twins = |w0|^2 - |move|^2 and the closed form of one neuron.
    let step = one_step("z1 + z1*z2 + 1/2", "relu(x)");
    for (c, class) in population.classes.iter().enumerate() {
        let neuron = step.linear(4.0, 1.0, class.second);
        assert!((exact.covariance.diagonal(c) - neuron.norm_squared).abs() < 1e-9);
        let twin = class.twin.unwrap();
        let between = exact.covariance.own[(c, twin)] + exact.covariance.cross[(c, twin)];
        assert!(
            (between - (1.0 - neuron.moved_squared)).abs() < 1e-9,
            "{between}"
        );
    }
}
