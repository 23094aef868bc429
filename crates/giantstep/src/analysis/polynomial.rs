//! Sparse polynomials in up to eight variables.

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

/// The most products held at once while two polynomials are multiplied.
const CHUNK: usize = 1 << 20;

/// A polynomial `sum_m c_m x^m`: terms sorted by monomial, none exactly zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial<C> {
    terms: Vec<(Monomial, C)>,
}

impl<C: Scalar> Polynomial<C> {
    /// The zero polynomial.
    pub fn zero() -> Self {
        Self { terms: Vec::new() }
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
        let mut terms: Vec<(Monomial, C)> = terms.into_iter().collect();
        terms.sort_by_key(|(m, _)| *m);
        Self::from_sorted(terms)
    }

    fn from_sorted(terms: Vec<(Monomial, C)>) -> Self {
        let mut sum: Vec<(Monomial, C)> = Vec::with_capacity(terms.len());
        for (monomial, coefficient) in terms {
            match sum.last_mut() {
                Some(last) if last.0 == monomial => last.1 = last.1.plus(&coefficient),
                _ => {
                    if sum.last().is_some_and(|(_, c)| c.vanishes()) {
                        sum.pop();
                    }
                    sum.push((monomial, coefficient));
                }
            }
        }
        if sum.last().is_some_and(|(_, c)| c.vanishes()) {
            sum.pop();
        }
        Self { terms: sum }
    }

    /// The terms, ordered by monomial.
    pub fn terms(&self) -> impl Iterator<Item = (Monomial, &C)> {
        self.terms.iter().map(|(m, c)| (*m, c))
    }

    /// The number of terms.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// The coefficient of a monomial.
    pub fn coefficient(&self, monomial: Monomial) -> C {
        match self.terms.binary_search_by_key(&monomial, |(m, _)| *m) {
            Ok(place) => self.terms[place].1.clone(),
            Err(_) => C::integer(0),
        }
    }

    /// The total degree; 0 for a constant.
    pub fn degree(&self) -> u32 {
        self.terms.iter().map(|(m, _)| m.total()).max().unwrap_or(0)
    }

    /// The constant, if this is one.
    pub fn as_constant(&self) -> Option<C> {
        (self.degree() == 0).then(|| self.coefficient(Monomial::ONE))
    }

    /// The sum.
    pub fn plus(&self, other: &Self) -> Self {
        let mut merged = Vec::with_capacity(self.len() + other.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let first = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.0 <= b.0 => left.next(),
                (_, Some(_)) => right.next(),
                (_, None) => left.next(),
            };
            match first {
                Some(term) => merged.push(term.clone()),
                None => return Self::from_sorted(merged),
            }
        }
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
        let denominators = [self.denominator(), other.denominator()];
        if let [None, None] = denominators {
            return self.integer_product(other, degree);
        }
        let [a, b] = denominators.map(|d| d.unwrap_or_else(|| C::integer(1)));
        self.scaled(&a)
            .integer_product(&other.scaled(&b), degree)
            .scaled(&C::integer(1).over(&a.times(&b)))
    }

    /// A positive integer that makes all coefficients integers, where there is need of one.
    pub fn denominator(&self) -> Option<C> {
        C::denominator(self.terms.iter().map(|(_, c)| c))
    }

    fn integer_product(&self, other: &Self, degree: u32) -> Self {
        // With the shorter factor outside, the products come in few runs that are sorted already.
        let (short, long) = if self.len() < other.len() {
            (self, other)
        } else {
            (other, self)
        };
        let rows = (CHUNK / long.len().max(1)).max(1);
        short
            .terms
            .chunks(rows)
            .map(|rows| {
                Self::from_terms(rows.iter().flat_map(|(m, a)| {
                    long.terms
                        .iter()
                        .map(|(n, b)| (m.times(*n), b))
                        .filter(|(mn, _)| degree == u32::MAX || mn.total() <= degree)
                        .map(|(mn, b)| (mn, a.times(b)))
                }))
            })
            .reduce(|sum, part| sum.plus(&part))
            .unwrap_or_else(Self::zero)
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
                .filter(|(m, _)| keep(*m))
                .cloned()
                .collect(),
        }
    }

    /// The terms whose coefficient is not small.
    pub fn without_terms_below(&self, level: f64) -> Self {
        let large = |(_, c): &&(Monomial, C)| c.to_float().abs() > level;
        Self {
            terms: self.terms.iter().filter(large).cloned().collect(),
        }
    }

    /// The same polynomial in floating point.
    pub fn to_float(&self) -> Polynomial<f64> {
        self.map(|m, c| (m, c.to_float()))
    }

    /// The polynomial after `x_i = forms_i(t)`: Horner's rule, one variable after another.
    pub fn substituted(&self, forms: &[Self]) -> Self {
        substitute(&self.terms, 0, forms)
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
