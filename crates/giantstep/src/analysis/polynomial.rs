//! Sparse polynomials in up to eight variables.

use std::collections::BTreeMap;

use super::scalar::Scalar;

/// The largest number of variables of a polynomial, and so of directions of an analysed link.
pub const MOST_VARIABLES: usize = 8;

/// The exponents of a monomial, eight bits a variable, the first variable in the highest byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monomial(u64);

impl Monomial {
    /// The monomial 1.
    pub const ONE: Self = Self(0);

    /// The monomial `x_variable^exponent`.
    pub fn power(variable: usize, exponent: u32) -> Self {
        Self(u64::from(exponent) << (56 - 8 * variable))
    }

    /// The monomial of these exponents, one a variable.
    pub fn new(exponents: &[u32]) -> Self {
        exponents
            .iter()
            .enumerate()
            .fold(Self::ONE, |m, (v, &e)| m.times(Self::power(v, e)))
    }

    /// The exponent of one variable.
    pub fn exponent(self, variable: usize) -> u32 {
        (self.0 >> (56 - 8 * variable)) as u32 & 0xff
    }

    /// The product of two monomials.
    pub fn times(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// This monomial without its factor `x_variable^k`, and that exponent k.
    pub fn without(self, variable: usize) -> (Self, u32) {
        let exponent = self.exponent(variable);
        (Self(self.0 - Self::power(variable, exponent).0), exponent)
    }

    /// The sum of the exponents of the variables of a range.
    pub fn degree(self, variables: std::ops::Range<usize>) -> u32 {
        variables.map(|v| self.exponent(v)).sum()
    }

    /// The total degree.
    pub fn total(self) -> u32 {
        self.degree(0..MOST_VARIABLES)
    }

    /// The product of the factorials of the exponents.
    pub fn factorial<C: Scalar>(self) -> C {
        (0..MOST_VARIABLES)
            .flat_map(|v| 2..=u64::from(self.exponent(v)))
            .fold(C::integer(1), |product, k| product.times(&C::integer(k)))
    }
}

/// A polynomial `sum_m c_m x^m`; no stored coefficient is exactly zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial<C> {
    terms: BTreeMap<Monomial, C>,
}

impl<C: Scalar> Polynomial<C> {
    /// The zero polynomial.
    pub fn zero() -> Self {
        Self {
            terms: BTreeMap::new(),
        }
    }

    /// A constant.
    pub fn constant(value: C) -> Self {
        Self::from_terms([(Monomial::ONE, value)])
    }

    /// One variable.
    pub fn variable(variable: usize) -> Self {
        Self::from_terms([(Monomial::power(variable, 1), C::integer(1))])
    }

    /// The linear form with these coefficients.
    pub fn linear(coefficients: &[C]) -> Self {
        Self::from_terms(
            coefficients
                .iter()
                .enumerate()
                .map(|(v, c)| (Monomial::power(v, 1), c.clone())),
        )
    }

    /// The sum of these terms.
    pub fn from_terms(terms: impl IntoIterator<Item = (Monomial, C)>) -> Self {
        let mut sum = Self::zero();
        for (monomial, coefficient) in terms {
            sum.add_term(monomial, coefficient);
        }
        sum
    }

    /// Adds one term.
    pub fn add_term(&mut self, monomial: Monomial, coefficient: C) {
        use std::collections::btree_map::Entry;
        if coefficient.vanishes() {
            return;
        }
        match self.terms.entry(monomial) {
            Entry::Vacant(entry) => {
                entry.insert(coefficient);
            }
            Entry::Occupied(mut entry) => {
                let sum = entry.get().plus(&coefficient);
                if sum.vanishes() {
                    entry.remove();
                } else {
                    entry.insert(sum);
                }
            }
        }
    }

    /// The terms, ordered by monomial.
    pub fn terms(&self) -> impl Iterator<Item = (Monomial, &C)> {
        self.terms.iter().map(|(&m, c)| (m, c))
    }

    /// The number of terms.
    #[expect(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// The coefficient of a monomial.
    pub fn coefficient(&self, monomial: Monomial) -> C {
        self.terms
            .get(&monomial)
            .cloned()
            .unwrap_or_else(|| C::integer(0))
    }

    /// The total degree; 0 for a constant.
    pub fn degree(&self) -> u32 {
        self.terms.keys().map(|m| m.total()).max().unwrap_or(0)
    }

    /// The constant, if this is one.
    pub fn as_constant(&self) -> Option<C> {
        (self.degree() == 0).then(|| self.coefficient(Monomial::ONE))
    }

    /// The sum.
    pub fn plus(mut self, other: &Self) -> Self {
        for (monomial, coefficient) in other.terms() {
            self.add_term(monomial, coefficient.clone());
        }
        self
    }

    /// The multiple by a number.
    pub fn scaled(&self, factor: &C) -> Self {
        self.map(|m, c| (m, c.times(factor)))
    }

    /// The product.
    pub fn times(&self, other: &Self) -> Self {
        self.times_up_to(other, u32::MAX)
    }

    /// The product without its terms of a total degree above `degree`.
    pub fn times_up_to(&self, other: &Self, degree: u32) -> Self {
        let mut product = Self::zero();
        for (m, a) in self.terms() {
            for (n, b) in other.terms() {
                let monomial = m.times(n);
                if degree == u32::MAX || monomial.total() <= degree {
                    product.add_term(monomial, a.times(b));
                }
            }
        }
        product
    }

    /// The polynomial with every term replaced.
    pub fn map<D: Scalar>(&self, change: impl Fn(Monomial, &C) -> (Monomial, D)) -> Polynomial<D> {
        Polynomial::from_terms(self.terms().map(|(m, c)| change(m, c)))
    }

    /// The terms that satisfy a condition on the monomial.
    pub fn filtered(&self, keep: impl Fn(Monomial) -> bool) -> Self {
        Self {
            terms: self
                .terms
                .iter()
                .filter(|(m, _)| keep(**m))
                .map(|(m, c)| (*m, c.clone()))
                .collect(),
        }
    }

    /// The same polynomial in floating point.
    pub fn to_float(&self) -> Polynomial<f64> {
        self.map(|m, c| (m, c.to_float()))
    }

    /// The polynomial after `x_i = forms_i(t)`: Horner's rule, one variable after another.
    pub fn substituted(&self, forms: &[Self]) -> Self {
        let terms: Vec<(Monomial, C)> = self.terms().map(|(m, c)| (m, c.clone())).collect();
        substitute(&terms, 0, forms)
    }
}

/// Substitutes the variables from `variable` on into terms that are sorted and share the earlier exponents.
fn substitute<C: Scalar>(
    terms: &[(Monomial, C)],
    variable: usize,
    forms: &[Polynomial<C>],
) -> Polynomial<C> {
    if variable == forms.len() {
        return Polynomial::from_terms(terms.iter().map(|(_, c)| (Monomial::ONE, c.clone())));
    }
    let mut sum = Polynomial::zero();
    let mut exponent = None;
    for group in terms
        .chunk_by(|a, b| a.0.exponent(variable) == b.0.exponent(variable))
        .rev()
    {
        let next = group[0].0.exponent(variable);
        for _ in next..exponent.unwrap_or(next) {
            sum = sum.times(&forms[variable]);
        }
        sum = sum.plus(&substitute(group, variable + 1, forms));
        exponent = Some(next);
    }
    for _ in 0..exponent.unwrap_or(0) {
        sum = sum.times(&forms[variable]);
    }
    sum
}
