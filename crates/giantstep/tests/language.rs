//! The language of links, activations and formulas, fuzzed and checked against hand-computed values.

use giantstep::activation::Activation;
use giantstep::expr::{Expr, ExprError, Formula, Link, Operator, Problem, Program, Scope, parse};
use proptest::prelude::*;

fn error(text: &str) -> ExprError {
    Link::parse(text, None).expect_err(text)
}

fn value(text: &str, at: &[f64]) -> f64 {
    Program::new(&parse(text, Scope::Link).expect(text)).eval(at)
}

#[test]
fn precedence_is_the_usual_one() {
    assert_eq!(value("-z1^2", &[3.0]), -9.0);
    assert_eq!(value("2^3^2", &[]), 512.0);
    assert_eq!(value("2^-1", &[]), 0.5);
    assert_eq!(value("1 - 2 - 3", &[]), -4.0);
    assert_eq!(value("8/4/2", &[]), 1.0);
    assert_eq!(value("1 + 2*z1^2/4", &[2.0]), 3.0);
    assert_eq!(value("+z1 - -z2", &[1.0, 2.0]), 3.0);
    assert_eq!(
        value("z10 - z1", &[1.0, 0., 0., 0., 0., 0., 0., 0., 0., 5.0]),
        4.0
    );
}

#[test]
fn functions_have_their_values() {
    for (text, expected) in [
        ("He3(z1)", 2.0),
        ("relu(-z1) + relu(z1)", 2.0),
        ("sign(z1) + sign(-z1)*2 + sign(0)", -1.0),
        ("step(z1) + step(-z1) + step(0)", 1.0),
        ("min(z1, 1) + 10*max(z1, 3)", 31.0),
        ("abs(-z1)*exp(0)", 2.0),
        ("sin(pi/2) + cos(0)", 2.0),
        ("log(exp(z1)) + sqrt(z1^2)", 4.0),
        ("sigmoid(0)", 0.5),
        ("tanh(1e2) - erf(1e1)", 0.0),
        // NumPy, at the point 2.
        ("exp(z1)", 7.389_056_098_930_65),
        ("log(z1)", std::f64::consts::LN_2),
        ("sin(z1)", 0.909_297_426_825_681_7),
        ("cos(z1)", -0.416_146_836_547_142_4),
        ("sigmoid(z1)", 0.880_797_077_977_882_3),
        ("tanh(z1/4)", 0.462_117_157_260_009_73),
        ("erf(z1/4)", 0.520_499_877_813_046_5),
        ("sqrt(z1)", std::f64::consts::SQRT_2),
        ("z1**3 + 2**z1", 12.0),
        ("elu(z1) + elu(-z1)", 2.0 + (-2.0_f64).exp() - 1.0),
        // Phi(2) = 0.977249868051820792800, from tables of the normal distribution.
        ("gelu(z1)", 2.0 * 0.977_249_868_051_820_8),
        ("silu(z1)", 2.0 / (1.0 + (-2.0_f64).exp())),
        ("softplus(z1)", (1.0 + 2.0_f64.exp()).ln()),
        ("softplus(-300*z1)", 0.0),
        ("leaky_relu(z1) + leaky_relu(-z1)", 1.98),
        ("cosh(z1) - sinh(z1)", (-2.0_f64).exp()),
        ("cosh(z1)", 2.0_f64.cosh()),
    ] {
        assert!((value(text, &[2.0]) - expected).abs() < 1e-14, "{text}");
    }
}

#[test]
fn errors_point_at_the_character() {
    for (text, column, help) in [
        ("z1 + thanh(z2)", 6, "tanh"),
        ("z1 + ", 6, "implicit"),
        ("2 z1", 3, "2*z1"),
        ("(z1 + z2", 9, ""),
        ("z1 # z2", 4, "numbers"),
        ("He21(z1)", 1, "He20"),
        ("max(z1)", 1, "max(a, b)"),
        ("relu + 1", 1, "relu(...)"),
        ("z1 + z01", 6, "z1"),
        ("1e999 + z1", 1, "1e-3"),
        ("z1^65", 1, "64"),
        ("z1 + log(z2)", 6, "finite"),
        ("z1 + 1/z2", 6, "variance"),
        ("exp(z1^2)", 1, "variance"),
        ("sqrt(z1)*0", 1, "finite"),
        ("é + z1", 1, ""),
        ("H3(z1)", 1, "He3"),
        ("z1 + z1025", 6, "at most 1024"),
        ("gelu(z1, z2)", 1, "gelu(e)"),
        (
            "elu(elu(elu(elu(elu(elu(elu(elu(elu(elu(elu(elu(elu(elu(z1))))))))))))))",
            13,
            "simplify",
        ),
    ] {
        let error = error(text);
        assert_eq!(error.column(), column, "{text}: {error}");
        assert!(error.to_string().contains(help), "{text}: {error}");
        assert_eq!(
            error
                .to_string()
                .lines()
                .nth(2)
                .and_then(|line| line.find('^')),
            Some(column + 1),
            "{error}"
        );
    }
    let beyond = Link::parse("z1 + z3", Some(2)).unwrap_err();
    assert_eq!(
        (beyond.column(), beyond.problem),
        (6, Problem::Direction { variable: 3, r: 2 })
    );
    for text in [
        "log(abs(z1)) + exp(z1/2)",
        "He20(z1)",
        "(z1 + 2*z2 + 3*z3 + 4*z4)^20",
    ] {
        assert!(Link::parse(text, None).is_ok(), "{text}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    assert!(matches!(
        error(&"z1+".repeat(2000)).problem,
        Problem::Length(6000)
    ));
    assert_eq!(
        error(&format!("{}z1{}", "(".repeat(1000), ")".repeat(1000))).problem,
        Problem::Depth
    );
    assert_eq!(
        error(&format!("{}z1", "-".repeat(1000))).problem,
        Problem::Depth
    );
    assert_eq!(
        error(&format!("z1{}", "^1".repeat(1000))).problem,
        Problem::Depth
    );
    assert!(Link::parse(&["z1"; 100].join(" + "), None).is_ok());
}

#[test]
fn formulas_know_their_names_only() {
    let formula = Formula::parse("10*sqrt(n*p) + d^0.5", &["d", "n", "p"]).unwrap();
    assert_eq!(formula.eval(&[16.0, 4.0, 9.0]), 64.0);
    assert!(Formula::parse("q + 1", &["d"]).is_err());
    assert!(Formula::parse("z1", &["d"]).is_err());
}

#[test]
fn derivatives_of_activations_are_exact_or_almost_everywhere() {
    for (text, x, slope) in [
        ("relu(x)", 2.0, 1.0),
        ("relu(x)", -2.0, 0.0),
        ("abs(x) + sign(x)", -1.0, -1.0),
        ("max(x, 2*x)", 3.0, 2.0),
        ("min(x, 2*x)", 3.0, 1.0),
        ("He4(x)", 1.0, -8.0),
        ("x^3/6", 2.0, 2.0),
        ("2^x", 0.0, 2.0f64.ln()),
        ("elu(x)", -1.0, (-1.0_f64).exp()),
        ("elu(x)", 1.0, 1.0),
        ("leaky_relu(x)", -1.0, 0.01),
        ("softplus(x)", 0.5, 1.0 / (1.0 + (-0.5_f64).exp())),
        // Phi(1) + phi(1).
        (
            "gelu(x)",
            1.0,
            0.841_344_746_068_542_9 + 0.241_970_724_519_143_37,
        ),
        ("sinh(x)", 1.0, 1.0_f64.cosh()),
    ] {
        let activation = Activation::parse(text).unwrap();
        assert!((activation.derivative(x) - slope).abs() < 1e-13, "{text}");
    }
}

/// Expressions that are smooth and of moderate size near the origin.
fn smooth() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("z1".to_owned()),
        Just("z2".to_owned()),
        (1..30i32).prop_map(|k| format!("{}", f64::from(k) / 8.0)),
        Just("pi".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let function = prop_oneof![
            Just("tanh"),
            Just("erf"),
            Just("sigmoid"),
            Just("sin"),
            Just("cos"),
            Just("He2"),
            Just("He3")
        ];
        prop_oneof![
            (
                inner.clone(),
                prop_oneof![Just("+"), Just("-"), Just("*")],
                inner.clone()
            )
                .prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}(({a})/4)")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("({a})^2")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a})/(2 + ({b})^2)")),
        ]
    })
}

fn size(expr: &Expr) -> usize {
    let mut count = 0;
    expr.visit(&mut |_| count += 1);
    count
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = Link::parse(&text, None).map_err(|error| error.to_string());
    }

    #[test]
    fn no_text_of_the_alphabet_panics(text in "[z12x.e()+*/^,-]{0,40}|(He[0-9]{1,3}\\(|max\\(|log\\(|z[0-9]|\\)|[-+*/^,]| ){0,20}") {
        let _ = Link::parse(&text, None).map_err(|error| error.to_string());
        let _ = Activation::parse(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn what_is_shown_parses_back(text in smooth(), a in -1.0..1.0f64, b in -1.0..1.0f64) {
        if let Ok(expr) = parse(&text, Scope::Link) {
            let shown = expr.to_string();
            let again = parse(&shown, Scope::Link).map_err(|e| TestCaseError::fail(format!("{shown}: {e}")))?;
            prop_assert_eq!(size(&again), size(&expr), "{} / {}", text, shown);
            let (x, y) = (Program::new(&expr).eval(&[a, b]), Program::new(&again).eval(&[a, b]));
            prop_assert!(x == y || (x - y).abs() <= 1e-12 * x.abs(), "{text} / {shown}: {x} {y}");
        }
    }

    #[test]
    fn derivatives_agree_with_differences(text in smooth(), a in -1.0..1.0f64, b in -1.0..1.0f64) {
        if let Ok(expr) = parse(&text, Scope::Link) {
            let program = Program::new(&expr);
            let exact = Program::new(&expr.derivative(0)).eval(&[a, b]);
            let central = |h: f64| (program.eval(&[a + h, b]) - program.eval(&[a - h, b])) / (2.0 * h);
            // Where two step sizes disagree the difference quotient itself is not to be trusted.
            let (coarse, fine) = (central(2e-4), central(1e-4));
            prop_assume!((coarse - fine).abs() < 1e-6 * (1.0 + fine.abs()) && fine.abs() < 1e6);
            prop_assert!((exact - fine).abs() < 1e-5 * (1.0 + exact.abs()), "{text}: {exact} {fine}");
        }
    }

    #[test]
    fn columns_equal_points_in_both_precisions(text in smooth(), z in prop::collection::vec(-1.0..1.0f64, 8)) {
        if let Ok(expr) = parse(&text, Scope::Link) {
            let program = Program::new(&expr);
            let (x, y) = z.split_at(4);
            let mut out = [0.0; 4];
            program.eval_columns(&[x, y], &mut out);
            for k in 0..4 {
                let point = program.eval(&[x[k], y[k]]);
                prop_assert!(out[k] == point || (out[k] - point).abs() <= 1e-13 * point.abs());
            }
            let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<_>>();
            let (x32, y32) = (single(x), single(y));
            let mut out32 = [0.0f32; 4];
            program.eval_columns(&[&x32, &y32], &mut out32);
            let scale = 1.0 + out.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for k in 0..4 {
                prop_assert!((f64::from(out32[k]) - out[k]).abs() < 1e-3 * scale * scale, "{text}");
            }
        }
    }
}

#[test]
fn numbers_are_exact() {
    let tenth = parse("0.1 + 2e-1", Scope::Link)
        .unwrap()
        .as_rational()
        .unwrap();
    assert_eq!(tenth.to_string(), "3/10");
    assert!(matches!(
        parse("z1/3", Scope::Link).unwrap(),
        Expr::Binary(Operator::Divide, ..)
    ));
}
