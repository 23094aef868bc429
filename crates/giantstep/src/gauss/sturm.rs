//! Real roots of polynomials with rational coefficients, each found.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::expr::{Expr, Operator};

/// The largest degree that is worth exact arithmetic.
const LARGEST_DEGREE: usize = 64;

/// The coefficients, lowest first, of an expression that is a polynomial of one variable over the rationals.
pub(crate) fn univariate(expr: &Expr, variable: usize) -> Option<Vec<BigRational>> {
    let of = |e: &Expr| univariate(e, variable);
    if expr.variables() == 0 {
        return Some(vec![expr.as_rational()?]);
    }
    let result = match expr {
        Expr::Variable(k) => {
            (*k == variable).then(|| vec![BigRational::zero(), BigRational::one()])?
        }
        Expr::Negate(e) => of(e)?.into_iter().map(|c| -c).collect(),
        Expr::Hermite(k, e) => {
            let x = of(e)?;
            let (mut low, mut high) = (vec![], vec![BigRational::one()]);
            for j in 0..*k {
                let factor = BigRational::from_integer(BigInt::from(-i64::from(j)));
                let next = sum(product(&x, &high)?, product(&[factor], &low)?);
                (low, high) = (high, next);
            }
            high
        }
        Expr::Binary(operator, a, b) => match operator {
            Operator::Add => sum(of(a)?, of(b)?),
            Operator::Subtract => sum(of(a)?, of(b)?.into_iter().map(|c| -c).collect()),
            Operator::Multiply => product(&of(a)?, &of(b)?)?,
            Operator::Divide => {
                let divisor = b.as_rational().filter(|d| !d.is_zero())?;
                of(a)?.into_iter().map(|c| c / &divisor).collect()
            }
            Operator::Power => {
                let base = of(a)?;
                let exponent = usize::try_from(b.as_integer()?).ok()?;
                (exponent <= LARGEST_DEGREE).then_some(())?;
                (0..exponent).try_fold(vec![BigRational::one()], |p, _| product(&p, &base))?
            }
            Operator::Min | Operator::Max => return None,
        },
        _ => return None,
    };
    (result.len() <= LARGEST_DEGREE + 1).then_some(result)
}

fn sum(mut a: Vec<BigRational>, b: Vec<BigRational>) -> Vec<BigRational> {
    a.resize(a.len().max(b.len()), BigRational::zero());
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

fn product(a: &[BigRational], b: &[BigRational]) -> Option<Vec<BigRational>> {
    if a.is_empty() || b.is_empty() {
        return Some(Vec::new());
    }
    (a.len() + b.len() <= LARGEST_DEGREE + 2).then_some(())?;
    let mut product = vec![BigRational::zero(); a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate().filter(|(_, x)| !x.is_zero()) {
        for (j, y) in b.iter().enumerate() {
            product[i + j] += x * y;
        }
    }
    Some(product)
}

/// A polynomial with integer coefficients without common factor, lowest first, no leading zero.
type Whole = Vec<BigInt>;

/// Divides out what all coefficients share, keeping signs.
fn primitive(mut polynomial: Whole) -> Whole {
    while polynomial.last().is_some_and(Zero::is_zero) {
        polynomial.pop();
    }
    let common = polynomial.iter().fold(BigInt::zero(), |gcd, c| gcd.gcd(c));
    if common > BigInt::one() {
        polynomial.iter_mut().for_each(|c| *c /= &common);
    }
    polynomial
}

fn derivative(polynomial: &[BigInt]) -> Whole {
    let terms = polynomial.iter().enumerate().skip(1);
    primitive(terms.map(|(k, c)| c * k).collect())
}

/// A positive multiple of the remainder of a division.
fn remainder(a: &[BigInt], b: &[BigInt]) -> Whole {
    let mut rest = a.to_vec();
    let head = b[b.len() - 1].clone();
    while rest.len() >= b.len() {
        let factor = rest[rest.len() - 1].clone();
        let shift = rest.len() - b.len();
        let sign = if head.is_negative() { -1 } else { 1 };
        for c in &mut rest {
            *c *= head.abs();
        }
        for (k, c) in b.iter().enumerate() {
            rest[shift + k] -= &factor * c * sign;
        }
        rest = primitive(rest);
        if rest.is_empty() {
            break;
        }
    }
    rest
}

/// The exact quotient up to a factor, b a divisor of a.
fn quotient(a: &[BigInt], b: &[BigInt]) -> Whole {
    let mut rest: Vec<BigRational> = a.iter().cloned().map(BigRational::from_integer).collect();
    let head = BigRational::from_integer(b[b.len() - 1].clone());
    let mut quotient = vec![BigRational::zero(); a.len() + 1 - b.len()];
    for place in (0..quotient.len()).rev() {
        let factor = &rest[place + b.len() - 1] / &head;
        for (k, c) in b.iter().enumerate() {
            rest[place + k] -= &factor * c;
        }
        quotient[place] = factor;
    }
    whole(&quotient)
}

/// A positive multiple with integer coefficients.
fn whole(polynomial: &[BigRational]) -> Whole {
    let denominator = polynomial
        .iter()
        .fold(BigInt::one(), |lcm, c| lcm.lcm(c.denom()));
    let integer = |c: &BigRational| c.numer() * (&denominator / c.denom());
    primitive(polynomial.iter().map(integer).collect())
}

/// The sign at `numerator / 2^shift`.
fn sign_at(polynomial: &[BigInt], numerator: &BigInt, shift: usize) -> i8 {
    let mut value = BigInt::zero();
    for (power, c) in polynomial.iter().rev().enumerate() {
        value = value * numerator + (c << (shift * power));
    }
    match (value.is_zero(), value.is_negative()) {
        (true, _) => 0,
        (_, true) => -1,
        _ => 1,
    }
}

/// The distinct real roots of a polynomial, lowest coefficient first, in `[-edge, edge]`, to the last digit: Sturm's
/// theorem separates them, bisection in exact numbers refines.
pub(crate) fn sturm_roots(polynomial: &[BigRational], edge: f64) -> Vec<f64> {
    let mut square_free = whole(polynomial);
    if square_free.len() < 2 {
        return Vec::new();
    }
    let mut common = (square_free.clone(), derivative(&square_free));
    while !common.1.is_empty() {
        let rest = remainder(&common.0, &common.1);
        common = (common.1, rest);
    }
    if common.0.len() > 1 {
        square_free = quotient(&square_free, &common.0);
    }
    let mut chain = vec![square_free.clone(), derivative(&square_free)];
    while chain[chain.len() - 1].len() > 1 {
        let rest = remainder(&chain[chain.len() - 2], &chain[chain.len() - 1]);
        if rest.is_empty() {
            break;
        }
        chain.push(rest.into_iter().map(|c| -c).collect());
    }
    // Roots in (-infinity, x], less a constant.
    let changes = |numerator: &BigInt, shift: usize| {
        let signs: Vec<i8> = chain
            .iter()
            .map(|p| sign_at(p, numerator, shift))
            .filter(|s| *s != 0)
            .collect();
        signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    const DIGITS: usize = 60;
    let edge = BigInt::from(edge.ceil() as i64);
    let mut roots = Vec::new();
    // Cells (low, high] of width 2 edge / 2^level, with the sign changes at their ends.
    let mut cells = vec![(-edge.clone(), edge, 0usize)];
    while let Some((low, high, shift)) = cells.pop() {
        let count = changes(&low, shift) - changes(&high, shift);
        if count == 0 {
            continue;
        }
        if count == 1 || shift > DIGITS {
            roots.push(refined(&square_free, low, high, shift, DIGITS));
            continue;
        }
        let middle = &low + &high;
        cells.push((&low << 1, middle.clone(), shift + 1));
        cells.push((middle, &high << 1, shift + 1));
    }
    roots.sort_unstable_by(f64::total_cmp);
    roots
}

/// The one root in `(low, high] / 2^shift`.
fn refined(
    p: &[BigInt],
    mut low: BigInt,
    mut high: BigInt,
    mut shift: usize,
    digits: usize,
) -> f64 {
    let at_high = sign_at(p, &high, shift);
    if at_high == 0 {
        return quotient_of(&high, shift);
    }
    while shift < digits {
        let middle = &low + &high;
        shift += 1;
        let sign = sign_at(p, &middle, shift);
        if sign == 0 {
            return quotient_of(&middle, shift);
        }
        // Next to a root at `low`, which belongs to the cell before, the sign just above it decides.
        if sign == at_high {
            (low, high) = (low << 1, middle);
        } else {
            (low, high) = (middle, high << 1);
        }
    }
    0.5 * (quotient_of(&low, shift) + quotient_of(&high, shift))
}

fn quotient_of(numerator: &BigInt, shift: usize) -> f64 {
    BigRational::new(numerator.clone(), BigInt::one() << shift)
        .to_f64()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Scope, parse};

    fn roots(text: &str) -> Vec<f64> {
        let expr = parse(text, Scope::Activation).unwrap();
        sturm_roots(&univariate(&expr, 0).unwrap(), 12.0)
    }

    #[test]
    fn all_roots_are_found_once() {
        assert_eq!(roots("x*(x - 1)^3*(x + 2)^2"), [-2.0, 0.0, 1.0]);
        assert_eq!(roots("x^2 + 1"), [0.0; 0]);
        assert_eq!(roots("x^64"), [0.0]);
        let close = roots("(x - 0.537)^2 - 1e-12");
        assert!(close.len() == 2 && (close[1] - close[0] - 2e-6).abs() < 1e-15);
        // The nodes of the rule of Gauss and Hermite.
        let nodes = roots("He20(x)");
        let rule = crate::gauss::gauss_hermite(std::num::NonZeroUsize::new(20).unwrap());
        assert_eq!(nodes.len(), 20);
        for (x, y) in nodes.iter().zip(&rule.nodes) {
            assert!((x - y).abs() < 1e-12);
        }
        // Wilkinson: twelve whole roots; those beyond the edge are left out.
        let product: Vec<String> = (1..=14).map(|k| format!("(x - {k})")).collect();
        let whole: Vec<f64> = (1..=12).map(f64::from).collect();
        assert_eq!(roots(&product.join("*")), whole);
    }
}
