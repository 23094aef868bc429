//! Why a text is not an expression, with a caret under the place.

use std::fmt;
use std::ops::Range;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// A character that no expression contains.
    Character(char),
    /// A number that cannot be read, or whose exponent is beyond 300.
    Number(String),
    /// A name that is neither a variable of the scope nor a function.
    Name {
        /// As typed.
        name: String,
        /// The nearest known name.
        nearest: Option<String>,
        /// The variables of the scope.
        variables: String,
    },
    /// A function without its parentheses.
    Bare(String),
    /// A function applied to the wrong number of arguments.
    Arity {
        /// The function.
        name: String,
        /// What it takes.
        takes: usize,
        /// What it was given.
        given: usize,
    },
    /// Something else was expected here.
    Expected(&'static str),
    /// The text goes on where the expression has ended.
    Trailing,
    /// Longer than the limit, in bytes.
    Length(usize),
    /// Nested more deeply than the limit.
    Depth,
    /// A Hermite polynomial beyond the largest degree.
    Hermite(String),
    /// A polynomial of too high a degree.
    Degree(u64),
    /// A variable beyond the number of directions.
    Direction {
        /// The variable, counted from 1.
        variable: usize,
        /// The number r of directions.
        r: usize,
    },
    /// More directions than the limit.
    Directions(usize),
    /// Not finite, or without finite variance, where the Gaussian has its mass.
    NotFinite {
        /// The place, one value a variable.
        at: Vec<f64>,
        /// The value there.
        value: f64,
    },
}

/// A text that is not an expression: the text, where, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ExprError {
    /// The whole text.
    pub text: String,
    /// The bytes at fault.
    pub span: Range<usize>,
    /// Why.
    pub problem: Problem,
}

impl ExprError {
    /// The character at fault, counted from 1.
    pub fn column(&self) -> usize {
        self.text
            .get(..self.span.start)
            .map_or(0, |before| before.chars().count())
            + 1
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match &self.problem {
            Problem::Character(_) => {
                "an expression is made of numbers, names, + - * / ^ ( ) and commas".to_owned()
            }
            Problem::Number(_) => "write for instance 2, 0.5 or 1e-3".to_owned(),
            Problem::Name {
                nearest: Some(nearest),
                ..
            } => format!("did you mean `{nearest}`?"),
            Problem::Name { variables, .. } => {
                format!("known are {variables}, pi and functions such as relu, tanh, He2, max")
            }
            Problem::Bare(name) => format!("write {name}(...)"),
            Problem::Arity { name, takes: 1, .. } => format!("write {name}(e)"),
            Problem::Arity { name, .. } => format!("write {name}(a, b)"),
            Problem::Expected(_) if self.text.trim().is_empty() => {
                "nothing stands here: write an expression".to_owned()
            }
            Problem::Expected(_) | Problem::Trailing => {
                "there is no implicit product: write 2*z1, not 2 z1".to_owned()
            }
            Problem::Length(_) | Problem::Depth => "simplify the expression".to_owned(),
            Problem::Hermite(_) => format!("He0 to He{} are known", super::MAX_HERMITE),
            Problem::Degree(_) => format!(
                "polynomials up to degree {} are accepted",
                super::MAX_DEGREE
            ),
            Problem::Direction { variable, .. } => {
                format!("set r to at least {variable}, or use fewer variables")
            }
            Problem::Directions(_) => {
                format!("at most {} directions are accepted", super::MAX_VARIABLES)
            }
            Problem::NotFinite { .. } => {
                "an expression must be finite with finite variance for standard normal variables"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Character(c) => write!(f, "unexpected character `{c}`"),
            // What is written like one is beyond the range.
            Problem::Number(text) => match text.parse::<f64>() {
                Ok(_) => write!(
                    f,
                    "`{text}` is beyond the numbers of double precision, 2.2e-308 to 1.8e308"
                ),
                Err(_) => write!(f, "`{text}` is not a number"),
            },
            Problem::Name { name, .. } => write!(f, "unknown name `{name}`"),
            Problem::Bare(name) => write!(f, "the function `{name}` has no argument"),
            Problem::Arity { name, takes, given } => {
                write!(f, "`{name}` takes {takes} argument(s), not {given}")
            }
            Problem::Expected(what) => write!(f, "expected {what}"),
            Problem::Trailing => write!(f, "the expression has already ended here"),
            Problem::Length(length) => {
                write!(
                    f,
                    "{length} bytes are longer than the limit of {}",
                    super::MAX_LENGTH
                )
            }
            Problem::Depth => write!(f, "nested more deeply than {} levels", super::MAX_DEPTH),
            Problem::Hermite(name) => write!(f, "no Hermite polynomial `{name}`"),
            Problem::Degree(degree) => write!(f, "a polynomial of degree {degree}"),
            Problem::Direction { variable, r } => {
                write!(f, "z{variable} lies beyond r = {r} directions")
            }
            Problem::Directions(r) => write!(f, "{r} directions"),
            Problem::NotFinite { at, value } => {
                let place: Vec<String> = at.iter().map(|z| format!("{z:.3}")).collect();
                if value.is_finite() {
                    write!(
                        f,
                        "no finite variance: it is {value:.3e} at ({})",
                        place.join(", ")
                    )
                } else {
                    write!(f, "not finite: it is {value} at ({})", place.join(", "))
                }
            }
        }
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .text
            .get(self.span.clone())
            .map_or(1, |at| at.chars().count().max(1));
        writeln!(f, "{}", self.problem)?;
        if self.text.len() <= super::MAX_LENGTH && !self.text.contains('\n') {
            writeln!(f, "  {}", self.text)?;
            writeln!(
                f,
                "  {}{}",
                " ".repeat(self.column() - 1),
                "^".repeat(width)
            )?;
        }
        write!(f, "  help: {}", self.help())
    }
}

impl std::error::Error for ExprError {}
