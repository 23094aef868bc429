//! The rules that decide, one small set for every claim.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistic::Estimate;

/// Standard errors on either side of an estimate that its interval covers.
pub const STANDARD_ERRORS: f64 = 3.0;

/// How a measured number is compared with the predicted one. The interval of an estimate reaches three standard
/// errors to both sides; the margin is what a check allows for finite sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The interval, widened by the margin, contains the prediction.
    Equal,
    /// The whole interval lies below the prediction plus the margin.
    AtMost,
    /// The whole interval lies above the prediction minus the margin.
    AtLeast,
}

/// What a rule says of a claim or of its counter-claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It holds.
    Accepted,
    /// It does not.
    Rejected,
    /// The interval reaches to both sides of the bound.
    Open,
}

impl Rule {
    /// Judges an estimate.
    pub fn judge(self, measured: Estimate, predicted: f64, margin: f64) -> Judgement {
        let width = STANDARD_ERRORS * measured.stderr;
        // Above the bound is positive.
        let beyond = match self {
            Rule::Equal => {
                let apart = (measured.value - predicted).abs();
                return match apart <= width + margin {
                    true => Judgement::Accepted,
                    false => Judgement::Rejected,
                };
            }
            Rule::AtMost => measured.value - predicted - margin,
            Rule::AtLeast => predicted - margin - measured.value,
        };
        match () {
            () if beyond + width <= 0.0 => Judgement::Accepted,
            () if beyond - width > 0.0 => Judgement::Rejected,
            // Also where a number is not finite.
            () => Judgement::Open,
        }
    }

    /// The sign between measured and predicted value.
    pub fn sign(self) -> &'static str {
        match self {
            Rule::Equal => "",
            Rule::AtMost => "≤ ",
            Rule::AtLeast => "≥ ",
        }
    }
}

/// What came of a check, or of all checks of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim is accepted and the counter-claim rejected.
    Pass,
    /// The measurement does not tell the claim from its counter-claim.
    Undecided,
    /// The claim is rejected.
    Fails,
}

impl Verdict {
    /// From the judgements of the claim and of its counter-claim.
    pub fn of(claim: Judgement, counter: Judgement) -> Self {
        match (claim, counter) {
            (Judgement::Rejected, _) => Verdict::Fails,
            (Judgement::Accepted, Judgement::Rejected) => Verdict::Pass,
            _ => Verdict::Undecided,
        }
    }

    /// A word.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Undecided => "UNDECIDED",
            Verdict::Fails => "FAILS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: f64, stderr: f64) -> Estimate {
        Estimate {
            value,
            stderr,
            draws: 10,
            range: None,
        }
    }

    #[test]
    fn a_value_is_equal_within_three_standard_errors_and_the_margin() {
        let judge = |value, margin| Rule::Equal.judge(measured(value, 0.1), 1.0, margin);
        assert_eq!(judge(1.29, 0.0), Judgement::Accepted);
        assert_eq!(judge(1.31, 0.0), Judgement::Rejected);
        assert_eq!(judge(0.61, 0.1), Judgement::Accepted);
        assert_eq!(judge(0.59, 0.1), Judgement::Rejected);
        assert_eq!(judge(f64::NAN, 0.1), Judgement::Rejected);
    }

    #[test]
    fn a_bound_is_open_while_the_interval_contains_it() {
        let judge = |rule: Rule, value| rule.judge(measured(value, 0.1), 1.0, 0.0);
        for (rule, side) in [(Rule::AtMost, -1.0), (Rule::AtLeast, 1.0)] {
            assert_eq!(judge(rule, 1.0 + 0.31 * side), Judgement::Accepted);
            assert_eq!(judge(rule, 1.0 + 0.29 * side), Judgement::Open);
            assert_eq!(judge(rule, 1.0 - 0.29 * side), Judgement::Open);
            assert_eq!(judge(rule, 1.0 - 0.31 * side), Judgement::Rejected);
            assert_eq!(judge(rule, f64::NAN), Judgement::Open);
        }
    }

    #[test]
    fn only_a_rejected_counter_claim_makes_a_claim_pass() {
        use Judgement::{Accepted, Open, Rejected};
        assert_eq!(Verdict::of(Accepted, Rejected), Verdict::Pass);
        assert_eq!(Verdict::of(Accepted, Accepted), Verdict::Undecided);
        assert_eq!(Verdict::of(Accepted, Open), Verdict::Undecided);
        assert_eq!(Verdict::of(Open, Rejected), Verdict::Undecided);
        assert_eq!(Verdict::of(Rejected, Rejected), Verdict::Fails);
        assert!(Verdict::Pass < Verdict::Undecided && Verdict::Undecided < Verdict::Fails);
    }
}
