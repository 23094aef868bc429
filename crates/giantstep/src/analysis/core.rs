//! What follows from the heat transform alone, exactly or in floating point: leaps, chains, floors.

use super::chain::{Chain, Heat, Margin, Signals, coordinate_leap};
use super::estimate::Approximate;
use super::heat::{energies, gradients};
use super::numeric::Numeric;
use super::polynomial::{Monomial, Polynomial};
use super::report::Answer;
use super::seen::LARGEST_EXPONENT;
use super::seen::seen;
use super::span::{Span, dot, squared_norm};
use super::symmetry::{Symmetry, fixed_dimension};
use super::visible::Visible;

/// A chain with its bases made orthonormal.
#[derive(Debug, Clone)]
pub struct FloatChain {
    /// The order of each step.
    pub orders: Vec<u32>,
    /// The subspace after each step.
    pub subspaces: Vec<Vec<Vec<f64>>>,
    /// The least signal of each step.
    pub kept: Vec<f64>,
    /// For each subspace, the zero subspace first: the floors at kappa = 0, 1, 2, 3.
    pub floors: Vec<Vec<f64>>,
    /// As `floors`, where features across the subspace are the same at every point of it.
    pub shared_floors: Vec<Vec<f64>>,
    /// For each subspace, the energy of order 1, 2, ... across it that the expansion, cut, may miss.
    pub hidden: Vec<Vec<f64>>,
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

    /// The chain of a link in the coordinates of an orthonormal basis, as one of R^r.
    pub fn mapped(mut self, basis: &[Vec<f64>]) -> Self {
        for vector in self.subspaces.iter_mut().flatten() {
            let mut image = vec![0.0; basis.first().map_or(0, Vec::len)];
            for (t, b) in vector.iter().zip(basis) {
                image.iter_mut().zip(b).for_each(|(z, b)| *z += t * b);
            }
            *vector = image;
        }
        self
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
    /// Its error.
    pub variance_error: f64,
    /// `E[g_k^2]` for k = 0, 1, ..., up to the degree (of the truncation).
    pub energies: Vec<f64>,
    /// An orthonormal basis of the directions on which the link depends.
    pub effective: Vec<Vec<f64>>,
    /// The paper's leap index.
    pub one_step: Option<u32>,
    /// The leap in the given coordinates, unknown where it depends on the monomials near the tolerance.
    pub coordinate: Answer<u32>,
    /// The chain at any order: its largest order is the isotropic leap.
    pub isotropic: FloatChain,
    /// The chains at batch exponents 1, 2, 3.
    pub fresh: Vec<FloatChain>,
    /// The chains at batch exponents 1, 2, 3 for students of the activation.
    pub seen: Vec<FloatChain>,
    /// Whether they depend on what could not be decided about the activation.
    pub seen_open: Vec<bool>,
    /// A basis of the directions in which the degrees vary that the activation sees or may see.
    pub reachable: Vec<Vec<f64>>,
    /// The degrees unseen by the activation that would open directions where its chain at batch exponent 1 ends.
    pub stopped_by: Vec<u32>,
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
        self.variance_error /= square;
        let chains = self.fresh.iter_mut().chain(&mut self.seen);
        let chains = chains.chain([&mut self.isotropic]);
        let floors = chains.flat_map(|c| c.floors.iter_mut().chain(&mut c.shared_floors));
        for floor in floors.chain([&mut self.energies]) {
            floor.iter_mut().for_each(|x| *x /= square);
        }
        self
    }

    /// The largest energy that the expansion, cut, may miss where it decides what a step of a chain adds, or that
    /// no step of order up to `largest` follows.
    ///
    /// Nothing is missed at the start, where the order is the degree; of order 1 where the symmetries leave no
    /// room; of the order of a step that completes the chain.
    pub fn missed(
        &self,
        chain: &FloatChain,
        largest: usize,
        symmetries: &[Symmetry],
        r: usize,
    ) -> f64 {
        let whole = self.effective.len();
        let mut missed: f64 = 0.0;
        for (t, hidden) in chain.hidden.iter().enumerate().skip(1) {
            let (before, after) = (chain.after(t), chain.after(t + 1).len());
            if before.len() == whole {
                break;
            }
            let step = chain.orders.get(t).map(|&order| order as usize);
            let new = |order| {
                if step == Some(order) {
                    after - before.len()
                } else {
                    0
                }
            };
            for (order, energy) in (1..=step.unwrap_or(largest)).zip(hidden) {
                let completed = step == Some(order) && after == whole;
                let bounded =
                    || fixed_dimension(symmetries, before, &self.effective, r) == new(order);
                if !(completed || order == 1 && bounded()) {
                    missed = missed.max(*energy);
                }
            }
        }
        missed
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
    pub numeric: Option<&'a Numeric<'a>>,
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
///
/// One rule decides every zero: a direction is there at an order if the square root of its part of the energy of that
/// order exceeds `tolerance` standard deviations; the link depends on it if that of all orders together does.
pub fn core<C: Span>(
    heat: &Polynomial<C>,
    r: usize,
    tolerance: f64,
    moments: &Moments<'_>,
    visible: &Visible,
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
    let whole = Heat {
        transform: heat.clone(),
        scale,
        tolerance,
    };
    let signals = Signals::new(vec![whole.clone()], effective.unwrap_or(extension.basis));
    let mut margin = Margin {
        kept: extension.kept / scale,
        dropped: extension.dropped / scale,
        tolerance,
    };
    let isotropic = signals.chain(u32::MAX);
    let fresh: Vec<Chain<C>> = (1..=LARGEST_EXPONENT).map(|k| signals.chain(k)).collect();
    let seen = seen(&whole, &signals, visible, &fresh);
    for chain in fresh.iter().chain([&isotropic]) {
        margin = margin.and(chain.margin);
    }
    margin = margin.and(seen.margin);
    let mut floors = FloorBook {
        signals: &signals,
        mean: heat.coefficient(Monomial::ONE).to_float(),
        moments,
        variance,
        known: Vec::new(),
        error: 0.0,
        orders: isotropic
            .steps
            .iter()
            .map(|s| s.order)
            .fold(LARGEST_EXPONENT, u32::max),
    };
    let isotropic = floors.floated(&isotropic);
    let fresh = fresh.iter().map(|chain| floors.floated(chain)).collect();
    let chains = seen.chains.iter().map(|chain| floors.floated(chain));
    let seen_chains = chains.collect();
    let floor_error = floors.error;
    let coordinate =
        [1.0, 10.0].map(|factor| coordinate_leap(&significant(heat, factor * tolerance * scale)));
    Core {
        mean: heat.coefficient(Monomial::ONE).to_float(),
        variance,
        variance_error: moments.variance.map_or(0.0, |variance| variance.error),
        one_step: isotropic.orders.first().copied(),
        coordinate: match coordinate {
            [found, clear] if found == clear => Answer::found(found, true),
            _ => Answer::Unknown,
        },
        energies: floats,
        one_step_reach: reach(&signals, heat.degree(), tolerance * scale, true),
        tensor_columns: reach(&signals, heat.degree(), tolerance * scale, false),
        effective: normalised(signals.effective()),
        isotropic,
        fresh,
        seen: seen_chains,
        seen_open: seen.open,
        reachable: normalised(&seen.reachable),
        stopped_by: seen.stopped_by,
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

/// A chain with orthonormal bases, without floors.
pub fn floated<C: Span>(chain: &Chain<C>) -> FloatChain {
    FloatChain {
        orders: chain.steps.iter().map(|s| s.order).collect(),
        subspaces: chain
            .steps
            .iter()
            .map(|s| normalised(&s.subspace))
            .collect(),
        kept: chain.steps.iter().map(|s| s.kept).collect(),
        floors: Vec::new(),
        shared_floors: Vec::new(),
        hidden: Vec::new(),
    }
}

/// The floors of one subspace, and what the expansion may miss there.
#[derive(Debug, Clone, Default)]
struct Floors {
    given: Vec<f64>,
    shared: Vec<f64>,
    hidden: Vec<f64>,
}

/// The floors of every subspace met so far.
struct FloorBook<'a, C> {
    signals: &'a Signals<C>,
    mean: f64,
    moments: &'a Moments<'a>,
    variance: f64,
    known: Vec<(Vec<Vec<C>>, Floors)>,
    error: f64,
    /// The largest order across a subspace that is asked for.
    orders: u32,
}

impl<C: Span> FloorBook<'_, C> {
    fn floated(&mut self, chain: &Chain<C>) -> FloatChain {
        let mut result = floated(chain);
        for t in 0..=chain.steps.len() {
            let floors = self.floors(chain.after(t));
            result.floors.push(floors.given);
            result.shared_floors.push(floors.shared);
            result.hidden.push(floors.hidden);
        }
        result
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
            return Floors {
                given: vec![0.0; most + 1],
                shared: vec![0.0; most + 1],
                hidden: Vec::new(),
            };
        }
        let adapted = &self.signals.adapted(subspace)[0];
        let mut hidden = Vec::new();
        let given: Vec<f64> = match self.moments.numeric {
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
                let energies = numeric.energies_across(&normalised(subspace), self.orders);
                for (j, energy) in (0..).zip(&energies).skip(1) {
                    let seen = adapted.energy_across(j).to_float();
                    hidden.push((energy.value - seen).max(0.0) + energy.error);
                }
                let mut left = self.variance + self.mean * self.mean;
                let mut error = self.moments.variance.map_or(0.0, |v| v.error);
                let floors = energies.into_iter().take(most + 1);
                floors
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
        let mut shared = vec![given[0]];
        for j in 1..=LARGEST_EXPONENT {
            let rest = shared[j as usize - 1] - adapted.energy_apart(j).to_float();
            shared.push(if rest < 1e-12 * self.variance {
                0.0
            } else {
                rest
            });
        }
        Floors {
            given,
            shared,
            hidden,
        }
    }
}
