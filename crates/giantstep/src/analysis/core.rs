//! What follows from the heat transform alone, exactly or in floating point: leaps, chains, floors.

use super::chain::{Chain, Margin, Signals, coordinate_leap, one_step_leap};
use super::heat::{energies, gradients};
use super::numeric::{Approximate, Numeric};
use super::polynomial::{Monomial, Polynomial};
use super::span::{Span, dot, squared_norm};

/// The largest batch exponent of the staircase, and the largest feature exponent of the floors.
pub const LARGEST_EXPONENT: u32 = 3;

/// A chain with its bases made orthonormal.
#[derive(Debug, Clone)]
pub struct FloatChain {
    /// The order of each step.
    pub orders: Vec<u32>,
    /// The subspace after each step.
    pub subspaces: Vec<Vec<Vec<f64>>>,
    /// For each subspace, the zero subspace first: the floors at kappa = 0, 1, 2, 3.
    pub floors: Vec<Vec<f64>>,
    /// As `floors`, where features across the subspace are the same at every point of it.
    pub shared_floors: Vec<Vec<f64>>,
}

impl FloatChain {
    /// The subspace after `steps` giant steps.
    pub fn after(&self, steps: usize) -> &[Vec<f64>] {
        match steps.min(self.subspaces.len()) {
            0 => &[],
            t => &self.subspaces[t - 1],
        }
    }

    /// The dimension after `steps` giant steps.
    pub fn dimension(&self, steps: usize) -> usize {
        self.after(steps).len()
    }

    /// The floors of one kind after `steps` giant steps.
    pub fn floor(floors: &[Vec<f64>], steps: usize, kappa: usize) -> f64 {
        floors
            .get(steps.min(floors.len().saturating_sub(1)))
            .map_or(0.0, |f| f[kappa])
    }
}

/// The part of the analysis that rests on the Hermite expansion of the link.
#[derive(Debug, Clone)]
pub struct Core {
    /// `E g`
    pub mean: f64,
    /// `Var g`
    pub variance: f64,
    /// `E[g_k^2]` for k = 0, 1, ..., up to the degree (of the truncation).
    pub energies: Vec<f64>,
    /// An orthonormal basis of the directions on which the link depends.
    pub effective: Vec<Vec<f64>>,
    /// The paper's leap index.
    pub one_step: Option<u32>,
    /// The leap in the given coordinates.
    pub coordinate: Option<u32>,
    /// The chain at any order: its largest order is the isotropic leap.
    pub isotropic: FloatChain,
    /// The chains at batch exponents 1, 2, 3.
    pub fresh: Vec<FloatChain>,
    /// For each order k, an orthonormal basis of the columns of the Hermite tensors up to order k.
    pub one_step_reach: Vec<Vec<Vec<f64>>>,
    /// The directions in which the Hermite tensor of each order k = 1, 2, ... varies.
    pub tensor_columns: Vec<Vec<Vec<f64>>>,
    /// How clear the decisions were.
    pub margin: Margin,
    /// The error of the floors.
    pub floor_error: f64,
}

impl Core {
    /// The core of the link divided by a number, given that of the link.
    pub fn divided(mut self, divisor: f64) -> Self {
        let square = divisor * divisor;
        self.mean /= divisor;
        self.variance /= square;
        let chains = self.fresh.iter_mut().chain([&mut self.isotropic]);
        let floors = chains.flat_map(|c| c.floors.iter_mut().chain(&mut c.shared_floors));
        for floor in floors.chain([&mut self.energies]) {
            floor.iter_mut().for_each(|x| *x /= square);
        }
        self
    }

    /// The batch exponents k at which the chain stops although the floors show energy of order 1 to k across the
    /// subspace: the expansion, cut, misses it.
    pub fn hidden_orders(&self) -> Vec<u32> {
        let hides = |k: usize, chain: &FloatChain| {
            chain.floors.last().is_some_and(|floors| {
                floors[0] - floors[k] > 4.0 * self.floor_error + 1e-9 * self.variance
            })
        };
        (1..)
            .zip(&self.fresh)
            .filter(|(k, chain)| hides(*k as usize, chain))
            .map(|(k, _)| k)
            .collect()
    }

    /// The lowest and the highest degree of the expansion in which the link depends on a direction.
    pub fn degrees_along(&self, direction: &[f64]) -> (Option<u32>, Option<u32>) {
        let mut degrees = (1..)
            .zip(&self.tensor_columns)
            .filter(|(_, columns)| columns.iter().any(|c| dot(c, direction).abs() > 1e-6))
            .map(|(k, _)| k);
        let first = degrees.next();
        (first, degrees.last().or(first))
    }
}

/// What is known about a link besides its heat transform.
pub struct Moments<'a> {
    /// `Var g`, where the transform is truncated.
    pub variance: Option<Approximate>,
    /// The integrals of a link that is no polynomial.
    pub numeric: Option<&'a Numeric>,
    /// The directions on which it depends, where the transform is too coarse to tell.
    pub effective: Option<Vec<Vec<f64>>>,
}

impl Moments<'_> {
    /// A polynomial: its transform is all.
    pub const NONE: Self = Self {
        variance: None,
        numeric: None,
        effective: None,
    };
}

/// The core of the analysis of a link with this heat transform.
pub fn core<C: Span>(
    heat: &Polynomial<C>,
    r: usize,
    tolerance: f64,
    moments: &Moments<'_>,
) -> Core {
    let exact: Vec<C> = energies(heat);
    let floats: Vec<f64> = exact.iter().map(C::to_float).collect();
    let variance = moments.variance.map_or_else(
        || {
            exact[1..]
                .iter()
                .fold(C::integer(0), |sum, e| sum.plus(e))
                .to_float()
        },
        |v| v.value,
    );
    let scale = variance.sqrt();
    let extension = C::extension(&[], &gradients(heat, r), tolerance * scale);
    let effective = moments
        .effective
        .as_ref()
        .and_then(|basis| basis.iter().map(|b| C::vector(b)).collect());
    let signals = Signals::new(
        vec![(heat.clone(), scale)],
        effective.unwrap_or(extension.basis),
        tolerance,
    );
    let mut margin = Margin {
        kept: extension.kept / scale,
        dropped: extension.dropped / scale,
        tolerance,
    };
    let isotropic = signals.chain(u32::MAX);
    let fresh: Vec<Chain<C>> = (1..=LARGEST_EXPONENT).map(|k| signals.chain(k)).collect();
    for chain in fresh.iter().chain([&isotropic]) {
        margin = margin.and(chain.margin);
    }
    let mut floors = FloorBook {
        signals: &signals,
        mean: heat.coefficient(Monomial::ONE).to_float(),
        moments,
        variance,
        known: Vec::new(),
        error: 0.0,
    };
    let isotropic = floors.floated(&isotropic);
    let fresh = fresh.iter().map(|chain| floors.floated(chain)).collect();
    let floor_error = floors.error;
    Core {
        mean: heat.coefficient(Monomial::ONE).to_float(),
        variance,
        one_step: one_step_leap(&floats, tolerance * scale),
        coordinate: coordinate_leap(&significant(heat, tolerance * scale)),
        energies: floats,
        one_step_reach: reach(&signals, heat.degree(), tolerance * scale, true),
        tensor_columns: reach(&signals, heat.degree(), tolerance * scale, false),
        effective: normalised(signals.effective()),
        isotropic,
        fresh,
        margin,
        floor_error,
    }
}

/// The monomials whose normalised Hermite coefficient is above a level.
fn significant<C: Span>(heat: &Polynomial<C>, level: f64) -> Vec<Monomial> {
    heat.terms()
        .filter(|(m, c)| c.to_float().abs() * m.factorial::<f64>().sqrt() > level)
        .map(|(m, _)| m)
        .collect()
}

/// For k = 1, 2, ..., the span of the columns of the Hermite tensor of order k, with the lower orders if
/// `cumulative`.
fn reach<C: Span>(
    signals: &Signals<C>,
    degree: u32,
    tolerance: f64,
    cumulative: bool,
) -> Vec<Vec<Vec<f64>>> {
    let adapted = &signals.adapted(&[])[0];
    let mut space: Vec<Vec<C>> = Vec::new();
    let mut spaces = Vec::new();
    for order in 1..=degree {
        if !cumulative {
            space.clear();
        }
        if space.len() < signals.effective().len() {
            let new = adapted.new_directions(order);
            let extension = C::extension(&space, &new, tolerance);
            space.extend(extension.basis);
        }
        spaces.push(normalised(&space));
    }
    spaces
}

/// Orthogonal vectors at unit length.
pub fn normalised<C: Span>(basis: &[Vec<C>]) -> Vec<Vec<f64>> {
    basis
        .iter()
        .map(|b| {
            let floats: Vec<f64> = b.iter().map(C::to_float).collect();
            let norm = squared_norm(&floats).sqrt();
            floats.iter().map(|x| x / norm).collect()
        })
        .collect()
}

type Floors = (Vec<f64>, Vec<f64>);

/// The floors of every subspace met so far.
struct FloorBook<'a, C> {
    signals: &'a Signals<C>,
    mean: f64,
    moments: &'a Moments<'a>,
    variance: f64,
    known: Vec<(Vec<Vec<C>>, Floors)>,
    error: f64,
}

impl<C: Span> FloorBook<'_, C> {
    fn floated(&mut self, chain: &Chain<C>) -> FloatChain {
        let (floors, shared_floors) = (0..=chain.steps.len())
            .map(|t| self.floors(chain.after(t)))
            .unzip();
        FloatChain {
            orders: chain.steps.iter().map(|s| s.order).collect(),
            subspaces: chain
                .steps
                .iter()
                .map(|s| normalised(&s.subspace))
                .collect(),
            floors,
            shared_floors,
        }
    }

    /// The floors at kappa = 0, ..., 3 once `subspace` is learnt, with coefficients that depend on the point of
    /// it (THEORY.md (15)) and with constant ones.
    fn floors(&mut self, subspace: &[Vec<C>]) -> Floors {
        let known = self.known.iter().find(|(s, _)| s == subspace);
        if let Some((_, floors)) = known {
            return floors.clone();
        }
        let floors = self.compute(subspace);
        self.known.push((subspace.to_vec(), floors.clone()));
        floors
    }

    fn compute(&mut self, subspace: &[Vec<C>]) -> Floors {
        let most = LARGEST_EXPONENT as usize;
        if subspace.len() >= self.signals.effective().len() {
            return (vec![0.0; most + 1], vec![0.0; most + 1]);
        }
        let adapted = &self.signals.adapted(subspace)[0];
        let floors: Vec<f64> = match self.moments.numeric {
            None => {
                let zero = C::integer(0);
                let mut tail = (LARGEST_EXPONENT + 1..=adapted.degree_across())
                    .fold(zero, |sum, j| sum.plus(&adapted.energy_across(j)));
                let mut floors = vec![tail.to_float()];
                for j in (1..=LARGEST_EXPONENT).rev() {
                    tail = tail.plus(&adapted.energy_across(j));
                    floors.insert(0, tail.to_float());
                }
                floors
            }
            Some(numeric) => {
                let mut left = self.variance + self.mean * self.mean;
                let mut error = self.moments.variance.map_or(0.0, |v| v.error);
                numeric
                    .energies_across(&normalised(subspace), LARGEST_EXPONENT)
                    .into_iter()
                    .map(|energy| {
                        left -= energy.value;
                        error += energy.error;
                        self.error = self.error.max(error);
                        if left.abs() <= error.min(1e-9 * self.variance) + 1e-13 * self.variance {
                            0.0
                        } else {
                            left.max(0.0)
                        }
                    })
                    .collect()
            }
        };
        let mut shared = vec![floors[0]];
        for j in 1..=LARGEST_EXPONENT {
            let rest = shared[j as usize - 1] - adapted.energy_apart(j).to_float();
            shared.push(if rest < 1e-12 * self.variance {
                0.0
            } else {
                rest
            });
        }
        (floors, shared)
    }
}
