//! Batches of a few rows, used once: drawn whole, without panels, trees or matrices of p x p.

use faer::Mat;

use crate::batch::streamed::Source;
use crate::batch::untouched::Untouched;
use crate::batch::{Numbers, Panel, Stream, Sweep, Swept};
use crate::columns;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};
use std::sync::atomic::Ordering;

/// Batches of up to so many rows are few: a panel of them is hardly begun.
pub(crate) const FEW: u64 = 8;

/// Space that passes over a few rows use again.
#[derive(Debug)]
pub(super) struct Few<T> {
    x: Vec<T>,
    fields: Vec<T>,
    scratch: Vec<T>,
    along: Vec<f64>,
    coefficients: Vec<f64>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            x: Vec::new(),
            fields: Vec::new(),
            scratch: Vec::new(),
            along: Vec::new(),
            coefficients: Vec::new(),
        }
    }
}

impl<T: Real> Few<T> {
    /// One pass over the n rows of a batch that was opened on `source.columns` frame vectors: `2 n q (m + k)` flops.
    ///
    /// `X_perp^T C` of the untouched part is `C^T B` with the n rows of `X_perp` in new frame vectors, so that n vectors
    /// are enough, however many coefficients there are. Every rank computes all of it.
    pub(super) fn sweep(
        &mut self,
        source: Source<'_>,
        sweep: Sweep<'_>,
        untouched: &mut Untouched,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        if watch.ranks.any(watch.stop.load(Ordering::Relaxed)) {
            return Err(Interrupted);
        }
        let rows = source.rows as usize;
        let (q, m, k) = (source.columns, sweep.directions.rows(), sweep.coefficients);
        let zero = T::from_f64(0.0);
        self.x.clear();
        self.x.resize(rows * q, zero);
        let mut stream = Stream::new(source.seed, source.role, source.index, 0);
        source.law.fill(&mut stream, &mut self.x, rows);
        self.fields.clear();
        self.fields.resize(rows * m.max(k), zero);
        for v in 0..rows {
            self.along.clear();
            self.along.resize(m, 0.0);
            for j in 0..q.min(sweep.directions.columns()) {
                let x = self.x[j * rows + v].to_f64();
                columns::add_scaled(&mut self.along, x, sweep.directions.column(j));
            }
            for (i, value) in self.along.iter().enumerate() {
                self.fields[i * rows + v] = T::from_f64(*value);
            }
        }
        let mut sums = vec![0.0; sweep.sums];
        visit(&mut Panel {
            first_row: 0,
            numbers: Numbers::Fresh,
            rows,
            fields: &mut self.fields,
            sums: &mut sums,
            scratch: &mut self.scratch,
        });
        let drawn = match k > 0 && untouched.remaining() > 0 {
            true => untouched.draw(rows),
            false => Mat::zeros(rows, 0),
        };
        let first = untouched.frame() - drawn.ncols();
        let mut backward = Mat::zeros(k, if k > 0 { untouched.frame() } else { q });
        for v in 0..rows {
            self.coefficients.clear();
            let own = (0..k).map(|i| self.fields[i * rows + v].to_f64());
            self.coefficients.extend(own);
            if k == 0 {
                break;
            }
            for j in 0..q {
                let x = self.x[j * rows + v].to_f64();
                columns::add_scaled(backward.col_as_slice_mut(j), x, &self.coefficients);
            }
            for j in 0..drawn.ncols() {
                let x = drawn[(v, j)];
                columns::add_scaled(backward.col_as_slice_mut(first + j), x, &self.coefficients);
            }
        }
        watch.observer.rows_done(source.rows);
        Ok(Swept {
            backward: backward.into(),
            sums,
        })
    }
}
