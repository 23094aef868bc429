//! The answer of the analysis, as it is printed and serialised.

use serde::{Serialize, Serializer};

/// How far the zeros of an answer can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Decided by exact algebra.
    Exact,
    /// Every zero is below the tolerance, and the error estimate too.
    Certified,
    /// Some zero could not be told from a small number at this budget.
    Undecided,
}

/// What is known of a number that need not exist. In JSON: the number, `null`, or `"unknown"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// It is this.
    At(T),
    /// There is none.
    Never,
    /// Undecided.
    Unknown,
}

impl<T> Answer<T> {
    /// The number, if it is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::At(value) => Some(value),
            Self::Never | Self::Unknown => None,
        }
    }

    /// What was found; where nothing was, `Never` only if that is decided.
    pub(super) fn found(found: Option<T>, decided: bool) -> Self {
        match found {
            Some(value) => Self::At(value),
            None if decided => Self::Never,
            None => Self::Unknown,
        }
    }
}

/// `Some` stands for [`Answer::At`], `None` for [`Answer::Never`].
impl<T: PartialEq> PartialEq<Option<T>> for Answer<T> {
    fn eq(&self, other: &Option<T>) -> bool {
        match (self, other) {
            (Self::At(a), Some(b)) => a == b,
            (Self::Never, None) => true,
            _ => false,
        }
    }
}

impl<T: Serialize> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(value) => value.serialize(serializer),
            Self::Never => serializer.serialize_none(),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

/// A direction of R^r of unit length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Direction {
    /// As `(z1 + z2)/sqrt 2`.
    pub name: String,
    /// Its r coordinates.
    pub vector: Vec<f64>,
}

/// The smallest Hermite orders that reveal directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leaps {
    /// The paper's leap index: the smallest k >= 1 with a non-zero Hermite tensor of order k.
    pub one_step: Answer<u32>,
    /// The largest order along the greedy chain of subspaces: unchanged under rotations.
    pub isotropic: Answer<u32>,
    /// The leap of Abbe et al. (2302.11055) in the coordinates z1, ..., zr.
    pub coordinate: Answer<u32>,
    /// Why they differ, where they do.
    pub explanation: Option<String>,
}

/// The subspaces learnt step by step at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Staircase {
    /// k of n = Theta(d^k).
    pub batch_exponent: u32,
    /// The largest order a step may use: k for fresh batches, the generative order for reused ones.
    pub order: u32,
    /// Dimensions after steps 1, 2, ....
    pub dims: Vec<usize>,
    /// An orthonormal basis of the subspace after each step.
    pub bases: Vec<Vec<Vec<f64>>>,
    /// The same bases in readable form.
    pub directions: Vec<Vec<String>>,
    /// The Hermite order of each step that learns something.
    pub orders: Vec<u32>,
    /// How far its zeros can be trusted.
    pub status: Status,
    /// The bound below which a signal counts as zero, in units of the standard deviation.
    pub tolerance: f64,
}

/// The staircases with fresh batches and with the same batch used again, for students of the activation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Staircases {
    /// Fresh batches at batch exponents 1, 2, 3.
    pub fresh: Vec<Staircase>,
    /// The same batch again, generative orders 1 (O(1) passes) and 2 (O(d log d) samples), n = Theta(d).
    pub reused: Vec<Staircase>,
    /// The same for an activation that sees every degree of the link.
    pub generic: GenericStaircases,
}

/// The staircases for an activation that sees every degree of the link: of the link alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenericStaircases {
    /// Fresh batches at batch exponents 1, 2, 3.
    pub fresh: Vec<Staircase>,
    /// The same batch again, generative orders 1 and 2, n = Theta(d).
    pub reused: Vec<Staircase>,
}

/// Lower bounds on `E (f - y)^2` before the first and after each giant step of the activation; NaN where they are unknown: after
/// steps that may have learnt more than was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Floors {
    /// `E Var(g | P_U z)` at batch exponent 1: bounded width, THEORY.md (13).
    pub bounded_width: Vec<f64>,
    /// Width and n = Theta(d^kappa), kappa = 1, 2, 3, the steps at the same batch exponent.
    pub wide: Vec<WideFloor>,
    /// The error of the values, absolute.
    pub error: f64,
}

/// The floor at width and n = Theta(d^kappa).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WideFloor {
    /// The exponent.
    pub kappa: u32,
    /// Before and after each step, features across U depending on the point of U: THEORY.md (15).
    pub floor: Vec<f64>,
    /// The same where all neurons respond alike to the point of U: what a single value of the readout reaches.
    pub shared_response: Vec<f64>,
}

/// A direction of the link that fresh batches of n = Theta(d) never reveal to the activation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HardDirection {
    /// The direction.
    pub direction: Direction,
    /// The batch exponent at which one step reveals it (lower degrees of the labels removed first).
    pub batch_exponent: Answer<u32>,
}

/// The Hermite tensor `T_k = E[g He_k(z)]`, symmetric, of one order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tensor {
    /// The order k.
    pub order: u32,
    /// The entries that are not zero, in the order of their indices.
    pub entries: Vec<TensorEntry>,
}

/// An entry of a Hermite tensor, and all that permutations of its index give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorEntry {
    /// k indices from 1 to r that do not decrease: `[1, 1, 2]` is `E[g He_2(z1) He_1(z2)]`.
    pub index: Vec<usize>,
    /// The value.
    pub value: f64,
}

/// How far the Hermite series of a link that is no polynomial was followed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Series {
    /// The largest degree: leaps and staircases are told from the degrees up to it.
    pub degree: u32,
    /// The part of the variance in the degrees beyond.
    pub beyond: f64,
}

/// The directions on which a link depends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effective {
    /// Their number.
    pub dimension: usize,
    /// A basis.
    pub directions: Vec<Direction>,
    /// A basis of the directions on which it does not depend.
    pub idle: Vec<Direction>,
}

/// The generative exponent of a link of one direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exponent {
    /// The smallest k with `E[He_k(z) | y]` not zero.
    pub value: u32,
    /// How far it can be trusted.
    pub status: Status,
    /// The bound below which a signal of a lower order counts as zero, in units of the standard deviation.
    pub tolerance: f64,
}

/// The generative leap k*: `n = d^max(1, k*/2)` samples are necessary, for low-degree polynomials, and sufficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerativeLeap {
    /// k*; unknown where a direction is not reached or a lower order not excluded.
    pub value: Answer<u32>,
    /// What it is not larger than; `None` where a direction is not reached.
    pub at_most: Option<u32>,
    /// The exponent of d in the samples that suffice.
    pub sample_exponent: Option<f64>,
    /// The chain: order by order, the directions that open.
    pub steps: Vec<GenerativeStep>,
    /// A basis of the directions that it does not reach.
    pub rest: Vec<Direction>,
    /// How far the value can be trusted.
    pub status: Status,
    /// The bound below which a signal of a lower order counts as zero, in units of the standard deviation.
    pub tolerance: f64,
}

/// One step of the chain of the generative leap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerativeStep {
    /// The smallest j with `E[He_j(z_perp) | y, P_U z]` not zero, U what the steps before opened.
    pub order: u32,
    /// A basis of the directions that its columns add.
    pub directions: Vec<Direction>,
    /// Why all tensors of lower orders vanish.
    pub lower_orders: Ground,
    /// Why this order opens no more.
    pub other_directions: Ground,
}

/// Why something is zero for every transformation of the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// There is nothing left, symmetries exclude it, or the labels take so few values that all were looked at.
    Proved,
    /// Integrals over the level sets of a link of one direction.
    Integrated,
    /// Samples bound it.
    Sampled,
    /// It is open.
    Unknown,
}

/// The sample ratio n/d above which approximate message passing finds a direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeakRecovery {
    /// alpha_c; `None` where it is infinite.
    pub alpha_c: Option<f64>,
    /// An estimate of its error.
    pub error: f64,
    /// The threshold of one matrix of the batch, where the labels are bounded.
    pub spectral: Option<Spectral>,
}

/// The sample ratio n/d above which an eigenvector of `(1/n) sum_i (y_i - E y) x_i x_i^T` finds a direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spectral {
    /// alpha_s, never below alpha_c.
    pub alpha_s: f64,
    /// An estimate of its error.
    pub error: f64,
}

/// What the activation adds to the picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivationReport {
    /// Its text.
    pub activation: String,
    /// `c_k = E[sigma(x) He_k(x)]`, k = 0, 1, ....
    pub coefficients: Vec<f64>,
    /// The error of each.
    pub errors: Vec<f64>,
    /// The orders k at which c_k is zero within its error.
    pub vanishing: Vec<u32>,
    /// The degrees k of the link, among those listed, that no step uses: `E[sigma^(k)(sqrt(q) x)] = 0` for all q.
    pub blind: Vec<u32>,
    /// The least blind degree that would open another direction where the fresh steps at n = Theta(d) end.
    pub stopped_by: Option<u32>,
    /// What the link needs and the activation lacks.
    pub warnings: Vec<String>,
    /// The kernel floor with features of this activation, degree 1, 2, ...: only degrees with c_k != 0 are fitted.
    pub kernel_floors: Vec<f64>,
    /// The energy in degrees (among those listed) that its features never fit without learnt directions.
    pub never_fitted: f64,
}

/// What becomes of one direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The direction.
    pub direction: Direction,
    /// The giant step that learns it with fresh batches of n = Theta(d).
    pub giant_steps: Answer<usize>,
    /// The same for an activation that sees every degree of the link.
    pub generic_steps: Answer<usize>,
    /// The giant step that learns it with fresh batches of n = Theta(d^2).
    pub quadratic_steps: Answer<usize>,
    /// The giant step that learns it with fresh batches of n = Theta(d^3).
    pub cubic_steps: Answer<usize>,
    /// The batch exponent at which one step reveals it, lower degrees of the labels removed first.
    pub one_step_exponent: Answer<u32>,
    /// Whether some degree that varies along it is, or may be, seen by the activation: if not, no number of fresh
    /// samples and steps reveals it.
    pub visible: bool,
    /// The smallest generative order (1 or 2) whose chain at n = Theta(d) contains it, batches reused.
    pub reused_order: Answer<u32>,
    /// The pass at which that chain reaches it.
    pub reused_step: Answer<usize>,
    /// The lowest degree in which the link depends on it: kernels begin to fit that part at n = Theta(d^degree).
    pub kernel_first: Option<u32>,
    /// The highest degree: kernels have fitted it all at n = Theta(d^degree). `None` if the link is no polynomial.
    pub kernel_last: Option<u32>,
}

/// The analysis of a link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The link as typed.
    pub link: String,
    /// The number r of directions.
    pub r: usize,
    /// `E g`
    pub mean: f64,
    /// `Var g`
    pub variance: f64,
    /// `E[g_k^2]` of the part of Hermite degree k = 0, 1, ....
    pub energies: Vec<f64>,
    /// Whether `energies` is the whole expansion.
    pub polynomial: bool,
    /// Where the expansion was cut, unless it is whole.
    pub series: Option<Series>,
    /// The Hermite tensors of order 1, 2, ..., where asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<Tensor>,
    /// The directions on which the link depends.
    pub effective: Effective,
    /// The leaps.
    pub leap: Leaps,
    /// The staircases.
    pub staircase: Staircases,
    /// The directions that stay hard at n = Theta(d), fresh batches.
    pub hard_directions: Vec<HardDirection>,
    /// The generative exponent, for a link of one direction.
    pub generative_exponent: Option<Exponent>,
    /// The generative leap, for a link that is not constant.
    pub generative_leap: Option<GenerativeLeap>,
    /// The weak-recovery threshold, where `E[z | y] = 0`.
    pub weak_recovery: Option<WeakRecovery>,
    /// The floors.
    pub floors: Floors,
    /// The floor of kernels and random features at degree 1, 2, ...: THEORY.md (12).
    pub kernel_floors: Vec<f64>,
    /// The activation.
    pub activation: ActivationReport,
    /// A row a direction.
    pub verdicts: Vec<Verdict>,
    /// What else the reader should know.
    pub notes: Vec<String>,
    /// How far the zeros of the leaps and of the fresh staircases of the link can be trusted.
    pub status: Status,
    /// The largest bound below which a signal counted as zero, in units of the standard deviation.
    pub tolerance: f64,
}
