//! The generative leap of a link: THEORY.md (72), (73).

use super::core::FloatChain;
use super::labels::{Confirmed, Labels};

/// One step of the chain: what the labels reveal where the subspace before it is known.
#[derive(Debug, Clone)]
pub struct LeapStep {
    /// The order of a tensor `E[He_j(z_perp) | y, P_U z]` that is not zero.
    pub order: u32,
    /// An orthonormal basis of the directions that the columns of the tensors of this order add.
    pub opened: Vec<Vec<f64>>,
    /// That those of every lower order vanish.
    pub least: Confirmed,
    /// That no other transformation of the labels adds a direction at this order.
    pub whole: Confirmed,
}

/// The chain of the generative leap, as far as it is known.
///
/// Every signal in it is there. So the largest order of a chain that reaches all directions bounds the leap from
/// above; it is the leap if at one step of this order the lower ones vanish, which bounds it from below.
#[derive(Debug, Clone, Default)]
pub struct Leap {
    /// Its steps.
    pub steps: Vec<LeapStep>,
    /// Whether they reach every direction on which the labels depend.
    pub complete: bool,
    /// The bound below which signals of the powers count as zero, in standard deviations.
    pub tolerance: f64,
}

impl Leap {
    /// The leap whose signals are those of this chain, from the first `powers` powers of the labels.
    pub fn of(
        chain: &FloatChain,
        tolerance: f64,
        labels: &Labels<'_>,
        powers: usize,
        sampled: bool,
    ) -> Self {
        let step = |(t, &order): (usize, &u32)| {
            let (before, after) = (chain.after(t), chain.after(t + 1));
            let least = labels.nothing_below(before, order, powers, sampled);
            let whole = labels.nothing_beyond(before, after, order, powers, sampled);
            LeapStep {
                order,
                opened: after[before.len()..].to_vec(),
                least: least.beside(chain.kept[t]),
                whole: whole.beside(chain.kept[t]),
            }
        };
        Self {
            steps: chain.orders.iter().enumerate().map(step).collect(),
            complete: chain.after(usize::MAX).len() == labels.effective.len(),
            tolerance,
        }
    }

    /// The largest order of a complete chain, and how it is confirmed that the leap is no less.
    pub fn value(&self) -> Option<(u32, Confirmed)> {
        let largest = self.steps.iter().map(|s| s.order).max()?;
        let hardest = self.steps.iter().filter(|s| s.order == largest);
        let best = hardest
            .map(|s| s.least)
            .min_by(|a, b| a.doubt().total_cmp(&b.doubt()))?;
        self.complete.then_some((largest, best))
    }
}
