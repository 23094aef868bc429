//! Properties of the analysis: rotations, permutations, scales, learnt directions, closed forms.

use crate::common::analysis::{GENERIC, unsampled};
use crate::common::text::activation;
use giantstep::analysis::{Report, Status, analyze};
use giantstep::expr::Link;
use proptest::prelude::*;

/// Of r variables, without samples.
fn quick(text: &str, r: usize) -> Report {
    let link = Link::parse(text, Some(r)).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    analyze(&link, &activation(GENERIC), unsampled()).unwrap()
}

/// A polynomial of up to three variables: exponents and small integer coefficients.
fn polynomials() -> impl Strategy<Value = Vec<([u32; 3], i32)>> {
    let exponents =
        prop::array::uniform3(0u32..4).prop_filter("constant", |e| e.iter().sum::<u32>() > 0);
    prop::collection::vec(
        (exponents, prop::sample::select(vec![-3, -2, -1, 1, 2, 3])),
        1..4,
    )
}

/// The text of a polynomial in these expressions for its variables.
fn text(polynomial: &[([u32; 3], i32)], variables: &[String; 3]) -> String {
    let terms: Vec<String> = polynomial
        .iter()
        .map(|(exponents, c)| {
            let factors = exponents.iter().zip(variables);
            let factors: Vec<String> = factors
                .filter(|(e, _)| **e > 0)
                .map(|(e, v)| format!("({v})^{e}"))
                .collect();
            format!("({c})*{}", factors.join("*"))
        })
        .collect();
    terms.join(" + ")
}

fn plain() -> [String; 3] {
    ["z1", "z2", "z3"].map(String::from)
}

/// The rows of a rational rotation: a quaternion of small integers.
fn rotation([a, b, c, d]: [i32; 4]) -> [[i32; 4]; 3] {
    let n = a * a + b * b + c * c + d * d;
    [
        [
            a * a + b * b - c * c - d * d,
            2 * (b * c - a * d),
            2 * (b * d + a * c),
            n,
        ],
        [
            2 * (b * c + a * d),
            a * a - b * b + c * c - d * d,
            2 * (c * d - a * b),
            n,
        ],
        [
            2 * (b * d - a * c),
            2 * (c * d + a * b),
            a * a - b * b - c * c + d * d,
            n,
        ],
    ]
}

fn rotated_variables(rotation: [[i32; 4]; 3], exact: bool) -> [String; 3] {
    rotation.map(|[x, y, z, n]| {
        if exact {
            format!("(({x})*z1 + ({y})*z2 + ({z})*z3)/{n}")
        } else {
            let [x, y, z] = [x, y, z].map(|v| f64::from(v) / f64::from(n));
            format!("({x})*z1 + ({y})*z2 + ({z})*z3")
        }
    })
}

fn same_geometry(a: &Report, b: &Report) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.leap.one_step, b.leap.one_step);
    prop_assert_eq!(a.leap.isotropic, b.leap.isotropic);
    prop_assert_eq!(a.effective.dimension, b.effective.dimension);
    for (x, y) in a.staircase.fresh.iter().zip(&b.staircase.fresh) {
        prop_assert_eq!(&x.dims, &y.dims);
        prop_assert_eq!(&x.orders, &y.orders);
    }
    let floors = |r: &Report| -> Vec<f64> {
        let wide = r
            .floors
            .wide
            .iter()
            .flat_map(|w| w.floor.iter().chain(&w.shared_response));
        wide.chain(&r.floors.bounded_width)
            .chain(&r.kernel_floors)
            .copied()
            .collect()
    };
    for (x, y) in floors(a).iter().zip(floors(b)) {
        prop_assert!(
            (x - y).abs() <= 1e-8 * a.variance.max(1e-300),
            "{} {}",
            x,
            y
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rotations_change_no_leap_no_dimension_and_no_floor(
        polynomial in polynomials(),
        quaternion in prop::array::uniform4(-3i32..4).prop_filter("zero", |q| q.iter().any(|x| *x != 0)),
    ) {
        let original = quick(&text(&polynomial, &plain()), 3);
        prop_assert_eq!(original.status, Status::Exact);
        let rotation = rotation(quaternion);
        let exact = quick(&text(&polynomial, &rotated_variables(rotation, true)), 3);
        prop_assert_eq!(exact.status, Status::Exact);
        same_geometry(&original, &exact)?;
        same_geometry(&original, &quick(&text(&polynomial, &rotated_variables(rotation, false)), 3))?;
    }

    #[test]
    fn permutations_and_sign_flips_change_nothing_but_names(
        polynomial in polynomials(),
        permutation in Just([0usize, 1, 2]).prop_shuffle(),
        flips in prop::array::uniform3(prop::bool::ANY),
    ) {
        let variables: [String; 3] = std::array::from_fn(|i| {
            format!("{}z{}", if flips[i] { "-" } else { "" }, permutation[i] + 1)
        });
        let original = quick(&text(&polynomial, &plain()), 3);
        let moved = quick(&text(&polynomial, &variables), 3);
        same_geometry(&original, &moved)?;
        prop_assert_eq!(original.leap.coordinate, moved.leap.coordinate);
    }

    #[test]
    fn scaling_the_labels_scales_the_floors_and_nothing_else(polynomial in polynomials(), c in 1i32..9) {
        let original = quick(&text(&polynomial, &plain()), 3);
        let scaled = quick(&format!("{c}/7*({})", text(&polynomial, &plain())), 3);
        let factor = (f64::from(c) / 7.0).powi(2);
        prop_assert_eq!(&original.leap.one_step, &scaled.leap.one_step);
        prop_assert_eq!(&original.leap.isotropic, &scaled.leap.isotropic);
        prop_assert_eq!(&original.staircase.fresh[1].dims, &scaled.staircase.fresh[1].dims);
        for (x, y) in original.floors.bounded_width.iter().zip(&scaled.floors.bounded_width) {
            prop_assert!((factor * x - y).abs() <= 1e-12 * scaled.variance);
        }
    }

    #[test]
    fn monomials_have_closed_forms(exponents in prop::array::uniform3(0u32..6)) {
        prop_assume!(exponents.iter().any(|e| *e > 0));
        let report = quick(&text(&[(exponents, 1)], &plain()), 3);
        let odd = exponents.iter().filter(|e| *e % 2 == 1).count() as u32;
        let even = exponents.iter().any(|e| *e > 0 && e % 2 == 0);
        // Odd powers each carry a factor z_i; even ones show first through He2.
        prop_assert_eq!(report.leap.one_step, Some(if odd > 0 { odd } else { 2 }));
        prop_assert_eq!(report.leap.isotropic, Some(odd.max(if even { 2 } else { 0 })));
        let moment = |n: u32| -> f64 { (1..n).step_by(2).map(f64::from).product() };
        let mean: f64 = exponents.iter().map(|&e| if e % 2 == 0 { moment(e) } else { 0.0 }).product();
        let square: f64 = exponents.iter().map(|&e| moment(2 * e)).product();
        prop_assert!((report.variance - square + mean * mean).abs() <= 1e-12 * square);
        let dimension = exponents.iter().filter(|e| **e > 0).count();
        prop_assert_eq!(report.effective.dimension, dimension);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_function_of_what_is_learnt_never_lengthens_the_chain(
        polynomial in polynomials(),
        slope in prop::array::uniform3(-2i32..3),
        degree in 2u32..4,
        c in prop::sample::select(vec![-2, -1, 1, 2]),
    ) {
        let base = text(&polynomial, &plain());
        let [a, b, d] = slope;
        let link = format!("{base} + ({a})*z1 + ({b})*z2 + ({d})*z3");
        let short = quick(&link, 3);
        prop_assume!(short.leap.one_step == Some(1));
        // Any function of the first direction u without a linear part: He_degree(u).
        let first = &short.staircase.fresh[0].bases[0][0];
        let u = format!("(({})*z1 + ({})*z2 + ({})*z3)", first[0], first[1], first[2]);
        let long = quick(&format!("{link} + ({c})*He{degree}({u})"), 3);
        prop_assert_eq!(&short.staircase.fresh[0].dims, &long.staircase.fresh[0].dims);
        for (x, y) in short.floors.bounded_width.iter().zip(&long.floors.bounded_width).skip(1) {
            prop_assert!((x - y).abs() <= 1e-8 * long.variance, "{} {}", x, y);
        }
    }
}
