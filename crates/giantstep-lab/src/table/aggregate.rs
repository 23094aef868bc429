//! From draws to means.

use std::collections::HashMap;
use std::sync::Arc;

use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use serde::{Serialize, Serializer};

use super::{Record, Table};
use crate::plan::Setting;

/// The draws of one quantity over seeds. Serialised without what does not apply; `mean` is null if it is not
/// finite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Number of the point in its plan, from 1.
    pub point: u32,
    /// Samples in a batch.
    pub n: f64,
    /// Input dimension.
    pub d: f64,
    /// Width of the network.
    pub p: u64,
    /// The step size as the number it came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_size: Option<f64>,
    /// The numbers that formulas of other swept keys came to, each under the name of its column.
    #[serde(flatten, serialize_with = "as_numbers")]
    pub numbers: Arc<[(String, f64)]>,
    /// Swept keys with their values as typed, each under its own name.
    #[serde(flatten, serialize_with = "as_map")]
    pub settings: Arc<[Setting]>,
    /// Steps taken.
    pub step: u32,
    /// What was measured.
    pub metric: Metric,
    /// Which neuron.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neuron: Option<u32>,
    /// Which target direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<u32>,
    /// Which place in an ordered list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Which group of neurons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Signs>,
    /// Penalty of the readout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ridge: Option<f64>,
    /// Mean over the draws.
    pub mean: f64,
    /// Standard deviation of one draw (n - 1 in the denominator); none for a single draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// Standard error of the mean; none for a single draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<f64>,
    /// Number of draws.
    pub draws: u64,
}

fn as_numbers<S: Serializer>(
    numbers: &Arc<[(String, f64)]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(numbers.iter().map(|(column, number)| (column, number)))
}

fn as_map<S: Serializer>(settings: &Arc<[Setting]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        settings
            .iter()
            .map(|setting| (&setting.key, &setting.value)),
    )
}

/// Groups rows of one point that differ in nothing but run, seed and value, in the order of their first appearance.
/// Two passes for each group: O(number of rows).
pub fn aggregate<'a>(table: &Table, records: impl IntoIterator<Item = &'a Record>) -> Vec<Row> {
    let mut places = HashMap::new();
    let mut groups: Vec<(&Record, Vec<f64>)> = Vec::new();
    for record in records {
        let place = *places.entry(key(record)).or_insert(groups.len());
        if place == groups.len() {
            groups.push((record, Vec::new()));
        }
        groups[place].1.push(record.value);
    }
    let rows = groups.into_iter();
    rows.map(|(first, values)| row(table, first, &values))
        .collect()
}

fn key(record: &Record) -> impl Eq + std::hash::Hash + use<> {
    let Record {
        point,
        step,
        metric,
        neuron,
        direction,
        rank,
        group,
        ridge,
        // The point has one n, d and p.
        run: _,
        seed: _,
        n: _,
        d: _,
        p: _,
        value: _,
    } = *record;
    let ridge = ridge.map(f64::to_bits);
    (point, step, metric, neuron, direction, rank, group, ridge)
}

fn row(table: &Table, first: &Record, values: &[f64]) -> Row {
    let draws = values.len() as f64;
    let mean = values.iter().sum::<f64>() / draws;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let sd = (values.len() > 1).then(|| (squares / (draws - 1.0)).sqrt());
    let common = table.points.get(&first.point);
    Row {
        point: first.point,
        n: first.n,
        d: first.d,
        p: first.p,
        step_size: common.map(|common| common.step_size),
        numbers: common.map_or_else(|| Arc::from([]), |common| common.numbers.clone()),
        settings: common.map_or_else(|| Arc::from([]), |common| common.settings.clone()),
        step: first.step,
        metric: first.metric,
        neuron: first.neuron,
        direction: first.direction,
        rank: first.rank,
        group: first.group,
        ridge: first.ridge,
        mean,
        sd,
        stderr: sd.map(|sd| sd / draws.sqrt()),
        draws: values.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Common;

    fn table(records: &[Record]) -> Table {
        let eta = Setting {
            position: 1,
            ..Setting::new("protocol.step_size", "p/8".into())
        };
        let common = Common {
            step_size: 0.5,
            numbers: [].into(),
            settings: [eta].into(),
        };
        Table {
            points: [(1, common)].into(),
            records: records.to_vec(),
        }
    }

    fn rows(records: &[Record]) -> Vec<Row> {
        aggregate(&table(records), records)
    }

    fn draw(seed: u64, step: u32, value: f64) -> Record {
        Record {
            point: 1,
            seed,
            n: 100.0,
            d: 10.0,
            p: 4,
            step,
            ..Record::new(Metric::TestError, value)
        }
    }

    #[test]
    fn draws_are_averaged_over_seeds_only() {
        let rows = rows(&[
            draw(1, 0, 1.0),
            draw(1, 1, 5.0),
            draw(2, 0, 3.0),
            draw(3, 0, 8.0),
        ]);
        let found: Vec<_> = rows.iter().map(|row| (row.step, row.draws)).collect();
        assert_eq!(found, [(0, 3), (1, 1)]);
        assert_eq!(rows[0].mean, 4.0);
        assert_eq!(rows[0].sd, Some(13_f64.sqrt()));
        assert_eq!(rows[0].stderr, Some(13_f64.sqrt() / 3_f64.sqrt()));
        assert_eq!((rows[1].sd, rows[1].stderr), (None, None));
    }

    #[test]
    fn every_place_separates() {
        let base = draw(1, 0, 1.0);
        let others = [
            Record { point: 2, ..base },
            Record { step: 1, ..base },
            Record {
                metric: Metric::Norm,
                ..base
            },
            Record {
                neuron: Some(0),
                ..base
            },
            Record {
                direction: Some(0),
                ..base
            },
            Record {
                rank: Some(0),
                ..base
            },
            Record {
                group: Some(Signs::Positive),
                ..base
            },
            Record {
                ridge: Some(0.0),
                ..base
            },
        ];
        let mut all = vec![base];
        all.extend(others);
        assert_eq!(rows(&all).len(), all.len());
        assert!(rows(&[]).is_empty());
    }

    #[test]
    fn json_says_what_was_typed_and_only_what_applies() {
        let json = serde_json::to_string(&rows(&[draw(1, 2, 0.5)])).unwrap();
        let expected = concat!(
            r#"[{"point":1,"n":100.0,"d":10.0,"p":4,"step_size":0.5,"protocol.step_size":"p/8","step":2,"#,
            r#""metric":"test_error","mean":0.5,"draws":1}]"#
        );
        assert_eq!(json, expected);
    }
}
