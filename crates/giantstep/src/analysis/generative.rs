//! What label transformations reveal, and with them repeated passes over the same batch.

use super::chain::{Chain, Heat, Signals};
use super::core::{FloatChain, floated};
use super::heat::{energies, heat_transform};
use super::labels::{Confirmed, Labels};
use super::leap::Leap;
use super::polynomial::{Monomial, Polynomial};
use super::scalar::Scalar;
use super::span::Span;

/// The label transformations tried are `y, y^2, ..., y^8` at most.
pub const LARGEST_POWER: usize = 8;

/// The largest degree of a power: exponents have eight bits.
const LARGEST_DEGREE_OF_POWER: u32 = 200;

/// The next power of a polynomial link at each call, as long as it takes at most `most_products` products of
/// terms, its transform truncated: a signal of low degree suffices.
pub fn powers<C: Scalar>(
    link: &Polynomial<C>,
    r: usize,
    tolerance: f64,
    most_products: usize,
) -> impl FnMut() -> Option<Heat<C>> {
    let mut power = Polynomial::constant(C::integer(1));
    move || {
        let small = power.len() * link.len() <= most_products
            && power.degree() + link.degree() <= LARGEST_DEGREE_OF_POWER;
        if !small && power.degree() > 0 {
            return None;
        }
        power = power.times(link);
        let transform = heat_transform(&power, r, super::numeric::degree(r).max(4));
        let variance: f64 = energies(&transform)[1..].iter().map(C::to_float).sum();
        Some(Heat {
            transform,
            scale: variance.sqrt(),
            tolerance,
        })
    }
}

/// A chain of label transformations and how it was confirmed.
#[derive(Debug, Clone)]
pub struct Reused {
    /// The chain, without floors.
    pub chain: FloatChain,
    /// Whether it misses nothing.
    pub confirmed: Confirmed,
}

/// What label transformations reveal.
#[derive(Debug, Clone)]
pub struct Generative {
    /// The chains of generative order 1 and 2, for some activation.
    pub chains: [Reused; 2],
    /// The same for students of the given one: what is found is found; no more is claimed.
    pub seen: [FloatChain; 2],
    /// Whether the powers and the symmetries behind the chains were exact.
    pub exact: bool,
    /// The chain that takes the smallest order each time.
    pub leap: Leap,
}

/// The chains of generative order 1 and 2 of a link, from as many powers of its labels as are needed or given.
///
/// A chain takes the new directions of all powers together: `E[z_perp y^m | P_U z]` not zero for some m shows
/// that `E[z_perp | y, P_U z]` is not zero. That the powers miss nothing is proved by the symmetries, or else
/// checked on samples. `next` and `effective` are in the coordinates of `basis`, if there is one. `uses(m, D)` tells
/// whether the activation can use the degree D of the power m.
pub fn generative<C: Span>(
    labels: &Labels<'_>,
    effective: &[Vec<C>],
    basis: Option<&[Vec<f64>]>,
    uses: &dyn Fn(usize, u32) -> bool,
    mut next: impl FnMut() -> Option<Heat<C>>,
    sampled: bool,
) -> Generative {
    let mut signals = Signals::new(Vec::new(), effective.to_vec());
    let mut used = Signals::new(Vec::new(), effective.to_vec());
    let mut all_used = true;
    let in_place = |chain: &Chain<C>| match basis {
        Some(basis) => floated(chain).mapped(basis),
        None => floated(chain),
    };
    let chain = |signals: &Signals<C>, order: u32| in_place(&signals.chain(order));
    let mut chains = [1, 2].map(|order| chain(&signals, order));
    // The powers tried, and those before the first that was too coarse.
    let (mut tried, mut examined) = (0, 0);
    while tried < LARGEST_POWER
        && !(tried > 0 && labels.spanned_by(examined))
        && !(1..)
            .zip(&chains)
            .all(|(order, chain)| labels.proved(chain, order))
        && let Some(heat) = next()
    {
        tried += 1;
        if examined + 1 == tried && heat.is_sharp() {
            examined = tried;
        }
        if heat.scale > 0.0 {
            let part = |m: Monomial| m.total() == 0 || uses(tried, m.total());
            let transform = heat.transform.filtered(part);
            all_used &= transform.len() == heat.transform.len();
            used.push(Heat {
                transform,
                ..heat.clone()
            });
            signals.push(heat);
            chains = [1, 2].map(|order| chain(&signals, order));
        }
    }
    let seen = match all_used {
        true => chains.clone(),
        false => [1, 2].map(|order| chain(&used, order)),
    };
    let whole = signals.chain(u32::MAX);
    let tolerance = whole.margin.tolerance;
    let leap = Leap::of(&in_place(&whole), tolerance, labels, examined, sampled);
    let mut order = 0;
    let chains = chains.map(|chain| {
        order += 1;
        let confirmed = labels.confirm(&chain, order, examined, sampled);
        Reused { chain, confirmed }
    });
    Generative {
        chains,
        seen,
        exact: false,
        leap,
    }
}
