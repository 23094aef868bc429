//! Symmetries of a link: they bound what any transformation of its labels can reveal.
//!
//! If `g(S z) = g(z)` for an orthogonal S that fixes U, then `E[z | g(z), P_U z]` is fixed by S as well.

use num_rational::BigRational;

use super::polynomial::{Monomial, Polynomial};
use super::sampled::Probe;
use super::scalar::Scalar;
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

/// Whether the values stay or change their sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `g(S z) = g(z)`
    Even,
    /// `g(S z) = -g(z)`
    Odd,
}

/// The sign flips, the exchanges of two coordinates with or without signs, and the reflections along the
/// directions of an orthonormal basis, under which a function keeps its values or changes their sign: checked at random
/// points, near and far, to 1e-10 on a scale on which the function is of order one.
pub fn symmetries(
    value: &dyn Fn(&[f64]) -> f64,
    r: usize,
    basis: &[Vec<f64>],
    kind: Kind,
) -> Vec<Symmetry> {
    let mut generator = Probe::Symmetry.stream();
    let points: Vec<Vec<f64>> = (0..32)
        .map(|point| {
            let spread = if point % 2 == 0 { 1.0 } else { 3.0 };
            (0..r).map(|_| spread * generator.normal()).collect()
        })
        .collect();
    let values: Vec<f64> = points.iter().map(|z| value(z)).collect();
    let sign = match kind {
        Kind::Even => 1.0,
        Kind::Odd => -1.0,
    };
    let mut found = candidates(r, basis);
    found.retain(|s| {
        points.iter().zip(&values).all(|(z, v)| {
            let moved = value(&s.apply(z));
            (moved - sign * v).abs() <= 1e-10 * (1.0 + v.abs())
        })
    });
    found
}

/// Those of the maps under which a polynomial keeps its values, or changes their sign, in rational arithmetic.
pub fn exactly(
    found: Vec<Symmetry>,
    polynomial: &Polynomial<BigRational>,
    kind: Kind,
) -> Vec<Symmetry> {
    let expected = match kind {
        Kind::Even => polynomial.clone(),
        Kind::Odd => polynomial.scaled(&BigRational::integer(1).negated()),
    };
    let holds = |s: &Symmetry| {
        s.rational()
            .and_then(|rows| transformed(polynomial, &rows))
            .is_some_and(|moved| moved == expected)
    };
    found.into_iter().filter(holds).collect()
}

impl Symmetry {
    /// The entries as fractions of moderate size, if these are orthogonal.
    fn rational(&self) -> Option<Vec<Vec<BigRational>>> {
        let fractions = |row: &Vec<f64>| row.iter().map(|x| fraction(*x)).collect();
        let rows: Option<Vec<Vec<BigRational>>> = self.0.iter().map(fractions).collect();
        let rows = rows?;
        let unit = |i, j| BigRational::integer(u64::from(i == j));
        let orthogonal =
            (0..rows.len()).all(|i| (0..rows.len()).all(|j| dot(&rows[i], &rows[j]) == unit(i, j)));
        orthogonal.then_some(rows)
    }
}

/// The fraction with the smallest denominator, up to 10^5, within rounding of a number.
fn fraction(x: f64) -> Option<BigRational> {
    let (mut before, mut now) = ((0i64, 1i64), (1i64, 0i64));
    let mut rest = x;
    for _ in 0..24 {
        let whole = rest.floor();
        if whole.abs() > 1e9 {
            return None;
        }
        let step = |a: i64, b: i64| (whole as i64).checked_mul(a)?.checked_add(b);
        (before, now) = (now, (step(now.0, before.0)?, step(now.1, before.1)?));
        if now.1 > 100_000 {
            return None;
        }
        if (now.0 as f64 / now.1 as f64 - x).abs() <= 1e-13 {
            return Some(BigRational::new(now.0.into(), now.1.into()));
        }
        rest = (rest - whole).recip();
    }
    None
}

/// `g(S z)`; not for long polynomials under maps that mix coordinates.
fn transformed(
    polynomial: &Polynomial<BigRational>,
    rows: &[Vec<BigRational>],
) -> Option<Polynomial<BigRational>> {
    const MOST_TERMS: usize = 500;
    let single = |row: &Vec<BigRational>| row.iter().filter(|x| !x.vanishes()).count() == 1;
    if !rows.iter().all(single) {
        let short = polynomial.len() <= MOST_TERMS;
        let forms: Vec<_> = rows.iter().map(|row| Polynomial::linear(row)).collect();
        return short.then(|| polynomial.substituted(&forms));
    }
    // A permutation with signs changes exponents and signs alone.
    let images: Vec<(usize, bool)> = rows
        .iter()
        .map(|row| {
            let place = row.iter().position(|x| !x.vanishes()).unwrap_or(0);
            (place, row[place] == BigRational::integer(1))
        })
        .collect();
    Some(polynomial.map(|monomial, coefficient| {
        let mut moved = Monomial::ONE;
        let mut negative = false;
        for (v, (place, positive)) in images.iter().enumerate() {
            let exponent = monomial.exponent(v);
            moved = moved.times(Monomial::power(*place, exponent));
            negative ^= !positive && exponent % 2 == 1;
        }
        let coefficient = match negative {
            true => coefficient.negated(),
            false => coefficient.clone(),
        };
        (moved, coefficient)
    }))
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
