//! The waist: all that training ever asks of a batch `X` (`n x d`, independent standard normal entries).
//!
//! Training never needs the entries of `X`. It needs the fields `X v` along vectors it already knows, and the
//! products `X^T c` with coefficients it already knows. An [`Engine`] answers both in one pass over the rows
//! ([`Engine::sweep`]); what the coefficients mean (a gradient, a label estimate) is the caller's business.
//!
//! Rows belong to the name of a batch ([`BatchId`]) and the seed: a second pass sees the same rows. Those of a fixed training set
//! and of given data have numbers ([`Numbers`]), by which labels stay with them in whatever batch they come.

mod coloured;
mod data;
mod direct;
mod erased;
mod few;
mod given;
mod in_law;
mod inputs;
mod ledger;
mod pieces;
pub(crate) mod products;
mod settled;
mod split;
mod stream;
pub(crate) mod streamed;
mod tall;
mod untouched;

use std::ops::DerefMut;

use faer::Mat;
use serde::Serialize;

pub use coloured::{Block, Coloured, Covariance};
pub use data::{Data, DataError, Entries, Order};
pub use direct::{Direct, DirectionsLaw};
pub(crate) use erased::{AnyBatch, AnyEngine, any};
pub(crate) use few::FEW;
pub use given::Given;
pub(crate) use given::Picked;
pub use in_law::InLaw;
pub(crate) use in_law::LOOSE;
pub use inputs::Inputs;
pub use split::{Division, Split, TestRows};
pub(crate) use split::{below, shuffled};
pub use stream::{Role, Stream};
pub use streamed::{Numbers, Panel};

use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// What a batch is for; batches of different roles or steps are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The batch of a gradient step.
    Training,
    /// A fresh batch on which the readout is fitted.
    Readout,
    /// The samples on which errors are measured.
    Test,
    /// The fixed training set, from which batches of gradient steps are taken: its rows are visited in parts.
    Set,
}

/// The name of a batch: the same name and seed always give the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchId {
    /// What the batch is for.
    pub purpose: Purpose,
    /// Its number among the batches of this purpose.
    pub index: u64,
}

/// What will be asked of a batch; an engine may hold less for a batch of which less is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any number of forward passes along vectors known when it is opened, then at most one backward product.
    Once,
    /// Forward and backward passes in any order and number.
    Many,
}

/// One pass over the n rows of a batch X.
#[derive(Debug, Clone, Copy)]
pub struct Sweep<'a> {
    /// The `m` vectors V along which the fields `X V^T` (n x m) are needed.
    pub directions: &'a Directions,
    /// The number `k` of columns of C (n x k) that `visit` writes; 0 is a forward pass.
    pub coefficients: usize,
    /// The number of scalars that `visit` accumulates, in f64.
    pub sums: usize,
    /// The pass is over these rows of the batch alone, in ascending order; what stands twice counts twice. None for all.
    pub part: Option<&'a [u64]>,
}

/// What a pass returns; neither is divided by `n`.
#[derive(Debug, Clone)]
pub struct Swept {
    /// `C^T X`: the `k` vectors `sum_v C_vi x_v`.
    pub backward: Directions,
    /// The accumulated scalars.
    pub sums: Vec<f64>,
}

/// One of the ways to compute with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// Explicit coordinates in R^d.
    Direct,
    /// The same law at a cost that does not depend on d.
    InLaw,
    /// Rows that are given.
    Data,
}

impl EngineKind {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::InLaw => "in_law",
            Self::Data => "data",
        }
    }

    /// The other one of the two that draw their rows.
    pub fn other(self) -> Option<Self> {
        match self {
            Self::Direct => Some(Self::InLaw),
            Self::InLaw => Some(Self::Direct),
            Self::Data => None,
        }
    }
}

/// A source of batches in R^d, standard normal unless [`Inputs`] or a [`Covariance`] say otherwise; a run with its engine may
/// move from thread to thread.
pub trait Engine: Send {
    /// Precision of the data path.
    type Real: Real;
    /// An open batch.
    type Batch: Send + 'static;

    /// The input dimension d.
    fn dimension(&self) -> u64;

    /// The `r <= d` orthonormal target directions, `r x q`; asked for once, first of all.
    fn target(&mut self, r: usize) -> Directions;

    /// `rows` vectors with independent `N(0, 1/d)` entries: the Gaussian first layer. Asked for once.
    fn gaussian(&mut self, rows: usize) -> Directions;

    /// Opens the batch of this name with `rows` samples, whose entries are N(0, 1) where they are drawn.
    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> Self::Batch;

    /// One pass: for every panel of rows the fields `X directions^T` are shown to `visit`, which may overwrite
    /// the first `k` columns in place by coefficients and add to the sums; then `C^T X` is accumulated.
    ///
    /// A part is asked for of training sets alone ([`Purpose::Set`]), and panels then say which rows they show
    /// ([`Panel::numbers`]).
    ///
    /// Panels may come in any order and on any thread or rank; the result does not depend on it, and all ranks get
    /// it. With [`Access::Once`], no pass may follow the one with `k > 0`. Flops: `2 n q (m + k)` with q the
    /// coordinates of a vector, and on the in-law engine `O(n k^2)` more.
    ///
    /// # Errors
    /// [`Interrupted`] when the end of the work was asked for.
    fn sweep(
        &mut self,
        batch: &mut Self::Batch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, Self::Real>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted>;

    /// Says that of all vectors only `known` and the target directions will be used again, and that no
    /// open batch will: an engine may rewrite the coordinates of `known` on a smaller frame.
    fn keep_only(&mut self, known: &mut [&mut Directions]);
}

/// A reference to an engine, or a box with one, is an engine.
impl<T: Real, E: Engine<Real = T> + ?Sized, P: DerefMut<Target = E> + Send> Engine for P {
    type Real = T;
    type Batch = E::Batch;

    fn dimension(&self) -> u64 {
        (**self).dimension()
    }

    fn target(&mut self, r: usize) -> Directions {
        (**self).target(r)
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        (**self).gaussian(rows)
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> E::Batch {
        (**self).open(id, rows, access)
    }

    fn sweep(
        &mut self,
        batch: &mut E::Batch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        (**self).sweep(batch, sweep, visit, watch)
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        (**self).keep_only(known);
    }
}

/// The name of `what`, as a stream of randomness needs it.
impl Purpose {
    pub(crate) fn tag(self) -> u64 {
        match self {
            Purpose::Training => 0,
            Purpose::Readout => 1,
            Purpose::Test => 2,
            Purpose::Set => 3,
        }
    }
}

/// A `k x q` matrix as the vectors it lists.
impl From<Mat<f64>> for Directions {
    fn from(coordinates: Mat<f64>) -> Self {
        Self::new(coordinates)
    }
}
