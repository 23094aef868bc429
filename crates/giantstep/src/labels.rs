//! Labels `y = g(W* x) + noise`, g with the random numbers it draws, and the removal of their low Hermite parts. THEORY.md (4).

use std::sync::Arc;

use crate::batch::{BatchId, Engine, Numbers, Panel, Purpose, Role, Stream, Sweep};
use crate::callable::Callable;
use crate::directions::Directions;
use crate::expr::Link;
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// What is to be learnt: a link `g` of `r` orthonormal directions, or labels that are given, with label noise.
#[derive(Debug, Clone)]
pub struct Target {
    /// The link `g` of `z_1..z_r`.
    pub link: Link,
    /// The number r of directions.
    pub r: usize,
    /// The variance of the Gaussian label noise, independent over samples.
    pub noise: f64,
    /// What takes the place of the link, if anything.
    pub given: Option<GivenLabels>,
}

/// Labels that are no link's.
#[derive(Debug, Clone)]
pub enum GivenLabels {
    /// By the number of the row; a row without one has NaN.
    Rows(Arc<[f64]>),
    /// A function of `z_1..z_r` that is given as code.
    Callable(Callable),
}

impl Target {
    /// The labels of a link, without noise.
    pub fn of(link: Link) -> Self {
        Self {
            r: link.r(),
            link,
            noise: 0.0,
            given: None,
        }
    }

    /// These labels of rows that have numbers; no direction is known.
    pub fn given(labels: impl Into<Arc<[f64]>>) -> Self {
        Self {
            given: Some(GivenLabels::Rows(labels.into())),
            ..Self::nothing(0)
        }
    }

    /// A function of r directions that is given as code.
    pub fn callable(function: Callable, r: usize) -> Self {
        Self {
            given: Some(GivenLabels::Callable(function)),
            ..Self::nothing(r)
        }
    }

    /// No signal along r directions.
    pub(crate) fn nothing(r: usize) -> Self {
        Self::of(Link::zero(r))
    }

    /// The target itself, `E[y | x]`: without noise, averaged over what the link draws; none where that average has no
    /// closed form here.
    pub fn clean(&self) -> Option<Self> {
        Some(Self {
            given: self.given.clone(),
            ..Self::of(self.link.mean()?)
        })
    }
}

/// How many of the lowest Hermite degrees are estimated on the batch and subtracted from its labels.
///
/// The plug-in estimate of degree 1 is reliable for n much larger than d: its squared error is `(d/n) E y^2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Labels are used as they are.
    Nothing,
    /// The mean is removed (degree 0).
    Mean,
    /// The mean and the linear part are removed (degrees 0 and 1).
    MeanAndLinear,
}

/// The part of the labels that was estimated on a batch, `mean + <linear, x>`; added back at prediction.
#[derive(Debug, Clone)]
pub struct RemovedPart {
    /// `(1/n) sum y_v`.
    pub mean: f64,
    /// `(1/n) sum y_v x_v`, one direction, or none.
    pub linear: Directions,
}

impl RemovedPart {
    /// Nothing is removed.
    pub fn nothing() -> Self {
        Self {
            mean: 0.0,
            linear: Directions::none(),
        }
    }

    /// The removed part on a panel whose field along the linear direction is column `first`.
    pub fn write<T: Real>(&self, panel: &Panel<'_, T>, first: usize, part: &mut [T]) {
        let mean = T::from_f64(self.mean);
        if self.linear.rows() == 0 {
            part.fill(mean);
        } else {
            for (value, field) in part.iter_mut().zip(panel.field(first)) {
                *value = mean + *field;
            }
        }
    }

    /// `labels -= mean + <linear, x>`; see [`RemovedPart::write`].
    pub fn subtract<T: Real>(&self, panel: &Panel<'_, T>, first: usize, labels: &mut [T]) {
        let mut part = vec![T::from_f64(0.0); labels.len()];
        self.write(panel, first, &mut part);
        for (label, removed) in labels.iter_mut().zip(&part) {
            *label -= *removed;
        }
    }
}

/// A seeded source of labels for the batches of one run.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// What is to be learnt.
    pub target: &'a Target,
    /// Its directions W*, `r x q`.
    pub directions: &'a Directions,
    /// The seed of the run.
    pub seed: u64,
}

impl Labels<'_> {
    /// Writes the labels of a panel whose r target fields start at column `first`; `labels` has one entry a row.
    pub fn write<T: Real>(
        &self,
        id: BatchId,
        panel: &Panel<'_, T>,
        first: usize,
        labels: &mut [T],
    ) {
        let rows = panel.rows;
        match &self.target.given {
            Some(GivenLabels::Rows(given)) => {
                for (v, label) in labels.iter_mut().enumerate() {
                    let found = given.get(panel.number(v) as usize);
                    *label = T::from_f64(found.copied().unwrap_or(f64::NAN));
                }
            }
            Some(GivenLabels::Callable(function)) => {
                let columns = (first..first + self.target.r).map(|k| panel.field(k));
                function.eval_columns(&columns.collect::<Vec<_>>(), labels);
            }
            None => {
                let kinds = self.target.link.drawn();
                let mut drawn = vec![T::from_f64(0.0); kinds.count() * rows];
                if kinds.count() > 0 {
                    let of = (Role::Link(id.purpose), Role::Link(Purpose::Set));
                    self.draw(of, id.index, panel, &mut drawn, |stream, own, rows| {
                        let (normals, uniforms) = own.split_at_mut(kinds.normals * rows);
                        stream.fill_normal(normals);
                        for u in uniforms {
                            *u = T::from_f64(stream.uniform());
                        }
                    });
                }
                let columns: Vec<&[T]> = (first..first + self.target.r)
                    .map(|k| panel.field(k))
                    .chain(drawn.chunks(rows.max(1)))
                    .collect();
                self.target.link.eval_columns(&columns, labels);
            }
        }
        if self.target.noise > 0.0 {
            let scale = T::from_f64(self.target.noise.sqrt());
            let mut noise = vec![T::from_f64(0.0); rows];
            let of = (Role::Noise(id.purpose), Role::Noise(Purpose::Set));
            self.draw(of, id.index, panel, &mut noise, |stream, own, _| {
                stream.fill_normal(own);
            });
            for (label, draw) in labels.iter_mut().zip(&noise) {
                *label += scale * *draw;
            }
        }
    }

    /// Fills columns of random numbers for the rows of a panel: those of its batch from one stream, and of rows that have
    /// numbers each from its own, so that a row keeps its label in every batch that it comes in.
    fn draw<T: Real>(
        &self,
        (of_batch, of_row): (Role, Role),
        index: u64,
        panel: &Panel<'_, T>,
        out: &mut [T],
        fill: impl Fn(&mut Stream, &mut [T], usize),
    ) {
        let rows = panel.rows;
        if panel.numbers == Numbers::Fresh {
            let mut stream = Stream::new(self.seed, of_batch, index, panel.first_row);
            return fill(&mut stream, out, rows);
        }
        let mut own = vec![T::from_f64(0.0); out.len() / rows.max(1)];
        for v in 0..rows {
            let mut stream = Stream::new(self.seed, of_row, 0, panel.number(v));
            fill(&mut stream, &mut own, 1);
            for (column, value) in out.chunks_exact_mut(rows).zip(&own) {
                column[v] = *value;
            }
        }
    }

    /// Estimates the low Hermite parts of the labels of an open batch: one pass along r directions, one coefficient a
    /// row for the linear part. THEORY.md (4).
    ///
    /// # Errors
    /// [`Interrupted`] when the end of the work was asked for.
    pub fn estimate<E: Engine>(
        &self,
        removal: Removal,
        id: BatchId,
        rows: u64,
        engine: &mut E,
        batch: &mut E::Batch,
        watch: Watch<'_>,
    ) -> Result<RemovedPart, Interrupted> {
        let linear = match removal {
            Removal::Nothing => return Ok(RemovedPart::nothing()),
            Removal::Mean => 0,
            Removal::MeanAndLinear => 1,
        };
        let sweep = Sweep {
            directions: self.directions,
            coefficients: linear,
            sums: 1,
            part: None,
        };
        let visit = |panel: &mut Panel<'_, E::Real>| {
            let mut labels = vec![E::Real::from_f64(0.0); panel.rows];
            self.write(id, panel, 0, &mut labels);
            panel.sums[0] += labels.iter().map(|y| y.to_f64()).sum::<f64>();
            if linear == 1 {
                panel.field_mut(0).copy_from_slice(&labels);
            }
        };
        let mut swept = engine.sweep(batch, sweep, &visit, watch)?;
        let scale = 1.0 / rows as f64;
        swept.backward.scale(|_| scale);
        Ok(RemovedPart {
            mean: swept.sums[0] * scale,
            linear: swept.backward,
        })
    }
}
