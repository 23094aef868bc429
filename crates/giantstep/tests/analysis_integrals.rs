//! Means, variances and what is certified of them against closed forms: narrow, kinked, cancelling and infinite links.

use crate::common::analysis::{analysed, report_of_relu, unsampled};
use crate::common::gaussian::{density, probability};
use giantstep::analysis::{AnalysisError, AnalysisOptions, Answer, Budget, Report, Status};

/// With the work of the defaults.
fn quick(text: &str) -> Report {
    let options = AnalysisOptions {
        sampled: false,
        budget: Budget::times(0.5),
        ..AnalysisOptions::default()
    };
    analysed(text, "relu(x)", options).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// `E|z - c|^(-s) = 2^(-s/2) Gamma((1 - s)/2) / sqrt(pi) 1F1(s/2, 1/2, -c^2/2)`
fn pole(s: f64, c: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for k in 0..60 {
        sum += term;
        let k = f64::from(k);
        term *= -(s / 2.0 + k) / (0.5 + k) / (k + 1.0) * c * c / 2.0;
    }
    2f64.powf(-s / 2.0) * libm::tgamma((1.0 - s) / 2.0) / std::f64::consts::PI.sqrt() * sum
}

#[test]
fn windows_have_their_probabilities() {
    let mut wrong = Vec::new();
    for i in 0..6 {
        for j in 0..10 {
            let (h, c) = (0.04 + 0.022 * f64::from(i), 0.25 * f64::from(j) - 1.0);
            let text = format!("step({h:.3} - abs(z1 - ({c:.2})))");
            let h: f64 = format!("{h:.3}").parse().unwrap();
            let p = probability(c - h, c + h);
            let found = report_of_relu(&text);
            let right = (found.mean - p).abs() < 1e-10
                && (found.variance - p * (1.0 - p)).abs() < 1e-10
                && found.status == Status::Certified;
            if !right {
                wrong.push((text, found.variance, p * (1.0 - p)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn pairs_of_zeros_are_seen_however_close() {
    for (text, a, b) in [
        ("sign((z1-0.537)^2-1e-4)", 0.527, 0.547),
        ("sign((z1-0.537)^2-1e-10)", 0.537 - 1e-5, 0.537 + 1e-5),
        ("sign(z1^2 - 1.074*z1 + 0.288269)", 0.527, 0.547),
        ("sign(abs(tanh(z1 - 0.537)) - tanh(0.01))", 0.527, 0.547),
    ] {
        let p = probability(a, b);
        let found = report_of_relu(text);
        assert!(
            (found.variance - 4.0 * p * (1.0 - p)).abs() < 1e-10,
            "{text}: {} {}",
            found.variance,
            4.0 * p * (1.0 - p)
        );
        assert_eq!(found.status, Status::Certified, "{text}");
    }
    // In the plane: a small disc, off all lines of a grid. P(|z - c| < h) = h^2/2 density up to h^4.
    let disc = report_of_relu("step(1e-4 - (z1 - 0.537)^2 - (z2 + 0.311)^2)");
    let (h2, c2) = (1e-4f64, 0.537f64.powi(2) + 0.311f64.powi(2));
    let p = 0.5 * h2 * (-0.5 * c2).exp() * (1.0 + h2 * (c2 - 2.0) / 8.0);
    assert!((disc.mean / p - 1.0).abs() < 1e-6, "{} {p}", disc.mean);
    assert_eq!(disc.status, Status::Certified);
}

#[test]
fn narrow_bumps_are_seen_however_smooth() {
    // Of a bump of width 1/s at c the density at c stands for that along it, to 1/s^2.
    let pi = std::f64::consts::PI;
    let (s, c) = (1e5, 0.7123);
    let found = report_of_relu("He2(z1) + 1000*exp(-(1e5*(z1-0.7123))^2)");
    let mean = 1000.0 * pi.sqrt() / s * density(c);
    let square = 1e6 * (pi / 2.0).sqrt() / s * density(c);
    let variance = 2.0 + 2.0 * mean * (c * c - 1.0) + square - mean * mean;
    assert!((found.mean - mean).abs() < 1e-10, "{}", found.mean);
    assert!(
        (found.variance - variance).abs() < 1e-8,
        "{}",
        found.variance
    );
    assert_eq!(found.leap.one_step, Answer::At(1));
    assert_eq!(found.status, Status::Certified);
    // In two directions, of no direction alone.
    let found = report_of_relu("exp(-1e6*((z1-0.7123)^2+(z2-0.4117)^2))");
    let mean = pi / 1e6 * density(0.7123) * density(0.4117);
    assert!((found.mean / mean - 1.0).abs() < 1e-5, "{}", found.mean);
    // A rise, and a dip.
    let found = report_of_relu("tanh(1e5*(z1-0.3)) + z2");
    assert!((found.mean - (probability(0.3, 40.0) - probability(-40.0, 0.3))).abs() < 1e-8);
    let found = report_of_relu("1/(1e-8+(z1-0.3)^2)");
    // Half the mass of 1/(a^2 + x^2) is pi/a; what the density's bend adds is of order 1.
    assert!(
        (found.mean / (1e4 * pi * density(0.3)) - 1.0).abs() < 1e-3,
        "{}",
        found.mean
    );
}

#[test]
fn a_constant_made_of_steps_is_one() {
    let found = report_of_relu("step(0.0452-abs(step(0.0798-abs(z1-0.276))-0.724))");
    assert_eq!((found.variance, found.status), (0.0, Status::Certified));
    assert_eq!(found.effective.dimension, 0);
}

#[test]
fn a_kink_far_out_is_no_heavy_tail() {
    for text in ["z1*z2 + relu(z1/30-1)", "z1*z2 + relu(z1-z2-30)"] {
        let found = report_of_relu(text);
        assert!((found.variance - 1.0).abs() < 1e-9, "{text}");
    }
}

#[test]
fn what_cannot_be_isolated_is_not_certified_too_closely() {
    // Infinitely many jumps: E sign(sin(1/z)) = 0, by oddness, but the variance cannot be told to 1e-9.
    let wild = report_of_relu("sign(sin(1/z1)) + z1");
    assert!(wild.status == Status::Undecided || wild.tolerance > 1e-9);
}

#[test]
fn undecided_for_no_reason_is_decided() {
    let log = report_of_relu("log(abs(z1))");
    assert_eq!(log.status, Status::Certified);
    // Var log|z| = pi^2/8.
    assert!((log.variance - std::f64::consts::PI.powi(2) / 8.0).abs() < 1e-9);
    // E sqrt|z| = 2^(1/4) Gamma(3/4) / sqrt(pi).
    let root = report_of_relu("sqrt(abs(z1*z2))");
    let mean = (2f64.powf(0.25) * libm::tgamma(0.75)).powi(2) / std::f64::consts::PI;
    assert_eq!(root.status, Status::Certified);
    assert!((root.mean - mean).abs() < 1e-9, "{} {mean}", root.mean);
    let capped = report_of_relu("min(z1^20,1)");
    assert_eq!(
        (capped.status, capped.leap.one_step),
        (Status::Certified, Answer::At(2))
    );
    assert!(
        (capped.variance - 0.212_841_478).abs() < 1e-8,
        "{}",
        capped.variance
    );
}

#[test]
fn infinite_variances_are_refused() {
    for text in [
        "1/sqrt(abs(z1))",
        "z1/(z1^2+z2^2)",
        "abs(z1 - 0.3)^(-1/2) + z2",
    ] {
        assert_eq!(
            analysed(text, "relu(x)", unsampled()).unwrap_err(),
            AnalysisError::NotFinite,
            "{text}"
        );
    }
    // Infinite fourth moments are none of its business.
    let found = report_of_relu("abs(z1)^(-1/4)").variance;
    let variance = pole(0.5, 0.0) - pole(0.25, 0.0).powi(2);
    assert!((found - variance).abs() < 1e-6, "{found} {variance}");
}

#[test]
fn many_kinked_directions_show_their_first_degree() {
    let five = report_of_relu("tanh(relu(z1)+relu(z2)+relu(z3)+relu(z4)+relu(z5))");
    assert_eq!(five.status, Status::Undecided);
    assert_eq!(five.leap.one_step, Answer::At(1));
    assert_eq!(five.staircase.fresh[0].dims[0], 1);
}

#[test]
fn what_is_left_after_an_undecided_step_is_no_floor() {
    // One step learns z1; whether the next ones of relu learn z2 and z3 is open.
    let found = report_of_relu("He2(z1) + sign(z1*z2*z3)");
    let floors = &found.floors.wide[1].floor;
    assert!(
        (floors[0] - 1.0).abs() < 1e-9 && floors[1..].iter().all(|floor| floor.is_nan()),
        "{floors:?}"
    );
}

#[test]
fn terms_that_cancel_break_nothing() {
    assert_eq!(report_of_relu("max(z1, z1)*z1").status, Status::Exact);
    assert_eq!(report_of_relu("z1*z2*abs(z2-z2)+z1").effective.dimension, 1);
    assert_eq!(
        report_of_relu("1e-300*z1/(1+z1^2) + z1").leap.one_step,
        Answer::At(1)
    );
    assert!(
        report_of_relu("1e300+z1")
            .energies
            .iter()
            .all(|e| e.is_finite())
    );
    // What simplification does not see is no worse.
    let hidden = report_of_relu("z1*z2*abs(sin(z2)^2 + cos(z2)^2 - 1) + z1");
    assert!((hidden.variance - 1.0).abs() < 1e-9);
}

#[test]
fn poles_of_finite_variance_are_no_infinite_ones() {
    for (s, c) in [(0.49, 0.0), (0.4999, 0.0), (0.45, 0.3), (0.49, 0.3)] {
        let found = quick(&format!("abs(z1 - {c})^(-{s})"));
        let (mean, second) = (pole(s, c), pole(2.0 * s, c));
        assert!(
            (found.mean / mean - 1.0).abs() < 1e-7,
            "{s} {c}: {} {mean}",
            found.mean
        );
        let variance = second - mean * mean;
        assert!(
            (found.variance / variance - 1.0).abs() < 1e-5,
            "{s} {c}: {} {variance}",
            found.variance
        );
        assert_eq!(found.status, Status::Certified, "{s} {c}");
    }
    let product = report_of_relu("abs(z1*z2)^(-0.4)");
    assert!((product.mean / pole(0.4, 0.0).powi(2) - 1.0).abs() < 1e-7);
    for text in [
        "abs(z1)^(-0.501)",
        "1/(abs(z1)^0.5*sqrt(1+abs(log(abs(z1)))))",
    ] {
        assert_eq!(
            analysed(text, "relu(x)", unsampled()).unwrap_err(),
            AnalysisError::NotFinite,
            "{text}"
        );
    }
}

#[test]
fn what_hides_between_the_points_of_rules_is_not_certified() {
    // Bumps of two to five directions beside z1 z2; of two they are seen, of more they may lie between the points.
    let c = [0.7466, -0.3965, 0.7428, -0.5811, -0.569];
    for (m, s, height) in [
        (2, 500.0, 30.0),
        (3, 3e3, 1e3),
        (4, 3e3, 1e4),
        (5, 400.0, 1e4),
        (5, 4e3, 1e6),
    ] {
        let forms: Vec<String> = (0..m)
            .map(|i| format!("(z{} - ({}))^2", i + 1, c[i]))
            .collect();
        let found = quick(&format!(
            "z1*z2 + {height}*exp(-{s}*({}))",
            forms.join(" + ")
        ));
        // E exp(-s (z - c)^2) = exp(-s c^2/(1 + 2 s))/sqrt(1 + 2 s); with z in front, 2 s c/(1 + 2 s) of it.
        let mean = |s: f64| -> f64 {
            let one = |c: &f64| (-s * c * c / (1.0 + 2.0 * s)).exp() / (1.0 + 2.0 * s).sqrt();
            c[..m].iter().map(one).product()
        };
        let (a, moved) = (height * mean(s), 2.0 * s / (1.0 + 2.0 * s));
        let variance =
            1.0 + 2.0 * a * moved * moved * c[0] * c[1] + height * height * mean(2.0 * s) - a * a;
        let right = (found.variance - variance).abs() < 1e-6;
        let open = found.status == Status::Undecided && found.variance.is_nan();
        assert!(
            if m == 2 { right } else { right || open },
            "{m}, {s}: {} {variance}",
            found.variance
        );
    }
    // A bump of one direction that is written in five variables is on a line: it is seen.
    let turned = quick("z6 + 1000*exp(-1e10*((z1+z2+z3+z4+z5)/sqrt(5) - 0.7123)^2)");
    let one = |s: f64| (-s * 0.7123 * 0.7123 / (1.0 + 2.0 * s)).exp() / (1.0 + 2.0 * s).sqrt();
    let variance = 1.0 + 1e6 * (one(2e10) - one(1e10).powi(2));
    assert!(
        (turned.variance / variance - 1.0).abs() < 1e-7,
        "{}",
        turned.variance
    );
    // Nothing is a constant because nothing of it was seen.
    let hidden = quick("exp(-1e4*((z1-0.7123)^2 + (z2-0.4117)^2 + (z3-0.1)^2 + (z4+0.3)^2))");
    assert_eq!(
        (hidden.status, hidden.leap.one_step),
        (Status::Undecided, Answer::Unknown)
    );
    // What is wide enough stays certified, and a ball whose surface the panels meet.
    for text in [
        "tanh(z1 + z2*z3)",
        "exp(-5*(z1 + z2*z3)^2)",
        "step(z1^2 + z2^2 + z3^2 - 0.05)",
        "relu(z1*z2 + z3)",
    ] {
        assert_eq!(quick(text).status, Status::Certified, "{text}");
    }
}
