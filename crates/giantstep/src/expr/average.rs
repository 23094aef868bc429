//! Averages over independent random numbers in closed form, such as `E[sign(z + s e) | z] = erf(z/(s sqrt 2))`.
//!
//! An expression is expanded into products of powers of random atoms (a random number, or a function of an expression
//! that holds one) with coefficients that hold none; factors that share no random number are averaged one by one.
//! What no rule covers has no average here.

use std::cell::Cell;
use std::collections::BTreeSet;

use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::ast::{Expr, Function, Operator};

/// The law of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    /// Not random.
    Fixed,
    /// Standard normal.
    Normal,
    /// Uniform on [0, 1].
    Uniform,
}

/// The largest whole power that is expanded.
const LARGEST_POWER: i64 = 16;
/// The most terms of an expansion.
const MOST_TERMS: usize = 400;
/// The most expressions that are averaged on the way.
const MOST_WORK: usize = 4_000;

/// Averages over the variables whose law is not [`Law::Fixed`].
pub(super) struct Averages<F> {
    law: F,
    work: Cell<usize>,
}

/// `coefficient prod atom^power`.
#[derive(Debug, Clone)]
struct Term {
    coefficient: Expr,
    powers: Vec<(Expr, u32)>,
}

impl<F: Fn(usize) -> Law> Averages<F> {
    pub(super) fn new(law: F) -> Self {
        Self {
            law,
            work: Cell::new(0),
        }
    }

    /// The average, or none where no rule covers it.
    pub(super) fn of(&self, expr: &Expr) -> Option<Expr> {
        self.work.set(self.work.get() + 1);
        if self.work.get() > MOST_WORK {
            return None;
        }
        if !self.is_random(expr) {
            return Some(expr.clone());
        }
        if let Some((coin, chance)) = self.coin(expr) {
            let down = match coin {
                Expr::Apply(Function::Sign, _) => -1,
                _ => 0,
            };
            let given = |value: i64| {
                self.of(&expr.replaced(&|e| (*e == coin).then(|| Expr::integer(value))))
            };
            let (up, down) = (given(1)?, given(down)?);
            let other = folded(subtract(Expr::integer(1), chance.clone()));
            return Some(add(multiply(chance, up), multiply(other, down)));
        }
        let terms = self.terms(expr)?.into_iter();
        let means = terms.map(|term| self.term(term));
        let mut sum: Option<Expr> = None;
        for mean in means {
            let mean = mean?;
            sum = Some(match sum {
                Some(sum) => add(sum, mean),
                None => mean,
            });
        }
        Some(sum.unwrap_or_else(|| Expr::integer(0)))
    }

    fn is_random(&self, expr: &Expr) -> bool {
        !self.random(expr).is_empty()
    }

    /// The random numbers in an expression.
    fn random(&self, expr: &Expr) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        expr.visit(&mut |e| {
            if let Expr::Variable(k) = e
                && (self.law)(*k) != Law::Fixed
            {
                found.insert(*k);
            }
        });
        found
    }

    /// A sign or a step of random numbers alone, which stand nowhere else: one of two values; and the chance of 1.
    fn coin(&self, expr: &Expr) -> Option<(Expr, Expr)> {
        let mut coins: Vec<(&Expr, &Expr)> = Vec::new();
        expr.visit(&mut |e| {
            if let Expr::Apply(Function::Sign | Function::Step, inner) = e {
                coins.push((e, inner));
            }
        });
        coins.into_iter().find_map(|(coin, inner)| {
            let random = self.random(inner);
            let mut alone = !random.is_empty();
            inner.visit(&mut |e| {
                if let Expr::Variable(k) = e {
                    alone &= random.contains(k);
                }
            });
            let rest = expr.replaced(&|e| (e == coin).then(|| Expr::integer(1)));
            (alone && self.random(&rest).is_disjoint(&random)).then_some(())?;
            let chance = self.function(Function::Step, inner)?;
            Some((coin.clone(), chance))
        })
    }

    /// The expansion.
    fn terms(&self, expr: &Expr) -> Option<Vec<Term>> {
        if !self.is_random(expr) {
            let (coefficient, powers) = (expr.clone(), Vec::new());
            return Some(vec![Term {
                coefficient,
                powers,
            }]);
        }
        match expr {
            Expr::Variable(_) | Expr::Apply(..) => Some(vec![Term {
                coefficient: Expr::integer(1),
                powers: vec![(expr.clone(), 1)],
            }]),
            Expr::Negate(e) => Some(scaled(self.terms(e)?, &Expr::integer(-1))),
            Expr::Binary(Operator::Add, a, b) => gathered([self.terms(a)?, self.terms(b)?]),
            Expr::Binary(Operator::Subtract, a, b) => {
                let minus = scaled(self.terms(b)?, &Expr::integer(-1));
                gathered([self.terms(a)?, minus])
            }
            Expr::Binary(Operator::Multiply, a, b) => product(&self.terms(a)?, &self.terms(b)?),
            Expr::Binary(Operator::Divide, a, b) if !self.is_random(b) => {
                let terms = self.terms(a)?.into_iter();
                let divided = terms.map(|term| Term {
                    coefficient: folded(divide(term.coefficient, (**b).clone())),
                    ..term
                });
                Some(divided.collect())
            }
            Expr::Binary(Operator::Power, base, exponent) => {
                let exponent = exponent
                    .as_integer()
                    .filter(|k| (0..=LARGEST_POWER).contains(k))?;
                let base = self.terms(base)?;
                (0..exponent).try_fold(one(), |power, _| product(&power, &base))
            }
            Expr::Hermite(k, e) => {
                let argument = self.terms(e)?;
                let (mut low, mut high) = (Vec::new(), one());
                for j in 0..i64::from(*k) {
                    let next = [product(&argument, &high)?, scaled(low, &Expr::integer(-j))];
                    (low, high) = (high, gathered(next)?);
                }
                Some(high)
            }
            Expr::Binary(..) | Expr::Number(_) | Expr::Pi => None,
        }
    }

    /// The average of one product.
    fn term(&self, term: Term) -> Option<Expr> {
        let mut groups: Vec<(BTreeSet<usize>, Vec<(Expr, u32)>)> = Vec::new();
        for (atom, power) in term.powers {
            let mut random = self.random(&atom);
            let mut members = vec![(atom, power)];
            let (met, apart) = groups
                .into_iter()
                .partition(|(known, _)| !known.is_disjoint(&random));
            groups = apart;
            for (known, others) in met {
                random.extend(known);
                members.extend(others);
            }
            groups.push((random, members));
        }
        let mut value = term.coefficient;
        for (_, members) in groups {
            value = multiply(value, self.group(&members)?);
        }
        Some(value)
    }

    /// The average of a product of powers that share random numbers.
    fn group(&self, members: &[(Expr, u32)]) -> Option<Expr> {
        if let [(Expr::Variable(k), power)] = members {
            return Some(Expr::Number(match (self.law)(*k) {
                Law::Uniform => BigRational::new(1.into(), (power + 1).into()),
                _ if power % 2 == 1 => BigRational::zero(),
                // (power - 1)!!
                _ => (1..*power).step_by(2).fold(BigRational::one(), |x, k| {
                    x * BigRational::from_integer(k.into())
                }),
            }));
        }
        if let [(Expr::Apply(function, inner), 1)] = members {
            return self.function(*function, inner);
        }
        // A product of exponentials is one.
        let mut exponent: Option<Expr> = None;
        for (atom, power) in members {
            let Expr::Apply(Function::Exp, inner) = atom else {
                return None;
            };
            let part = multiply(Expr::integer(i64::from(*power)), (**inner).clone());
            exponent = Some(match exponent {
                Some(sum) => add(sum, part),
                None => part,
            });
        }
        self.function(Function::Exp, &exponent?)
    }

    /// The average of `function(A + sum_k c_k x_k)` with constants c.
    fn function(&self, function: Function, inner: &Expr) -> Option<Expr> {
        let mut fixed = Expr::integer(0);
        let (mut normals, mut uniforms) = (Vec::new(), Vec::new());
        for Term {
            coefficient,
            powers,
        } in self.terms(inner)?
        {
            match &powers[..] {
                [] => fixed = add(fixed, coefficient),
                [(Expr::Variable(k), 1)] if coefficient.variables() == 0 => match (self.law)(*k) {
                    Law::Uniform => uniforms.push(coefficient),
                    _ => normals.push(coefficient),
                },
                _ => return None,
            }
        }
        let fixed = folded(fixed);
        match (&normals[..], &uniforms[..]) {
            ([], []) => Some(apply(function, fixed)),
            ([], [slope]) => over_uniform(function, fixed, slope),
            (_, []) => over_normals(function, fixed, &normals),
            _ => None,
        }
    }
}

/// The average of `f(a + c u)` over u uniform on [0, 1].
fn over_uniform(function: Function, a: Expr, slope: &Expr) -> Option<Expr> {
    let slope = slope.as_rational().filter(|c| !c.is_zero())?;
    // P(a + c u > 0)
    let chance = || {
        let ratio = folded(divide(a.clone(), Expr::Number(slope.abs())));
        match slope.is_negative() {
            true => clamped(ratio),
            false => clamped(folded(add(Expr::integer(1), ratio))),
        }
    };
    match function {
        Function::Step => Some(chance()),
        Function::Sign => Some(folded(subtract(
            multiply(Expr::integer(2), chance()),
            Expr::integer(1),
        ))),
        Function::Exp => {
            let c = Expr::Number(slope.clone());
            let grown = subtract(apply(Function::Exp, c.clone()), Expr::integer(1));
            Some(multiply(apply(Function::Exp, a), divide(grown, c)))
        }
        _ => None,
    }
}

/// The average of `f(a + sum_k c_k e_k)` over standard normal e.
fn over_normals(function: Function, a: Expr, slopes: &[Expr]) -> Option<Expr> {
    let square = |e: &Expr| power(e.clone(), 2);
    let mut squares = slopes.iter().map(square);
    let first = squares.next()?;
    let variance = folded(squares.fold(first, add));
    let scale = match slopes {
        [slope] => match slope.as_rational() {
            Some(c) => Expr::Number(c.abs()),
            None => apply(Function::Sqrt, variance.clone()),
        },
        _ => apply(Function::Sqrt, variance.clone()),
    };
    let two = || Expr::integer(2);
    // erf(a/(s sqrt 2)), and s times the normal density at a/s.
    let rise = || {
        let width = multiply(scale.clone(), apply(Function::Sqrt, two()));
        apply(Function::Erf, divide(a.clone(), width))
    };
    let peak = || {
        let exponent = divide(square(&a), multiply(two(), variance.clone()));
        let bell = apply(Function::Exp, Expr::Negate(Box::new(exponent)));
        let unit = apply(Function::Sqrt, multiply(two(), Expr::Pi));
        divide(multiply(scale.clone(), bell), unit)
    };
    let half = |e| divide(e, two());
    let damped = |e| {
        let exponent = Expr::Negate(Box::new(half(variance.clone())));
        multiply(e, apply(Function::Exp, exponent))
    };
    Some(match function {
        Function::Sign => rise(),
        Function::Step => half(add(Expr::integer(1), rise())),
        Function::Relu => {
            let along = half(multiply(a.clone(), add(Expr::integer(1), rise())));
            add(along, peak())
        }
        Function::Abs => add(multiply(a.clone(), rise()), multiply(two(), peak())),
        Function::Erf => {
            let width = add(Expr::integer(1), multiply(two(), variance.clone()));
            apply(Function::Erf, divide(a, apply(Function::Sqrt, width)))
        }
        Function::Exp => apply(Function::Exp, add(a, half(variance.clone()))),
        Function::Sin => damped(apply(Function::Sin, a)),
        Function::Cos => damped(apply(Function::Cos, a)),
        Function::Tanh | Function::Sigmoid | Function::Log | Function::Sqrt => return None,
    })
}

/// `min(max(e, 0), 1)`, or e where it is known to lie between.
fn clamped(e: Expr) -> Expr {
    if let Some((low, high)) = bounds(&e)
        && !low.is_negative()
        && high <= BigRational::one()
    {
        return e;
    }
    let binary = |operator, a, b| Expr::Binary(operator, Box::new(a), Box::new(b));
    let above = binary(Operator::Max, e, Expr::integer(0));
    folded(binary(Operator::Min, above, Expr::integer(1)))
}

/// Numbers between which an expression lies, where its form tells them.
fn bounds(e: &Expr) -> Option<(BigRational, BigRational)> {
    if let Some(value) = e.as_rational() {
        return Some((value.clone(), value));
    }
    let whole = |low: i64, high: i64| {
        let number = |k: i64| BigRational::from_integer(k.into());
        Some((number(low), number(high)))
    };
    match e {
        Expr::Apply(Function::Sigmoid | Function::Step, _) => whole(0, 1),
        Expr::Apply(
            Function::Sign | Function::Tanh | Function::Erf | Function::Sin | Function::Cos,
            _,
        ) => whole(-1, 1),
        Expr::Negate(e) => bounds(e).map(|(low, high)| (-high, -low)),
        Expr::Binary(operator, a, b) => {
            let ((a, b), (c, d)) = (bounds(a)?, bounds(b)?);
            match operator {
                Operator::Add => Some((a + c, b + d)),
                Operator::Subtract => Some((a - d, b - c)),
                Operator::Multiply | Operator::Divide => {
                    if *operator == Operator::Divide && (c != d || c.is_zero()) {
                        return None;
                    }
                    let of = |x: &BigRational, y: &BigRational| match operator {
                        Operator::Divide => x / y,
                        _ => x * y,
                    };
                    let ends = [of(&a, &c), of(&a, &d), of(&b, &c), of(&b, &d)];
                    let low = ends.iter().min()?.clone();
                    Some((low, ends.iter().max()?.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn one() -> Vec<Term> {
    vec![Term {
        coefficient: Expr::integer(1),
        powers: Vec::new(),
    }]
}

fn scaled(terms: Vec<Term>, factor: &Expr) -> Vec<Term> {
    let scale = |term: Term| Term {
        coefficient: multiply(factor.clone(), term.coefficient),
        ..term
    };
    terms.into_iter().map(scale).collect()
}

/// The terms of several sums, like ones added up.
fn gathered<const K: usize>(sums: [Vec<Term>; K]) -> Option<Vec<Term>> {
    let mut all: Vec<Term> = Vec::new();
    for term in sums.into_iter().flatten() {
        match all
            .iter_mut()
            .find(|known| alike(&known.powers, &term.powers))
        {
            Some(known) => {
                known.coefficient = add(known.coefficient.clone(), term.coefficient);
            }
            None => all.push(term),
        }
    }
    all.retain(|term| term.coefficient.as_rational().is_none_or(|c| !c.is_zero()));
    (all.len() <= MOST_TERMS).then_some(all)
}

/// Whether two products have the same factors.
fn alike(a: &[(Expr, u32)], b: &[(Expr, u32)]) -> bool {
    a.len() == b.len() && a.iter().all(|factor| b.contains(factor))
}

fn product(a: &[Term], b: &[Term]) -> Option<Vec<Term>> {
    if a.len() * b.len() > MOST_TERMS {
        return None;
    }
    let mut out = Vec::new();
    for x in a {
        for y in b {
            let mut powers = x.powers.clone();
            for (atom, power) in &y.powers {
                match powers.iter_mut().find(|(known, _)| known == atom) {
                    Some((_, sum)) => *sum += power,
                    None => powers.push((atom.clone(), *power)),
                }
            }
            // Almost everywhere the square of a sign is 1, and that of a step the step.
            for (atom, power) in &mut powers {
                match atom {
                    Expr::Apply(Function::Sign, _) => *power %= 2,
                    Expr::Apply(Function::Step, _) => *power = (*power).min(1),
                    _ => {}
                }
            }
            powers.retain(|(_, power)| *power > 0);
            out.push(Term {
                coefficient: multiply(x.coefficient.clone(), y.coefficient.clone()),
                powers,
            });
        }
    }
    gathered([out])
}

fn apply(function: Function, e: Expr) -> Expr {
    Expr::Apply(function, Box::new(e))
}

fn binary(operator: Operator, a: Expr, b: Expr) -> Expr {
    Expr::Binary(operator, Box::new(a), Box::new(b))
}

fn power(e: Expr, exponent: i64) -> Expr {
    folded(binary(Operator::Power, e, Expr::integer(exponent)))
}

fn add(a: Expr, b: Expr) -> Expr {
    match (a.as_rational(), b.as_rational()) {
        (Some(x), _) if x.is_zero() => b,
        (_, Some(y)) if y.is_zero() => a,
        _ => folded(binary(Operator::Add, a, b)),
    }
}

fn subtract(a: Expr, b: Expr) -> Expr {
    folded(binary(Operator::Subtract, a, b))
}

fn multiply(a: Expr, b: Expr) -> Expr {
    match (a.as_rational(), b.as_rational()) {
        (Some(x), _) | (_, Some(x)) if x.is_zero() => Expr::integer(0),
        (Some(x), _) if x.is_one() => b,
        (_, Some(y)) if y.is_one() => a,
        _ => folded(binary(Operator::Multiply, a, b)),
    }
}

fn divide(a: Expr, b: Expr) -> Expr {
    match b.as_rational() {
        Some(y) if y.is_one() => a,
        _ => binary(Operator::Divide, a, b),
    }
}

/// A number where it is made of numbers.
fn folded(e: Expr) -> Expr {
    match e.as_rational() {
        Some(value) => Expr::Number(value),
        None => e,
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::Link;

    /// Against a product rule over the random numbers: 400 midpoints of each uniform one, and the quantiles' midpoints of
    /// each normal one.
    #[test]
    fn averages_are_those_of_a_fine_grid() {
        use statrs::distribution::{ContinuousCDF, Normal};
        let normal = Normal::standard();
        const POINTS: usize = 4_000;
        for text in [
            "sign(z1 + 0.3*e1)",
            "step(z1 - 2*e1)*z2 + e1^2",
            "step(sigmoid(2*z1) - u1)",
            "sign(z1*z2)*sign(u1 - 0.1)",
            "tanh(z1*sign(u1 - 0.25) + z2)",
            "relu(z1 + e1/2) - abs(z2 - e1/3)",
            "erf(z1 + e1)*z2 + cos(z1 - e1)*sin(z2)",
            "exp(z1/4 + e1/2)*2 - u1^3*z1",
            "He3(z1 + e1/2)",
            "(z1 + z2*e1)^3/5",
            "step(z1 + 0.5*u1) + sign(z2/2 - 3*u1)",
            "exp(u1*2 - z1/3)",
        ] {
            let link = Link::parse(text, None).expect(text);
            let mean = link
                .mean()
                .unwrap_or_else(|| panic!("{text} has an average"));
            assert!(!mean.is_random());
            for z in [[0.4, -0.7], [-1.3, 0.2], [0.05, 1.9]] {
                let z = &z[..link.r()];
                let average = |exponent: i32| {
                    let values = (0..POINTS).map(|k| {
                        let u = (k as f64 + 0.5) / POINTS as f64;
                        let mut at = z.to_vec();
                        at.extend((0..link.drawn().normals).map(|_| normal.inverse_cdf(u)));
                        at.extend((0..link.drawn().uniforms).map(|_| u));
                        link.program().eval(&at).powi(exponent)
                    });
                    values.sum::<f64>() / POINTS as f64
                };
                let found = mean.program().eval(z);
                assert!(
                    (found - average(1)).abs() < 2e-3,
                    "{text} at {z:?}: {found}, not {}",
                    average(1)
                );
                // Where a square has an average, too; the grid moves all random numbers together.
                if let (1, Some(square)) = (link.drawn().count(), link.mean_power(0.0, 1.0, 2)) {
                    let found = crate::expr::Program::new(&square).eval(z);
                    let expected = average(2);
                    assert!(
                        (found - expected).abs() < 2e-2 * (1.0 + expected),
                        "{text} squared at {z:?}: {found}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn moments_are_exact() {
        for (text, mean) in [
            ("e1^4 + e2^2*z1 + u1", "7/2 + z1"),
            ("(z1 + 0.5*e1)^2", "z1^2 + 1/4"),
            ("sign(e1)*z1", "0"),
            ("z1*sign(u1 - 0.1)", "0.9*z1 - 0.1*z1"),
            ("sign(z1 + 0.3*e1 - 0.4*e2)", "erf(z1/(0.5*sqrt(2)))"),
            ("tanh(z1 + e1 - e1)", "tanh(z1)"),
        ] {
            let at = |text: &str| {
                let link = Link::parse(text, Some(1)).expect(text).mean().expect(text);
                link.program().eval(&[0.37])
            };
            assert!((at(text) - at(mean)).abs() < 1e-14, "{text}");
        }
    }

    #[test]
    fn what_has_no_rule_has_no_average() {
        for text in [
            "tanh(z1 + e1)",
            "sign(z1 + z2*e1)",
            "sign(z1 + e1)*sign(z2 + e1)",
            "z1/(2 + u1)",
            "max(z1, e1)",
        ] {
            assert!(
                Link::parse(text, None).expect(text).mean().is_none(),
                "{text}"
            );
        }
    }
}
