//! The labels of a link: whether a chain of their transformations can miss anything.

use rayon::prelude::*;

use super::core::FloatChain;
use super::estimate::Approximate;
use super::facts::POWER_DEGREE;
use super::levels::{depends_on_signs, level_energy};
use super::rules::exponents;
use super::sampled::Probe;
use super::span::{dot, residual};
use super::symmetry::{Symmetry, fixed_dimension};
use super::terms::extend_basis;
use crate::batch::Stream;
use crate::expr::{Drawn, Expr};
use crate::gauss::normalised_hermite;

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
    /// Integrals over the level sets of a link of one direction bound it.
    Integrated {
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

impl Confirmed {
    /// A number that is the larger the less is known.
    pub fn doubt(self) -> f64 {
        match self {
            Self::Proved => 0.0,
            Self::Sampled { tolerance } | Self::Integrated { tolerance } => tolerance,
            Self::Unchecked | Self::Open { .. } => f64::INFINITY,
        }
    }

    /// The same beside a signal of this size: a zero that is known less sharply is none.
    pub fn beside(self, signal: f64) -> Self {
        match self {
            Self::Sampled { .. } | Self::Integrated { .. } if self.doubt().sqrt() > signal => {
                Self::Unchecked
            }
            other => other,
        }
    }
}

/// A link as this check sees it.
pub struct Labels<'a> {
    /// Its values, less their mean, over their standard deviation; of z and what it draws.
    pub value: &'a (dyn Fn(&[f64]) -> f64 + Sync),
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
    /// Its expression, unless it draws.
    pub expr: Option<&'a Expr>,
}

/// The largest energy that integrals over level sets may leave open where it counts as zero: within 1e-8 of a turning point
/// of the link its two roots are one in floating point, and their signals do not cancel.
const INTEGRATED: f64 = 1e-6;

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
            match self.sampled(before, after, order) {
                Confirmed::Sampled { tolerance } => bound = bound.max(tolerance),
                other => return other,
            }
        }
        Confirmed::Sampled { tolerance: bound }
    }

    /// Whether the labels take so few values that these powers span all their transformations.
    pub fn spanned_by(&self, powers: usize) -> bool {
        let few = |values: &Vec<f64>| values.len() <= powers + 1;
        self.values.as_ref().is_some_and(few)
    }

    /// Whether all tensors of an order below this one vanish where a subspace is known, for every transformation of the
    /// labels; the first `powers` powers of them show none.
    pub fn nothing_below(
        &self,
        before: &[Vec<f64>],
        order: u32,
        powers: usize,
        sampled: bool,
    ) -> Confirmed {
        let fixed = || fixed_dimension(self.symmetries, before, self.effective, self.r) == 0;
        match order {
            1 => return Confirmed::Proved,
            2 if fixed() => return Confirmed::Proved,
            _ if self.exhausted(before, order, powers) => return Confirmed::Proved,
            _ => {}
        }
        match self.integrated(order) {
            Some(confirmed) => confirmed,
            None if sampled => self.sampled(before, before, order - 1),
            None => Confirmed::Unchecked,
        }
    }

    /// Whether no transformation of the labels opens more at this order, where a subspace is known, than was found.
    pub fn nothing_beyond(
        &self,
        before: &[Vec<f64>],
        after: &[Vec<f64>],
        order: u32,
        powers: usize,
        sampled: bool,
    ) -> Confirmed {
        let bounded = || {
            let fixed = fixed_dimension(self.symmetries, before, self.effective, self.r);
            fixed == after.len() - before.len()
        };
        let complete = after.len() == self.effective.len() || order == 1 && bounded();
        if complete || self.exhausted(before, order, powers) {
            Confirmed::Proved
        } else if sampled {
            self.sampled(before, after, order)
        } else {
            Confirmed::Unchecked
        }
    }

    /// Whether the first `powers` powers, expanded to a finite degree, hold all that any transformation reveals up to this
    /// order where a subspace is known: they span all transformations, and the degree is enough if nothing
    /// is known, or if all depends on the signs of coordinates, of which some are known: `E[He_m(z) 1(z > 0)]` is
    /// not zero at m = 1.
    fn exhausted(&self, known: &[Vec<f64>], order: u32, powers: usize) -> bool {
        // Expansions in this many variables reach a degree as high.
        const MOST: usize = 6;
        if order > POWER_DEGREE {
            return false;
        }
        let of_signs = || {
            let one_or_none = |share: f64| share.min(1.0 - share).abs() < 1e-12;
            let share = |i: usize| known.iter().map(|b| b[i] * b[i]).sum::<f64>();
            self.expr.is_some_and(depends_on_signs)
                && self.r <= MOST
                && (0..self.r).all(|i| one_or_none(share(i)))
        };
        self.spanned_by(powers) && (known.is_empty() || of_signs())
    }

    /// What the level sets of a link of one direction say of the orders below this one.
    fn integrated(&self, order: u32) -> Option<Confirmed> {
        let ([direction], Some(expr)) = (self.effective, self.expr) else {
            return None;
        };
        let mut bound: f64 = 0.0;
        for j in 1..order {
            let Approximate { value, error } = level_energy(expr, direction, j)?;
            if value > INTEGRATED && value > 2.0 * error {
                return Some(Confirmed::Open { energy: value });
            }
            bound = bound.max(value + error);
        }
        (bound <= INTEGRATED).then_some(Confirmed::Integrated { tolerance: bound })
    }

    /// What samples say of directions beyond those found, up to an order.
    fn sampled(&self, before: &[Vec<f64>], after: &[Vec<f64>], order: u32) -> Confirmed {
        match self.hidden_energy(before, after, order) {
            None => Confirmed::Unchecked,
            Some((energy, noise)) if energy > noise => Confirmed::Open { energy },
            Some((_, tolerance)) => Confirmed::Sampled { tolerance },
        }
    }

    /// The energy of `E[He(z_new) | y, P_U z]` up to an order over directions beyond those found, from samples in
    /// bins, and six standard errors of it; none where the order is too high for the number of directions.
    ///
    /// The product of the means of two halves of a bin has mean zero wherever the conditional mean is zero.
    fn hidden_energy(
        &self,
        before: &[Vec<f64>],
        after: &[Vec<f64>],
        order: u32,
    ) -> Option<(f64, f64)> {
        const SAMPLES: usize = 120_000;
        const BIN: usize = 256;
        const MOST_FEATURES: usize = 120;
        let rests = self.effective.iter().map(|v| residual(v, after));
        let rests: Vec<Vec<f64>> = rests.filter(|v| dot(v, v) > 1e-12).collect();
        let mut across: Vec<Vec<f64>> = Vec::new();
        extend_basis(&mut across, &rests);
        let new = across.len();
        across.extend(after[before.len()..].iter().cloned());
        // Products of Hermite polynomials of which at least one is of a new direction.
        let mut features = exponents(across.len(), order);
        features.retain(|e| e[..new].iter().any(|&k| k > 0));
        if features.len() > MOST_FEATURES {
            return None;
        }
        let mut generator = Probe::Bins.stream();
        let points: Vec<Vec<f64>> = (0..SAMPLES)
            .map(|_| {
                let z: Vec<f64> = (0..self.r).map(|_| generator.normal()).collect();
                [z.as_slice(), &draws(self.drawn, &mut generator)].concat()
            })
            .collect();
        let mut rows: Vec<(u64, f64, Vec<f64>)> = points
            .into_par_iter()
            .map(|at| {
                let z = &at[..self.r];
                let cell = before.iter().fold(0u64, |cell, b| {
                    cell * 6 + ((dot(b, z) + 1.5).clamp(0.0, 2.99) * 2.0) as u64
                });
                let place = across.iter().map(|b| dot(b, z)).collect();
                (cell, (self.value)(&at), place)
            })
            .collect();
        rows.par_sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut hermite = vec![vec![0.0; order as usize + 1]; across.len()];
        let (mut energy, mut square) = (0.0, 0.0);
        for bin in rows
            .chunk_by(|a, b| a.0 == b.0)
            .flat_map(|cell| cell.chunks(BIN))
        {
            let mut sums = [vec![0.0; features.len()], vec![0.0; features.len()]];
            for (_, _, place) in bin {
                for (x, h) in place.iter().zip(&mut hermite) {
                    normalised_hermite(*x, h);
                }
                let half = &mut sums[(generator.word() & 1) as usize];
                for (sum, feature) in half.iter_mut().zip(&features) {
                    let factors = feature.iter().zip(&hermite);
                    *sum += factors.map(|(&k, h)| h[k as usize]).product::<f64>();
                }
            }
            // E[sum sum'] = n^2/4 of the squared mean.
            let product = 4.0 * dot(&sums[0], &sums[1]) / bin.len() as f64;
            energy += product;
            square += product * product;
        }
        let samples = SAMPLES as f64;
        Some((energy / samples, 6.0 * square.sqrt() / samples))
    }
}

/// Random numbers of a link for one sample.
pub fn draws(drawn: Drawn, generator: &mut Stream) -> Vec<f64> {
    let mut draws: Vec<f64> = (0..drawn.normals).map(|_| generator.normal()).collect();
    draws.extend((0..drawn.uniforms).map(|_| generator.uniform()));
    draws
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found of labels of one direction by a chain that has revealed nothing.
    fn confirmed(value: &(dyn Fn(&[f64]) -> f64 + Sync), order: u32) -> Confirmed {
        let nothing = FloatChain {
            orders: Vec::new(),
            subspaces: Vec::new(),
            kept: Vec::new(),
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
            expr: None,
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
