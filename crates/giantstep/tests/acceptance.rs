//! The values that this project accepted for its predictions before it had code, from independent simulations and
//! programs; each with the standard error it came with.

use crate::common::against::{agrees, mean, measured, simulate};
use crate::common::experiment;
use crate::common::steps::{FOUR, dynamics, one_step};
use crate::common::text::{activation, link, target};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::network::Pairing;
use giantstep::readout::Intercept;
use giantstep::theory::moments::{ActivationMoments, LinkMoments};
use giantstep::theory::population::Population;
use giantstep::theory::recursion::Dynamics;
use giantstep::theory::state_equations::{Sizes, TrainedFeatures, random_features};
use giantstep::theory::{Effort, predict_within};
use giantstep::train::Loss;
use giantstep::watch::NEVER;
use serde_json::json;

/// Within three of its standard errors of a value simulated by another program.
#[track_caller]
fn within(predicted: f64, simulated: f64, error: f64) {
    assert!(
        (predicted - simulated).abs() <= 3.0 * error,
        "predicted {predicted}, simulated {simulated} ({error})"
    );
}

#[test]
fn moments_of_relu_are_those_of_the_formulas() {
    let moments = ActivationMoments::of(&activation("relu(x)"));
    let density = 1.0 / (2.0 * std::f64::consts::PI).sqrt();
    for (found, expected) in [
        (moments.coefficients[1], 0.5),
        (moments.slope_power, 0.5),
        (moments.slope_along, density),
        (moments.coefficients[2], density),
        (moments.coefficients[3], 0.0),
    ] {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
}

#[test]
fn one_step_at_n_of_order_d() {
    // d = 1500, relu.
    for (text, alpha, rate, expected, simulated, error) in [
        ("z1", 2.0, 3.0, 0.4091, 0.413, 0.005),
        ("z1 + z1*z2", 4.0, 5.0, 0.4630, 0.465, 0.004),
    ] {
        let found = one_step(text, "relu(x)")
            .linear(alpha, rate, 1.0)
            .alignment();
        assert!((found - expected).abs() < 5e-5, "{text}: {found}");
        within(found, simulated, error);
    }
}

#[test]
fn the_spike_that_neurons_share_has_the_noise_of_the_data() {
    // cos(s, T_1) = |T_1| / |s|, |s|^2 = |T_1|^2 + E y^2 / alpha, of the mean of many neurons' gradients.
    let checked = experiment(json!({
        "target": {"link": "z1 + z1*z2"},
        "network": {"width": 400, "second_layer": "ones"},
        "protocol": {"dimension": 4000, "steps": 1, "batch": "4*d", "step_size": "20*p", "loss": "correlation"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["weight_cosine", "covariance"]}
    }));
    let found = measured(&simulate(&checked, 0..10));
    let between = found[&(1, Metric::Covariance, None, Some(Signs::BothPositive), 0)];
    let expected = one_step("z1 + z1*z2", "relu(x)").between(4.0, 20.0, (1.0, 1.0));
    agrees("Q of different neurons", expected, between, 0.02 * expected);
    let overlap = found[&(1, Metric::Overlap, Some(1), Some(Signs::Positive), 0)].value;
    let gamma = overlap / between.value.sqrt();
    assert!((gamma - 1.0 / 1.5f64.sqrt()).abs() < 0.01, "{gamma}");
}

#[test]
fn one_step_at_leap_two() {
    // n = 4 d^2, eta~ to infinity: 0.586; n = 4 d: 0.102 at d = 64 and 0.036 at d = 256, 1/d in the limit.
    let one = Population::of_weights(&[1.0], Pairing::Independent);
    let law = one_step("z1*z2", "relu(x)")
        .law(4.0, 1e6, &one, 1 << 18)
        .unwrap();
    assert!((law.mean() - 0.586).abs() < 0.003, "{}", law.mean());
    let at = |dimension: u64| {
        let checked = experiment(json!({
            "target": {"link": "z1*z2"},
            "network": {"width": 16, "pairing": "symmetric"},
            "protocol": {"dimension": dimension, "steps": 1, "batch": "4*d", "step_size": "1000*p"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine"]}
        }));
        measured(&simulate(&checked, 0..100))[&(1, Metric::WeightAlignment, None, None, 0)]
    };
    let (small, large) = (at(64), at(256));
    println!("{small:?} {large:?}");
    assert!((small.value - 0.102).abs() < 0.015 && (large.value - 0.036).abs() < 0.008);
    assert!(small.error < 0.005 && large.error < 0.003);
}

#[test]
fn three_steps_at_n_of_order_d() {
    // n = 4 d, relu, a~ = (1, 1, -1, -1), eta~ = 1, d = 2000: theory and simulation of six seeds, M_1 and Q_11.
    type Row = ([f64; 2], [f64; 2], Option<[f64; 2]>);
    let cases: [(&str, &[(usize, Row)]); 3] = [
        (
            "z1 + z2 + z1^2 - z2^2",
            &[
                (1, ([0.502, 0.504], [0.492, 0.491], Some([2.118, 2.142]))),
                (2, ([1.146, 0.598], [1.110, 0.625], Some([3.613, 3.549]))),
                (3, ([1.811, 0.610], [1.786, 0.633], Some([5.611, 5.561]))),
            ],
        ),
        (
            "z1 + z2 + z1^2 + z2^2",
            &[(3, ([1.98, 1.98], [1.96, 1.90], Some([17.51, 17.21])))],
        ),
        // Along (4, 1) and across it: 2.07, 4.28, 6.01 and 0, -0.142, -0.286.
        ("4*z1 + z1^2 + z2", &[]),
    ];
    let relu = activation("relu(x)");
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    for (text, rows) in cases {
        let link = link(text);
        let found = dynamics(&link, &relu).run(&population, 3).unwrap();
        for (step, (theory, simulated, variance)) in rows {
            let state = &found.steps[*step];
            for k in 0..2 {
                let m = state.overlap[(0, k)];
                assert!((m - theory[k]).abs() < 0.01, "{text} step {step}: {m}");
                // One neuron of six runs: its fluctuation at this d.
                within(m, simulated[k], state.fluctuation[(0, k)] / 6f64.sqrt());
            }
            let q = state.covariance.diagonal(0);
            let [theory, simulated] = variance.unwrap();
            assert!(
                (q - theory).abs() < 0.004 * (1.0 + q) && (q - simulated).abs() < 0.03 * q,
                "{text}: {q}"
            );
        }
        if rows.is_empty() {
            let along = [4.0 / 17f64.sqrt(), 1.0 / 17f64.sqrt()];
            for (step, (expected, across)) in [(2.07, 0.0), (4.28, -0.142), (6.01, -0.286)]
                .iter()
                .enumerate()
            {
                let m = &found.steps[step + 1].overlap;
                let (x, y) = (m[(0, 0)], m[(0, 1)]);
                assert!((along[0] * x + along[1] * y - expected).abs() < 0.02);
                assert!((along[0] * y - along[1] * x - across).abs() < 0.01);
            }
        }
    }
}

#[test]
fn overlaps_fluctuate_as_predicted() {
    // One neuron after one step on z1, where earlier fluctuations are not amplified.
    let (z, relu) = (link("z1"), activation("relu(x)"));
    let dimension = 2000.0;
    let found = Dynamics {
        rate: 2.0,
        samples: 3.0,
        dimension,
        loss: Loss::Correlation,
        ..dynamics(&z, &relu)
    }
    .run(&Population::of_weights(&[1.0], Pairing::Independent), 1)
    .unwrap();
    let checked = experiment(json!({
        "target": {"link": "z1"},
        "network": {"width": 1, "second_layer": "ones"},
        "protocol": {
            "dimension": dimension as u64, "steps": 1, "batch": "3*d", "step_size": "2*p", "loss": "correlation"
        },
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["weight_cosine"]}
    }));
    let runs = simulate(&checked, 0..400);
    let overlaps: Vec<f64> = runs
        .iter()
        .flat_map(|run| run.measurements.iter())
        .filter(|m| m.metric == Metric::Overlap && m.step == 1)
        .map(|m| m.value)
        .collect();
    let size = overlaps.len() as f64;
    let sd = mean(&overlaps).error * size.sqrt();
    let predicted = found.steps[1].fluctuation[(0, 0)];
    println!("{predicted} {sd}");
    // Var(sigma' y z) = 3/2 - 1/4, and the step size squared over n/d is 4/3.
    let exact = ((1.0 + 4.0 / 3.0 * 1.25) / dimension).sqrt();
    assert!(
        (predicted / exact - 1.0).abs() < 1e-9,
        "{predicted} {exact}"
    );
    assert!(
        (sd / predicted - 1.0).abs() < 3.0 / (2.0 * size).sqrt(),
        "{predicted} {sd}"
    );
    assert!(predicted > 1.5 / dimension.sqrt());
}

#[test]
fn errors_after_one_step_at_proportional_sizes() {
    let tanh = activation("tanh(x)");
    let sizes = |samples, width, ridge| Sizes {
        samples,
        width,
        ridge,
    };
    // Seven configurations: link, n0/d, eta~, sizes, the error published, simulations and their standard errors.
    let cases = [
        (
            "sin(z1)",
            20.0,
            3.0,
            sizes(1.5, 1.0, 0.1),
            0.0379,
            &[(0.0377, 0.0007)][..],
        ),
        (
            "sin(z1)",
            20.0,
            3.0,
            sizes(3.0, 1.0, 0.1),
            0.0325,
            &[(0.0327, 0.0002)],
        ),
        (
            "tanh(z1)",
            2.0,
            1.0,
            sizes(3.0, 1.0, 0.01),
            0.0805,
            &[(0.0809, 0.0015)],
        ),
        (
            "sin(z1)",
            4.0,
            2.0,
            sizes(2.0, 0.6, 0.1),
            0.1060,
            &[(0.1073, 0.0011), (0.1092, 0.0026), (0.1025, 0.0017)],
        ),
    ];
    for (text, step_samples, rate, sizes, expected, simulations) in cases {
        let link = link(text);
        let features = TrainedFeatures {
            link: &link,
            noise: 0.0,
            removed_mean: 0.0,
            activation: &tanh,
            step_samples,
            rate,
        };
        let found = features.error(sizes).unwrap().error;
        assert!((found - expected).abs() < 6e-5, "{text}: {found}");
        for (simulated, error) in simulations {
            within(found, *simulated, *error);
        }
    }
    let moments = ActivationMoments::of(&tanh);
    let sine = LinkMoments::of(&target("sin(z1)"));
    let found = random_features(&moments, &sine, sizes(1.5, 1.0, 0.1), Intercept::Without);
    let found = found.unwrap().error;
    assert!((found - 0.2656).abs() < 6e-5, "{found}");
    within(found, 0.266, 0.006);
}

/// Alignments of the second gradient on He3(z1), one for each seed.
fn second_gradients(student: &str, rate: f64, reuse: u32) -> Vec<f64> {
    let checked = experiment(json!({
        "target": {"link": "He3(z1)"},
        "network": {"width": 8, "activation": student, "second_layer": "rademacher"},
        "protocol": {
            "dimension": 1000, "steps": 2, "batch": "2*d", "step_size": format!("{rate}*p"), "reuse": reuse,
            "loss": "correlation"
        },
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["gradient_cosine"]}
    }));
    let runs = simulate(&checked, 0..40);
    let second = |run: &giantstep::run::Run| {
        let mut all = run.measurements.iter();
        let found = all.find(|m| m.metric == Metric::GradientAlignment && m.step == 2);
        found.unwrap().value
    };
    runs.iter().map(second).collect()
}

#[test]
fn reuse_shows_with_tanh_and_not_with_relu() {
    let he3 = link("He3(z1)");
    let tanh = activation("tanh(x)");
    let population = Population::of_weights(&[1.0; 4], Pairing::Independent);
    let setting = Dynamics {
        samples: 2.0,
        dimension: f64::INFINITY,
        loss: Loss::Correlation,
        ..dynamics(&he3, &tanh)
    };
    let predicted = setting.reused_overlap(&population).unwrap()[(0, 0)];
    assert!((predicted + 0.229).abs() < 0.003, "{predicted}");
    let fresh = setting.run(&population, 2).unwrap().steps[2].overlap[(0, 0)];
    // d = 500 to 4000, the batch used twice, and fresh batches.
    for (simulated, error) in [
        (-0.233, 0.008),
        (-0.237, 0.008),
        (-0.235, 0.003),
        (-0.232, 0.003),
    ] {
        within(predicted, simulated, error);
    }
    for (simulated, error) in [
        (-0.059, 0.031),
        (-0.023, 0.014),
        (0.023, 0.023),
        (0.017, 0.011),
    ] {
        within(fresh, simulated, error);
    }
    // Our own runs at d = 1000, told apart by the alignment of the second gradient.
    let apart = |student: &str, rate: f64| {
        let reused = mean(&second_gradients(student, rate, 2));
        let fresh = mean(&second_gradients(student, rate, 1));
        let distance = (reused.value - fresh.value) / reused.error.hypot(fresh.error);
        println!("{student}: {reused:?} {fresh:?}, {distance} standard errors");
        distance
    };
    assert!(apart("tanh(x)", 1.0) > 10.0);
    assert!(apart("relu(x)", 2.0).abs() < 3.0);
}

#[test]
fn predictions_of_the_reused_batch_are_quick_for_overlaps() {
    let checked = experiment(json!({
        "target": {"link": "He3(z1)"},
        "network": {"width": 4, "activation": "tanh(x)", "second_layer": "ones"},
        "protocol": {"dimension": 1000, "steps": 2, "batch": "2*d", "reuse": 2, "loss": "correlation"},
        "evaluation": {"metrics": ["weight_cosine"]}
    }));
    let found = predict_within(&checked.setup.experiment, Effort::Integrated, &NEVER);
    let second: Vec<f64> = found
        .present
        .iter()
        .filter(|p| p.step == 2)
        .map(|p| p.value)
        .collect();
    assert!(
        matches!(second[..], [m] if (m + 0.2315).abs() < 1e-3),
        "{second:?}"
    );
}
