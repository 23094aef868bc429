//! The generative leap against an independent program and by hand: THEORY.md (72)-(74).

use crate::common::analysis::analysed;
use giantstep::analysis::{AnalysisOptions, Answer, GenerativeLeap, Ground, Status};

fn leap(text: &str) -> GenerativeLeap {
    let report = analysed(text, "relu(x)", AnalysisOptions::default()).unwrap();
    report.generative_leap.unwrap()
}

/// The order of each step and the number of directions that it opens.
fn chain(leap: &GenerativeLeap) -> Vec<(u32, usize)> {
    let steps = leap.steps.iter();
    steps.map(|s| (s.order, s.directions.len())).collect()
}

/// A link, its chain, and the exponent of d in the samples.
type Row = (&'static str, &'static [(u32, usize)], f64);

/// From a NumPy program with quadrature in the place of algebra: powers of the labels, of signs the level sets.
const ROWS: &[Row] = &[
    ("z1", &[(1, 1)], 1.0),
    ("He2(z1)", &[(2, 1)], 1.0),
    ("He3(z1)", &[(1, 1)], 1.0),
    ("He4(z1)", &[(2, 1)], 1.0),
    ("z1*z2", &[(2, 2)], 1.0),
    ("z1*z2*z3", &[(2, 3)], 1.0),
    ("z1 + z1*z2 + z1*z2*z3", &[(1, 3)], 1.0),
    ("z1 + z2 + z1*z2", &[(1, 1), (2, 1)], 1.0),
    ("z1 + z2 + z1^2 - z2^2", &[(1, 2)], 1.0),
    ("He2(z1) + He2(z2)", &[(2, 2)], 1.0),
    ("z1 + He3(z2)", &[(1, 2)], 1.0),
    ("z1 + z1*He3(z2)", &[(1, 2)], 1.0),
    ("He2(z1) + z1*z2*z3", &[(2, 3)], 1.0),
    ("z1 + He2(z1)*He2(z2)", &[(1, 1), (2, 1)], 1.0),
    ("z1^2*z2", &[(1, 1), (2, 1)], 1.0),
    ("He2(z1)*z2 + z3^2", &[(1, 1), (2, 2)], 1.0),
    ("z1^3 - 3*z1*z2^2", &[(2, 2)], 1.0),
    ("sign(z1)", &[(1, 1)], 1.0),
    ("sign(z1*z2)", &[(2, 2)], 1.0),
    ("sign(z1*z2*z3)", &[(3, 3)], 1.5),
    ("sign(z1*z2*z3*z4)", &[(4, 4)], 2.0),
    ("sign(z1) + sign(z1*z2*z3)", &[(1, 1), (2, 2)], 1.0),
];

/// Where the program above opens whole axes and (72) a direction between them. By hand: the level sets of a link of
/// signs have the first moments `phi(0)` times a sum of their sign vectors, up to multiples (1, 1, 1) and (0, 1, -1) here and
/// (1, 1, 1) below; exchanges of coordinates keep steps from opening more at order 1.
const BETWEEN_AXES: &[Row] = &[
    (
        "sign(z1) + 2*sign(z2) + sign(z1*z2*z3)",
        &[(1, 2), (1, 1)],
        1.0,
    ),
    ("step(z1)*step(z2)", &[(1, 1), (2, 1)], 1.0),
    ("step(z1)*step(z2)*step(z3)", &[(1, 1), (2, 2)], 1.0),
];

/// By hand: `E[He_2(z) | y]` cancels between the two roots of `z^2 exp(-z^2) = y`, odd orders by symmetry.
const LEVEL_SETS: &[Row] = &[("z1^2*exp(-z1^2)", &[(4, 1)], 2.0)];

#[test]
fn every_chain_of_the_table_is_reproduced() {
    for (text, expected, exponent) in [ROWS, BETWEEN_AXES, LEVEL_SETS].concat() {
        let found = leap(text);
        assert_eq!(chain(&found), expected, "{text}: {found:?}");
        assert_eq!(found.sample_exponent, Some(exponent), "{text}");
        let largest = expected.iter().map(|step| step.0).max();
        assert_eq!(found.value, largest, "{text}: {found:?}");
        assert!(found.status != Status::Undecided, "{text}: {found:?}");
        for step in &found.steps {
            assert!(step.lower_orders != Ground::Unknown, "{text}: {step:?}");
            assert!(step.other_directions != Ground::Unknown, "{text}: {step:?}");
        }
    }
}

#[test]
fn grounds_are_named() {
    let grounds = |text: &str| {
        let found = leap(text);
        let steps = found.steps.iter();
        let steps: Vec<_> = steps
            .map(|s| (s.lower_orders, s.other_directions))
            .collect();
        (steps, found.status)
    };
    let proved = (Ground::Proved, Ground::Proved);
    assert_eq!(grounds("z1*z2*z3"), (vec![proved], Status::Exact));
    // Two values: one power is all transformations. Symmetries do not exclude the squares.
    assert_eq!(grounds("sign(z1*z2*z3)"), (vec![proved], Status::Certified));
    let integrated = (Ground::Integrated, Ground::Proved);
    let found = grounds("z1^2*exp(-z1^2)");
    assert_eq!(found, (vec![integrated], Status::Certified));
    // Symmetric under turns by a third, which are not among those tried.
    let sampled = (Ground::Sampled, Ground::Proved);
    let found = grounds("z1^3 - 3*z1*z2^2");
    assert_eq!(found, (vec![sampled], Status::Certified));
    // The link itself is undecided at this budget, its leap is not: an exchange excludes order 1.
    let found = leap("relu(relu(z1) - relu(z2)*relu(z3))");
    assert_eq!(chain(&found), [(1, 2), (2, 1)]);
    assert_eq!(found.value, Some(2));
}

#[test]
fn what_is_not_excluded_is_an_upper_bound() {
    // The even powers are of order 2, and their integrals too coarse.
    let found = leap("tanh(z1*z2*z3)");
    assert_eq!(found.value, Answer::Unknown);
    assert_eq!((found.at_most, chain(&found)), (Some(3), vec![(3, 3)]));
    assert_eq!(found.steps[0].lower_orders, Ground::Unknown);
    // The scatter of the labels depends on z2, their mean does not.
    let found = leap("z1 + e1*z2");
    assert_eq!((found.value, found.at_most), (Answer::Unknown, None));
    assert_eq!(found.rest.len(), 1);
}
