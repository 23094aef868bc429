//! Subspaces spanned by vectors: exactly over the rationals, by singular values in floating point.

use num_rational::BigRational;

use super::polynomial::Monomial;
use super::scalar::{Scalar, primitive};

/// The new directions among some vectors, and how clear the decision was.
#[derive(Debug, Clone)]
pub struct Extension<C> {
    /// An orthogonal basis of the span of the vectors across the subspace (orthonormal in floating point).
    pub basis: Vec<Vec<C>>,
    /// The smallest singular value that was called a direction (infinite where there is none).
    pub kept: f64,
    /// The largest singular value that was called zero.
    pub dropped: f64,
}

/// The linear algebra on which the chain of subspaces rests.
pub trait Span: Scalar {
    /// An orthogonal basis of the part across `subspace` of the span of `vectors`.
    ///
    /// Exact over the rationals; in floating point the singular values up to `tolerance` count as zero.
    fn extension(subspace: &[Vec<Self>], vectors: &[Vec<Self>], tolerance: f64) -> Extension<Self>;

    /// The orthogonal basis of `subspace` extended to the span of the independent vectors `within`, by those of
    /// them that overlap least with it.
    fn completed(subspace: &[Vec<Self>], within: &[Vec<Self>]) -> Vec<Vec<Self>>;

    /// A vector of floating-point numbers, where the field holds it.
    fn vector(floats: &[f64]) -> Option<Vec<Self>>;

    /// The coefficient of a monomial `m` of a gradient of this order where the field holds it: times the square root of
    /// `m!/order`, so that the squares of all columns of an order sum to its energy.
    fn weighted(column: Vec<Self>, monomial: Monomial, order: u32) -> Vec<Self>;
}

/// `|v|^2`
pub fn squared_norm<C: Scalar>(vector: &[C]) -> C {
    dot(vector, vector)
}

/// `<a, b>`
pub fn dot<C: Scalar>(a: &[C], b: &[C]) -> C {
    a.iter()
        .zip(b)
        .fold(C::integer(0), |sum, (x, y)| sum.plus(&x.times(y)))
}

/// The vector less its projection on the span of orthogonal vectors.
pub fn residual<C: Scalar>(vector: &[C], basis: &[Vec<C>]) -> Vec<C> {
    let mut rest = vector.to_vec();
    for b in basis {
        let factor = dot(&rest, b).over(&squared_norm(b));
        if !factor.vanishes() {
            for (x, y) in rest.iter_mut().zip(b) {
                *x = x.plus(&factor.times(y).negated());
            }
        }
    }
    rest
}

impl Span for BigRational {
    fn extension(subspace: &[Vec<Self>], vectors: &[Vec<Self>], _: f64) -> Extension<Self> {
        let r = vectors.first().map_or(0, Vec::len);
        let mut rows: Vec<Vec<Self>> = Vec::new();
        let mut all = subspace.to_vec();
        for vector in vectors {
            if all.len() == r {
                break;
            }
            let rest = multiple_of_residual(vector, &all);
            if rest.iter().any(|x| !x.vanishes()) {
                let rest = primitive(&rest);
                all.push(rest.clone());
                rows.push(rest);
            }
        }
        let mut basis: Vec<Vec<Self>> = Vec::new();
        for row in echelon(rows) {
            basis.push(primitive(&residual(&row, &basis)));
        }
        Extension {
            basis,
            kept: f64::INFINITY,
            dropped: 0.0,
        }
    }

    fn completed(subspace: &[Vec<Self>], within: &[Vec<Self>]) -> Vec<Vec<Self>> {
        let mut basis = subspace.to_vec();
        for vector in by_overlap(subspace, within) {
            let rest = residual(vector, &basis);
            if basis.len() < within.len() && rest.iter().any(|x| !x.vanishes()) {
                basis.push(primitive(&rest));
            }
        }
        basis
    }

    fn vector(_: &[f64]) -> Option<Vec<Self>> {
        None
    }

    fn weighted(column: Vec<Self>, _: Monomial, _: u32) -> Vec<Self> {
        column
    }
}

/// A positive multiple of the residual, without divisions: integers stay integers.
fn multiple_of_residual(vector: &[BigRational], basis: &[Vec<BigRational>]) -> Vec<BigRational> {
    let mut rest = vector.to_vec();
    for b in basis {
        let (overlap, size) = (dot(&rest, b).negated(), squared_norm(b));
        if !overlap.vanishes() {
            for (x, y) in rest.iter_mut().zip(b) {
                *x = x.times(&size).plus(&overlap.times(y));
            }
        }
    }
    rest
}

/// The reduced row echelon form of independent rows.
fn echelon(mut rows: Vec<Vec<BigRational>>) -> Vec<Vec<BigRational>> {
    let columns = rows.first().map_or(0, Vec::len);
    let mut done = 0;
    for column in 0..columns {
        let Some(pivot) = (done..rows.len()).find(|&i| !rows[i][column].vanishes()) else {
            continue;
        };
        rows.swap(done, pivot);
        let head = rows[done][column].clone();
        let pivot_row: Vec<_> = rows[done].iter().map(|x| x.over(&head)).collect();
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[column].negated();
            if i == done {
                row.clone_from(&pivot_row);
            } else if !factor.vanishes() {
                for (x, p) in row.iter_mut().zip(&pivot_row) {
                    *x = x.plus(&factor.times(p));
                }
            }
        }
        done += 1;
    }
    rows
}

/// The coordinate axes of R^r.
pub fn axes<C: Scalar>(r: usize) -> Vec<Vec<C>> {
    (0..r)
        .map(|i| (0..r).map(|j| C::integer(u64::from(i == j))).collect())
        .collect()
}

/// The vectors, those least contained in the subspace first; ties in order.
fn by_overlap<'a, C: Scalar>(subspace: &[Vec<C>], vectors: &'a [Vec<C>]) -> Vec<&'a Vec<C>> {
    let overlap = |vector: &[C]| -> f64 {
        let size = squared_norm(vector).to_float();
        subspace
            .iter()
            .map(|b| dot(b, vector).to_float().powi(2) / (squared_norm(b).to_float() * size))
            .sum()
    };
    let mut sorted: Vec<(i64, &Vec<C>)> = vectors
        .iter()
        .map(|v| ((overlap(v) * 1e6).round() as i64, v))
        .collect();
    sorted.sort_by_key(|(overlap, _)| *overlap);
    sorted.into_iter().map(|(_, v)| v).collect()
}

impl Span for f64 {
    fn extension(subspace: &[Vec<Self>], vectors: &[Vec<Self>], tolerance: f64) -> Extension<Self> {
        let r = vectors.first().map_or(0, Vec::len);
        let rests: Vec<Vec<f64>> = vectors.iter().map(|v| residual(v, subspace)).collect();
        let rows: Vec<Vec<f64>> = (0..r)
            .map(|i| rests.iter().map(|v| v[i]).collect())
            .collect();
        let (kept, dropped): (Vec<_>, Vec<_>) = singular_directions(rows)
            .into_iter()
            .partition(|(value, _)| *value > tolerance);
        let dropped = dropped.iter().map(|(value, _)| *value).fold(0.0, f64::max);
        let smallest = kept
            .iter()
            .map(|(value, _)| *value)
            .fold(f64::INFINITY, f64::min);
        let directions = kept.into_iter().map(|(_, direction)| direction).collect();
        Extension {
            basis: readable_basis(directions, subspace),
            kept: smallest,
            dropped,
        }
    }

    fn completed(subspace: &[Vec<Self>], within: &[Vec<Self>]) -> Vec<Vec<Self>> {
        let mut basis = subspace.to_vec();
        for vector in by_overlap(subspace, within) {
            let rest = residual(&residual(vector, &basis), &basis);
            let norm = squared_norm(&rest).sqrt();
            if basis.len() < within.len() && norm > 1e-6 {
                basis.push(rest.iter().map(|x| x / norm).collect());
            }
        }
        basis
    }

    fn vector(floats: &[f64]) -> Option<Vec<Self>> {
        Some(floats.to_vec())
    }

    fn weighted(mut column: Vec<Self>, monomial: Monomial, order: u32) -> Vec<Self> {
        let weight = (monomial.factorial::<f64>() / f64::from(order)).sqrt();
        column.iter_mut().for_each(|c| *c *= weight);
        column
    }
}

/// The singular values and left singular vectors of a matrix of few long rows: one-sided Jacobi rotations.
///
/// Small singular values keep their relative accuracy, unlike through the Gram matrix.
pub fn singular_directions(mut rows: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let r = rows.len();
    let mut left: Vec<Vec<f64>> = (0..r)
        .map(|i| (0..r).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    for _ in 0..60 {
        let mut turned = false;
        for i in 0..r {
            for j in i + 1..r {
                let (a, b, c) = (
                    dot(&rows[i], &rows[i]),
                    dot(&rows[j], &rows[j]),
                    dot(&rows[i], &rows[j]),
                );
                if c.abs() <= 1e-15 * a.sqrt() * b.sqrt() || c == 0.0 {
                    continue;
                }
                turned = true;
                let zeta = (b - a) / (2.0 * c);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let cos = 1.0 / (1.0 + t * t).sqrt();
                rotate(&mut rows, i, j, cos, cos * t);
                rotate(&mut left, i, j, cos, cos * t);
            }
        }
        if !turned {
            break;
        }
    }
    rows.iter()
        .zip(left)
        .map(|(row, direction)| (squared_norm(row).sqrt(), direction))
        .collect()
}

/// Rows i and j turned by the angle of this cosine and sine.
fn rotate(rows: &mut [Vec<f64>], i: usize, j: usize, cos: f64, sin: f64) {
    let (head, tail) = rows.split_at_mut(j);
    for (x, y) in head[i].iter_mut().zip(tail[0].iter_mut()) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}

/// Another orthonormal basis of the same space, each vector with as many zero coordinates as elimination gives.
fn readable_basis(mut rows: Vec<Vec<f64>>, subspace: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let r = rows.first().map_or(0, Vec::len);
    let mut free: Vec<usize> = (0..rows.len()).collect();
    let mut pivots = Vec::new();
    for column in 0..r {
        let Some(&best) = free
            .iter()
            .max_by(|&&a, &&b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))
        else {
            break;
        };
        if rows[best][column].abs() < 0.1 {
            continue;
        }
        free.retain(|&i| i != best);
        let pivot_row: Vec<f64> = rows[best].iter().map(|x| x / rows[best][column]).collect();
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if i == best {
                row.clone_from(&pivot_row);
            } else {
                row.iter_mut()
                    .zip(&pivot_row)
                    .for_each(|(x, p)| *x -= factor * p);
            }
        }
        pivots.push(best);
    }
    let order = pivots.into_iter().chain(free);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for i in order {
        let across = residual(&residual(&rows[i], subspace), &basis);
        let across = residual(&residual(&across, subspace), &basis);
        let norm = squared_norm(&across).sqrt();
        let first = across.iter().find(|x| x.abs() > 1e-9 * norm);
        let sign = first.map_or(1.0, |x| x.signum());
        basis.push(across.iter().map(|x| sign * x / norm).collect());
    }
    basis
}
