//! Many small steps on few samples each: the equations of online learning.
//!
//! With n of order one and `eta~ = eta/p` of order 1/d a step moves (M, Q) by O(1/d), and in the time `t = eta~ step` the
//! recursion (20) is the Euler scheme of
//!
//! ```text
//! dM_i/dt  = X_i - g_i M_i
//! dQ_ij/dt = N_ij + N_ji + (eta~ d/n) E[B_i B_j] - (g_i + g_j) Q_ij
//! g_i = 0, or N_ii + (eta~ d/2n) E[B_i^2] for rows of length one
//! ```
//!
//! The products of mean gradients in (20) are smaller by 1/d, the noise of a single sample is not: its length is `sqrt d`.
//! Regime: d to infinity at fixed n, `eta d`, width and time `step/d`. THEORY.md (78), after Saad and Solla 1995.

use faer::Mat;

use crate::batch::Inputs;
use crate::theory::averages::{Averages, Residual, Task};
use crate::theory::dynamics::{Dynamics, Effort, RecursionError, Step, Trajectory};
use crate::theory::expectation::Shape;
use crate::theory::fields::Fields;
use crate::theory::population::{ClassMatrix, Population, Start};
use crate::theory::recursion::{States, repeated};
use crate::theory::shared::Fineness;
use crate::theory::smoothed::Sigma;
use crate::train::Geometry;

/// The error of one step of integration, of entries of order one.
const TOLERANCE: f64 = 1e-4;
/// What deviations grow by at a time, as a fraction of them.
const SHORT: f64 = 0.005;
/// What one step may add to a squared length, as a fraction of it.
const SMALL: f64 = 0.05;

/// A state, or its velocity.
#[derive(Debug, Clone)]
struct Point {
    overlap: Mat<f64>,
    covariance: ClassMatrix,
}

impl Point {
    /// `self + sum_k scale_k others_k`.
    fn plus(&self, others: &[(f64, &Self)]) -> Self {
        others
            .iter()
            .fold(self.clone(), |sum, (scale, other)| Self {
                overlap: sum.overlap + faer::Scale(*scale) * &other.overlap,
                covariance: sum.covariance.plus(*scale, &other.covariance),
            })
    }

    /// The largest entry in size.
    fn largest(&self) -> f64 {
        let parts = [&self.overlap, &self.covariance.own, &self.covariance.cross];
        parts
            .into_iter()
            .fold(0.0, |m, part| part.norm_max().max(m))
    }
}

/// A state with its velocity a step, and what it was made of.
struct Place {
    state: Point,
    velocity: Point,
    /// `g_i` a step.
    shrinkage: Vec<f64>,
    /// What a step adds to a squared length at most, over this length.
    share: f64,
    averages: Averages,
}

/// The flow of one network.
struct Flow<'a> {
    dynamics: &'a Dynamics<'a>,
    population: &'a Population,
    sigma: Sigma<'a>,
    shape: Shape,
    fineness: Fineness,
    residual: Residual,
    effort: Effort,
    seed: u64,
}

impl Dynamics<'_> {
    /// The states after these numbers of steps, in ascending order, as far as they go, and why no further.
    ///
    /// A few evaluations of the averages of (20) for each unit of time and each state.
    pub fn online(
        &self,
        population: &Population,
        start: &Start,
        steps: &[u32],
        effort: Effort,
    ) -> (Trajectory, Option<RecursionError>) {
        let shape = Shape::of(self.link);
        let fineness = match self.coordinates {
            Inputs::Gaussian => Fineness::of(self.link, &shape),
            Inputs::Hypercube | Inputs::Sphere | Inputs::Uniform => None,
        };
        let fineness = fineness.unwrap_or(Fineness::Finest);
        repeated(&|seed| -> States {
            let (mut states, mut sampled) = (Vec::new(), false);
            let flow = Flow {
                dynamics: self,
                population,
                sigma: Sigma::new(self.activation),
                shape: shape.clone(),
                fineness,
                residual: self.residual(false),
                effort,
                seed,
            };
            let ended = flow.follow(start, steps, (&mut states, &mut sampled));
            (states, sampled, ended.err())
        })
    }
}

/// Whether mean overlaps are less than their deviations: lengths, even in both, then do not turn these.
fn from_nothing(step: &Step) -> bool {
    let Some(deviations) = &step.deviations else {
        return false;
    };
    deviations.single.iter().enumerate().all(|(c, variance)| {
        let squares = (0..variance.nrows()).map(|k| step.overlap[(c, k)].powi(2));
        squares.sum::<f64>() < variance.diagonal().column_vector().sum()
    })
}

impl Flow<'_> {
    /// Bogacki and Shampine's method of third order, whose difference from the second order bounds its steps.
    fn follow(
        &self,
        start: &Start,
        steps: &[u32],
        (states, sampled): (&mut Vec<Step>, &mut bool),
    ) -> Result<(), RecursionError> {
        let mut step = self.dynamics.first(self.population, start);
        let first = Point {
            overlap: start.overlap.clone(),
            covariance: start.covariance.clone(),
        };
        let (mut at, mut stride) = (0.0, f64::INFINITY);
        let mut here = self.place(first, 0)?;
        for wanted in steps {
            while at < f64::from(*wanted) {
                if here.share > SMALL {
                    let (step, share) = (at as u32, here.share);
                    return Err(RecursionError::Coarse { step, share });
                }
                let left = f64::from(*wanted) - at;
                let h = stride.min(left);
                let next = self.advance(&here, h, at);
                let error = match &next {
                    Ok((_, error)) => *error,
                    // A stride that was far too long leaves the states there are.
                    Err(
                        RecursionError::Unphysical { .. }
                        | RecursionError::NotFinite { .. }
                        | RecursionError::Sampled { .. },
                    ) if h > 1.0 => f64::INFINITY,
                    Err(error) => return Err(error.clone()),
                };
                let factor = (0.9 * (TOLERANCE / error).cbrt()).clamp(0.2, 5.0);
                let Some((next, _)) = next.ok().filter(|_| error <= TOLERANCE || h <= 1.0) else {
                    stride = (h * factor).max(1.0);
                    continue;
                };
                self.deviate(&mut step, &here, &next, h);
                at = if h < left { at + h } else { f64::from(*wanted) };
                stride = match h < stride {
                    true => stride.max(h * factor),
                    false => h * factor,
                };
                here = next;
                step.overlap = here.state.overlap.clone();
                step.covariance = here.state.covariance.clone();
                self.dynamics.stable(&step, at as u32)?;
            }
            step.untrained_error = here.averages.error;
            *sampled |= here.averages.sampled;
            let mut shown = step.clone();
            if *wanted > 0 {
                shown.with_start = shown.with_start.map(|_, _, _| f64::NAN);
            }
            if self.dynamics.geometry != Geometry::Plain && !from_nothing(&step) {
                // What lengths kept at one take of a deviation is left out: enough to know when it is small.
                shown.deviations = None;
            }
            states.push(shown);
        }
        Ok(())
    }

    /// The state after h more steps, and how uncertain it is.
    fn advance(&self, here: &Place, h: f64, at: f64) -> Result<(Place, f64), RecursionError> {
        let step = (at + h) as u32;
        let k1 = &here.velocity;
        let k2 = self
            .place(here.state.plus(&[(h / 2.0, k1)]), step)?
            .velocity;
        let k3 = self
            .place(here.state.plus(&[(0.75 * h, &k2)]), step)?
            .velocity;
        let third = [(2.0 / 9.0 * h, k1), (h / 3.0, &k2), (4.0 / 9.0 * h, &k3)];
        let next = self.place(here.state.plus(&third), step)?;
        let zero = here.state.plus(&[(-1.0, &here.state)]);
        let parts = [
            (-5.0 / 72.0, k1),
            (1.0 / 12.0, &k2),
            (1.0 / 9.0, &k3),
            (-0.125, &next.velocity),
        ];
        let error = h * zero.plus(&parts).largest();
        match error.is_finite() {
            true => Ok((next, error)),
            false => Err(RecursionError::NotFinite { step }),
        }
    }

    /// A state with its velocity.
    fn place(&self, state: Point, step: u32) -> Result<Place, RecursionError> {
        let dynamics = self.dynamics;
        let fields = Fields::of(self.population, (&state.overlap, &state.covariance), step)?
            .spread(self.population)
            .ok_or(RecursionError::NotFinite { step })?;
        let task = Task {
            dynamics,
            population: self.population,
            fields: &fields,
            sigma: &self.sigma,
            shape: &self.shape,
            residual: self.residual,
            effort: self.effort,
            fineness: self.fineness,
            seed: self.seed,
        };
        let averages = match (task.averages(), self.effort) {
            _ if dynamics.stopped() => return Err(RecursionError::Stopped { step }),
            (Some(averages), _) => averages,
            (None, Effort::Integrated) => return Err(RecursionError::Sampled { step }),
            (None, Effort::Sampled) => return Err(RecursionError::NotFinite { step }),
        };
        let rate = dynamics.rate;
        let noise = rate * rate / dynamics.samples;
        let along = &averages.fields;
        let classes = 0..self.population.len();
        let shares = classes
            .clone()
            .map(|c| noise * averages.power.diagonal(c) / state.covariance.diagonal(c));
        let share = shares.fold(0.0, f64::max);
        let shrinkage: Vec<f64> = classes
            .map(|c| match dynamics.geometry {
                Geometry::Plain => 0.0,
                Geometry::Projected | Geometry::Spherical => {
                    let longer =
                        rate * along.diagonal(c) + 0.5 * noise * averages.power.diagonal(c);
                    longer / state.covariance.diagonal(c)
                }
            })
            .collect();
        let overlap = Mat::from_fn(state.overlap.nrows(), state.overlap.ncols(), |c, k| {
            rate * averages.target[(c, k)] - shrinkage[c] * state.overlap[(c, k)]
        });
        let shorter = |c: usize, e: usize, q: f64| -(shrinkage[c] + shrinkage[e]) * q;
        let covariance = state
            .covariance
            .map(shorter)
            .plus(rate, along)
            .plus(rate, &along.transposed())
            .plus(noise, &averages.power);
        Ok(Place {
            velocity: Point {
                overlap,
                covariance,
            },
            state,
            shrinkage,
            share,
            averages,
        })
    }

    /// What h steps make of fluctuations: a few times one step of their size on all of their samples.
    fn deviate(&self, step: &mut Step, here: &Place, next: &Place, h: f64) {
        let dynamics = self.dynamics;
        let k = self.population.len();
        let length = |c: usize| next.state.covariance.diagonal(c).sqrt();
        let lengths: Vec<f64> = (0..k).map(length).collect();
        step.deviations = match (&here.averages.growth, step.deviations.take()) {
            (Some(growth), Some(mut deviations)) => {
                let shrinkage = here.shrinkage.iter().map(|g| g.abs());
                let fastest = shrinkage.fold(dynamics.rate * growth.largest(), f64::max);
                let pieces = (h * fastest / SHORT).ceil().max(1.0);
                let h = h / pieces;
                let keep: Vec<f64> = here.shrinkage.iter().map(|g| 1.0 - h * g).collect();
                let sizes = (dynamics.rate * h, dynamics.samples * h, dynamics.dimension);
                for _ in 0..pieces as u64 {
                    deviations = growth.advance(
                        &deviations,
                        self.population,
                        &here.averages.target,
                        (&keep, &lengths),
                        sizes,
                    );
                }
                Some(deviations)
            }
            _ => None,
        };
        if let Some(deviations) = &step.deviations {
            let of = |c: usize, k: usize| deviations.single[c][(k, k)].max(0.0).sqrt();
            step.fluctuation = Mat::from_fn(k, step.overlap.ncols(), of);
        }
    }
}
