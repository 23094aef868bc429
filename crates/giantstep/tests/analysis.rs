//! The analysis against the acceptance table, the catalogue, closed forms and symmetries.

use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, Report, Status, analyze};
use giantstep::catalogue;
use giantstep::expr::Link;
use proptest::prelude::*;

fn report(text: &str) -> Report {
    report_in(text, None)
}

fn report_in(text: &str, r: Option<usize>) -> Report {
    let link = Link::parse(text, r).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    let activation = Activation::parse("relu(x)").unwrap();
    analyze(&link, &activation, AnalysisOptions::default()).unwrap()
}

/// The same without the parts that rest on samples.
fn quick(text: &str, r: usize) -> Report {
    let options = AnalysisOptions {
        sampled: false,
        ..AnalysisOptions::default()
    };
    let link = Link::parse(text, Some(r)).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    analyze(&link, &Activation::parse("tanh(x)").unwrap(), options).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found} instead of {expected}"
    );
}

fn all_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert!(found.len() >= expected.len(), "{what}: {found:?}");
    for (f, e) in found.iter().zip(expected) {
        close(*f, *e, tolerance, what);
    }
}

/// One row of the acceptance table.
struct Row {
    link: &'static str,
    /// One-step, isotropic.
    leaps: [u32; 2],
    /// Dimensions after three steps at n ~ d.
    chain: [usize; 3],
    /// Directions after one step at n ~ d and at n ~ d^2.
    first: [&'static [&'static str]; 2],
    /// Dimensions revealed at once at generative order 1, and at order 2 where order 1 is empty.
    generative: [usize; 2],
    variance: f64,
    /// After T = 0, 1, 2, 3 steps at n ~ d.
    floors: [f64; 4],
    /// Degree up to 1, 2, 3.
    kernel: [f64; 3],
}

const DIAGONAL: &[&str] = &["(z1 + z2)/sqrt 2"];
const FIRST: &[&str] = &["z1"];
const BOTH: &[&str] = &["z1", "z2"];

/// From an independent NumPy program (Gauss-Hermite and composite Gauss-Legendre rules) and by hand.
const ROWS: &[Row] = &[
    Row {
        link: "z1 + He2(z1)*z2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [FIRST, FIRST],
        generative: [2, 2],
        variance: 3.0,
        floors: [3.0, 2.0, 0.0, 0.0],
        kernel: [2.0, 2.0, 0.0],
    },
    Row {
        link: "He2(z1) + He2(z2)",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 4.0,
        floors: [4.0; 4],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "sign(z1*z2*z3)",
        leaps: [3, 3],
        chain: [0, 0, 0],
        first: [&[], &[]],
        generative: [0, 0],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 1.0, 0.7420],
    },
    Row {
        link: "z1 + z1*z2 + z1*z2*z3",
        leaps: [1, 1],
        chain: [1, 2, 3],
        first: [FIRST, FIRST],
        generative: [3, 3],
        variance: 3.0,
        floors: [3.0, 2.0, 1.0, 0.0],
        kernel: [2.0, 1.0, 0.0],
    },
    Row {
        link: "He3(z1)",
        leaps: [3, 3],
        chain: [0, 0, 0],
        first: [&[], &[]],
        generative: [1, 1],
        variance: 6.0,
        floors: [6.0; 4],
        kernel: [6.0, 6.0, 0.0],
    },
    Row {
        link: "relu(z1)",
        leaps: [1, 1],
        chain: [1, 1, 1],
        first: [FIRST, FIRST],
        generative: [1, 1],
        variance: 0.3408,
        floors: [0.3408, 0.0, 0.0, 0.0],
        kernel: [0.0908, 0.0113, 0.0113],
    },
    Row {
        link: "max(z1, z2)",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 0.6817,
        floors: [0.6817, 0.1817, 0.1817, 0.1817],
        kernel: [0.1817, 0.0225, 0.0225],
    },
    Row {
        link: "z1 + z2 + z1^2 - z2^2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [DIAGONAL, DIAGONAL],
        generative: [2, 2],
        variance: 6.0,
        floors: [6.0, 4.0, 0.0, 0.0],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "z1 + z2 + z1^2 + z2^2",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 6.0,
        floors: [6.0, 2.0, 2.0, 2.0],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "4*z1 + z1^2 + z2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [&["(4 z1 + z2)/sqrt 17"], &["(4 z1 + z2)/sqrt 17"]],
        generative: [2, 2],
        variance: 19.0,
        floors: [19.0, 0.2284, 0.0, 0.0],
        kernel: [2.0, 0.0, 0.0],
    },
    Row {
        link: "z1 + z1*z2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [FIRST, FIRST],
        generative: [2, 2],
        variance: 2.0,
        floors: [2.0, 1.0, 0.0, 0.0],
        kernel: [1.0, 0.0, 0.0],
    },
    Row {
        link: "z1*z2",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 0.0, 0.0],
    },
    Row {
        link: "z1^2 - z2^2",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 4.0,
        floors: [4.0; 4],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "sign(z1*z2)",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 0.5947, 0.5947],
    },
    Row {
        link: "z1*z2*z3",
        leaps: [3, 3],
        chain: [0, 0, 0],
        first: [&[], &[]],
        generative: [0, 3],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 1.0, 0.0],
    },
    Row {
        link: "z1 + He3(z2)",
        leaps: [1, 3],
        chain: [1, 1, 1],
        first: [FIRST, FIRST],
        generative: [2, 2],
        variance: 7.0,
        floors: [7.0, 6.0, 6.0, 6.0],
        kernel: [6.0, 6.0, 0.0],
    },
    Row {
        link: "He2(z1) + sign(z1*z2*z3)",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], FIRST],
        generative: [0, 1],
        variance: 3.0,
        floors: [3.0; 4],
        kernel: [3.0, 1.0, 0.7420],
    },
    Row {
        link: "He2(z1) + z1*z2*z3",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], FIRST],
        generative: [0, 3],
        variance: 3.0,
        floors: [3.0; 4],
        kernel: [3.0, 1.0, 0.0],
    },
    Row {
        link: "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 0.7708,
        floors: [0.7708, 0.1432, 0.1432, 0.1432],
        kernel: [0.2708, 0.0208, 0.0208],
    },
    Row {
        link: "z1 + z2 + z1*z2",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 3.0,
        floors: [3.0, 0.5, 0.5, 0.5],
        kernel: [1.0, 0.0, 0.0],
    },
];

#[test]
fn every_row_of_the_acceptance_table_is_reproduced() {
    for row in ROWS {
        let report = report(row.link);
        let what = row.link;
        assert_eq!(report.leap.one_step, Some(row.leaps[0]), "{what}");
        assert_eq!(report.leap.isotropic, Some(row.leaps[1]), "{what}");
        let fresh = &report.staircase.fresh;
        assert_eq!(fresh[0].dims[..3], row.chain, "{what}");
        assert_eq!(fresh[0].directions[0], row.first[0], "{what}");
        assert_eq!(fresh[1].directions[0], row.first[1], "{what}");
        let reused = &report.staircase.reused;
        assert_eq!(
            [reused[0].dims[0], reused[1].dims[0]],
            row.generative,
            "{what}"
        );
        close(report.variance, row.variance, 5.1e-5, what);
        all_close(&report.floors.bounded_width, &row.floors, 5.1e-5, what);
        all_close(&report.kernel_floors, &row.kernel, 1e-4, what);
        assert_ne!(report.status, Status::Undecided, "{what}");
        for staircase in fresh.iter().chain(reused) {
            assert_ne!(staircase.status, Status::Undecided, "{what}");
        }
    }
}

#[test]
fn the_coordinate_leap_differs_from_the_isotropic_one_where_a_rotation_hides_it() {
    let report = report("z1 + z2 + z1*z2");
    assert_eq!(
        [
            report.leap.one_step,
            report.leap.isotropic,
            report.leap.coordinate
        ],
        [Some(1), Some(2), Some(1)]
    );
    assert!(report.leap.explanation.is_some());
}

#[test]
fn quadrature_invents_no_direction_in_rotated_complements() {
    // After z1, the sign opens z2 and z3 together at order 2, and neither at order 1.
    let grand = report("He2(z1) + sign(z1*z2*z3)");
    assert_eq!(grand.staircase.fresh[1].orders, [2, 2]);
    assert_eq!(grand.staircase.fresh[1].dims[..2], [1, 3]);
    assert_eq!(grand.staircase.fresh[0].dims, [0, 0, 0]);
    // Two relus: nothing is left once both directions are known.
    let committee = report("relu(z1) + relu(z2)");
    assert_eq!(committee.staircase.fresh[1].dims[..2], [1, 2]);
    assert_eq!(committee.floors.wide[1].floor[2], 0.0);
    assert_eq!(committee.staircase.fresh[0].dims, [1, 1, 1]);
}

#[test]
fn every_catalogue_entry_knows_its_answers() {
    assert!(catalogue::all().len() >= 20);
    for target in catalogue::all() {
        let report = report(target.link);
        let what = target.name;
        assert_eq!(report.leap.one_step, Some(target.one_step), "{what}");
        assert_eq!(report.leap.isotropic, Some(target.isotropic), "{what}");
        assert_eq!(report.leap.coordinate, Some(target.coordinate), "{what}");
        assert_eq!(report.staircase.fresh[0].dims, target.learnt, "{what}");
        let first = report.staircase.fresh[0].directions[0].first();
        assert_eq!(first.map(String::as_str), target.first, "{what}");
        if let Some(dimension) = target.reused {
            assert_eq!(report.staircase.reused[0].dims[0], dimension, "{what}");
        }
        let exponent = report.generative_exponent.as_ref().map(|e| e.value);
        assert_eq!(exponent, target.generative_exponent, "{what}");
        if let Some(alpha_c) = target.alpha_c {
            let found = report.weak_recovery.as_ref().and_then(|w| w.alpha_c);
            close(found.unwrap_or(0.0), alpha_c, 0.02 * alpha_c, what);
        }
        assert_ne!(report.status, Status::Undecided, "{what}");
    }
}

#[test]
fn parity_of_signs_is_hard_for_message_passing() {
    let report = report("sign(z1*z2*z3)");
    assert_eq!(report.weak_recovery.unwrap().alpha_c, None);
    assert_eq!(report.staircase.reused[1].dims, [0, 0, 0]);
}

#[test]
fn tanh_of_a_cubic_starts_along_the_published_direction() {
    // The direction hard-coded in the authors' notebook.
    let basis = &report("tanh(z1 + He3(z2))").staircase.fresh[0].bases[0];
    all_close(&basis[0], &[0.767_832, -0.640_651], 1e-5, "first direction");
}

#[test]
fn an_activation_without_the_leading_coefficient_is_flagged() {
    let link = Link::parse("He3(z1)", None).unwrap();
    let with = |activation: &str| {
        let activation = Activation::parse(activation).unwrap();
        analyze(&link, &activation, AnalysisOptions::default()).unwrap()
    };
    let relu = with("relu(x)").activation;
    assert!(relu.vanishing.contains(&3) && !relu.warnings.is_empty());
    close(relu.never_fitted, 6.0, 1e-12, "relu never fits He3");
    assert!(with("tanh(x)").activation.warnings.is_empty());
}

#[test]
fn idle_directions_and_rotations_that_reduce_the_dimension_are_found() {
    let report = report("(z1 + z2 + z3 + z4 + z5 + z6)^4");
    assert_eq!(report.effective.dimension, 1);
    assert_eq!(
        report.effective.directions[0].name,
        "(z1 + z2 + z3 + z4 + z5 + z6)/sqrt 6"
    );
    assert_eq!(report.effective.idle.len(), 5);
    let ridge = relu_of_a_sum();
    assert_eq!(ridge.effective.dimension, 1);
    assert_eq!(ridge.effective.directions[0].name, "(3 z1 + 4 z2)/5");
}

fn relu_of_a_sum() -> Report {
    report("relu(3*z1 + 4*z2)")
}

#[test]
fn six_kinked_directions_are_certified() {
    let parity = report("He2(z1) + sign(z1*z2*z3*z4*z5*z6)");
    assert_eq!(parity.leap.isotropic, Some(5));
    assert_eq!(parity.status, Status::Certified);
    let committee = report("sign(z1)+sign(z2)+sign(z3)+sign(z4)+sign(z5)+sign(z6)");
    assert_eq!(committee.staircase.fresh[1].dims[..2], [1, 6]);
    // The six conditional means share a direction: each pair explains (2/pi) asin(1/6).
    let explained = 36.0 * (2.0 / std::f64::consts::PI) * (1.0f64 / 6.0).asin();
    close(
        committee.floors.bounded_width[1],
        6.0 - explained,
        1e-9,
        "committee floor",
    );
}

#[test]
fn a_constant_has_no_leap() {
    let report = report_in("2", Some(2));
    assert_eq!([report.leap.one_step, report.leap.isotropic], [None, None]);
    assert_eq!(report.effective.dimension, 0);
}

#[test]
fn rounded_coefficients_reveal_no_direction() {
    // z1 + He3(z2), rotated by an angle whose cosine and sine are typed with 16 digits: their squares do not
    // quite add up to 1, which taken literally tilts the first direction and opens the second.
    let (c, s) = (0.3f64.cos(), 0.3f64.sin());
    let rotated = report(&format!("({c}*z1 + {s}*z2) + He3({c}*z2 - {s}*z1)"));
    assert_eq!(rotated.status, Status::Certified);
    assert!(!rotated.notes.is_empty());
    assert_eq!(rotated.staircase.fresh[0].dims, [1, 1, 1]);
    all_close(
        &rotated.floors.bounded_width,
        &[7.0, 6.0, 6.0],
        1e-8,
        "floors",
    );
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
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

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
    fn a_function_of_what_is_learnt_never_lengthens_the_chain(
        polynomial in polynomials(),
        degree in 2u32..5,
        c in -3i32..4,
    ) {
        // z1 comes first; any function of it without a linear part leaves the first step and all later ones.
        let base = format!("z1 + z1*({}) - z1*({0})", text(&polynomial, &plain()));
        let staircase = format!("{base} + z1*z2 + He2(z2)*z3");
        let more = format!("{staircase} + ({c})*He{degree}(z1)");
        let (short, long) = (quick(&staircase, 3), quick(&more, 3));
        prop_assert_eq!(&short.staircase.fresh[0].dims, &[1, 2, 3]);
        prop_assert_eq!(&short.staircase.fresh[0].dims, &long.staircase.fresh[0].dims);
        prop_assert_eq!(&short.floors.bounded_width[1..], &long.floors.bounded_width[1..]);
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
