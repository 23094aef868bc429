//! Links on which an analysis that trusts its numbers would claim what is not so.

use crate::common::analysis::{GENERIC, analysed, report};
use giantstep::analysis::{AnalysisError, AnalysisOptions, Answer, Report, Status};

/// Dimensions of the staircases: fresh at n ~ d, d^2, d^3, then reused at order 1, 2.
fn dims(report: &Report) -> Vec<Vec<usize>> {
    let all = report
        .staircase
        .fresh
        .iter()
        .chain(&report.staircase.reused);
    all.map(|s| s.dims.clone()).collect()
}

#[test]
fn a_signal_beyond_the_series_is_not_passed_over_on_the_way() {
    // E[sin(12 z1) ...] lives in degrees near 144. After z1 the sine opens z2 at once: the series, which sees z2
    // only through z2*z3, a step later.
    let between = report("z1 + z2*sin(12*z1) + z3*He2(z1) + z2*z3");
    assert_eq!(between.status, Status::Undecided);
    // The same for a lower order at a step that goes on with a higher one.
    let lower = report("He2(z1) + z2*sin(12*z1) + He2(z1)*He2(z2) + He2(z1)*He2(z3)");
    assert_eq!(lower.status, Status::Undecided);
    // A small one is named in the tolerance.
    let small = report("z1 + 1e-5*z2*sin(12*z1) + 1e-5*He2(z2)");
    assert!(small.tolerance >= 0.7e-5, "{}", small.tolerance);
}

#[test]
fn scales_and_constants_change_no_staircase() {
    for link in [
        "relu(z1) + z1*z2",
        "tanh(z1) + He3(z2)",
        "z1*z2",
        "abs(z1)*z2",
    ] {
        let original = report(link);
        for scaled in [
            format!("1e-13*({link})"),
            format!("1e7*({link})"),
            format!("1e6 + {link}"),
        ] {
            let other = report(&scaled);
            assert_eq!(dims(&original), dims(&other), "{scaled}");
            assert_eq!(original.status, other.status, "{scaled}");
            let threshold = |r: &Report| r.weak_recovery.as_ref().map(|w| w.alpha_c.is_some());
            assert_eq!(threshold(&original), threshold(&other), "{scaled}");
        }
        let shifted = report(&format!("1e6 + {link}")).variance;
        assert!(
            (shifted - original.variance).abs() < 1e-9,
            "{link}: {shifted}"
        );
    }
}

#[test]
fn exact_numbers_are_exact_however_unequal() {
    // E z6 is 4e-10 of the standard deviation, and yet an integer.
    let unequal = report("He20(z1) + He19(z2)*z3 + He10(z4)*He10(z5) + z6");
    assert_eq!(unequal.status, Status::Exact);
    assert_eq!(unequal.leap.one_step, Some(1));
    assert_eq!(unequal.staircase.fresh[0].directions[0], ["z6"]);
    assert_eq!(unequal.staircase.reused[0].dims[0], 1);
    let cancelled = report("(z1 + z2)^2 - (z1 - z2)^2 - 4*z1*z2 + z1");
    assert_eq!(
        (cancelled.effective.dimension, cancelled.variance),
        (1, 1.0)
    );
}

#[test]
fn a_polynomial_too_large_for_exact_algebra_is_not_called_exact() {
    let text = "(1+z1+z2+z3+z4+z5+z6)^20 + (z1-z2)^19 + (z3-z4)^18*z5";
    // Within its ten seconds it may stay undecided.
    let dense = analysed(text, "relu(x)", AnalysisOptions::default()).unwrap();
    assert_ne!(dense.status, Status::Exact);
    assert!(dense.notes.iter().any(|note| note.contains("too many")));
}

#[test]
fn mass_beyond_the_edges_of_the_rules_is_noticed() {
    let heavy = report("exp(5*z1)");
    let expected = 50f64.exp() - 25f64.exp();
    assert!(
        (heavy.variance / expected - 1.0).abs() < 1e-9,
        "{}",
        heavy.variance
    );
    assert_eq!(
        analysed("exp(z1^2/4)", GENERIC, AnalysisOptions::patient()).unwrap_err(),
        AnalysisError::NotFinite
    );
    // The variance is 5.76, of which the square that is integrated over holds all but 2e-4.
    assert_eq!(report("exp((z1^2 + z2^2)/4.5)").status, Status::Undecided);
}

#[test]
fn a_variance_within_rounding_tells_nothing() {
    let rare = report("sign(z1 - 9)");
    assert_eq!(rare.status, Status::Undecided);
    assert_eq!(rare.leap.one_step, Answer::Unknown);
    let constant = report("sin(z1)^2 + cos(z1)^2");
    assert_eq!(
        (constant.status, constant.variance),
        (Status::Certified, 0.0)
    );
    assert_eq!(constant.effective.dimension, 0);
}

#[test]
fn few_values_of_the_labels_have_few_transformations() {
    // A sign with E[z y] = 0: no transformation of a binary label lowers its exponent.
    let binary = report("sign(z1*(z1^2 - 1.3862943611198906))");
    assert_eq!(binary.leap.one_step, Some(3));
    assert_eq!(binary.generative_exponent.unwrap().value, 3);
    // Almost always binary, but not quite: values above 1 show z1 at once.
    let rare = report("relu(z1 - 4) + sign(z2)");
    assert_eq!(rare.staircase.reused[0].dims[0], 2);
    // A monotone function of the labels changes nothing.
    let parity = report("tanh(z1*z2*z3)");
    assert_eq!(parity.staircase.reused[1].dims[0], 3);
}

/// A link with an orthogonal matrix in place of the axes.
fn rotated(link: &str, rows: [[f64; 3]; 3]) -> String {
    let mut text = link.to_owned();
    for (i, [x, y, z]) in rows.into_iter().enumerate() {
        let form = format!("(({x})*u1 + ({y})*u2 + ({z})*u3)");
        text = text.replace(&format!("z{}", i + 1), &form);
    }
    text.replace('u', "z").replace("relz", "relu")
}

#[test]
fn kinked_links_are_the_same_after_rotations() {
    // Half turns about (1, 2, 3) and (2, -1, 1), one after the other.
    let turn = |a: [f64; 3]| {
        let n: f64 = a.iter().map(|x| x * x).sum();
        let entry = |i: usize, j: usize| 2.0 * a[i] * a[j] / n - f64::from(u8::from(i == j));
        [0, 1, 2].map(|i| [0, 1, 2].map(|j| entry(i, j)))
    };
    let (a, b) = (turn([1.0, 2.0, 3.0]), turn([2.0, -1.0, 1.0]));
    let product =
        [0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum::<f64>()));
    for link in [
        "He2(z1) + sign(z1*z2*z3)",
        "relu(z1) + relu(z2) + relu(z3)",
        "relu(z1)*sign(z2)*z3",
        "sign(z1*z2*z3)",
    ] {
        let (original, turned) = (report(link), report(&rotated(link, product)));
        assert_eq!(turned.status, Status::Certified, "{link}");
        assert_eq!(original.leap.one_step, turned.leap.one_step, "{link}");
        assert_eq!(original.leap.isotropic, turned.leap.isotropic, "{link}");
        assert_eq!(dims(&original), dims(&turned), "{link}");
        let floors = |r: &Report| -> Vec<f64> {
            let wide = r.floors.wide.iter().flat_map(|w| w.floor.clone());
            wide.chain(r.floors.bounded_width.clone())
                .chain(r.kernel_floors[..5].to_vec())
                .collect()
        };
        for (x, y) in floors(&original).iter().zip(floors(&turned)) {
            assert!((x - y).abs() < 1e-7, "{link}: {x} {y}");
        }
    }
}
