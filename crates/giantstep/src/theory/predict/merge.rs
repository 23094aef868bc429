//! Predictions averaged over second layers.

use std::collections::HashMap;

use super::{Prediction, Predictions, ROUNDING, Spread};
use crate::measurement::Signs;
use crate::metric::Metric;
use crate::theory::compositions::Averaging;

/// How regimes name the mean over second layers, and what they say where it is another.
const OVER_SIGNS: &str = "averaged over the signs of the second layer";
const TYPICAL: &str = "of a typical second layer, O(1/p) from the mean over those drawn";
const SERIES: &str = "averaged over second layers to first order in 1/p";

/// The place of a prediction.
type Place = (
    u32,
    Metric,
    Option<u32>,
    Option<u32>,
    Option<Signs>,
    Option<u64>,
);

fn place(made: &Prediction) -> Place {
    let ridge = made.ridge.map(f64::to_bits);
    (
        made.step,
        made.metric,
        made.direction,
        made.rank,
        made.group,
        ridge,
    )
}

/// The mean over networks of these weights of what is measured of them: over those that have neurons of the sign in
/// question, for a measured mean is one over such runs. What is absent for one is absent.
pub(super) fn averaged(several: Vec<(f64, Predictions)>, averaging: Averaging) -> Predictions {
    let mut out = mean_of_all(several, averaging);
    let words = match averaging {
        Averaging::Probabilities => return out,
        Averaging::Typical => TYPICAL,
        Averaging::Series => SERIES,
    };
    for made in &mut out.present {
        if made.regime.contains(OVER_SIGNS) {
            made.regime = made.regime.replace(OVER_SIGNS, words).into();
        }
    }
    out
}

fn mean_of_all(several: Vec<(f64, Predictions)>, averaging: Averaging) -> Predictions {
    let one = several.len() == 1;
    let mut out = Predictions::default();
    let mut found: HashMap<Place, Vec<(f64, Prediction)>> = HashMap::new();
    let mut order = Vec::new();
    for (weight, predictions) in several {
        if one {
            return predictions;
        }
        for absent in predictions.absent {
            if !out.absent.contains(&absent) {
                out.absent.push(absent);
            }
        }
        for made in predictions.present {
            let place = place(&made);
            let all = found.entry(place).or_default();
            if all.is_empty() {
                order.push(place);
            }
            all.push((weight, made));
        }
    }
    let missing = |made: &Prediction| {
        let covers = |a: &super::Absent| {
            a.metrics.contains(&made.metric) && (a.steps.0..=a.steps.1).contains(&made.step)
        };
        out.absent.iter().any(covers)
    };
    let means = order
        .iter()
        .filter_map(|place| mean(found.remove(place)?, averaging));
    out.present = means.filter(|made| !missing(made)).collect();
    out.present.sort_by_key(|made| made.step);
    out
}

/// The mean of predictions of one place with these weights.
fn mean(several: Vec<(f64, Prediction)>, averaging: Averaging) -> Option<Prediction> {
    let total: f64 = several.iter().map(|(weight, _)| weight).sum();
    let over = |f: &dyn Fn(&Prediction) -> f64| {
        several
            .iter()
            .map(|(weight, made)| weight * f(made))
            .sum::<f64>()
            / total
    };
    let value = over(&|made| made.value);
    // A rank that not all networks have is not the same of all.
    if several[0].1.rank.is_some() && total < 1.0 - 1e-9 {
        return None;
    }
    let sampled = several
        .iter()
        .any(|(_, made)| made.standard_error.is_some());
    let errors = several.iter();
    let errors = errors.map(|(weight, made)| weight * made.standard_error.unwrap_or(0.0));
    // The same random numbers serve every network: what one of them is wrong by, all are. Differences between networks have errors
    // that this does not cancel, and what a series leaves out.
    let (alike, apart) = errors.fold((0.0, 0.0f64), |(sum, apart), e| (sum + e, apart.hypot(e)));
    let (error, cut) = match averaging {
        Averaging::Series => (
            f64::abs(alike).max(apart),
            0.5 * (value - several[0].1.value).abs(),
        ),
        _ => (f64::abs(alike / total), 0.0),
    };
    let error = error.hypot(cut);
    let own = |made: &Prediction| match made.spread {
        Some(Spread::Fluctuation(sd)) => Some(sd),
        _ => None,
    };
    let known = several.iter().all(|(_, made)| own(made).is_some());
    let variance = over(&|made| own(made).map_or(0.0, |sd| sd * sd) + (made.value - value).powi(2));
    let (_, first) = several.into_iter().next()?;
    Some(Prediction {
        value,
        standard_error: (sampled || cut > ROUNDING * value.abs()).then_some(error),
        spread: match first.spread {
            Some(Spread::Fluctuation(_)) if known => {
                Some(Spread::Fluctuation(variance.max(0.0).sqrt()))
            }
            Some(Spread::Fluctuation(_)) => None,
            other => other,
        },
        ..first
    })
}
