//! Verdicts are those of the activation that is named.

use crate::common::analysis::{analysed, unsampled};
use giantstep::analysis::{Answer, Report, Status};

const STAIRS: &str = "z1 + z1*z2 + z1*z2*z3";
const GELU: &str = "x*(1 + erf(x/sqrt(2)))/2";

fn report(link: &str, activation: &str) -> Report {
    analysed(link, activation, unsampled()).unwrap()
}

/// Dimensions at n ~ d, this activation and a generic one.
fn dims(report: &Report) -> [&[usize]; 2] {
    let staircase = &report.staircase;
    [&staircase.fresh[0].dims, &staircase.generic.fresh[0].dims]
}

#[test]
fn a_staircase_ends_where_the_activation_is_blind() {
    for (activation, own) in [
        ("relu(x)", [1, 2, 2]),
        (GELU, [1, 2, 2]),
        ("max(x, x/10)", [1, 2, 2]),
        ("log(1 + exp(x))", [1, 2, 2]),
        ("tanh(x)", [1, 1, 1]),
        ("sigmoid(x)", [1, 1, 1]),
        ("sin(x + 0.7)", [1, 2, 3]),
        ("abs(x)", [0, 0, 0]),
        ("step(x)", [0, 0, 0]),
        ("x^2", [0, 0, 0]),
    ] {
        let report = report(STAIRS, activation);
        assert_eq!(dims(&report), [&own, &[1, 2, 3]], "{activation}");
    }
    // Degree 4 is seen by relu, with nothing of degree 3 in between.
    assert_eq!(
        dims(&report("z1 + He3(z1)*z2", "relu(x)")),
        [&[1, 2, 2], &[1, 2, 2]]
    );
    assert_eq!(
        dims(&report("z1 + He2(z1)*z2", "relu(x)")),
        [&[1, 1, 1], &[1, 2, 2]]
    );
    // c_1 = 0 at unit length alone.
    let late = report("z1 + He2(z1)*z2", "x*cos(x)");
    assert_eq!(dims(&late), [&[0, 1, 2], &[1, 2, 2]]);
}

#[test]
fn the_first_sentence_says_what_differs() {
    for (link, activation, answer) in [
        (
            STAIRS,
            "relu(x)",
            "Two fresh steps at n ~ d: z1, then z2. z3 never, with relu: c_3 = 0.",
        ),
        (
            STAIRS,
            "tanh(x)",
            "One fresh step at n ~ d: z1. z2 and z3 not at n ~ d, with tanh: c_2 = 0; step 2 at n ~ d^2.",
        ),
        (
            STAIRS,
            "sin(x + 0.7)",
            "Three fresh steps at n ~ d: z1, then z2, then z3.",
        ),
        (
            "z1 + z2 + z1*z2",
            "relu(x)",
            "One fresh step at n ~ d: (z1 + z2)/sqrt 2. (z1 - z2)/sqrt 2 in step 2 at n ~ d^2.",
        ),
        (
            "z1*z2",
            "relu(x)",
            "Fresh steps at n ~ d learn nothing. One fresh step at n ~ d^2: z1 and z2.",
        ),
        (
            "z1",
            "x*cos(x)",
            "Two fresh steps at n ~ d: nothing, then z1.",
        ),
        (
            "He3(z1)",
            "relu(x)",
            "Fresh steps at n ~ d learn nothing. z1 never, with relu: c_3 = 0.",
        ),
        (
            "2",
            "relu(x)",
            "The link is a constant: there is nothing to learn.",
        ),
        (
            "z1",
            "abs(x)",
            "Fresh steps at n ~ d learn nothing, with abs: c_1 = 0. z1 never, with abs: c_1 = 0.",
        ),
    ] {
        assert_eq!(report(link, activation).answer(), answer);
    }
}

#[test]
fn verdicts_and_floors_follow_the_activation() {
    let relu = report(STAIRS, "relu(x)");
    let z3 = &relu.verdicts[2];
    assert_eq!(
        (z3.giant_steps, z3.generic_steps),
        (Answer::Never, Answer::At(3))
    );
    assert_eq!((z3.one_step_exponent, z3.visible), (Answer::Never, false));
    assert_eq!(relu.floors.bounded_width, [3.0, 2.0, 1.0, 1.0]);
    assert_eq!(
        (relu.activation.stopped_by, relu.status),
        (Some(3), Status::Exact)
    );
    assert_eq!(relu.hard_directions.len(), 1);
    let generic = report(STAIRS, "sin(x + 0.7)");
    assert_eq!(generic.floors.bounded_width, [3.0, 2.0, 1.0, 0.0]);
    assert!(generic.hard_directions.is_empty());
}

#[test]
fn an_odd_activation_finds_no_even_direction_by_reuse_either() {
    // z1 -> -z1 changes the sign of the labels, and of every neuron along z1 alone.
    let tanh = report("z1 + z1*z2", "tanh(x)");
    assert_eq!(tanh.staircase.reused[0].dims, [1, 1, 1]);
    assert_eq!(tanh.staircase.generic.reused[0].dims, [2, 2, 2]);
    // Only an overlap of either sign: order 2.
    assert_eq!(tanh.verdicts[1].reused_order, Answer::At(2));
    assert_ne!(tanh.staircase.reused[0].status, Status::Undecided);
    // With an even part in the labels the symmetry is gone, and so is the claim.
    let mixed = report("z1 + z1*z2 + He2(z3)", "tanh(x)");
    assert_eq!(mixed.staircase.reused[0].status, Status::Undecided);
    // The reuse of a batch lets relu see a cubic.
    assert_eq!(
        report("He3(z1)", "relu(x)").staircase.reused[0].dims,
        [1, 1, 1]
    );
}

#[test]
fn the_page_of_the_analyzer_has_every_word() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/analyzer.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (name, meaning) in giantstep::analysis::GLOSSARY {
        let line = format!("| {name} | {meaning} |");
        assert!(page.lines().any(|l| l == line), "{line}");
    }
}
