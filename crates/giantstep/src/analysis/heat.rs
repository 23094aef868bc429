//! The heat transform of a link: Hermite algebra turned into algebra of monomials.
//!
//! `G(x) = E[g(x + z)]` sends `He_m(z)` to `x^m`, commutes with rotations, and holds the whole analysis:
//! - its coefficients are the Hermite coefficients, `g = sum_m G_m He_m`;
//! - `E[g h] = sum_m m! G_m H_m` (in any orthonormal coordinates);
//! - `E[g | P_U z]` is `G` restricted to U, and the conditional Hermite tensor of order j of THEORY.md (10),
//!   as a polynomial of the point of U, is the part of `G` of degree j in the coordinates across U.

use super::polynomial::{Monomial, Polynomial};
use super::scalar::Scalar;
use super::span::{Span, squared_norm};

/// `G(x) = E[g(x + z)]` of a polynomial g in independent standard normals, up to a total degree.
///
/// One variable at a time, `x^n -> sum_j n! / (2^j j! (n - 2j)!) x^(n - 2j)`. O(terms times degree).
pub fn heat_transform<C: Scalar>(
    link: &Polynomial<C>,
    variables: usize,
    degree: u32,
) -> Polynomial<C> {
    (0..variables).fold(link.clone(), |current, variable| {
        let mut next = Vec::with_capacity(current.len());
        for (monomial, coefficient) in current.terms() {
            let (rest, n) = monomial.without(variable);
            let done = rest.degree(0..variable);
            for (left, weight) in weights::<C>(n) {
                if done + left <= degree {
                    let monomial = rest.times(Monomial::power(variable, left));
                    next.push((monomial, coefficient.times(&weight)));
                }
            }
        }
        Polynomial::from_terms(next)
    })
}

/// The integers `n! / (2^j j! (n - 2j)!)` and the powers `n - 2j` that they stand at.
fn weights<C: Scalar>(n: u32) -> Vec<(u32, C)> {
    let mut weight = C::integer(1);
    (0..=n / 2)
        .map(|j| {
            let left = n - 2 * j;
            let here = (left, weight.clone());
            let ratio = u64::from(left) * u64::from(left.saturating_sub(1));
            weight = weight
                .times(&C::integer(ratio))
                .over(&C::integer(2 * (u64::from(j) + 1)));
            here
        })
        .collect()
}

/// A heat transform in the coordinates of an orthogonal basis: first along a subspace U, then across it.
#[derive(Debug, Clone)]
pub struct Adapted<C> {
    basis: Vec<Vec<C>>,
    along: usize,
    heat: Polynomial<C>,
}

impl<C: Span> Adapted<C> {
    /// The transform `heat` in coordinates t, `x = sum_j t_j basis_j`, where the basis extends that of the
    /// subspace to the span of `within`, which holds all directions on which the link depends.
    pub fn new(heat: &Polynomial<C>, subspace: &[Vec<C>], within: &[Vec<C>]) -> Self {
        let basis = C::completed(subspace, within);
        let r = within.first().map_or(0, Vec::len);
        let in_coordinates = match axes(&basis) {
            Some(axes) if axes.len() == r => along_axes(heat, &basis, &axes),
            _ => {
                let forms: Vec<_> = (0..r)
                    .map(|i| {
                        let row: Vec<C> = basis.iter().map(|b| b[i].clone()).collect();
                        Polynomial::linear(&row)
                    })
                    .collect();
                heat.substituted(&forms)
            }
        };
        Self {
            heat: in_coordinates,
            along: subspace.len(),
            basis,
        }
    }

    /// The part of exact degree `order` in the coordinates across the subspace.
    pub fn across(&self, order: u32) -> Polynomial<C> {
        let (s, r) = (self.along, self.basis.len());
        self.heat.filtered(|m| m.degree(s..r) == order)
    }

    /// The largest degree across the subspace.
    pub fn degree_across(&self) -> u32 {
        let (s, r) = (self.along, self.basis.len());
        self.heat
            .terms()
            .map(|(m, _)| m.degree(s..r))
            .max()
            .unwrap_or(0)
    }

    /// Vectors of R^r across U that span the columns of the conditional tensors of this order over all points
    /// of U: the new directions of the chain.
    ///
    /// They are the coefficients of the gradient across U of the part of degree `order`, each in Hermite
    /// normalisation, so that in floating point their Gram matrix is the mean over U of that of the tensors.
    pub fn new_directions(&self, order: u32) -> Vec<Vec<C>> {
        let s = self.along;
        let part = self.across(order);
        // The gradient is sum_v (d/dt_v) b_v / |b_v|^2; times the product of all norms it needs no division.
        let weights: Vec<C> = (0..self.basis.len())
            .map(|v| {
                let others = self.basis.iter().enumerate().filter(|(u, _)| *u != v);
                others.fold(C::integer(1), |w, (_, b)| w.times(&squared_norm(b)))
            })
            .collect();
        let mut columns = std::collections::BTreeMap::<Monomial, Vec<C>>::new();
        for (monomial, coefficient) in part.terms() {
            for (v, norms) in weights.iter().enumerate().skip(s) {
                let (rest, exponent) = monomial.without(v);
                if exponent == 0 {
                    continue;
                }
                let lowered = rest.times(Monomial::power(v, exponent - 1));
                let weight = coefficient.times(&C::integer(u64::from(exponent)));
                let scale = weight.times(norms);
                let column = columns
                    .entry(lowered)
                    .or_insert_with(|| vec![C::integer(0); self.basis[v].len()]);
                for (c, b) in column.iter_mut().zip(&self.basis[v]) {
                    *c = c.plus(&scale.times(b));
                }
            }
        }
        columns
            .into_iter()
            .map(|(monomial, column)| C::weighted(column, monomial, order))
            .collect()
    }

    /// `E[g_j^2]` of the part of degree `order` across the subspace and of degree zero along it.
    pub fn energy_apart(&self, order: u32) -> C {
        let s = self.along;
        self.energy(&self.across(order).filtered(|m| m.degree(0..s) == 0))
    }

    /// `E[g_j^2]`, g_j the part of the link of degree `order` across the subspace.
    pub fn energy_across(&self, order: u32) -> C {
        self.energy(&self.across(order))
    }

    /// `E[p^2] = sum_m m! p_m^2 / prod_j |b_j|^(2 m_j)` of a transform in these coordinates.
    fn energy(&self, part: &Polynomial<C>) -> C {
        let norms: Vec<C> = self.basis.iter().map(|b| squared_norm(b)).collect();
        part.terms()
            .fold(C::integer(0), |sum, (monomial, coefficient)| {
                let mut term = coefficient.times(coefficient).times(&monomial.factorial());
                for (v, norm) in norms.iter().enumerate() {
                    if *norm == C::integer(1) {
                        continue;
                    }
                    for _ in 0..monomial.exponent(v) {
                        term = term.over(norm);
                    }
                }
                sum.plus(&term)
            })
    }
}

/// The axis of each basis vector, where every one lies along an axis.
fn axes<C: Scalar>(basis: &[Vec<C>]) -> Option<Vec<usize>> {
    basis
        .iter()
        .map(|b| {
            let axis = b.iter().position(|x| !x.vanishes())?;
            b[axis + 1..].iter().all(C::vanishes).then_some(axis)
        })
        .collect()
}

/// The transform in coordinates along the axes: a change of exponents.
fn along_axes<C: Scalar>(heat: &Polynomial<C>, basis: &[Vec<C>], axes: &[usize]) -> Polynomial<C> {
    heat.map(|monomial, coefficient| {
        let mut scaled = coefficient.clone();
        let mut moved = Monomial::ONE;
        for (v, &axis) in axes.iter().enumerate() {
            let exponent = monomial.exponent(axis);
            moved = moved.times(Monomial::power(v, exponent));
            if basis[v][axis] != C::integer(1) {
                for _ in 0..exponent {
                    scaled = scaled.times(&basis[v][axis]);
                }
            }
        }
        (moved, scaled)
    })
}

/// `E[g_k^2]` for each degree k of the Hermite expansion: the energy per degree.
pub fn energies<C: Scalar>(heat: &Polynomial<C>) -> Vec<C> {
    let mut energies = vec![C::integer(0); heat.degree() as usize + 1];
    for (monomial, coefficient) in heat.terms() {
        let term = coefficient.times(coefficient).times(&monomial.factorial());
        let k = monomial.total() as usize;
        energies[k] = energies[k].plus(&term);
    }
    energies
}

/// Vectors that span the directions on which the link depends: the coefficients of its gradient.
pub fn gradients<C: Span>(heat: &Polynomial<C>, r: usize) -> Vec<Vec<C>> {
    let mut columns = std::collections::BTreeMap::<Monomial, Vec<C>>::new();
    for (monomial, coefficient) in heat.terms() {
        for v in 0..r {
            let (rest, exponent) = monomial.without(v);
            if exponent > 0 {
                let lowered = rest.times(Monomial::power(v, exponent - 1));
                let column = columns
                    .entry(lowered)
                    .or_insert_with(|| vec![C::integer(0); r]);
                column[v] = coefficient.times(&C::integer(u64::from(exponent)));
            }
        }
    }
    columns
        .into_iter()
        .map(|(monomial, column)| C::weighted(column, monomial, monomial.total() + 1))
        .collect()
}
