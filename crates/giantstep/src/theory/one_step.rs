//! One giant step: alignment of single neurons, in closed form or as a law over neurons.
//!
//! By Stein's lemma and the Hermite expansion of the activation, `c_k = E[sigma(x) He_k(x)]`,
//! `T_k = E[g(z) He_k(z)]` (a symmetric k-tensor on R^r), the gradient of one neuron is
//! `E[x sigma'(<w, x>) y] = sum_k (1/k!) [c_{k+2} <T_k, m^k> w + c_{k+1} T_{k+1} m^k]` with `m = W* w` the initial
//! overlap, plus noise of squared norm `E[sigma'^2] E[y^2] d/n` in directions that carry nothing.

use crate::batch::{Role, Stream};
use crate::theory::moments::{ActivationMoments, LinkMoments, factorial};
use crate::theory::population::Population;

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
