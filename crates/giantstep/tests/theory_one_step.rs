//! One step at n of order d and of order d^l: closed forms, and the law over neurons, against simulations.
//!
//! Simulations have fixed seeds; agreement means three standard errors of their mean.
//! Seen to catch: labels whose mean or estimated linear part is forgotten; a common vector of the output left out; `l!` for
//! `(l - 1)!`. The moves along the neuron of (30), which the simulation does not resolve, are held against sums in `theory_by_hand`.

use crate::common::against::{agrees, measured, overlay, overlay_of, simulate};
use crate::common::experiment;
use crate::common::steps::{dynamics, one_step};
use crate::common::text::{activation, link, target};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::network::Pairing;
use giantstep::theory::moments::LinkMoments;
use giantstep::theory::population::Population;
use giantstep::theory::recursion::Dynamics;
use giantstep::theory::{Prediction, Spread};
use giantstep::train::Loss;
use serde_json::json;

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
        let place = (1, Metric::WeightAlignment, None, None, 0);
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

#[test]
fn alignment_at_leap_two_is_a_law_over_neurons() {
    let step = one_step("z1*z2", "relu(x)");
    let one = Population::of_weights(&[1.0], Pairing::Independent);
    let law = step.law(4.0, 1e6, &one, 1 << 18).unwrap();
    // E[X / (X + c)] with X exponential of mean 2 and c = E sigma'^2 E y^2 / (alpha c_2^2) = pi / 4.
    let exact = 0.584_304_574;
    assert!((law.mean() - exact).abs() < 3.0 * law.standard_error());
    // Neurons spread over both directions, and a quarter of them stays below this alignment.
    assert!((law.directions[0] - 0.5).abs() < 0.01);
    let x = -2.0 * 0.75f64.ln();
    let quartile = x / (x + std::f64::consts::PI / 4.0);
    assert!((law.quantile(0.25) - quartile).abs() < 0.005);
    // With n = 4 d the same formula leaves no alignment as d grows.
    let at = |alpha: f64| step.law(alpha, 1e6, &one, 1 << 16).unwrap().mean();
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
            "evaluation": {"metrics": ["weight_cosine", "gradient_cosine", "norm", "covariance"]}
        }),
        60,
        0.02,
    );
    let law = predicted
        .iter()
        .find(|p| p.metric == Metric::WeightAlignment && p.step == 1)
        .unwrap();
    assert!(matches!(&law.spread, Some(Spread::Quantiles(q)) if q.len() == 5));
    // Q between neurons of either sign, the gradient, and both directions for either sign.
    let count = |metric: Metric| {
        predicted
            .iter()
            .filter(|p| p.metric == metric && p.step == 1)
            .count()
    };
    assert_eq!(
        (count(Metric::Covariance), count(Metric::GradientCosine)),
        (3, 4)
    );
}

#[test]
fn an_unsymmetrised_network_drifts_along_its_own_output() {
    overlay(
        json!({
            "target": {"link": "z1*z2"},
            "network": {"width": 32, "second_layer": "gaussian"},
            "protocol": {"dimension": 300, "steps": 1, "batch": "2*d^2", "step_size": "2*p*sqrt(d)"},
            "readout": {"after": "never"},
            "evaluation": {"metrics": ["weight_cosine", "norm"]}
        }),
        60,
        0.01,
    );
}

#[test]
fn removing_an_estimated_linear_part_changes_the_noise() {
    let changes = json!({
        "target": {"link": "2*z1 + z1*z2 + 1"},
        "network": {"width": 16, "pairing": "symmetric"},
        "protocol": {
            "dimension": 400, "steps": 1, "batch": "d^2/2", "step_size": "2*p*sqrt(d)", "remove_below": 2
        },
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["weight_cosine", "norm"]}
    });
    let over_all = |p: &Prediction| p.group.is_none();
    overlay_of(changes.clone(), 60, 0.01, over_all);
    // A sample's own share in the estimate takes d/n of the linear part with it: of order 1/sqrt d in the overlaps.
    let found = measured(&simulate(&experiment(changes), 0..60));
    let left_over = -2.0 * 20.0 * (400.0 / 80_000.0) * 0.5 * 2.0;
    let along = found[&(1, Metric::Overlap, Some(1), Some(Signs::Positive), 0)];
    agrees("left over", left_over, along, 0.05);
}
