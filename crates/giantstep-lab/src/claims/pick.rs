//! Which number of each run a check is about.

use giantstep::faer::{Mat, Side};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Point};
use crate::table::Record;

/// One number of each run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// The metric.
    pub metric: Metric,
    /// The step; the last if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// The title of the points; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The sign of the second layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Signs>,
    /// A vector in the coordinates of the target: its direction, not its length, counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<f64>,
    /// The rank of a singular value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// What is made of the values of single neurons, where it is not the recorded mean.
    #[serde(default)]
    pub neurons: Reduce,
}

/// What is made of the values of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// The mean that the run has recorded.
    #[default]
    Recorded,
    /// The mean square over neurons.
    MeanSquare,
    /// The largest `|v_i + v_{p+1-i}|` over the largest `|v_i|`: 0 if mirrored neurons are opposite.
    PairSum,
    /// The share of the second eigenvalue in `(1/p) sum_i v_i v_i^T`, v_i in the coordinates of the target: 0 if
    /// all neurons share a line.
    SecondShare,
}

/// The sizes of a draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    /// Input dimension.
    pub d: f64,
    /// Batch.
    pub n: f64,
    /// Width.
    pub p: f64,
}

impl Sizes {
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let by_n = || self.n.total_cmp(&other.n);
        let by_p = || self.p.total_cmp(&other.p);
        self.d.total_cmp(&other.d).then_with(by_n).then_with(by_p)
    }
}

/// One number of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    pub seed: u64,
    pub sizes: Sizes,
    pub value: f64,
}

impl Pick {
    /// One number for each run.
    pub(super) fn draws(&self, plan: &Plan, records: &[Record]) -> Result<Vec<Draw>, String> {
        let wanted = self.at.as_deref().map(|title| titled(plan, title));
        let wanted = wanted.transpose()?;
        let fits = |record: &&Record| {
            record.metric == self.metric
                && wanted
                    .as_ref()
                    .is_none_or(|points| points.contains(&record.point))
                && record.neuron.is_some() == (self.neurons != Reduce::Recorded)
                && (self.group.is_none() || record.group == self.group)
                && record.rank == self.rank
        };
        let chosen: Vec<&Record> = records.iter().filter(fits).collect();
        let mut runs: Vec<(&Record, Vec<&Record>)> = Vec::new();
        for record in chosen {
            if self.step.is_some_and(|step| record.step != step) {
                continue;
            }
            // The records of a run follow each other.
            match runs.last_mut().filter(|(first, _)| first.run == record.run) {
                Some(run) if run.0.step < record.step => *run = (record, vec![record]),
                Some(run) => run.1.push(record),
                None => runs.push((record, vec![record])),
            }
        }
        if runs.is_empty() {
            return Err(format!("nothing was measured of {}", self.describe()));
        }
        runs.into_iter()
            .map(|(first, values)| {
                let sizes = Sizes {
                    d: first.d,
                    n: first.n,
                    p: first.p as f64,
                };
                let value = self.reduce(&values)?;
                Ok(Draw {
                    seed: first.seed,
                    sizes,
                    value,
                })
            })
            .collect()
    }

    /// One number from the records of one run.
    fn reduce(&self, records: &[&Record]) -> Result<f64, String> {
        let value = match self.neurons {
            Reduce::Recorded => {
                let values = self.projected(records)?;
                values.iter().sum::<f64>() / values.len() as f64
            }
            Reduce::MeanSquare => {
                let values = self.projected(records)?;
                values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64
            }
            Reduce::PairSum => {
                let values = self.projected(records)?;
                let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
                let mirrored = values.iter().zip(values.iter().rev());
                let sum = mirrored.map(|(a, b)| (a + b).abs()).fold(0.0, f64::max);
                sum / largest
            }
            Reduce::SecondShare => {
                let r = directions(records);
                let values = by_direction(records, r);
                let moment = Mat::from_fn(r, r, |i, j| {
                    let products = values[i].iter().zip(&values[j]).map(|(a, b)| a * b);
                    products.sum::<f64>()
                });
                let mut shares = moment
                    .self_adjoint_eigenvalues(Side::Lower)
                    .map_err(|_| "no eigenvalues of numbers that are not finite".to_owned())?;
                shares.reverse();
                let second = shares.get(1).ok_or("a second share needs two directions")?;
                second / shares.iter().sum::<f64>()
            }
        };
        Ok(value)
    }

    /// The values of single neurons or groups, along the direction if there is one.
    fn projected(&self, records: &[&Record]) -> Result<Vec<f64>, String> {
        if self.along.is_empty() {
            return match records.iter().any(|record| record.direction.is_some()) {
                true => Err(format!("{} needs `along`", self.metric)),
                false => Ok(records.iter().map(|record| record.value).collect()),
            };
        }
        let r = directions(records);
        if r != self.along.len() {
            let given = self.along.len();
            return Err(format!("`along` has {given} entries for {r} directions"));
        }
        let norm = self.along.iter().map(|v| v * v).sum::<f64>().sqrt();
        let values = by_direction(records, r);
        Ok((0..values[0].len())
            .map(|i| {
                let terms = self.along.iter().zip(&values).map(|(a, v)| a * v[i]);
                terms.sum::<f64>() / norm
            })
            .collect())
    }

    pub(super) fn describe(&self) -> String {
        let mut text = match self.neurons {
            Reduce::Recorded => self.metric.to_string(),
            Reduce::MeanSquare => format!("squared {}", self.metric),
            Reduce::PairSum => format!("sum over mirrored neurons of {}", self.metric),
            Reduce::SecondShare => format!("second share of {}", self.metric),
        };
        if !self.along.is_empty() {
            let entries: Vec<String> = self.along.iter().map(f64::to_string).collect();
            text.push_str(&format!(" along ({})", entries.join(", ")));
        }
        if let Some(rank) = self.rank {
            text.push_str(&format!(" {rank}"));
        }
        if let Some(group) = &self.group {
            text.push_str(&format!(", a {group}"));
        }
        if let Some(step) = self.step {
            text.push_str(&format!(", step {step}"));
        }
        if let Some(at) = &self.at {
            text.push_str(&format!(", {at}"));
        }
        text
    }
}

fn directions(records: &[&Record]) -> usize {
    let largest = records.iter().filter_map(|record| record.direction).max();
    largest.unwrap_or(0) as usize
}

/// The values of each direction, in the order of neurons.
fn by_direction(records: &[&Record], r: usize) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::new(); r];
    for record in records {
        if let Some(k) = record.direction {
            values[k as usize - 1].push(record.value);
        }
    }
    values
}

/// The numbers, from 1, of the points of a title.
pub(super) fn titled(plan: &Plan, title: &str) -> Result<Vec<u32>, String> {
    let here = |point: &Point| {
        let mut settings = point.settings.iter();
        settings.any(|setting| setting.key == "title" && setting.label() == title)
    };
    let points = (1..).zip(&plan.points).filter(|(_, point)| here(point));
    let points: Vec<u32> = points.map(|(number, _)| number).collect();
    match points.is_empty() {
        true => Err(format!("no point has the title \"{title}\"")),
        false => Ok(points),
    }
}
