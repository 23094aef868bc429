//! Symmetries of a link: they bound what any transformation of its labels can reveal.
//!
//! If `g(S z) = g(z)` for an orthogonal S that fixes U, then `E[z | g(z), P_U z]` is fixed by S as well.

use super::sampled::SplitMix;
use super::span::{Span, axes, dot, singular_directions};

/// An orthogonal map of R^r, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry(Vec<Vec<f64>>);

impl Symmetry {
    /// `S z`
    pub fn apply(&self, z: &[f64]) -> Vec<f64> {
        self.0.iter().map(|row| dot(row, z)).collect()
    }
}

/// The sign flips, the exchanges of two coordinates with or without signs, and the reflections along the
/// directions of an orthonormal basis, under which a function is invariant: checked at random points, near and
/// far, to 1e-10 on a scale on which the function is of order one.
pub fn symmetries(value: &dyn Fn(&[f64]) -> f64, r: usize, basis: &[Vec<f64>]) -> Vec<Symmetry> {
    let mut generator = SplitMix(17);
    let points: Vec<Vec<f64>> = (0..32)
        .map(|point| {
            let spread = if point % 2 == 0 { 1.0 } else { 3.0 };
            (0..r).map(|_| spread * generator.normal()).collect()
        })
        .collect();
    let values: Vec<f64> = points.iter().map(|z| value(z)).collect();
    let mut found = candidates(r, basis);
    found.retain(|s| {
        points.iter().zip(&values).all(|(z, v)| {
            let moved = value(&s.apply(z));
            (moved - v).abs() <= 1e-10 * (1.0 + v.abs())
        })
    });
    found
}

fn candidates(r: usize, basis: &[Vec<f64>]) -> Vec<Symmetry> {
    let mut all = reflections(&axes(r));
    for i in 0..r {
        for j in i + 1..r {
            for (a, b) in [(1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)] {
                let mut swap = axes(r);
                swap.swap(i, j);
                swap[i].iter_mut().for_each(|x| *x *= a);
                swap[j].iter_mut().for_each(|x| *x *= b);
                all.push(Symmetry(swap));
            }
        }
    }
    for reflection in reflections(basis) {
        if !all.contains(&reflection) {
            all.push(reflection);
        }
    }
    all
}

/// `1 - 2 sum_(v in S) v v^T` for every set S of some orthonormal vectors.
fn reflections(vectors: &[Vec<f64>]) -> Vec<Symmetry> {
    let r = vectors.first().map_or(0, Vec::len);
    let entry = |mask: u32, i: usize, j: usize| -> f64 {
        let chosen = (0..vectors.len()).filter(|v| mask >> v & 1 == 1);
        let sum: f64 = chosen.map(|v| vectors[v][i] * vectors[v][j]).sum();
        f64::from(u8::from(i == j)) - 2.0 * sum
    };
    (1..1u32 << vectors.len())
        .map(|mask| {
            let row = |i| (0..r).map(|j| entry(mask, i, j)).collect();
            Symmetry((0..r).map(row).collect())
        })
        .collect()
}

/// The dimension of the space of vectors across `subspace`, in the span of `effective`, that are fixed by every
/// symmetry which fixes the subspace point by point: an upper bound on the new directions of order one under
/// any label transformation.
pub fn fixed_dimension(
    symmetries: &[Symmetry],
    subspace: &[Vec<f64>],
    effective: &[Vec<f64>],
    r: usize,
) -> usize {
    let fixing = symmetries.iter().filter(|s| {
        subspace.iter().all(|b| {
            let moved = s.apply(b);
            moved.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-7)
        })
    });
    // A direction on which the link does not depend is reflected by a symmetry of its own. Columns of S - 1 span
    // what the symmetries move; the fixed vectors are those orthogonal to it.
    let idle = &f64::completed(effective, &axes(r))[effective.len()..];
    let mut rows: Vec<Vec<f64>> = (0..r)
        .map(|i| idle.iter().map(|v| v[i]).collect())
        .collect();
    for s in fixing {
        for (row, (i, image)) in rows.iter_mut().zip(s.0.iter().enumerate()) {
            let moved = image.iter().enumerate();
            row.extend(moved.map(|(j, x)| x - f64::from(u8::from(i == j))));
        }
    }
    let moved = singular_directions(rows)
        .iter()
        .filter(|(value, _)| *value > 1e-6)
        .count();
    r - moved - subspace.len()
}
