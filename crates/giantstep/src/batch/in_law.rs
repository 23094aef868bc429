//! A Gaussian batch revealed only where it is touched: the same law at a cost that does not depend on d.
//!
//! The frame is a list of `q` orthonormal vectors of R^d that is never stored. The first r are the target's
//! directions. Whatever lies outside the frame is untouched: given all that was revealed, a batch restricted to
//! the `d - q` untouched directions is a fresh Gaussian matrix, except along the directions of R^n along which
//! it was already contracted. Derivation: `docs/in-law.md`.

use faer::{Mat, Side};

use crate::batch::few::{FEW, Few};
use crate::batch::inputs::{Reach, RowLaw};
use crate::batch::ledger::Ledger;
use crate::batch::settled::{Settled, lengths};
use crate::batch::streamed::{self, Source};
use crate::batch::untouched::{Untouched, beside};
use crate::batch::{Access, BatchId, Engine, Inputs, Panel, Purpose, Role, Stream, Sweep, Swept};
use crate::directions::Directions;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// The engine that reveals a batch only where it is touched.
///
/// A pass over a batch used once costs `2 n q (m + k) + 2 n k^2` flops with `q = r + p`, whatever d is, and memory
/// `O(q^2)`; the second term is missing where the batch has a few rows, each of which adds one vector to the frame, which
/// is compacted when it has grown. A batch that is touched again is held with its n x q coordinates. Exact in law for Gaussian inputs, for
/// every output that does not depend on the choice of a basis of R^d. Once the frame reaches all of R^d the
/// engine works in explicit coordinates by the same rule.
#[derive(Debug)]
pub struct InLaw<T> {
    untouched: Untouched,
    target: usize,
    /// The law of the coordinates along the target.
    inputs: Inputs,
    seed: u64,
    few: Few<T>,
    /// The frame's size when it was compacted, if only batches of a few rows have enlarged it since.
    compacted: Option<usize>,
}

/// So many vectors, at least, a few rows at a time add to the frame before it is compacted.
pub(crate) const LOOSE: usize = 64;

/// An open batch of the in-law engine.
#[derive(Debug)]
pub enum InLawBatch<T> {
    /// Regenerated from its stream; contracted at most once.
    Streamed {
        /// Its name.
        id: BatchId,
        /// Its size n.
        rows: u64,
        /// The frame's size when it was opened.
        frame: usize,
    },
    /// Held in memory with all that was revealed of it.
    Held(Ledger<T>),
}

impl<T> InLaw<T> {
    /// The engine of one seed in dimension `dimension`, up to 2^53.
    pub fn new(dimension: u64, seed: u64) -> Self {
        let untouched = Untouched {
            seed,
            dimension,
            frame: 0,
            draws: 0,
        };
        Self {
            untouched,
            target: 0,
            inputs: Inputs::Gaussian,
            seed,
            few: Few::default(),
            compacted: None,
        }
    }

    /// The same with inputs whose coordinates along the target have this law, independent of the others, which are N(0, 1).
    pub fn on_target(self, inputs: Inputs) -> Self {
        Self { inputs, ..self }
    }

    /// The law of rows in coordinates on the frame, whose first vectors are the target's.
    fn law(&self) -> RowLaw<'static> {
        match self.inputs {
            Inputs::Gaussian => RowLaw::GAUSSIAN,
            inputs => RowLaw {
                inputs,
                reach: Reach::First(self.target),
            },
        }
    }
}

impl<T: Real> Engine for InLaw<T> {
    type Real = T;
    type Batch = InLawBatch<T>;

    fn dimension(&self) -> u64 {
        self.untouched.dimension
    }

    fn target(&mut self, r: usize) -> Directions {
        self.target = r;
        self.untouched.frame = r;
        Mat::identity(r, r).into()
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        let r = self.untouched.frame;
        let mut known = Mat::zeros(r, rows);
        let mut stream = Stream::new(self.seed, Role::FirstLayer, 0, 0);
        for i in 0..rows {
            stream.fill_normal(known.col_as_slice_mut(i));
        }
        let new = self.untouched.draw(rows);
        let scale = 1.0 / (self.untouched.dimension as f64).sqrt();
        Mat::from_fn(rows, r + new.ncols(), |i, j| {
            scale
                * if j < r {
                    known[(j, i)]
                } else {
                    new[(i, j - r)]
                }
        })
        .into()
    }

    fn open(&mut self, id: BatchId, rows: u64, access: Access) -> InLawBatch<T> {
        let frame = self.untouched.frame;
        // A frame that spans R^d leaves nothing to reveal: the streamed form then serves any access.
        if access == Access::Once || self.untouched.remaining() == 0 {
            InLawBatch::Streamed { id, rows, frame }
        } else {
            InLawBatch::Held(Ledger::new(self.seed, id, rows, (frame, self.law())))
        }
    }

    fn sweep(
        &mut self,
        batch: &mut InLawBatch<T>,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        match batch {
            InLawBatch::Held(ledger) => {
                self.compacted = None;
                ledger.sweep(&mut self.untouched, sweep, visit, watch)
            }
            InLawBatch::Streamed { id, rows, frame } => {
                let source = Source {
                    seed: self.seed,
                    role: Role::Batch(id.purpose),
                    index: id.index,
                    rows: *rows,
                    columns: *frame,
                    law: self.law(),
                    part: sweep.part,
                };
                if *rows <= FEW && id.purpose != Purpose::Set {
                    let untouched = &mut self.untouched;
                    return self.few.sweep(source, sweep, untouched, visit, watch);
                }
                let k = sweep.coefficients;
                let reveals = k > 0 && self.untouched.remaining() > 0;
                let directions = sweep.directions.widened(*frame);
                let swept = streamed::sweep(
                    &source,
                    directions.as_ref(),
                    k,
                    reveals,
                    sweep.sums,
                    visit,
                    watch,
                )?;
                let backward = if reveals {
                    self.compacted = None;
                    let root = square_root::<T>(&swept.gram);
                    let new = &root * self.untouched.draw(root.ncols());
                    beside(&swept.backward, self.untouched.frame, &new)
                } else {
                    swept.backward
                };
                Ok(Swept {
                    backward: backward.into(),
                    sums: swept.sums,
                })
            }
        }
    }

    fn keep_only(&mut self, known: &mut [&mut Directions]) {
        let r = self.target;
        let q = self.untouched.frame;
        let rows: usize = known.iter().map(|vectors| vectors.rows()).sum();
        if self
            .compacted
            .is_some_and(|size| q - size < LOOSE.max(rows))
        {
            return;
        }
        let stacked =
            Directions::stack(&known.iter().map(|vectors| &**vectors).collect::<Vec<_>>())
                .widened(q);
        let outside = stacked.get(.., r..);
        let (coordinates, rank) = compressed(outside.transpose());
        // Compacting is exact: the new frame vectors span the known vectors, and the rest of the old frame
        // carries nothing that will be asked for again.
        self.untouched.frame = r + rank;
        self.compacted = Some(r + rank);
        let mut first = 0;
        for vectors in known.iter_mut() {
            let rows = vectors.rows();
            **vectors = Mat::from_fn(rows, r + rank, |i, j| {
                if j < r {
                    stacked[(first + i, j)]
                } else {
                    coordinates[(j - r, first + i)]
                }
            })
            .into();
            first += rows;
        }
    }
}

/// `columns` in an orthonormal basis of their span, and the rank.
fn compressed(columns: faer::MatRef<'_, f64>) -> (Mat<f64>, usize) {
    if columns.nrows() == 0 || columns.ncols() == 0 {
        return (Mat::zeros(0, columns.ncols()), 0);
    }
    let tolerance = f64::EPSILON * columns.nrows().max(columns.ncols()) as f64;
    let found = Settled::new(columns, &lengths(columns), tolerance).triangle;
    let rank = found.nrows();
    (found, rank)
}

/// A `k x m` matrix L with `L L^T = gram` and m the numerical rank; the Gram matrix was summed from coefficients of
/// precision `T`.
///
/// Columns are normalised first, because an entry's rounding error is relative to the norms of its two columns,
/// whatever other neurons do. The errors then act as noise of norm about `sqrt(k) T::EPSILON`, and eigenvalues up
/// to a few times that carry nothing else: they are exactly zero where neurons are mirrored, and kept they would
/// split such pairs by `sqrt(T::EPSILON)`. Leaving them out lowers no neuron's variance by a larger fraction.
fn square_root<T: Real>(gram: &Mat<f64>) -> Mat<f64> {
    let k = gram.nrows();
    let norms: Vec<f64> = (0..k).map(|i| gram[(i, i)].sqrt()).collect();
    let cosines = Mat::from_fn(k, k, |i, j| {
        let norms = norms[i] * norms[j];
        if norms == 0.0 {
            0.0
        } else {
            gram[(i, j)] / norms
        }
    });
    let Ok(eigen) = cosines.self_adjoint_eigen(Side::Lower) else {
        // Not finite: the weights become so too, and the caller reports the neuron.
        return Mat::from_fn(k, 1, |_, _| f64::NAN);
    };
    // The second term is the error of the eigenvalues themselves, which are at most k.
    let cutoff = 8.0 * ((k as f64).sqrt() * T::EPSILON + k as f64 * f64::EPSILON);
    let first = (0..k).take_while(|i| eigen.S()[*i] <= cutoff).count();
    let root = Mat::from_fn(k - first, k, |i, j| {
        norms[j] * eigen.U()[(j, first + i)] * eigen.S()[first + i].sqrt()
    });
    // Rounding decides on the signs of eigenvectors.
    let settled = Settled::new(root.as_ref(), &norms, 0.0);
    settled.triangle.transpose().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Purpose;

    /// The Gram matrix of k columns of norms `scale`, of which the second half mirrors the first to rounding.
    fn mirrored<T: Real>(k: usize, rows: u64, scale: impl Fn(usize) -> f64 + Sync) -> Mat<f64> {
        let (q, half) = (8, k / 2);
        let source = Source {
            seed: 3,
            role: Role::Batch(Purpose::Training),
            index: 1,
            rows,
            columns: q,
            law: RowLaw::GAUSSIAN,
            part: None,
        };
        let mut directions = Mat::zeros(q, half);
        for i in 0..half {
            Stream::new(1, Role::FirstLayer, 0, i as u64)
                .fill_normal(directions.col_as_slice_mut(i));
        }
        let watch = Watch::default();
        let visit = |panel: &mut Panel<'_, T>| {
            let weight: Vec<f64> = panel.field(0).iter().map(|x| x.to_f64().cos()).collect();
            for i in 0..half {
                for (v, weight) in weight.iter().enumerate() {
                    let slope = if panel.field(i)[v].to_f64() > 0.0 {
                        1.0
                    } else {
                        0.1
                    };
                    let rounding = 1.0 + T::EPSILON * (v as f64 % 3.0 - 1.0);
                    let value = scale(i) * slope * weight;
                    panel.field_mut(i)[v] = T::from_f64(value);
                    panel.field_mut(half + i)[v] = T::from_f64(-value * rounding);
                }
            }
        };
        streamed::sweep(&source, directions.transpose(), k, true, 0, &visit, watch)
            .expect("not stopped")
            .gram
    }

    fn mirrored_neurons_halve_the_rank<T: Real>() {
        for (k, rows) in [
            (2, 100),
            (4, 1000),
            (16, 384),
            (64, 384),
            (64, 50_000),
            (256, 3000),
        ] {
            // Norms over eight orders of magnitude: small neurons keep their law.
            let gram = mirrored::<T>(k, rows, |i| 10f64.powf(-8.0 * i as f64 / k as f64));
            let root = square_root::<T>(&gram);
            assert_eq!(root.ncols(), k / 2, "k = {k}, n = {rows}");
            let restored = &root * root.transpose();
            for i in 0..k {
                for j in 0..k {
                    let scale = (gram[(i, i)] * gram[(j, j)]).sqrt();
                    let error = (restored[(i, j)] - gram[(i, j)]).abs() / scale;
                    assert!(error < 8.0 * (k as f64).sqrt() * T::EPSILON, "{error}");
                }
            }
        }
    }

    #[test]
    fn mirrored_neurons_halve_the_rank_in_both_precisions() {
        mirrored_neurons_halve_the_rank::<f32>();
        mirrored_neurons_halve_the_rank::<f64>();
    }

    #[test]
    fn dead_neurons_have_no_noise() {
        let gram = Mat::from_fn(2, 2, |i, j| if i + j == 2 { 4.0 } else { 0.0 });
        let root = square_root::<f32>(&gram);
        assert_eq!(
            (root.ncols(), root[(0, 0)], root[(1, 0)].abs()),
            (1, 0.0, 2.0)
        );
    }
}

/// Seen to catch: `remaining` degrees of freedom in every row, an upper triangle, a diagonal without its root.
#[cfg(test)]
mod bartlett {
    use super::*;

    const DRAWS: u64 = 20_000;
    const M: usize = 4;

    /// Scalars of `W = G G^T` for an `M x q` matrix G: entries, their products, trace of the square, determinant.
    fn scalars(g: &Mat<f64>) -> Vec<f64> {
        let w = g * g.transpose();
        let pairs = (0..M).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let entries: Vec<f64> = pairs.map(|(i, j)| w[(i, j)]).collect();
        let products = entries
            .iter()
            .flat_map(|x| entries.iter().map(move |y| x * y));
        let more = [w.squared_norm_l2(), w.determinant()];
        products
            .chain(entries.iter().copied())
            .chain(more)
            .collect()
    }

    /// Mean and squared standard error of each scalar over all draws.
    fn averages(draw: impl Fn(u64) -> Vec<f64>) -> Vec<(f64, f64)> {
        let draws: Vec<Vec<f64>> = (0..DRAWS).map(draw).collect();
        let n = DRAWS as f64;
        (0..draws[0].len())
            .map(|k| {
                let mean = draws.iter().map(|x| x[k]).sum::<f64>() / n;
                let power = draws.iter().map(|x| (x[k] - mean).powi(2)).sum::<f64>();
                (mean, power / (n * (n - 1.0)))
            })
            .collect()
    }

    fn bartlett(freedom: u64, draw: u64) -> Mat<f64> {
        let mut untouched = Untouched {
            seed: draw,
            dimension: freedom + 3,
            frame: 3,
            draws: 0,
        };
        untouched.draw(M)
    }

    /// `E W = f I` and `E W_ij W_kl = f^2 d_ij d_kl + f (d_ik d_jl + d_il d_jk)`; 5 standard errors for 110 means.
    #[test]
    fn bartlett_factors_have_the_moments_of_wishart_matrices() {
        for freedom in [4, 5, 20, 1_000_000] {
            let f = freedom as f64;
            let delta = |i: usize, j: usize| f64::from(u8::from(i == j));
            let pairs: Vec<(usize, usize)> =
                (0..M).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
            let second = |(i, j): (usize, usize), (k, l): (usize, usize)| {
                f * f * delta(i, j) * delta(k, l)
                    + f * (delta(i, k) * delta(j, l) + delta(i, l) * delta(j, k))
            };
            let mut expected: Vec<f64> = pairs
                .iter()
                .flat_map(|x| pairs.iter().map(move |y| second(*x, *y)))
                .collect();
            expected.extend(pairs.iter().map(|(i, j)| f * delta(*i, *j)));
            let found = averages(|draw| scalars(&bartlett(freedom, draw)));
            for ((mean, square), expected) in found.iter().zip(&expected) {
                let distance = (mean - expected).abs() / square.sqrt();
                assert!(
                    distance < 5.0,
                    "{freedom}: {mean} != {expected}, {distance:.1} sd"
                );
            }
        }
    }

    #[test]
    fn bartlett_factors_stand_for_explicit_gaussian_vectors() {
        for freedom in [4, 9, 30] {
            let explicit = |draw| {
                let mut g = Mat::zeros(M, freedom);
                for j in 0..freedom {
                    Stream::new(draw, Role::Target, 0, j as u64).fill_normal(g.col_as_slice_mut(j));
                }
                scalars(&g)
            };
            let x = averages(explicit);
            let y = averages(|draw| scalars(&bartlett(freedom as u64, draw)));
            for (k, ((mean, square), (other, more))) in x.iter().zip(&y).enumerate() {
                let distance = (mean - other).abs() / (square + more).sqrt();
                assert!(
                    distance < 5.0,
                    "{freedom}, scalar {k}: {mean} != {other}, {distance:.1} sd"
                );
            }
        }
    }

    #[test]
    fn fewer_directions_than_vectors_are_all_revealed() {
        let mut untouched = Untouched {
            seed: 0,
            dimension: 10,
            frame: 8,
            draws: 0,
        };
        assert_eq!(untouched.draw(M).shape(), (M, 2));
        assert_eq!((untouched.frame(), untouched.remaining()), (10, 0));
        assert_eq!(untouched.draw(M).shape(), (M, 0));
    }
}
