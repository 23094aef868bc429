//! Quadrature rules for the Gaussian on a line.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use faer::{Mat, Side};

use super::EDGE;

/// The standard normal density.
pub(crate) fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// A quadrature rule for N(0, 1): `E f(x) = sum_q weights_q f(nodes_q)`, weights summing to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The nodes, ascending.
    pub nodes: Vec<f64>,
    /// Their weights.
    pub weights: Vec<f64>,
}

impl Rule {
    /// `E f(x)`.
    pub fn expect(&self, mut f: impl FnMut(f64) -> f64) -> f64 {
        self.nodes
            .iter()
            .zip(&self.weights)
            .map(|(x, w)| w * f(*x))
            .sum()
    }
}

/// The Gauss-Hermite rule with `count` nodes: exact for polynomials of degree below `2 count`, slow for kinks (the
/// error falls like `count^(-1/2)` for a jump: use [`composite`]).
pub fn gauss_hermite(count: NonZeroUsize) -> Rule {
    let rule = symmetric(count, |k| (k as f64).sqrt());
    normalised(rule)
}

/// Gauss-Legendre panels of at most `width` with edges at the kinks, weighted by the Gaussian density.
///
/// Converges exponentially for functions that are smooth between the kinks.
pub fn composite(kinks: &[f64], width: f64) -> Rule {
    const ORDER: NonZeroUsize = NonZeroUsize::new(12).expect("12 is positive");
    static PANEL: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| legendre(ORDER));
    let mut edges: Vec<f64> = kinks
        .iter()
        .copied()
        .filter(|kink| kink.abs() < EDGE)
        .collect();
    edges.extend([-EDGE, EDGE]);
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup();
    let mut pairs = Vec::new();
    for edge in edges.windows(2) {
        let parts = ((edge[1] - edge[0]) / width).ceil().max(1.0);
        let half = (edge[1] - edge[0]) / parts / 2.0;
        for part in 0..parts as usize {
            let centre = edge[0] + (2.0 * part as f64 + 1.0) * half;
            pairs.extend(PANEL.iter().map(|(x, w)| {
                let x = centre + half * x;
                (x, half * w * density(x))
            }));
        }
    }
    normalised(pairs)
}

fn normalised(pairs: Vec<(f64, f64)>) -> Rule {
    let total: f64 = pairs.iter().map(|(_, w)| w).sum();
    Rule {
        nodes: pairs.iter().map(|(x, _)| *x).collect(),
        weights: pairs.iter().map(|(_, w)| w / total).collect(),
    }
}

/// The Gauss-Legendre rule of this order on [-1, 1]: nodes, ascending, and weights.
pub(crate) fn legendre(order: NonZeroUsize) -> Vec<(f64, f64)> {
    let coupling = |k: usize| {
        let k = k as f64;
        k / (4.0 * k * k - 1.0).sqrt()
    };
    let pairs = symmetric(order, coupling).into_iter();
    pairs.map(|(x, weight)| (x, 2.0 * weight)).collect()
}

/// The Gauss-Legendre rule of this order for a mean over an interval: nodes, ascending, and weights, which sum to 1.
pub(crate) fn mean_over([from, to]: [f64; 2], order: NonZeroUsize) -> Vec<(f64, f64)> {
    let of = |(x, weight): &(f64, f64)| (from + (to - from) * (1.0 + x) / 2.0, weight / 2.0);
    legendre(order).iter().map(of).collect()
}

/// The Gauss rule of a measure that is even, weights summing to 1: `coupling(k)` stands beside the diagonal of its Jacobi matrix,
/// between the orthonormal polynomials of degrees k - 1 and k.
fn symmetric(count: NonZeroUsize, coupling: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
    let count = count.get();
    let mut jacobi = Mat::zeros(count, count);
    for k in 1..count {
        jacobi[(k, k - 1)] = coupling(k);
    }
    // Finite entries have eigenvalues; no mean is made without them.
    let found = golub_welsch(&jacobi).unwrap_or_else(|| vec![(f64::NAN, f64::NAN); count]);
    // Even to the bit: of an odd count the middle one is zero.
    let mirrored = |j: usize| {
        let ((x, weight), (y, other)) = (found[j], found[found.len() - 1 - j]);
        ((x - y) / 2.0, (weight + other) / 2.0)
    };
    (0..found.len()).map(mirrored).collect()
}

/// The Gauss rule of a Jacobi matrix, of which the lower triangle is read: nodes, ascending, are its eigenvalues, weights, which sum
/// to 1, the squares of the first components of its eigenvectors (Golub and Welsch 1969).
fn golub_welsch(jacobi: &Mat<f64>) -> Option<Vec<(f64, f64)>> {
    let found = jacobi.self_adjoint_eigen(Side::Lower).ok()?;
    let pairs = (0..jacobi.nrows()).map(|j| (found.S()[j], found.U()[(0, j)].powi(2)));
    Some(pairs.collect())
}

/// The Gauss rule of a measure that points and weights give: exact for polynomials of degree below `2 count`, weights summing
/// to 1, by Stieltjes' recurrence; the measure itself should the eigenvalues not be found.
pub(crate) fn gauss_of(measure: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    let moment = |of: &dyn Fn(usize, f64) -> f64| -> f64 {
        let terms = measure.iter().enumerate();
        terms.map(|(q, (x, weight))| weight * of(q, *x)).sum()
    };
    let mut before = vec![0.0; measure.len()];
    let mut now = vec![1.0; measure.len()];
    let mut jacobi = Mat::<f64>::zeros(count, count);
    let mut square = moment(&|_, _| 1.0);
    let total = square;
    for k in 0..count {
        let centre = moment(&|q, x| x * now[q] * now[q]) / square;
        jacobi[(k, k)] = centre;
        let coupling = match k {
            0 => 0.0,
            _ => jacobi[(k, k - 1)].powi(2),
        };
        for (last, (value, (x, _))) in before.iter_mut().zip(now.iter().zip(measure)) {
            *last = (x - centre) * value - coupling * *last;
        }
        std::mem::swap(&mut before, &mut now);
        let length = moment(&|q, _| now[q] * now[q]);
        if k + 1 < count {
            jacobi[(k + 1, k)] = (length / square).sqrt();
        }
        square = length;
    }
    golub_welsch(&jacobi).unwrap_or_else(|| {
        let itself = measure.iter();
        itself.map(|(x, weight)| (*x, weight / total)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composite_rules_integrate_kinked_moments() {
        let rule = composite(&[0.0], 0.5);
        let relu = |x: f64| x.max(0.0);
        let pi = std::f64::consts::PI;
        assert!((rule.expect(relu) - (0.5 / pi).sqrt()).abs() < 1e-14);
        assert!((rule.expect(|x| relu(x) * relu(x)) - 0.5).abs() < 1e-14);
    }

    #[test]
    fn rules_are_exact_below_twice_their_count() {
        for count in [1, 2, 3, 12, 20, 64] {
            let count = NonZeroUsize::new(count).unwrap();
            let panel = legendre(count);
            assert!(panel.is_sorted_by(|a, b| a.0 < b.0));
            let normal = gauss_hermite(count);
            let mut moment = 1.0;
            for k in (0..(2 * count.get()).min(30)).step_by(2) {
                let of = |(x, weight): &(f64, f64)| weight * x.powi(k as i32);
                let mean: f64 = panel.iter().map(of).sum();
                assert!(
                    (mean * (k + 1) as f64 / 2.0 - 1.0).abs() < 1e-13,
                    "{count} {k}"
                );
                // E u^k = (k - 1)!!
                moment *= k.max(1).saturating_sub(1).max(1) as f64;
                let mean = normal.expect(|x| x.powi(k as i32));
                assert!((mean / moment - 1.0).abs() < 1e-11, "{count} {k}");
            }
            let odd = normal.expect(|x| x.powi(3)) + normal.expect(|x| x);
            assert!(odd.abs() < 1e-12, "{count}: {odd}");
        }
        // Tabulated (Abramowitz and Stegun, table 25.4).
        let three = legendre(NonZeroUsize::new(3).unwrap());
        assert!((three[2].0 - 0.774_596_669_241_483_4).abs() < 1e-15);
        assert!((three[1].1 - 8.0 / 9.0).abs() < 1e-15);
    }

    #[test]
    fn rules_of_half_a_normal_have_its_moments() {
        let mut half = mean_over([0.0, EDGE], NonZeroUsize::MIN.saturating_add(63));
        half.iter_mut().for_each(|(x, w)| *w *= density(*x));
        let rule = gauss_of(&half, 4);
        let mean = |k: i32| rule.iter().map(|(x, w)| w * x.powi(k)).sum::<f64>();
        let root = (2.0 / std::f64::consts::PI).sqrt();
        // E|u|^k of a normal.
        let exact = [
            1.0,
            root,
            1.0,
            2.0 * root,
            3.0,
            8.0 * root,
            15.0,
            48.0 * root,
        ];
        for (k, exact) in exact.iter().enumerate() {
            assert!((mean(k as i32) - exact).abs() < 1e-11 * exact, "{k}");
        }
    }
}
