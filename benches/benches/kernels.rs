//! The kernels of which a run is made, each at the size at which it matters:
//! `cargo bench --manifest-path benches/Cargo.toml`. Numbers of one machine compare with numbers of the same minutes alone.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, analyze};
use giantstep::batch::{Role, Stream};
use giantstep::expr::Link;
use giantstep::{Setup, Spec, Trainer, Watch};

fn main() {
    divan::main();
}

/// N(0, 1) into a column that stays in the cache.
#[divan::bench(types = [f32, f64])]
fn normals<T: giantstep::real::Real>(bencher: Bencher) {
    let mut stream = Stream::new(1, Role::Frame, 0, 0);
    let mut column = vec![T::default(); 1 << 14];
    let bencher = bencher.counter(ItemsCount::new(column.len()));
    bencher.bench_local(|| stream.fill_normal(black_box(&mut column)));
}

/// An activation on a whole column.
#[divan::bench(args = ["relu(x)", "tanh(x)", "erf(x)", "He3(x)"])]
fn activation(bencher: Bencher, text: &str) {
    let activation = Activation::parse(text).expect("an activation");
    let fields: Vec<f32> = (0..1 << 14).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
    let mut out = vec![0.0f32; fields.len()];
    let bencher = bencher.counter(ItemsCount::new(fields.len()));
    bencher.bench_local(|| activation.value_column(black_box(&fields), black_box(&mut out)));
}

/// A link of three directions on whole columns.
#[divan::bench]
fn link(bencher: Bencher) {
    let link = Link::parse("z1 + z1*z2 + z1*z2*z3", None).expect("a link");
    let fields: Vec<f32> = (0..1 << 14).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
    let mut out = vec![0.0f32; fields.len()];
    let bencher = bencher.counter(ItemsCount::new(fields.len()));
    bencher.bench_local(|| link.eval_columns(black_box(&[&fields[..]; 3]), black_box(&mut out)));
}

fn setup(engine: &str, d: u64, n: u64, p: u64, readout: &str) -> Setup {
    let metrics = if readout == "never" { "norm" } else { "test_error" };
    let spec: Spec = serde_json::from_value(serde_json::json!({
        "target": { "link": "z1 + z1*z2" },
        "network": { "width": p },
        "protocol": { "dimension": d, "steps": 1, "batch": n, "step_size": "p" },
        "readout": { "after": readout, "batch": "fresh" },
        "evaluation": { "metrics": [metrics], "test_samples": 1000 },
        "run": { "engine": engine, "seeds": 1 }
    }))
    .expect("an experiment");
    spec.check().expect("a setup").setup
}

/// One giant step; rows a second.
#[divan::bench(args = [("direct", 1000, 10_000, 256), ("direct", 1000, 10_000, 64), ("in_law", 100_000, 100_000, 64)])]
fn step(bencher: Bencher, (engine, d, n, p): (&str, u64, u64, u64)) {
    let setup = setup(engine, d, n, p, "never");
    let watch = Watch::default();
    bencher
        .counter(ItemsCount::new(n))
        .with_inputs(|| Trainer::new(&setup, 0, &watch))
        .bench_local_refs(|trainer| trainer.step(&watch));
}

/// Five giant steps on one batch, held in law.
#[divan::bench(sample_count = 10)]
fn held(bencher: Bencher) {
    let spec: Spec = serde_json::from_value(serde_json::json!({
        "target": { "link": "z1 + z1*z2" },
        "network": { "width": 64 },
        "protocol": { "dimension": 100_000, "steps": 5, "batch": 100_000, "reuse": 5, "step_size": "p" },
        "readout": { "after": "never" },
        "evaluation": { "metrics": ["norm"], "test_samples": 1000 },
        "run": { "engine": "in_law", "seeds": 1 }
    }))
    .expect("an experiment");
    let setup = spec.check().expect("a setup").setup;
    let watch = Watch::default();
    bencher.with_inputs(|| Trainer::new(&setup, 0, &watch)).bench_local_refs(|trainer| {
        while trainer.step(&watch).is_some() {}
    });
}

/// A readout of p features on n rows, with its test, beside the step before it.
#[divan::bench(args = [(2000, 400), (400, 2000)])]
fn readout(bencher: Bencher, (n, p): (u64, u64)) {
    let setup = setup("in_law", 1000, n, p, "last");
    let watch = Watch::default();
    bencher
        .with_inputs(|| Trainer::new(&setup, 0, &watch))
        .bench_local_refs(|trainer| trainer.step(&watch));
}

/// What giant steps can learn of a link.
#[divan::bench(args = ["z1 + z1*z2", "sign(z1*z2*z3)", "z1*tanh(z2)"], sample_count = 10)]
fn analysis(link: &str) {
    let link = Link::parse(link, None).expect("a link");
    let relu = Activation::parse("relu(x)").expect("an activation");
    black_box(analyze(&link, &relu, AnalysisOptions::default()).expect("a report"));
}
