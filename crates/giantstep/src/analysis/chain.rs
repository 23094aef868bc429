//! The chain of learnt subspaces, and the leaps.

use std::cell::RefCell;
use std::rc::Rc;

use super::heat::Adapted;
use super::polynomial::{MOST_VARIABLES, Monomial, Polynomial};
use super::span::Span;

/// How clearly the zeros of an analysis were told from the rest, in units of the standard deviation of the link.
#[derive(Debug, Clone, Copy)]
pub struct Margin {
    /// The smallest signal called non-zero.
    pub kept: f64,
    /// The largest signal called zero.
    pub dropped: f64,
    /// The largest tolerance used.
    pub tolerance: f64,
}

impl Margin {
    /// No decision yet.
    pub const NONE: Self = Self {
        kept: f64::INFINITY,
        dropped: 0.0,
        tolerance: 0.0,
    };

    /// The margin of two groups of decisions.
    pub fn and(self, other: Self) -> Self {
        Self {
            kept: self.kept.min(other.kept),
            dropped: self.dropped.max(other.dropped),
            tolerance: self.tolerance.max(other.tolerance),
        }
    }
}

/// One giant step of a chain.
#[derive(Debug, Clone)]
pub struct Step<C> {
    /// The Hermite order across the subspace before the step that revealed the new directions.
    pub order: u32,
    /// An orthogonal basis of the subspace after the step: the one before, then the new directions.
    pub subspace: Vec<Vec<C>>,
}

/// The subspaces learnt one after another: THEORY.md (9)-(11).
#[derive(Debug, Clone)]
pub struct Chain<C> {
    /// The steps that learnt something.
    pub steps: Vec<Step<C>>,
    /// How clear its decisions were.
    pub margin: Margin,
}

impl<C: Span> Chain<C> {
    /// The subspace after `steps` giant steps.
    pub fn after(&self, steps: usize) -> &[Vec<C>] {
        match steps.min(self.steps.len()) {
            0 => &[],
            t => &self.steps[t - 1].subspace,
        }
    }

    /// The subspace at which the chain stops.
    pub fn last(&self) -> &[Vec<C>] {
        self.after(self.steps.len())
    }
}

/// One or several heat transforms whose new directions are taken together: the link alone (fresh batches),
/// or the link and its powers (label transformations, hence reused batches).
#[derive(Debug)]
pub struct Signals<C> {
    heats: Vec<Heat<C>>,
    effective: Vec<Vec<C>>,
    adapted: RefCell<Vec<Known<C>>>,
}

/// A heat transform of a function.
#[derive(Debug)]
pub struct Heat<C> {
    /// The transform.
    pub transform: Polynomial<C>,
    /// The standard deviation of the function.
    pub scale: f64,
    /// A bound on the error of a normalised coefficient, in standard deviations.
    pub tolerance: f64,
}

/// A subspace and the transforms in its coordinates.
type Known<C> = (Vec<Vec<C>>, Rc<Vec<Adapted<C>>>);

impl<C: Span> Signals<C> {
    /// Transforms of functions that depend on the span of `effective`.
    pub fn new(heats: Vec<Heat<C>>, effective: Vec<Vec<C>>) -> Self {
        Self {
            heats,
            effective,
            adapted: RefCell::default(),
        }
    }

    /// A basis of the directions on which the link depends.
    pub fn effective(&self) -> &[Vec<C>] {
        &self.effective
    }

    /// Takes one more transform into account.
    pub fn push(&mut self, heat: Heat<C>) {
        self.heats.push(heat);
        self.adapted.borrow_mut().clear();
    }

    /// The transforms in coordinates along and across a subspace; computed once for each.
    pub fn adapted(&self, subspace: &[Vec<C>]) -> Rc<Vec<Adapted<C>>> {
        let known = self
            .adapted
            .borrow()
            .iter()
            .find(|(s, _)| s == subspace)
            .map(|(_, a)| a.clone());
        known.unwrap_or_else(|| {
            let new = |heat: &Heat<C>| Adapted::new(&heat.transform, subspace, &self.effective);
            let adapted = Rc::new(self.heats.iter().map(new).collect::<Vec<_>>());
            let entry = (subspace.to_vec(), adapted.clone());
            self.adapted.borrow_mut().push(entry);
            adapted
        })
    }

    /// The chain at batch exponent k = `largest_order`: each step takes the smallest order up to k at which
    /// a direction across the learnt subspace carries a signal, and learns all directions of that order.
    ///
    /// At k = 1 this is `U_{t+1} = U_t + span of E[grad_perp g | P_U z]`, the learnt subspaces of the paper.
    pub fn chain(&self, largest_order: u32) -> Chain<C> {
        let mut chain = Chain {
            steps: Vec::new(),
            margin: Margin::NONE,
        };
        // An error e of a signal of strength s turns the direction by e / s.
        let mut growth = 1.0;
        while chain.last().len() < self.effective.len() {
            let adapted = self.adapted(chain.last());
            let highest = adapted
                .iter()
                .map(Adapted::degree_across)
                .max()
                .unwrap_or(0);
            let mut found = None;
            for order in 1..=largest_order.min(highest) {
                let mut new: Vec<Vec<C>> = Vec::new();
                let mut kept = f64::INFINITY;
                for (adapted, heat) in adapted.iter().zip(&self.heats) {
                    let (scale, tolerance) = (heat.scale, growth * heat.tolerance);
                    let learnt = [chain.last(), &new].concat();
                    let extension =
                        C::extension(&learnt, &adapted.new_directions(order), tolerance * scale);
                    kept = kept.min(extension.kept / scale);
                    chain.margin = chain.margin.and(Margin {
                        kept: extension.kept / scale,
                        dropped: extension.dropped / scale,
                        tolerance,
                    });
                    new.extend(extension.basis);
                }
                if !new.is_empty() {
                    if adapted.len() > 1 {
                        // One readable basis of what several functions revealed.
                        new = C::extension(chain.last(), &new, 0.5).basis;
                    }
                    found = Some((order, new, kept));
                    break;
                }
            }
            let Some((order, new, kept)) = found else {
                break;
            };
            growth /= kept.min(1.0);
            let subspace = [chain.last(), &new].concat();
            chain.steps.push(Step { order, subspace });
        }
        chain
    }
}

/// The paper's leap index: the smallest k >= 1 at which the Hermite tensor of order k is not zero.
///
/// The tensor counts as zero up to `tolerance`, on the scale of `sqrt(E[g_k^2])`.
pub fn one_step_leap(energies: &[f64], tolerance: f64) -> Option<u32> {
    (1..energies.len())
        .find(|&k| energies[k].sqrt() > tolerance)
        .map(|k| k as u32)
}

/// The leap in the given coordinates (Abbe et al. 2302.11055): the smallest l such that every coordinate is
/// reached through Hermite monomials of degree at most l in the coordinates not yet reached.
///
/// `monomials` are those of the Hermite expansion that are not zero. None for a constant.
pub fn coordinate_leap(monomials: &[Monomial]) -> Option<u32> {
    let new_degree = |m: Monomial, reached: u8| -> u32 {
        (0..MOST_VARIABLES)
            .filter(|v| reached & (1 << v) == 0)
            .map(|v| m.exponent(v))
            .sum()
    };
    let coordinates = |m: Monomial| -> u8 {
        (0..MOST_VARIABLES)
            .filter(|&v| m.exponent(v) > 0)
            .fold(0, |set, v| set | 1 << v)
    };
    let mut reached = 0;
    let mut leap = None;
    while let Some((degree, next)) = monomials
        .iter()
        .map(|&m| (new_degree(m, reached), m))
        .filter(|(degree, _)| *degree > 0)
        .min()
    {
        reached |= coordinates(next);
        leap = leap.max(Some(degree));
    }
    leap
}
