//! What a prediction is, and the grounds on which predictions stand.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::measurement::Signs;
use crate::metric::Metric;

/// How sure a prediction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Proved in the source.
    Theorem,
    /// Derived here or in the source without a proof of the limit, and checked against simulations.
    Derived,
    /// Obtained by a method that is not rigorous, such as replicas.
    Conjectured,
}

/// How far single measurements lie from a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// One standard deviation over seeds at this d.
    Fluctuation(f64),
    /// Quantiles over neurons: (level, value).
    Quantiles(Vec<(f64, f64)>),
}

/// A predicted number, in the place of a [`crate::measurement::Measurement`] of the same metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The number of steps taken; 0 is the initial network.
    pub step: u32,
    /// The metric.
    pub metric: Metric,
    /// The target direction, from 1; none for the span of all.
    pub direction: Option<u32>,
    /// The signs of the second layer of the neurons averaged over.
    pub group: Option<Signs>,
    /// The ridge of a readout.
    pub ridge: Option<f64>,
    /// The rank of a singular value or an eigenvalue, from 1.
    #[serde(default)]
    pub rank: Option<u32>,
    /// The value in the limit.
    pub value: f64,
    /// Standard error of the value, where expectations were sampled; with half of the last term of a series over second layers, which
    /// stands for what it leaves out.
    pub standard_error: Option<f64>,
    /// How far measurements spread about the value.
    pub spread: Option<Spread>,
    /// Where the value holds.
    pub regime: Cow<'static, str>,
    /// The formula of THEORY.md and the paper.
    pub source: Cow<'static, str>,
    /// How sure it is.
    pub status: Status,
    /// The papers of the source, by key of [`crate::references`].
    pub references: Cow<'static, [Cow<'static, str>]>,
}

/// What an absent prediction wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// A larger effort: averages that are sampled.
    Samples,
    /// More time or memory than was granted.
    Time,
}

/// A metric without prediction, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Absent {
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// The steps concerned, first and last.
    pub steps: (u32, u32),
    /// The reason.
    pub reason: String,
    /// What would yield it here; none if nothing would.
    pub needs: Option<Needs>,
    /// The formula that gives it, or would; none if none is known.
    pub formula: Option<Cow<'static, str>>,
}

/// All predictions of an experiment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Predictions {
    /// Those that apply.
    pub present: Vec<Prediction>,
    /// Those that do not.
    pub absent: Vec<Absent>,
}

/// Regime, source, status and papers of a family of predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grounds {
    pub(super) regime: &'static str,
    pub(super) source: &'static str,
    pub(super) status: Status,
    pub(super) references: &'static [&'static str],
}

impl Grounds {
    /// The keys of the papers.
    pub(super) fn keys(self) -> Cow<'static, [Cow<'static, str>]> {
        self.references
            .iter()
            .map(|key| Cow::Borrowed(*key))
            .collect()
    }
}

/// What would give an absent prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Would {
    pub(super) needs: Option<Needs>,
    pub(super) formula: Option<&'static str>,
}

impl Would {
    /// Nobody knows a formula.
    pub(super) const UNKNOWN: Self = Self {
        needs: None,
        formula: None,
    };

    /// A formula that this program does not evaluate.
    pub(super) const fn by(formula: &'static str) -> Self {
        Self {
            needs: None,
            formula: Some(formula),
        }
    }

    /// A formula that it evaluates if it gets what is needed.
    pub(super) const fn with(needs: Needs, formula: &'static str) -> Self {
        Self {
            needs: Some(needs),
            formula: Some(formula),
        }
    }
}

/// Why something was not computed.
pub(super) const UP: &str = "the time for predictions was up";

pub(super) const INITIAL: Grounds = Grounds {
    regime: "the initial network, d to infinity; rows random, overlaps N(0, 1/d)",
    source: "THEORY.md (1), start of (20)",
    status: Status::Derived,
    references: &["2305.18270"],
};
pub(super) const PLACED: Grounds = Grounds {
    regime: "the initial network, d to infinity; rows of the given overlaps, random across the target",
    source: "THEORY.md (1), start of (20)",
    status: Status::Derived,
    references: &["2305.18270"],
};
pub(super) const ONLINE: Grounds = Grounds {
    regime: "d to infinity at fixed n, eta d, width and step/d; averaged over the signs of the second layer",
    source: "THEORY.md (78), the equations of Saad and Solla 1995",
    status: Status::Derived,
    references: &["saad-solla-1995"],
};
pub(super) const FRESH: Grounds = Grounds {
    regime: "d to infinity at fixed n/d, steps, eta/p; any width, averaged over the signs of the second layer",
    source: "THEORY.md (20), (46); structure after Saad and Solla 1995 and arXiv 2305.18270",
    status: Status::Derived,
    references: &["saad-solla-1995", "2305.18270"],
};
pub(super) const OWN_LAW: Grounds = Grounds {
    regime: "d to infinity at fixed n/d, steps, eta/p; the target's coordinates by their own law, all else Gaussian up to O(1/d)",
    source: "THEORY.md (20) with the averages of (53)",
    status: Status::Derived,
    references: &["saad-solla-1995", "2305.18270"],
};
pub(super) const ANISOTROPIC: Grounds = Grounds {
    regime: "one step from no output, n of order d or above, d to infinity; a spike small beside d",
    source: "THEORY.md (56); (55) by Stein's lemma",
    status: Status::Derived,
    references: &[],
};
pub(super) const NOTHING: Grounds = Grounds {
    regime: "n = O(d^(l - delta)) for leading order l: no alignment, whatever the step size",
    source: "THEORY.md, theorem A, after the first step C; arXiv 2305.18270",
    status: Status::Theorem,
    references: &["2305.18270"],
};
pub(super) const FLOOR: Grounds = Grounds {
    regime: "as theorem A: no alignment as d grows; at finite d what initial overlaps and the noise of batches leave",
    source: "THEORY.md (62), (64)",
    status: Status::Derived,
    references: &["2305.18270"],
};
pub(super) const LAW: Grounds = Grounds {
    regime: "one step, n = alpha d^l, eta = eta~ p d^((l-1)/2), centred labels; random over neurons",
    source: "THEORY.md (19); existence of the limit: arXiv 2305.18270, one step, sufficiency",
    status: Status::Derived,
    references: &["2305.18270"],
};
pub(super) const REUSED: Grounds = Grounds {
    regime: "two steps on one batch, d to infinity at fixed n/d, eta/p, width",
    source: "THEORY.md (27); mechanism: arXiv 2402.03220",
    status: Status::Derived,
    references: &["2402.03220"],
};
pub(super) const ITERATED: Grounds = Grounds {
    regime: "steps of a quadratic activation on one batch of n of order d, bounded labels; d to infinity, and what rows differ by at finite d",
    source: "THEORY.md (60)",
    status: Status::Derived,
    references: &["1708.05932"],
};
pub(super) const SPIKES: Grounds = Grounds {
    regime: "d to infinity at fixed n/d, eta/p and p/d: singular values above the bulk, whose rows have isotropic noise",
    source: "THEORY.md (47) from the state of (20)",
    status: Status::Derived,
    references: &["2410.18938"],
};
pub(super) const BULK: Grounds = Grounds {
    regime: "one step of independent rows, d to infinity at fixed n/d, eta/p and p/d: singular values of W - W0 below the spike",
    source: "THEORY.md (48)",
    status: Status::Derived,
    references: &[],
};
pub(super) const FEATURES: Grounds = Grounds {
    regime: "d to infinity at fixed n/d, eta/p and p/d: eigenvalues of order one; the bulk below them is of order 1/d",
    source: "THEORY.md (49) from the state of (20)",
    status: Status::Derived,
    references: &["2410.18938"],
};
pub(super) const BOUNDED: Grounds = Grounds {
    regime: "readout of the limit (M, Q), p << d and n; what n samples add to first order in p/n",
    source: "THEORY.md (21)",
    status: Status::Derived,
    references: &["cho-saul-2009", "williams-1998"],
};
pub(super) const RANDOM: Grounds = Grounds {
    regime: "random features, d to infinity, the smaller of n and p of order d",
    source: "THEORY.md (26); Gaussian equivalence: arXiv 2009.07669",
    status: Status::Theorem,
    references: &["2009.07669"],
};
pub(super) const GIVEN: Grounds = Grounds {
    regime: "networks drawn in law; the readout on fresh samples, p and the smaller of n and p of order d",
    source: "THEORY.md (38) to (40), on the equivalence (36); arXiv 2410.18938",
    status: Status::Derived,
    references: &["2410.18938"],
};
pub(super) const CLASSES: Grounds = Grounds {
    regime: "one step on n0 of order d or more; the readout on fresh samples, n and p of order d, with what is of order 1/p of fitting \
             functions of the spike",
    source: "THEORY.md (45), on the equivalence (36); arXiv 2402.04980, 2410.18938",
    status: Status::Derived,
    references: &["2402.04980", "2410.18938"],
};
