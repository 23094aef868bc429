//! Links of targets and formulas of protocols.

use std::sync::Arc;

use super::check::finite_under_the_gaussian;
use super::error::{ExprError, Problem};
use super::parse::{MAX_VARIABLES, Scope, parse_with_spans};
use super::{Expr, Program, parse};
use crate::real::Real;

/// A link `g(z_1, ..., z_r)`.
///
/// ```
/// use giantstep::expr::Link;
/// let link = Link::parse("z1 + z1*z2", None)?;
/// assert_eq!(link.r(), 2);
/// let mut values = [0.0; 2];
/// link.eval_columns(&[&[1.0, 2.0], &[3.0, -1.0]], &mut values);
/// assert_eq!(values, [4.0, 0.0]);
/// # Ok::<(), giantstep::expr::ExprError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Link {
    source: Arc<str>,
    expr: Arc<Expr>,
    program: Arc<Program>,
    r: usize,
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
        let r = r.unwrap_or(expr.variables());
        if r > MAX_VARIABLES {
            return Err(fail(0..0, Problem::Directions(r)));
        }
        let mut nodes = Vec::new();
        expr.visit(&mut |node| nodes.push(node));
        for (node, span) in nodes.iter().zip(&spans) {
            if let Expr::Variable(k) = node
                && *k >= r
            {
                return Err(fail(
                    span.clone(),
                    Problem::Direction { variable: k + 1, r },
                ));
            }
        }
        finite_under_the_gaussian(text, &expr, &spans)?;
        let program = Program::new(&expr);
        Ok(Self {
            source: text.into(),
            expr: Arc::new(expr),
            program: Arc::new(program),
            r,
        })
    }

    /// The same link almost everywhere, its expression simplified.
    pub fn simplified(&self) -> Self {
        let expr = self.expr.simplified();
        Self {
            source: self.source.clone(),
            program: Arc::new(Program::new(&expr)),
            expr: Arc::new(expr),
            r: self.r,
        }
    }

    /// The text as typed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The syntax tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The compiled form.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The number r of directions.
    pub fn r(&self) -> usize {
        self.r
    }

    /// Writes `g` of `r` columns of equal length.
    pub fn eval_columns<T: Real>(&self, columns: &[&[T]], out: &mut [T]) {
        self.program.eval_columns(columns, out);
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
