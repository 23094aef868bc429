//! The in-law engine has the law of the direct engine, for every feature of a protocol; two engines that are nearly
//! right are told from it by the same test.
//!
//! Seen to catch, besides those two: Bartlett factors with d - q degrees of freedom in every row, a ledger that
//! forgets along what it was contracted.

use crate::common::protocols::protocols;
use crate::common::{
    STATISTICS, direct, experiment, in_law, kolmogorov_smirnov, run_quietly, sample, statistics,
};
use giantstep::batch::{Access, BatchId, DirectionsLaw, Engine, InLaw, Panel, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::experiment::Experiment;
use giantstep::watch::{Interrupted, Watch};
use serde_json::{Value, json};

/// Seeds of an engine that must be caught, and of all protocols with `ENGINES=all`; the tests take fewer.
const SEEDS: u64 = 4000;
const QUICK: u64 = 1500;

/// Family-wise level over all statistics of all protocols below.
const LEVEL: f64 = 0.01;

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
        let mut experiment = experiment(changes).setup.experiment;
        // Blocks of variances are axes: along axes the target lies in them.
        experiment.directions = DirectionsLaw::Canonical;
        let x = sample(0..seeds, |seed| statistics(&direct(&experiment, seed)));
        let y = sample(0..seeds, |seed| {
            statistics(&in_law(&experiment, seed + 1_000_000))
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
    /// Coordinates along the target are Gaussian, whatever law they have.
    Gaussian,
}

impl Faulty {
    fn new(fault: Fault, experiment: &Experiment, seed: u64) -> Self {
        let dimension = experiment.protocol.dimension;
        let frame = (experiment.target.r + experiment.network.width) as u64;
        let wrong = match fault {
            Fault::Freedom => dimension + frame,
            Fault::Fresh | Fault::Gaussian => dimension,
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
fn a_law_along_the_target_that_is_forgotten_is_caught() {
    let p = least(
        json!({"inputs": {"target": "uniform"}, "protocol": {"reuse": 2}}),
        Fault::Gaussian,
    );
    assert!(p < level(), "p = {p:.1e}");
}

#[test]
fn a_reused_batch_treated_as_fresh_is_caught() {
    let p = least(json!({"protocol": {"reuse": 3, "steps": 3}}), Fault::Fresh);
    assert!(p < level(), "p = {p:.1e}");
}
