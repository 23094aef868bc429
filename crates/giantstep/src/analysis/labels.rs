//! The labels of a link: whether a chain of their transformations can miss anything.

use super::core::FloatChain;
use super::sampled::Probe;
use super::span::{dot, residual};
use super::symmetry::{Symmetry, fixed_dimension};
use super::terms::extend_basis;
use crate::batch::Stream;
use crate::expr::Drawn;

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
    /// Its values, less their mean, over their standard deviation; of z and what it draws.
    pub value: &'a dyn Fn(&[f64]) -> f64,
    /// The number of variables.
    pub r: usize,
    /// The random numbers that it draws.
    pub drawn: Drawn,
    /// The directions on which it depends.
    pub effective: &'a [Vec<f64>],
    /// Its symmetries.
    pub symmetries: &'a [Symmetry],
    /// The values it can take, where they are finitely many; perhaps some more.
    pub values: Option<Vec<f64>>,
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
    pub fn proved(&self, chain: &FloatChain, order: u32) -> bool {
        (0..=chain.subspaces.len()).all(|step| self.complete(chain, order, step))
    }

    /// Whether at every subspace of the chain no label transformation reveals more than the chain of the first
    /// `powers` powers found.
    pub fn confirm(
        &self,
        chain: &FloatChain,
        order: u32,
        powers: usize,
        sampled: bool,
    ) -> Confirmed {
        if self.proved(chain, order) || self.spanned_by(powers) {
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

    /// Whether the labels take so few values that these powers span all their transformations.
    pub fn spanned_by(&self, powers: usize) -> bool {
        let few = |values: &Vec<f64>| values.len() <= powers + 1;
        self.values.as_ref().is_some_and(few)
    }

    /// The energy of `E[He(z_new) | y, P_U z]` up to an order over directions beyond those found, from samples in
    /// bins, and six standard errors of it.
    ///
    /// The product of the means of two halves of a bin has mean zero wherever the conditional mean is zero.
    fn hidden_energy(&self, before: &[Vec<f64>], after: &[Vec<f64>], order: u32) -> (f64, f64) {
        const SAMPLES: usize = 120_000;
        const BIN: usize = 256;
        let rests = self.effective.iter().map(|v| residual(v, after));
        let rests: Vec<Vec<f64>> = rests.filter(|v| dot(v, v) > 1e-12).collect();
        let mut beyond: Vec<Vec<f64>> = Vec::new();
        extend_basis(&mut beyond, &rests);
        let found = after[before.len()..].to_vec();
        let mut generator = Probe::Bins.stream();
        let mut rows: Vec<(u64, f64, Vec<f64>)> = (0..SAMPLES)
            .map(|_| {
                let z: Vec<f64> = (0..self.r).map(|_| generator.normal()).collect();
                let at = [z.as_slice(), &draws(self.drawn, &mut generator)].concat();
                let cell = before.iter().fold(0u64, |cell, b| {
                    cell * 6 + ((dot(b, &z) + 1.5).clamp(0.0, 2.99) * 2.0) as u64
                });
                let new: Vec<f64> = beyond.iter().map(|b| dot(b, &z)).collect();
                let old: Vec<f64> = found.iter().map(|b| dot(b, &z)).collect();
                (cell, (self.value)(&at), features(&new, &old, order))
            })
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (mut energy, mut square) = (0.0, 0.0);
        for bin in rows
            .chunk_by(|a, b| a.0 == b.0)
            .flat_map(|cell| cell.chunks(BIN))
        {
            let mut sums = [vec![0.0; bin[0].2.len()], vec![0.0; bin[0].2.len()]];
            for (_, _, features) in bin {
                let half = &mut sums[(generator.word() & 1) as usize];
                half.iter_mut().zip(features).for_each(|(s, f)| *s += f);
            }
            // E[sum sum'] = n^2/4 of the squared mean.
            let product = 4.0 * dot(&sums[0], &sums[1]) / bin.len() as f64;
            energy += product;
            square += product * product;
        }
        let samples = SAMPLES as f64;
        (energy / samples, 6.0 * square.sqrt() / samples)
    }
}

/// Random numbers of a link for one sample.
pub fn draws(drawn: Drawn, generator: &mut Stream) -> Vec<f64> {
    let mut draws: Vec<f64> = (0..drawn.normals).map(|_| generator.normal()).collect();
    draws.extend((0..drawn.uniforms).map(|_| generator.uniform()));
    draws
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found of labels of one direction by a chain that has revealed nothing.
    fn confirmed(value: &dyn Fn(&[f64]) -> f64, order: u32) -> Confirmed {
        let nothing = FloatChain {
            orders: Vec::new(),
            subspaces: Vec::new(),
            floors: Vec::new(),
            shared_floors: Vec::new(),
            hidden: Vec::new(),
        };
        let labels = Labels {
            value,
            r: 1,
            drawn: Drawn::default(),
            effective: &[vec![1.0]],
            symmetries: &[],
            values: None,
        };
        labels.confirm(&nothing, order, 8, true)
    }

    #[test]
    fn signals_that_a_chain_has_missed_are_reported() {
        // z given y is y: all of its variance is hidden. y^2 tells He2(z) / sqrt 2, and of z nothing.
        let linear = confirmed(&|z| z[0], 1);
        assert!(
            matches!(linear, Confirmed::Open { energy } if (energy - 1.0).abs() < 0.05),
            "{linear:?}"
        );
        let even = |z: &[f64]| z[0] * z[0];
        let first = confirmed(&even, 1);
        assert!(
            matches!(first, Confirmed::Sampled { tolerance } if tolerance < 0.01),
            "{first:?}"
        );
        let second = confirmed(&even, 2);
        assert!(
            matches!(second, Confirmed::Open { energy } if (energy - 1.0).abs() < 0.1),
            "{second:?}"
        );
    }
}
