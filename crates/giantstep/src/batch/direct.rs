//! Explicit coordinates in R^d, regenerated block by block.

use std::marker::PhantomData;

use faer::Mat;

use crate::batch::inputs::{Reach, RowLaw};
use crate::batch::streamed::{self, Source};
use crate::batch::{Access, BatchId, Engine, Inputs, Panel, Role, Stream, Sweep, Swept};
use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// How the target's directions lie in R^d.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DirectionsLaw {
    /// Uniformly random and orthonormal, drawn anew for each seed.
    Random,
    /// The first r axes.
    Canonical,
}

/// The engine of explicit coordinates: every entry of every batch is drawn, and drawn again when needed.
///
/// A pass over n rows along m vectors with k coefficients costs `2 n d (m + k)` flops and `n d` normals.
/// Memory is `O(d (m + k))`, whatever n is. The frame is the canonical basis: coordinates are those of R^d.
#[derive(Debug)]
pub struct Direct<T> {
    dimension: usize,
    law: DirectionsLaw,
    inputs: Inputs,
    /// The target, where its coordinates alone have the law of the inputs.
    target: Option<Directions>,
    seed: u64,
    precision: PhantomData<T>,
}

/// An open batch of the direct engine: a name and a size.
#[derive(Debug, Clone, Copy)]
pub struct DirectBatch {
    id: BatchId,
    rows: u64,
}

impl<T> Direct<T> {
    /// The engine of one seed in dimension `dimension`.
    pub fn new(dimension: usize, law: DirectionsLaw, seed: u64) -> Self {
        Self {
            dimension,
            law,
            inputs: Inputs::Gaussian,
            target: None,
            seed,
            precision: PhantomData,
        }
    }

    /// The same with inputs of this law.
    pub fn on(self, inputs: Inputs) -> Self {
        Self { inputs, ..self }
    }

    /// The same with inputs whose coordinates along the target have this law, independent of the others, which are N(0, 1).
    /// Along random directions a row costs `4 d r` flops more.
    pub fn on_target(self, inputs: Inputs) -> Self {
        Self {
            inputs,
            target: Some(Directions::none()),
            ..self
        }
    }

    fn reach(&self) -> Reach<'_> {
        match (&self.target, self.law) {
            (None, _) => Reach::Everything,
            (Some(target), DirectionsLaw::Canonical) => Reach::First(target.rows()),
            (Some(target), DirectionsLaw::Random) => Reach::Along(target),
        }
    }
}

/// `rows` columns of `dimension` normals, each of a stream of its own.
fn normals(role: Role, dimension: usize, rows: usize, seed: u64) -> Mat<f64> {
    let mut matrix = Mat::zeros(dimension, rows);
    for i in 0..rows {
        let column = matrix.col_as_slice_mut(i);
        Stream::new(seed, role, 0, i as u64).fill_normal(column);
    }
    matrix
}

/// The r target directions in coordinates of R^d.
pub(super) fn target(law: DirectionsLaw, dimension: usize, r: usize, seed: u64) -> Directions {
    match law {
        DirectionsLaw::Canonical => Mat::identity(r, dimension).into(),
        DirectionsLaw::Random => {
            let drawn = normals(Role::Target, dimension, r, seed);
            let orthonormal = drawn.qr().compute_thin_Q();
            orthonormal.transpose().to_owned().into()
        }
    }
}

/// `rows` vectors with independent `N(0, 1/d)` entries.
pub(super) fn gaussian(dimension: usize, rows: usize, seed: u64) -> Directions {
    let drawn = normals(Role::FirstLayer, dimension, rows, seed);
    let mut vectors = Directions::new(drawn.transpose().to_owned());
    let scale = 1.0 / (dimension as f64).sqrt();
    vectors.scale(|_| scale);
    vectors
}

impl<T: Real> Engine for Direct<T> {
    type Real = T;
    type Batch = DirectBatch;

    fn dimension(&self) -> u64 {
        self.dimension as u64
    }

    fn target(&mut self, r: usize) -> Directions {
        let drawn = target(self.law, self.dimension, r, self.seed);
        if let Some(target) = &mut self.target {
            target.clone_from(&drawn);
        }
        drawn
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        gaussian(self.dimension, rows, self.seed)
    }

    fn open(&mut self, id: BatchId, rows: u64, _access: Access) -> DirectBatch {
        DirectBatch { id, rows }
    }

    fn sweep(
        &mut self,
        batch: &mut DirectBatch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        let source = Source {
            seed: self.seed,
            role: Role::Batch(batch.id.purpose),
            index: batch.id.index,
            rows: batch.rows,
            columns: self.dimension,
            law: RowLaw {
                inputs: self.inputs,
                reach: self.reach(),
            },
            part: sweep.part,
        };
        streamed::explicit(&source, sweep, visit, watch)
    }

    fn keep_only(&mut self, _known: &mut [&mut Directions]) {}
}
