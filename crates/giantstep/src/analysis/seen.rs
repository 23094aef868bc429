//! The chains of a link for students of one activation: those of the degrees that it sees.

use super::chain::{Chain, Heat, Margin, Signals};
use super::polynomial::Polynomial;
use super::span::Span;
use super::visible::{Sight, Visible};

/// The largest batch exponent of the staircase, and the largest feature exponent of the floors.
pub const LARGEST_EXPONENT: u32 = 3;

/// What steps with fresh batches learn with one activation.
pub struct Seen<C> {
    /// The chains at batch exponents 1, 2, 3 of the degrees that are surely seen.
    pub chains: Vec<Chain<C>>,
    /// Whether degrees that may be seen change them.
    pub open: Vec<bool>,
    /// A basis of the directions in which degrees vary that are or may be seen.
    pub reachable: Vec<Vec<C>>,
    /// The blind degrees that would open directions where the chain at batch exponent 1 ends.
    pub stopped_by: Vec<u32>,
    /// How clear the decisions were.
    pub margin: Margin,
}

/// The chains for students of an activation, given the signals of the whole link and its chains.
pub fn seen<C: Span>(
    heat: &Heat<C>,
    signals: &Signals<C>,
    visible: &Visible,
    fresh: &[Chain<C>],
) -> Seen<C> {
    let degrees = || 1..=heat.transform.degree();
    if degrees().all(|k| visible.first(k) == Sight::Seen && visible.later(k) == Sight::Seen) {
        return Seen {
            chains: fresh.to_vec(),
            open: vec![false; fresh.len()],
            reachable: signals.effective().to_vec(),
            stopped_by: Vec::new(),
            margin: Margin::NONE,
        };
    }
    let part = |sees: &dyn Fn(u32) -> bool| -> Signals<C> {
        let transform: Polynomial<C> = heat
            .transform
            .filtered(|m| m.total() == 0 || sees(m.total()));
        let heat = Heat {
            transform,
            ..heat.clone()
        };
        Signals::new(vec![heat], signals.effective().to_vec())
    };
    let surely = |sight: Sight| sight == Sight::Seen;
    let maybe = |sight: Sight| sight != Sight::Blind;
    let [low, high] = [surely, maybe].map(|sees: fn(Sight) -> bool| {
        let first = part(&|k| sees(visible.first(k)));
        let later = part(&|k| sees(visible.later(k)));
        let exponents = 1..=LARGEST_EXPONENT;
        let chains: Vec<Chain<C>> = exponents.map(|k| later.chain_after(&first, k)).collect();
        (chains, later.chain(u32::MAX))
    });
    let reach = |chain: &Chain<C>| -> Vec<Vec<Vec<C>>> {
        chain.steps.iter().map(|s| s.subspace.clone()).collect()
    };
    let end = low.0[0].last();
    let stops = |degree: u32| {
        let part = part(&|k| k == degree);
        let columns = part.adapted(end)[0].new_directions(1);
        let level = heat.tolerance * heat.scale;
        !C::extension(end, &columns, level).basis.is_empty()
    };
    let blind = degrees().filter(|&k| visible.later(k) == Sight::Blind);
    let stopped_by = blind.filter(|&k| stops(k)).collect();
    let margins = low.0.iter().chain([&high.1]).map(|chain| chain.margin);
    Seen {
        open: std::iter::zip(&low.0, &high.0)
            .map(|(low, high)| reach(low) != reach(high))
            .collect(),
        reachable: high.1.last().to_vec(),
        margin: margins.fold(Margin::NONE, Margin::and),
        chains: low.0,
        stopped_by,
    }
}
