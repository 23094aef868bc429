//! A link that is no polynomial, as a sum of products of functions of few directions each.
//!
//! `sign(z1 z2 z3)` is a product of three signs, `max(z1, z2)` half a sum plus half `|z1 - z2|`: in this form
//! every expectation is a product of integrals over one or two directions, with the kinks on the axes.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::budget::operations;
use super::convert::{Constants, polynomial};
use super::polynomial::{MOST_VARIABLES, Monomial, Polynomial};
use super::span::{dot, residual, squared_norm};
use crate::expr::{Expr, Function, Operator, Program};
use crate::gauss::steep_along;

/// The most products a link is split into; a larger sum is kept whole.
const MOST_PRODUCTS: usize = 128;

/// The most pairs of terms that are multiplied out before like ones are gathered.
const MOST_PAIRS: usize = 1024;

/// `coefficient * factors[0] * factors[1] * ...`
#[derive(Debug, Clone)]
pub struct Product {
    /// The number in front.
    pub coefficient: f64,
    /// The factors, none of them constant.
    pub factors: Vec<Expr>,
}

impl Product {
    /// A number.
    pub fn constant(coefficient: f64) -> Self {
        Self {
            coefficient,
            factors: Vec::new(),
        }
    }

    fn factor(factor: Expr) -> Self {
        Self {
            coefficient: 1.0,
            factors: vec![factor],
        }
    }

    /// The product of two products.
    pub fn times(&self, other: &Self) -> Self {
        Self {
            coefficient: self.coefficient * other.coefficient,
            factors: [self.factors.as_slice(), &other.factors].concat(),
        }
    }

    /// Whether the factors are the same, in some order.
    fn is_like(&self, other: &Self) -> bool {
        let mut left: Vec<&Expr> = other.factors.iter().collect();
        self.factors.len() == left.len()
            && self.factors.iter().all(|f| {
                let place = left.iter().position(|g| *g == f);
                place.map(|i| left.swap_remove(i)).is_some()
            })
    }

    fn scaled(mut self, factor: f64) -> Self {
        self.coefficient *= factor;
        self
    }
}

/// The expression as a sum of products, like ones gathered.
pub fn products(expr: &Expr) -> Vec<Product> {
    gathered(&expanded(expr))
}

/// The sum with products of the same factors added up; what cancels is left out.
fn gathered(sum: &[Product]) -> Vec<Product> {
    let mut result: Vec<Product> = Vec::new();
    for product in sum {
        match result.iter_mut().find(|p| p.is_like(product)) {
            Some(like) => like.coefficient += product.coefficient,
            None => result.push(product.clone()),
        }
    }
    result.retain(|p| p.coefficient != 0.0);
    result
}

fn expanded(expr: &Expr) -> Vec<Product> {
    if expr.variables() == 0 {
        return vec![Product::constant(f64::constant(expr).unwrap_or(f64::NAN))];
    }
    let whole = || vec![Product::factor(expr.clone())];
    // A linear form is a function of one direction.
    if linear(expr) {
        return whole();
    }
    let scaled = |terms: Vec<Product>, factor: f64| -> Vec<Product> {
        terms.into_iter().map(|t| t.scaled(factor)).collect()
    };
    match expr {
        Expr::Negate(inner) => scaled(products(inner), -1.0),
        Expr::Binary(Operator::Add, a, b) => [products(a), products(b)].concat(),
        Expr::Binary(Operator::Subtract, a, b) => [products(a), scaled(products(b), -1.0)].concat(),
        Expr::Binary(Operator::Multiply, a, b) => {
            multiply(&products(a), &products(b)).unwrap_or_else(whole)
        }
        Expr::Binary(Operator::Divide, a, b) => {
            let inverse = match (b.variables() == 0).then(|| f64::constant(b)).flatten() {
                Some(value) => Product::constant(value.recip()),
                None => Product::factor(Expr::Binary(
                    Operator::Divide,
                    Box::new(integer(1)),
                    b.clone(),
                )),
            };
            products(a).iter().map(|t| t.times(&inverse)).collect()
        }
        Expr::Binary(Operator::Power, base, exponent) => {
            let base = products(base);
            match (exponent.as_integer(), &factored(expr)) {
                (Some(k), single) if k > 0 && single.factors.len() > 1 => vec![single.clone()],
                (Some(k), _) if (1..=8).contains(&k) && base.len() > 1 => (1..k)
                    .try_fold(base.clone(), |power, _| multiply(&power, &base))
                    .unwrap_or_else(whole),
                _ => whole(),
            }
        }
        // max(a, b) = (a + b)/2 + |a - b|/2: of linear forms, two functions of one direction each
        Expr::Binary(operator @ (Operator::Max | Operator::Min), a, b) => {
            let difference = Expr::Binary(Operator::Subtract, a.clone(), b.clone());
            // Worth it where |a - b| depends on fewer directions; elsewhere what is large would cancel.
            let parts = factored(&difference).factors;
            if parts.iter().any(|part| rank(part) >= rank(expr)) {
                return whole();
            }
            let half = if *operator == Operator::Max {
                0.5
            } else {
                -0.5
            };
            let mut sum = scaled([products(a), products(b)].concat(), 0.5);
            sum.extend(scaled(of_function(Function::Abs, &difference), half));
            sum
        }
        // step(e) = 1/2 + sign(e)/2
        Expr::Apply(Function::Step, inner) => {
            let mut sum = vec![Product::constant(0.5)];
            sum.extend(scaled(of_function(Function::Sign, inner), 0.5));
            sum
        }
        // relu(e) = e/2 + |e|/2, worth it where |e| is a product
        Expr::Apply(Function::Relu, inner) if factored(inner).factors.len() > 1 => {
            let sum = [products(inner), of_function(Function::Abs, inner)].concat();
            scaled(sum, 0.5)
        }
        Expr::Apply(function @ (Function::Abs | Function::Sign), inner) => {
            of_function(*function, inner)
        }
        // log|a b| = log|a| + log|b|
        Expr::Apply(Function::Log, inner) => match modulus(inner) {
            Some(single) if single.factors.len() > 1 => {
                let log = |e: &Expr| Expr::Apply(Function::Log, Box::new(e.clone()));
                let mut sum = vec![Product::constant(single.coefficient.ln())];
                sum.extend(single.factors.iter().map(|f| Product::factor(log(f))));
                sum
            }
            _ => whole(),
        },
        Expr::Apply(Function::Sqrt, _) => vec![factored(expr)],
        _ => whole(),
    }
}

/// `|e|` as a product of moduli, where an expression is one.
fn modulus(expr: &Expr) -> Option<Product> {
    let Expr::Apply(Function::Abs, inner) = expr else {
        return None;
    };
    let mut single = of_function(Function::Abs, inner);
    single.pop().filter(|p| p.coefficient > 0.0)
}

/// The product of two sums, unless it has too many terms.
pub fn multiply(a: &[Product], b: &[Product]) -> Option<Vec<Product>> {
    if a.len() * b.len() > MOST_PAIRS {
        return None;
    }
    let pairs = a.iter().flat_map(|x| b.iter().map(|y| x.times(y)));
    let product = gathered(&pairs.collect::<Vec<_>>());
    (product.len() <= MOST_PRODUCTS).then_some(product)
}

/// The expression as one product, sums left whole.
fn factored(expr: &Expr) -> Product {
    if expr.variables() == 0 {
        return Product::constant(f64::constant(expr).unwrap_or(f64::NAN));
    }
    match expr {
        Expr::Negate(inner) => factored(inner).scaled(-1.0),
        Expr::Binary(Operator::Multiply, a, b) => factored(a).times(&factored(b)),
        Expr::Binary(Operator::Divide, a, b) if b.variables() == 0 => {
            factored(a).scaled(factored(b).coefficient.recip())
        }
        Expr::Binary(Operator::Power, base, exponent) => match exponent.as_integer() {
            Some(k) if k > 0 => {
                let base = factored(base);
                let power =
                    |f: &Expr| Expr::Binary(Operator::Power, Box::new(f.clone()), exponent.clone());
                Product {
                    coefficient: base.coefficient.powi(k as i32),
                    factors: base.factors.iter().map(power).collect(),
                }
            }
            // |a b|^k = |a|^k |b|^k
            _ => match modulus(base).filter(|_| exponent.variables() == 0) {
                Some(single) => {
                    let power = |f: &Expr| {
                        Expr::Binary(Operator::Power, Box::new(f.clone()), exponent.clone())
                    };
                    let number = f64::constant(exponent).unwrap_or(f64::NAN);
                    Product {
                        coefficient: single.coefficient.powf(number),
                        factors: single.factors.iter().map(power).collect(),
                    }
                }
                None => Product::factor(expr.clone()),
            },
        },
        // sqrt|a b| = sqrt|a| sqrt|b|
        Expr::Apply(Function::Sqrt, inner) => match modulus(inner) {
            Some(single) => {
                let root = |f: &Expr| Expr::Apply(Function::Sqrt, Box::new(f.clone()));
                Product {
                    coefficient: single.coefficient.sqrt(),
                    factors: single.factors.iter().map(root).collect(),
                }
            }
            None => Product::factor(expr.clone()),
        },
        _ => Product::factor(expr.clone()),
    }
}

/// `|e|` or `sign(e)`: multiplicative where e is a product.
fn of_function(function: Function, inner: &Expr) -> Vec<Product> {
    let single = factored(inner);
    let apply = |e: &Expr| Expr::Apply(function, Box::new(e.clone()));
    if single.coefficient == 0.0 {
        return vec![Product::factor(apply(inner))];
    }
    vec![Product {
        coefficient: match function {
            Function::Abs => single.coefficient.abs(),
            _ => single.coefficient.signum(),
        },
        factors: single.factors.iter().map(apply).collect(),
    }]
}

/// Whether an expression is a linear form without constant.
fn linear(expr: &Expr) -> bool {
    let is_linear = |p: &Polynomial<f64>| p.degree() == 1 && p.coefficient(Monomial::ONE) == 0.0;
    polynomial::<f64>(expr).is_some_and(|p| is_linear(&p))
}

/// A whole number.
pub fn integer(value: i64) -> Expr {
    Expr::Number(BigRational::from_integer(BigInt::from(value)))
}

/// The gradient of an affine expression and its value at zero.
pub fn affine(expr: &Expr, r: usize) -> Option<(f64, Vec<f64>)> {
    let form = polynomial::<f64>(expr).filter(|p| p.degree() <= 1)?;
    Some((
        form.coefficient(Monomial::ONE),
        (0..r)
            .map(|v| form.coefficient(Monomial::power(v, 1)))
            .collect(),
    ))
}

/// The expressions on whose zero set a factor may have a kink or a jump, without those that have no zero, and those of [`steep_along`].
pub fn kinks(factor: &Expr) -> Vec<Expr> {
    let mut kinks = factor.kinks();
    kinks.retain(|kink| !polynomial::<f64>(kink).is_some_and(|p| is_positive(&p)));
    let (mut found, mut frame) = (Vec::new(), Vec::new());
    forms(factor, factor.variables(), &mut found);
    extend_basis(&mut frame, &found);
    kinks.extend(steep_along(factor, &frame));
    kinks
}

/// Whether a polynomial is a positive number plus even powers with positive coefficients.
fn is_positive(polynomial: &Polynomial<f64>) -> bool {
    let even = |m: Monomial| (0..MOST_VARIABLES).all(|v| m.exponent(v).is_multiple_of(2));
    polynomial.coefficient(Monomial::ONE) > 0.0
        && polynomial.terms().all(|(m, c)| *c > 0.0 && even(m))
}

/// The linear forms through which an expression depends on z; the linear terms of a sum count as one.
pub fn forms(expr: &Expr, r: usize, found: &mut Vec<Vec<f64>>) {
    let mut linear = vec![0.0; r];
    summands(expr, 1.0, &mut |term, sign| match affine(term, r) {
        Some((_, gradient)) => {
            linear
                .iter_mut()
                .zip(gradient)
                .for_each(|(l, g)| *l += sign * g);
        }
        None => {
            for operand in term.operands() {
                forms(operand, r, found);
            }
        }
    });
    if linear.iter().any(|x| *x != 0.0) {
        found.push(linear);
    }
}

/// The number of directions on which an expression depends as it is written.
fn rank(expr: &Expr) -> usize {
    let (mut found, mut basis) = (Vec::new(), Vec::new());
    forms(expr, expr.variables(), &mut found);
    extend_basis(&mut basis, &found);
    basis.len()
}

/// Calls `then` with every term of a sum and its sign.
fn summands(expr: &Expr, sign: f64, then: &mut dyn FnMut(&Expr, f64)) {
    match expr {
        Expr::Negate(inner) => summands(inner, -sign, then),
        Expr::Binary(Operator::Add, a, b) => {
            summands(a, sign, then);
            summands(b, sign, then);
        }
        Expr::Binary(Operator::Subtract, a, b) => {
            summands(a, sign, then);
            summands(b, -sign, then);
        }
        term => then(term, sign),
    }
}

/// Adds to an orthonormal basis what the vectors span beyond it.
pub fn extend_basis(basis: &mut Vec<Vec<f64>>, vectors: &[Vec<f64>]) {
    for vector in vectors {
        let largest = vector.iter().fold(0.0f64, |a, x| a.max(x.abs()));
        if largest == 0.0 {
            continue;
        }
        let vector: Vec<f64> = vector.iter().map(|x| x / largest).collect();
        let rest = residual(&residual(&vector, basis), basis);
        let norm = squared_norm(&rest).sqrt();
        if norm > 1e-9 * squared_norm(&vector).sqrt() {
            // One sign for each line, so that equal subspaces have equal frames.
            let first = rest.iter().find(|x| x.abs() > 1e-9 * norm);
            let norm = first.map_or(norm, |x| norm.copysign(*x));
            basis.push(rest.iter().map(|x| x / norm).collect());
        }
    }
}

/// A product of factors that share directions: a function on the span of its frame.
#[derive(Debug, Clone)]
pub struct Block {
    /// The factors.
    pub factors: Vec<Expr>,
    /// An orthonormal basis of the directions on which it depends, those of the kinks first.
    pub frame: Vec<Vec<f64>>,
    programs: Vec<Program>,
}

impl Block {
    /// The block of these factors.
    fn new(factors: Vec<Expr>, r: usize) -> Self {
        let mut frame = Vec::new();
        for kink in factors.iter().flat_map(kinks) {
            if let Some((_, gradient)) = affine(&kink, r) {
                extend_basis(&mut frame, &[gradient]);
            }
        }
        for factor in &factors {
            let mut vectors = Vec::new();
            forms(factor, r, &mut vectors);
            extend_basis(&mut frame, &vectors);
        }
        Self {
            programs: factors.iter().map(Program::new).collect(),
            factors,
            frame,
        }
    }

    /// The product with another block.
    pub fn joined(&self, other: &Self, r: usize) -> Self {
        Self::new([self.factors.as_slice(), &other.factors].concat(), r)
    }

    /// What its value at a point costs.
    pub fn operations(&self) -> u64 {
        self.factors.iter().map(operations).sum()
    }

    /// Multiplies `out` by the values at the points of these columns.
    fn multiply(&self, columns: &[&[f64]], out: &mut [f64]) {
        let mut values = vec![0.0; out.len()];
        for program in &self.programs {
            program.eval_columns(columns, &mut values);
            out.iter_mut().zip(&values).for_each(|(o, v)| *o *= v);
        }
    }

    /// Writes the values at the points of these columns.
    pub fn fill(&self, columns: &[&[f64]], out: &mut [f64]) {
        out.fill(1.0);
        self.multiply(columns, out);
    }
}

/// A coefficient times blocks on mutually orthogonal subspaces.
#[derive(Debug, Clone)]
pub struct Term {
    /// The number in front.
    pub coefficient: f64,
    /// The blocks.
    pub blocks: Vec<Block>,
}

impl Term {
    /// The product with its factors gathered into blocks: factors whose directions are not orthogonal share one.
    pub fn new(product: &Product, r: usize) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        for factor in &product.factors {
            let alone = Block::new(vec![factor.clone()], r);
            let (mut joined, apart): (Vec<Block>, Vec<Block>) = blocks
                .into_iter()
                .partition(|b| !orthogonal(&b.frame, &alone.frame));
            blocks = apart;
            if joined.is_empty() {
                blocks.push(alone);
            } else {
                let mut factors: Vec<Expr> = joined.drain(..).flat_map(|b| b.factors).collect();
                factors.push(factor.clone());
                blocks.push(Block::new(factors, r));
            }
        }
        Self {
            coefficient: product.coefficient,
            blocks,
        }
    }

    /// Adds the values at the points of these columns.
    pub fn add(&self, columns: &[&[f64]], out: &mut [f64]) {
        let mut values = vec![self.coefficient; out.len()];
        for block in &self.blocks {
            block.multiply(columns, &mut values);
        }
        out.iter_mut().zip(&values).for_each(|(o, v)| *o += v);
    }

    /// An orthonormal basis of the directions on which the term depends.
    pub fn frame(&self) -> Vec<Vec<f64>> {
        self.blocks.iter().flat_map(|b| b.frame.clone()).collect()
    }

    /// The expressions where the term is not smooth.
    pub fn kinks(&self) -> Vec<Expr> {
        self.blocks
            .iter()
            .flat_map(|b| &b.factors)
            .flat_map(kinks)
            .collect()
    }
}

/// Whether two sets of vectors are orthogonal to each other.
pub fn orthogonal(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.iter().all(|x| b.iter().all(|y| dot(x, y).abs() < 1e-12))
}
