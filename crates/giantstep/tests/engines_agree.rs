//! The in-law engine has the law of the direct engine, for every feature of a protocol; two engines that are nearly
//! right are told from it by the same test.
//!
//! Seen to catch, besides those two: Bartlett factors with d - q degrees of freedom in every row, a ledger that
//! forgets along what it was contracted.

use crate::common::{
    STATISTICS, direct, experiment, in_law, kolmogorov_smirnov, run_quietly, sample, statistics,
};
use giantstep::batch::{Access, BatchId, Engine, InLaw, Panel, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::experiment::Experiment;
use giantstep::watch::{Interrupted, Watch};
use serde_json::{Value, json};

/// Seeds of an engine that must be caught, and of all protocols with `ENGINES=all`; the tests take fewer.
const SEEDS: u64 = 4000;
const QUICK: u64 = 1500;

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
        (
            "absolute loss, decreasing steps",
            json!({"protocol": {"loss": "absolute", "step_size": "2*p/t"}}),
        ),
        (
            "logistic loss of signs, readouts of their own size",
            json!({
                "target": {"link": "sign(z1 + z2/2)"},
                "protocol": {"loss": "logistic"},
                "readout": {"samples": "n/2"}
            }),
        ),
        (
            "both layers, biases, centred output, reused batch",
            json!({
                "network": {"bias": {"gaussian": 0.5}, "output": "centred", "scale": "2/sqrt(p)"},
                "protocol": {"second_layer": {"step_size": 0.5}, "biases": {"step_size": "p/2"}, "reuse": 2}
            }),
        ),
        (
            "heavy ball, weight decay",
            json!({"protocol": {"steps": 3, "momentum": {"heavy_ball": 0.8}, "weight_decay": "0.2/p"}}),
        ),
        (
            "Nesterov with clipped rows, reused batch",
            json!({"protocol": {"steps": 3, "reuse": 3, "momentum": {"nesterov": 0.8}, "clip": {"rows": 0.05}}}),
        ),
        (
            "polar steps with momentum",
            json!({"protocol": {"update": "polar", "step_size": 1, "momentum": {"heavy_ball": 0.5}}}),
        ),
        (
            "normalised steps, clipped as a whole, projected",
            json!({
                "protocol": {"update": "normalised", "step_size": 1, "clip": {"whole": 0.1}, "geometry": "projected"}
            }),
        ),
        (
            "random numbers inside the link, reused batch",
            json!({
                "target": {"link": "sign(z1 + z2/2 + 0.3*e1)*(1 + u1) + e2*z1"},
                "protocol": {"reuse": 2}
            }),
        ),
        (
            "one sample a step",
            json!({"protocol": {"batch": 1, "steps": 100, "step_size": "2*p/d"}, "evaluation": {"record": "last"}}),
        ),
        (
            "three samples a step, heavy ball, both layers",
            json!({
                "protocol": {
                    "batch": 3, "steps": 30, "step_size": "p/d", "momentum": {"heavy_ball": 0.5},
                    "second_layer": {"step_size": "1/d"}
                },
                "evaluation": {"record": "last"}
            }),
        ),
        (
            "directions that overlap",
            json!({"target": {"gram": [[1.0, 0.6], [0.6, 2.0]]}}),
        ),
        (
            "averaged weights, reused batch",
            json!({"protocol": {"steps": 4, "reuse": 2, "average_from": 2}}),
        ),
        (
            "logistic readout of signs",
            json!({"target": {"link": "sign(z1 + z2/2)"}, "readout": {"loss": "logistic", "ridge": 0.1, "intercept": "with"}}),
        ),
        (
            "frame full of single samples",
            json!({"protocol": {"dimension": 30, "batch": 2, "steps": 20, "step_size": "p/d"}, "evaluation": {"record": "last"}}),
        ),
        (
            "batches of a training set, two epochs",
            json!({"protocol": {"training_set": 330, "steps": 3}, "target": {"noise": 0.2}}),
        ),
        (
            "rows with replacement, both layers, labels without their linear part, random numbers inside the link",
            json!({
                "target": {"link": "(z1 + z1^2 + z2 - z2^2)/2 + e1*z1/4 + u1"},
                "protocol": {
                    "training_set": 170, "sampling": "with_replacement", "steps": 3, "remove_below": 2,
                    "second_layer": {"step_size": 0.5}
                },
                "readout": {"batch": "same"}
            }),
        ),
        (
            "d < r + p, a readout on the training set",
            json!({"protocol": {"dimension": 9, "training_set": 200}, "readout": {"batch": "training_set"}}),
        ),
        (
            "inputs of three variances, the target in two of them",
            json!({"inputs": {"spectrum": [[3, "1/d"], [0.3, 0.05], [1, "0.95 - 1/d"]]}}),
        ),
        (
            "inputs of two variances, the target in the largest block, reused batch",
            json!({"inputs": {"spectrum": [[1, 0.9], [5, 0.1]]}, "protocol": {"reuse": 2}}),
        ),
        (
            "a spike beside the target",
            json!({"inputs": {"spike": {"along": [0.5, 0.3], "strength": "d^0.5"}}, "protocol": {"step_size": "p/4"}}),
        ),
        (
            "a spike along the target, reused batch with momentum",
            json!({
                "inputs": {"spike": {"along": "target", "strength": 2}},
                "protocol": {"reuse": 2, "steps": 3, "momentum": {"heavy_ball": 0.5}, "step_size": "p/2"}
            }),
        ),
        (
            "growing batches, the last used twice",
            json!({"protocol": {"batch": "40 + 60*t", "steps": 4, "reuse": 2}}),
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

/// The level of one comparison.
fn level() -> f64 {
    LEVEL / (protocols().len() * STATISTICS.len()) as f64
}

#[test]
fn both_engines_have_one_law_for_every_protocol() {
    let asked = std::env::var("ENGINES").unwrap_or_default();
    let (seeds, part) = match asked.as_str() {
        "all" => (SEEDS, ""),
        part => (QUICK, part),
    };
    let mut protocols = protocols();
    protocols.retain(|(name, _)| name.contains(part));
    assert!(!protocols.is_empty(), "no protocol is called `{part}`");
    for (name, changes) in protocols {
        let checked = experiment(changes);
        let x = sample(0..seeds, |seed| {
            statistics(&direct(&checked.setup.experiment, seed))
        });
        let y = sample(0..seeds, |seed| {
            statistics(&in_law(&checked.setup.experiment, seed + 1_000_000))
        });
        for ((statistic, x), y) in STATISTICS.iter().zip(&x).zip(&y) {
            let p = kolmogorov_smirnov(x, y);
            assert!(
                p > level(),
                "{name}: {statistic} differs in law, p = {p:.1e}"
            );
        }
    }
}

/// The in-law engine with one fault.
struct Faulty {
    inner: InLaw<f64>,
    fault: Fault,
    dimension: u64,
    sweeps: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Wishart matrices of d degrees of freedom, as if the frame took none of them.
    Freedom,
    /// Every touch of a batch sees a new one.
    Fresh,
}

impl Faulty {
    fn new(fault: Fault, experiment: &Experiment, seed: u64) -> Self {
        let dimension = experiment.protocol.dimension;
        let frame = (experiment.target.r + experiment.network.width) as u64;
        let wrong = match fault {
            Fault::Freedom => dimension + frame,
            Fault::Fresh => dimension,
        };
        Self {
            inner: InLaw::new(wrong, seed),
            fault,
            dimension,
            sweeps: 0,
        }
    }
}

impl Engine for Faulty {
    type Real = f64;
    type Batch = (BatchId, u64, <InLaw<f64> as Engine>::Batch);

    fn dimension(&self) -> u64 {
        self.dimension
    }

    fn target(&mut self, r: usize) -> Directions {
        self.inner.target(r)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        let mut vectors = self.inner.gaussian(rows);
        let scale = (self.inner.dimension() as f64 / self.dimension as f64).sqrt();
        vectors.scale(|_| scale);
        vectors
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> Self::Batch {
        (id, rows, self.inner.open(id, rows, access))
    }

    fn sweep(
        &mut self,
        (id, rows, batch): &mut Self::Batch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, f64>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        if self.fault == Fault::Fresh {
            self.sweeps += 1;
            let index = id.index + (self.sweeps << 32);
            *batch = self
                .inner
                .open(BatchId { index, ..*id }, *rows, Access::Once);
        }
        self.inner.sweep(batch, sweep, visit, watch)
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        self.inner.keep_only(known);
    }
}

/// The least p-value over all statistics, of the faulty engine against the direct one.
fn least(changes: Value, fault: Fault) -> f64 {
    let experiment = experiment(changes).setup.experiment;
    let x = sample(0..SEEDS, |seed| statistics(&direct(&experiment, seed)));
    let y = sample(1_000_000..1_000_000 + SEEDS, |seed| {
        let engine = Faulty::new(fault, &experiment, seed);
        statistics(&run_quietly(&experiment, engine, seed))
    });
    let each = x.iter().zip(&y).map(|(x, y)| kolmogorov_smirnov(x, y));
    each.fold(1.0, f64::min)
}

#[test]
fn a_wishart_with_wrong_degrees_of_freedom_is_caught() {
    let p = least(json!({}), Fault::Freedom);
    assert!(p < level(), "p = {p:.1e}");
}

#[test]
fn a_training_set_that_is_drawn_anew_is_caught() {
    let p = least(
        json!({"protocol": {"training_set": 170, "steps": 3}}),
        Fault::Fresh,
    );
    assert!(p < level(), "p = {p:.1e}");
}

#[test]
fn a_reused_batch_treated_as_fresh_is_caught() {
    let p = least(json!({"protocol": {"reuse": 3, "steps": 3}}), Fault::Fresh);
    assert!(p < level(), "p = {p:.1e}");
}
