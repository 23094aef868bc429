//! The little language of links, activations and formulas.
//!
//! A link is typed in `z1..zr`, an activation in `x`, a formula of the protocol in `d`, `n`, `p`.

mod ast;
mod link;

pub use ast::{Expr, Function, Operator};
pub use link::{Formula, Link};
