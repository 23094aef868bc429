//! What giant steps can and cannot learn about a link, without a simulation.
//!
//! [`analyze`] answers for any link: leaps, the staircase of learnt subspaces, what the reuse of a batch adds,
//! and the floors below which no test error falls. Polynomial links are decided in exact rational algebra,
//! other links by quadrature split at their kinks, with the error as part of the answer.
//!
//! The algebra rests on the heat transform `G(x) = E[g(x + z)]`; see [`Report`] for what comes out.

mod chain;
mod conditional;
mod convert;
mod core;
mod direction;
mod generative;
mod heat;
mod numeric;
mod polynomial;
mod quadrature;
mod report;
mod sampled;
mod scalar;
mod span;
mod symmetry;
mod tensors;
mod terms;
mod threshold;
mod verdict;

pub use direction::direction_name;
pub use report::{
    ActivationReport, Direction, Effective, Exponent, Floors, HardDirection, Leaps, Report, Series,
    Staircase, Staircases, Status, Tensor, TensorEntry, Verdict, WeakRecovery, WideFloor,
};

use num_rational::BigRational;

use self::core::{Core, LARGEST_EXPONENT, Moments, core};
use self::generative::{Confirmed, Labels, Reused, powers, reused};
use self::heat::heat_transform;
use self::numeric::{Approximate, Numeric};
use self::polynomial::{MOST_VARIABLES, Monomial, Polynomial};
use self::sampled::SplitMix;
use self::scalar::Scalar;
use self::span::Span;
use self::symmetry::SignedPermutation;
use self::tensors::tensors;
use self::terms::extend_basis;
use crate::activation::Activation;
use crate::expr::Link;

/// The relative size below which coefficients of a polynomial typed with rounded numbers count as zero.
const ROUNDING: f64 = 1e-9;

/// The tolerance of a signal over the error of one coefficient, of which it collects many.
const SAFETY: f64 = 5.0;

/// What to compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnalysisOptions {
    /// The number T of steps listed; by default the larger of 3 and r.
    pub steps: Option<usize>,
    /// The largest error estimate with which a zero is still certified, in units of the standard deviation.
    pub tolerance: f64,
    /// Whether to compute the parts that rest on samples: alpha_c, and the check of reused batches beyond what
    /// powers of the labels reveal.
    pub sampled: bool,
    /// The largest order of the Hermite tensors listed, up to [`LARGEST_TENSOR`]; 0 for none.
    pub tensors: u32,
}

/// The largest order to which Hermite tensors are listed.
pub const LARGEST_TENSOR: u32 = 24;

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            steps: None,
            tolerance: 1e-5,
            sampled: true,
            tensors: 0,
        }
    }
}

/// Why a link has no analysis.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnalysisError {
    /// Too many variables.
    #[error("the analysis handles at most {most} directions; this link has {r}")]
    TooManyDirections {
        /// The number of directions of the link.
        r: usize,
        /// The largest number.
        most: usize,
    },
    /// An integral of the link is not finite.
    #[error("an integral of the link against the Gaussian is not finite")]
    NotFinite,
}

/// Analyses a link for students of an activation.
///
/// Under 1 s for up to three directions, under 10 s for six; where a smooth function of three or more directions
/// does not separate into products, a few seconds. Polynomials are decided exactly; where constants
/// such as `sqrt(2)` or rounded decimals leave signals below 1e-9 of the standard deviation, those count as
/// zero and the status is `certified`.
///
/// ```
/// use giantstep::{activation::Activation, analysis::{AnalysisOptions, Status, analyze}, expr::Link};
/// let link = Link::parse("z1 + z2 + z1*z2", None)?;
/// let report = analyze(&link, &Activation::parse("relu(x)")?, AnalysisOptions::default())?;
/// assert_eq!(report.leap.one_step, Some(1));
/// assert_eq!(report.leap.isotropic, Some(2)); // the rest of the plane only through a square
/// assert_eq!(report.leap.coordinate, Some(1));
/// assert_eq!(report.staircase.fresh[0].directions[0], ["(z1 + z2)/sqrt 2"]);
/// assert_eq!(report.status, Status::Exact);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`AnalysisError`] if the link has more than eight directions or an infinite variance.
pub fn analyze(
    link: &Link,
    activation: &Activation,
    options: AnalysisOptions,
) -> Result<Report, AnalysisError> {
    let r = link.r();
    if r > MOST_VARIABLES {
        return Err(AnalysisError::TooManyDirections {
            r,
            most: MOST_VARIABLES,
        });
    }
    let facts = facts(link, &options);
    if !facts.core.variance.is_finite() {
        return Err(AnalysisError::NotFinite);
    }
    Ok(verdict::report(link, activation, &options, facts))
}

/// What the report is written from.
struct Facts {
    core: Core,
    status: Status,
    polynomial: bool,
    /// The chains of generative order 1 and 2.
    reused: [Reused; 2],
    /// The symmetries among sign flips and exchanges.
    symmetries: Vec<SignedPermutation>,
    /// Where the expansion was cut, unless it is whole.
    series: Option<Series>,
    tensors: Vec<Tensor>,
    notes: Vec<String>,
}

/// The facts of a link: exact algebra where the link is a rational polynomial, otherwise quadrature.
fn facts(link: &Link, options: &AnalysisOptions) -> Facts {
    if let Some(exact) = convert::polynomial::<BigRational>(link.expr()) {
        return polynomial_facts(link, &exact, options);
    }
    if let Some(rounded) = convert::polynomial::<f64>(link.expr()) {
        return rounded_facts(link, &rounded, options, Vec::new());
    }
    let (expr, r) = (link.expr(), link.r());
    let numeric = Numeric::new(expr, r);
    let second = numeric.second_moment();
    let degree = numeric.known(numeric::degree(r));
    let (heat, error) = numeric.heat(degree);
    let mean = heat.coefficient(Monomial::ONE);
    let variance = Approximate {
        value: second.value - mean * mean,
        error: second.error + 2.0 * mean.abs() * error,
    };
    let scale = variance.value.max(1e-300).sqrt();
    let tolerance = (SAFETY * error / scale).max(ROUNDING);
    let mut notes = Vec::new();
    let mut moments = Moments {
        variance: Some(variance),
        numeric: Some(&numeric),
        effective: (tolerance > options.tolerance).then(|| numeric.written()),
    };
    let mut core = core(&heat, r, tolerance, &moments);
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
        core = self::core::core(&heat, r, tolerance, &moments);
    }
    for order in core.hidden_orders() {
        notes.push(format!(
            "where the staircase at n ~ d^{order} stops, a signal of order up to {order} is left in Hermite degrees \
             beyond {degree}: further steps are open"
        ));
    }
    let beyond = (core.variance - core.energies[1..].iter().sum::<f64>()).max(0.0);
    let (tensors, left_out) = numeric_tensors(&numeric, &heat, degree, options.tensors, scale);
    notes.extend(left_out);
    let mut exponent = 0;
    let next = || {
        exponent += 1;
        if exponent == 1 {
            return Some((heat.clone(), scale));
        }
        let power = Numeric::power(expr, exponent, r)?;
        let (heat, error) = power.heat(numeric::degree(r).min(8));
        let energy: f64 = heat::energies(&heat)[1..].iter().sum();
        // A power whose integrals are too coarse to tell zeros proves nothing: it is left out.
        let sharp = energy > 1e-12 && SAFETY * error <= tolerance.max(1e-7) * energy.sqrt();
        Some((heat, if sharp { energy.sqrt() } else { 0.0 }))
    };
    let (reused, symmetries) = with_labels(link, &core, |labels| {
        reused(
            labels,
            &core.effective,
            tolerance.max(1e-7),
            next,
            options.sampled,
        )
    });
    let decided = tolerance <= options.tolerance
        && core.margin.kept > core.margin.tolerance
        && unseen.is_empty()
        && core.hidden_orders().is_empty();
    Facts {
        reused,
        symmetries,
        status: if decided {
            Status::Certified
        } else {
            Status::Undecided
        },
        polynomial: false,
        core,
        series: Some(Series { degree, beyond }),
        tensors,
        notes,
    }
}

/// The directions among those written into a link on which it depends beyond a subspace, found at points.
fn unseen(link: &Link, written: &[Vec<f64>], subspace: &[Vec<f64>], scale: f64) -> Vec<Vec<f64>> {
    const POINTS: usize = 32;
    let mut stream = SplitMix(0x51ed_270b);
    let mut depends = |direction: &[f64]| {
        (0..POINTS).any(|_| {
            let z: Vec<f64> = direction.iter().map(|_| stream.normal()).collect();
            let shift = stream.normal();
            let moved: Vec<f64> = z
                .iter()
                .zip(direction)
                .map(|(z, v)| z + shift * v)
                .collect();
            let (here, there) = (link.program().eval(&z), link.program().eval(&moved));
            (here - there).abs() > 1e-9 * (scale + here.abs())
        })
    };
    let within = <f64 as Span>::completed(subspace, &basis_of(subspace, written));
    within[subspace.len()..]
        .iter()
        .filter(|v| depends(v))
        .cloned()
        .collect()
}

/// An orthonormal basis of a subspace, extended by what other vectors add to it.
fn basis_of(subspace: &[Vec<f64>], vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut basis = subspace.to_vec();
    extend_basis(&mut basis, vectors);
    basis
}

/// The tensors of a link that is no polynomial, as far as they can be computed, and a note on the others.
fn numeric_tensors(
    numeric: &Numeric,
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

/// What comes of the labels of a link, and its symmetries.
fn with_labels<T>(
    link: &Link,
    core: &Core,
    then: impl FnOnce(&Labels<'_>) -> T,
) -> (T, Vec<SignedPermutation>) {
    let value = |z: &[f64]| link.program().eval(z);
    let symmetries = symmetry::symmetries(&value, link.r());
    let result = then(&Labels {
        value: &value,
        r: link.r(),
        effective: &core.effective,
        symmetries: &symmetries,
    });
    (result, symmetries)
}

/// Exact algebra, checked against floating point: signals below the rounding of typed decimals are not believed.
fn polynomial_facts(
    link: &Link,
    polynomial: &Polynomial<BigRational>,
    options: &AnalysisOptions,
) -> Facts {
    let r = link.r();
    // Whole coefficients need no common divisors on the way, unless they become too large to be printed.
    let denominator = polynomial.denominator().filter(|d| d.numer().bits() <= 200);
    let whole = denominator.as_ref().map(|d| polynomial.scaled(d));
    let heat = heat_transform(whole.as_ref().unwrap_or(polynomial), r, u32::MAX);
    let divisor = denominator.map_or(1.0, |d| d.to_float());
    let exact = core(&heat, r, 0.0, &Moments::NONE).divided(divisor);
    let rounded = core(&heat.to_float(), r, ROUNDING, &Moments::NONE);
    if shape(&exact) != shape(&rounded) {
        let note = format!(
            "signals below {ROUNDING:e} of the standard deviation count as rounding of the typed numbers; taken \
             literally they would open further directions"
        );
        return rounded_facts(link, &polynomial.to_float(), options, vec![note]);
    }
    let (reused, symmetries) = reused_by_powers(link, &polynomial.to_float(), &exact, options);
    Facts {
        series: None,
        tensors: tensors(&heat, options.tensors.min(LARGEST_TENSOR), 0.0, divisor),
        reused,
        symmetries,
        core: exact,
        status: Status::Exact,
        polynomial: true,
        notes: Vec::new(),
    }
}

/// A polynomial with irrational or rounded coefficients, in floating point.
fn rounded_facts(
    link: &Link,
    polynomial: &Polynomial<f64>,
    options: &AnalysisOptions,
    notes: Vec<String>,
) -> Facts {
    let r = link.r();
    let heat = heat_transform(polynomial, r, u32::MAX);
    let core = core(&heat, r, ROUNDING, &Moments::NONE);
    let level = ROUNDING * core.variance.sqrt();
    let (reused, symmetries) = reused_by_powers(link, polynomial, &core, options);
    Facts {
        series: None,
        tensors: tensors(&heat, options.tensors.min(LARGEST_TENSOR), level, 1.0),
        core,
        reused,
        symmetries,
        status: Status::Certified,
        polynomial: true,
        notes,
    }
}

/// The chains of label transformations of a polynomial: what a power reveals is told in floating point, that
/// nothing is missed follows from exact symmetries or else from samples.
fn reused_by_powers(
    link: &Link,
    polynomial: &Polynomial<f64>,
    core: &Core,
    options: &AnalysisOptions,
) -> ([Reused; 2], Vec<SignedPermutation>) {
    with_labels(link, core, |labels| {
        let powers = powers(polynomial, link.r());
        reused(labels, &core.effective, ROUNDING, powers, options.sampled)
    })
}

/// What must agree between two ways to decide.
fn shape(core: &Core) -> impl PartialEq + use<> {
    let dims = |chain: &self::core::FloatChain| -> Vec<usize> {
        chain.subspaces.iter().map(Vec::len).collect()
    };
    (
        core.effective.len(),
        core.one_step,
        core.coordinate,
        core.isotropic.orders.clone(),
        dims(&core.isotropic),
        core.fresh.iter().map(dims).collect::<Vec<_>>(),
    )
}
