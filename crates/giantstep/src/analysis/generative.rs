//! What label transformations reveal, and with them repeated passes over the same batch.

use super::chain::{Chain, Heat, Signals};
use super::core::{FloatChain, normalised};
use super::heat::{energies, heat_transform};
use super::polynomial::Polynomial;
use super::sampled::SplitMix;
use super::scalar::Scalar;
use super::span::{Span, dot, residual};
use super::symmetry::{SignedPermutation, fixed_dimension};

/// The label transformations tried are `y, y^2, ..., y^8`.
const LARGEST_POWER: u32 = 8;

/// The most products of terms spent on one power of a polynomial.
const MOST_PRODUCTS: usize = 100_000;

/// The largest degree of a power: exponents have eight bits.
const LARGEST_DEGREE_OF_POWER: u32 = 200;

/// The next power of a polynomial link at each call, as long as they stay small, its transform truncated: a
/// signal of low degree suffices.
pub fn powers<C: Scalar>(link: &Polynomial<C>, r: usize) -> impl FnMut() -> Option<Heat<C>> {
    let mut power = Polynomial::constant(C::integer(1));
    move || {
        let small = power.len() * link.len() <= MOST_PRODUCTS
            && power.degree() + link.degree() <= LARGEST_DEGREE_OF_POWER;
        if !small && power.degree() > 0 {
            return None;
        }
        power = power.times(link);
        let heat = heat_transform(&power, r, super::numeric::degree(r).max(4));
        let variance: f64 = energies(&heat)[1..].iter().map(C::to_float).sum();
        Some((heat, variance.sqrt()))
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
    /// Nothing was checked beyond the tried transformations.
    Unchecked,
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

/// A chain of label transformations and how it was confirmed.
#[derive(Debug, Clone)]
pub struct Reused {
    /// The chain, without floors.
    pub chain: FloatChain,
    /// Whether it misses nothing.
    pub confirmed: Confirmed,
}

/// The chains of generative order 1 and 2 of a link, from as many powers of its labels as are needed or given.
///
/// A chain takes the new directions of all powers together: `E[z_perp y^m | P_U z]` not zero for some m shows
/// that `E[z_perp | y, P_U z]` is not zero. That the powers miss nothing is proved by the symmetries, or else
/// checked on samples.
pub fn reused<C: Span>(
    labels: &Labels<'_>,
    effective: &[Vec<C>],
    tolerance: f64,
    mut next: impl FnMut() -> Option<Heat<C>>,
    sampled: bool,
) -> [Reused; 2] {
    let mut signals = Signals::new(Vec::new(), effective.to_vec(), tolerance);
    let mut chains = [1, 2].map(|order| floated(&signals.chain(order)));
    for _ in 0..LARGEST_POWER {
        let Some((heat, scale)) = next() else {
            break;
        };
        if scale > 0.0 {
            signals.push((heat, scale));
            chains = [1, 2].map(|order| floated(&signals.chain(order)));
        }
        if (1..)
            .zip(&chains)
            .all(|(order, chain)| labels.proved(chain, order))
        {
            break;
        }
    }
    let mut order = 0;
    chains.map(|chain| {
        order += 1;
        let confirmed = labels.confirm(&chain, order, sampled);
        Reused { chain, confirmed }
    })
}

/// A chain with orthonormal bases, without floors.
fn floated<C: Span>(chain: &Chain<C>) -> FloatChain {
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
    /// Whether the symmetries leave no room for a direction beyond those that a step of the chain found.
    fn complete(&self, chain: &FloatChain, order: u32, step: usize) -> bool {
        let (before, after) = (chain.after(step), chain.after(step + 1));
        // A step that finds directions of order 1 says nothing about order 2.
        let order = chain.orders.get(step).copied().unwrap_or(order);
        let bound = fixed_dimension(self.symmetries, before, self.effective, self.r);
        after.len() == self.effective.len() || order == 1 && bound == after.len() - before.len()
    }

    /// Whether that holds for every step.
    fn proved(&self, chain: &FloatChain, order: u32) -> bool {
        (0..=chain.subspaces.len()).all(|step| self.complete(chain, order, step))
    }

    /// Whether at every subspace of the chain no label transformation reveals more than the chain found.
    fn confirm(&self, chain: &FloatChain, order: u32, sampled: bool) -> Confirmed {
        if self.proved(chain, order) || self.discrete() {
            return Confirmed::Proved;
        }
        if !sampled {
            return Confirmed::Unchecked;
        }
        let mut bound: f64 = 0.0;
        for step in 0..=chain.subspaces.len() {
            if self.complete(chain, order, step) {
                continue;
            }
            let order = chain.orders.get(step).copied().unwrap_or(order);
            let (before, after) = (chain.after(step), chain.after(step + 1));
            let (energy, noise) = self.hidden_energy(before, after, order);
            if energy > noise {
                return Confirmed::Open { energy };
            }
            bound = bound.max(noise);
        }
        Confirmed::Sampled { tolerance: bound }
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
