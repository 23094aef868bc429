//! The generative leap of a link: THEORY.md (72), (73).

use super::core::FloatChain;
use super::facts::Facts;
use super::labels::{Confirmed, Labels};
use super::report::{Answer, GenerativeLeap, GenerativeStep, Ground, Status};
use super::span::Span;
use super::verdict::{directions, trust};

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

/// The leap as it is reported; none of a link that is constant.
pub fn report(facts: &Facts) -> Option<GenerativeLeap> {
    let (leap, effective) = (&facts.generative.leap, &facts.core.effective);
    (!effective.is_empty()).then_some(())?;
    let steps: Vec<GenerativeStep> = leap
        .steps
        .iter()
        .map(|step| GenerativeStep {
            order: step.order,
            directions: directions(&step.opened),
            lower_orders: ground(step.least),
            other_directions: ground(step.whole),
        })
        .collect();
    let opened: Vec<Vec<f64>> = leap.steps.iter().flat_map(|s| s.opened.clone()).collect();
    let confirmed = leap.value().map_or(Confirmed::Unchecked, |(_, c)| c);
    let (status, tolerance) = sure(confirmed, facts);
    let at_most = leap.value().map(|(order, _)| order);
    Some(GenerativeLeap {
        // Nothing is less than 1.
        value: Answer::found(
            at_most.filter(|&order| order == 1 || status != Status::Undecided),
            false,
        ),
        at_most,
        sample_exponent: at_most.map(|order| f64::from(order.max(2)) / 2.0),
        steps,
        rest: directions(&f64::completed(&opened, effective)[opened.len()..]),
        status,
        tolerance,
    })
}

/// As [`trust`], of the leap: what the other zeros of the link are does not matter, since its signals are there.
fn sure(confirmed: Confirmed, facts: &Facts) -> (Status, f64) {
    let (status, tolerance) = trust(confirmed, facts);
    let own = facts.generative.leap.tolerance;
    match (status, confirmed) {
        (Status::Certified | Status::Undecided, Confirmed::Proved) => (Status::Certified, own),
        (
            Status::Undecided,
            Confirmed::Sampled { tolerance } | Confirmed::Integrated { tolerance },
        ) if facts.core.margin.is_clear() => (Status::Certified, tolerance.sqrt()),
        _ => (status, tolerance),
    }
}

fn ground(confirmed: Confirmed) -> Ground {
    match confirmed {
        Confirmed::Proved => Ground::Proved,
        Confirmed::Integrated { .. } => Ground::Integrated,
        Confirmed::Sampled { .. } => Ground::Sampled,
        Confirmed::Unchecked | Confirmed::Open { .. } => Ground::Unknown,
    }
}
