//! Rows that are given: the engine of own data.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::batch::direct;
use crate::batch::streamed::{self, Rows};
use crate::batch::{
    Access, BatchId, Data, DirectionsLaw, Engine, Numbers, Panel, Split, Sweep, Swept,
};
use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// The engine of own data: batches are rows of one matrix, which is read and never copied.
///
/// A pass over n rows along m vectors with k coefficients costs `2 n d (m + k)` flops; memory beside the matrix is
/// `O(d (m + k) + n)`. The frame is the canonical basis. The target's directions and the first layer are those that
/// [`crate::batch::Direct`] draws. Rows keep their numbers in the matrix, whatever batch they come in.
#[derive(Debug)]
pub struct Given<'a, T> {
    data: Arc<Data<'a>>,
    split: Split,
    law: DirectionsLaw,
    seed: u64,
    precision: PhantomData<T>,
}

impl<'a, T> Given<'a, T> {
    /// The engine of one seed on these rows, divided so.
    pub fn new(data: Arc<Data<'a>>, split: Split, law: DirectionsLaw, seed: u64) -> Self {
        Self {
            data,
            split,
            law,
            seed,
            precision: PhantomData,
        }
    }
}

/// A pass over rows of a matrix.
pub(crate) struct Picked<'d, 'a> {
    /// The matrix.
    pub data: &'d Data<'a>,
    /// The numbers of the rows, in order.
    pub numbers: &'d [u64],
}

impl<T: Real> Rows<T> for Picked<'_, '_> {
    fn count(&self) -> u64 {
        self.numbers.len() as u64
    }

    fn columns(&self) -> usize {
        self.data.columns()
    }

    fn fill(&self, first: u64, rows: usize, x: &mut [T]) {
        let first = first as usize;
        self.data.fill(&self.numbers[first..first + rows], x);
    }

    fn numbers(&self, first: u64, rows: usize) -> Numbers<'_> {
        let first = first as usize;
        Numbers::Listed(&self.numbers[first..first + rows])
    }
}

impl<T: Real> Engine for Given<'_, T> {
    type Real = T;
    /// The numbers of its rows.
    type Batch = Arc<[u64]>;

    fn dimension(&self) -> u64 {
        self.data.columns() as u64
    }

    fn target(&mut self, r: usize) -> Directions {
        direct::target(self.law, self.data.columns(), r, self.seed)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        direct::gaussian(self.data.columns(), rows, self.seed)
    }

    /// The first `rows` rows of those of its purpose; fewer, if there are fewer.
    fn open(&mut self, id: BatchId, rows: u64, _access: Access) -> Arc<[u64]> {
        let all = self.split.of(id.purpose);
        match rows < all.len() as u64 {
            true => all[..rows as usize].into(),
            false => all.clone(),
        }
    }

    fn sweep(
        &mut self,
        batch: &mut Arc<[u64]>,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        let part = sweep.part.map(|part| {
            let part = part.iter().map(|row| batch[*row as usize]);
            part.collect::<Vec<u64>>()
        });
        let rows = Picked {
            data: &self.data,
            numbers: part.as_deref().unwrap_or(batch),
        };
        streamed::explicit(&rows, sweep, visit, watch)
    }

    fn keep_only(&mut self, _known: &mut [&mut Directions]) {}
}
