//! An engine over a data matrix that is written down: what the library computes can be computed again by hand.

use std::marker::PhantomData;

use giantstep::activation::Activation;
use giantstep::batch::{Access, BatchId, Engine, Panel, Purpose, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::faer::Mat;
use giantstep::real::Real;
use giantstep::watch::{Interrupted, Watch};

/// Rows of a panel: few, so that small data span several panels, the last one shorter.
const ROWS: usize = 4;

/// The one batch X (n x d) of this engine, whatever its name.
pub struct Explicit<T = f64> {
    pub x: Mat<f64>,
    pub precision: PhantomData<T>,
}

impl<T: Real> Engine for Explicit<T> {
    type Real = T;
    type Batch = ();

    fn dimension(&self) -> u64 {
        self.x.ncols() as u64
    }

    fn target(&mut self, r: usize) -> Directions {
        Mat::identity(r, self.x.ncols()).into()
    }

    fn gaussian(&mut self, _rows: usize) -> Directions {
        unreachable!("weights are written down as well")
    }

    fn open(&mut self, _id: BatchId, _rows: u64, _access: Access) {}

    fn sweep(
        &mut self,
        (): &mut (),
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        _watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        let (n, d, k) = (self.x.nrows(), self.x.ncols(), sweep.coefficients);
        let along = sweep.directions.widened(d);
        let width = k.max(along.nrows());
        let mut backward = Mat::zeros(k, d);
        let mut sums = vec![0.0; sweep.sums];
        for first in (0..n).step_by(ROWS) {
            let rows = ROWS.min(n - first);
            let mut fields = vec![T::from_f64(0.0); rows * width];
            for i in 0..along.nrows() {
                for v in 0..rows {
                    let terms = (0..d).map(|j| along[(i, j)] * self.x[(first + v, j)]);
                    fields[i * rows + v] = T::from_f64(terms.sum());
                }
            }
            visit(&mut Panel {
                first_row: first as u64,
                rows,
                fields: &mut fields,
                sums: &mut sums,
                scratch: &mut Vec::new(),
            });
            for (i, column) in fields.chunks(rows).take(k).enumerate() {
                for (v, c) in column.iter().enumerate() {
                    for j in 0..d {
                        backward[(i, j)] += c.to_f64() * self.x[(first + v, j)];
                    }
                }
            }
        }
        Ok(Swept {
            backward: backward.into(),
            sums,
        })
    }

    fn keep_only(&mut self, _known: &mut [&mut Directions]) {}
}

/// The name of the batch.
pub const ID: BatchId = BatchId {
    purpose: Purpose::Training,
    index: 0,
};

pub fn activation(text: &str) -> Activation {
    Activation::parse(text).expect("an activation")
}

/// The matrix of these rows.
pub fn matrix(rows: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}
