//! Hermite coefficients and variance of a link that is no polynomial.

use std::sync::{Arc, Mutex, PoisonError};

use super::budget::Work;
use super::estimate::Approximate;
use super::estimate::Estimate;
use super::kinks::Atlas;
use super::overlooked::Seen;
use super::polynomial::{Monomial, Polynomial};
use super::quadrature::{Columns, Integrand};
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
const SAMPLED_DEGREE: u32 = 3;

/// Points of a quasi-Monte-Carlo replicate.
pub const SAMPLES: usize = 1 << 15;

/// The degree to which Hermite coefficients in r variables are computed: less for more variables.
pub fn degree(r: usize) -> u32 {
    [24, 24, 18, 12, 9, 8, 7, 6, 5][r.min(8)]
}

/// A link less its constant terms, as a sum of products of blocks, with the integrals over blocks remembered.
pub struct Numeric<'a> {
    /// What the constant terms of the link add up to.
    pub constant: f64,
    pub(super) terms: Vec<Term>,
    products: Vec<Product>,
    pub(super) r: usize,
    pub(super) work: Work<'a>,
    pub(super) atlas: Arc<Atlas>,
    moments: Mutex<Vec<(Vec<Expr>, u32, Estimate)>>,
}

impl<'a> Numeric<'a> {
    /// The link of this expression in r variables.
    pub fn new(expr: &Expr, r: usize, work: Work<'a>) -> Self {
        Self::of_products(products(expr), r, work, Arc::default())
    }

    fn of_products(products: Vec<Product>, r: usize, work: Work<'a>, atlas: Arc<Atlas>) -> Self {
        let (constants, products): (Vec<_>, Vec<_>) =
            products.into_iter().partition(|p| p.factors.is_empty());
        Self {
            constant: constants.iter().map(|p| p.coefficient).sum(),
            terms: products.iter().map(|p| Term::new(p, r)).collect(),
            products,
            r,
            work,
            atlas,
            moments: Mutex::default(),
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
    /// link has no constant terms, which makes for fewer. None when the work is spent, too.
    pub fn power(&self, exponent: u32, centre: f64, scale: f64) -> Option<Self> {
        if self.work.spent() {
            return None;
        }
        let mut base = self.products.clone();
        if self.constant != 0.0 {
            base.push(Product::constant(self.constant - centre));
        }
        base.iter_mut().for_each(|p| p.coefficient /= scale);
        let power = (1..exponent).try_fold(base.clone(), |p, _| multiply(&p, &base))?;
        Some(Self::of_products(
            power,
            self.r,
            self.work,
            self.atlas.clone(),
        ))
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
            if self.work.spent() {
                return self.sampled_second_moment();
            }
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

    /// The mean less the constant terms: where the coefficients of higher degree are coarse, more precise than that of
    /// the heat transform.
    pub fn mean(&self) -> Approximate {
        let mut sum = Approximate::default();
        for term in &self.terms {
            let (mut value, mut size, mut relative) =
                (term.coefficient, term.coefficient.abs(), 0.0);
            for block in &term.blocks {
                let estimate = self.moments(block, 0);
                let scale = estimate.values[0].abs() + estimate.error;
                value *= estimate.values[0];
                size *= scale;
                relative += estimate.error / scale.max(1e-300);
            }
            sum.value += value;
            sum.error += size * relative;
        }
        sum
    }

    /// As [`Numeric::second_moment`], of the whole at once, when the work is spent.
    fn sampled_second_moment(&self) -> (Approximate, f64) {
        let frame = self.written();
        let function = |columns: &[&[f64]], out: &mut [f64]| {
            out.fill(0.0);
            self.terms.iter().for_each(|t| t.add(columns, out));
            out.iter_mut().for_each(|x| *x *= *x);
        };
        let square = self.sampled_coefficients(&function, &frame, 0);
        let (value, error) = (square.values[0], square.error);
        (Approximate { value, error }, value)
    }

    /// The normalised Hermite coefficients of a block.
    pub fn moments(&self, block: &Block, degree: u32) -> Estimate {
        let moments = self.moments.lock();
        let known = moments
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|(factors, d, _)| *d == degree && *factors == block.factors)
            .map(|(_, _, estimate)| estimate.clone());
        if let Some(estimate) = known {
            return estimate;
        }
        let zeros: Vec<Expr> = block.factors.iter().flat_map(kinks).collect();
        let cost = block.operations();
        let seen = Seen::on(&block.frame);
        // Where panels end at kinks, their points tell more than a lattice does.
        let noted = block.frame.len() > 2 && !zeros.is_empty();
        let function = |columns: &[&[f64]], out: &mut [f64]| {
            self.work.add(out.len() as u64 * cost);
            block.fill(columns, out);
        };
        let noting = |columns: &[&[f64]], out: &mut [f64]| {
            function(columns, out);
            if noted {
                seen.note(columns, out);
            }
        };
        let sampled = || self.sampled_coefficients(&function, &block.frame, degree);
        let estimate = if block.is_sampled() || self.work.spent() {
            sampled()
        } else {
            let work = self.share(block.frame.len());
            let kinks = self.atlas.kinks(&zeros, &block.frame, self.r);
            let nested = Integrand::new(&noting, kinks, &block.frame, self.r, work);
            let nested = nested.coefficients(degree);
            let mut better = self.better(nested, block.frame.len(), sampled);
            better.error += self.overlooked(block, &seen);
            better
        };
        let moments = self.moments.lock();
        moments.unwrap_or_else(PoisonError::into_inner).push((
            block.factors.clone(),
            degree,
            estimate.clone(),
        ));
        estimate
    }
}

impl<'a> Numeric<'a> {
    /// The work for one integral over this many directions.
    pub(super) fn share(&self, directions: usize) -> Work<'a> {
        const SHARE: f64 = 0.35;
        if directions < 3 {
            self.work
        } else {
            self.work.part(SHARE)
        }
    }

    /// The better of an estimate by rules and one from samples, where the first is coarse: over three and more
    /// directions, or cut short.
    pub(super) fn better(
        &self,
        ruled: Estimate,
        directions: usize,
        sampled: impl FnOnce() -> Estimate,
    ) -> Estimate {
        const COARSE: f64 = 1e-4;
        let largest = ruled.values.iter().fold(0.0f64, |a, v| a.max(v.abs()));
        // In the line and the plane an infinite error says that the integral is infinite, or that it was cut short.
        let whole = directions < 3 && !(ruled.error.is_infinite() && self.work.spent());
        if whole || ruled.error <= COARSE * largest {
            return ruled;
        }
        let sampled = sampled();
        if sampled.error < ruled.error {
            sampled
        } else {
            ruled
        }
    }

    /// Normalised Hermite coefficients by quasi-Monte-Carlo, those above [`SAMPLED_DEGREE`] left at zero.
    fn sampled_coefficients(
        &self,
        function: Columns<'_>,
        frame: &[Vec<f64>],
        degree: u32,
    ) -> Estimate {
        let low = degree.min(SAMPLED_DEGREE);
        let wanted = exponents(frame.len(), low);
        self.work
            .add(sampled::operations(frame.len(), SAMPLES, wanted.len()));
        let r = self.r;
        let means = sampled::means(frame.len(), SAMPLES, wanted.len(), &self.work, |t, sums| {
            let values = at_points(function, t, frame, r);
            let mut hermite = vec![vec![0.0; low as usize + 1]; t.len()];
            for (row, value) in values.into_iter().enumerate() {
                for (t, h) in t.iter().zip(&mut hermite) {
                    crate::gauss::normalised_hermite(t[row], h);
                }
                for (sum, e) in sums.iter_mut().zip(&wanted) {
                    let product: f64 = e
                        .iter()
                        .zip(&hermite)
                        .map(|(&k, h)| h[k as usize])
                        .product();
                    *sum += value * product;
                }
            }
        });
        let mut values: Vec<f64> = means.iter().map(|m| m.value).collect();
        values.resize(exponents(frame.len(), degree).len(), 0.0);
        Estimate {
            values,
            error: means.iter().map(|m| m.error).fold(0.0, f64::max),
        }
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

/// The values at the points whose coordinates in a frame stand in these columns.
pub fn at_points(function: Columns<'_>, t: &[Vec<f64>], frame: &[Vec<f64>], r: usize) -> Vec<f64> {
    let rows = t.first().map_or(1, Vec::len);
    let mut z = vec![vec![0.0; rows]; r];
    for (t, f) in t.iter().zip(frame) {
        for (z, f) in z.iter_mut().zip(f).filter(|(_, f)| **f != 0.0) {
            z.iter_mut().zip(t).for_each(|(z, t)| *z += f * t);
        }
    }
    let columns: Vec<&[f64]> = z.iter().map(Vec::as_slice).collect();
    let mut values = vec![0.0; rows];
    function(&columns, &mut values);
    values
}
