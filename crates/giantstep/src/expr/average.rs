//! Averages over independent random numbers in closed form, such as `E[sign(z + s e) | z] = erf(z/(s sqrt 2))`.
//!
//! An expression is expanded into products of powers of random atoms (a random number, or a function of an expression
//! that holds one) with coefficients that hold none; factors that share no random number are averaged one by one.
//! What no rule covers has no average here.

use std::cell::Cell;
use std::collections::BTreeSet;

use num_rational::BigRational;
use num_traits::{One, Zero};

use super::algebra::{add, apply, divide, folded, multiply, subtract};
use super::ast::{Expr, Function, Operator};
use super::means::{over_normals, over_uniform};

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
