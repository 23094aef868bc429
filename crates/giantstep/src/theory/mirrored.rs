//! Mirrored pairs before the first step: their output vanishes, and neurons do not see one another.

use faer::Mat;

use crate::theory::averages::{Averages, Residual, Task};
use crate::theory::dynamics::Dynamics;
use crate::theory::expectation::Shape;
use crate::theory::fields::Fields;
use crate::theory::fluctuation::Growth;
use crate::theory::population::{Class, ClassMatrix, Population};
use crate::train::Loss;

impl Task<'_> {
    /// The averages of pairs whose neurons still have the same weights, from one neuron of each pair: mirror images
    /// have the same fields and opposite drives. None for other states, or if quadrature does not reach them.
    pub(super) fn mirrored(&self) -> Option<Averages> {
        let classes = &self.population.classes;
        let orthogonal = &self.fields.orthogonal;
        let k = classes.len();
        // The pair of a class, by the first of its classes.
        let first = |c: usize| classes[c].twin.map(|twin| twin.min(c));
        let heads: Vec<usize> = (0..k).filter(|c| first(*c) == Some(*c)).collect();
        let identical = |c: usize| {
            let twin = classes[c].twin?;
            let same = orthogonal.own[(c, twin)] == orthogonal.own[(c, c)]
                && (0..k).all(|e| orthogonal.cross[(c, e)] == orthogonal.cross[(twin, e)])
                && (0..self.fields.overlap.ncols())
                    .all(|j| self.fields.overlap[(c, j)] == self.fields.overlap[(twin, j)]);
            same.then_some(())
        };
        (0..k).try_for_each(identical)?;
        let heads_only = |matrix: &Mat<f64>| {
            Mat::from_fn(heads.len(), heads.len(), |i, j| {
                matrix[(heads[i], heads[j])]
            })
        };
        let population = Population {
            classes: heads
                .iter()
                .map(|c| Class {
                    twin: None,
                    ..classes[*c]
                })
                .collect(),
        };
        let fields = Fields {
            overlap: Mat::from_fn(heads.len(), self.fields.overlap.ncols(), |i, j| {
                self.fields.overlap[(heads[i], j)]
            }),
            orthogonal: ClassMatrix {
                own: heads_only(&orthogonal.own),
                cross: heads_only(&orthogonal.cross),
            },
        };
        // Without an output the residual of any loss is a function of the label. THEORY.md (65).
        let seen = match self.residual {
            Residual::Loss => Some(self.dynamics.first_labels()?),
            Residual::Error | Residual::Label => None,
        };
        let seen = seen.as_ref().map(|link| {
            let dynamics = Dynamics {
                link,
                removed_mean: 0.0,
                loss: Loss::Correlation,
                ..self.dynamics.clone()
            };
            (dynamics, Shape::of(link))
        });
        let (dynamics, shape) = match &seen {
            Some((dynamics, shape)) => (dynamics, shape),
            None => (self.dynamics, self.shape),
        };
        let half = Task {
            dynamics,
            shape,
            population: &population,
            fields: &fields,
            residual: Residual::Label,
            ..*self
        }
        .conditional()?;
        let power = match &seen {
            Some(_) => self.label_power()?,
            None => half.label_power,
        };
        let place: Vec<usize> = (0..k)
            .map(|c| heads.iter().position(|head| first(c) == Some(*head)))
            .collect::<Option<_>>()?;
        let sign = |c: usize| if heads.contains(&c) { 1.0 } else { -1.0 };
        // B changes its sign from one neuron of a pair to the other; fields do not.
        let whole = |matrix: &ClassMatrix, right: &dyn Fn(usize) -> f64| ClassMatrix {
            own: Mat::from_fn(k, k, |c, e| {
                let own = matrix.own[(place[c], place[e])];
                if self.population.same_unit(c, e) {
                    sign(c) * right(e) * own
                } else {
                    0.0
                }
            }),
            cross: Mat::from_fn(k, k, |c, e| {
                sign(c) * right(e) * matrix.cross[(place[c], place[e])]
            }),
        };
        let rows = |matrix: &Mat<f64>, sign: &dyn Fn(usize) -> f64| {
            Mat::from_fn(k, matrix.ncols(), |c, j| sign(c) * matrix[(place[c], j)])
        };
        let signs: Vec<f64> = (0..k).map(sign).collect();
        Some(Averages {
            target: rows(&half.target, &sign),
            target_squares: rows(&half.target_squares, &|_| 1.0),
            fields: whole(&half.fields, &|_| 1.0),
            power: whole(&half.power, &sign),
            error: power,
            label_power: power,
            sampled: half.sampled,
            growth: half
                .growth
                .map(|half| Growth::of_pairs(&half, &place, &signs)),
        })
    }
}
