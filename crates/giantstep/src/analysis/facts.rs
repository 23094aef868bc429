//! The facts of a link: exact algebra where it is a polynomial, otherwise quadrature.

use super::estimate::Approximate;
use super::seen::LARGEST_EXPONENT;

use num_rational::BigRational;

use super::budget::Work;
use super::core::{Core, FloatChain, Moments, core};
use super::generative::{Generative, generative, powers};
use super::heat::{energies, gradients, heat_transform};
use super::labels::Labels;
use super::levels::finite_values;
use super::numeric::{self, Numeric};
use super::polynomial::{Monomial, Polynomial};
use super::report::{Series, Status, Tensor};
use super::sampled::Probe;
use super::scalar::Scalar;
use super::span::{Span, axes};
use super::symmetry::{self, Kind, Symmetry};
use super::tensors::tensors;
use super::terms::extend_basis;
use super::visible::Visible;
use super::{AnalysisError, AnalysisOptions, LARGEST_TENSOR, convert, direction_name};
use crate::expr::{Drawn, Link};

/// The relative size below which coefficients count as rounding, unless they are exact.
pub(super) const ROUNDING: f64 = 1e-9;

/// The tolerance of a signal over the error of one coefficient, of which it collects many.
pub(super) const SAFETY: f64 = 5.0;

/// The largest tolerance with which a power of the labels still tells directions.
pub(super) const POWER_TOLERANCE: f64 = 5e-5;

/// The largest variance of a power of the labels that counts as constant.
pub(super) const CONSTANT_POWER: f64 = 1e-12;

/// The degree to which powers of labels that are no polynomial are expanded, the first aside.
pub(super) const POWER_DEGREE: u32 = 8;

/// The most products of terms spent on one power of a polynomial, in exact numbers and in rounded ones.
const MOST_PRODUCTS: [usize; 2] = [3_000, 1_000_000];

/// What the report is written from.
pub struct Facts {
    /// What follows from the Hermite expansion.
    pub core: Core,
    /// How far its zeros can be trusted.
    pub status: Status,
    /// The bound below which a signal counts as zero, in standard deviations.
    pub tolerance: f64,
    /// Whether the expansion is whole.
    pub polynomial: bool,
    /// What label transformations reveal.
    pub generative: Generative,
    /// The maps that leave the link unchanged.
    pub symmetries: Vec<Symmetry>,
    /// The maps that change its sign.
    pub antisymmetries: Vec<Symmetry>,
    /// Whether all integrals are sharp and all zeros clear: what is undecided all the same lies in what was not computed.
    pub sharp: bool,
    /// How far the zeros of the chains of the activation can be trusted, at batch exponents 1, 2, 3.
    pub seen_status: Vec<Status>,
    /// Where the expansion was cut, unless it is whole.
    pub series: Option<Series>,
    /// The Hermite tensors, where asked for.
    pub tensors: Vec<Tensor>,
    /// What else the reader should know.
    pub notes: Vec<String>,
}

/// The facts of a link.
///
/// # Errors
/// [`AnalysisError::NotFinite`]
pub fn facts(
    link: &Link,
    visible: &Visible,
    options: &AnalysisOptions,
    work: Work<'_>,
) -> Result<Facts, AnalysisError> {
    let facts = if let Some(exact) = convert::polynomial::<BigRational>(link.expr()) {
        polynomial_facts(link, &exact, visible, options)
    } else if let Some(rounded) = convert::polynomial::<f64>(link.expr()) {
        rounded_facts(link, &rounded, visible, options, Vec::new())
    } else {
        numeric_facts(link, visible, options, work)?
    };
    let finite = facts.core.variance.is_finite();
    finite.then_some(facts).ok_or(AnalysisError::NotFinite)
}

fn numeric_facts(
    link: &Link,
    visible: &Visible,
    options: &AnalysisOptions,
    work: Work<'_>,
) -> Result<Facts, AnalysisError> {
    let r = link.r();
    if let Some([value]) = finite_values(link.expr()).as_deref() {
        return Ok(constant_facts(link, *value, visible));
    }
    let numeric = Numeric::new(link.expr(), r, work);
    let (second, size) = numeric.second_moment();
    let degree = numeric.known(numeric::degree(r));
    let (heat, error) = numeric.heat(degree);
    let mean = heat.coefficient(Monomial::ONE);
    let coarse = error > 1e-6 * second.value.abs().sqrt();
    let mean_error = if coarse { numeric.mean().error } else { error };
    let error_of_square = 2.0 * mean.abs() * mean_error + mean_error * mean_error;
    let mut variance = Approximate {
        value: (second.value - mean * mean).max(0.0),
        error: second.error + error_of_square,
    };
    if !(variance.value + variance.error).is_finite() {
        // What was stopped may be finite.
        if !work.stopped() {
            return Err(AnalysisError::NotFinite);
        }
        variance = Approximate::UNKNOWN;
    }
    // Zero within rounding, of what it is made of or of labels of order one.
    let none = variance.value == 0.0 && variance.error <= 1e-12;
    let tiny = variance.value <= 10.0 * variance.error && variance.error <= 1e-12 * size;
    if none || tiny {
        return Ok(constant_facts(link, numeric.constant + mean, visible));
    }
    let scale = variance.value.max(1e-300).sqrt();
    let precision = (SAFETY * error / scale).max(ROUNDING);
    let mut notes = Vec::new();
    let mut moments = Moments {
        variance: Some(variance),
        numeric: Some(&numeric),
        effective: (precision > options.tolerance).then(|| numeric.written()),
    };
    let mut core = core(&heat, r, precision, &moments, visible);
    // Directions on which the link depends, although no degree of the series shows it.
    let unseen = unseen(link, &numeric.written(), &core.effective, scale);
    if !unseen.is_empty() {
        let names: Vec<String> = unseen.iter().map(|v| direction_name(v)).collect();
        notes.push(format!(
            "the link depends on {} only through Hermite degrees beyond {degree}, which are not computed: whether \
             a step reveals it is open",
            names.join(", ")
        ));
        moments.effective = Some([core.effective.as_slice(), &unseen].concat());
        core = super::core::core(&heat, r, precision, &moments, visible);
    }
    core.mean += numeric.constant;
    core.energies[0] = core.mean * core.mean;
    let beyond = (core.variance - core.energies[1..].iter().sum::<f64>()).max(0.0);
    let (tensors, left_out) = numeric_tensors(&numeric, &heat, degree, options.tensors, scale);
    notes.extend(left_out);
    let mut exponent = 0;
    let next = || {
        exponent += 1;
        let wanted = (exponent <= numeric.most_powers()).then_some(exponent)?;
        let power = numeric.power(wanted, core.mean, scale)?;
        let (transform, error) = power.heat(if exponent == 1 {
            degree
        } else {
            numeric::degree(r).min(POWER_DEGREE)
        });
        let energy: f64 = energies(&transform)[1..].iter().sum();
        let tolerance = (SAFETY * error / deviation(energy)).max(precision);
        // A power whose integrals are too coarse proves nothing: it is left out. The first is the link itself.
        let sharp = energy > CONSTANT_POWER && (exponent == 1 || tolerance <= POWER_TOLERANCE);
        Some(super::chain::Heat {
            transform,
            scale: match exponent {
                1 => 1.0,
                _ if sharp => energy.sqrt(),
                _ => 0.0,
            },
            tolerance: if exponent == 1 { precision } else { tolerance },
        })
    };
    let uses = uses(visible, &core);
    let (generative, symmetries) = with_labels(link, &core, None, |labels| {
        generative(labels, &core.effective, None, &uses, next, options.sampled)
    });
    let limit = options.tolerance * core.variance;
    let missing = |chains: &[FloatChain]| -> Vec<f64> {
        let chains = (1..).zip(chains);
        chains
            .map(|(k, chain)| core.missed(chain, k, &symmetries.even, r))
            .collect()
    };
    let (mut missed, seen_missed) = (missing(&core.fresh), missing(&core.seen));
    let most = LARGEST_EXPONENT as usize;
    missed.push(core.missed(&core.isotropic, most, &symmetries.even, r));
    for (k, energy) in (1..=core.fresh.len()).zip(&missed) {
        if *energy > limit {
            notes.push(format!(
                "at n ~ d^{k} Hermite degrees beyond {degree} may hold signals of order up to {k} that the staircase \
                 misses: further steps are open"
            ));
        }
    }
    let missed = missed.into_iter().fold(0.0, f64::max);
    if variance.error > limit {
        let relative = variance.error / variance.value;
        notes.push(format!(
            "the variance is known to a relative {relative:.0e} only"
        ));
    }
    let sharp = precision <= options.tolerance
        && variance.error <= limit
        && core.margin.is_clear()
        && unseen.is_empty();
    if !core.margin.is_clear() {
        notes.push(unclear(&core));
    }
    let certified = |yes: bool| match yes {
        true => Status::Certified,
        false => Status::Undecided,
    };
    let seen_status = seen_missed
        .iter()
        .map(|energy| certified(sharp && *energy <= limit));
    Ok(Facts {
        sharp,
        seen_status: seen_status.collect(),
        generative,
        symmetries: symmetries.even,
        antisymmetries: symmetries.odd,
        status: certified(sharp && missed <= limit),
        tolerance: core.margin.tolerance.max((missed / core.variance).sqrt()),
        polynomial: false,
        core,
        series: Some(Series { degree, beyond }),
        tensors,
        notes,
    })
}

/// The scale of the signals of a power of the labels: its standard deviation, or that of the labels, which is 1, where the
/// power is constant.
pub(super) fn deviation(energy: f64) -> f64 {
    match energy <= CONSTANT_POWER {
        true => 1.0,
        false => energy.sqrt(),
    }
}

/// A link whose variance is within rounding of zero: a constant, if it is one at points near and far too.
fn constant_facts(link: &Link, mean: f64, visible: &Visible) -> Facts {
    let zero = Polynomial::<f64>::zero();
    let mut core = core(&zero, link.r(), ROUNDING, &Moments::NONE, visible);
    (core.mean, core.energies) = (mean, vec![mean * mean]);
    let written = axes::<f64>(link.r());
    let varies = !unseen(link, &written, &[], mean.abs()).is_empty();
    let note = "the variance is within rounding of zero: too small to tell directions".to_owned();
    let (generative, symmetries) = with_labels(link, &core, None, |labels| {
        generative::<f64>(labels, &[], None, &|_, _| true, || None, false)
    });
    let status = match varies {
        true => Status::Undecided,
        false => Status::Certified,
    };
    Facts {
        core,
        status,
        sharp: !varies,
        seen_status: vec![status; LARGEST_EXPONENT as usize],
        tolerance: ROUNDING,
        polynomial: false,
        generative,
        symmetries: symmetries.even,
        antisymmetries: symmetries.odd,
        series: None,
        tensors: Vec::new(),
        notes: varies.then_some(note).into_iter().collect(),
    }
}

/// The directions among those written into a link on which it depends beyond a subspace, found at points near
/// and far.
fn unseen(link: &Link, written: &[Vec<f64>], subspace: &[Vec<f64>], scale: f64) -> Vec<Vec<f64>> {
    const POINTS: usize = 64;
    let mut stream = Probe::Dependence.stream();
    let mut depends = |direction: &[f64]| {
        (0..POINTS).any(|point| {
            let spread = [1.0, 1.0, 4.0, 16.0][point % 4];
            let z: Vec<f64> = direction.iter().map(|_| spread * stream.normal()).collect();
            let shift = spread * stream.normal();
            let moved: Vec<f64> = z
                .iter()
                .zip(direction)
                .map(|(z, v)| z + shift * v)
                .collect();
            let (here, there) = (link.program().eval(&z), link.program().eval(&moved));
            (here - there).abs() > 1e-9 * (scale + here.abs())
        })
    };
    let mut basis = subspace.to_vec();
    extend_basis(&mut basis, written);
    let within = <f64 as Span>::completed(subspace, &basis);
    within[subspace.len()..]
        .iter()
        .filter(|v| depends(v))
        .cloned()
        .collect()
}

/// The tensors of a link that is no polynomial, as far as they can be computed, and a note on the others.
fn numeric_tensors(
    numeric: &Numeric<'_>,
    heat: &Polynomial<f64>,
    degree: u32,
    wanted: u32,
    scale: f64,
) -> (Vec<Tensor>, Option<String>) {
    let wanted = wanted.min(LARGEST_TENSOR);
    let known = numeric.known(wanted);
    let note = (known < wanted)
        .then(|| format!("Hermite tensors beyond order {known} are not computed for this link"));
    let (longer, error) = numeric.heat(known);
    let heat = if known > degree { &longer } else { heat };
    let level = (SAFETY * error).max(ROUNDING * scale);
    (tensors(heat, known, level, 1.0), note)
}

/// The maps that leave a link unchanged, and those that change its sign.
struct Symmetries {
    even: Vec<Symmetry>,
    odd: Vec<Symmetry>,
}

/// What comes of the labels of a link, and its symmetries: in rational arithmetic where the polynomial is given.
fn with_labels(
    link: &Link,
    core: &Core,
    exact: Option<&Polynomial<BigRational>>,
    then: impl FnOnce(&Labels<'_>) -> Generative,
) -> (Generative, Symmetries) {
    let scale = core.variance.max(1e-300).sqrt();
    let value = |z: &[f64]| (link.program().eval(z) - core.mean) / scale;
    let basis = adapted_basis(core);
    let of_kind = |kind| {
        let found = symmetry::symmetries(&value, link.r(), &basis, kind);
        match exact {
            Some(polynomial) => symmetry::exactly(found, polynomial, kind),
            None => found,
        }
    };
    let symmetries = Symmetries {
        even: of_kind(Kind::Even),
        // The labels change their sign, not the labels less their mean.
        odd: match core.mean.abs() <= 1e-12 * scale {
            true => of_kind(Kind::Odd),
            false => Vec::new(),
        },
    };
    let generative = then(&Labels {
        value: &value,
        r: link.r(),
        drawn: Drawn::default(),
        effective: &core.effective,
        symmetries: &symmetries.even,
        values: finite_values(link.expr()),
        expr: Some(link.expr()),
    });
    (generative, symmetries)
}

/// Whether an activation can use a degree of a power of the labels less their mean. Odd activations tell even powers
/// from odd ones, which the mean mixes.
pub(super) fn uses<'a>(visible: &'a Visible, core: &Core) -> impl Fn(usize, u32) -> bool + use<'a> {
    let centred = core.mean.abs() <= 1e-12 * core.variance.sqrt();
    move |power, degree| {
        let mixed = power > 1 && !centred && visible.slope_parity() == Some(1);
        !mixed && visible.reuses(power, degree)
    }
}

/// Why the zeros of an analysis do not stand apart.
fn unclear(core: &Core) -> String {
    format!(
        "the least signal that counts is {:.1e} standard deviations, hardly above the {:.0e} below which signals count as \
         zero: what is zero is open",
        core.margin.kept, core.margin.tolerance
    )
}

/// The directions of the link, those first that its own chain tells apart: a staircase or a symmetry that a
/// rotation hides shows in these coordinates.
pub(super) fn adapted_basis(core: &Core) -> Vec<Vec<f64>> {
    <f64 as Span>::completed(core.isotropic.after(usize::MAX), &core.effective)
}

/// Exact algebra; where numbers are typed with many decimals, checked against floating point: signals below
/// their rounding are not believed.
fn polynomial_facts(
    link: &Link,
    polynomial: &Polynomial<BigRational>,
    visible: &Visible,
    options: &AnalysisOptions,
) -> Facts {
    let r = link.r();
    // Whole coefficients need no common divisors on the way, unless they become too large to be printed.
    let denominator = polynomial.denominator().filter(|d| d.numer().bits() <= 200);
    let whole = denominator.as_ref().map(|d| polynomial.scaled(d));
    let heat = heat_transform(whole.as_ref().unwrap_or(polynomial), r, u32::MAX);
    if polynomial.len() > MOST_EXACT_TERMS {
        let directions = BigRational::extension(&[], &gradients(&heat, r), 0.0)
            .basis
            .len();
        if directions > FEW_DIRECTIONS {
            let note = format!(
                "{} monomials in {directions} directions are too many for exact algebra within seconds: decided in \
                 floating point",
                polynomial.len()
            );
            return rounded_facts(link, &polynomial.to_float(), visible, options, vec![note]);
        }
    }
    let divisor = denominator.map_or(1.0, |d| d.to_float());
    let exact = core(&heat, r, 0.0, &Moments::NONE, visible).divided(divisor);
    let rounded = || core(&heat.to_float(), r, ROUNDING, &Moments::NONE, visible);
    if convert::has_rounded_numbers(link.expr()) && shape(&exact) != shape(&rounded()) {
        let note = format!(
            "signals below {ROUNDING:e} of the standard deviation count as rounding of the typed numbers; taken \
             literally they would open further directions"
        );
        return rounded_facts(link, &polynomial.to_float(), visible, options, vec![note]);
    }
    let (generative, symmetries) = with_labels(link, &exact, Some(polynomial), |labels| {
        // A few terms stay exact; in rounded numbers the powers of many are found in good coordinates.
        if polynomial.len().pow(2) <= MOST_PRODUCTS[0] {
            let directions = BigRational::extension(&[], &gradients(&heat, r), 0.0).basis;
            let powers = powers(polynomial, r, 0.0, MOST_PRODUCTS[0]);
            // The powers of a polynomial keep their mean.
            let uses = |power, degree| visible.reuses(power, degree);
            let found = generative(labels, &directions, None, &uses, powers, false);
            if (1..)
                .zip(&found.chains)
                .all(|(k, c)| labels.proved(&c.chain, k))
            {
                return Generative {
                    exact: true,
                    ..found
                };
            }
        }
        rounded_powers(labels, &polynomial.to_float(), &exact, visible, options)
    });
    Facts {
        series: None,
        tensors: tensors(&heat, options.tensors.min(LARGEST_TENSOR), 0.0, divisor),
        generative,
        symmetries: symmetries.even,
        antisymmetries: symmetries.odd,
        core: exact,
        status: Status::Exact,
        sharp: true,
        seen_status: vec![Status::Exact; LARGEST_EXPONENT as usize],
        tolerance: 0.0,
        polynomial: true,
        notes: Vec::new(),
    }
}

/// Polynomials of more monomials, in more than [`FEW_DIRECTIONS`], are decided in floating point: exact algebra in
/// rotated coordinates would take a minute.
const MOST_EXACT_TERMS: usize = 50_000;
const FEW_DIRECTIONS: usize = 3;

/// A polynomial with irrational or rounded coefficients, in floating point.
fn rounded_facts(
    link: &Link,
    polynomial: &Polynomial<f64>,
    visible: &Visible,
    options: &AnalysisOptions,
    mut notes: Vec<String>,
) -> Facts {
    let r = link.r();
    let heat = heat_transform(polynomial, r, u32::MAX);
    let core = core(&heat, r, ROUNDING, &Moments::NONE, visible);
    let level = ROUNDING * core.variance.sqrt();
    let (generative, symmetries) = with_labels(link, &core, None, |labels| {
        rounded_powers(labels, polynomial, &core, visible, options)
    });
    let status = match core.margin.is_clear() {
        true => Status::Certified,
        false => Status::Undecided,
    };
    if status == Status::Undecided {
        notes.push(unclear(&core));
    }
    Facts {
        series: None,
        tensors: tensors(&heat, options.tensors.min(LARGEST_TENSOR), level, 1.0),
        tolerance: core.margin.tolerance,
        core,
        generative,
        symmetries: symmetries.even,
        antisymmetries: symmetries.odd,
        status,
        sharp: status == Status::Certified,
        seen_status: vec![status; LARGEST_EXPONENT as usize],
        polynomial: true,
        notes,
    }
}

/// The chains of label transformations of a polynomial in floating point: less its mean, over its standard
/// deviation, in the coordinates in which its terms are few.
fn rounded_powers(
    labels: &Labels<'_>,
    polynomial: &Polynomial<f64>,
    core: &Core,
    visible: &Visible,
    options: &AnalysisOptions,
) -> Generative {
    let basis = adapted_basis(core);
    let forms: Vec<Polynomial<f64>> = (0..labels.r)
        .map(|i| Polynomial::linear(&basis.iter().map(|b| b[i]).collect::<Vec<_>>()))
        .collect();
    let centred = polynomial.plus(&Polynomial::constant(-core.mean));
    let scale = core.variance.max(1e-300).sqrt();
    let own = centred.substituted(&forms).scaled(&scale.recip());
    let largest = own.terms().map(|(_, c)| c.abs()).fold(0.0, f64::max);
    let own = own.without_terms_below(1e-14 * largest);
    let powers = powers(&own, basis.len(), ROUNDING, MOST_PRODUCTS[1]);
    generative(
        labels,
        &axes(basis.len()),
        Some(&basis),
        &uses(visible, core),
        powers,
        options.sampled,
    )
}

/// What must agree between two ways to decide.
fn shape(core: &Core) -> impl PartialEq + use<> {
    let dims =
        |chain: &FloatChain| -> Vec<usize> { chain.subspaces.iter().map(Vec::len).collect() };
    (
        core.effective.len(),
        core.one_step,
        core.coordinate,
        core.isotropic.orders.clone(),
        dims(&core.isotropic),
        core.fresh.iter().map(dims).collect::<Vec<_>>(),
    )
}
