//! What giant steps can and cannot learn about a link, without a simulation.
//!
//! [`analyze`] answers for any link: leaps, the staircase of learnt subspaces, what the reuse of a batch adds,
//! and the floors below which no test error falls. Polynomial links are decided in exact rational algebra,
//! other links by quadrature split at their kinks, with the error as part of the answer.
//!
//! The algebra rests on the heat transform `G(x) = E[g(x + z)]`; see [`Report`] for what comes out.

mod adaptive;
mod answer;
mod boolean;
mod budget;
mod chain;
mod conditional;
mod consistency;
mod convert;
mod core;
mod direction;
mod estimate;
mod facts;
mod generative;
mod glossary;
mod heat;
mod kinks;
mod labels;
mod leap;
mod levels;
mod nested;
mod numeric;
mod overlooked;
mod polynomial;
mod quadrature;
mod random;
mod report;
mod rules;
mod sampled;
mod scalar;
mod seen;
mod span;
mod spectral;
mod symmetry;
mod tensors;
mod terms;
mod threshold;
mod verdict;
mod visible;

pub use boolean::{
    BooleanError, BooleanReport, BooleanStep, Coefficient, MOST_COORDINATES, analyze_boolean,
};
pub use budget::Budget;
pub use direction::direction_name;
pub use glossary::GLOSSARY;
pub use report::{
    ActivationReport, Answer, Direction, Effective, Exponent, Floors, GenerativeLeap,
    GenerativeStep, GenericStaircases, Ground, HardDirection, Leaps, Report, Series, Staircase,
    Staircases, Status, Tensor, TensorEntry, Verdict, WeakRecovery, WideFloor,
};
pub(crate) use spectral::bounded;

use self::facts::{Facts, facts};
use self::polynomial::MOST_VARIABLES;
use self::seen::LARGEST_EXPONENT;
use std::sync::atomic::AtomicU64;

use self::budget::Work;
use self::visible::Visible;
use crate::activation::Activation;
use crate::expr::Link;

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
    /// The work it may take: what is not known by then is unknown.
    pub budget: Budget,
}

/// The largest order to which Hermite tensors are listed.
pub const LARGEST_TENSOR: u32 = 24;

impl AnalysisOptions {
    /// The defaults with ten times the work.
    pub fn patient() -> Self {
        Self {
            budget: Budget::times(10.0),
            ..Self::default()
        }
    }
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            steps: None,
            tolerance: 1e-5,
            sampled: true,
            tensors: 0,
            budget: Budget::default(),
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
    /// The mean of the link over what it draws has no closed form.
    #[error(
        "the average of the link over the random numbers that it draws has no closed form here, so whether it has leaps is \
         unknown: closed forms cover polynomials in e and u, and signs, steps, relu, abs, erf, exp, sin and cos of z plus a \
         multiple of e"
    )]
    NoMean,
    /// The activation is given as code.
    #[error(
        "the activation is given as code, of which no zero can be proved: write it as an expression"
    )]
    Callable,
    /// An integral of the link is not finite, or too heavy at a pole or far out to be told from one that is not.
    #[error(
        "the variance of the link under the Gaussian is infinite, or so heavy at a pole or far out that it cannot be told from it: \
         bound what grows"
    )]
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
    analyze_until(link, activation, options, &|| false)
}

/// A variance that is known to less than this part of it is not known.
const LOOSE: f64 = 0.1;
/// Unless it is known to be less than this part of the mean square.
const NEARLY_CONSTANT: f64 = 1e-6;

/// As [`analyze`], until its budget is spent or `stop` says so: what is not known by then is unknown.
///
/// Works on the threads of the current pool of rayon. `stop` is asked often, every few microseconds, from any of them. An
/// analysis that is not stopped has the same report however long it took and however many threads there were.
///
/// # Errors
/// As [`analyze`].
pub fn analyze_until(
    link: &Link,
    activation: &Activation,
    options: AnalysisOptions,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Report, AnalysisError> {
    let done = AtomicU64::new(0);
    let work = Work::start(&options.budget, &done, stop);
    let link = &link.simplified();
    let r = link.r();
    if r > MOST_VARIABLES {
        return Err(AnalysisError::TooManyDirections {
            r,
            most: MOST_VARIABLES,
        });
    }
    let visible = Visible::of(activation.expr().ok_or(AnalysisError::Callable)?);
    let mean = link.mean().ok_or(AnalysisError::NoMean)?;
    let mut facts = facts(&mean, &visible, &options, work)?;
    if link.is_random() {
        facts = random::facts(facts, link, &mean, &visible, &options, work);
    }
    if facts.core.energies.first().is_some_and(|e| e.is_infinite()) {
        facts.core.energies[0] = f64::MAX;
        let note = "the square of the mean is beyond the largest number, which stands for the energy of degree 0";
        facts.notes.push(note.to_owned());
    }
    let (variance, power) = (facts.core.variance, facts.core.mean.powi(2));
    let room = LOOSE * variance + NEARLY_CONSTANT * (variance + power);
    let known = facts.core.variance_error <= room;
    let mut report = verdict::report(link, activation, &visible, &options, facts, work);
    // What was not even sampled has no bound: as if every signal were below the whole.
    if !(report.tolerance < 1.0) {
        report.tolerance = 1.0;
        report.series = None;
    }
    if work.stopped() {
        let note = "stopped before its work was done: what is open depends on when";
        report.notes.push(note.to_owned());
    } else if work.spent() {
        let note = "all the work that it may take is done: more might decide what is open";
        report.notes.push(note.to_owned());
    }
    if !known {
        consistency::forget_variance(&mut report);
    }
    Ok(consistency::checked(report))
}
