//! The Gaussian moments of links and activations of which one step is made: `T_k = E[g(z) He_k(z)]`, `c_k = E[sigma(x) He_k(x)]`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use crate::activation::Activation;
use crate::batch::Inputs;
use crate::gauss::{Coefficients, hermite_all};
use crate::labels::{Removal, Target};
use crate::theory::coordinates;
use crate::theory::expectation::{Points, Shape, link_values};
use crate::theory::separated::Separated;
use crate::theory::smoothed::Sigma;
use crate::watch::NEVER;

/// Gaussian moments of an activation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActivationMoments {
    /// `c_k = E[sigma(x) He_k(x)]`.
    pub coefficients: Vec<f64>,
    /// `E[sigma'(x) He_k(x)]`, the part of `c_{k+1}` that a gradient sees: all of it for continuous activations.
    pub slopes: Vec<f64>,
    /// `E[sigma'(x)^2]`.
    pub slope_power: f64,
    /// `E[x sigma'(x)]`.
    pub slope_along: f64,
    /// `E[sigma(x)^2]`.
    pub power: f64,
    /// `E[x sigma(x) sigma'(x)]`.
    pub value_slope_along: f64,
}

impl ActivationMoments {
    /// The moments, by quadrature split at the kinks.
    pub fn of(activation: &Activation) -> Self {
        let sigma = Sigma::new(activation);
        let [slope_power, slope_along, power, value_slope_along] =
            sigma.average(0.0, 1.0, |v, slope, x| {
                [slope * slope, slope * x, v * v, v * slope * x]
            });
        let clean = |found: Coefficients| -> Vec<f64> {
            let zeros = found.values.iter().zip(&found.errors);
            zeros
                .map(|(c, error)| if c.abs() <= 2.0 * error { 0.0 } else { *c })
                .collect()
        };
        Self {
            coefficients: clean(activation.coefficients(ORDERS + 1)),
            slopes: clean(activation.slope_coefficients(ORDERS)),
            slope_power,
            slope_along,
            power,
            value_slope_along,
        }
    }
}

/// The largest order of a Hermite tensor that is computed.
pub const ORDERS: usize = 4;

/// Hermite tensors `T_k` of a link for `k <= 4`, and its moments.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkMoments {
    /// The number r of directions.
    pub r: usize,
    /// `E y^2`, label noise included.
    pub power: f64,
    /// For each order k, the entries of `T_k` by multi-index `m` with `|m| = k` (the multiplicity of each
    /// direction).
    pub tensors: Vec<BTreeMap<Vec<u8>, f64>>,
    /// Standard errors of the entries, where they were sampled.
    pub standard_errors: Option<Vec<BTreeMap<Vec<u8>, f64>>>,
}

impl LinkMoments {
    /// The moments of a target, by tensor quadrature where r is small, otherwise sampled from a fixed seed.
    ///
    /// Entries within four standard errors (or rounding) of zero are set to zero.
    pub fn of(target: &Target) -> Self {
        Self::from_seed(target, 1)
    }

    /// [`LinkMoments::of`], sampled from this seed where quadrature does not reach.
    pub fn from_seed(target: &Target, seed: u64) -> Self {
        Self::along(target, Inputs::Gaussian, (seed, &NEVER))
    }

    /// The same over this law of the coordinates, of orders 0 and 1 alone where it is not Gaussian; worth nothing if `stop` is set
    /// before the end.
    pub(super) fn along(target: &Target, law: Inputs, (seed, stop): (u64, &AtomicBool)) -> Self {
        let gaussian = law == Inputs::Gaussian;
        const BUDGET: usize = 1 << 20;
        let (link, r) = (&target.link, target.r);
        if let Some(sum) = Separated::of(link).filter(|_| gaussian && r > 2) {
            return Self::of_sum(target, &sum);
        }
        // So many entries that the tensors of a wide link stop early.
        let highest = (1..=ORDERS)
            .rev()
            .find(|k| count(r, *k) <= 1000)
            .filter(|_| gaussian)
            .unwrap_or(1);
        let indices: Vec<Vec<Vec<u8>>> = (0..=highest).map(|k| multi_indices(r, k)).collect();
        let all: Vec<&Vec<u8>> = indices.iter().flatten().collect();
        let shape = Shape::of(link);
        let points = coordinates::points(law, (&shape, r, 2 * highest), BUDGET, seed);
        let sums = points.expect_until(stop, 2 * all.len() + 1, |columns, weights, sums| {
            let mut labels = vec![0.0; weights.len()];
            link_values(link, columns, &mut labels);
            for (row, (label, weight)) in labels.iter().zip(weights).enumerate() {
                let polynomials: Vec<Vec<f64>> = columns
                    .iter()
                    .map(|column| hermite_all(highest + 1, column[row]))
                    .collect();
                for (index, pair) in all.iter().zip(sums.as_chunks_mut().0) {
                    let [first, square]: &mut [f64; 2] = pair;
                    let he: f64 = index
                        .iter()
                        .zip(&polynomials)
                        .map(|(m, he)| he[usize::from(*m)])
                        .product();
                    *first += weight * label * he;
                    *square += weight * (label * he).powi(2);
                }
                sums[2 * all.len()] += weight * label * label;
            }
        });
        let size = points.count() as f64;
        let mut tensors = Vec::new();
        let mut errors = Vec::new();
        let mut values = sums.as_chunks::<2>().0.iter();
        for indices in &indices {
            let (mut tensor, mut error) = (BTreeMap::new(), BTreeMap::new());
            for (index, [value, square]) in indices.iter().zip(values.by_ref()) {
                let sampling = ((square - value * value).max(0.0) / size).sqrt();
                let doubt = match points {
                    Points::Sampled { .. } => 4.0 * sampling,
                    Points::Tensor(_) | Points::Listed(..) => 1e-9 * square.sqrt(),
                };
                let kept = if value.abs() <= doubt { 0.0 } else { *value };
                tensor.insert(index.clone(), kept);
                error.insert(index.clone(), sampling);
            }
            tensors.push(tensor);
            errors.push(error);
        }
        Self {
            r,
            power: sums[2 * all.len()] + target.noise,
            tensors,
            standard_errors: points.is_sampled().then_some(errors),
        }
    }

    /// The moments of a sum of functions of one direction each: no tensor has an entry of several directions.
    fn of_sum(target: &Target, sum: &Separated) -> Self {
        let r = target.r;
        let (mean, variance) = sum.mean_and_variance();
        let mut tensors = vec![BTreeMap::new(); ORDERS + 1];
        tensors[0].insert(vec![0; r], mean);
        for (k, coefficients) in sum.coefficients(ORDERS) {
            for (j, (value, doubt)) in coefficients.into_iter().enumerate().skip(1) {
                let mut index = vec![0; r];
                index[k] = j as u8;
                let kept = if value.abs() <= doubt { 0.0 } else { value };
                tensors[j].insert(index, kept);
            }
        }
        Self {
            r,
            power: mean * mean + variance + target.noise,
            tensors,
            standard_errors: None,
        }
    }

    /// `E y`.
    pub fn mean(&self) -> f64 {
        self.tensors[0].values().sum()
    }

    /// `T_1`.
    pub fn linear(&self) -> Vec<f64> {
        self.apply(1, &vec![0.0; self.r])
    }

    /// `|T_k|^2 / k!`: the power of degree k.
    pub fn degree_power(&self, k: usize) -> f64 {
        let Some(tensor) = self.tensors.get(k) else {
            return 0.0;
        };
        let weight = |m: &Vec<u8>| {
            m.iter()
                .map(|m| factorial(usize::from(*m)))
                .product::<f64>()
        };
        tensor.iter().map(|(m, t)| t * t / weight(m)).sum()
    }

    /// The leading order l, the least `k >= 1` with `T_k != 0`; none up to the largest order computed.
    pub fn leading_order(&self) -> Option<usize> {
        (1..self.tensors.len()).find(|k| self.tensors[*k].values().any(|t| *t != 0.0))
    }

    /// The vector `T_k g^{k-1}` for `k >= 1`.
    pub fn apply(&self, k: usize, g: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.r];
        let Some(tensor) = self.tensors.get(k) else {
            return out;
        };
        for (index, value) in tensor {
            for (i, out) in out.iter_mut().enumerate() {
                let Some(rest) = index[i].checked_sub(1) else {
                    continue;
                };
                // (k-1)! / prod m_j! orderings of the remaining indices.
                let mut term = value * factorial(k - 1);
                for (j, m) in index.iter().enumerate() {
                    let m = if j == i { rest } else { *m };
                    term *= g[j].powi(i32::from(m)) / factorial(usize::from(m));
                }
                *out += term;
            }
        }
        out
    }

    /// The moments after the removal of low degrees, as if these were known exactly.
    pub fn without(&self, removal: Removal) -> Self {
        let degrees = match removal {
            Removal::Nothing => 0,
            Removal::Mean => 1,
            Removal::MeanAndLinear => 2,
        };
        let mut rest = self.clone();
        for k in 0..degrees.min(rest.tensors.len()) {
            rest.power -= self.degree_power(k);
            rest.tensors[k].values_mut().for_each(|t| *t = 0.0);
        }
        rest
    }
}

pub(super) fn factorial(k: usize) -> f64 {
    (1..=k).map(|j| j as f64).product()
}

/// The number of multi-indices of order k in r directions.
fn count(r: usize, k: usize) -> usize {
    (0..k).fold(1, |count, j| count * (r + j) / (j + 1))
}

fn multi_indices(r: usize, k: usize) -> Vec<Vec<u8>> {
    let Some(rest) = r.checked_sub(1) else {
        return if k == 0 { vec![vec![]] } else { vec![] };
    };
    let mut indices = Vec::new();
    for last in 0..=k {
        for mut index in multi_indices(rest, k - last) {
            index.push(last as u8);
            indices.push(index);
        }
    }
    indices
}
