//! Predicted errors of readouts against an independent program, limits and simulations.
//!
//! Seen to catch: label noise forgotten in the step, in the readout or in both; a mean that is not removed from the labels
//! of the step; a bulk of variance 1; a spectrum without its atom; an intercept that keeps the mean of the labels.

use crate::common::against::overlay;
use crate::common::steps::dynamics;
use crate::common::text::{activation, link, target};
use faer::Mat;
use giantstep::activation::Activation;
use giantstep::expr::Link;
use giantstep::labels::Target;
use giantstep::network::Pairing;
use giantstep::readout::Intercept;
use giantstep::theory::bounded_width::{Kernels, kernel};
use giantstep::theory::moments::{ActivationMoments, LinkMoments};
use giantstep::theory::population::{ClassMatrix, Population};
use giantstep::theory::recursion::Dynamics;
use giantstep::theory::state_equations::{Sizes, StateError, TrainedFeatures, random_features};
use serde_json::json;

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

/// relu moves along itself where labels keep a mean, and has no closed error there.
#[test]
fn a_removed_mean_is_subtracted_from_the_labels_of_the_step() {
    let (link, relu) = (link("1 + z1"), activation("relu(x)"));
    let of = |removed_mean| {
        let features = TrainedFeatures {
            removed_mean,
            ..trained(&link, &relu, 4.0, 1.0)
        };
        features.error(sizes(4.0, 0.5, 0.1))
    };
    assert!(of(1.0).is_ok(), "{:?}", of(1.0));
    for removed in [0.0, -1.0] {
        // E sigma'(x) x of relu is 1/sqrt(2 pi).
        let expected = (1.0 - removed) / (2.0 * std::f64::consts::PI).sqrt();
        let found = of(removed);
        assert!(
            matches!(found, Err(StateError::Along { product }) if (product - expected).abs() < 1e-6),
            "{removed}: {found:?}, {expected}"
        );
    }
}

/// A sum of functions of one direction each is averaged by its parts, and what is removed from the labels with them.
#[test]
fn the_response_to_a_sum_leaves_out_the_mean_that_is_removed() {
    let sum = "tanh(z1) + tanh(z2) + tanh(z3) + tanh(z4)";
    let (plain, shifted) = (link(sum), link(&format!("1 + {sum}")));
    let relu = activation("relu(x)");
    let population = Population::of_weights(&[1.0, 1.0, -1.0, -1.0], Pairing::Independent);
    let steps = dynamics(&plain, &relu).run(&population, 1).expect("a step");
    let state = &steps.steps[1];
    let error = |link: &Link, removed_mean| {
        let dynamics = Dynamics {
            removed_mean,
            ..dynamics(link, &relu)
        };
        let kernels = Kernels::of(&dynamics, &population, &state.overlap, &state.covariance);
        let kernels = kernels.expect("kernels");
        let error = kernels.ridge_error(0.1, Intercept::Without);
        error.expect("an error")
    };
    let (a, b) = (error(&plain, 0.0), error(&shifted, 1.0));
    assert!((a - b).abs() < 1e-9, "{a} {b}");
}

/// A case of `reference/state_equations.json`; without samples of a step, features are random.
#[derive(serde::Deserialize)]
struct Noisy {
    link: String,
    noise: f64,
    removed_mean: f64,
    step_samples: Option<f64>,
    rate: f64,
    samples: f64,
    width: f64,
    ridge: f64,
    error: f64,
}

#[test]
fn state_equations_with_label_noise_agree_with_an_independent_program() {
    let text = include_str!("../../../reference/state_equations.json");
    let saved: serde_json::Value = serde_json::from_str(text).unwrap();
    let cases: Vec<Noisy> = serde_json::from_value(saved["cases"].clone()).unwrap();
    assert_eq!(cases.len(), 6);
    let tanh = activation(saved["activation"].as_str().unwrap());
    for case in cases {
        let at = sizes(case.samples, case.width, case.ridge);
        let target = Target {
            noise: case.noise,
            ..target(&case.link)
        };
        let found = match case.step_samples {
            Some(step_samples) => TrainedFeatures {
                noise: case.noise,
                removed_mean: case.removed_mean,
                ..trained(&target.link, &tanh, step_samples, case.rate)
            }
            .error(at),
            None => {
                let moments = ActivationMoments::of(&tanh);
                let link = LinkMoments::of(&target);
                random_features(&moments, &link, at, Intercept::Without)
            }
        };
        let (found, expected) = (found.unwrap().error, case.error);
        assert!(
            (found - expected).abs() < 1e-5 * expected,
            "{}, noise {}: {found}, not {expected}",
            case.link,
            case.noise
        );
    }
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
    // Not of large ones.
    let error = |ridge| {
        let sizes = sizes(2.0, 1.9, ridge);
        let found = random_features(&moments, &of_link, sizes, Intercept::Without);
        found.unwrap().error
    };
    assert!(
        error(0.0) > error(1e-2) + 0.01,
        "{} {}",
        error(0.0),
        error(1e-2)
    );
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
fn a_readout_of_two_aligned_neurons_fits_an_affine_target_exactly() {
    // w = +-w*: relu(z) - relu(-z) = z, and an intercept for the 2.
    let (target, relu) = (link("z1 + 2"), activation("relu(x)"));
    let population = Population::of_weights(&[1.0, 2.0], Pairing::Independent);
    let overlap = Mat::from_fn(2, 1, |c, _| if c == 0 { 1.0 } else { -1.0 });
    let covariance = ClassMatrix::of_neurons(&overlap * overlap.transpose());
    let setting = dynamics(&target, &relu);
    let kernels = Kernels::of(&setting, &population, &overlap, &covariance).unwrap();
    let pi = std::f64::consts::PI;
    // Without one, |z| = relu(z) + relu(-z) stands for the 2 and leaves 4 (1 - 2/pi).
    for (intercept, expected) in [(Intercept::With, 0.0), (Intercept::Without, 4.0 - 8.0 / pi)] {
        let error = kernels.ridge_error(0.0, intercept).unwrap();
        assert!((error - expected).abs() < 1e-3, "{intercept:?}: {error}");
    }
    // f = (relu(z) + 2 relu(-z))/2, of mean 3/2 / sqrt(2 pi): E (z - f)^2 = 1/2 (1/2)^2 + 1/2 2^2.
    let untrained = 2.125 + 4.0 - 6.0 / (2.0 * pi).sqrt();
    let found = kernels.untrained_error();
    assert!((found - untrained).abs() < 1e-3, "{found} {untrained}");
    let huge = kernels.ridge_error(1e9, Intercept::With).unwrap();
    assert!((huge - 1.0).abs() < 1e-6, "{huge}");
}
