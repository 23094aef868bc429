//! From draws to means.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use super::Record;

/// The draws of one quantity over seeds. Serialised without what does not apply; `mean` is null if it is not
/// finite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Samples in a batch.
    pub n: f64,
    /// Input dimension.
    pub d: f64,
    /// Width of the network.
    pub p: u64,
    /// Further sweep axes, each under its own name.
    #[serde(flatten, serialize_with = "as_map")]
    pub axes: Vec<(String, f64)>,
    /// Steps taken.
    pub step: u32,
    /// What was measured.
    pub metric: String,
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
    pub group: Option<String>,
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

fn as_map<S: Serializer>(axes: &[(String, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(axes.iter().map(|(name, value)| (name, value)))
}

/// Groups records that differ in nothing but seed and value, in the order of their first appearance.
/// Two passes for each group: O(number of records).
pub fn aggregate(records: &[Record]) -> Vec<Row> {
    let mut places = HashMap::new();
    let mut groups: Vec<(&Record, Vec<f64>)> = Vec::new();
    for record in records {
        let place = *places.entry(key(record)).or_insert(groups.len());
        if place == groups.len() {
            groups.push((record, Vec::new()));
        }
        groups[place].1.push(record.value);
    }
    groups
        .into_iter()
        .map(|(first, values)| row(first, &values))
        .collect()
}

fn key(record: &Record) -> impl Eq + std::hash::Hash + use<'_> {
    let Record {
        n,
        d,
        p,
        step,
        metric,
        neuron,
        direction,
        rank,
        group,
        ridge,
        axes,
        seed: _,
        value: _,
    } = record;
    let mut axes: Vec<_> = axes
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_bits()))
        .collect();
    axes.sort_unstable();
    let place = (n.to_bits(), d.to_bits(), p, step, axes);
    (
        place,
        metric,
        neuron,
        direction,
        rank,
        group,
        ridge.map(f64::to_bits),
    )
}

fn row(first: &Record, values: &[f64]) -> Row {
    let draws = values.len() as f64;
    let mean = values.iter().sum::<f64>() / draws;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let sd = (values.len() > 1).then(|| (squares / (draws - 1.0)).sqrt());
    let Record {
        n,
        d,
        p,
        step,
        metric,
        neuron,
        direction,
        rank,
        group,
        ridge,
        axes,
        ..
    } = first.clone();
    let stderr = sd.map(|sd| sd / draws.sqrt());
    let draws = values.len() as u64;
    Row {
        n,
        d,
        p,
        axes,
        step,
        metric,
        neuron,
        direction,
        rank,
        group,
        ridge,
        mean,
        sd,
        stderr,
        draws,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, step: u32, value: f64) -> Record {
        let axes = vec![("eta".to_owned(), 0.5)];
        Record {
            seed,
            n: 100.0,
            d: 10.0,
            p: 4,
            step,
            metric: "test_error".into(),
            value,
            axes,
            ..Record::default()
        }
    }

    #[test]
    fn draws_are_averaged_over_seeds_only() {
        let records = [
            draw(1, 0, 1.0),
            draw(1, 1, 5.0),
            draw(2, 0, 3.0),
            draw(3, 0, 8.0),
        ];
        let rows = aggregate(&records);
        assert_eq!(
            rows.iter()
                .map(|row| (row.step, row.draws))
                .collect::<Vec<_>>(),
            [(0, 3), (1, 1)]
        );
        assert_eq!(rows[0].mean, 4.0);
        assert_eq!(rows[0].sd, Some(13_f64.sqrt()));
        assert_eq!(rows[0].stderr, Some(13_f64.sqrt() / 3_f64.sqrt()));
        assert_eq!((rows[1].sd, rows[1].stderr), (None, None));
    }

    #[test]
    fn every_column_but_seed_and_value_separates() {
        let base = draw(1, 0, 1.0);
        let others = [
            Record {
                n: 101.0,
                ..base.clone()
            },
            Record {
                d: 11.0,
                ..base.clone()
            },
            Record {
                p: 5,
                ..base.clone()
            },
            Record {
                metric: "norm".into(),
                ..base.clone()
            },
            Record {
                neuron: Some(0),
                ..base.clone()
            },
            Record {
                direction: Some(0),
                ..base.clone()
            },
            Record {
                rank: Some(0),
                ..base.clone()
            },
            Record {
                group: Some("+".into()),
                ..base.clone()
            },
            Record {
                ridge: Some(0.0),
                ..base.clone()
            },
            Record {
                axes: vec![("eta".into(), 0.25)],
                ..base.clone()
            },
            Record {
                axes: vec![],
                ..base.clone()
            },
        ];
        let mut all = vec![base];
        all.extend(others);
        assert_eq!(aggregate(&all).len(), all.len());
        assert!(aggregate(&[]).is_empty());
    }

    #[test]
    fn json_says_only_what_applies() {
        let json = serde_json::to_string(&aggregate(&[draw(1, 2, 0.5)])).unwrap();
        let expected = r#"[{"n":100.0,"d":10.0,"p":4,"eta":0.5,"step":2,"metric":"test_error","mean":0.5,"draws":1}]"#;
        assert_eq!(json, expected);
    }
}
