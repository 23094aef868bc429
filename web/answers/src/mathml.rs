//! A formula as MathML, from its syntax tree: what was understood, not what was typed.

use giantstep::expr::{Expr, Function, Operator};

/// The largest formula that is set.
const MOST_NODES: usize = 120;

/// The formula as an element `math`; none where it is too large to be read. `variable` names a variable by its place.
pub fn mathml(expr: &Expr, variable: &dyn Fn(usize) -> String) -> Option<String> {
    let mut nodes = 0;
    expr.visit(&mut |_| nodes += 1);
    (nodes <= MOST_NODES).then(|| format!("<math>{}</math>", set(expr, variable)))
}

/// `z_k` of a link.
pub fn of_link(place: usize) -> String {
    format!("<msub><mi>z</mi><mn>{}</mn></msub>", place + 1)
}

/// `x` of an activation.
pub fn of_activation(_: usize) -> String {
    "<mi>x</mi>".to_owned()
}

/// How tightly an expression binds: sums 1, products 2, signs 3, powers 4, the rest 5.
fn binding(expr: &Expr) -> u8 {
    match expr {
        Expr::Binary(Operator::Add | Operator::Subtract, ..) => 1,
        Expr::Binary(Operator::Multiply, ..) => 2,
        Expr::Negate(_) => 3,
        Expr::Binary(Operator::Power, ..) => 4,
        // A fraction encloses what it holds.
        _ => 5,
    }
}

fn set(expr: &Expr, variable: &dyn Fn(usize) -> String) -> String {
    let plain = |e: &Expr| set(e, variable);
    let inside = |e: &Expr, least: u8| match binding(e) < least {
        true => format!("<mrow><mo>(</mo>{}<mo>)</mo></mrow>", set(e, variable)),
        false => set(e, variable),
    };
    match expr {
        Expr::Number(number) => match number.is_integer() {
            true => format!("<mn>{}</mn>", number.numer()),
            false => {
                let (above, below) = (number.numer(), number.denom());
                match above.to_string().len() + below.to_string().len() > 8 {
                    true => format!("<mn>{}</mn>", decimal(expr)),
                    false => format!("<mfrac><mn>{above}</mn><mn>{below}</mn></mfrac>"),
                }
            }
        },
        Expr::Pi => "<mi>π</mi>".to_owned(),
        Expr::Variable(place) => variable(*place),
        Expr::Negate(e) => format!("<mrow><mo>−</mo>{}</mrow>", inside(e, 3)),
        Expr::Hermite(k, e) => format!(
            "<mrow><msub><mi>He</mi><mn>{k}</mn></msub><mo>(</mo>{}<mo>)</mo></mrow>",
            plain(e)
        ),
        Expr::Apply(Function::Sqrt, e) => format!("<msqrt>{}</msqrt>", plain(e)),
        Expr::Apply(Function::Abs, e) => {
            format!("<mrow><mo>|</mo>{}<mo>|</mo></mrow>", plain(e))
        }
        Expr::Apply(function, e) => format!(
            "<mrow><mi>{}</mi><mo>(</mo>{}<mo>)</mo></mrow>",
            function.name(),
            plain(e)
        ),
        Expr::Binary(operator, a, b) => match operator {
            Operator::Add => format!("<mrow>{}<mo>+</mo>{}</mrow>", plain(a), inside(b, 2)),
            Operator::Subtract => format!("<mrow>{}<mo>−</mo>{}</mrow>", plain(a), inside(b, 2)),
            Operator::Multiply => {
                let sign = match matches!(**b, Expr::Number(_)) {
                    true => "<mo>·</mo>",
                    false => "<mo>&#x2062;</mo>",
                };
                format!("<mrow>{}{sign}{}</mrow>", inside(a, 2), inside(b, 3))
            }
            Operator::Divide => format!("<mfrac>{}{}</mfrac>", row(&plain(a)), row(&plain(b))),
            Operator::Power => {
                format!("<msup>{}{}</msup>", row(&inside(a, 5)), row(&plain(b)))
            }
            Operator::Min | Operator::Max => {
                let name = match operator {
                    Operator::Min => "min",
                    _ => "max",
                };
                format!(
                    "<mrow><mi>{name}</mi><mo>(</mo>{}<mo>,</mo>{}<mo>)</mo></mrow>",
                    plain(a),
                    plain(b)
                )
            }
        },
    }
}

/// One element, whatever it holds.
fn row(inner: &str) -> String {
    format!("<mrow>{inner}</mrow>")
}

/// A number as a decimal.
fn decimal(number: &Expr) -> String {
    giantstep_lab::words::number(giantstep::expr::Program::new(number).eval(&[]))
}

#[cfg(test)]
mod tests {
    use giantstep::expr::{Scope, parse};

    use super::*;

    #[test]
    fn a_formula_is_set_as_it_is_understood() {
        let plain = |place: usize| format!("z{}", place + 1);
        let set = |text: &str| {
            let expr = parse(text, Scope::Link).unwrap();
            let all = mathml(&expr, &plain).unwrap();
            let mut words = String::new();
            for part in all.split('<') {
                let (tag, text) = part.split_once('>').unwrap_or(("", part));
                let mark = match tag {
                    "msup" => "^",
                    "mfrac" => "/",
                    "msqrt" => "√",
                    _ => "",
                };
                words += mark;
                words += text;
            }
            words.replace("&#x2062;", "")
        };
        for (typed, shown) in [
            ("z1 + z1*z2", "z1+z1z2"),
            ("(z1 + z2)*z3", "(z1+z2)z3"),
            ("-z1^2", "−^z12"),
            ("(-z1)^2", "^(−z1)2"),
            ("z1 - (z2 - z3)", "z1−(z2−z3)"),
            ("z1/2 + He3(z2)", "/z12+He3(z2)"),
            ("2*3", "2·3"),
            ("max(z1, abs(z2))", "max(z1,|z2|)"),
            ("sqrt(z1^2)", "√^z12"),
        ] {
            assert_eq!(set(typed), shown, "{typed}");
        }
        let long = vec!["z1"; 70].join(" + ");
        assert_eq!(mathml(&parse(&long, Scope::Link).unwrap(), &plain), None);
    }
}
