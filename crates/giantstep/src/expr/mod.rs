//! The little language of links, activations and formulas.
//!
//! A link is typed in `z1..zr`, an activation in `x`, a formula of the protocol in `d`, `n`, `p`. Text is parsed
//! into an [`Expr`] with exact numbers, which can be differentiated, asked for its degree and its kinks, and
//! compiled into a [`Program`] that evaluates whole columns.

mod algebra;
mod ast;
mod average;
mod check;
mod derivative;
mod display;
mod error;
mod indexed;
mod link;
mod means;
mod parse;
mod program;
mod simplify;
mod sugar;
mod token;

pub use ast::{Expr, Function, Operator};
pub(crate) use check::parse_checked;
pub use error::{ExprError, Problem};
pub use link::{Drawn, Formula, Link};
pub use parse::{
    MAX_DEGREE, MAX_DEPTH, MAX_DRAWN, MAX_HERMITE, MAX_LENGTH, MAX_VARIABLES, Scope, parse,
};
pub use program::Program;
