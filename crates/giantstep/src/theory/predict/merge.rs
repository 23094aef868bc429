//! Predictions averaged over second layers.

use std::collections::HashMap;

use super::{Prediction, Predictions, Spread};
use crate::measurement::Signs;
use crate::metric::Metric;

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
pub(super) fn averaged(several: Vec<(f64, Predictions)>) -> Predictions {
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
    let means = order.iter().filter_map(|place| mean(found.remove(place)?));
    out.present = means.filter(|made| !missing(made)).collect();
    out.present.sort_by_key(|made| made.step);
    out
}

/// The mean of predictions of one place with these weights.
fn mean(several: Vec<(f64, Prediction)>) -> Option<Prediction> {
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
    // The same random numbers serve every network: what one of them is wrong by, all are.
    let error = over(&|made| made.standard_error.unwrap_or(0.0)).abs();
    let own = |made: &Prediction| match made.spread {
        Some(Spread::Fluctuation(sd)) => Some(sd),
        _ => None,
    };
    let known = several.iter().all(|(_, made)| own(made).is_some());
    let variance = over(&|made| own(made).map_or(0.0, |sd| sd * sd) + (made.value - value).powi(2));
    let (_, first) = several.into_iter().next()?;
    Some(Prediction {
        value,
        standard_error: sampled.then_some(error),
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
