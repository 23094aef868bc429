//! The kernels that are timed, compiled where every run finds them: one gradient of random weights, and normal numbers.

use crate::activation::Activation;
use crate::batch::products::multiplications;
use crate::batch::{
    Access, BatchId, Direct, DirectionsLaw, Engine, EngineKind, InLaw, Purpose, Role, Stream, any,
};
use crate::directions::Directions;
use crate::expr::{ExprError, Link};
use crate::labels::{Labels, RemovedPart, Target};
use crate::network::Network;
use crate::real::{Precision, Real};
use crate::train::{Layers, Loss, StepContext, gradient};
use crate::watch::Watch;

/// The size of one gradient: p neurons on n samples of `z1 + z2` in R^d.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Which engine draws the samples; given ones are timed as if they were drawn.
    pub engine: EngineKind,
    /// Precision of the data path.
    pub precision: Precision,
    /// d.
    pub dimension: u64,
    /// p.
    pub width: usize,
    /// n.
    pub rows: u64,
}

/// What a gradient takes for each sample.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The number q of coordinates that are drawn: d on explicit inputs, p + r in law.
    pub coordinates: usize,
    /// Multiplications of the matrix products, as they are done: `q (2 p + r)` on explicit inputs, in law about two thirds of
    /// `q (2 p + r) + p^2`.
    pub multiplications: usize,
}

impl Kernel {
    /// The number r of target directions.
    pub const DIRECTIONS: usize = 2;

    /// One gradient of the squared loss in random weights, of seed 1.
    ///
    /// # Errors
    /// None with these targets, but parsing one may fail.
    pub fn gradient(&self, activation: &Activation) -> Result<Row, ExprError> {
        let d = self.dimension;
        let law = DirectionsLaw::Canonical;
        match (self.engine, self.precision) {
            (EngineKind::Direct | EngineKind::Data, Precision::F32) => {
                self.on(Direct::<f32>::new(d as usize, law, 1), activation)
            }
            (EngineKind::Direct | EngineKind::Data, Precision::F64) => {
                self.on(Direct::<f64>::new(d as usize, law, 1), activation)
            }
            (EngineKind::InLaw, Precision::F32) => self.on(InLaw::<f32>::new(d, 1), activation),
            (EngineKind::InLaw, Precision::F64) => self.on(InLaw::<f64>::new(d, 1), activation),
        }
    }

    fn on<T: Real>(
        &self,
        engine: impl Engine<Real = T>,
        activation: &Activation,
    ) -> Result<Row, ExprError> {
        let mut engine = any(engine);
        let target = Target::of(Link::parse("z1 + z2", Some(Self::DIRECTIONS))?);
        let id = BatchId {
            purpose: Purpose::Training,
            index: 0,
        };
        let directions = engine.target(Self::DIRECTIONS);
        let network = Network {
            first: engine.gaussian(self.width),
            second: vec![1.0 / (self.width as f64).sqrt(); self.width],
            bias: Vec::new(),
        };
        let coordinates = directions.columns().max(network.first.columns());
        let seen = Directions::stack(&[&network.first, &directions]).widened(coordinates);
        let row = Row {
            coordinates,
            multiplications: multiplications(
                seen.as_ref(),
                self.width,
                self.engine == EngineKind::InLaw,
            ),
        };
        let mut batch = engine.open(id, self.rows, Access::Once);
        let labels = Labels {
            target: &target,
            directions: &directions,
            seed: 1,
        };
        let removed = RemovedPart::nothing();
        let step = StepContext {
            activation,
            gain: 1.0,
            start: None,
            labels,
            removed: &removed,
            id,
            rows: self.rows,
            part: None,
            watch: Watch::default(),
        };
        let objective = (&Loss::Squared, Layers::default());
        // Nobody asks this watch to stop.
        drop(gradient(
            &network,
            objective,
            None,
            &mut engine,
            &mut batch,
            step,
        ));
        Ok(row)
    }
}

/// Draws `count` standard normals of block `block` of the test stream of seed 1, as rows of a batch are drawn.
pub fn normals(precision: Precision, count: usize, block: u64) {
    fn drawn<T: Real>(count: usize, block: u64) {
        let mut normals = vec![T::from_f64(0.0); count];
        Stream::new(1, Role::Batch(Purpose::Test), 0, block).fill_normal(&mut normals);
        std::hint::black_box(normals);
    }
    match precision {
        Precision::F32 => drawn::<f32>(count, block),
        Precision::F64 => drawn::<f64>(count, block),
    }
}
