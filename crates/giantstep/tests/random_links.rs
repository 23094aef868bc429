//! Links that draw random numbers: what the analyzer says of them rests on `E[g | z]` and on the joint law of z and the label,
//! and what is refused names the reason.

use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisError, AnalysisOptions, Answer, Report, Status, analyze};
use giantstep::expr::Link;
use giantstep::metric::Metric;
use giantstep::spec::Spec;
use giantstep::theory::predict;
use serde_json::json;

use crate::common::{experiment, in_law};

fn report(text: &str) -> Report {
    let link = Link::parse(text, None).expect(text);
    let activation = Activation::parse("elu(x + 1)").expect("an activation");
    analyze(&link, &activation, AnalysisOptions::default()).expect(text)
}

/// Fresh batches see the mean alone: a link that draws has their staircase, leaps and floors.
#[test]
fn fresh_batches_see_the_mean_of_a_link() {
    for (drawing, mean) in [
        ("sign(z1 + 0.3*e1)", "erf(z1/(0.3*sqrt(2)))"),
        ("step(sigmoid(2*z1) - u1)", "sigmoid(2*z1)"),
        ("z1*z2*sign(u1 - 0.1)", "0.8*z1*z2"),
        ("He3(z1)*z2 + e1*He2(z2)", "He3(z1)*z2"),
        ("(z1 + z2*e1)^2 + z1", "z1^2 + z2^2 + z1"),
        ("exp(e1/2)*sin(z1) - u1", "exp(0.125)*sin(z1) - 1/2"),
    ] {
        let (x, y) = (report(drawing), report(mean));
        assert_eq!(x.leap.one_step, y.leap.one_step, "{drawing}");
        assert_eq!(x.leap.isotropic, y.leap.isotropic, "{drawing}");
        assert_eq!(x.staircase.fresh, y.staircase.fresh, "{drawing}");
        assert_eq!(x.floors, y.floors, "{drawing}");
        assert_eq!(x.energies, y.energies, "{drawing}");
        assert!(
            x.notes
                .iter()
                .any(|note| note.contains("draws random numbers")),
            "{:?}",
            x.notes
        );
    }
}

/// Additive noise leaves the generative exponent of a link or raises it (here it stays), flips of a sign leave it, a
/// probability in place of a label has that of its mean.
#[test]
fn transformed_labels_see_the_joint_law() {
    for (text, exponent) in [
        ("sign(z1 + 0.3*e1)", 1),
        // y^2 = He3^2 + noise has a part of degree 2, y^3 one of degree 1.
        ("He3(z1) + e1", 1),
        ("He2(z1) + e1/2", 2),
        ("sign(z1^2 - 1)*sign(u1 - 0.1)", 2),
        ("step(sigmoid(He2(z1)) - u1)", 2),
    ] {
        let found = report(text).generative_exponent.expect(text);
        assert_eq!(found.value, exponent, "{text}");
        assert_ne!(found.status, Status::Exact, "{text}");
        // Two values of a label leave no other transformation.
        if text.starts_with("step") || text.starts_with("sign") {
            assert_eq!(found.status, Status::Certified, "{text}");
        }
    }
}

/// The label of `z2 e1` is a constant in the mean, yet its size tells z2.
#[test]
fn a_scatter_that_depends_on_more_than_the_mean_is_open() {
    for text in ["z2*e1", "z1 + z2*e1", "z1 + relu(z2)*sign(e1)"] {
        let report = report(text);
        assert!(
            report
                .notes
                .iter()
                .any(|note| note.contains("z2, their mean does not")),
            "{text}: {:?}",
            report.notes
        );
        assert_eq!(report.generative_exponent, None, "{text}");
        for staircase in &report.staircase.reused {
            assert_eq!(staircase.status, Status::Undecided, "{text}");
        }
    }
    assert_eq!(report("z2*e1").leap.one_step, Answer::Never);
}

#[test]
fn an_average_without_a_closed_form_is_no_analysis_and_no_clean_label() {
    let link = Link::parse("tanh(z1 + e1)", None).expect("a link");
    let relu = Activation::parse("relu(x)").expect("an activation");
    let found = analyze(&link, &relu, AnalysisOptions::default());
    assert_eq!(found.err(), Some(AnalysisError::NoMean));
    let spec = |labels: &str| -> Spec {
        serde_json::from_value(json!({
            "target": {"link": "tanh(z1 + e1)"}, "network": {"width": 2},
            "protocol": {"dimension": 10, "steps": 0, "batch": 10}, "evaluation": {"labels": labels}
        }))
        .expect("a specification")
    };
    assert!(spec("noisy").check().is_ok());
    let error = spec("clean").check().expect_err("no average").to_string();
    assert!(
        error.contains("evaluation.labels") && error.contains("noisy"),
        "{error}"
    );
}

/// `sign(z1 + s e1)`: clean labels `erf(z1/(s sqrt 2))` have variance `(2/pi) arcsin(1/(1 + s^2))`, noisy ones 1.
#[test]
fn clean_labels_are_the_mean_given_the_input() {
    let of = |labels: &str| {
        let changes = json!({
            "target": {"link": "sign(z1 + 0.7*e1)"}, "protocol": {"steps": 0},
            "evaluation": {"labels": labels, "test_samples": 200_000}
        });
        let run = in_law(&experiment(changes).setup.experiment, 3);
        let found = run
            .measurements
            .iter()
            .find(|m| m.metric == Metric::LabelVariance);
        found.expect("measured").value
    };
    let clean = 2.0 / std::f64::consts::PI * (1.0 / 1.49f64).asin();
    assert!(
        (of("clean") - clean).abs() < 0.005,
        "{} {clean}",
        of("clean")
    );
    assert!((of("noisy") - 1.0).abs() < 1e-3, "{}", of("noisy"));
}

#[test]
fn nothing_is_predicted_of_links_that_draw() {
    let experiment = experiment(json!({"target": {"link": "z1 + 0.5*e1"}}))
        .setup
        .experiment;
    let predictions = predict(&experiment);
    assert!(predictions.present.is_empty());
    let reason = |absent: &giantstep::theory::Absent| absent.reason.contains("draw random numbers");
    assert!(
        predictions.absent.iter().any(reason),
        "{:?}",
        predictions.absent
    );
}

#[test]
fn random_numbers_are_no_directions_and_have_names_of_their_own() {
    let link = Link::parse("z2 + e2*u3", None).expect("a link");
    assert_eq!(
        (link.r(), link.drawn().normals, link.drawn().uniforms),
        (2, 2, 3)
    );
    assert!(Link::parse("e17", None).is_err());
    assert!(Link::parse("u0", None).is_err());
    assert!(Link::parse("log(u1 - 2)", None).is_err());
    // Uniform numbers stay in [0, 1].
    assert!(Link::parse("log(u1 + 0.1) + sqrt(1 - u1)", None).is_ok());
    assert!(Activation::parse("x + e1").is_err());
}
