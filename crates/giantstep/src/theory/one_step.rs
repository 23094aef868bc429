//! One giant step: alignment of single neurons, in closed form or as a law over neurons.
//!
//! By Stein's lemma and the Hermite expansion of the activation, `c_k = E[sigma(x) He_k(x)]`,
//! `T_k = E[g(z) He_k(z)]` (a symmetric k-tensor on R^r), the gradient of one neuron is
//! `E[x sigma'(<w, x>) y] = sum_k (1/k!) [c_{k+2} <T_k, m^k> w + c_{k+1} T_{k+1} m^k]` with `m = W* w` the initial
//! overlap, plus noise of squared norm `E[sigma'^2] E[y^2] d/n` in directions that carry nothing.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use crate::activation::Activation;
use crate::batch::{Inputs, Role, Stream};
use crate::gauss::{Coefficients, hermite_all};
use crate::labels::{Removal, Target};
use crate::theory::coordinates;
use crate::theory::expectation::{Points, Shape, Sigma, link_values};
use crate::theory::population::Population;
use crate::theory::separated::Separated;
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

fn factorial(k: usize) -> f64 {
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

/// What the output of the initial network adds to one step, in units of `eta~ a~`; zero for symmetric pairs and for
/// the correlation loss.
///
/// The output of p independent neurons is `c_0 A + c_1 <(1/p) sum a~_k w_k, x>` to leading order, with
/// `A = (1/p) sum a~_k`: its gradient moves every neuron along itself and along this common vector. The neuron's
/// own share of the output holds it back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Drift {
    /// Standard deviation, over networks, of the move along the neuron.
    pub along: f64,
    /// The move along the neuron by its own share of the output, for `a~ = 1`; proportional to `a~`.
    pub own: f64,
    /// Length of the common vector.
    pub across: f64,
}

impl Drift {
    /// The drift of p independent neurons under the squared loss, at leading order l: with `e = E[x sigma']`,
    /// `u = d^{(l-1)/2}` and `s^2 = u^2 E[a~^2] / p`: `along = c_0 e s`, `own = -u (E[x sigma sigma'] - c_0 e) / p`,
    /// `across = c_1^2 s`. THEORY.md (30).
    pub fn of(
        activation: &ActivationMoments,
        width: f64,
        dimension: f64,
        order: usize,
        second_power: f64,
    ) -> Self {
        let (c0, c1) = (activation.coefficients[0], activation.coefficients[1]);
        let unit = dimension.powf((order as f64 - 1.0) / 2.0);
        let size = unit * (second_power / width).sqrt();
        let along = c0 * activation.slope_along;
        Self {
            along: along * size,
            own: -unit * (activation.value_slope_along - along) / width,
            across: c1 * activation.slopes[0] * size,
        }
    }
}

/// One giant step from random weights.
#[derive(Debug, Clone, PartialEq)]
pub struct OneStep {
    /// Moments of the activation.
    pub activation: ActivationMoments,
    /// Moments of the link.
    pub link: LinkMoments,
    /// What the output of the initial network adds.
    pub drift: Drift,
    /// `(E y)^2 + |T_1|^2` of a mean and linear part that were estimated on the batch of the step and removed; none
    /// if none were.
    ///
    /// The estimate `(1/n) sum y x` takes the noise that gradients share with it, and leaves that of its own removal
    /// and of the mean: `E[sigma'^2] E[y^2]` becomes `(E[sigma'^2] - c_1^2) E[y^2] + c_1^2 ((E y)^2 + |T_1|^2)`, with
    /// y the remaining labels in the first term and the original ones in the second. THEORY.md (31).
    pub plug_in: Option<f64>,
}

/// A neuron after one giant step.
#[derive(Debug, Clone, PartialEq)]
pub struct Neuron {
    /// Its overlaps `Pi* w` with the target directions.
    pub overlap: Vec<f64>,
    /// Its squared norm.
    pub norm_squared: f64,
    /// The squared norm of what the step added.
    pub moved_squared: f64,
}

impl Neuron {
    /// `|Pi* w|^2 / |w|^2`.
    pub fn alignment(&self) -> f64 {
        self.signal() / self.norm_squared
    }

    /// `|Pi* G|^2 / |G|^2` of the gradient.
    pub fn gradient_alignment(&self) -> f64 {
        self.signal() / self.moved_squared
    }

    fn signal(&self) -> f64 {
        self.overlap.iter().map(|m| m * m).sum()
    }
}

impl OneStep {
    /// `Pi* w` and `|w|^2` for a signal `v`, a move along the neuron, and what carries nothing.
    fn neuron(&self, scale: f64, signal: &[f64], along: f64, alpha: f64) -> Neuron {
        let overlap: Vec<f64> = signal.iter().map(|v| scale * v).collect();
        let mean_slope = self.activation.slopes[0].powi(2);
        let own = self.activation.slope_power - mean_slope;
        let noise = own * self.link.power / alpha + self.shared_noise(alpha);
        let nothing = scale * scale * (noise + self.drift.across.powi(2));
        let signal: f64 = overlap.iter().map(|m| m * m).sum();
        Neuron {
            overlap,
            norm_squared: (1.0 + scale * along).powi(2) + signal + nothing,
            moved_squared: (scale * along).powi(2) + signal + nothing,
        }
    }

    /// The squared noise of the data that all gradients share, `c_1^2 E[y^2] / alpha`, in units of `eta~ a~`.
    pub fn shared_noise(&self, alpha: f64) -> f64 {
        self.activation.slopes[0].powi(2) * self.plug_in.unwrap_or(self.link.power) / alpha
    }

    /// A neuron after one step with `n = alpha d` samples.
    ///
    /// `Pi* w = eta~ a~ c_1 T_1`, and with `e = E[x sigma'(x)]`
    /// `|w|^2 = (1 + eta~ a~ e E f*)^2 + eta~^2 a~^2 (c_1^2 |T_1|^2 + E[sigma'^2] E[y^2] / alpha)`
    /// for the step size `eta = eta~ p` and `a~ = sqrt(p) a`. Regime: d to infinity. THEORY.md (17).
    pub fn linear(&self, alpha: f64, rate: f64, second: f64) -> Neuron {
        let c1 = self.activation.slopes[0];
        let signal: Vec<f64> = self.link.linear().iter().map(|t| c1 * t).collect();
        let along = self.activation.slope_along * self.link.mean() + self.drift.own * second;
        self.neuron(rate * second, &signal, along, alpha)
    }

    /// The inner product of two independent neurons after one step with `n = alpha d` samples:
    /// `Q_ij = eta~^2 a~_i a~_j c_1^2 (|T_1|^2 + E[y^2] / alpha)`. The noise of the data is shared. THEORY.md (18).
    pub fn between(&self, alpha: f64, rate: f64, second: (f64, f64)) -> f64 {
        let c1 = self.activation.slopes[0];
        let linear: f64 = self.link.linear().iter().map(|t| t * t).sum();
        rate * rate * second.0 * second.1 * c1 * c1 * (linear + self.link.power / alpha)
    }

    /// A neuron with rescaled initial overlap `g = sqrt(d) W* w` after one step with `n = alpha_l d^l` samples,
    /// step size `eta = eta~ p d^{(l-1)/2}` and `l >= 2` the leading order:
    ///
    /// `Pi* w = eta~ a~ c_l / (l-1)! T_l g^{l-1}`,
    /// `|w|^2 = 1 + |Pi* w|^2 + eta~^2 a~^2 E[sigma'^2] E[y^2] / alpha_l`.
    ///
    /// Regime: d to infinity, centred labels. None if there is no leading order from 2 to 4. THEORY.md (19).
    pub fn higher(&self, alpha: f64, rate: f64, second: f64, g: &[f64]) -> Option<Neuron> {
        let along = self.drift.own * second;
        Some(self.neuron(rate * second, &self.signal(g)?, along, alpha))
    }

    /// `c_l / (l-1)! T_l g^{l-1}`.
    fn signal(&self, g: &[f64]) -> Option<Vec<f64>> {
        let order = self.link.leading_order().filter(|l| *l >= 2)?;
        let c = self.activation.slopes[order - 1] / factorial(order - 1);
        Some(self.link.apply(order, g).iter().map(|t| c * t).collect())
    }

    /// Neurons after [`OneStep::higher`], with their weights `sqrt(p) a`: `draws` of them, their g independent N(0, I),
    /// their weights those of a population in order, with a [`Drift`] along themselves.
    pub fn neurons(
        &self,
        alpha: f64,
        rate: f64,
        population: &Population,
        draws: usize,
    ) -> Option<Vec<(f64, Neuron)>> {
        let mut stream = Stream::new(0, Role::Theory, 4, 0);
        let mut normals = vec![0.0; self.link.r + 1];
        let one = |draw: usize| {
            stream.fill_normal(&mut normals);
            let (g, move_along) = normals.split_at(self.link.r);
            let second = population.second_at((draw as f64 + 0.5) / draws as f64);
            let along = self.drift.along * move_along[0] + self.drift.own * second;
            let neuron = self.neuron(rate * second, &self.signal(g)?, along, alpha);
            Some((second, neuron))
        };
        (0..draws).map(one).collect()
    }

    /// The law of [`OneStep::higher`] over neurons and networks, from `draws` of [`OneStep::neurons`].
    pub fn law(&self, alpha: f64, rate: f64, population: &Population, draws: usize) -> Option<Law> {
        let neurons = self.neurons(alpha, rate, population, draws)?;
        let neurons: Vec<Neuron> = neurons.into_iter().map(|(_, neuron)| neuron).collect();
        Some(Law::of(&neurons))
    }
}

/// The law of a neuron's alignment and norm over neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// The alignments `|Pi* w|^2 / |w|^2`, ascending.
    pub alignments: Vec<f64>,
    /// The mean norm.
    pub norm: f64,
    /// The largest eigenvalues of `E[u u^T]`, `u = Pi* w / |Pi* w|`, descending: how neurons spread over directions.
    pub directions: Vec<f64>,
}

impl Law {
    fn of(neurons: &[Neuron]) -> Self {
        let size = neurons.len() as f64;
        let mut alignments: Vec<f64> = neurons.iter().map(Neuron::alignment).collect();
        alignments.sort_unstable_by(f64::total_cmp);
        let r = neurons.first().map_or(0, |neuron| neuron.overlap.len());
        let mut second = faer::Mat::<f64>::zeros(r, r);
        for neuron in neurons {
            let squared: f64 = neuron.overlap.iter().map(|m| m * m).sum();
            if squared > 0.0 {
                for i in 0..r {
                    for j in 0..r {
                        second[(i, j)] += neuron.overlap[i] * neuron.overlap[j] / squared / size;
                    }
                }
            }
        }
        let mut directions = second
            .self_adjoint_eigenvalues(faer::Side::Lower)
            .unwrap_or_default();
        directions.reverse();
        let norms = neurons.iter().map(|neuron| neuron.norm_squared.sqrt());
        Self {
            alignments,
            norm: norms.sum::<f64>() / size,
            directions,
        }
    }

    /// The mean alignment.
    pub fn mean(&self) -> f64 {
        self.alignments.iter().sum::<f64>() / self.alignments.len() as f64
    }

    /// The standard error of [`Law::mean`].
    pub fn standard_error(&self) -> f64 {
        let (mean, size) = (self.mean(), self.alignments.len() as f64);
        let spread: f64 = self.alignments.iter().map(|x| (x - mean).powi(2)).sum();
        spread.sqrt() / size
    }

    /// The alignment that a fraction of neurons stays below.
    pub fn quantile(&self, level: f64) -> f64 {
        let last = self.alignments.len().saturating_sub(1);
        let index = (level * last as f64).round() as usize;
        self.alignments.get(index).copied().unwrap_or(f64::NAN)
    }
}
