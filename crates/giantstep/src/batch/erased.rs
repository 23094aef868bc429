//! Engines behind one type: what trains, reads out and tests is compiled once for a precision, not once for an engine.

use std::any::Any;

use super::{Access, BatchId, Engine, Panel, Sweep, Swept};
use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// Any engine of this precision; a pass costs one indirect call more.
pub(crate) type AnyEngine<'e, T> = Box<dyn Engine<Real = T, Batch = AnyBatch> + 'e>;

/// An open batch of whatever engine.
pub(crate) type AnyBatch = Box<dyn Any + Send>;

/// The same engine, whose type nobody needs any more.
pub(crate) fn any<'e, T: Real>(engine: impl Engine<Real = T> + 'e) -> AnyEngine<'e, T> {
    Box::new(Erased(engine))
}

/// An engine whose batches have lost their type.
struct Erased<E>(E);

impl<T: Real, E: Engine<Real = T>> Engine for Erased<E> {
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
        Box::new(self.0.open(id, rows, access))
    }

    fn sweep(
        &mut self,
        batch: &mut AnyBatch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        match batch.downcast_mut() {
            Some(batch) => self.0.sweep(batch, sweep, visit, watch),
            None => unreachable!("a batch is swept by the engine that opened it"),
        }
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        self.0.keep_only(known);
    }
}
