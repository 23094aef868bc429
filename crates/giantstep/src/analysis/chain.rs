//! The chain of learnt subspaces, and the leaps.

use std::cell::RefCell;
use std::rc::Rc;

use super::facts::POWER_TOLERANCE;
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

    /// Whether every signal that counts stands well above the tolerance, or above all that do not.
    pub fn is_clear(&self) -> bool {
        self.kept >= (10.0 * self.tolerance).min(100.0 * self.dropped)
    }

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
    /// The least signal of a new direction, in standard deviations; infinite in exact algebra.
    pub kept: f64,
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
#[derive(Debug, Clone)]
pub struct Heat<C> {
    /// The transform.
    pub transform: Polynomial<C>,
    /// The standard deviation of the function.
    pub scale: f64,
    /// A bound on the error of a normalised coefficient, in standard deviations.
    pub tolerance: f64,
}

impl<C> Heat<C> {
    /// Whether what the transform does not show up to its degree is zero.
    pub fn is_sharp(&self) -> bool {
        self.tolerance <= POWER_TOLERANCE
    }
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
        self.chain_after(self, largest_order)
    }

    /// The chain whose first step is that of the signals `first`, such as fewer degrees of the same link. Where it
    /// learns nothing and a later step something, it is kept as a step of order 0.
    pub fn chain_after(&self, first: &Self, largest_order: u32) -> Chain<C> {
        let mut chain = Chain {
            steps: Vec::new(),
            margin: Margin::NONE,
        };
        // An error e of a signal of strength s turns the direction by e / s.
        let mut growth = 1.0;
        let mut start = !std::ptr::eq(self, first);
        while chain.last().len() < self.effective.len() {
            let signals = if start { first } else { self };
            let mut margin = chain.margin;
            let found = signals.step(chain.last(), largest_order, growth, &mut margin);
            chain.margin = margin;
            match found {
                Some((order, new, kept)) => {
                    growth /= kept.min(1.0);
                    let subspace = [chain.last(), &new].concat();
                    chain.steps.push(Step {
                        order,
                        subspace,
                        kept,
                    });
                }
                None if start => chain.steps.push(Step {
                    order: 0,
                    subspace: Vec::new(),
                    kept: f64::INFINITY,
                }),
                None => break,
            }
            start = false;
        }
        if chain.last().is_empty() {
            chain.steps.clear();
        }
        chain
    }

    /// The smallest order up to a largest one at which directions across a subspace carry a signal, those
    /// directions, and the least of their signals.
    fn step(
        &self,
        learnt: &[Vec<C>],
        largest_order: u32,
        growth: f64,
        margin: &mut Margin,
    ) -> Option<(u32, Vec<Vec<C>>, f64)> {
        let adapted = self.adapted(learnt);
        let highest = adapted.iter().map(Adapted::degree_across).max()?;
        (1..=largest_order.min(highest)).find_map(|order| {
            let mut new: Vec<Vec<C>> = Vec::new();
            let mut kept = f64::INFINITY;
            for (adapted, heat) in adapted.iter().zip(&self.heats) {
                let (scale, tolerance) = (heat.scale, growth * heat.tolerance);
                let known = [learnt, &new].concat();
                let extension =
                    C::extension(&known, &adapted.new_directions(order), tolerance * scale);
                kept = kept.min(extension.kept / scale);
                *margin = margin.and(Margin {
                    kept: extension.kept / scale,
                    dropped: extension.dropped / scale,
                    tolerance,
                });
                new.extend(extension.basis);
            }
            if adapted.len() > 1 && !new.is_empty() {
                // One readable basis of what several functions revealed.
                new = C::extension(learnt, &new, 0.5).basis;
            }
            (!new.is_empty()).then_some((order, new, kept))
        })
    }
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
