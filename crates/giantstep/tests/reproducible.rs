//! A run is a function of its experiment, engine, precision and seed: threads change no bit, streams are pinned.
//!
//! Seen to catch: leaves of a sum whose size follows the number of threads, a stream that forgets its step or seed.

use crate::common::{bits, engines, large, run_quietly};
use giantstep::batch::{Engine, Purpose, Role, Stream};
use giantstep::experiment::Experiment;
use giantstep::real::Real;
use serde::Deserialize;
use serde_json::json;

/// The same run on 1, 2 and 4 threads: the bits of each.
fn on_threads<E: Engine>(experiment: &Experiment, engine: impl Fn() -> E + Sync) -> Vec<Vec<u64>> {
    [1, 2, 4]
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads")
                .install(|| bits(&run_quietly(experiment, engine(), 5)))
        })
        .to_vec()
}

fn check<T: Real>(name: &str, experiment: &Experiment) {
    let direct = || engines::direct::<T>(experiment, 5);
    let in_law = || engines::in_law::<T>(experiment, 5);
    for (engine, runs) in [
        ("direct", on_threads(experiment, direct)),
        ("in law", on_threads(experiment, in_law)),
    ] {
        assert!(
            runs[0].len() > 50 && runs[0] == runs[1],
            "{name}, {engine}: 2 threads"
        );
        assert!(runs[0] == runs[2], "{name}, {engine}: 4 threads");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for (name, changes) in [
        ("fresh", json!({})),
        (
            "reused",
            json!({"protocol": {"reuse": 2, "remove_below": 2}}),
        ),
        (
            "batches of a training set",
            json!({
                "protocol": {"batch": 12_000, "training_set": 20_011, "remove_below": 2},
                "readout": {"batch": "training_set"}
            }),
        ),
        (
            "leave-one-out on the same batch",
            json!({"readout": {"batch": "same", "ridge": {"leave_one_out": [0.1, 1.0]}, "intercept": "with"}}),
        ),
        (
            "all layers, polar steps",
            json!({
                "network": {"bias": {"gaussian": 0.5}, "output": "centred"},
                "protocol": {
                    "loss": "logistic", "second_layer": {"step_size": 1}, "biases": {"step_size": 1},
                    "update": "polar", "momentum": {"nesterov": 0.5}
                },
                "evaluation": {"metrics": ["test_error", "error_rate", "network_loss", "neurons"]}
            }),
        ),
    ] {
        let experiment = large(changes);
        check::<f32>(name, &experiment);
        check::<f64>(name, &experiment);
    }
}

#[test]
fn every_seed_is_another_run() {
    let experiment = large(json!({}));
    let all = [0, 1, 5, u64::MAX].map(|seed| {
        let direct = engines::direct::<f64>(&experiment, seed);
        let in_law = engines::in_law::<f64>(&experiment, seed);
        [
            bits(&run_quietly(&experiment, direct, seed)),
            bits(&run_quietly(&experiment, in_law, seed)),
        ]
    });
    for (i, one) in all.iter().enumerate() {
        for other in &all[..i] {
            for (one, other) in one.iter().zip(other) {
                // Coordinates on the frame are triangular, and initial norms 1, whatever the seed.
                let zero = 0f64.to_bits();
                let same = one
                    .iter()
                    .zip(other)
                    .filter(|(x, y)| x == y && **x != zero)
                    .count();
                assert!(same * 20 < one.len(), "two seeds share {same} numbers");
            }
        }
    }
}

/// A stream whose first normals `reference/streams.py` computed.
#[derive(Deserialize)]
struct Pinned {
    seed: u64,
    role: String,
    step: u64,
    block: u64,
    f32: Vec<f64>,
    f64: Vec<f64>,
}

#[test]
fn streams_are_those_of_an_independent_program() {
    let text = include_str!("../../../reference/streams.json");
    let all: Vec<Pinned> = serde_json::from_str(text).expect("saved by streams.py");
    for pinned in all {
        let role = match pinned.role.as_str() {
            "second_layer" => Role::SecondLayer,
            "first_layer" => Role::FirstLayer,
            "training_batch" => Role::Batch(Purpose::Training),
            "test_batch" => Role::Batch(Purpose::Test),
            "training_noise" => Role::Noise(Purpose::Training),
            "training_ledger" => Role::Ledger(Purpose::Training),
            other => panic!("no role {other}"),
        };
        let stream = || Stream::new(pinned.seed, role, pinned.step, pinned.block);
        assert_near::<f32>(stream(), &pinned.f32, 3e-7);
        assert_near::<f64>(stream(), &pinned.f64, 1e-15);
    }
}

fn assert_near<T: Real>(mut stream: Stream, expected: &[f64], precision: f64) {
    let mut found = vec![T::default(); expected.len()];
    stream.fill_normal(&mut found);
    for (found, expected) in found.iter().zip(expected) {
        let distance = (found.to_f64() - expected).abs();
        assert!(
            distance < 4.0 * precision * expected.abs().max(0.1),
            "{found:?} != {expected}"
        );
    }
}

/// The last bits as well: a result is reproduced exactly or this test says that it no longer is.
#[test]
fn bits_of_normals_are_pinned() {
    let (mut single, mut double) = ([0f32; 1001], [0f64; 1001]);
    Stream::new(1, Role::Target, 2, 3).fill_normal(&mut single);
    Stream::new(1, Role::Target, 2, 3).fill_normal(&mut double);
    let fold =
        |bits: u64, sum: u64| (sum.rotate_left(5) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let single = single
        .iter()
        .fold(0, |sum, x| fold(x.to_bits().into(), sum));
    let double = double.iter().fold(0, |sum, x| fold(x.to_bits(), sum));
    assert_eq!(
        (single, double),
        (0x699c_b4d1_18c0_5797, 0xd56f_49dc_7076_1172)
    );
}
