//! The Hermite degrees of a link that giant steps of an activation can use.
//!
//! The population gradient of a neuron with overlaps M and squared length q holds the part of Hermite degree D of the
//! link times `c_D(q) = E[sigma^(D)(sqrt(q) x)]`: THEORY.md (75). Since `2 dc_D/dq = c_{D+2}`, it vanishes for all q
//! exactly if the part of the activation of the parity of D is a polynomial of degree below D: (76). Neurons start at
//! q = 1, so a zero of `c_D(1)` alone blinds the first step only.

use num_rational::BigRational;

use super::convert;
use super::heat::heat_transform;
use super::polynomial::{Monomial, Polynomial};
use super::report::Status;
use super::scalar::Scalar;
use crate::expr::{Expr, Function, Operator, Program};
use crate::gauss::{Coefficients, hermite_all};

/// The largest degree of a polynomial that is told from its values.
const LARGEST_DEGREE: usize = 20;

/// Below this, in units of the length of the activation, a coefficient counts as zero.
const ZERO: f64 = 1e-9;

/// Whether a step can use a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It can.
    Seen,
    /// It cannot.
    Blind,
    /// Not decided.
    Open,
}

/// The even or the odd part of an activation.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// A polynomial with these coefficients, exactly.
    Exact(Polynomial<BigRational>),
    /// A polynomial of this degree (`None` for zero) within the rounding of its values.
    Rounded(Option<u32>),
    /// No polynomial.
    Endless,
    /// Not told from a polynomial; what lies up to this degree is there.
    Open(u32),
}

/// What an activation sees.
#[derive(Debug, Clone)]
pub struct Visible {
    /// What the degree of the activation is above that of the function below: 1 for its derivative.
    shift: u32,
    /// The even and the odd part of the activation, or of its derivative where it may jump: steps know that alone.
    parts: [Part; 2],
    /// `c_k / sqrt(k!)` over the length of that function, and the errors.
    coefficients: Vec<(f64, f64)>,
}

impl Visible {
    /// What this activation sees. Milliseconds.
    pub fn of(activation: &Expr) -> Self {
        let mut jumps = false;
        activation.visit(&mut |e| {
            jumps |= matches!(e, Expr::Apply(Function::Sign | Function::Step, _));
        });
        let function = match jumps {
            true => activation.derivative(0),
            false => activation.clone(),
        };
        let found = Coefficients::of(&function, LARGEST_DEGREE + 5);
        let mut factorial = 1.0;
        let mut coefficients: Vec<(f64, f64)> = Vec::new();
        for (k, (c, e)) in found.values.iter().zip(&found.errors).enumerate() {
            factorial *= (k as f64).max(1.0);
            coefficients.push((c / f64::sqrt(factorial), e / f64::sqrt(factorial)));
        }
        let length = coefficients.iter().map(|(c, _)| c * c).sum::<f64>().sqrt();
        for (c, e) in &mut coefficients {
            (*c, *e) = (*c / length.max(1e-300), *e / length.max(1e-300));
        }
        let exact = split(&function);
        let parts = [0, 1].map(|parity| {
            let typed = exact.as_ref().map(|parts| match &parts[parity] {
                Some(part) => convert::polynomial::<BigRational>(part),
                None => Some(Polynomial::zero()),
            });
            match typed.flatten() {
                Some(polynomial) => Part::Exact(polynomial),
                None => part_of_values(&function, &found, &coefficients, parity),
            }
        });
        Self {
            shift: u32::from(jumps),
            parts,
            coefficients,
        }
    }

    /// The part in which a degree of the activation lies, and its degree there.
    fn part(&self, degree: u32) -> (&Part, u32) {
        let there = degree - self.shift;
        (&self.parts[there as usize % 2], there)
    }

    /// Whether a step with neurons of generic length can use the degree, at least 1: any step but the first.
    pub fn later(&self, degree: u32) -> Sight {
        let (part, degree) = self.part(degree);
        let up_to = |largest: Option<u32>| match largest {
            Some(largest) if degree <= largest => Sight::Seen,
            _ => Sight::Blind,
        };
        match part {
            Part::Exact(polynomial) if polynomial.len() == 0 => Sight::Blind,
            Part::Exact(polynomial) => up_to(Some(polynomial.degree())),
            Part::Rounded(largest) => up_to(*largest),
            Part::Endless => Sight::Seen,
            Part::Open(largest) if degree <= *largest => Sight::Seen,
            Part::Open(_) => Sight::Open,
        }
    }

    /// Whether the first step, with neurons of unit length, can use the degree: `c_D != 0`.
    pub fn first(&self, degree: u32) -> Sight {
        let (part, there) = self.part(degree);
        if let Part::Exact(polynomial) = part {
            let heat = heat_transform(polynomial, 1, u32::MAX);
            let zero = heat.coefficient(Monomial::power(0, there)).vanishes();
            return if zero { Sight::Blind } else { Sight::Seen };
        }
        match (self.later(degree), self.coefficients.get(there as usize)) {
            (Sight::Seen, Some((value, error))) => match value.abs() {
                c if c > ZERO.max(*error) => Sight::Seen,
                _ if *error <= ZERO => Sight::Blind,
                _ => Sight::Open,
            },
            // Beyond what is computed nothing is asked of a first step.
            (Sight::Seen, None) => Sight::Open,
            (sight, _) => sight,
        }
    }

    /// How far the zeros can be trusted: exact where they follow from the formula of the activation.
    pub fn status(&self) -> Status {
        let rounded = |part: &Part| matches!(part, Part::Rounded(_) | Part::Open(_));
        if self.parts.iter().any(rounded) {
            Status::Certified
        } else {
            Status::Exact
        }
    }

    /// Whether the activation is even (0) or odd (1): the part of the other parity vanishes.
    pub fn parity(&self) -> Option<u32> {
        let absent = |part: &Part| match part {
            Part::Exact(polynomial) => polynomial.len() == 0,
            Part::Rounded(degree) => degree.is_none(),
            Part::Endless | Part::Open(_) => false,
        };
        let shift = self.shift;
        match (absent(&self.parts[0]), absent(&self.parts[1])) {
            (true, false) => Some((1 + shift) % 2),
            (false, true) => Some(shift),
            _ => None,
        }
    }

    /// The parity of the activation less a constant: that of what a step knows of it, its derivative.
    pub fn slope_parity(&self) -> Option<u32> {
        let flat = match &self.parts[0] {
            Part::Exact(polynomial) => polynomial.degree() == 0,
            Part::Rounded(degree) => degree.is_none_or(|d| d == 0),
            Part::Endless | Part::Open(_) => false,
        };
        match flat && self.shift == 0 {
            true if self.parts[1] != Part::Rounded(None) => Some(1),
            _ => self.parity(),
        }
    }

    /// Whether a later step on the same batch can use the degree D of the power m of the labels, mean included.
    ///
    /// The coefficient is `E[sigma'(x)^(m-1) sigma^(m-1+D)(x + tau xi)]`, x and xi independent normals: THEORY.md (77).
    pub fn reuses(&self, power: usize, degree: u32) -> bool {
        let there = match power {
            1 => self.later(degree) == Sight::Seen,
            _ => self.parts.contains(&Part::Endless),
        };
        there
            && match self.slope_parity() {
                Some(1) => degree as usize % 2 == power % 2,
                Some(_) => degree.is_multiple_of(2),
                None => true,
            }
    }
}

/// A part that its formula does not tell, from its values at points near and far.
fn part_of_values(
    function: &Expr,
    found: &Coefficients,
    normalised: &[(f64, f64)],
    parity: usize,
) -> Part {
    const POINTS: [f64; 8] = [0.3, 0.9, 1.7, 2.9, 4.3, 6.1, 8.3, 11.7];
    let sign = 1.0 - 2.0 * parity as f64;
    let program = Program::new(function);
    let degrees = || (parity..=LARGEST_DEGREE).step_by(2);
    let mut factorials = vec![1.0];
    for k in 1..=LARGEST_DEGREE {
        factorials.push(factorials[k - 1] * k as f64);
    }
    // The largest part of the values that degrees up to `largest` leave.
    let left = |largest: Option<usize>| {
        let relative = POINTS.iter().map(|&x| {
            let (here, there) = (program.eval(&[x]), program.eval(&[-x]));
            let hermite = hermite_all(LARGEST_DEGREE + 1, x);
            let mut rest = 0.5 * (here + sign * there);
            let mut size = 1.0 + here.abs() + there.abs();
            for k in degrees().filter(|&k| largest.is_some_and(|l| k <= l)) {
                let term = found.values[k] / factorials[k] * hermite[k];
                rest -= term;
                size += term.abs();
            }
            rest.abs() / size
        });
        relative.fold(0.0, f64::max)
    };
    let largest = degrees()
        .filter(|&k| normalised[k].0.abs() > ZERO.max(normalised[k].1))
        .last();
    if left(largest) <= 1e-12 {
        // A polynomial ends at once; a smooth function of a small argument fades.
        return match largest {
            Some(k) if normalised[k].0.abs() < 1e-6 => Part::Open(k as u32),
            largest => Part::Rounded(largest.map(|k| k as u32)),
        };
    }
    if left(Some(LARGEST_DEGREE)) > 1e-6 {
        Part::Endless
    } else {
        Part::Open(largest.map_or(0, |k| k as u32))
    }
}

/// The even and the odd part of an expression in x, `None` for zero; where the rules of the language tell them apart.
fn split(expr: &Expr) -> Option<[Option<Expr>; 2]> {
    let alone = |parity: usize, part: Expr| match parity {
        0 => [Some(part), None],
        _ => [None, Some(part)],
    };
    Some(match expr {
        Expr::Number(_) | Expr::Pi => alone(0, expr.clone()),
        Expr::Variable(_) => alone(1, expr.clone()),
        Expr::Negate(inner) => split(inner)?.map(|part| part.map(|p| Expr::Negate(Box::new(p)))),
        Expr::Hermite(k, inner) => {
            let (parity, _) = pure(split(inner)?)?;
            alone(parity * usize::from(k % 2), expr.clone())
        }
        Expr::Apply(function, inner) => {
            let (parity, inner) = pure(split(inner)?)?;
            if parity == 0 {
                return Some(alone(0, expr.clone()));
            }
            let half = |e: Expr| binary(Operator::Divide, e, number(2));
            let applied = |function, e| Expr::Apply(function, Box::new(e));
            match function {
                Function::Erf | Function::Tanh | Function::Sign | Function::Sin => {
                    alone(1, expr.clone())
                }
                Function::Abs | Function::Cos => alone(0, expr.clone()),
                Function::Relu => [
                    Some(half(applied(Function::Abs, inner.clone()))),
                    Some(half(inner)),
                ],
                Function::Step => [
                    Some(half(number(1))),
                    Some(half(applied(Function::Sign, inner))),
                ],
                Function::Sigmoid => [
                    Some(half(number(1))),
                    Some(half(applied(Function::Tanh, half(inner)))),
                ],
                Function::Exp | Function::Log | Function::Sqrt => return None,
            }
        }
        Expr::Binary(operator, a, b) => {
            let [a, b] = [split(a)?, split(b)?];
            match operator {
                Operator::Add | Operator::Subtract => {
                    let [[a, c], [b, d]] = [a, b];
                    [sum(*operator, a, b), sum(*operator, c, d)]
                }
                Operator::Multiply => {
                    let of = |i: usize, j: usize| {
                        let (x, y) = (a[i].clone()?, b[j].clone()?);
                        Some(binary(Operator::Multiply, x, y))
                    };
                    let (even, odd) = ((of(0, 0), of(1, 1)), (of(0, 1), of(1, 0)));
                    [
                        sum(Operator::Add, even.0, even.1),
                        sum(Operator::Add, odd.0, odd.1),
                    ]
                }
                Operator::Divide => {
                    let (parity, divisor) = pure(b)?;
                    let over =
                        |x: Option<Expr>| x.map(|x| binary(Operator::Divide, x, divisor.clone()));
                    let mut parts = a.map(over);
                    if parity == 1 {
                        parts.swap(0, 1);
                    }
                    parts
                }
                Operator::Power => {
                    let (parity, base) = pure(a)?;
                    let (_, exponent) = pure(b)?;
                    let whole = exponent.as_integer();
                    let parity = match (parity, whole) {
                        (0, _) => 0,
                        (_, Some(k)) => k.rem_euclid(2) as usize,
                        _ => return None,
                    };
                    alone(parity, binary(Operator::Power, base, exponent))
                }
                Operator::Max | Operator::Min => {
                    // (a + b)/2 +- |a - b|/2
                    let [a, b] = [joined(a), joined(b)];
                    let half = |e| binary(Operator::Divide, e, number(2));
                    let apart = binary(Operator::Subtract, a.clone(), b.clone());
                    let apart = Expr::Apply(Function::Abs, Box::new(apart));
                    let way = match operator {
                        Operator::Max => Operator::Add,
                        _ => Operator::Subtract,
                    };
                    let both = half(binary(Operator::Add, a, b));
                    return split(&binary(way, both, half(apart)));
                }
            }
        }
    })
}

/// The one part of an expression that is even or odd, and which.
fn pure(parts: [Option<Expr>; 2]) -> Option<(usize, Expr)> {
    match parts {
        [Some(even), None] => Some((0, even)),
        [None, Some(odd)] => Some((1, odd)),
        [None, None] => Some((0, number(0))),
        _ => None,
    }
}

fn joined(parts: [Option<Expr>; 2]) -> Expr {
    let [even, odd] = parts;
    sum(Operator::Add, even, odd).unwrap_or_else(|| number(0))
}

fn sum(operator: Operator, a: Option<Expr>, b: Option<Expr>) -> Option<Expr> {
    match (a, b) {
        (Some(a), Some(b)) if a == b && operator == Operator::Subtract => None,
        (Some(a), Some(b)) => Some(binary(operator, a, b)),
        (None, Some(b)) if operator == Operator::Subtract => Some(Expr::Negate(Box::new(b))),
        (a, b) => a.or(b),
    }
}

fn binary(operator: Operator, a: Expr, b: Expr) -> Expr {
    Expr::Binary(operator, Box::new(a), Box::new(b))
}

fn number(value: u64) -> Expr {
    Expr::Number(BigRational::integer(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Scope, parse};

    fn seen(text: &str) -> Visible {
        Visible::of(&parse(text, Scope::Activation).unwrap())
    }

    fn blind(text: &str) -> Vec<u32> {
        let visible = seen(text);
        let degrees = 1..9;
        degrees
            .filter(|&k| visible.later(k) == Sight::Blind)
            .collect()
    }

    #[test]
    fn an_activation_is_blind_beyond_its_polynomial_parts() {
        let odd = vec![3, 5, 7];
        for text in [
            "relu(x)",
            "relu(2*x) - 3*x",
            "max(x, x/10)",
            "x*sigmoid(x)",
            "x*(1 + erf(x/sqrt(2)))/2",
            "log(1 + exp(x))",
            "abs(x) + x",
        ] {
            assert_eq!(blind(text), odd, "{text}");
        }
        for text in ["tanh(x)", "erf(x)", "sigmoid(x)", "x - tanh(x)^3"] {
            assert_eq!(blind(text), [2, 4, 6, 8], "{text}");
        }
        // A step has no slope: nothing moves.
        assert_eq!(blind("step(x)"), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(blind("x*step(x)"), odd);
        assert_eq!(blind("x^2"), [1, 3, 4, 5, 6, 7, 8]);
        assert_eq!(blind("He3(x)"), [2, 4, 5, 6, 7, 8]);
        for text in ["sin(x + 0.7)", "exp(-(x - 1)^2)", "relu(x - 1)", "exp(x)"] {
            assert_eq!(blind(text), [0; 0], "{text}");
        }
    }

    #[test]
    fn a_zero_at_unit_length_blinds_the_first_step_alone() {
        for text in ["He3(x)", "x*cos(x)"] {
            let visible = seen(text);
            assert_eq!(visible.first(1), Sight::Blind, "{text}");
            assert_eq!(visible.later(1), Sight::Seen, "{text}");
        }
    }

    #[test]
    fn a_constant_beside_an_odd_activation_changes_no_step() {
        for text in ["tanh(x)", "sigmoid(x)", "3 + erf(x)", "0.3 + x - tanh(x)^3"] {
            let visible = seen(text);
            assert!(!visible.reuses(2, 1) && visible.reuses(3, 1), "{text}");
        }
        for text in ["relu(x)", "sin(x + 0.7)"] {
            let visible = seen(text);
            assert!(visible.reuses(2, 1), "{text}");
        }
        assert_eq!(seen("sigmoid(x)").parity(), None);
    }

    #[test]
    fn a_function_that_fades_is_no_polynomial() {
        // The degrees of sin(x/10) fall by two orders of magnitude each: the ninth is there, at 1e-12.
        let visible = seen("sin(x/10)");
        assert_eq!(visible.later(9), Sight::Open);
        assert_eq!(visible.later(3), Sight::Seen);
        assert_eq!(visible.later(2), Sight::Blind);
    }
}
