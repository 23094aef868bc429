//! The numbers version: [`giantstep::NUMBERS`] beside the numbers that runs give.
//!
//! The rule: where a change moves any number here by more than rounding, raise `NUMBERS` by one and write the values
//! anew, in the same commit, with `NEW_NUMBERS=1 cargo test --release -p giantstep numbers::`. Kept runs of the
//! earlier version are then refused beside new ones. What leaves all numbers alone leaves the version alone.
//!
//! Seen to catch: a value moved by a hundredth, values of another version, values written anew under the same version.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::common::{experiment, merge};
use giantstep::{Outcome, Watch, run};
use serde_json::{Value, json};

/// Mean over the rows of one case, step and metric.
type Numbers = BTreeMap<String, f64>;

fn cases() -> Vec<(&'static str, Value)> {
    let metrics = [
        "test_error",
        "train_error",
        "norm",
        "weight_cosine",
        "gradient_cosine",
        "neurons",
        "singular_values",
        "covariance",
    ];
    let metrics = json!({"evaluation": {"metrics": metrics}});
    let all = [
        (
            "fresh",
            json!({"protocol": {"batch": 1000}, "readout": {"ridge": [0.0, 1.0]}}),
        ),
        (
            "reused",
            json!({
                "protocol": {"reuse": 2, "remove_below": 2, "steps": 3},
                "readout": {"batch": "same", "ridge": {"leave_one_out": [0.1, 10.0]}, "intercept": "with"}
            }),
        ),
        (
            "lookahead",
            json!({
                "target": {"noise": 0.1},
                "network": {"activation": "tanh(x)", "pairing": "symmetric", "first_layer": "gaussian"},
                "protocol": {"geometry": "spherical", "lookahead": {"kind": "extragradient", "radius": 1}}
            }),
        ),
    ];
    all.into_iter()
        .map(|(name, mut spec)| {
            merge(&mut spec, metrics.clone());
            (name, spec)
        })
        .collect()
}

fn computed() -> Numbers {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (name, spec) in cases() {
        for engine in ["direct", "in_law"] {
            for precision in ["f32", "f64"] {
                let mut spec = spec.clone();
                merge(
                    &mut spec,
                    json!({"run": {"engine": engine, "precision": precision}}),
                );
                let run = run(&experiment(spec).setup, 7, &Watch::default());
                assert_eq!(run.outcome, Outcome::Completed);
                for m in &run.measurements {
                    let key = format!("{name} {engine} {precision} {} {}", m.step, m.metric);
                    let (sum, count) = sums.entry(key).or_default();
                    *sum += m.value;
                    *count += 1.0;
                }
            }
        }
    }
    sums.into_iter()
        .map(|(key, (sum, count))| (key, sum / count))
        .collect()
}

/// Rounding on another type of processor: the precision of the data path, and what a few steps make of it.
fn tolerance(key: &str) -> f64 {
    if key.contains(" f32 ") { 1e-3 } else { 1e-9 }
}

fn read(text: &str) -> (u32, Numbers) {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let version = lines
        .next()
        .and_then(|line| line.strip_prefix("version ")?.parse().ok());
    let numbers = lines.map(|line| {
        let (key, value) = line.rsplit_once(' ').expect("a key and a value");
        (key.to_owned(), value.parse().expect("a number"))
    });
    (version.expect("a version"), numbers.collect())
}

#[test]
fn numbers_change_with_their_version_alone() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numbers.txt");
    let computed = computed();
    let (version, golden) = read(&std::fs::read_to_string(&file).expect("golden values"));
    if std::env::var_os("NEW_NUMBERS").is_some() {
        assert!(
            giantstep::NUMBERS > version,
            "raise giantstep::NUMBERS above {version} first"
        );
        let mut text = format!(
            "# What runs give, written by tests/numbers.rs: case, engine, precision, step, metric, mean.\nversion {}\n",
            giantstep::NUMBERS
        );
        for (key, value) in &computed {
            writeln!(text, "{key} {value}").expect("text");
        }
        std::fs::write(&file, text).expect("written");
        return;
    }
    assert_eq!(
        version,
        giantstep::NUMBERS,
        "the values are those of another version"
    );
    let keys = |numbers: &Numbers| numbers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&computed), keys(&golden), "other metrics are recorded");
    let moved: Vec<_> = computed
        .iter()
        .filter(|(key, value)| {
            let golden = golden[*key];
            let apart = (*value - golden).abs();
            !(apart <= tolerance(key) * (1.0 + golden.abs()))
        })
        .map(|(key, value)| format!("{key}: {value}, was {}", golden[key]))
        .collect();
    assert!(
        moved.is_empty(),
        "{} of {} numbers have moved; if that is meant, raise giantstep::NUMBERS and write them anew:\n{}",
        moved.len(),
        golden.len(),
        moved.join("\n")
    );
}
