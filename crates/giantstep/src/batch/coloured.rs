//! Gaussian inputs of another covariance than 1: the batches of an engine, seen through its root.

use faer::Mat;

use crate::batch::{Access, BatchId, DirectionsLaw, Engine, Panel, Sweep, Swept};
use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// The covariance of Gaussian inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Covariance {
    /// Diagonal, with these variances on so many coordinates, one block after the other; the sizes sum to d.
    Blocks(Vec<Block>),
    /// `I + s u u^T` with u of length 1.
    Spike {
        /// s, positive.
        strength: f64,
        /// `<u, w*_k>`, of squared sum at most 1; the rest of u is a random direction across the target.
        overlaps: Vec<f64>,
    },
}

/// Coordinates of one variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// The variance.
    pub variance: f64,
    /// The number of coordinates.
    pub size: u64,
}

/// What is left of a squared length of 1 by rounding.
const ROUNDING: f64 = 1e-12;

impl Covariance {
    /// Directions, besides the target's, that are known from the start where coordinates are not: all but those of the
    /// largest block, or that of the spike.
    pub fn explicit(&self) -> u64 {
        match self {
            Self::Blocks(blocks) => {
                let all: u64 = blocks.iter().map(|block| block.size).sum();
                all - blocks.get(largest(blocks)).map_or(0, |block| block.size)
            }
            Self::Spike { overlaps, .. } => u64::from(rest(overlaps) > 0.0),
        }
    }
}

/// The squared length that these overlaps leave of 1.
fn rest(overlaps: &[f64]) -> f64 {
    let rest = 1.0 - overlaps.iter().map(|c| c * c).sum::<f64>();
    if rest > ROUNDING { rest } else { 0.0 }
}

/// The number of the largest block, from 0; the first of several.
fn largest(blocks: &[Block]) -> usize {
    let size = |i: usize| blocks[i].size;
    (1..blocks.len()).fold(0, |most, i| if size(i) > size(most) { i } else { most })
}

/// What a root does to vectors.
#[derive(Debug)]
enum Root {
    /// A factor for each coordinate of R^d.
    Axes(Vec<f64>),
    /// Factors for orthonormal vectors, and one for all that is orthogonal to them.
    Along {
        vectors: Directions,
        factors: Vec<f64>,
        others: f64,
    },
}

impl Root {
    /// `S v_i` for the root S, which is symmetric.
    fn times(&self, vectors: &Directions) -> Directions {
        match self {
            Self::Axes(factors) => vectors.map(|_, j, x| factors[j] * x),
            Self::Along {
                vectors: own,
                factors,
                others,
            } => {
                let along = vectors.gram(own);
                let along = Mat::from_fn(along.nrows(), along.ncols(), |i, k| {
                    (factors[k] - others) * along[(i, k)]
                });
                let mut out = vectors.map(|_, _, x| others * x);
                out.add_scaled(|_| 1.0, &own.combined(&along));
                out
            }
        }
    }
}

/// An engine whose inputs have a covariance: `X = G S` with G the batch of an engine of standard normal inputs and S the root
/// of the covariance, so that `X v = G (S v)` and `X^T c = S (G^T c)`.
///
/// Exact on whatever engine, at `O(q (m + k) e)` flops more a pass, with e the number of explicit directions (1 where the axes
/// of R^d are known), however many rows there are. In law the explicit directions stay in the frame; what is orthogonal to
/// them and to the target is isotropic, and left untouched.
#[derive(Debug)]
pub struct Coloured<E> {
    engine: E,
    covariance: Covariance,
    /// How target directions lie among the axes of blocks; none where coordinates are those of R^d.
    free: Option<DirectionsLaw>,
    target: Directions,
    root: Root,
}

impl<E: Engine> Coloured<E> {
    /// On an engine whose coordinates are those of R^d.
    pub fn on_axes(engine: E, covariance: &Covariance) -> Self {
        Self::new(engine, covariance, None)
    }

    /// On an engine with a frame of its own, in which target directions lie among the axes of blocks as the law says.
    pub fn in_frame(engine: E, covariance: &Covariance, law: DirectionsLaw) -> Self {
        Self::new(engine, covariance, Some(law))
    }

    fn new(engine: E, covariance: &Covariance, free: Option<DirectionsLaw>) -> Self {
        Self {
            engine,
            covariance: covariance.clone(),
            free,
            target: Directions::none(),
            root: Root::Axes(Vec::new()),
        }
    }

    /// `rows` vectors with independent `N(0, 1/d)` entries, and so many more.
    fn drawn(&mut self, rows: usize, more: usize) -> (Directions, Directions) {
        let all = self.engine.gaussian(rows + more);
        let part = |first: usize, count: usize| {
            let part = all.coordinates().subrows(first, count);
            Directions::new(part.to_owned())
        };
        (part(0, rows), part(rows, more))
    }

    fn spiked(&mut self, rows: usize, strength: f64, overlaps: &[f64]) -> Directions {
        let rest = rest(overlaps);
        let (first, drawn) = self.drawn(rows, usize::from(rest > 0.0));
        let of_target = Mat::from_fn(1, overlaps.len(), |_, k| overlaps[k]);
        let mut vectors = self.target.combined(&of_target);
        if rest > 0.0 {
            vectors.add_scaled(|_| rest.sqrt(), &beyond(&self.target, &drawn));
        }
        self.root = Root::Along {
            vectors,
            factors: vec![(1.0 + strength).sqrt()],
            others: 1.0,
        };
        first
    }

    /// The axes of all blocks but the largest are explicit: target directions, where they are the first axes of R^d, and
    /// drawn ones.
    fn in_blocks(&mut self, rows: usize, blocks: &[Block], law: DirectionsLaw) -> Directions {
        let known = match law {
            DirectionsLaw::Random => Directions::none(),
            DirectionsLaw::Canonical => self.target.clone(),
        };
        let left = largest(blocks);
        let (mut of_target, mut factors, mut free) = (Vec::new(), Vec::new(), Vec::new());
        let mut others = 1.0;
        let mut end = 0;
        for (number, block) in blocks.iter().enumerate() {
            let (first, size) = (end, block.size as usize);
            end += size;
            let factor = block.variance.sqrt();
            if number == left {
                others = factor;
                continue;
            }
            let taken = first.min(known.rows())..end.min(known.rows());
            factors.extend(taken.clone().map(|_| factor));
            free.extend(std::iter::repeat_n(factor, size - taken.len()));
            of_target.extend(taken);
        }
        let (first, drawn) = self.drawn(rows, free.len());
        let chosen = Mat::from_fn(of_target.len(), known.rows(), |i, k| {
            f64::from(u8::from(of_target[i] == k))
        });
        factors.extend(free);
        self.root = Root::Along {
            vectors: Directions::stack(&[&known.combined(&chosen), &beyond(&known, &drawn)]),
            factors,
            others,
        };
        first
    }
}

/// What is left of drawn vectors by Gram and Schmidt, after orthonormal ones that are known.
fn beyond(known: &Directions, drawn: &Directions) -> Directions {
    let stacked = Directions::stack(&[known, drawn]);
    let qr = stacked.coordinates().transpose().qr();
    let orthonormal = qr.compute_thin_Q();
    let first = known.rows();
    Directions::new(Mat::from_fn(drawn.rows(), stacked.columns(), |i, j| {
        let sign = qr.thin_R()[(first + i, first + i)].signum();
        sign * orthonormal[(j, first + i)]
    }))
}

impl<T: Real, E: Engine<Real = T>> Engine for Coloured<E> {
    type Real = T;
    type Batch = E::Batch;

    fn dimension(&self) -> u64 {
        self.engine.dimension()
    }

    fn target(&mut self, r: usize) -> Directions {
        self.target = self.engine.target(r);
        self.target.clone()
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        match (self.covariance.clone(), self.free) {
            (Covariance::Spike { strength, overlaps }, _) => self.spiked(rows, strength, &overlaps),
            (Covariance::Blocks(blocks), Some(law)) => self.in_blocks(rows, &blocks, law),
            (Covariance::Blocks(blocks), None) => {
                let axes = blocks.iter().flat_map(|block| {
                    std::iter::repeat_n(block.variance.sqrt(), block.size as usize)
                });
                self.root = Root::Axes(axes.collect());
                self.engine.gaussian(rows)
            }
        }
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> E::Batch {
        self.engine.open(id, rows, access)
    }

    fn sweep(
        &mut self,
        batch: &mut E::Batch,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        let directions = self.root.times(sweep.directions);
        let seen = Sweep {
            directions: &directions,
            ..sweep
        };
        let mut swept = self.engine.sweep(batch, seen, visit, watch)?;
        swept.backward = self.root.times(&swept.backward);
        Ok(swept)
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        let mut all: Vec<&mut Directions> =
            known.iter_mut().map(|vectors| &mut **vectors).collect();
        if let Root::Along { vectors, .. } = &mut self.root {
            all.push(vectors);
        }
        self.engine.keep_only(&mut all);
    }
}
