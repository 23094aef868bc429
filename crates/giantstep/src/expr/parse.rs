//! From text to syntax tree.

use std::ops::Range;

use num_rational::BigRational;
use num_traits::ToPrimitive;

use super::ast::{Expr, Function, Operator};
use super::error::{ExprError, Problem};
use super::indexed::written_out;
use super::sugar::Sugar;
use super::token::{Spanned, Token, tokens};
use crate::nearest::nearest;

/// The longest text, in bytes.
pub const MAX_LENGTH: usize = 4096;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;
/// The highest degree of a polynomial.
pub const MAX_DEGREE: u64 = 64;
/// The highest degree of a named Hermite polynomial.
pub const MAX_HERMITE: u8 = 20;
/// The most variables of a link.
pub const MAX_VARIABLES: usize = 1024;
/// The most random numbers of each kind that a link draws.
pub const MAX_DRAWN: usize = 16;
/// The most nodes of an expression whose functions are written out.
const MAX_NODES: usize = 20_000;

/// Which variables an expression may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// `z1, z2, ...`, and the random numbers `e1, e2, ...` (standard normal) and `u1, u2, ...` (uniform on [0, 1]), whose
    /// indices follow those of the largest number of directions
    Link,
    /// `x`
    Activation,
    /// These names.
    Formula(&'a [&'a str]),
}

/// Letter, first index and number of the variables of a link.
const LINK_VARIABLES: [(char, usize, usize); 3] = [
    ('z', 0, MAX_VARIABLES),
    ('e', MAX_VARIABLES, MAX_DRAWN),
    ('u', MAX_VARIABLES + MAX_DRAWN, MAX_DRAWN),
];

impl Scope<'_> {
    fn variable(self, name: &str) -> Option<usize> {
        match self {
            Scope::Link => LINK_VARIABLES.iter().find_map(|(letter, first, most)| {
                let digits = name.strip_prefix(*letter)?;
                let number: usize = digits.parse().ok()?;
                let canonical = !digits.starts_with('0') && !digits.starts_with('+');
                (canonical && number <= *most).then(|| first + number - 1)
            }),
            Scope::Activation => (name == "x").then_some(0),
            Scope::Formula(names) => names.iter().position(|known| *known == name),
        }
    }

    /// The name of a variable.
    pub(super) fn name(self, variable: usize) -> String {
        match self {
            Scope::Link => {
                let mut kinds = LINK_VARIABLES.iter().rev();
                let (letter, first, _) = kinds
                    .find(|(_, first, _)| variable >= *first)
                    .unwrap_or(&LINK_VARIABLES[0]);
                format!("{letter}{}", variable - first + 1)
            }
            Scope::Activation => "x".to_owned(),
            Scope::Formula(names) => names.get(variable).copied().unwrap_or("?").to_owned(),
        }
    }

    fn described(self) -> String {
        match self {
            Scope::Link => "z1, z2, ... (and random e1, u1, ...)".to_owned(),
            Scope::Activation => "x".to_owned(),
            Scope::Formula([]) => "numbers".to_owned(),
            Scope::Formula(names) => names.join(", "),
        }
    }

    fn unknown(self, name: &str) -> Problem {
        let mut known: Vec<String> = Function::ALL.iter().map(|f| f.name().to_owned()).collect();
        known.extend(Sugar::ALL.iter().map(|sugar| sugar.name().to_owned()));
        known.extend(["min", "max", "sum", "product", "pi", "He2", "He3"].map(str::to_owned));
        let number = |prefix: &[char]| name.strip_prefix(prefix)?.parse::<usize>().ok();
        if let Some(degree) = number(&['H', 'h']) {
            let nearest = Some(format!("He{degree}"));
            let (name, variables) = (name.to_owned(), self.described());
            return Problem::Name {
                name,
                nearest,
                variables,
            };
        }
        let direction = number(&['z']).filter(|number| *number > MAX_VARIABLES);
        if let (Scope::Link, Some(direction)) = (self, direction) {
            return Problem::Directions(direction);
        }
        match self {
            Scope::Link => {
                known.extend((0..9).map(|k| self.name(k)));
                known.extend(["e1", "e2", "u1", "u2"].map(str::to_owned));
            }
            Scope::Activation => known.push("x".to_owned()),
            Scope::Formula(names) => known.extend(names.iter().map(|name| (*name).to_owned())),
        }
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Problem::Name {
            name: name.to_owned(),
            nearest,
            variables: self.described(),
        }
    }
}

/// Reads an expression over the variables of `scope`.
///
/// `+ - * / ^` (right-associative, binding more tightly than a sign before it), `He0..He20`, the functions of
/// [`Function`], `min`, `max`, `sum(i, n, ...)` and `product(i, n, ...)` with `i` and `z_i`, `pi` and decimal numbers, which are kept exactly.
///
/// # Errors
/// [`ExprError`] with the place and the reason; text of any kind never panics.
///
/// ```
/// use giantstep::expr::{Scope, parse};
/// let link = parse("z1 + He2(z2)*z1", Scope::Link)?;
/// assert_eq!(link.polynomial_degree(), Some(3));
/// let error = parse("z1 + thanh(z2)", Scope::Link).unwrap_err();
/// assert_eq!((error.column(), error.help().as_str()), (6, "did you mean `tanh`?"));
/// # Ok::<(), giantstep::expr::ExprError>(())
/// ```
pub fn parse(text: &str, scope: Scope<'_>) -> Result<Expr, ExprError> {
    parse_with_spans(text, scope).map(|(expr, _)| expr)
}

/// The expression, and the place of every node in the order of [`Expr::visit`].
pub(super) fn parse_with_spans(
    text: &str,
    scope: Scope<'_>,
) -> Result<(Expr, Vec<Range<usize>>), ExprError> {
    let fail = |(span, problem)| ExprError {
        text: text.to_owned(),
        span,
        problem,
    };
    if text.len() > MAX_LENGTH {
        return Err(fail((0..0, Problem::Length(text.len()))));
    }
    let tokens = tokens(text).map_err(fail)?;
    let tokens = written_out(&tokens).map_err(fail)?;
    let mut parser = Parse {
        tokens: &tokens,
        next: 0,
        end: text.len(),
        scope,
        spans: Vec::new(),
    };
    let expr = parser.sum(0).map_err(fail)?;
    if let Some((_, span)) = parser.tokens.get(parser.next) {
        return Err(fail((span.clone(), Problem::Trailing)));
    }
    Ok((expr, parser.spans))
}

struct Parse<'a> {
    tokens: &'a [(Token, Range<usize>)],
    next: usize,
    end: usize,
    scope: Scope<'a>,
    /// The places of all finished nodes, children before parents.
    spans: Vec<Range<usize>>,
}

impl Parse<'_> {
    fn symbol(&self) -> Option<char> {
        match self.tokens.get(self.next) {
            Some((Token::Symbol(c), _)) => Some(*c),
            _ => None,
        }
    }

    fn accept(&mut self, symbol: char) -> bool {
        let here = self.symbol() == Some(symbol);
        self.next += usize::from(here);
        here
    }

    fn here(&self) -> Range<usize> {
        self.tokens
            .get(self.next)
            .map_or(self.end..self.end, |(_, span)| span.clone())
    }

    fn node(&mut self, start: usize, expr: Expr) -> Spanned<Expr> {
        let end = self.tokens[..self.next]
            .last()
            .map_or(start, |(_, span)| span.end);
        self.spans.push(start..end);
        match expr.polynomial_degree() {
            Some(degree) if degree > MAX_DEGREE => Err((start..end, Problem::Degree(degree))),
            _ => Ok(expr),
        }
    }

    fn sum(&mut self, depth: usize) -> Spanned<Expr> {
        let operators = [('+', Operator::Add), ('-', Operator::Subtract)];
        self.chain(depth, operators, Self::product)
    }

    fn product(&mut self, depth: usize) -> Spanned<Expr> {
        let operators = [('*', Operator::Multiply), ('/', Operator::Divide)];
        self.chain(depth, operators, Self::signed)
    }

    /// Operands joined by left-associative operators.
    fn chain(
        &mut self,
        depth: usize,
        operators: [(char, Operator); 2],
        operand: fn(&mut Self, usize) -> Spanned<Expr>,
    ) -> Spanned<Expr> {
        let start = self.here().start;
        let mut left = operand(self, depth)?;
        let mut count = 0;
        while let Some((_, operator)) = operators.iter().find(|(c, _)| self.symbol() == Some(*c)) {
            let at = self.here();
            count += 1;
            if depth + count / 8 > MAX_DEPTH {
                return Err((at, Problem::Depth));
            }
            self.next += 1;
            let right = operand(self, depth)?;
            left = self.node(
                start,
                Expr::Binary(*operator, Box::new(left), Box::new(right)),
            )?;
        }
        Ok(left)
    }

    fn signed(&mut self, depth: usize) -> Spanned<Expr> {
        let start = self.here().start;
        if depth > MAX_DEPTH {
            return Err((self.here(), Problem::Depth));
        }
        if self.accept('-') {
            let inner = self.signed(depth + 1)?;
            return self.node(start, Expr::Negate(Box::new(inner)));
        }
        if self.accept('+') {
            return self.signed(depth + 1);
        }
        let base = self.atom(depth + 1)?;
        if self.accept('^') {
            let exponent = self.signed(depth + 1)?;
            return self.node(
                start,
                Expr::Binary(Operator::Power, Box::new(base), Box::new(exponent)),
            );
        }
        Ok(base)
    }

    fn atom(&mut self, depth: usize) -> Spanned<Expr> {
        let span = self.here();
        let Some((token, _)) = self.tokens.get(self.next) else {
            return Err((
                span,
                Problem::Expected("a number, a variable or a function"),
            ));
        };
        self.next += 1;
        match token.clone() {
            Token::Number(number) => self.node(span.start, Expr::Number(number)),
            Token::Name(name) => self.named(&name, span, depth),
            Token::Symbol('(') => {
                let inner = self.sum(depth + 1)?;
                self.close()?;
                Ok(inner)
            }
            Token::Symbol(_) => Err((
                span,
                Problem::Expected("a number, a variable or a function"),
            )),
        }
    }

    fn close(&mut self) -> Spanned<()> {
        if self.accept(')') {
            Ok(())
        } else {
            Err((self.here(), Problem::Expected("`)`")))
        }
    }

    fn named(&mut self, name: &str, span: Range<usize>, depth: usize) -> Spanned<Expr> {
        if let Some(variable) = self.scope.variable(name) {
            return self.node(span.start, Expr::Variable(variable));
        }
        if name == "pi" {
            return self.node(span.start, Expr::Pi);
        }
        let Some(callee) = Callee::named(name) else {
            let hermite = name
                .strip_prefix("He")
                .is_some_and(|k| k.bytes().all(|c| c.is_ascii_digit()) && !k.is_empty());
            let problem = if hermite {
                Problem::Hermite(name.to_owned())
            } else {
                self.scope.unknown(name)
            };
            return Err((span, problem));
        };
        if !self.accept('(') {
            return Err((span, Problem::Bare(name.to_owned())));
        }
        let inside = self.spans.len();
        let mut arguments = vec![self.sum(depth + 1)?];
        while self.accept(',') {
            arguments.push(self.sum(depth + 1)?);
        }
        self.close()?;
        let given = arguments.len();
        let mut arguments = arguments.into_iter().map(Box::new);
        let expr = match (callee, arguments.next(), arguments.next(), given) {
            (Callee::Function(function), Some(e), None, 1) => Expr::Apply(function, e),
            (Callee::Hermite(k), Some(e), None, 1) => Expr::Hermite(k, e),
            (Callee::Sugar(sugar), Some(e), None, 1) => {
                return self.written_out(sugar, &e, span, inside);
            }
            (Callee::Operator(operator), Some(a), Some(b), 2) => Expr::Binary(operator, a, b),
            _ => {
                return Err((
                    span,
                    Problem::Arity {
                        name: name.to_owned(),
                        takes: callee.takes(),
                        given,
                    },
                ));
            }
        };
        self.node(span.start, expr)
    }

    /// A function of `e` in other words; all of its nodes stand where the function is typed. `inside` is the number of
    /// nodes before those of `e`.
    fn written_out(
        &mut self,
        sugar: Sugar,
        e: &Expr,
        span: Range<usize>,
        inside: usize,
    ) -> Spanned<Expr> {
        // It may hold `e` twice: nested ones grow exponentially.
        if self.spans.len() - inside > MAX_NODES / 4 {
            return Err((span, Problem::Depth));
        }
        let expr = sugar.of(e);
        let mut nodes = 0;
        expr.visit(&mut |_| nodes += 1);
        self.spans.truncate(inside);
        let end = self.tokens[..self.next].last();
        let end = end.map_or(span.end, |(_, last)| last.end);
        self.spans
            .extend(std::iter::repeat_n(span.start..end, nodes));
        Ok(expr)
    }
}

/// What a name before a parenthesis stands for.
#[derive(Debug, Clone, Copy)]
enum Callee {
    Function(Function),
    Operator(Operator),
    Hermite(u8),
    Sugar(Sugar),
}

impl Callee {
    fn named(name: &str) -> Option<Self> {
        if let Some(function) = Function::ALL.into_iter().find(|f| f.name() == name) {
            return Some(Callee::Function(function));
        }
        if let Some(sugar) = Sugar::ALL.into_iter().find(|s| s.name() == name) {
            return Some(Callee::Sugar(sugar));
        }
        match name {
            "min" => Some(Callee::Operator(Operator::Min)),
            "max" => Some(Callee::Operator(Operator::Max)),
            _ => {
                let degree: u8 = name.strip_prefix("He")?.parse().ok()?;
                (degree <= MAX_HERMITE && format!("He{degree}") == name)
                    .then_some(Callee::Hermite(degree))
            }
        }
    }

    fn takes(self) -> usize {
        match self {
            Callee::Function(_) | Callee::Hermite(_) | Callee::Sugar(_) => 1,
            Callee::Operator(_) => 2,
        }
    }
}

impl Expr {
    /// The value of a number-only expression that is a whole number.
    pub fn as_integer(&self) -> Option<i64> {
        self.as_rational()
            .filter(BigRational::is_integer)
            .and_then(|value| value.to_integer().to_i64())
    }

    /// The exact value of an expression made of numbers by `+ - * /` and small whole powers.
    pub fn as_rational(&self) -> Option<BigRational> {
        match self {
            Expr::Number(number) => Some(number.clone()),
            Expr::Negate(e) => Some(-e.as_rational()?),
            Expr::Binary(operator, a, b) => {
                let (a, b) = (a.as_rational()?, b.as_rational()?);
                match operator {
                    Operator::Add => Some(a + b),
                    Operator::Subtract => Some(a - b),
                    Operator::Multiply => Some(a * b),
                    Operator::Divide => (b != BigRational::default()).then(|| a / b),
                    Operator::Power => {
                        let exponent = b.is_integer().then(|| b.to_integer().to_i32())??;
                        let bits = a.numer().bits().max(a.denom().bits());
                        let small = bits.saturating_mul(exponent.unsigned_abs().into()) <= 4096;
                        let defined = exponent >= 0 || a != BigRational::default();
                        (small && defined).then(|| a.pow(exponent))
                    }
                    Operator::Min => Some(a.min(b)),
                    Operator::Max => Some(a.max(b)),
                }
            }
            _ => None,
        }
    }
}
