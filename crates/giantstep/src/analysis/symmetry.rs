//! Symmetries of a link: they bound what any transformation of its labels can reveal.
//!
//! If `g(S z) = g(z)` for an orthogonal S that fixes U, then `E[z | g(z), P_U z]` is fixed by S as well.

use super::sampled::SplitMix;
use super::span::{Span, axes, singular_directions};

/// A permutation of the coordinates with signs.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedPermutation {
    image: Vec<usize>,
    signs: Vec<f64>,
}

impl SignedPermutation {
    /// `(S z)_i = sign_i z_image(i)`
    pub fn apply(&self, z: &[f64]) -> Vec<f64> {
        self.image
            .iter()
            .zip(&self.signs)
            .map(|(&i, sign)| sign * z[i])
            .collect()
    }
}

/// The sign flips, and the exchanges of two coordinates with or without signs, under which a function of r
/// variables is invariant, checked at random points to a relative 1e-11.
pub fn symmetries(value: &dyn Fn(&[f64]) -> f64, r: usize) -> Vec<SignedPermutation> {
    let mut generator = SplitMix(17);
    let points: Vec<Vec<f64>> = (0..24)
        .map(|_| (0..r).map(|_| generator.normal()).collect())
        .collect();
    let values: Vec<f64> = points.iter().map(|z| value(z)).collect();
    candidates(r)
        .into_iter()
        .filter(|s| {
            points.iter().zip(&values).all(|(z, v)| {
                let moved = value(&s.apply(z));
                (moved - v).abs() <= 1e-11 * (1.0 + v.abs())
            })
        })
        .collect()
}

fn candidates(r: usize) -> Vec<SignedPermutation> {
    let identity: Vec<usize> = (0..r).collect();
    let mut all: Vec<SignedPermutation> = (1..1u32 << r)
        .map(|mask| SignedPermutation {
            image: identity.clone(),
            signs: (0..r)
                .map(|i| 1.0 - 2.0 * f64::from(mask >> i & 1))
                .collect(),
        })
        .collect();
    for i in 0..r {
        for j in i + 1..r {
            for (a, b) in [(1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)] {
                let mut swap = SignedPermutation {
                    image: identity.clone(),
                    signs: vec![1.0; r],
                };
                swap.image.swap(i, j);
                (swap.signs[i], swap.signs[j]) = (a, b);
                all.push(swap);
            }
        }
    }
    all
}

/// The dimension of the space of vectors across `subspace`, in the span of `effective`, that are fixed by every
/// symmetry which fixes the subspace point by point: an upper bound on the new directions of order one under
/// any label transformation.
pub fn fixed_dimension(
    symmetries: &[SignedPermutation],
    subspace: &[Vec<f64>],
    effective: &[Vec<f64>],
    r: usize,
) -> usize {
    let fixing = symmetries.iter().filter(|s| {
        subspace.iter().all(|b| {
            let moved = s.apply(b);
            moved.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-9)
        })
    });
    // A direction on which the link does not depend is reflected by a symmetry of its own. Columns of S - 1 span what the symmetries move; the fixed vectors are those orthogonal to it.
    let idle = &f64::completed(effective, &axes(r))[effective.len()..];
    let mut rows: Vec<Vec<f64>> = (0..r)
        .map(|i| idle.iter().map(|v| v[i]).collect())
        .collect();
    for s in fixing {
        for k in 0..r {
            let mut unit = vec![0.0; r];
            unit[k] = 1.0;
            let moved = s.apply(&unit);
            for (row, (x, y)) in rows.iter_mut().zip(moved.iter().zip(&unit)) {
                row.push(x - y);
            }
        }
    }
    let moved = singular_directions(rows)
        .iter()
        .filter(|(value, _)| *value > 1e-9)
        .count();
    r - moved - subspace.len()
}
