//! From the facts of a link to its report.

use super::budget::Clock;
use super::core::{Core, FloatChain};
use super::generative::Reused;
use super::labels::Confirmed;
use super::report::*;
use super::span::{Span, axes, residual, squared_norm};
use super::terms::extend_basis;
use super::threshold::{SecondOrder, weak_recovery};
use super::{AnalysisOptions, Facts, LARGEST_EXPONENT, direction_name};
use crate::activation::Activation;
use crate::expr::Link;

/// Degrees of the kernel floors.
const KERNEL_DEGREES: usize = 6;

/// The report of a link.
pub fn report(
    link: &Link,
    activation: &Activation,
    options: &AnalysisOptions,
    facts: Facts,
    clock: Clock<'_>,
) -> Report {
    let core = &facts.core;
    let r = link.r();
    let steps = options.steps.unwrap_or(r.max(3));
    let fresh: Vec<Staircase> = (1..)
        .zip(&core.fresh)
        .map(|(k, chain)| staircase(chain, k, k, steps, facts.status, facts.tolerance))
        .collect();
    let reused: Vec<Staircase> = (1..)
        .zip(&facts.generative.chains)
        .map(|(order, found)| reused_staircase(found, order, steps, &facts))
        .collect();
    let no_trivial_direction = facts.generative.chains[0].chain.subspaces.is_empty()
        && reused[0].status != Status::Undecided
        && !core.effective.is_empty();
    let second = &facts.generative.chains[1];
    let second_order =
        if second.chain.subspaces.is_empty() && matches!(second.confirmed, Confirmed::Proved) {
            SecondOrder::Vanishes
        } else {
            SecondOrder::Open
        };
    let wanted = no_trivial_direction && options.sampled && !clock.spent();
    let weak_recovery = wanted
        .then(|| weak_recovery(link, &core.effective, &facts.symmetries, second_order))
        .flatten()
        .map(|threshold| WeakRecovery {
            alpha_c: threshold.value.is_finite().then_some(threshold.value),
            error: threshold.error,
        });
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
        leap: leaps(core),
        hard_directions: hard_directions(core),
        generative_exponent: generative_exponent(&facts),
        weak_recovery,
        floors: floors(core, steps),
        kernel_floors: kernel_floors(core, |_| true),
        activation: activation_report(core, activation, facts.polynomial),
        verdicts: verdicts(core, &facts),
        staircase: Staircases { fresh, reused },
        status: facts.status,
        tolerance: facts.tolerance,
        notes: facts.notes,
    }
}

fn direction(vector: &[f64]) -> Direction {
    Direction {
        name: direction_name(vector),
        vector: vector.to_vec(),
    }
}

fn directions(basis: &[Vec<f64>]) -> Vec<Direction> {
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

/// The staircase of a generative order, with what confirms that it misses nothing.
fn reused_staircase(found: &Reused, order: u32, steps: usize, facts: &Facts) -> Staircase {
    let (mut status, tolerance) = trust(found.confirmed, facts);
    // Fresh batches are batches: what they reveal at the same order is revealed here.
    let fresh = facts.core.fresh[order as usize - 1].after(usize::MAX);
    let here = found.chain.after(usize::MAX);
    if !fresh.iter().all(|v| contains(here, v)) {
        status = Status::Undecided;
    }
    staircase(&found.chain, 1, order, steps, status, tolerance)
}

/// How far a decision about label transformations can be trusted, and the bound below which a signal counts as
/// zero.
fn trust(confirmed: Confirmed, facts: &Facts) -> (Status, f64) {
    let own = facts.tolerance;
    match confirmed {
        Confirmed::Proved => (facts.status, own),
        Confirmed::Sampled { tolerance } => {
            let status = facts.status.less_certain(Status::Certified);
            (status, tolerance.sqrt().max(own))
        }
        Confirmed::Unchecked => (Status::Undecided, own),
        Confirmed::Open { energy } => (Status::Undecided, energy.sqrt()),
    }
}

impl Status {
    /// The less certain of two.
    fn less_certain(self, other: Self) -> Self {
        match (self, other) {
            (Self::Undecided, _) | (_, Self::Undecided) => Self::Undecided,
            (Self::Certified, _) | (_, Self::Certified) => Self::Certified,
            _ => Self::Exact,
        }
    }
}

fn leaps(core: &Core) -> Leaps {
    let reached = core.isotropic.after(usize::MAX).len() == core.effective.len();
    let isotropic = core
        .isotropic
        .orders
        .iter()
        .max()
        .copied()
        .filter(|_| reached);
    let mut reasons = Vec::new();
    if let (Some(one_step), Some(isotropic)) = (core.one_step, isotropic)
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
    if let (Some(coordinate), Some(isotropic)) = (core.coordinate, isotropic)
        && coordinate != isotropic
    {
        reasons.push(format!(
            "the coordinates z1, ..., zr have leap {coordinate}, which a rotation changes: gradient steps do not know them"
        ));
    }
    Leaps {
        one_step: core.one_step,
        isotropic,
        coordinate: core.coordinate,
        explanation: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

/// Whether a unit vector lies in the span of an orthonormal basis.
fn contains(basis: &[Vec<f64>], vector: &[f64]) -> bool {
    squared_norm(&residual(vector, basis)) < 1e-8
}

/// The smallest order whose Hermite tensors, with the lower ones, contain the direction among their columns.
fn one_step_exponent(core: &Core, vector: &[f64]) -> Option<u32> {
    core.one_step_reach
        .iter()
        .position(|space| contains(space, vector))
        .map(|k| k as u32 + 1)
}

fn hard_directions(core: &Core) -> Vec<HardDirection> {
    let learnt = core.fresh[0].after(usize::MAX);
    flag(&[learnt], core)
        .into_iter()
        .skip(learnt.len())
        .map(|v| HardDirection {
            batch_exponent: one_step_exponent(core, &v),
            direction: direction(&v),
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
    let (value, confirmed) = facts.generative.exponent?;
    let (status, tolerance) = trust(confirmed, facts);
    Some(Exponent {
        value,
        status,
        tolerance,
    })
}

fn floors(core: &Core, steps: usize) -> Floors {
    let over_steps = |floors: &[Vec<f64>], kappa: u32| -> Vec<f64> {
        (0..=steps)
            .map(|t| FloatChain::floor(floors, t, kappa as usize))
            .collect()
    };
    Floors {
        bounded_width: over_steps(&core.fresh[0].floors, 0),
        wide: (1..=LARGEST_EXPONENT)
            .zip(&core.fresh)
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

fn activation_report(core: &Core, activation: &Activation, polynomial: bool) -> ActivationReport {
    let count = (core.energies.len() + 1).clamp(KERNEL_DEGREES + 1, 21);
    let coefficients = activation.coefficients(count);
    let vanishes = |k: usize| {
        coefficients
            .values
            .get(k)
            .is_some_and(|c| c.abs() <= coefficients.errors[k].max(1e-12))
    };
    let energy = |k: usize| core.energies.get(k).copied().unwrap_or(0.0);
    let mut warnings = Vec::new();
    if let Some(order) = core.one_step
        && vanishes(order as usize)
    {
        warnings.push(format!(
            "c_{order} = 0: the leading order of the link is invisible to the first giant step of this activation"
        ));
    }
    let later: std::collections::BTreeSet<u32> = core
        .fresh
        .iter()
        .flat_map(|c| c.orders.iter().skip(1).copied())
        .filter(|&o| Some(o) != core.one_step && vanishes(o as usize))
        .collect();
    for order in later {
        warnings.push(format!(
            "c_{order} = 0: later steps of order {order} rely on higher coefficients of this activation"
        ));
    }
    let unseen: Vec<String> = (1..count)
        .filter(|&k| vanishes(k) && energy(k) > 1e-12 * core.variance)
        .map(|k| k.to_string())
        .collect();
    if !unseen.is_empty() {
        warnings.push(format!(
            "random features of this activation never fit degree {} of the link{}",
            unseen.join(", "),
            if polynomial {
                ""
            } else {
                " (among those listed)"
            }
        ));
    }
    ActivationReport {
        activation: activation.source().to_owned(),
        vanishing: (0..count)
            .filter(|&k| vanishes(k))
            .map(|k| k as u32)
            .collect(),
        warnings,
        kernel_floors: kernel_floors(core, |k| !vanishes(k)),
        never_fitted: (1..count).filter(|&k| vanishes(k)).map(energy).sum(),
        coefficients: coefficients.values,
        errors: coefficients.errors,
    }
}

fn verdicts(core: &Core, facts: &Facts) -> Vec<Verdict> {
    let chains = core
        .fresh
        .iter()
        .chain([&core.isotropic])
        .flat_map(|c| c.subspaces.iter().map(Vec::as_slice));
    let nested: Vec<&[Vec<f64>]> = chains.collect();
    let step_of = |chain: &FloatChain, v: &[f64]| {
        chain
            .subspaces
            .iter()
            .position(|space| contains(space, v))
            .map(|t| t + 1)
    };
    flag(&nested, core)
        .into_iter()
        .map(|v| {
            let reused = (1u32..)
                .zip(&facts.generative.chains)
                .find_map(|(order, found)| step_of(&found.chain, &v).map(|step| (order, step)));
            let (first, last) = core.degrees_along(&v);
            Verdict {
                giant_steps: step_of(&core.fresh[0], &v),
                one_step_quadratic: contains(core.fresh[1].after(1), &v),
                quadratic_steps: step_of(&core.fresh[1], &v),
                one_step_exponent: one_step_exponent(core, &v),
                reused_order: reused.map(|(order, _)| order),
                reused_step: reused.map(|(_, step)| step),
                kernel_first: first,
                kernel_last: last.filter(|_| facts.polynomial),
                direction: direction(&v),
            }
        })
        .collect()
}
