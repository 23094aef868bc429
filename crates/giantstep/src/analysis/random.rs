//! Links that draw random numbers: their mean given z decides what fresh batches reveal, the joint law of z and the label
//! what transformations of the labels do.

use num_rational::BigRational;

use super::budget::Work;
use super::chain::Heat;
use super::convert;
use super::core::{Core, FloatChain};
use super::facts::{
    CONSTANT_POWER, Facts, POWER_DEGREE, POWER_TOLERANCE, ROUNDING, SAFETY, adapted_basis,
    deviation, uses,
};
use super::generative::{Generative, Reused, generative};
use super::heat::{energies, heat_transform};
use super::labels::{Confirmed, Labels, draws};
use super::leap::Leap;
use super::levels::finite_values;
use super::numeric::{Numeric, degree};
use super::polynomial::Monomial;
use super::sampled::Probe;
use super::span::{Span, axes};
use super::symmetry::{self, Kind, Symmetry};
use super::visible::Visible;
use super::{AnalysisOptions, direction_name};
use crate::expr::{Expr, Link};

/// The facts of a link, given those of its mean `E[g | z]`.
///
/// Chains of label transformations come from `E[y^m | z]`, m up to the first without a closed form; symmetries are those
/// that keep the label for every value of the random numbers.
pub fn facts(
    mut facts: Facts,
    link: &Link,
    mean: &Link,
    visible: &Visible,
    options: &AnalysisOptions,
    work: Work<'_>,
) -> Facts {
    let core = &facts.core;
    let spread = scatter(link, mean, core, work);
    let scale = match spread {
        Some(spread) => (core.variance + spread).sqrt(),
        None => core.variance.sqrt(),
    };
    let scale = if scale > 0.0 && scale.is_finite() {
        scale
    } else {
        1.0
    };
    let centre = match core.mean.abs() <= 1e-12 * scale {
        true => 0.0,
        false => core.mean,
    };
    let value = |at: &[f64]| (link.program().eval(at) - core.mean) / scale;
    let (even, odd) = symmetries(&value, link, core, centre == 0.0);
    let mut exponent = 0;
    let next = || {
        exponent += 1;
        (exponent <= super::generative::LARGEST_POWER as u32 && !work.spent()).then_some(())?;
        let power = link.mean_power(centre, scale, exponent)?;
        Some(heat_of(&power, link.r(), work))
    };
    let labels = Labels {
        value: &value,
        r: link.r(),
        drawn: link.drawn(),
        effective: &core.effective,
        symmetries: &even,
        values: finite_values(link.expr()),
        expr: None,
    };
    let uses = uses(visible, core);
    let effective = core.effective.clone();
    let mut found = generative(&labels, &effective, None, &uses, next, options.sampled);
    let mut notes = vec![format!(
        "the link draws random numbers: leaps, staircases and floors are those of its mean E[g | z] = {}{}",
        mean.expr(),
        match spread {
            Some(spread) => format!(", around which labels scatter with variance {spread:.6}"),
            None => String::new(),
        }
    )];
    let beyond = beyond(&value, link, core);
    if !beyond.is_empty() {
        let names: Vec<String> = beyond.iter().map(|v| direction_name(v)).collect();
        notes.push(format!(
            "the scatter of the labels depends on {}, their mean does not: what reused batches learn there is open",
            names.join(", ")
        ));
        found = unchecked(found);
    }
    facts.generative = found;
    facts.symmetries = even;
    facts.antisymmetries = odd;
    facts.notes.extend(notes);
    facts
}

/// `E Var(g | z)`, where the square has an average; zero to rounding is zero.
fn scatter(link: &Link, mean: &Link, core: &Core, work: Work<'_>) -> Option<f64> {
    let square = link.mean_power(0.0, 1.0, 2)?;
    let second = match convert::polynomial::<f64>(&square) {
        Some(polynomial) => {
            let heat = heat_transform(&polynomial, link.r(), 0);
            heat.coefficient(Monomial::ONE)
        }
        None => {
            let numeric = Numeric::new(&square, link.r(), work);
            numeric.constant + numeric.mean().value
        }
    };
    // The mean of a constant mean is exact; of others it was integrated.
    let own = match convert::polynomial::<BigRational>(mean.expr()) {
        Some(polynomial) if polynomial.degree() == 0 => core.mean * core.mean,
        _ => core.variance + core.mean * core.mean,
    };
    let spread = second - own;
    spread.is_finite().then_some(spread.max(0.0))
}

/// The transform of `E[y^m | z]`.
fn heat_of(power: &Expr, r: usize, work: Work<'_>) -> Heat<f64> {
    let known = degree(r);
    let (transform, error) = match convert::polynomial::<f64>(power) {
        Some(polynomial) => {
            let transform = heat_transform(&polynomial, r, known.max(4));
            let size: f64 = energies(&transform).iter().sum();
            (transform, 1e-15 * size.sqrt())
        }
        None => Numeric::new(power, r, work).heat(known.min(POWER_DEGREE)),
    };
    let energy: f64 = energies(&transform).iter().skip(1).sum();
    let tolerance = (SAFETY * error / deviation(energy)).max(ROUNDING);
    // A power whose integrals are too coarse proves nothing.
    let sharp = energy > CONSTANT_POWER && tolerance <= POWER_TOLERANCE;
    Heat {
        transform,
        scale: if sharp { energy.sqrt() } else { 0.0 },
        tolerance,
    }
}

/// The maps of z that keep the label, or change its sign, for each of several draws of the random numbers.
fn symmetries(
    value: &dyn Fn(&[f64]) -> f64,
    link: &Link,
    core: &Core,
    centred: bool,
) -> (Vec<Symmetry>, Vec<Symmetry>) {
    const DRAWS: usize = 6;
    let mut generator = Probe::Inside.stream();
    let drawn: Vec<(f64, Vec<f64>)> = (0..DRAWS)
        .map(|_| {
            (
                0.5 + generator.uniform(),
                draws(link.drawn(), &mut generator),
            )
        })
        .collect();
    // One number that tells all of the labels apart.
    let all = |z: &[f64]| {
        let each = drawn
            .iter()
            .map(|(weight, draws)| weight * value(&[z, draws].concat()));
        each.sum::<f64>()
    };
    let basis = adapted_basis(core);
    let of = |kind| symmetry::symmetries(&all, link.r(), &basis, kind);
    let odd = if centred { of(Kind::Odd) } else { Vec::new() };
    (of(Kind::Even), odd)
}

/// The directions on which the label depends although its mean does not.
fn beyond(value: &dyn Fn(&[f64]) -> f64, link: &Link, core: &Core) -> Vec<Vec<f64>> {
    const POINTS: usize = 64;
    let mut generator = Probe::Dependence.stream();
    let mut depends = |direction: &[f64]| {
        (0..POINTS).any(|_| {
            let z: Vec<f64> = direction.iter().map(|_| generator.normal()).collect();
            let shift = generator.normal();
            let moved: Vec<f64> = z
                .iter()
                .zip(direction)
                .map(|(z, v)| z + shift * v)
                .collect();
            let draws = draws(link.drawn(), &mut generator);
            let at = |z: &[f64]| value(&[z, &draws].concat());
            (at(&z) - at(&moved)).abs() > 1e-9 * (1.0 + at(&z).abs())
        })
    };
    let whole = <f64 as Span>::completed(&core.effective, &axes(link.r()));
    let across = whole[core.effective.len()..].iter();
    across.filter(|v| depends(v)).cloned().collect()
}

/// What was found is found; no more is claimed.
fn unchecked(found: Generative) -> Generative {
    let chains = found.chains.map(|reused: Reused| Reused {
        confirmed: Confirmed::Unchecked,
        ..reused
    });
    let seen: [FloatChain; 2] = found.seen;
    Generative {
        chains,
        seen,
        exact: false,
        leap: Leap::default(),
    }
}
