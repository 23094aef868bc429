//! What label transformations reveal, and with them repeated passes over the same batch.

use super::chain::Signals;
use super::convert::Constants;
use super::core::{FloatChain, normalised};
use super::heat::{energies, heat_transform};
use super::polynomial::Polynomial;
use super::sampled::SplitMix;
use super::span::{Span, dot, residual};
use super::symmetry::{SignedPermutation, fixed_dimension};

/// The label transformations tried are `y, y^2, ..., y^4`.
pub const LARGEST_POWER: u32 = 4;

/// The most products of terms spent on one power of a polynomial.
const MOST_PRODUCTS: usize = 400_000;

/// The heat transforms of the powers of a polynomial link, as far as they stay small.
pub fn power_signals<C: Constants + Span>(
    link: &Polynomial<C>,
    r: usize,
    tolerance: f64,
) -> Signals<C> {
    let mut power = Polynomial::constant(C::integer(1));
    let mut heats = Vec::new();
    for _ in 1..=LARGEST_POWER {
        if power.len() * link.len() > MOST_PRODUCTS || power.degree() + link.degree() > 200 {
            break;
        }
        power = power.times(link);
        if power.len() > MOST_PRODUCTS / 4 && !heats.is_empty() {
            break;
        }
        let heat = heat_transform(&power, r);
        let variance: f64 = energies(&heat)[1..].iter().map(C::to_float).sum();
        if variance > 0.0 {
            heats.push((heat, variance.sqrt()));
        }
    }
    Signals {
        heats,
        r,
        tolerance,
    }
}

/// How a chain of label transformations was confirmed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Confirmed {
    /// The symmetries of the link exclude any further direction, or the labels take few values.
    Proved,
    /// Samples bound the energy of what any further direction could carry.
    Sampled {
        /// The bound, for inputs of unit variance.
        tolerance: f64,
    },
    /// Samples show a signal that the tried transformations miss.
    Open {
        /// Its energy.
        energy: f64,
    },
}

/// A link as this check sees it.
pub struct Labels<'a> {
    /// Its values.
    pub value: &'a dyn Fn(&[f64]) -> f64,
    /// The number of variables.
    pub r: usize,
    /// The directions on which it depends.
    pub effective: &'a [Vec<f64>],
    /// Its symmetries.
    pub symmetries: &'a [SignedPermutation],
}

/// The chain up to a generative order, with orthonormal bases and without floors.
pub fn chain<C: Span>(signals: &Signals<C>, order: u32) -> FloatChain {
    let chain = signals.chain(order);
    FloatChain {
        orders: chain.steps.iter().map(|s| s.order).collect(),
        subspaces: chain
            .steps
            .iter()
            .map(|s| normalised(&s.subspace))
            .collect(),
        floors: Vec::new(),
        shared_floors: Vec::new(),
    }
}

impl Labels<'_> {
    /// Whether at every subspace of the chain no label transformation reveals more than the chain found.
    pub fn confirm(&self, chain: &FloatChain, order: u32) -> Confirmed {
        let mut confirmed = Confirmed::Proved;
        let full = self.effective.len();
        for t in 0..=chain.subspaces.len() {
            let (before, after) = (chain.after(t), chain.after(t + 1));
            // A step that finds directions of order 1 says nothing about order 2.
            let order = chain.orders.get(t).copied().unwrap_or(order);
            let bound = fixed_dimension(self.symmetries, before, self.effective, self.r);
            let complete = after.len() == full || order == 1 && bound == after.len() - before.len();
            if complete || self.discrete() {
                continue;
            }
            let (energy, noise) = self.hidden_energy(before, after, order);
            confirmed = match confirmed {
                Confirmed::Open { .. } => confirmed,
                _ if energy > noise => Confirmed::Open { energy },
                Confirmed::Sampled { tolerance } => Confirmed::Sampled {
                    tolerance: noise.max(tolerance),
                },
                Confirmed::Proved => Confirmed::Sampled { tolerance: noise },
            };
        }
        confirmed
    }

    /// Whether the labels take so few values that the tried powers span all their transformations.
    pub fn discrete(&self) -> bool {
        let mut generator = SplitMix(5);
        let mut seen: Vec<f64> = Vec::new();
        for _ in 0..512 {
            let z: Vec<f64> = (0..self.r).map(|_| generator.normal()).collect();
            let y = (self.value)(&z);
            if !seen.iter().any(|s| (s - y).abs() < 1e-9 * (1.0 + y.abs())) {
                seen.push(y);
            }
            if seen.len() > LARGEST_POWER as usize + 1 {
                return false;
            }
        }
        true
    }

    /// The energy of `E[He(z_new) | y, P_U z]` up to an order over directions beyond those found, from 60 000
    /// samples in bins, and the largest that 12 permutations of the inputs across the subspace give by chance.
    fn hidden_energy(&self, before: &[Vec<f64>], after: &[Vec<f64>], order: u32) -> (f64, f64) {
        const SAMPLES: usize = 60_000;
        let mut beyond: Vec<Vec<f64>> = Vec::new();
        super::terms::extend_basis(
            &mut beyond,
            &self
                .effective
                .iter()
                .map(|v| residual(v, after))
                .filter(|v| dot(v, v) > 1e-12)
                .collect::<Vec<_>>(),
        );
        let found = after[before.len()..].to_vec();
        let mut generator = SplitMix(11);
        let mut rows: Vec<(u64, f64, Vec<f64>)> = (0..SAMPLES)
            .map(|_| {
                let z: Vec<f64> = (0..self.r).map(|_| generator.normal()).collect();
                let cell = before.iter().fold(0u64, |cell, b| {
                    cell * 6 + ((dot(b, &z) + 1.5).clamp(0.0, 2.99) * 2.0) as u64
                });
                let new: Vec<f64> = beyond.iter().map(|b| dot(b, &z)).collect();
                let old: Vec<f64> = found.iter().map(|b| dot(b, &z)).collect();
                (cell, (self.value)(&z), features(&new, &old, order))
            })
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut bins = Vec::new();
        let mut start = 0;
        for cell in rows.chunk_by(|a, b| a.0 == b.0) {
            let size = (cell.len() / 32).max(40);
            for part in cell.chunks(size) {
                bins.push(start..start + part.len());
                start += part.len();
            }
        }
        let mut order_of: Vec<usize> = (0..rows.len()).collect();
        let energy = |order_of: &[usize]| -> f64 {
            bins.iter()
                .map(|bin| {
                    let mut sums = vec![0.0; rows[0].2.len()];
                    for &i in &order_of[bin.clone()] {
                        sums.iter_mut().zip(&rows[i].2).for_each(|(s, f)| *s += f);
                    }
                    sums.iter().map(|s| s * s).sum::<f64>() / bin.len() as f64
                })
                .sum::<f64>()
                / SAMPLES as f64
        };
        let observed = energy(&order_of);
        let chance: Vec<f64> = (0..12)
            .map(|_| {
                for i in (1..order_of.len()).rev() {
                    let j = (generator.word() % (i as u64 + 1)) as usize;
                    order_of.swap(i, j);
                }
                energy(&order_of)
            })
            .collect();
        let mean = chance.iter().sum::<f64>() / chance.len() as f64;
        let spread = chance
            .iter()
            .map(|c| (c - mean).powi(2))
            .sum::<f64>()
            .sqrt()
            / (chance.len() as f64 - 1.0).sqrt();
        (observed - mean, 6.0 * spread)
    }
}

/// `w_i`, and at order 2 also `w_i w_j - [i = j]` and `w_i v_j` with the directions v found at the same step.
fn features(new: &[f64], found: &[f64], order: u32) -> Vec<f64> {
    let mut features = new.to_vec();
    if order >= 2 {
        for (i, x) in new.iter().enumerate() {
            for y in &new[..i] {
                features.push(x * y);
            }
            features.push((x * x - 1.0) / std::f64::consts::SQRT_2);
            features.extend(found.iter().map(|y| x * y));
        }
    }
    features
}
