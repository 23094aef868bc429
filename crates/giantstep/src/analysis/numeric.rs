//! Hermite coefficients and variance of a link that is no polynomial.

use super::polynomial::{Monomial, Polynomial};
use super::quadrature::{Columns, Estimate, Integrand};
use super::rules::exponents;
use super::sampled;
use super::span::squared_norm;
use super::terms::{Block, Product, Term, extend_basis, kinks, multiply, products};
use crate::expr::Expr;

/// The most directions that are integrated over by nested rules.
pub const MOST_NESTED: usize = 4;

/// The most directions of a smooth function that a lattice covers.
pub const MOST_SMOOTH: usize = 5;

/// The largest degree of coefficients by quasi-Monte-Carlo: those beyond would be noise.
const SAMPLED_DEGREE: u32 = 4;

/// Points of a quasi-Monte-Carlo replicate.
pub const SAMPLES: usize = 1 << 13;

/// The degree to which Hermite coefficients in r variables are computed: less for more variables.
pub fn degree(r: usize) -> u32 {
    [24, 24, 18, 12, 9, 8, 7, 6, 5][r.min(8)]
}

/// A number and a bound on its error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Approximate {
    /// The number.
    pub value: f64,
    /// The bound.
    pub error: f64,
}

/// A link less its constant terms, as a sum of products of blocks, with the integrals over blocks remembered.
pub struct Numeric {
    /// What the constant terms of the link add up to.
    pub constant: f64,
    pub(super) terms: Vec<Term>,
    products: Vec<Product>,
    pub(super) r: usize,
    moments: std::cell::RefCell<Vec<(Vec<Expr>, u32, Estimate)>>,
}

impl Numeric {
    /// The link of this expression in r variables.
    pub fn new(expr: &Expr, r: usize) -> Self {
        Self::of_products(products(expr), r)
    }

    fn of_products(products: Vec<Product>, r: usize) -> Self {
        let (constants, products): (Vec<_>, Vec<_>) =
            products.into_iter().partition(|p| p.factors.is_empty());
        Self {
            constant: constants.iter().map(|p| p.coefficient).sum(),
            terms: products.iter().map(|p| Term::new(p, r)).collect(),
            products,
            r,
            moments: std::cell::RefCell::default(),
        }
    }

    /// An orthonormal basis of the directions that are written into the link.
    pub fn written(&self) -> Vec<Vec<f64>> {
        let mut basis = Vec::new();
        for term in &self.terms {
            extend_basis(&mut basis, &term.frame());
        }
        basis
    }

    /// The power `((g - centre) / scale)^exponent`, unless it has too many terms. The centre is zero where the
    /// link has no constant terms, which makes for fewer.
    pub fn power(&self, exponent: u32, centre: f64, scale: f64) -> Option<Self> {
        let mut base = self.products.clone();
        if self.constant != 0.0 {
            base.push(Product::constant(self.constant - centre));
        }
        base.iter_mut().for_each(|p| p.coefficient /= scale);
        let power = (1..exponent).try_fold(base.clone(), |p, _| multiply(&p, &base))?;
        Some(Self::of_products(power, self.r))
    }

    /// The largest degree up to `degree` to which the expansion of this link can be computed.
    pub fn known(&self, degree: u32) -> u32 {
        let sampled = self
            .terms
            .iter()
            .flat_map(|t| &t.blocks)
            .any(Block::is_sampled);
        if sampled {
            degree.min(SAMPLED_DEGREE)
        } else {
            degree
        }
    }

    /// The heat transform `sum_m E[g He_m]/m! x^m` up to a degree, and the error of a normalised coefficient.
    pub fn heat(&self, degree: u32) -> (Polynomial<f64>, f64) {
        let mut heat = Polynomial::zero();
        let mut error = 0.0;
        for term in &self.terms {
            let mut product = Polynomial::constant(term.coefficient);
            let (mut size, mut relative) = (term.coefficient.abs(), 0.0);
            for block in &term.blocks {
                let estimate = self.moments(block, degree);
                let scale = squared_norm(&estimate.values).sqrt().max(1e-300);
                size *= scale;
                relative += estimate.error / scale;
                product = product.times_up_to(&block_heat(block, &estimate, degree), degree);
            }
            error += size * relative + 1e-15 * size;
            heat = heat.plus(&product);
        }
        (heat, error)
    }

    /// The powers of the labels that are worth the integrals: fewer of functions of many directions at once.
    pub fn most_powers(&self) -> u32 {
        let blocks = self.terms.iter().flat_map(|t| &t.blocks);
        match blocks.map(|b| b.frame.len()).max() {
            None | Some(..=2) => 8,
            _ => 2,
        }
    }

    /// `E[g^2]`, and the sum of the sizes of its parts, on which it counts as zero.
    pub fn second_moment(&self) -> (Approximate, f64) {
        let mut sum = Approximate::default();
        let mut sizes = 0.0;
        for (i, a) in self.products.iter().enumerate() {
            for (j, b) in self.products[..=i].iter().enumerate() {
                let term = Term::new(&a.times(b), self.r);
                let weight = if i == j { 1.0 } else { 2.0 } * term.coefficient;
                let (mut value, mut size, mut relative) = (weight, weight.abs(), 0.0);
                for block in &term.blocks {
                    let estimate = self.moments(block, 0);
                    value *= estimate.values[0];
                    size *= estimate.values[0].abs() + estimate.error;
                    relative +=
                        estimate.error / (estimate.values[0].abs() + estimate.error).max(1e-300);
                }
                sum.value += value;
                sum.error += size * (relative + 1e-15);
                sizes += size;
            }
        }
        (sum, sizes)
    }

    /// The normalised Hermite coefficients of a block.
    pub fn moments(&self, block: &Block, degree: u32) -> Estimate {
        let known = self
            .moments
            .borrow()
            .iter()
            .find(|(factors, d, _)| *d == degree && *factors == block.factors)
            .map(|(_, _, estimate)| estimate.clone());
        if let Some(estimate) = known {
            return estimate;
        }
        let zeros: Vec<Expr> = block.factors.iter().flat_map(kinks).collect();
        let function = |columns: &[&[f64]], out: &mut [f64]| block.fill(columns, out);
        let estimate = if block.is_sampled() {
            sampled_coefficients(&function, &block.frame, self.r, degree)
        } else {
            Integrand::new(&function, &zeros, &block.frame, self.r).coefficients(degree)
        };
        self.moments
            .borrow_mut()
            .push((block.factors.clone(), degree, estimate.clone()));
        estimate
    }
}

impl Block {
    /// Whether the block depends on too many directions for nested rules.
    fn is_sampled(&self) -> bool {
        let smooth = self.factors.iter().all(|f| kinks(f).is_empty());
        self.frame.len() > if smooth { MOST_SMOOTH } else { MOST_NESTED }
    }
}

/// The heat transform of a block as a polynomial of x: its coefficients, each along a direction of its frame.
fn block_heat(block: &Block, estimate: &Estimate, degree: u32) -> Polynomial<f64> {
    let own = Polynomial::from_terms(
        exponents(block.frame.len(), degree)
            .iter()
            .zip(&estimate.values)
            .map(|(e, value)| {
                let monomial = Monomial::new(e);
                (monomial, value / monomial.factorial::<f64>().sqrt())
            }),
    );
    let forms: Vec<_> = block.frame.iter().map(|f| Polynomial::linear(f)).collect();
    own.substituted(&forms)
}

/// Normalised Hermite coefficients by quasi-Monte-Carlo, those above [`SAMPLED_DEGREE`] left at zero.
fn sampled_coefficients(
    function: Columns<'_>,
    frame: &[Vec<f64>],
    r: usize,
    degree: u32,
) -> Estimate {
    let wanted = exponents(frame.len(), degree.min(SAMPLED_DEGREE));
    let mut z = vec![0.0; r];
    let mut hermite = vec![vec![0.0; degree as usize + 1]; frame.len()];
    let means = sampled::means(frame.len(), SAMPLES, wanted.len(), |t, out| {
        combine(t, frame, &mut z);
        let value = at_point(function, &z);
        for (x, h) in t.iter().zip(&mut hermite) {
            crate::gauss::normalised_hermite(*x, h);
        }
        for (out, e) in out.iter_mut().zip(&wanted) {
            let product: f64 = e
                .iter()
                .zip(&hermite)
                .map(|(&k, h)| h[k as usize])
                .product();
            *out = value * product;
        }
    });
    let mut values: Vec<f64> = means.iter().map(|m| m.value).collect();
    values.resize(exponents(frame.len(), degree).len(), 0.0);
    Estimate {
        values,
        error: means.iter().map(|m| m.error).fold(0.0, f64::max),
    }
}

/// The value at one point.
pub fn at_point(function: Columns<'_>, z: &[f64]) -> f64 {
    let columns: Vec<&[f64]> = z.iter().map(std::slice::from_ref).collect();
    let mut out = [0.0];
    function(&columns, &mut out);
    out[0]
}

pub fn combine(t: &[f64], frame: &[Vec<f64>], z: &mut [f64]) {
    z.fill(0.0);
    for (t, f) in t.iter().zip(frame) {
        z.iter_mut().zip(f).for_each(|(z, f)| *z += t * f);
    }
}
