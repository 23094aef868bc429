//! From the records of runs to one number with its standard error.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pick::{Draw, Pick, Sizes};
use crate::plan::Plan;
use crate::slope::least_squares;
use crate::table::Record;

/// What is computed from the draws of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Statistic {
    /// The mean over seeds at the largest sizes.
    Mean,
    /// The mean over seeds of the difference from another quantity.
    Minus(Pick),
    /// The ratio of the means over seeds of this and another quantity.
    Over(Pick),
    /// The exponent in `d`, `n` or `p`: least squares of logarithms over all draws.
    Exponent(String),
    /// The exponent in d of the n at which the quantity crosses a level: curves against log n, each the mean over an
    /// eighth of the seeds, are joined by straight lines, the last crossing is taken, and logarithms are fitted.
    Threshold(f64),
}

/// A number with its statistical error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error.
    pub stderr: f64,
    /// The draws behind it.
    pub draws: usize,
    /// The smallest and largest size of a fitted exponent.
    pub range: Option<(f64, f64)>,
}

impl Statistic {
    /// The number that the records give.
    ///
    /// # Errors
    /// What is missing among the records.
    pub fn estimate(&self, of: &Pick, plan: &Plan, records: &[Record]) -> Result<Estimate, String> {
        let draws = of.draws(plan, records)?;
        match self {
            Statistic::Mean => Ok(mean(&at_largest(&draws))),
            Statistic::Minus(other) => {
                let pairs = paired(&draws, &other.draws(plan, records)?)?;
                let gaps: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
                Ok(mean(&gaps))
            }
            Statistic::Over(other) => {
                let pairs = paired(&draws, &other.draws(plan, records)?)?;
                let sum = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
                let (above, below) = (sum(|pair| pair.0), sum(|pair| pair.1));
                let ratio = above / below;
                // To first order the ratio errs by the mean of these over the mean of the denominators.
                let rest: Vec<f64> = pairs.iter().map(|(a, b)| a - ratio * b).collect();
                let stderr = mean(&rest).stderr / (below / pairs.len() as f64).abs();
                Ok(Estimate {
                    value: ratio,
                    stderr,
                    draws: pairs.len(),
                    range: None,
                })
            }
            Statistic::Exponent(size) => {
                let size = |sizes: Sizes| match size.as_str() {
                    "d" => Ok(sizes.d),
                    "n" => Ok(sizes.n),
                    "p" => Ok(sizes.p),
                    other => Err(format!("`{other}` is none of d, n, p")),
                };
                let points = draws
                    .iter()
                    .map(|draw| Ok((size(draw.sizes)?.ln(), draw.value.ln())))
                    .collect::<Result<Vec<_>, String>>()?;
                exponent(points)
            }
            Statistic::Threshold(level) => exponent(crossings(&draws, *level)?),
        }
    }

    /// In words, for the page.
    pub fn describe(&self, of: &Pick) -> String {
        let of = of.describe();
        match self {
            Statistic::Mean => format!("mean of {of}"),
            Statistic::Minus(other) => format!("{of} minus {}", other.describe()),
            Statistic::Over(other) => format!("{of} over {}", other.describe()),
            Statistic::Exponent(size) => format!("exponent in {size} of {of}"),
            Statistic::Threshold(level) => {
                format!("exponent in d of the n where {of} crosses {level}")
            }
        }
    }
}

/// The exponent through points in logarithms; a value that is not positive has none.
fn exponent(points: Vec<(f64, f64)>) -> Result<Estimate, String> {
    let count = points.len();
    let points: Vec<_> = points.into_iter().filter(|p| p.1.is_finite()).collect();
    if points.len() < count {
        let lost = count - points.len();
        return Err(format!("{lost} of {count} values are not positive"));
    }
    let line = least_squares(&points).ok_or("an exponent needs at least three sizes")?;
    Ok(Estimate {
        value: line.slope,
        stderr: line.stderr,
        draws: points.len(),
        range: Some((line.range.0.exp(), line.range.1.exp())),
    })
}

/// Groups of seeds over which a curve is averaged before its crossing is taken.
const GROUPS: u64 = 8;

/// For each dimension and group of seeds, (log d, log n) where the mean curve against log n last crosses the level.
fn crossings(draws: &[Draw], level: f64) -> Result<Vec<(f64, f64)>, String> {
    // Sums and counts at (d, group, n): ordered, because positive numbers are ordered as their bits are.
    let mut places: BTreeMap<(u64, u64, u64), (f64, f64)> = BTreeMap::new();
    for draw in draws {
        let key = (
            draw.sizes.d.to_bits(),
            draw.seed % GROUPS,
            draw.sizes.n.to_bits(),
        );
        let place = places.entry(key).or_default();
        *place = (place.0 + draw.value, place.1 + 1.0);
    }
    let mut curves: BTreeMap<(u64, u64), Vec<(f64, f64)>> = BTreeMap::new();
    for ((d, group, n), (sum, count)) in places {
        let point = (f64::from_bits(n).ln(), sum / count - level);
        curves.entry((d, group)).or_default().push(point);
    }
    let crossing = |((d, _), curve): ((u64, u64), Vec<(f64, f64)>)| {
        let d = f64::from_bits(d);
        let last = curve.windows(2).rfind(|w| (w[0].1 > 0.0) != (w[1].1 > 0.0));
        let missing = || format!("a curve at d = {d} never crosses {level}");
        let w = last.ok_or_else(missing)?;
        let part = w[0].1 / (w[0].1 - w[1].1);
        Ok((d.ln(), w[0].0 + (w[1].0 - w[0].0) * part))
    };
    curves.into_iter().map(crossing).collect()
}

/// Mean and standard error of independent draws; exact for a single one.
fn mean(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    let stderr = match values.len() {
        0 | 1 => f64::INFINITY,
        _ => (squares / (n - 1.0) / n).sqrt(),
    };
    Estimate {
        value,
        stderr,
        draws: values.len(),
        range: None,
    }
}

fn at_largest(draws: &[Draw]) -> Vec<f64> {
    let Some(largest) = draws.iter().map(|d| d.sizes).max_by(Sizes::order) else {
        return Vec::new();
    };
    let here = draws.iter().filter(|draw| draw.sizes == largest);
    here.map(|draw| draw.value).collect()
}

/// Values of two quantities at the largest sizes of each, by seed.
fn paired(first: &[Draw], second: &[Draw]) -> Result<Vec<(f64, f64)>, String> {
    let (first, second) = (at_largest(first), at_largest(second));
    match first.len() == second.len() {
        true => Ok(first.into_iter().zip(second).collect()),
        false => Err(format!(
            "{} draws cannot be compared with {}: take as many seeds",
            first.len(),
            second.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pick::Reduce;
    use super::*;
    use crate::plan::Scale;
    use giantstep::metric::Metric;

    const PLAN: &str = "target.link = \"z1\"\nnetwork.width = 2\nprotocol = { dimension = 9, steps = 1, batch = 9, \
                        step_size = 1 }";

    fn estimate(statistic: Statistic, of: Pick, records: &[Record]) -> Result<Estimate, String> {
        let plan = Plan::read(PLAN, "test", &[], Scale::Full).unwrap();
        statistic.estimate(&of, &plan, records)
    }

    fn pick(metric: Metric) -> Pick {
        Pick {
            metric,
            step: None,
            at: None,
            group: None,
            along: Vec::new(),
            rank: None,
            neurons: Reduce::Recorded,
        }
    }

    fn record(seed: u64, (d, n): (f64, f64), step: u32, metric: Metric, value: f64) -> Record {
        Record {
            seed,
            d,
            n,
            step,
            // No two runs of these tests share n and seed.
            run: (10.0 * n) as u32 * 16 + seed as u32,
            ..Record::new(metric, value)
        }
    }

    #[test]
    fn the_mean_is_that_of_the_last_step_at_the_largest_size() {
        let mut records = Vec::new();
        for (seed, value) in [(0, 1.0), (1, 2.0), (2, 6.0)] {
            records.push(record(seed, (9.0, 9.0), 0, Metric::Norm, 50.0));
            records.push(record(seed, (9.0, 9.0), 1, Metric::Norm, 60.0));
            records.push(record(seed, (9.0, 12.0), 0, Metric::Norm, 70.0));
            records.push(record(seed, (9.0, 12.0), 1, Metric::Norm, value));
        }
        let found = estimate(Statistic::Mean, pick(Metric::Norm), &records).unwrap();
        // Variance 7, three draws.
        assert_eq!((found.value, found.draws), (3.0, 3));
        assert!((found.stderr - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!(estimate(Statistic::Mean, pick(Metric::TestError), &records).is_err());
    }

    #[test]
    fn differences_and_ratios_are_taken_seed_by_seed() {
        let mut records = Vec::new();
        for seed in 0..4 {
            let base = 2.0 + seed as f64;
            records.push(record(seed, (9.0, 9.0), 1, Metric::Norm, 3.0 * base));
        }
        for seed in 0..4 {
            records.push(record(
                seed,
                (9.0, 9.0),
                1,
                Metric::TestError,
                2.0 + seed as f64,
            ));
        }
        let over = estimate(
            Statistic::Over(pick(Metric::TestError)),
            pick(Metric::Norm),
            &records,
        )
        .unwrap();
        assert_eq!((over.value, over.stderr), (3.0, 0.0));
        let minus = estimate(
            Statistic::Minus(pick(Metric::TestError)),
            pick(Metric::Norm),
            &records,
        )
        .unwrap();
        assert_eq!(minus.value, 7.0);
        // Twice the deviations of 2, 3, 4, 5.
        assert!((minus.stderr - 2.0 * (5.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn exponents_and_thresholds_of_exact_powers_are_exact() {
        let mut records = Vec::new();
        for d in [10.0, 20.0, 80.0] {
            for k in [0.1, 0.3, 1.0, 5.0] {
                let n = k * d * d;
                let curve = record(0, (d, n), 1, Metric::TrainError, 1.0 - (n / (d * d)).ln());
                records.extend([
                    curve,
                    record(0, (d, n), 1, Metric::Norm, 7.0 * d.powf(-1.5)),
                ]);
            }
        }
        let power = estimate(
            Statistic::Exponent("d".to_owned()),
            pick(Metric::Norm),
            &records,
        );
        assert!((power.unwrap().value + 1.5).abs() < 1e-12);
        let threshold = estimate(
            Statistic::Threshold(0.2),
            pick(Metric::TrainError),
            &records,
        );
        assert!((threshold.unwrap().value - 2.0).abs() < 1e-12);
        let never = estimate(
            Statistic::Threshold(9.0),
            pick(Metric::TrainError),
            &records,
        );
        assert!(never.unwrap_err().contains("never crosses"));
    }

    #[test]
    fn neurons_are_reduced_along_a_direction_or_to_the_share_of_a_second_one() {
        let vectors = [(3.0, 4.0), (-3.0, 4.0), (3.0, -4.0), (-3.0, -4.0)];
        let mut records = Vec::new();
        for (i, (x, y)) in (1..).zip(vectors) {
            for (k, value) in [(1, x), (2, y)] {
                records.push(Record {
                    neuron: Some(i),
                    direction: Some(k),
                    ..record(0, (9.0, 9.0), 1, Metric::Overlap, value)
                });
            }
        }
        let of = |neurons, along: &[f64]| {
            let along = along.to_vec();
            let pick = Pick {
                neurons,
                along,
                ..pick(Metric::Overlap)
            };
            estimate(Statistic::Mean, pick, &records).map(|found| found.value)
        };
        assert_eq!(of(Reduce::MeanSquare, &[0.0, 2.0]), Ok(16.0));
        assert!((of(Reduce::MeanSquare, &[1.0, 1.0]).unwrap() - 12.5).abs() < 1e-12);
        assert!((of(Reduce::SecondShare, &[]).unwrap() - 9.0 / 25.0).abs() < 1e-12);
        assert_eq!(of(Reduce::PairSum, &[1.0, 0.0]), Ok(0.0));
        assert!(
            of(Reduce::MeanSquare, &[1.0])
                .unwrap_err()
                .contains("1 entries for 2")
        );
        assert!(of(Reduce::MeanSquare, &[]).unwrap_err().contains("along"));
    }
}
