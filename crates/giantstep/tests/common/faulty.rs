//! An engine that fails where it is told to.

use giantstep::batch::{Access, BatchId, Engine, Panel, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::watch::{Interrupted, Watch};

/// An engine whose answer number `at` has a NaN in row `row`.
pub struct Faulty<E> {
    inner: E,
    answers: u32,
    at: u32,
    row: usize,
}

impl<E> Faulty<E> {
    /// Answers are those with coefficients, from 1; at 0 none has a NaN.
    pub fn new(inner: E, at: u32, row: usize) -> Self {
        Self {
            inner,
            answers: 0,
            at,
            row,
        }
    }
}

impl<E: Engine<Real = f64>> Engine for Faulty<E> {
    type Real = f64;
    type Batch = E::Batch;

    fn dimension(&self) -> u64 {
        self.inner.dimension()
    }

    fn target(&mut self, r: usize) -> Directions {
        self.inner.target(r)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        self.inner.gaussian(rows)
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> Self::Batch {
        self.inner.open(id, rows, access)
    }

    fn sweep(
        &mut self,
        batch: &mut Self::Batch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, f64>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        let mut swept = self.inner.sweep(batch, sweep, visit, watch)?;
        if sweep.coefficients > 0 {
            self.answers += 1;
            if self.answers == self.at {
                let row = self.row;
                swept
                    .backward
                    .scale(|i| if i == row { f64::NAN } else { 1.0 });
            }
        }
        Ok(swept)
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        self.inner.keep_only(known);
    }
}
