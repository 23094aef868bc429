//! The in-law engine has the law of the direct engine, for every feature of a protocol.

mod common;

use common::{STATISTICS, direct, experiment, in_law, kolmogorov_smirnov, sample, statistics};
use serde_json::{Value, json};

const SEEDS: u64 = 4000;

/// Family-wise level over all statistics of all protocols below.
const LEVEL: f64 = 0.01;

fn protocols() -> Vec<(&'static str, Value)> {
    vec![
        ("fresh batches, fresh readout", json!({})),
        (
            "readout on the same batch",
            json!({"readout": {"batch": "same"}}),
        ),
        (
            "one batch reused for three steps",
            json!({"protocol": {"reuse": 3, "steps": 3}}),
        ),
        (
            "correlation loss",
            json!({"protocol": {"loss": "correlation"}}),
        ),
        (
            "loss switched by the error",
            json!({"protocol": {"loss": {"correlation_until": 0.99}}}),
        ),
        (
            "symmetric pairs",
            json!({"network": {"pairing": "symmetric"}}),
        ),
        (
            "symmetric pairs, reused batch",
            json!({"network": {"pairing": "symmetric"}, "protocol": {"reuse": 2}}),
        ),
        (
            "projected steps",
            json!({"protocol": {"geometry": "projected"}}),
        ),
        (
            "spherical steps",
            json!({"protocol": {"geometry": "spherical"}}),
        ),
        (
            "extragradient",
            json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 5}}}),
        ),
        (
            "sharpness-aware",
            json!({"protocol": {"lookahead": {"kind": "sharpness_aware", "radius": 3}}}),
        ),
        (
            "labels without their linear part",
            json!({"protocol": {"remove_below": 2}}),
        ),
        (
            "leave-one-out with intercept, Gaussian layers",
            json!({
                "readout": {"ridge": {"leave_one_out": [0.01, 0.1, 1, 10]}, "intercept": "with"},
                "network": {"first_layer": "gaussian", "second_layer": "gaussian"}
            }),
        ),
        (
            "random features only",
            json!({"protocol": {"steps": 0}, "readout": {"batch": "same"}}),
        ),
        (
            "label noise, single neuron",
            json!({"target": {"noise": 0.5}, "network": {"width": 1}}),
        ),
        (
            "noise alone",
            json!({"target": {"link": "0", "r": 0, "noise": 1.0}}),
        ),
        ("d = r + p + 1", json!({"protocol": {"dimension": 13}})),
        ("d < r + p", json!({"protocol": {"dimension": 9}})),
        (
            "d < r + p, reused batch",
            json!({"protocol": {"dimension": 9, "reuse": 2}}),
        ),
        (
            "frame full after one step, reused batch",
            json!({"protocol": {"dimension": 26, "reuse": 3, "steps": 3}}),
        ),
    ]
}

#[test]
fn both_engines_have_one_law_for_every_protocol() {
    let protocols = protocols();
    let level = LEVEL / (protocols.len() * STATISTICS.len()) as f64;
    for (name, changes) in protocols {
        let checked = experiment(changes);
        let x = sample(0..SEEDS, |seed| {
            statistics(&direct(&checked.experiment, seed))
        });
        let y = sample(0..SEEDS, |seed| {
            statistics(&in_law(&checked.experiment, seed + 1_000_000))
        });
        for ((statistic, x), y) in STATISTICS.iter().zip(&x).zip(&y) {
            let p = kolmogorov_smirnov(x, y);
            if std::env::var_os("SHOW").is_some() {
                let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
                println!(
                    "{name:40} {statistic:24} p = {p:.4}  {:.5} {:.5}",
                    mean(x),
                    mean(y)
                );
            }
            assert!(p > level, "{name}: {statistic} differs in law, p = {p:.1e}");
        }
    }
}
