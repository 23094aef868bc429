//! What stands for the draws of a point: a mean or a median, and how far the draws lie apart.

use super::ChartError;
use crate::plan::{Spread, Statistic};

impl Statistic {
    /// The spread asked for, or what is usual: standard errors of a mean, quartiles about a median.
    ///
    /// # Errors
    /// [`ChartError::Spread`] where the two do not belong together.
    pub fn spread(self, asked: Option<Spread>) -> Result<Spread, ChartError> {
        match (self, asked) {
            (Statistic::Median, Some(Spread::Stderr | Spread::Sd)) => Err(ChartError::Spread),
            (_, Some(asked)) => Ok(asked),
            (Statistic::Mean, None) => Ok(Spread::Stderr),
            (Statistic::Median, None) => Ok(Spread::Quartiles),
        }
    }
}

/// The draws of one point, summarised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Mean or median.
    pub centre: f64,
    /// The lower and upper end of the spread; none without one, or for a single draw.
    pub ends: Option<(f64, f64)>,
    /// Number of draws.
    pub draws: usize,
}

impl Summary {
    /// Summarises the draws, at least one. The standard deviation has n - 1 in the denominator; quantiles are
    /// interpolated linearly between order statistics (NumPy's default, type 7 of Hyndman and Fan).
    pub fn of(draws: &[f64], statistic: Statistic, spread: Spread) -> Self {
        let count = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / count;
        let mut sorted = draws.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let centre = match statistic {
            Statistic::Mean => mean,
            Statistic::Median => quantile(&sorted, 0.5),
        };
        let squares: f64 = draws.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (squares / (count - 1.0)).sqrt();
        let ends = match spread {
            _ if draws.len() < 2 => None,
            Spread::None => None,
            Spread::Stderr => Some((centre - sd / count.sqrt(), centre + sd / count.sqrt())),
            Spread::Sd => Some((centre - sd, centre + sd)),
            Spread::Quartiles => Some((quantile(&sorted, 0.25), quantile(&sorted, 0.75))),
        };
        Self {
            centre,
            ends,
            draws: draws.len(),
        }
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    low + (high - low) * place.fract()
}
