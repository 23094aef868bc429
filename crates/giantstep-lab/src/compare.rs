//! What was predicted beside what was measured.

use giantstep::theory::{Prediction, Spread};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::outlook::Predicted;
use crate::table::Row;

/// How a measured mean lies to its prediction, judged by what is known of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Within three standard errors: as near as nearly all means of so few draws.
    Agrees,
    /// A single draw, which has no standard error, within three standard deviations over seeds, as predicted.
    WithinSpread,
    /// Further, but within what the limit leaves out: `1/sqrt d` of the larger of 1 and the prediction.
    FiniteSize,
    /// A single draw of unknown spread that lies further.
    Unknown,
    /// Further than all that is known explains.
    Apart,
}

/// A prediction and the measured mean in its place.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// The place and the mean measured.
    #[serde(flatten)]
    pub row: Row,
    /// The prediction.
    pub prediction: Prediction,
    /// Measured less predicted, in standard errors of both; none for a single draw of unknown spread.
    pub distance: Option<f64>,
    /// What to think of it.
    pub agreement: Agreement,
}

/// Every prediction with a measured mean in its place.
pub fn compare(predicted: &Predicted, rows: &[Row]) -> Vec<Compared> {
    let pairs = predicted.foretold.iter().filter_map(|foretold| {
        let row = rows.iter().find(|row| foretold.is_of(row))?;
        Some(Compared::new(row, &foretold.prediction))
    });
    pairs.collect()
}

/// Three standard deviations of a normal.
const DEVIATIONS: f64 = 3.0;

impl Compared {
    fn new(row: &Row, prediction: &Prediction) -> Self {
        let difference = row.mean - prediction.value;
        let of_prediction = prediction.standard_error.unwrap_or(0.0);
        // One draw has the spread that theory expects over seeds.
        let spread = match prediction.spread {
            Some(Spread::Fluctuation(sd)) => Some(sd),
            _ => None,
        };
        let rounding = 1e-5 * prediction.value.abs().max(1.0);
        let error = row.stderr.or(spread);
        let distance = error.map(|error| difference / error.hypot(of_prediction).max(rounding));
        let left_out = prediction.value.abs().max(1.0) / row.d.sqrt();
        let most = match row.stderr {
            Some(_) => as_rare(row.draws),
            None => DEVIATIONS,
        };
        let agreement = match (distance, row.stderr) {
            (Some(distance), Some(_)) if distance.abs() <= most => Agreement::Agrees,
            (Some(distance), None) if distance.abs() <= most => Agreement::WithinSpread,
            _ if difference.abs() <= left_out => Agreement::FiniteSize,
            (None, _) => Agreement::Unknown,
            (Some(_), _) => Agreement::Apart,
        };
        Self {
            row: row.clone(),
            prediction: prediction.clone(),
            distance,
            agreement,
        }
    }
}

/// The standard errors, estimated from so many draws, that a mean exceeds as rarely as three of them where they are known:
/// 235 for two draws, 9.2 for four, 3.9 for ten (Student's law).
fn as_rare(draws: u64) -> f64 {
    let freedom = draws.saturating_sub(1).max(1) as f64;
    /// The two-sided probability of three standard deviations.
    const RARE: f64 = 0.002_699_796;
    let student = StudentsT::new(0.0, 1.0, freedom);
    student.map_or(DEVIATIONS, |law| law.inverse_cdf(1.0 - RARE / 2.0))
}

/// How many predictions agree, and in which sense.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub all: usize,
    /// Within three standard errors.
    pub agree: usize,
    /// Single draws within the predicted spread.
    pub within_spread: usize,
    /// Within `1/sqrt d`.
    pub finite_size: usize,
    /// Single draws of unknown spread that lie further.
    pub unknown: usize,
    /// Further than what is known explains.
    pub apart: usize,
}

impl Tally {
    /// Counts.
    pub fn of(compared: &[Compared]) -> Self {
        let count = |agreement| compared.iter().filter(|c| c.agreement == agreement).count();
        Self {
            all: compared.len(),
            agree: count(Agreement::Agrees),
            within_spread: count(Agreement::WithinSpread),
            finite_size: count(Agreement::FiniteSize),
            unknown: count(Agreement::Unknown),
            apart: count(Agreement::Apart),
        }
    }
}

/// The comparisons that lie farthest, those apart first.
pub fn farthest(compared: &[Compared], most: usize) -> Vec<&Compared> {
    let far = |c: &Compared| match c.agreement {
        Agreement::Agrees | Agreement::WithinSpread => 0,
        Agreement::FiniteSize => 1,
        Agreement::Unknown => 2,
        Agreement::Apart => 3,
    };
    // In units of what each kind is judged by.
    let distance = |c: &Compared| {
        let difference = (c.row.mean - c.prediction.value).abs();
        let left_out = c.prediction.value.abs().max(1.0) / c.row.d.sqrt();
        match c.agreement {
            Agreement::FiniteSize | Agreement::Unknown => difference / left_out,
            _ => c.distance.map_or(0.0, f64::abs),
        }
    };
    let mut order: Vec<&Compared> = compared.iter().collect();
    order.sort_by(|a, b| {
        far(b)
            .cmp(&far(a))
            .then(distance(b).total_cmp(&distance(a)))
    });
    order.truncate(most);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_draws_are_judged_by_the_law_of_few_draws() {
        // Tables of Student's law at the two-sided level 0.0027.
        for (draws, expected) in [(2, 235.8), (4, 9.22), (10, 4.09), (1000, 3.0)] {
            let found = as_rare(draws);
            assert!((found / expected - 1.0).abs() < 0.01, "{draws}: {found}");
        }
    }
}
