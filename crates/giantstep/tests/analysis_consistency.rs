//! What a report prints does not contradict itself: small cases that once did, and 1000 random links.

use crate::common::analysis::{GENERIC, analysed, unsampled};
use chacha20::ChaCha8Rng;
use giantstep::analysis::{Answer, Report, Status};
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

fn report(link: &str, activation: &str) -> Option<Report> {
    analysed(link, activation, unsampled()).ok()
}

#[test]
fn signals_at_the_edge_of_the_tolerance_are_open() {
    // The low degrees of cos(9.6 z) fade through every tolerance.
    let fading = report("sign(cos(9.6*z1))", GENERIC).unwrap();
    assert_eq!(fading.leap.one_step, Answer::Unknown);
    assert_eq!(fading.leap.isotropic, Answer::Unknown);
    assert!(fading.leap.explanation.is_none());
    // E z y is 1e-8: above the tolerance for the leap and for the powers of the labels, or for none.
    let thin = report("sign(z1*(z1^2-1.3862944))", GENERIC).unwrap();
    let exponent = thin.generative_exponent.unwrap();
    assert!(
        exponent.status == Status::Undecided || thin.leap.one_step == Some(exponent.value),
        "{:?}, {exponent:?}",
        thin.leap
    );
}

#[test]
fn exact_means_rational_arithmetic() {
    let tiny = report("He2(z1) + 1e-11*z2*He2(z1)", GENERIC).unwrap();
    // E z2 g^2 = 4e-11: no symmetry flips z2, and a square of the labels shows it.
    let reused = &tiny.staircase.reused[0];
    assert_eq!(reused.directions[0], ["z2"], "{:?}", reused.status);
    assert_eq!(tiny.verdicts.len(), 2);
    let even = report("He2(z1) + z2^2*He2(z1)", GENERIC).unwrap();
    assert_eq!(even.staircase.reused[0].status, Status::Exact);
    // Symmetries of coordinates that are no axes are exact too.
    let turned = report("He2(3*z1/5 + 4*z2/5) + (4*z1 - 3*z2)^2", GENERIC).unwrap();
    assert_eq!(turned.staircase.reused[0].status, Status::Exact);
}

/// A random link of up to three directions: polynomials, some of them rotated, and signs and absolute values.
fn random_link(rng: &mut ChaCha8Rng) -> String {
    let r = rng.random_range(1..=3);
    let rotated = rng.random_bool(0.25);
    let form = |rng: &mut ChaCha8Rng| {
        let k = rng.random_range(1..=r);
        match (rotated && r > 1, rng.random_bool(0.5)) {
            (true, true) => "(3*z1/5 + 4*z2/5)".to_owned(),
            (true, false) => "(4*z1 - 3*z2)/5".to_owned(),
            _ => format!("z{k}"),
        }
    };
    let kinked = rng.random_bool(0.1);
    let factor = |rng: &mut ChaCha8Rng| {
        let z = form(rng);
        match rng.random_range(0..6) {
            0 if kinked => format!("sign({z})"),
            1 if kinked => format!("abs({z})"),
            2 => format!("He2({z})"),
            3 => format!("He3({z})"),
            _ => format!("({z})"),
        }
    };
    let terms = rng.random_range(1..=4);
    let term = |rng: &mut ChaCha8Rng| {
        let scale = ["1", "-1", "2", "1/3", "1e-3", "1e-7", "0.1"][rng.random_range(0..7)];
        let factors: Vec<String> = (0..rng.random_range(1..=3)).map(|_| factor(rng)).collect();
        format!("({scale})*{}", factors.join("*"))
    };
    let all: Vec<String> = (0..terms).map(|_| term(rng)).collect();
    all.join(" + ")
}

/// What must hold of any report.
fn contradictions(report: &Report) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    let leap = &report.leap;
    let [one, isotropic, coordinate] =
        [leap.one_step, leap.isotropic, leap.coordinate].map(Answer::known);
    let ordered = |a: Option<u32>, b: Option<u32>| a.zip(b).is_none_or(|(a, b)| a <= b);
    check(ordered(one, isotropic), "one step above isotropic");
    check(ordered(coordinate, isotropic), "coordinate above isotropic");
    if report.effective.dimension == 1 {
        check(ordered(isotropic, one), "isotropic above one step");
    }
    if let Some(exponent) = &report.generative_exponent {
        check(ordered(Some(exponent.value), one), "generative above leap");
    }
    let sum: f64 = report.energies[1..].iter().sum();
    check(sum <= report.variance * (1.0 + 1e-9), "energies");
    let falls = |floor: &[f64]| {
        floor
            .windows(2)
            .all(|f| !(f[1] > f[0] + 1e-7 * report.variance))
    };
    check(falls(&report.kernel_floors), "kernel floors");
    check(
        falls(&report.floors.bounded_width),
        "floors of bounded width",
    );
    for wide in &report.floors.wide {
        check(falls(&wide.floor), "floors of wide networks");
    }
    for (wide, kernel) in report.floors.wide.iter().zip(&report.kernel_floors) {
        let apart = (wide.floor[0] - kernel).abs();
        let room = 1e-7 + 2.0 * report.floors.error / report.variance;
        check(
            !(apart > room * report.variance),
            "floors before a step beside those of kernels",
        );
    }
    for (fresh, reused) in report.staircase.fresh.iter().zip(&report.staircase.reused) {
        let open = reused.status == Status::Undecided;
        check(open || reused.dims.last() >= fresh.dims.last(), "reuse");
    }
    for (own, generic) in report.staircase.fresh[0]
        .dims
        .iter()
        .zip(&report.staircase.generic.fresh[0].dims)
    {
        check(own <= generic, "an activation above a generic one");
    }
    check(
        !report.notes.iter().any(|note| note.contains("withdrawn")),
        "withdrawn",
    );
    check(!report.answer().is_empty(), "no answer");
    found
}

#[test]
fn a_thousand_random_links_have_consistent_reports() {
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let activations = ["relu(x)", "tanh(x)", GENERIC, "He3(x)", "x*cos(x)"];
    let links: Vec<(String, &str)> = (0..1000)
        .map(|i| (random_link(&mut rng), activations[i % activations.len()]))
        .collect();
    let found: Vec<String> = links
        .par_iter()
        .filter_map(|(link, activation)| {
            let report = report(link, activation)?;
            let found = contradictions(&report);
            (!found.is_empty())
                .then(|| format!("{link}, {activation}: {found:?} {:?}", report.notes))
        })
        .collect();
    assert!(found.is_empty(), "{} of 1000: {found:#?}", found.len());
}
