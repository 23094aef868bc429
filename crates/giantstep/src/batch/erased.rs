//! Engines behind one type: what trains, reads out and tests is compiled once for a precision, not once for an engine.

use std::any::Any;

use super::{Access, BatchId, Engine, Panel, Sweep, Swept};
use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// Any engine of this precision; a pass costs one indirect call more.
pub(crate) struct AnyEngine<'e, T>(Box<dyn Erased<T> + 'e>);

impl<'e, T: Real> AnyEngine<'e, T> {
    /// The same engine, whose type nobody needs any more.
    pub(crate) fn new(engine: impl Engine<Real = T> + 'e) -> Self {
        Self(Box::new(engine))
    }
}

/// An open batch of whatever engine.
pub(crate) type AnyBatch = Box<dyn Any + Send>;

/// [`Engine`] without the type of its batches.
trait Erased<T: Real>: Send {
    fn dimension(&self) -> u64;
    fn target(&mut self, r: usize) -> Directions;
    fn gaussian(&mut self, rows: usize) -> Directions;
    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> AnyBatch;
    fn sweep(
        &mut self,
        batch: &mut AnyBatch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted>;
    fn keep_only(&mut self, known: &mut [&mut Directions]);
}

impl<T: Real, E: Engine<Real = T>> Erased<T> for E {
    fn dimension(&self) -> u64 {
        Engine::dimension(self)
    }

    fn target(&mut self, r: usize) -> Directions {
        Engine::target(self, r)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        Engine::gaussian(self, rows)
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> AnyBatch {
        Box::new(Engine::open(self, id, rows, access))
    }

    fn sweep(
        &mut self,
        batch: &mut AnyBatch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        match batch.downcast_mut() {
            Some(batch) => Engine::sweep(self, batch, sweep, visit, watch),
            None => unreachable!("a batch is swept by the engine that opened it"),
        }
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        Engine::keep_only(self, known);
    }
}

impl<T: Real> Engine for AnyEngine<'_, T> {
    type Real = T;
    type Batch = AnyBatch;

    fn dimension(&self) -> u64 {
        self.0.dimension()
    }

    fn target(&mut self, r: usize) -> Directions {
        self.0.target(r)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        self.0.gaussian(rows)
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> AnyBatch {
        self.0.open(id, rows, access)
    }

    fn sweep(
        &mut self,
        batch: &mut AnyBatch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        self.0.sweep(batch, sweep, visit, watch)
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        self.0.keep_only(known);
    }
}
