//! Links of targets and formulas of protocols.

use std::sync::Arc;

use num_rational::BigRational;

use super::ast::Operator;
use super::average::{Averages, Law};
use super::check::finite_under_the_gaussian;
use super::error::{ExprError, Problem};
use super::parse::{MAX_DRAWN, MAX_VARIABLES, Scope, parse_with_spans};
use super::{Expr, Program, parse};
use crate::real::Real;

/// A link `g(z_1, ..., z_r)`, which may draw random numbers for each sample: `e_1, e_2, ...`, standard normal, and
/// `u_1, u_2, ...`, uniform on [0, 1], independent of each other and of z.
///
/// ```
/// use giantstep::expr::Link;
/// let link = Link::parse("z1 + z1*z2", None)?;
/// assert_eq!(link.r(), 2);
/// let mut values = [0.0; 2];
/// link.eval_columns(&[&[1.0, 2.0], &[3.0, -1.0]], &mut values);
/// assert_eq!(values, [4.0, 0.0]);
///
/// let noisy = Link::parse("step(sigmoid(2*z1) - u1)", None)?;
/// assert_eq!((noisy.r(), noisy.drawn().uniforms), (1, 1));
/// assert_eq!(noisy.mean().map(|mean| mean.expr().to_string()), Some("sigmoid(2*z1)".to_owned()));
/// # Ok::<(), giantstep::expr::ExprError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Link {
    source: Arc<str>,
    expr: Arc<Expr>,
    program: Arc<Program>,
    r: usize,
    drawn: Drawn,
}

/// How many random numbers a link draws for each sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drawn {
    /// `e_1, e_2, ...`, standard normal.
    pub normals: usize,
    /// `u_1, u_2, ...`, uniform on [0, 1].
    pub uniforms: usize,
}

impl Drawn {
    /// All of them.
    pub fn count(self) -> usize {
        self.normals + self.uniforms
    }
}

impl Link {
    /// Reads a link; without `r` it has as many directions as its largest variable.
    ///
    /// # Errors
    /// [`ExprError`] if the text is no expression, uses a variable beyond `r`, or is not finite with finite
    /// variance under the Gaussian.
    pub fn parse(text: &str, r: Option<usize>) -> Result<Self, ExprError> {
        let (expr, spans) = parse_with_spans(text, Scope::Link)?;
        let fail = |span, problem| ExprError {
            text: text.to_owned(),
            span,
            problem,
        };
        const NORMALS: usize = MAX_VARIABLES;
        const UNIFORMS: usize = MAX_VARIABLES + MAX_DRAWN;
        let (mut largest, mut drawn) = (0, Drawn::default());
        expr.visit(&mut |node| match node {
            Expr::Variable(k @ UNIFORMS..) => drawn.uniforms = drawn.uniforms.max(k + 1 - UNIFORMS),
            Expr::Variable(k @ NORMALS..) => drawn.normals = drawn.normals.max(k + 1 - NORMALS),
            Expr::Variable(k) => largest = largest.max(k + 1),
            _ => {}
        });
        let r = r.unwrap_or(largest);
        if r > MAX_VARIABLES {
            return Err(fail(0..0, Problem::Directions(r)));
        }
        let mut nodes = Vec::new();
        expr.visit(&mut |node| nodes.push(node));
        for (node, span) in nodes.iter().zip(&spans) {
            if let Expr::Variable(k) = node
                && (r..MAX_VARIABLES).contains(k)
            {
                return Err(fail(
                    span.clone(),
                    Problem::Direction { variable: k + 1, r },
                ));
            }
        }
        // The random numbers follow the directions.
        let expr = expr.replaced(&|node| match node {
            Expr::Variable(k @ UNIFORMS..) => {
                Some(Expr::Variable(r + drawn.normals + k - UNIFORMS))
            }
            Expr::Variable(k @ NORMALS..) => Some(Expr::Variable(r + k - NORMALS)),
            _ => None,
        });
        finite_under_the_gaussian(text, &expr, &spans, r + drawn.normals)?;
        Ok(Self::of(text.into(), expr, r, drawn))
    }

    /// 0, of r directions.
    pub(crate) fn zero(r: usize) -> Self {
        Self::of("0".into(), Expr::integer(0), r, Drawn::default())
    }

    fn of(source: Arc<str>, expr: Expr, r: usize, drawn: Drawn) -> Self {
        Self {
            source,
            program: Arc::new(Program::new(&expr)),
            expr: Arc::new(expr),
            r,
            drawn,
        }
    }

    /// The link of `z = L x` as one of x, for a lower triangle L: its directions by orthonormal ones.
    pub fn along(&self, lower: &[Vec<f64>]) -> Self {
        let number = |x: f64| BigRational::from_float(x).map(Expr::Number);
        let of = |k: usize| -> Option<Expr> {
            let terms = lower.get(k)?.iter().enumerate();
            let terms = terms.filter(|(_, factor)| **factor != 0.0);
            let mut sum: Option<Expr> = None;
            for (j, factor) in terms {
                let term = match *factor {
                    1.0 => Expr::Variable(j),
                    factor => Expr::Binary(
                        Operator::Multiply,
                        Box::new(number(factor)?),
                        Box::new(Expr::Variable(j)),
                    ),
                };
                sum = Some(match sum {
                    None => term,
                    Some(sum) => Expr::Binary(Operator::Add, Box::new(sum), Box::new(term)),
                });
            }
            sum
        };
        let expr = self.expr.replaced(&|node| match node {
            Expr::Variable(k) => of(*k),
            _ => None,
        });
        Self::of(self.source.clone(), expr, self.r, self.drawn)
    }

    /// `f(g(z) - centre)` for an expression f in one variable.
    pub(crate) fn through(&self, f: &Expr, centre: f64) -> Self {
        let shift = (centre != 0.0)
            .then(|| BigRational::from_float(centre))
            .flatten();
        let of = || match &shift {
            None => (*self.expr).clone(),
            Some(shift) => Expr::Binary(
                Operator::Subtract,
                Box::new((*self.expr).clone()),
                Box::new(Expr::Number(shift.clone())),
            ),
        };
        let expr = f.replaced(&|node| match node {
            Expr::Variable(0) => Some(of()),
            _ => None,
        });
        Self::of(self.source.clone(), expr.simplified(), self.r, self.drawn)
    }

    /// The same link almost everywhere, its expression simplified.
    pub fn simplified(&self) -> Self {
        Self::of(
            self.source.clone(),
            self.expr.simplified(),
            self.r,
            self.drawn,
        )
    }

    /// `E[g | z]`, the link itself if it draws nothing; none where the average over the random numbers has no closed
    /// form here.
    pub fn mean(&self) -> Option<Self> {
        if self.drawn.count() == 0 {
            return Some(self.clone());
        }
        let expr = self.averages().of(&self.expr)?;
        Some(Self::of(
            self.source.clone(),
            expr.simplified(),
            self.r,
            Drawn::default(),
        ))
    }

    /// `E[((g - centre)/scale)^exponent | z]`, as [`Link::mean`].
    pub fn mean_power(&self, centre: f64, scale: f64, exponent: u32) -> Option<Expr> {
        let number = |x| BigRational::from_float(x).map(Expr::Number);
        let binary = |operator, a, b| Expr::Binary(operator, Box::new(a), Box::new(b));
        let mut base = (*self.expr).clone();
        if centre != 0.0 {
            base = binary(Operator::Subtract, base, number(centre)?);
        }
        if scale != 1.0 {
            base = binary(Operator::Divide, base, number(scale)?);
        }
        let power = binary(Operator::Power, base, Expr::integer(i64::from(exponent)));
        let expr = self.averages().of(&power)?;
        Some(expr.simplified())
    }

    fn averages(&self) -> Averages<impl Fn(usize) -> Law> {
        let (normals, uniforms) = (self.r, self.r + self.drawn.normals);
        Averages::new(move |k| match k {
            k if k >= uniforms => Law::Uniform,
            k if k >= normals => Law::Normal,
            _ => Law::Fixed,
        })
    }

    /// The text as typed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The syntax tree: variables 0 to r - 1 are z, then come the normal and then the uniform random numbers.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The compiled form, in the same variables.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The number r of directions.
    pub fn r(&self) -> usize {
        self.r
    }

    /// The random numbers that it draws for each sample.
    pub fn drawn(&self) -> Drawn {
        self.drawn
    }

    /// Whether it draws any.
    pub fn is_random(&self) -> bool {
        self.drawn.count() > 0
    }

    /// How many functions other than powers stand in it: what a value costs, about, in activations.
    pub(crate) fn functions(&self) -> usize {
        let mut count = 0;
        self.expr.visit(&mut |node| {
            count += usize::from(matches!(node, Expr::Apply(_, e) if e.variables() > 0));
        });
        count
    }

    /// Writes `g` of `r` columns of equal length, and as many more as it draws random numbers.
    pub fn eval_columns<T: Real>(&self, columns: &[&[T]], out: &mut [T]) {
        self.program.eval_columns(columns, out);
    }
}

/// With the names of its variables.
impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (normals, uniforms) = (self.r, self.r + self.drawn.normals);
        let named = self.expr.replaced(&|node| match node {
            Expr::Variable(k) if *k >= uniforms => {
                Some(Expr::Variable(MAX_VARIABLES + MAX_DRAWN + k - uniforms))
            }
            Expr::Variable(k) if *k >= normals => Some(Expr::Variable(MAX_VARIABLES + k - normals)),
            _ => None,
        });
        named.fmt(f)
    }
}

/// A formula of the protocol in named quantities, such as `d^1.65` or `10*sqrt(n*p)`.
#[derive(Debug, Clone)]
pub struct Formula {
    expr: Expr,
    program: Program,
}

impl Formula {
    /// Reads a formula in these names.
    ///
    /// # Errors
    /// [`ExprError`] if the text is no expression in these names.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, ExprError> {
        let expr = parse(text, Scope::Formula(names))?;
        Ok(Self {
            program: Program::new(&expr),
            expr,
        })
    }

    /// Whether the name of this place occurs.
    pub fn uses(&self, name: usize) -> bool {
        let mut found = false;
        self.expr
            .visit(&mut |e| found |= *e == Expr::Variable(name));
        found
    }

    /// The formula of the names that are left when all names before them have these values, as text.
    pub fn given(&self, values: &[f64], left: &[&str]) -> String {
        let expr = self.expr.given(values);
        expr.in_scope(Scope::Formula(left)).to_string()
    }

    /// The value, given one number for each name.
    pub fn eval(&self, values: &[f64]) -> f64 {
        self.program.eval(values)
    }
}
