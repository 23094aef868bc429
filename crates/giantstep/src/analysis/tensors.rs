//! The Hermite tensors of a link.

use super::polynomial::{MOST_VARIABLES, Monomial, Polynomial};
use super::report::{Tensor, TensorEntry};
use super::scalar::Scalar;

/// The tensors `T_k = E[g He_k(z)]` of order 1 to `largest` of the link with this heat transform, divided by
/// `divisor`.
///
/// The entry at the multi-index m is `m!` times the coefficient of the transform. Entries whose normalised
/// coefficient is at most `level` count as zero.
pub fn tensors<C: Scalar>(
    heat: &Polynomial<C>,
    largest: u32,
    level: f64,
    divisor: f64,
) -> Vec<Tensor> {
    let mut tensors: Vec<Tensor> = (1..=largest)
        .map(|order| Tensor {
            order,
            entries: Vec::new(),
        })
        .collect();
    for (monomial, coefficient) in heat.terms() {
        let order = monomial.total();
        let factorial = monomial.factorial::<f64>();
        let value = coefficient.to_float() * factorial;
        if (1..=largest).contains(&order) && value.abs() > level * factorial.sqrt() {
            tensors[order as usize - 1].entries.push(TensorEntry {
                index: index(monomial),
                value: value / divisor,
            });
        }
    }
    for tensor in &mut tensors {
        tensor.entries.sort_by(|a, b| a.index.cmp(&b.index));
    }
    tensors
}

/// Every variable, from 1, as often as its exponent says.
fn index(monomial: Monomial) -> Vec<usize> {
    (0..MOST_VARIABLES)
        .flat_map(|v| std::iter::repeat_n(v + 1, monomial.exponent(v) as usize))
        .collect()
}
