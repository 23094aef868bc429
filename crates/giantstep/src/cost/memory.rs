//! The largest memory of a run: the buffers that are alive at its fullest moments, counted one by one.
//!
//! The numbers of copies are those of `run.rs`, `run/ahead.rs`, `train/step.rs`, `readout/`, `batch/streamed.rs`, `batch/in_law.rs`,
//! `batch/ledger.rs` and `reduce.rs`; whoever adds one there adds it here. The end-to-end test `memory` compares the sum
//! with the peaks of whole processes.

use crate::baseline::Method;
use crate::batch::EngineKind;
use crate::batch::streamed::{ROWS, leaves};
use crate::experiment::{Experiment, Origin};
use crate::metric::MetricGroup;
use crate::readout::{Intercept, ReadoutLoss, Ridge};
use crate::real::Precision;

/// What a process takes before it does anything: its code, its threads' first pages, the tables of its libraries.
const PROCESS: f64 = 62e6;

/// What the allocator keeps between blocks.
const SLACK: f64 = 1.05;

/// A double.
const F64: f64 = 8.0;

/// A pass over a batch.
struct Pass {
    rows: u64,
    /// Columns of X that are drawn.
    columns: f64,
    /// Vectors along which fields are taken.
    fields: f64,
    /// Coefficients k for the backward product.
    coefficients: f64,
    /// Columns of that product.
    products: f64,
    /// Sums over rows.
    sums: f64,
    /// Bytes of scratch space of a panel.
    scratch: f64,
}

impl Pass {
    /// Bytes that the pass takes besides its directions in f64.
    fn bytes(&self, entry: f64, threads: usize) -> f64 {
        let product = self.coefficients * self.products;
        let leaves = leaves(self.rows);
        let workers = threads.clamp(1, leaves.max(1));
        let height = self.rows.min(ROWS as u64) as f64;
        let panel = height * (self.columns + self.fields.max(self.coefficients));
        let space = entry * (panel + product) + self.scratch;
        F64 * buffers(leaves, workers) * (product + self.sums)
            + workers as f64 * space
            + entry * self.columns * self.fields
    }
}

/// Partial sums that are alive at a time in a tree over `leaves` leaves: a thread keeps one for each level of its part
/// and the leaf at which it is.
fn buffers(leaves: usize, threads: usize) -> f64 {
    let levels = |count: usize| count.next_power_of_two().trailing_zeros() as usize;
    let below = levels(leaves).saturating_sub(threads.ilog2() as usize);
    let most = threads * (below + 1);
    match most < leaves && !leaves.is_multiple_of(threads) {
        // Threads with fewer leaves are past their fullest moment when the others come to theirs.
        true => (most - (threads - 1)) as f64,
        false => most.min(leaves) as f64,
    }
}

/// Bytes of a run beside rows that are given, and of these the rows of a held batch, which several ranks divide among them.
pub(super) fn memory(
    experiment: &Experiment,
    engine: EngineKind,
    precision: Precision,
    threads: usize,
) -> (f64, f64) {
    let run = Sizes::of(experiment, engine, precision, threads);
    let held = run.held();
    let fullest = run.drawing().max(run.training()).max(run.measuring());
    let all = PROCESS + held + fullest + run.numbers();
    (SLACK * all, SLACK * held)
}

/// The sizes of a run.
struct Sizes<'a> {
    experiment: &'a Experiment,
    engine: EngineKind,
    threads: usize,
    /// Bytes of an entry of a panel.
    entry: f64,
    p: f64,
    r: f64,
    d: f64,
    /// Directions that are in the frame for good: the target's, and others.
    fixed: f64,
    /// The lists of p vectors that are kept beside W.
    initial: f64,
    /// 1 with lookahead.
    ahead: f64,
    /// Gradients taken on one batch.
    contractions: f64,
    /// Columns of the frame before a step, and when the last pass over its batch ends.
    start: f64,
    end: f64,
}

impl<'a> Sizes<'a> {
    fn of(
        experiment: &'a Experiment,
        engine: EngineKind,
        precision: Precision,
        threads: usize,
    ) -> Self {
        let protocol = &experiment.protocol;
        let entry = match precision {
            Precision::F32 => 4.0,
            Precision::F64 => F64,
        };
        let p = experiment.network.width as f64;
        let r = experiment.target.r as f64;
        let explicit = experiment.explicit_directions() as f64;
        let fixed = match engine {
            EngineKind::Direct | EngineKind::Data => r + explicit.min(1.0),
            EngineKind::InLaw => r + explicit,
        };
        let d = protocol.dimension as f64;
        // Beside W: the weights at the start, and what updates remember.
        let initial = experiment.kept() as f64 - 1.0;
        let ahead = f64::from(u8::from(protocol.lookahead.is_some()));
        let contractions = f64::from(protocol.steps_on_a_batch()) * (1.0 + ahead);
        let (start, end) = match engine {
            EngineKind::Direct | EngineKind::Data => (d, d),
            EngineKind::InLaw => {
                let start = (fixed + (1.0 + initial) * p).min(d);
                (start, (start + p * contractions).min(d))
            }
        };
        Self {
            experiment,
            engine,
            threads,
            entry,
            p,
            r,
            d,
            fixed,
            initial,
            ahead,
            contractions,
            start,
            end,
        }
    }

    /// Whether a gradient reveals new directions.
    fn reveals(&self) -> bool {
        self.engine == EngineKind::InLaw && self.start < self.d
    }

    /// Whether gradients share their passes with readouts; those of the largest batch take most.
    fn shares(&self) -> bool {
        let largest = self.experiment.protocol.largest();
        self.experiment.shared_ridges(0, largest).is_some()
    }

    /// The held rows: coordinates on the frame, contracted directions, and what a pass makes of them.
    fn held(&self) -> f64 {
        match self.experiment.touches_again() && self.reveals() {
            true => {
                let rows = self.experiment.protocol.most_opened() as f64;
                // R^n has no more directions than n.
                let contracted = (self.p * self.contractions).min(rows);
                // The last contraction is not completed; its coefficients and their factors stand in its place.
                rows * self.entry * (self.end + contracted + 1.5 * self.p)
            }
            false => 0.0,
        }
    }

    /// The numbers of rows: of an epoch and a batch of a training set, and of what given rows serve.
    fn numbers(&self) -> f64 {
        let protocol = &self.experiment.protocol;
        let set = protocol.set.map_or(0, |set| set.rows + 2 * protocol.batch);
        let given = match &self.experiment.inputs {
            Origin::Law(_) | Origin::Target(_) | Origin::Coloured(_) => 0,
            Origin::Given(own) => own.data.rows() as u64 + protocol.most_opened(),
        };
        8.0 * (set + given) as f64
    }

    /// The target's directions as they are drawn: normals, their factors, the orthonormal ones and these row by row.
    fn drawing(&self) -> f64 {
        match self.engine {
            EngineKind::Direct | EngineKind::Data => 4.0 * F64 * self.r * self.d,
            EngineKind::InLaw => F64 * self.r * self.r,
        }
    }

    /// The fullest moment of a step.
    fn training(&self) -> f64 {
        let Self {
            p,
            r,
            fixed,
            start,
            end,
            initial,
            ..
        } = *self;
        let protocol = &self.experiment.protocol;
        let square = F64 * p * p;
        // Of the matrices that the target's directions were drawn with, the allocator keeps half of one or nothing, by chance.
        let freed = match self.engine {
            EngineKind::Direct | EngineKind::Data => self.drawing() / 8.0,
            EngineKind::InLaw => 0.0,
        };
        // W and W0.
        let weights = F64 * p * start * (1.0 + initial) + F64 * fixed * start + freed;
        if protocol.steps == 0 {
            return weights;
        }
        // The gradient before, the displaced W and its gradient; the copy that is moved grows with the frame.
        let before = f64::from(u8::from(protocol.steps > 1));
        let others = F64 * p * end * (before + 2.0 * self.ahead);
        let copy = F64 * p;
        // Stacked directions and their widened copy.
        let stacked = 2.0 * F64 * (p + r) * start;
        let pass = |moments: f64, prepared: f64| {
            let gradient = Pass {
                rows: protocol.largest(),
                columns: start,
                fields: p + r,
                coefficients: p,
                products: if self.reveals() { start + p } else { start },
                sums: 2.0 + moments,
                scratch: self.entry * 3.0 * ROWS as f64 + prepared,
            };
            gradient.bytes(self.entry, self.threads)
        };
        // With readouts on the way: their moments, the features of a panel; no copy yet.
        let shared = match self.shares() {
            true => pass(p * p + 2.0 * p, F64 * ROWS as f64 * (p + 1.0)),
            false => 0.0,
        };
        let pass = pass(0.0, 0.0);
        // After a revealing pass: X^T C, C^T C and its cosines, eigenvectors with their workspace, root and what it meets.
        let revealed = match self.reveals() {
            true => F64 * p * (start + end) + 6.0 * square,
            false => F64 * p * start,
        };
        // Before the next batch the known vectors are compacted: a stack, its copy, their factors.
        let compacted = match self.engine {
            EngineKind::InLaw if before > 0.0 => F64 * 5.0 * (p * (1.0 + initial) + fixed) * end,
            _ => 0.0,
        };
        let stepping = stacked + (copy * start + pass).max(copy * end + revealed).max(shared);
        weights + others + stepping.max(copy * end + compacted)
    }

    /// The fullest moment of what is measured.
    fn measuring(&self) -> f64 {
        let Self { p, r, .. } = *self;
        let experiment = self.experiment;
        let moved = f64::from(u8::from(experiment.protocol.steps > 0));
        let columns = self.columns_after();
        let kept = F64 * p * columns * (1.0 + self.initial + moved) + F64 * self.fixed * columns;
        let along = 2.0 * F64 * (p + r) * columns;
        let square = F64 * p * p;
        let spectra = [MetricGroup::SingularValues, MetricGroup::WeightSpectrum];
        let spectra = spectra
            .iter()
            .any(|group| experiment.metrics.contains(group));
        let mut most = match (
            experiment.metrics.contains(&MetricGroup::Covariance),
            spectra,
        ) {
            // Gram matrices of weights and gradient.
            (_, true) => 4.0 * square + F64 * p * columns,
            (true, false) => square,
            (false, false) => 0.0,
        };
        if experiment.fitted_steps() > 0 {
            most = most.max(along + self.fitting());
        }
        if experiment.tested_steps() > 0 {
            let ridges = self.ridges();
            // Residuals of each readout and of the labels, in double precision.
            let scratch = F64 * (ridges + 2.0) * ROWS as f64;
            let (moments, prepared) =
                match experiment.metrics.contains(&MetricGroup::FeatureSpectrum) {
                    true => (p * p + 2.0 * p, F64 * ROWS as f64 * (p + 1.0)),
                    false => (0.0, 0.0),
                };
            let sums = ridges + 3.0 + moments;
            let errors = self.forward(experiment.test_samples, sums, scratch + prepared);
            let solved = if moments > 0.0 { EIGEN * square } else { 0.0 };
            // The next gradient, where it is known.
            let ahead = match self.shares() {
                true => F64 * p * columns,
                false => 0.0,
            };
            most = most.max(ahead + along + (2.0 * F64 * ridges * p + errors).max(solved));
        }
        if !experiment.baselines.is_empty() {
            most = most.max(along + self.baselines());
        }
        kept + most
    }

    /// The fullest moment of the baselines: the rows as vectors with a pass, then their n x n matrices, or the tests.
    fn baselines(&self) -> f64 {
        let rows = self.experiment.readout_samples;
        let n = rows as f64;
        let columns = self.columns_after();
        let all = match self.engine {
            EngineKind::InLaw => (columns + n).min(self.d),
            EngineKind::Direct | EngineKind::Data => columns,
        };
        let p = match self.experiment.fits_tangent_kernel() {
            true => self.p,
            false => 0.0,
        };
        let gathered = Pass {
            rows,
            columns,
            fields: p + self.r,
            coefficients: n,
            products: if self.reveals() { columns + n } else { columns },
            sums: n * (p + 1.0),
            scratch: 0.0,
        };
        let pass = gathered.bytes(self.entry, self.threads);
        // As after a gradient: the rows so far, and what becomes of the Gram matrix of their coefficients, which has full rank.
        let gathered = match self.reveals() {
            true => pass.max(F64 * n * (columns + all) + 7.0 * F64 * n * n),
            false => pass + F64 * n * all,
        };
        // After one another: what a fit takes at its fullest, beside what those before it have left.
        let square = n * n;
        let trained = &self.experiment.protocol.second_layer;
        let second = f64::from(u8::from(trained.is_trained()));
        let (mut fits, mut solved) = (0.0, 0.0_f64);
        let baselines = self.experiment.baselines.iter();
        for baseline in baselines {
            let (most, own) = match baseline.method {
                // Kernel and factor.
                Method::Inputs | Method::Kernel { .. } => (2.0 * square, n),
                // With a second layer its products besides.
                Method::TangentKernel => ((2.0 + second) * square + 2.0 * n * p, 2.0 * n * p + n),
                // M of this round and of the next, its products, the gradients and a product of these with X.
                Method::FeatureMachine { .. } => (5.0 * square, square + n),
            };
            for _ in &baseline.ridges {
                solved = solved.max(fits + most);
                fits += own;
            }
        }
        let kept = F64 * (n * all + fits);
        // Beside rows, their Gram matrix and their fields at the start.
        let solved = F64 * (n * all + square + 3.0 * n * p + solved);
        let tests = Pass {
            rows: self.experiment.test_samples,
            columns: all,
            fields: n + p + self.r,
            coefficients: 0.0,
            products: 0.0,
            sums: 0.0,
            scratch: 4.0 * F64 * (n + p) * ROWS as f64,
        };
        let tests = 3.0 * F64 * (n + p) * all + tests.bytes(self.entry, self.threads);
        gathered.max(solved).max(kept + tests)
    }

    fn columns_after(&self) -> f64 {
        match self.experiment.protocol.steps {
            0 => self.start,
            _ => self.end,
        }
    }

    /// A pass without a product, with these sums, and scratch bytes of a panel.
    fn forward(&self, rows: u64, sums: f64, scratch: f64) -> f64 {
        let pass = Pass {
            rows,
            columns: self.columns_after(),
            fields: self.p + self.r,
            coefficients: 0.0,
            products: 0.0,
            sums,
            scratch,
        };
        pass.bytes(self.entry, self.threads)
    }

    fn ridges(&self) -> f64 {
        match &self.experiment.readout.ridge {
            Ridge::Values(values) | Ridge::LeaveOneOut(values) => values.len() as f64,
        }
    }

    /// The fullest moment of a fit, all of it in double precision: `readout/primal.rs`, `readout/dual.rs`.
    fn fitting(&self) -> f64 {
        let p = self.p;
        let readout = &self.experiment.readout;
        let batch = self.experiment.readout_samples;
        let n = batch as f64;
        let fitted = 2.0 * F64 * self.ridges() * p;
        // Features and labels of a panel.
        let prepared = F64 * n.min(ROWS as f64) * (p + 1.0);
        if readout.loss == ReadoutLoss::Logistic {
            // Features of a panel and their weighted copy; two Hessians and a factor.
            let pass = self.forward(batch, p * p + p, 2.0 * prepared);
            return pass + CHOLESKY * F64 * p * p + fitted;
        }
        if n - f64::from(readout.intercept == Intercept::With) <= p {
            // All features as sums, and a copy; then with the kernel, its eigenvectors, their copies and workspace.
            let features = F64 * n * (p + 1.0);
            let pass = self.forward(batch, n * (p + 1.0), prepared);
            let solved = features + EIGEN * F64 * n * n + fitted;
            return pass.max(2.0 * features).max(solved);
        }
        let square = F64 * p * p;
        let pass = self.forward(batch, p * p, prepared);
        match &readout.ridge {
            Ridge::Values(values) if values.len() == 1 && values[0] > 0.0 => {
                pass.max(CHOLESKY * square + fitted)
            }
            Ridge::Values(_) => pass.max(EIGEN * square + fitted),
            Ridge::LeaveOneOut(_) => {
                let residuals = F64 * (self.ridges() + 2.0) * ROWS as f64;
                let second = self.forward(batch, self.ridges(), 2.0 * prepared + residuals);
                pass.max(EIGEN * square + fitted).max(2.0 * square + second)
            }
        }
    }
}

/// Matrices at a factorisation by Cholesky: the Gram matrix, its shifted copy, the factor.
const CHOLESKY: f64 = 3.0;

/// Matrices at an eigenvalue problem: the Gram matrix, the eigenvectors, their copies and workspace.
const EIGEN: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::buffers;

    #[test]
    fn a_thread_keeps_a_partial_sum_for_each_level() {
        assert_eq!(buffers(1, 1), 1.0);
        assert_eq!(buffers(8, 1), 4.0);
        assert_eq!(buffers(8, 2), 6.0);
        assert_eq!(buffers(6, 2), 6.0);
        assert_eq!(buffers(11, 2), 7.0);
        assert_eq!(buffers(3, 4), 3.0);
    }
}
