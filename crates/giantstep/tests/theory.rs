//! Predictions against published numbers, independent programs and simulations.
//!
//! Simulations have fixed seeds; agreement means three standard errors of their mean.

mod common;

use std::collections::BTreeMap;

use common::{experiment, in_law};
use faer::Mat;
use giantstep::activation::Activation;
use giantstep::expr::Link;
use giantstep::labels::Target;
use giantstep::network::Pairing;
use giantstep::readout::Intercept;
use giantstep::run::Run;
use giantstep::spec::Checked;
use giantstep::theory::bounded_width::{Kernels, kernel};
use giantstep::theory::one_step::{ActivationMoments, Drift, LinkMoments, OneStep};
use giantstep::theory::population::{ClassMatrix, Population};
use giantstep::theory::recursion::{Dynamics, RecursionError};
use giantstep::theory::state_equations::{Sizes, StateError, TrainedFeatures, random_features};
use giantstep::theory::{Prediction, Spread, Status, predict};
use giantstep::train::{Geometry, Loss};
use rayon::prelude::*;
use serde_json::{Value, json};

/// Two neurons of either sign.
const FOUR: [f64; 4] = [1.0, 1.0, -1.0, -1.0];

fn link(text: &str) -> Link {
    Link::parse(text, None).unwrap()
}

fn activation(text: &str) -> Activation {
    Activation::parse(text).unwrap()
}

fn target(text: &str) -> Target {
    let link = link(text);
    Target {
        r: link.r(),
        link,
        noise: 0.0,
    }
}

fn one_step(text: &str, student: &str) -> OneStep {
    OneStep {
        activation: ActivationMoments::of(&activation(student)),
        link: LinkMoments::of(&target(text)),
        drift: Drift::default(),
    }
}

/// `n = 4 d`, `eta = p`, plain steps on the squared loss.
fn dynamics<'a>(link: &'a Link, activation: &'a Activation) -> Dynamics<'a> {
    Dynamics {
        link,
        noise: 0.0,
        removed_mean: 0.0,
        activation,
        rate: 1.0,
        samples: 4.0,
        dimension: 2000.0,
        loss: Loss::Squared,
        geometry: Geometry::Plain,
    }
}

/// A mean over seeds.
#[derive(Debug, Clone, Copy)]
struct Mean {
    value: f64,
    error: f64,
}

fn mean(values: &[f64]) -> Mean {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let spread: f64 = values.iter().map(|x| (x - value).powi(2)).sum();
    Mean {
        value,
        error: (spread / (n * (n - 1.0))).sqrt(),
    }
}

/// Within three standard errors, and a simulation that resolves `resolution`.
#[track_caller]
fn agrees(name: &str, predicted: f64, measured: Mean, resolution: f64) {
    let distance = (predicted - measured.value).abs();
    println!(
        "{name}: {predicted:.5} | {:.5} ({:.5})",
        measured.value, measured.error
    );
    assert!(
        measured.error < resolution,
        "{name}: the simulation does not resolve {resolution}: {measured:?}"
    );
    assert!(
        distance < 3.0 * measured.error,
        "{name}: predicted {predicted}, measured {measured:?}"
    );
}

fn simulate(checked: &Checked, seeds: std::ops::Range<u64>) -> Vec<Run> {
    seeds
        .into_par_iter()
        .map(|seed| in_law(&checked.experiment, seed))
        .collect()
}

type Place = (u32, &'static str, Option<u32>, Option<&'static str>, u64);

/// Means over seeds of every measurement that is no single neuron's; overlaps averaged over neurons of one sign.
fn measured(runs: &[Run]) -> BTreeMap<Place, Mean> {
    let mut values: BTreeMap<Place, Vec<f64>> = BTreeMap::new();
    for run in runs {
        let mut here: BTreeMap<Place, Vec<f64>> = BTreeMap::new();
        for m in &run.measurements {
            if m.neuron.is_none() || m.metric == "overlap" {
                let ridge = m.ridge.map_or(0, f64::to_bits);
                let place = (m.step, m.metric, m.direction, m.group, ridge);
                here.entry(place).or_default().push(m.value);
            }
        }
        for (place, list) in here {
            let mean = list.iter().sum::<f64>() / list.len() as f64;
            values.entry(place).or_default().push(mean);
        }
    }
    values
        .into_iter()
        .map(|(place, list)| (place, mean(&list)))
        .collect()
}

fn place(p: &Prediction) -> Place {
    let ridge = p.ridge.map_or(0, f64::to_bits);
    (p.step, p.metric, p.direction, p.group, ridge)
}

/// Every prediction of an experiment lies within three standard errors of its measurement, `bias` apart.
fn overlay(changes: Value, seeds: u64, bias: f64) -> Vec<Prediction> {
    let checked = experiment(changes);
    let predictions = predict(&checked.experiment);
    let measured = measured(&simulate(&checked, 0..seeds));
    for absent in &predictions.absent {
        println!("absent {absent:?}");
    }
    let mut failed = Vec::new();
    for p in &predictions.present {
        let m = measured
            .get(&place(p))
            .unwrap_or_else(|| panic!("nothing measured beside {p:?}"));
        let sampling = p.standard_error.unwrap_or(0.0);
        let distance = ((p.value - m.value).abs() - bias).max(0.0);
        let error = m.error.hypot(sampling) + 1e-12;
        println!(
            "{:?} {:.5} | {:.5} ({:.5})",
            place(p),
            p.value,
            m.value,
            m.error
        );
        if distance > 3.0 * error {
            failed.push((place(p), p.value, *m));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    predictions.present
}

// One step, n = alpha d.

#[test]
fn alignment_after_one_step_has_the_closed_form() {
    for (text, alpha, rate, expected) in [
        ("z1", 2.0, 3.0, 9.0 / 22.0),
        ("z1 + z1*z2", 4.0, 5.0, 0.46296),
    ] {
        let predicted = one_step(text, "relu(x)")
            .linear(alpha, rate, 1.0)
            .alignment();
        assert!((predicted - expected).abs() < 1e-5, "{text}: {predicted}");
        let checked = experiment(json!({
            "target": {"link": text},
            "network": {"width": 8, "pairing": "symmetric"},
            "protocol": {"dimension": 3000, "steps": 1, "batch": format!("{alpha}*d"), "step_size": format!("{rate}*p")},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine"]}
        }));
        let runs = simulate(&checked, 0..200);
        let place = (1, "weight_alignment", None, None, 0);
        agrees(text, predicted, measured(&runs)[&place], 0.002);
    }
}

#[test]
fn labels_with_a_mean_move_neurons_along_themselves() {
    // Norms of either sign differ by the mean: (1 + a eta e E y)^2.
    let step = one_step("z1 + 1", "relu(x)");
    let (plus, minus) = (step.linear(4.0, 1.0, 1.0), step.linear(4.0, 1.0, -1.0));
    let e = 1.0 / (2.0 * std::f64::consts::PI).sqrt();
    let difference = plus.norm_squared - minus.norm_squared;
    assert!((difference - 4.0 * e).abs() < 1e-12);
    // Symmetric pairs have no output at the start: the recursion must say the same, and Q between neurons.
    let (link, relu) = (link("z1"), activation("relu(x)"));
    let population = Population::of_weights(&[1.0; 2000], Pairing::Independent);
    let found = Dynamics {
        loss: Loss::Correlation,
        ..dynamics(&link, &relu)
    }
    .run(&population, 1)
    .unwrap();
    let centred = one_step("z1", "relu(x)");
    let between = found.steps[1].covariance.between(0, 0);
    assert!((between - centred.between(4.0, 1.0, (1.0, 1.0))).abs() < 1e-9);
    let norm = centred.linear(4.0, 1.0, 1.0).norm_squared.sqrt();
    assert!((found.steps[1].norm(0) - norm).abs() < 1e-9);
}

// One step, n = alpha d^l.

#[test]
fn alignment_at_leap_two_is_a_law_over_neurons() {
    let step = one_step("z1*z2", "relu(x)");
    let law = step.law(4.0, 1e6, &[1.0], 1 << 18).unwrap();
    // E[X / (X + c)] with X exponential of mean 2 and c = E sigma'^2 E y^2 / (alpha c_2^2) = pi / 4.
    let exact = 0.584_304_574;
    assert!((law.mean() - exact).abs() < 3.0 * law.standard_error());
    // Neurons spread over both directions, and a quarter of them stays below this alignment.
    assert!((law.directions[0] - 0.5).abs() < 0.01);
    let x = -2.0 * 0.75f64.ln();
    let quartile = x / (x + std::f64::consts::PI / 4.0);
    assert!((law.quantile(0.25) - quartile).abs() < 0.005);
    // With n = 4 d the same formula leaves no alignment as d grows.
    let at = |alpha: f64| step.law(alpha, 1e6, &[1.0], 1 << 16).unwrap().mean();
    let ratio = at(4.0 / 2000.0) / at(4.0 / 8000.0);
    assert!(at(4.0 / 2000.0) < 0.002 && (ratio - 4.0).abs() < 0.05);
}

#[test]
fn the_law_at_leap_two_is_that_of_simulated_neurons() {
    let predicted = overlay(
        json!({
            "target": {"link": "z1*z2"},
            "network": {"width": 16, "pairing": "symmetric"},
            "protocol": {"dimension": 400, "steps": 1, "batch": "4*d^2", "step_size": "3*p*sqrt(d)"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine", "norm"]}
        }),
        60,
        0.02,
    );
    let law = predicted
        .iter()
        .find(|p| p.metric == "weight_alignment" && p.step == 1)
        .unwrap();
    assert!(matches!(&law.spread, Some(Spread::Quantiles(q)) if q.len() == 5));
}

#[test]
fn an_unsymmetrised_network_drifts_along_its_own_output() {
    overlay(
        json!({
            "target": {"link": "z1*z2"},
            "network": {"width": 32},
            "protocol": {"dimension": 300, "steps": 1, "batch": "2*d^2", "step_size": "2*p*sqrt(d)"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine", "norm"]}
        }),
        60,
        0.01,
    );
}

#[test]
fn sampled_tensors_agree_with_quadrature() {
    let exact = LinkMoments::of(&target("z1 + z2*z3 + He3(z2)"));
    assert_eq!(exact.leading_order(), Some(1));
    assert!((exact.power - 8.0).abs() < 1e-9 && exact.standard_errors.is_none());
    assert!((exact.degree_power(3) - 6.0).abs() < 1e-9);
    // T_2 g = (0, g3, g2).
    let applied = exact.apply(2, &[5.0, 2.0, 3.0]);
    for (found, expected) in applied.iter().zip([0.0, 3.0, 2.0]) {
        assert!((found - expected).abs() < 1e-9);
    }
    // Oblique kinks are sampled: max(z1, z2) has T_1 = (1/2, 1/2) and E y^2 = 1.
    let sampled = LinkMoments::of(&target("max(z1, z2)"));
    let error = sampled.standard_errors.as_ref().unwrap()[1][&vec![1, 0]];
    assert!((sampled.linear()[0] - 0.5).abs() < 3.0 * error && error < 0.002);
    // Products of signs are split at their axes: T_3 of sign(z1 z2 z3) is (2/pi)^{3/2}.
    let parity = LinkMoments::of(&target("sign(z1*z2*z3)"));
    assert_eq!(parity.leading_order(), Some(3));
    let top = parity.tensors[3][&vec![1, 1, 1]];
    assert!((top - (2.0 / std::f64::consts::PI).powf(1.5)).abs() < 1e-9);
}

// T steps on fresh batches.

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
    let relu = activation("relu(x)");
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    for text in [
        "z1 + z2 + z1^2 - z2^2",
        "z1 + z2 + z1^2 + z2^2",
        "4*z1 + z1^2 + z2",
    ] {
        let link = link(text);
        let found = dynamics(&link, &relu).run(&population, 3).unwrap();
        let checked = experiment(json!({
            "target": {"link": text},
            "network": {"width": 4},
            "protocol": {"dimension": 20000, "steps": 3, "batch": "4*d", "step_size": "p"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["neurons", "norm"]}
        }));
        // Two neurons of either sign.
        let mut runs = simulate(&checked, 0..80);
        runs.retain(|run| run.network.second.iter().sum::<f64>() == 0.0);
        let measured = measured(&runs);
        for step in 1..=3u32 {
            let state = &found.steps[step as usize];
            for (c, group) in ["+", "-"].into_iter().enumerate() {
                for k in 0..2 {
                    let place = (step, "overlap", Some(k as u32 + 1), Some(group), 0);
                    let name = format!("{text} M step {step} {group} {k}");
                    agrees(&name, state.overlap[(c, k)], measured[&place], 0.05);
                }
            }
            let norm = 0.5 * (state.norm(0) + state.norm(1));
            let place = (step, "norm", None, None, 0);
            agrees(
                &format!("{text} norm step {step}"),
                norm,
                measured[&place],
                0.02,
            );
        }
    }
}

/// All metrics at every step beside a simulation of the same experiment.
fn complete(network: Value, protocol: Value, target: Value) -> Value {
    let mut changes = json!({
        "target": {"link": "z1 + z2/2 + z1*z2"},
        "network": {"width": 16},
        "protocol": {"dimension": 20000, "steps": 2, "batch": "3*d", "step_size": "p"},
        "readout": {"after": "every_step", "ridge": [0.01, 100.0]},
        "evaluation": {
            "test_samples": 20000,
            "metrics": ["test_error", "train_error", "norm", "weight_cosine", "gradient_cosine", "neurons"]
        }
    });
    for (key, part) in [
        ("network", network),
        ("protocol", protocol),
        ("target", target),
    ] {
        for (name, value) in part.as_object().unwrap() {
            changes[key][name] = value.clone();
        }
    }
    changes
}

#[test]
fn every_metric_of_symmetric_pairs_is_predicted() {
    let found = overlay(
        complete(json!({"pairing": "symmetric"}), json!({}), json!({})),
        24,
        0.003,
    );
    assert!(found.iter().all(|p| p.status == Status::Derived));
    // Step 0: test errors for two ridges; steps 1 and 2: all.
    for metric in ["weight_cosine", "gradient_cosine", "overlap"] {
        let count = found
            .iter()
            .filter(|p| p.metric == metric && p.step == 2)
            .count();
        assert_eq!(count, 4, "{metric}");
    }
}

#[test]
fn every_metric_of_projected_steps_is_predicted() {
    let network = json!({"second_layer": "ones", "activation": "tanh(x)"});
    overlay(
        complete(
            network,
            json!({"geometry": "projected"}),
            json!({"noise": 0.5}),
        ),
        24,
        0.003,
    );
}

#[test]
fn every_metric_of_spherical_steps_on_the_correlation_loss_is_predicted() {
    let network = json!({"second_layer": "ones", "activation": "erf(x)"});
    let protocol = json!({"geometry": "spherical", "loss": "correlation"});
    overlay(
        complete(network, protocol, json!({"link": "z1 + z1*z2 + 1/2"})),
        24,
        0.003,
    );
}

#[test]
fn every_metric_of_centred_labels_with_kinks_is_predicted() {
    let network = json!({"second_layer": "ones"});
    let protocol = json!({"remove_below": 1, "batch": "6*d"});
    overlay(
        complete(
            network,
            protocol,
            json!({"link": "relu(z1) + relu(z2 - 1/2)"}),
        ),
        24,
        0.003,
    );
}

#[test]
fn every_metric_of_two_steps_on_one_batch_is_predicted() {
    let network = json!({"second_layer": "ones", "activation": "tanh(x)", "width": 4});
    overlay(
        complete(
            network,
            json!({"reuse": 2, "batch": "2*d"}),
            json!({"link": "He3(z1) + z1*z2"}),
        ),
        48,
        0.003,
    );
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

// Two steps on one batch.

#[test]
fn one_batch_used_twice_teaches_he3_to_tanh() {
    let (he3, tanh) = (link("He3(z1)"), activation("tanh(x)"));
    let population = Population::of_weights(&[1.0; 4], Pairing::Independent);
    let setting = Dynamics {
        samples: 2.0,
        loss: Loss::Correlation,
        ..dynamics(&he3, &tanh)
    };
    let integrated = setting.reused_overlap(&population).unwrap()[(0, 0)];
    // NumPy, 4e7 samples: -0.23145 (22).
    assert!((integrated + 0.2315).abs() < 0.0007, "{integrated}");
    let sampled = setting.run_reused(&population).unwrap();
    let error = sampled.standard_errors.unwrap()[2].overlap[(0, 0)];
    assert!((sampled.steps[2].overlap[(0, 0)] - integrated).abs() < 3.0 * error && error < 0.002);
    // Fresh batches see nothing of degree three.
    let fresh = setting.run(&population, 2).unwrap();
    assert!(fresh.steps[2].overlap[(0, 0)].abs() < 1e-9);
    let checked = experiment(json!({
        "target": {"link": "He3(z1)"},
        "network": {"width": 4, "activation": "tanh(x)", "second_layer": "ones"},
        "protocol": {"dimension": 20000, "steps": 2, "batch": "2*d", "step_size": "p", "reuse": 2, "loss": "correlation"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["neurons"]}
    }));
    let runs = simulate(&checked, 0..40);
    let place = (2, "overlap", Some(1), Some("+"), 0);
    agrees("reuse", integrated, measured(&runs)[&place], 0.01);
}

#[test]
fn relu_hardly_shows_the_reuse_of_a_batch() {
    let (he3, relu) = (link("He3(z1)"), activation("relu(x)"));
    let population = Population::of_weights(&[1.0; 4], Pairing::Independent);
    let setting = Dynamics {
        samples: 2.0,
        rate: 2.0,
        loss: Loss::Correlation,
        ..dynamics(&he3, &relu)
    };
    let state = &setting.run_reused(&population).unwrap().steps[2];
    // A squared cosine of 1e-3 drowns in the r/d of d <= 2000 only for the gradient; NumPy: M = -0.0773 (12).
    assert!((setting.reused_overlap(&population).unwrap()[(0, 0)] + 0.0761).abs() < 5e-4);
    assert!(
        state.gradient_cosine(0, 0).powi(2) < 2e-3,
        "{}",
        state.gradient_cosine(0, 0)
    );
}

// State equations.

fn sizes(samples: f64, width: f64, ridge: f64) -> Sizes {
    Sizes {
        samples,
        width,
        ridge,
    }
}

fn trained<'a>(
    link: &'a Link,
    tanh: &'a Activation,
    step_samples: f64,
    rate: f64,
) -> TrainedFeatures<'a> {
    TrainedFeatures {
        link,
        noise: 0.0,
        removed_mean: 0.0,
        activation: tanh,
        step_samples,
        rate,
    }
}

#[test]
fn state_equations_have_the_published_errors() {
    let tanh = activation("tanh(x)");
    for (text, alpha0, rate, sizes, expected) in [
        ("sin(z1)", 20.0, 3.0, sizes(1.5, 1.0, 0.1), 0.0379),
        ("sin(z1)", 20.0, 3.0, sizes(3.0, 1.0, 0.1), 0.0325),
        ("tanh(z1)", 2.0, 1.0, sizes(3.0, 1.0, 0.01), 0.0805),
        ("sin(z1)", 4.0, 2.0, sizes(2.0, 0.6, 0.1), 0.1060),
    ] {
        let link = link(text);
        let found = trained(&link, &tanh, alpha0, rate)
            .error(sizes)
            .unwrap()
            .error;
        assert!(
            (found - expected).abs() < 6e-5,
            "{text}: {found}, published {expected}"
        );
    }
    let moments = ActivationMoments::of(&tanh);
    let link = LinkMoments::of(&target("sin(z1)"));
    let found = random_features(&moments, &link, sizes(1.5, 1.0, 0.1), Intercept::Without);
    assert!((found.unwrap().error - 0.2656).abs() < 6e-5);
}

#[test]
fn state_equations_join_at_their_limits() {
    let (tanh, sine) = (activation("tanh(x)"), link("sin(z1)"));
    let moments = ActivationMoments::of(&tanh);
    let of_link = LinkMoments::of(&target("sin(z1)"));
    let at = sizes(2.0, 1.7, 0.1);
    // No step at all is random features.
    let none = trained(&sine, &tanh, 4.0, 1e-7).error(at).unwrap().error;
    let random = random_features(&moments, &of_link, at, Intercept::Without)
        .unwrap()
        .error;
    assert!((none - random).abs() < 1e-7, "{none} {random}");
    // A huge ridge predicts nothing, a wealth of samples and features all that is linear.
    let nothing = random_features(&moments, &of_link, sizes(2.0, 1.0, 1e9), Intercept::Without);
    assert!((nothing.unwrap().error - of_link.power).abs() < 1e-6);
    let all = random_features(
        &moments,
        &of_link,
        sizes(3e5, 300.0, 1e-3),
        Intercept::Without,
    );
    assert!((all.unwrap().error - (of_link.power - of_link.degree_power(1))).abs() < 1e-3);
    // A zero ridge is the limit of small ones on either side of interpolation.
    for width in [0.5, 6.0] {
        let error = |ridge| {
            random_features(
                &moments,
                &of_link,
                sizes(2.0, width, ridge),
                Intercept::Without,
            )
            .unwrap()
            .error
        };
        assert!(
            (error(0.0) - error(1e-6)).abs() < 1e-4,
            "{width}: {} {}",
            error(0.0),
            error(1e-6)
        );
    }
    let bad = random_features(&moments, &of_link, sizes(0.0, 1.0, 0.1), Intercept::Without);
    assert!(matches!(
        bad,
        Err(StateError::Size {
            name: "n/d",
            value: 0.0
        })
    ));
}

#[test]
fn errors_of_random_features_agree_with_simulations() {
    for (width, ridge) in [("d/2", 0.1), ("2*d", 0.01)] {
        overlay(
            json!({
                "target": {"link": "z1 + z1*z2/2 + 1/2", "noise": 0.2},
                "network": {"width": width, "activation": "relu(x)"},
                "protocol": {"dimension": 200, "steps": 0, "batch": "1.5*d", "step_size": 1},
                "readout": {"after": "every_step", "ridge": [ridge, 1.0], "intercept": "with"},
                "evaluation": {"test_samples": 4000, "metrics": ["test_error"]}
            }),
            60,
            0.004,
        );
    }
}

#[test]
fn errors_after_one_step_agree_with_simulations() {
    for width in ["0.6*d", "1.5*d"] {
        overlay(
            json!({
                "target": {"link": "sin(z1)"},
                "network": {"width": width, "activation": "tanh(x)", "second_layer": "rademacher"},
                "protocol": {"dimension": 300, "steps": 1, "batch": "3*d", "step_size": "2*p"},
                "readout": {"after": "last", "ridge": 0.1},
                "evaluation": {"test_samples": 4000, "metrics": ["test_error"]}
            }),
            40,
            0.003,
        );
    }
}

// Readouts at bounded width.

#[test]
fn kernels_have_their_closed_forms() {
    for (closed, open) in [("relu(x)", "max(x, 0)"), ("erf(x)", "erf(1*x)")] {
        let (closed, open) = (activation(closed), activation(open));
        for (q_u, q_v, q_uv) in [
            (1.0, 1.0, 0.3),
            (2.0, 0.5, -0.9),
            (1.3, 4.0, 0.0),
            (1.0, 1.0, 1.0),
        ] {
            let (x, y) = (
                kernel(&closed, q_u, q_v, q_uv),
                kernel(&open, q_u, q_v, q_uv),
            );
            assert!((x - y).abs() < 1e-5, "{closed:?} {q_uv}: {x} {y}");
        }
    }
}

#[test]
fn a_readout_of_two_aligned_neurons_fits_a_linear_target_exactly() {
    // w = +-w*: relu(z) - relu(-z) = z.
    let (z, relu) = (link("z1"), activation("relu(x)"));
    let population = Population::of_weights(&[1.0, 2.0], Pairing::Independent);
    let overlap = Mat::from_fn(2, 1, |c, _| if c == 0 { 1.0 } else { -1.0 });
    let covariance = ClassMatrix::of_neurons(&overlap * overlap.transpose());
    let kernels = Kernels::of(&dynamics(&z, &relu), &population, &overlap, &covariance).unwrap();
    let error = kernels.ridge_error(0.0, Intercept::Without).unwrap();
    assert!(error.abs() < 1e-4, "{error}");
    // f = (relu(z) + 2 relu(-z))/2 leaves E (z - f)^2 = 1/2 (1/2)^2 + 1/2 2^2.
    assert!((kernels.untrained_error() - 2.125).abs() < 1e-4);
    let huge = kernels.ridge_error(1e9, Intercept::With).unwrap();
    assert!((huge - 1.0).abs() < 1e-6);
}

// What applies.

#[test]
fn what_has_no_prediction_says_why() {
    let reasons = |changes: Value| -> Vec<String> {
        let mut base = json!({"network": {"width": 4}, "protocol": {"dimension": 1000, "steps": 3, "batch": "4*d"}});
        for (key, part) in changes.as_object().unwrap() {
            for (name, value) in part.as_object().unwrap() {
                base[key][name] = value.clone();
            }
        }
        predict(&experiment(base).experiment)
            .absent
            .into_iter()
            .map(|absent| absent.reason)
            .collect()
    };
    let says = |changes: Value, word: &str| {
        let found = reasons(changes.clone());
        assert!(
            found.iter().any(|r| r.contains(word)),
            "{changes}: {found:?}"
        );
    };
    assert_eq!(reasons(json!({})), Vec::<String>::new());
    says(json!({"protocol": {"reuse": 3}}), "in-law engine");
    says(
        json!({"protocol": {"remove_below": 2}}),
        "estimated on the training batch",
    );
    says(
        json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 1}}}),
        "lookahead",
    );
    says(
        json!({"protocol": {"batch": "d^2"}, "target": {"link": "z1*z2"}}),
        "leading order",
    );
    says(
        json!({"protocol": {"batch": "d^2"}, "target": {"link": "z1*z2 + 1"}}),
        "mean",
    );
    says(
        json!({"network": {"width": 1000}}),
        "more neurons than dimensions",
    );
    says(
        json!({"readout": {"ridge": {"leave_one_out": [1.0]}}}),
        "chosen on the data",
    );
    says(json!({"network": {"width": 500}}), "one direction");
    // At n of order d, nothing of leading order two is learnt: a theorem.
    let checked = experiment(json!({
        "target": {"link": "z1*z2"}, "network": {"width": 4},
        "protocol": {"dimension": 1000, "steps": 2, "batch": "4*d"}
    }));
    let found = predict(&checked.experiment);
    let aligned = found
        .present
        .iter()
        .find(|p| p.metric == "weight_alignment" && p.step == 2)
        .unwrap();
    assert!(aligned.value < 1e-12 && aligned.status == Status::Theorem);
    assert!(
        serde_json::to_string(&found)
            .unwrap()
            .contains("\"status\":\"theorem\"")
    );
}
