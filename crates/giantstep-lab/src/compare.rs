//! What was predicted beside what was measured.

use giantstep::theory::Prediction;
use serde::Serialize;

use crate::outlook::Predicted;
use crate::table::Row;

/// How a measured mean lies to its prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Within three standard errors.
    Agrees,
    /// Further, but within what the limit leaves out: `1/sqrt d` of the larger of 1 and the prediction.
    FiniteSize,
    /// Further than both.
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

impl Compared {
    fn new(row: &Row, prediction: &Prediction) -> Self {
        let difference = row.mean - prediction.value;
        // One draw has the spread that theory expects over seeds.
        let own = row.stderr.or(match prediction.spread {
            Some(giantstep::theory::Spread::Fluctuation(sd)) => Some(sd),
            _ => None,
        });
        let error = own.map(|own| own.hypot(prediction.standard_error.unwrap_or(0.0)));
        let rounding = 1e-5 * prediction.value.abs().max(1.0);
        let distance = error.map(|error| difference / error.max(rounding));
        let left_out = prediction.value.abs().max(1.0) / row.d.sqrt();
        let agreement = match distance {
            Some(distance) if distance.abs() <= 3.0 => Agreement::Agrees,
            _ if difference.abs() <= left_out => Agreement::FiniteSize,
            _ => Agreement::Apart,
        };
        Self {
            row: row.clone(),
            prediction: prediction.clone(),
            distance,
            agreement,
        }
    }
}
