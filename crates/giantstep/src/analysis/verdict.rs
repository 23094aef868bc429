//! From the facts of a link to its report.

use super::budget::Work;
use super::core::{Core, FloatChain};
use super::labels::Confirmed;
use super::leap;
use super::report::*;
use super::span::{Span, axes, residual, squared_norm};
use super::spectral::spectral;
use super::symmetry::Symmetry;
use super::terms::extend_basis;
use super::threshold::{SecondOrder, weak_recovery};
use super::visible::{Sight, Visible};
use super::{AnalysisOptions, Facts, LARGEST_EXPONENT, direction_name};
use crate::activation::Activation;
use crate::expr::Link;

/// Degrees of the kernel floors.
const KERNEL_DEGREES: usize = 6;

/// The report of a link.
pub fn report(
    link: &Link,
    activation: &Activation,
    visible: &Visible,
    options: &AnalysisOptions,
    facts: Facts,
    work: Work<'_>,
) -> Report {
    let core = &facts.core;
    let r = link.r();
    let steps = options.steps.unwrap_or(r.max(3));
    let staircase = staircases(visible, steps, &facts);
    let no_trivial_direction = facts.generative.chains[0].chain.subspaces.is_empty()
        && staircase.generic.reused[0].status != Status::Undecided
        && !core.effective.is_empty();
    let second = &facts.generative.chains[1];
    let second_order =
        if second.chain.subspaces.is_empty() && matches!(second.confirmed, Confirmed::Proved) {
            SecondOrder::Vanishes
        } else {
            SecondOrder::Open
        };
    // The threshold is that of labels without randomness.
    let known = !link.is_random() || second_order == SecondOrder::Vanishes;
    let wanted = no_trivial_direction && options.sampled && known && !work.stopped();
    let weak_recovery = wanted
        .then(|| weak_recovery(link, &core.effective, &facts.symmetries, second_order, work))
        .flatten()
        .map(|threshold| WeakRecovery {
            alpha_c: threshold.value.is_finite().then_some(threshold.value),
            error: threshold.error,
            spectral: threshold
                .value
                .is_finite()
                .then(|| spectral(link, &core.effective, &facts.symmetries, work))
                .flatten(),
        });
    let verdicts = verdicts(visible, &staircase, &facts);
    Report {
        link: link.source().to_owned(),
        r,
        mean: core.mean,
        variance: core.variance,
        energies: core.energies.clone(),
        polynomial: facts.polynomial,
        series: facts.series,
        tensors: facts.tensors.clone(),
        effective: Effective {
            dimension: core.effective.len(),
            directions: directions(&core.effective),
            idle: directions(&f64::completed(&core.effective, &axes(r))[core.effective.len()..]),
        },
        leap: leaps(&facts),
        hard_directions: hard_directions(&verdicts),
        generative_exponent: generative_exponent(&facts),
        generative_leap: leap::report(&facts),
        weak_recovery,
        floors: floors(core, steps, &staircase.fresh),
        kernel_floors: kernel_floors(core, |_| true),
        activation: activation_report(core, activation, visible, facts.polynomial),
        verdicts,
        staircase,
        status: facts.status,
        tolerance: facts.tolerance,
        notes: facts.notes,
    }
}

fn staircases(visible: &Visible, steps: usize, facts: &Facts) -> Staircases {
    let core = &facts.core;
    let tolerance = facts.tolerance;
    let generic: Vec<Staircase> = (1..)
        .zip(&core.fresh)
        .map(|(k, chain)| staircase(chain, k, k, steps, facts.status, tolerance))
        .collect();
    let fresh: Vec<Staircase> = (1..)
        .zip(&core.seen)
        .zip(std::iter::zip(&facts.seen_status, &core.seen_open))
        .map(|((k, chain), (status, open))| {
            let same = chain.subspaces == core.fresh[k as usize - 1].subspaces;
            let status = match (open, same) {
                (true, _) => Status::Undecided,
                (_, true) => facts.status,
                (_, false) => status.less_certain(visible.status()),
            };
            staircase(chain, k, k, steps, status, tolerance)
        })
        .collect();
    let reused = |chains: [&FloatChain; 2], fresh: &[Staircase]| -> Vec<Staircase> {
        let all = (1..).zip(chains).zip(&facts.generative.chains);
        all.map(|((order, chain), found)| {
            let (mut status, tolerance) = trust(found.confirmed, facts);
            let here = chain.after(usize::MAX);
            // Fresh batches are batches: what they reveal at the same order is revealed here.
            let fresh = fresh[order as usize - 1].bases.last();
            let with_fresh = fresh.is_none_or(|basis| basis.iter().all(|v| contains(here, v)));
            let whole = chain.subspaces == found.chain.subspaces;
            if !with_fresh || !whole && !excluded(chain, order, visible, facts) {
                status = Status::Undecided;
            }
            staircase(chain, 1, order, steps, status, tolerance)
        })
        .collect()
    };
    let [a, b] = &facts.generative.chains;
    let [c, d] = &facts.generative.seen;
    Staircases {
        reused: reused([c, d], &fresh),
        fresh,
        generic: GenericStaircases {
            reused: reused([&a.chain, &b.chain], &generic),
            fresh: generic,
        },
    }
}

/// Whether symmetries keep the overlaps of every neuron across a chain of generative order 1 at zero: THEORY.md (77).
///
/// An even activation is blind to the sign of its neurons; an odd one, where `g(S z) = -g(z)`, maps neurons w to -S w.
fn excluded(chain: &FloatChain, order: u32, visible: &Visible, facts: &Facts) -> bool {
    let learnt = chain.after(usize::MAX);
    let across = &f64::completed(learnt, &facts.core.effective)[learnt.len()..];
    let fixed = |v: &Vec<f64>| {
        let stays = |s: &Symmetry| {
            let moved = s.apply(v);
            moved.iter().zip(v).all(|(x, y)| (x - y).abs() < 1e-9)
        };
        facts.antisymmetries.iter().any(stays)
    };
    order == 1
        && match visible.parity() {
            Some(0) => true,
            Some(_) => across.iter().all(fixed),
            None => false,
        }
}

fn direction(vector: &[f64]) -> Direction {
    Direction {
        name: direction_name(vector),
        vector: vector.to_vec(),
    }
}

pub(super) fn directions(basis: &[Vec<f64>]) -> Vec<Direction> {
    basis.iter().map(|v| direction(v)).collect()
}

fn staircase(
    chain: &FloatChain,
    batch_exponent: u32,
    order: u32,
    steps: usize,
    status: Status,
    tolerance: f64,
) -> Staircase {
    let bases: Vec<Vec<Vec<f64>>> = (1..=steps).map(|t| chain.after(t).to_vec()).collect();
    Staircase {
        batch_exponent,
        order,
        dims: bases.iter().map(Vec::len).collect(),
        directions: bases
            .iter()
            .map(|basis| basis.iter().map(|v| direction_name(v)).collect())
            .collect(),
        bases,
        orders: chain.orders.iter().copied().take(steps).collect(),
        status,
        tolerance,
    }
}

/// How far a decision about label transformations can be trusted, and the bound below which a signal counts as
/// zero.
pub(super) fn trust(confirmed: Confirmed, facts: &Facts) -> (Status, f64) {
    let own = facts.tolerance;
    match confirmed {
        Confirmed::Proved if facts.generative.exact => (facts.status, own),
        Confirmed::Proved => (facts.status.less_certain(Status::Certified), own),
        Confirmed::Sampled { tolerance } | Confirmed::Integrated { tolerance } => {
            let status = facts.status.less_certain(Status::Certified);
            (status, tolerance.sqrt().max(own))
        }
        Confirmed::Unchecked => (Status::Undecided, own),
        Confirmed::Open { energy } => (Status::Undecided, energy.sqrt()),
    }
}

impl Status {
    /// The less certain of two.
    pub(super) fn less_certain(self, other: Self) -> Self {
        match (self, other) {
            (Self::Undecided, _) | (_, Self::Undecided) => Self::Undecided,
            (Self::Certified, _) | (_, Self::Certified) => Self::Certified,
            _ => Self::Exact,
        }
    }
}

fn leaps(facts: &Facts) -> Leaps {
    let core = &facts.core;
    let decided = facts.status != Status::Undecided;
    let reached = core.isotropic.after(usize::MAX).len() == core.effective.len();
    let largest = core.isotropic.orders.iter().max().copied();
    let isotropic = largest.filter(|_| reached);
    // What an undecided analysis found may be smaller, unless it is 1.
    let answer = |found: Option<u32>, sure: bool| {
        let found = found.filter(|&k| sure || k == 1);
        Answer::found(found, sure)
    };
    let one_step = answer(
        core.one_step,
        decided || facts.sharp && core.one_step.is_some(),
    );
    let isotropic = answer(isotropic, decided);
    let coordinate = match core.coordinate {
        Answer::At(leap) => answer(Some(leap), decided),
        Answer::Never => answer(None, decided),
        Answer::Unknown => Answer::Unknown,
    };
    let mut reasons = Vec::new();
    if let (Answer::At(one_step), Answer::At(isotropic)) = (one_step, isotropic)
        && one_step < isotropic
    {
        let hardest = core.isotropic.orders.iter().position(|o| *o == isotropic);
        let step = hardest.unwrap_or(0);
        let names: Vec<String> = core.isotropic.after(step + 1)[core.isotropic.dimension(step)..]
            .iter()
            .map(|v| direction_name(v))
            .collect();
        reasons.push(format!(
            "the first step sees order {one_step}; {} appears only at order {isotropic} once the directions before are known",
            names.join(", ")
        ));
    }
    if let (Answer::At(coordinate), Answer::At(isotropic)) = (coordinate, isotropic)
        && coordinate != isotropic
    {
        reasons.push(format!(
            "the coordinates z1, ..., zr have leap {coordinate}, which a rotation changes: gradient steps do not know them"
        ));
    }
    Leaps {
        one_step,
        isotropic,
        coordinate,
        explanation: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

/// Whether a unit vector lies in the span of an orthonormal basis.
fn contains(basis: &[Vec<f64>], vector: &[f64]) -> bool {
    squared_norm(&residual(vector, basis)) < 1e-8
}

/// The smallest order whose Hermite tensors, with the lower ones, contain the direction among their columns, of the
/// orders that the first step of the activation sees.
fn one_step_exponent(vector: &[f64], visible: &Visible, facts: &Facts) -> Answer<u32> {
    let mut space: Vec<Vec<f64>> = Vec::new();
    let mut open = !facts.sharp;
    for (order, columns) in (1..).zip(&facts.core.tensor_columns) {
        match visible.first(order) {
            Sight::Seen => {
                let new: Vec<Vec<f64>> = columns
                    .iter()
                    .filter(|v| !contains(&space, v))
                    .cloned()
                    .collect();
                extend_basis(&mut space, &new);
            }
            Sight::Open if !columns.is_empty() => open = true,
            Sight::Open | Sight::Blind => {}
        }
        if contains(&space, vector) {
            // An open order before could reveal it already.
            return match open && order > 1 {
                true => Answer::Unknown,
                false => Answer::At(order),
            };
        }
    }
    Answer::found(None, facts.polynomial && !open)
}

fn hard_directions(verdicts: &[Verdict]) -> Vec<HardDirection> {
    verdicts
        .iter()
        .filter(|v| v.giant_steps == Answer::Never)
        .map(|v| HardDirection {
            batch_exponent: v.one_step_exponent,
            direction: v.direction.clone(),
        })
        .collect()
}

/// An orthonormal basis of the link's directions that contains one of each of these growing subspaces.
fn flag(subspaces: &[&[Vec<f64>]], core: &Core) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let reach = core.one_step_reach.iter().map(Vec::as_slice);
    let spaces = subspaces.iter().copied().chain(reach);
    for vector in spaces.chain([core.effective.as_slice()]).flatten() {
        if !contains(&basis, vector) {
            extend_basis(&mut basis, std::slice::from_ref(vector));
        }
    }
    basis
}

fn generative_exponent(facts: &Facts) -> Option<Exponent> {
    (facts.core.effective.len() == 1).then_some(())?;
    let (value, confirmed) = facts.generative.leap.value()?;
    let (status, tolerance) = trust(confirmed, facts);
    Some(Exponent {
        value,
        status,
        tolerance,
    })
}

/// The floors before and after steps; unknown after those that may have learnt more than was found.
fn floors(core: &Core, steps: usize, fresh: &[Staircase]) -> Floors {
    let over_steps = |floors: &[Vec<f64>], kappa: u32| -> Vec<f64> {
        let chain = kappa.saturating_sub(1) as usize;
        let learnt = core.seen[chain].after(usize::MAX).len();
        let open = fresh[chain].status == Status::Undecided && learnt < core.effective.len();
        let after = |t| FloatChain::floor(floors, t, kappa as usize);
        let known = |t, floor| t == 0 || !open || floor == 0.0;
        let floors = (0..=steps).map(|t| (t, after(t)));
        floors
            .map(|(t, floor)| if known(t, floor) { floor } else { f64::NAN })
            .collect()
    };
    Floors {
        bounded_width: over_steps(&core.seen[0].floors, 0),
        wide: (1..=LARGEST_EXPONENT)
            .zip(&core.seen)
            .map(|(kappa, chain)| WideFloor {
                kappa,
                floor: over_steps(&chain.floors, kappa),
                shared_response: over_steps(&chain.shared_floors, kappa),
            })
            .collect(),
        error: core.floor_error,
    }
}

/// `Var g` less the energy of the degrees 1, ..., kappa that pass a test, for kappa = 1, 2, ....
fn kernel_floors(core: &Core, fitted: impl Fn(usize) -> bool) -> Vec<f64> {
    let degrees = KERNEL_DEGREES.max(core.energies.len().saturating_sub(1).min(20));
    let mut floor = core.variance;
    (1..=degrees)
        .map(|k| {
            let energy = core.energies.get(k).copied().unwrap_or(0.0);
            if fitted(k) {
                floor -= energy;
            }
            if floor < 1e-12 * core.variance {
                floor = 0.0;
            }
            floor
        })
        .collect()
}

fn activation_report(
    core: &Core,
    activation: &Activation,
    visible: &Visible,
    polynomial: bool,
) -> ActivationReport {
    let count = (core.energies.len() + 1).clamp(KERNEL_DEGREES + 1, 21);
    let coefficients = activation.coefficients(count);
    let vanishes = |k: usize| {
        coefficients
            .values
            .get(k)
            .is_some_and(|c| c.abs() <= coefficients.errors[k].max(1e-12))
    };
    let energy = |k: usize| core.energies.get(k).copied().unwrap_or(0.0);
    let present = |k: &u32| energy(*k as usize) > 1e-12 * core.variance;
    let degrees = || 1..count as u32;
    let listed = |degrees: Vec<u32>| -> String {
        let names: Vec<String> = degrees.iter().map(u32::to_string).collect();
        names.join(", ")
    };
    let among = if polynomial {
        ""
    } else {
        " (among those listed)"
    };
    let mut warnings = Vec::new();
    let blind: Vec<u32> = degrees()
        .filter(|&k| visible.later(k) == Sight::Blind)
        .collect();
    let unused: Vec<u32> = blind.iter().copied().filter(present).collect();
    if !unused.is_empty() {
        warnings.push(format!(
            "no step of this activation uses degree {} of the link{among}: E[sigma^(k)(sqrt(q) x)] = 0 for every q",
            listed(unused)
        ));
    }
    let late: Vec<u32> = degrees()
        .filter(|&k| visible.first(k) == Sight::Blind && visible.later(k) == Sight::Seen)
        .filter(present)
        .collect();
    if !late.is_empty() {
        let c: Vec<String> = late.iter().map(|k| format!("c_{k} = 0")).collect();
        warnings.push(format!(
            "{}: the first step does not use degree {} of the link, later steps with their longer neurons do",
            c.join(", "),
            listed(late)
        ));
    }
    let unseen: Vec<u32> = degrees()
        .filter(|&k| vanishes(k as usize))
        .filter(present)
        .collect();
    if !unseen.is_empty() {
        warnings.push(format!(
            "random features of this activation never fit degree {} of the link{among}",
            listed(unseen)
        ));
    }
    ActivationReport {
        activation: activation.source().to_owned(),
        vanishing: (0..count)
            .filter(|&k| vanishes(k))
            .map(|k| k as u32)
            .collect(),
        stopped_by: core.stopped_by.first().copied(),
        blind,
        warnings,
        kernel_floors: kernel_floors(core, |k| !vanishes(k)),
        never_fitted: (1..count).filter(|&k| vanishes(k)).map(energy).sum(),
        coefficients: coefficients.values,
        errors: coefficients.errors,
    }
}

fn verdicts(visible: &Visible, staircases: &Staircases, facts: &Facts) -> Vec<Verdict> {
    let core = &facts.core;
    let chains = [&core.seen[0]].into_iter().chain(&core.fresh);
    let chains = chains.chain(&core.seen[1..]).chain([&core.isotropic]);
    let nested: Vec<&[Vec<f64>]> = chains
        .flat_map(|c| c.subspaces.iter().map(Vec::as_slice))
        .collect();
    let step_of = |chain: &FloatChain, status: Status, v: &[f64]| {
        let step = chain.subspaces.iter().position(|space| contains(space, v));
        // A direction of which a part is learnt is neither learnt nor hard.
        let apart = squared_norm(&residual(v, chain.after(usize::MAX))) > 1.0 - 1e-8;
        Answer::found(step.map(|t| t + 1), apart && status != Status::Undecided)
    };
    let fresh = |k: usize, v: &[f64]| step_of(&core.seen[k], staircases.fresh[k].status, v);
    flag(&nested, core)
        .into_iter()
        .map(|v| {
            let reused = std::iter::zip(&facts.generative.seen, &staircases.reused);
            let mut reused = reused.map(|(chain, s)| (s.order, step_of(chain, s.status, &v)));
            let reused = reused.find(|(_, step)| *step != Answer::Never);
            let (first, last) = core.degrees_along(&v);
            let beyond = !facts.polynomial && core.reachable.len() < core.effective.len();
            let visible_part = 1.0 - squared_norm(&residual(&v, &core.reachable));
            Verdict {
                giant_steps: fresh(0, &v),
                generic_steps: step_of(&core.fresh[0], facts.status, &v),
                quadratic_steps: fresh(1, &v),
                cubic_steps: fresh(2, &v),
                one_step_exponent: one_step_exponent(&v, visible, facts),
                visible: beyond || visible_part > 1e-8,
                reused_order: match reused {
                    Some((order, Answer::At(_))) => Answer::At(order),
                    Some(_) => Answer::Unknown,
                    None => Answer::Never,
                },
                reused_step: reused.map_or(Answer::Never, |(_, step)| step),
                // Where it is open whether lower degrees are there, the lowest that is found is none.
                kernel_first: first.filter(|_| facts.status != Status::Undecided),
                kernel_last: last.filter(|_| facts.polynomial),
                direction: direction(&v),
            }
        })
        .collect()
}
