//! What a run will cost, before it is started, and on which engine.

mod memory;

use serde::Serialize;

use crate::baseline::Method;
use crate::batch::products::{COEFFICIENTS, DIRECTIONS};
use crate::batch::{EngineKind, FEW, LOOSE};
use crate::experiment::{Experiment, Origin};
use crate::labels::Removal;
use crate::metric::MetricGroup;
use crate::readout::{Intercept, ReadoutLoss, Ridge};
use crate::real::Precision;
use crate::setup::{EngineChoice, Setup};

/// The cost of one run (one seed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Floating-point operations of the products with batches (a multiply-add is two).
    pub flops: f64,
    /// Normals drawn.
    pub normals: f64,
    /// Pre-activations on which the activation is evaluated.
    pub activations: f64,
    /// Functions of the link that are evaluated.
    pub functions: f64,
    /// Passes over batches, each with what it costs however small it is.
    pub passes: f64,
    /// Rows that pass by, of all batches: the unit of progress.
    pub rows: u64,
    /// Numbers recorded, those of single neurons included.
    pub recorded: u64,
    /// Of these, numbers that are not of a single neuron.
    pub shared: u64,
    /// Most numbers that one step records.
    pub widest: u64,
    /// Cosines of single neurons' gradients, which figures show.
    pub drawn: u64,
    /// Largest memory in bytes, on one rank.
    pub memory: f64,
    /// Of it, the rows of a held batch, which several ranks divide among them.
    pub held: f64,
    /// Of it, rows that are given: there before the first run, and shared by all runs of a process.
    pub given: f64,
}

/// A normal costs about as much time as this many flops of a product, and so does an activation.
const FLOPS_PER_NORMAL: f64 = 100.0;
const FLOPS_PER_ACTIVATION: f64 = 60.0;
/// So does what a step does once: its streams, its stacks of directions, its bookkeeping; about three microseconds.
const FLOPS_PER_PASS: f64 = 2.5e5;
/// And a function of the link, which is evaluated in double precision, one number after the other: about ten nanoseconds.
const FLOPS_PER_FUNCTION: f64 = 1500.0;

impl Cost {
    /// All of it in flops of a product.
    pub fn equivalent_flops(&self) -> f64 {
        self.flops
            + FLOPS_PER_NORMAL * self.normals
            + FLOPS_PER_ACTIVATION * self.activations
            + FLOPS_PER_FUNCTION * self.functions
            + FLOPS_PER_PASS * self.passes
    }

    /// Largest memory in bytes of each of `ranks` ranks.
    pub fn memory_on(&self, ranks: usize) -> f64 {
        self.memory - self.held + self.held / ranks as f64
    }

    /// Seconds at a rate of `gflops` (1e9 flops a second) of the matrix products.
    pub fn seconds(&self, gflops: f64) -> f64 {
        self.equivalent_flops() / (gflops * 1e9)
    }
}

/// The passes over one kind of batch, as a run makes them.
struct Passes {
    rows: f64,
    /// Gradient passes (forward and backward).
    gradients: f64,
    /// Forward passes besides those.
    forwards: f64,
}

/// The linear algebra of the readouts, in double precision.
struct Solves {
    /// Double-precision flops: products `Phi^T Phi` or `Phi Phi^T`, factorisations, rotations for leave-one-out.
    flops: f64,
    /// Forward passes over the batch, those that gradients share among them.
    forwards: f64,
}

/// An eigenvalue problem of size m costs about as much as a product of this many `m^3` flops.
const EIGEN: f64 = 25.0;

/// Newton steps of a logistic readout, about.
const NEWTON: f64 = 10.0;

fn solves(experiment: &Experiment) -> Solves {
    let n = experiment.readout_samples as f64;
    let p = experiment.network.width as f64;
    let readouts = experiment.fitted_steps() as f64;
    let samples = n - f64::from(experiment.readout.intercept == Intercept::With);
    let size = samples.min(p);
    let chosen = matches!(experiment.readout.ridge, Ridge::LeaveOneOut(_));
    let again = chosen && samples > p;
    let factor = match &experiment.readout.ridge {
        Ridge::Values(ridges) if ridges.len() == 1 && ridges[0] > 0.0 && samples > p => 1.0 / 3.0,
        _ => EIGEN,
    };
    if experiment.readout.loss == ReadoutLoss::Logistic {
        let ridges = match &experiment.readout.ridge {
            Ridge::Values(ridges) | Ridge::LeaveOneOut(ridges) => ridges.len() as f64,
        };
        let newton = readouts * ridges * NEWTON;
        return Solves {
            flops: newton * (n * p * p + p.powi(3) / 3.0),
            forwards: newton,
        };
    }
    let products = n * p * size + if again { 2.0 * n * p * p } else { 0.0 };
    Solves {
        flops: readouts * (products + factor * size.powi(3)),
        forwards: readouts * if again { 2.0 } else { 1.0 },
    }
}

/// The passes, of which so many fits are made in those of gradients.
fn passes(experiment: &Experiment, shared: u64) -> [Passes; 3] {
    let protocol = &experiment.protocol;
    let steps = f64::from(protocol.steps);
    let tests = experiment.tested_steps();
    let training = Passes {
        rows: protocol.mean_rows(),
        gradients: steps
            * if protocol.lookahead.is_some() {
                2.0
            } else {
                1.0
            },
        forwards: 0.0,
    };
    let readout = Passes {
        rows: experiment.readout_samples as f64,
        gradients: 0.0,
        forwards: solves(experiment).forwards - shared as f64,
    };
    let test = Passes {
        rows: experiment.test_samples as f64,
        gradients: 0.0,
        forwards: tests as f64,
    };
    [training, readout, test]
}

/// The cost of one run on an engine, [`cost()`] for a choice of one.
///
/// Direct: `4 n d p` flops and `n d` normals a gradient, `2 n d p` a forward pass; memory `O(p d)` (weights, a
/// gradient, and one partial sum of it for each level of the summation tree and thread; `cost/memory.rs` counts). In law: d is replaced by
/// the `q = r + p (+ p)` frame vectors in use, a gradient costs `2 n p^2` more, of which and of its fields about a third is left out, and a batch that is touched again is
/// held as `n x (r + p(T+1))` coordinates with its contracted directions. A readout adds `n p m` flops, `O(m^3)` for its
/// factorisation and a few matrices `p x m`, with `m = min(n, p)`.
pub fn cost_on(
    experiment: &Experiment,
    engine: EngineKind,
    precision: Precision,
    threads: usize,
) -> Cost {
    let shared = experiment.shared_passes();
    with_shared(experiment, engine, precision, threads, shared)
}

/// With so many passes for both a readout and a gradient.
fn with_shared(
    experiment: &Experiment,
    engine: EngineKind,
    precision: Precision,
    threads: usize,
    shared: u64,
) -> Cost {
    let protocol = &experiment.protocol;
    let p = experiment.network.width as f64;
    // What is in the frame for good.
    let r = experiment.target.r as f64;
    let fixed = r + experiment.explicit_directions() as f64;
    let d = protocol.dimension as f64;
    let kept = experiment.kept() as f64;
    let held = experiment.touches_again();
    let contractions = f64::from(protocol.steps_on_a_batch())
        * if protocol.lookahead.is_some() {
            2.0
        } else {
            1.0
        };
    // R^n has no more directions than n.
    let contracted = (p * contractions).min(protocol.most_opened() as f64);
    // The frame when a pass ends: touched directions add p for every gradient since the last compaction.
    let frame = (fixed + kept * p + p * contractions + 1.0).min(d);
    let columns = match engine {
        EngineKind::Direct | EngineKind::Data => d,
        EngineKind::InLaw => (fixed + kept * p).min(d),
    };
    let mut cost = Cost::default();
    let own = match engine {
        EngineKind::Direct | EngineKind::Data => 0.0,
        EngineKind::InLaw => 1.0,
    };
    let random = experiment.target.link.drawn().count() as f64;
    // Those of the link, on every row.
    let functions = experiment.target.link.functions() as f64;
    // The fields of the target; in law they are the first coordinates.
    let labels = match engine {
        EngineKind::Direct => 2.0 * d * r,
        EngineKind::InLaw => r * r,
        EngineKind::Data => 0.0,
    };
    // Coordinates of rows that are brought to a law of their own along random directions.
    let exchanged = match (&experiment.inputs, engine) {
        (Origin::Target(_), EngineKind::Direct) => 4.0 * d * r,
        _ => 0.0,
    };
    // Given rows are read.
    let made = f64::from(u8::from(engine != EngineKind::Data));
    // Of a training set that is held in law, every step touches all rows.
    let beside = match (engine, protocol.set) {
        (EngineKind::InLaw, Some(set)) => set.rows as f64 - protocol.batch as f64,
        _ => 0.0,
    };
    // Batches of a few rows enlarge the frame until it is compacted, and need no product of coefficients.
    let few = protocol.largest() <= FEW && !held && engine == EngineKind::InLaw;
    let (columns, own) = match few {
        true => {
            let loose = (LOOSE as f64).max(fixed + kept * p) / 2.0;
            ((columns + loose).min(d), 0.0)
        }
        false => (columns, own),
    };
    for pass in passes(experiment, shared) {
        let sweeps = pass.gradients + pass.forwards;
        let width = if own > 0.0 && held { frame } else { columns };
        let rows = match pass.gradients {
            0.0 => pass.rows,
            _ => pass.rows + beside,
        };
        // Streamed in law, fields see a triangular frame, and the Gram matrix of the coefficients is symmetric.
        let (seen, squared) = match own > 0.0 && !held {
            true => (done(p, DIRECTIONS), done(p, COEFFICIENTS)),
            false => (1.0, 1.0),
        };
        let forward = 2.0 * width * p * seen;
        let gram = own
            * p
            * if held {
                4.0 * contracted
            } else {
                2.0 * p * squared
            };
        let gradient = forward + 2.0 * width * p + gram;
        cost.flops += rows * (pass.gradients * gradient + pass.forwards * forward);
        cost.normals += rows * sweeps * (made * columns + random);
        cost.passes += sweeps;
        cost.activations += pass.rows * (2.0 * pass.gradients + pass.forwards) * p;
        cost.functions += pass.rows * sweeps * functions;
        cost.flops += pass.rows * sweeps * (labels + exchanged);
        cost.rows += (pass.rows * sweeps) as u64;
    }
    if protocol.removal == Removal::MeanAndLinear {
        cost.rows += match protocol.set {
            None => (protocol.mean_rows() * f64::from(protocol.steps.max(1))) as u64,
            Some(set) => set.rows,
        };
    }
    let solves = solves(experiment);
    let double = match precision {
        Precision::F32 => 2.0,
        Precision::F64 => 1.0,
    };
    cost.flops += double * solves.flops;
    if engine == EngineKind::Direct {
        // Orthonormal directions: a factorisation, and what it multiplies, at half the speed of products.
        cost.flops += 2.0 * double * 4.0 * d * r * r;
    }
    if experiment.metrics.contains(&MetricGroup::FeatureSpectrum) {
        let tests = experiment.tested_steps() as f64;
        let moments = experiment.test_samples as f64 * p * p;
        cost.flops += double * tests * (moments + EIGEN * p.powi(3));
    }
    baselines(experiment, engine, columns, double, &mut cost);
    recorded(experiment, &mut cost);
    (cost.memory, cost.held) = memory::memory(experiment, engine, precision, threads);
    if let Origin::Given(own) = &experiment.inputs {
        cost.given = own.data.bytes() as f64;
        cost.memory += cost.given;
    }
    cost
}

/// The share of a triangular product of p columns that is done in blocks of `block`.
fn done(p: f64, block: usize) -> f64 {
    (0.5 + 0.5 * block as f64 / p).min(1.0)
}

/// Adds what baselines take: two passes, and linear algebra in the n samples that they are fitted on.
fn baselines(
    experiment: &Experiment,
    engine: EngineKind,
    columns: f64,
    double: f64,
    cost: &mut Cost,
) {
    if experiment.baselines.is_empty() {
        return;
    }
    let n = experiment.readout_samples as f64;
    let tests = experiment.test_samples as f64;
    let p = match experiment.fits_tangent_kernel() {
        true => experiment.network.width as f64,
        false => 0.0,
    };
    let (made, revealed) = match engine {
        EngineKind::Direct => (1.0, 0.0),
        EngineKind::InLaw => (1.0, 1.0),
        EngineKind::Data => (0.0, 0.0),
    };
    cost.passes += 2.0;
    cost.rows += experiment.readout_samples + experiment.test_samples;
    cost.normals += made * (n * columns + tests * (columns + revealed * n));
    cost.flops += 2.0 * (n * columns * (p + n) + tests * (columns + revealed * n) * (p + n));
    // The rows' Gram matrix, and in law the root of that of their coefficients.
    let mut solved = 2.0 * n * n * (columns + revealed * n) + revealed * EIGEN * n.powi(3);
    for baseline in &experiment.baselines {
        let ridges = baseline.ridges.len() as f64;
        let (rounds, changed) = match baseline.method {
            Method::FeatureMachine { rounds, .. } => (f64::from(rounds), n * n),
            Method::TangentKernel => (0.0, n * p),
            Method::Inputs | Method::Kernel { .. } => (0.0, 0.0),
        };
        let fits = n.powi(3) / 3.0 + rounds * 8.3 * n.powi(3) + 2.0 * n * changed;
        solved += ridges * (fits + 2.0 * tests * changed);
    }
    cost.flops += double * solved;
}

/// The most numbers that one step records.
pub(crate) fn widest(experiment: &Experiment) -> usize {
    let mut cost = Cost::default();
    recorded(experiment, &mut cost);
    cost.widest as usize
}

/// Counts what a run records.
fn recorded(experiment: &Experiment, cost: &mut Cost) {
    let wants = |group| experiment.metrics.contains(&group);
    let (p, r) = (experiment.network.width as u64, experiment.target.r as u64);
    let ridges = match &experiment.readout.ridge {
        Ridge::Values(values) => values.len() as u64,
        Ridge::LeaveOneOut(_) => 2,
    };
    let neurons = 2 + 2 * r;
    let planar = u64::from(wants(MetricGroup::Neurons) && r > 1);
    let errors = [MetricGroup::TestError, MetricGroup::ErrorRate];
    let kinds = errors.into_iter().filter(|group| wants(*group)).count() as u64;
    // One step with what it records: the start, where nothing has moved, or a later one.
    let of = |moved: u64| {
        let (mut all, mut shared) = (0, 0);
        for (group, single, common) in [
            (MetricGroup::Norm, 0, 1),
            (MetricGroup::TrainError, 0, moved),
            (MetricGroup::WeightCosine, 0, 4 * r + 1),
            (MetricGroup::GradientCosine, 0, moved * (4 * r + 1)),
            (MetricGroup::SingularValues, 0, moved * p),
            (MetricGroup::WeightSpectrum, 0, p + 2),
            (MetricGroup::FeatureSpectrum, 0, p + 2),
            (MetricGroup::Covariance, p * (p + 1) / 2, 3),
            (
                MetricGroup::Neurons,
                p * (neurons + moved * (neurons + u64::from(r > 1))),
                0,
            ),
            (MetricGroup::TestError, 0, 2),
            (MetricGroup::ErrorRate, 0, 1),
            (MetricGroup::NetworkLoss, 0, 1),
        ] {
            if wants(group) {
                all += single + common;
                shared += common;
            }
        }
        (all, shared)
    };
    let first = u64::from(experiment.records(0));
    let later = experiment.recorded_steps() - first;
    let fitted = experiment.fitted_steps();
    let of_baselines = experiment.baselines.iter();
    let of_baselines = of_baselines
        .map(|baseline| baseline.ridges.len() as u64)
        .sum::<u64>();
    let errors = fitted * kinds * ridges + of_baselines;
    let (mut all, mut shared) = (errors, errors);
    for (moved, steps) in [(0, first), (1, later)] {
        let (own, common) = of(moved);
        all += steps * own;
        shared += steps * common;
        if steps > 0 {
            let errors = kinds * ridges * fitted.min(1) + of_baselines;
            cost.widest = cost.widest.max(own + errors);
        }
    }
    cost.drawn = planar * later * p * r;
    (cost.recorded, cost.shared) = (all, shared);
}

/// The engine on which a setup runs, what that costs, and what the other would.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RunCost {
    /// The engine on which it runs.
    pub engine: EngineKind,
    /// The cost there.
    pub cost: Cost,
    /// The cost on the other engine, if it can run it.
    pub other: Option<Cost>,
}

impl RunCost {
    /// With so many threads: on the engine chosen, or the cheaper one of those that fit into the memory limit; the one of
    /// least memory if none does.
    pub fn on_threads(setup: &Setup, threads: usize) -> Self {
        let limit = setup.limits.memory as f64;
        let of = |engine| cost_on(&setup.experiment, engine, setup.precision, threads);
        if let Origin::Given(_) = setup.experiment.inputs {
            return Self {
                engine: EngineKind::Data,
                cost: of(EngineKind::Data),
                other: None,
            };
        }
        let (direct, in_law) = (of(EngineKind::Direct), of(EngineKind::InLaw));
        // An engine has draws of its own: which one is cheaper does not depend on what sharing passes saves, which leaves numbers
        // as they are.
        let apart = |engine| {
            let cost = with_shared(&setup.experiment, engine, setup.precision, threads, 0);
            cost.equivalent_flops()
        };
        let engine = match setup.engine {
            EngineChoice::Direct => EngineKind::Direct,
            EngineChoice::InLaw => EngineKind::InLaw,
            EngineChoice::Auto => match (direct.memory <= limit, in_law.memory <= limit) {
                (true, false) => EngineKind::Direct,
                (false, true) => EngineKind::InLaw,
                (true, true) if apart(EngineKind::Direct) <= apart(EngineKind::InLaw) => {
                    EngineKind::Direct
                }
                (false, false) if direct.memory < in_law.memory => EngineKind::Direct,
                _ => EngineKind::InLaw,
            },
        };
        let possible = setup.experiment.beyond_law().is_none();
        match engine {
            EngineKind::InLaw => Self {
                engine,
                cost: in_law,
                other: Some(direct),
            },
            _ => Self {
                engine,
                cost: direct,
                other: possible.then_some(in_law),
            },
        }
    }

    /// The same run on the other engine, if that can run it.
    pub fn swapped(self) -> Self {
        match (self.engine.other(), self.other) {
            (Some(engine), Some(cost)) => Self {
                engine,
                cost,
                other: Some(self.cost),
            },
            _ => self,
        }
    }
}

/// What one run of a setup costs, and on which engine it runs; a few microseconds.
pub fn cost(setup: &Setup) -> RunCost {
    let threads = match setup.limits.threads {
        0 => rayon::current_num_threads(),
        threads => threads,
    };
    RunCost::on_threads(setup, threads)
}
