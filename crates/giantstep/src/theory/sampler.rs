//! Samples of the fields of all neurons.

use faer::{Mat, Side};

use crate::batch::{Inputs, Stream};
use crate::theory::coordinates::of_normals;
use crate::theory::expectation::spread_normals;
use crate::theory::fields::Fields;
use crate::theory::population::{ClassMatrix, Population};
use crate::theory::shared::combine;

/// Neurons beyond which a sampled network is replaced by a narrower one.
pub(super) const SAMPLED_WIDTH: f64 = 512.0;

/// Draws the fields of all neurons of a network.
pub(super) struct Sampler<'a> {
    population: &'a Population,
    overlap: &'a Mat<f64>,
    /// Number of simulated neurons of every class.
    units: Vec<usize>,
    /// Class of every simulated neuron; twins share their rank within the class.
    members: Vec<(usize, usize)>,
    /// Square roots of the covariance of class means and of what is left to single units.
    means: Mat<f64>,
    own: Mat<f64>,
}

/// Sums from which a [`ClassMatrix`] of second moments follows.
pub(super) struct Moments;

impl Moments {
    /// Same unit, and all pairs.
    pub(super) fn length(k: usize) -> usize {
        2 * k * k
    }
}

impl<'a> Sampler<'a> {
    pub(super) fn new(population: &'a Population, fields: &'a Fields) -> Option<Self> {
        Self::of(population, &fields.overlap, &fields.orthogonal)
    }

    /// Fields with overlap M and orthogonal covariance.
    pub(super) fn of(
        population: &'a Population,
        overlap: &'a Mat<f64>,
        orthogonal: &ClassMatrix,
    ) -> Option<Self> {
        let k = population.len();
        let units: Vec<usize> = population
            .narrowed(SAMPLED_WIDTH)
            .classes
            .iter()
            .map(|class| match class.count.round() {
                whole if whole == class.count => whole as usize,
                // What two neurons of a class share needs two of them.
                near => (near as usize).max(2),
            })
            .collect();
        let members = (0..k)
            .flat_map(|c| (0..units[c]).map(move |rank| (c, rank)))
            .collect();
        let means = Mat::from_fn(k, k, |c, e| {
            orthogonal.cross[(c, e)]
                + orthogonal.own[(c, e)] / (units[c] as f64 * units[e] as f64).sqrt()
        });
        Some(Self {
            population,
            overlap,
            units,
            members,
            means: root(&means)?,
            own: root(&orthogonal.own)?,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.members.len()
    }

    /// The share of the output of neuron i: its weight over p, times the number of neurons it stands for.
    pub(super) fn share(&self, i: usize) -> f64 {
        let c = self.class(i);
        let class = &self.population.classes[c];
        class.second * class.count / (self.units[c] as f64 * self.population.width())
    }

    pub(super) fn class(&self, i: usize) -> usize {
        self.members[i].0
    }

    /// The samples from `first` on: `rows` of the target's fields, spread evenly, and of the field of every neuron.
    pub(super) fn draw(
        &self,
        (seed, first): (u64, usize),
        stream: &mut Stream,
        (law, r): (Inputs, usize),
        rows: usize,
    ) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let mut targets = vec![vec![0.0; rows]; r];
        spread_normals(seed, first, &mut targets);
        of_normals(law, &mut targets);
        let fields = self.draw_given(stream, &targets, rows);
        (targets, fields)
    }

    /// The fields of every neuron, given those of the target.
    pub(super) fn draw_given(
        &self,
        stream: &mut Stream,
        targets: &[Vec<f64>],
        rows: usize,
    ) -> Vec<Vec<f64>> {
        let k = self.units.len();
        let mut normals = vec![vec![0.0; rows]; k];
        normals
            .iter_mut()
            .for_each(|column| stream.fill_normal(column));
        let mut centre = combine(&self.means, k, &normals);
        for (c, centre) in centre.iter_mut().enumerate() {
            for (j, target) in targets.iter().enumerate() {
                let overlap = self.overlap[(c, j)];
                for (out, z) in centre.iter_mut().zip(target) {
                    *out += overlap * z;
                }
            }
        }
        // What units have alone, twins together, less its mean over the class.
        let mut alone: Vec<Vec<Vec<f64>>> = vec![Vec::new(); k];
        for c in 0..k {
            if !alone[c].is_empty() {
                continue;
            }
            let together: Vec<usize> = (0..k)
                .filter(|e| self.population.same_unit(c, *e))
                .collect();
            for _ in 0..self.units[c] {
                let mut normals = vec![vec![0.0; rows]; together.len()];
                normals
                    .iter_mut()
                    .for_each(|column| stream.fill_normal(column));
                let block = Mat::from_fn(together.len(), together.len(), |i, j| {
                    self.own[(together[i], together[j])]
                });
                let drawn = combine(&block, together.len(), &normals);
                for (e, column) in together.iter().zip(drawn) {
                    alone[*e].push(column);
                }
            }
        }
        for columns in &mut alone {
            let count = columns.len() as f64;
            let mut mean = vec![0.0; rows];
            for column in columns.iter() {
                for (mean, x) in mean.iter_mut().zip(column) {
                    *mean += x / count;
                }
            }
            for column in columns.iter_mut() {
                for (x, mean) in column.iter_mut().zip(&mean) {
                    *x -= mean;
                }
            }
        }
        self.members
            .iter()
            .map(|(c, rank)| {
                let mut field = std::mem::take(&mut alone[*c][*rank]);
                for (x, centre) in field.iter_mut().zip(&centre[*c]) {
                    *x += centre;
                }
                field
            })
            .collect()
    }

    /// Adds sums over rows of `u_i z_j` and of its square, averaged over classes.
    pub(super) fn target_moments(&self, u: &[Vec<f64>], targets: &[Vec<f64>], sums: &mut [f64]) {
        let (k, r) = (self.units.len(), targets.len());
        let (products, squares) = sums.split_at_mut(k * r);
        for (column, (c, _)) in u.iter().zip(&self.members) {
            let share = 1.0 / self.units[*c] as f64;
            for (j, target) in targets.iter().enumerate() {
                for (u, z) in column.iter().zip(target) {
                    products[c * r + j] += share * u * z;
                    squares[c * r + j] += share * (u * z).powi(2);
                }
            }
        }
    }

    /// `matrix` applied to one column per neuron.
    pub(super) fn apply(&self, matrix: &ClassMatrix, u: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let k = self.units.len();
        let rows = u.first().map_or(0, Vec::len);
        let (first, totals) = (self.first(), self.totals(u));
        self.members
            .iter()
            .map(|(c, rank)| {
                let mut out = vec![0.0; rows];
                let mut add = |scale: f64, column: &[f64]| {
                    for (out, x) in out.iter_mut().zip(column) {
                        *out += scale * x;
                    }
                };
                for e in 0..k {
                    let stands_for = self.population.classes[e].count / self.units[e] as f64;
                    add(matrix.cross[(*c, e)] * stands_for, &totals[e]);
                    if self.population.same_unit(*c, e) {
                        add(matrix.own[(*c, e)], &u[first[e] + rank]);
                    }
                }
                out
            })
            .collect()
    }

    /// The first neuron of every class.
    fn first(&self) -> Vec<usize> {
        let mut first = vec![0; self.units.len()];
        for c in 1..first.len() {
            first[c] = first[c - 1] + self.units[c - 1];
        }
        first
    }

    /// Sums over the neurons of every class.
    fn totals(&self, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let rows = columns.first().map_or(0, Vec::len);
        let mut totals = vec![vec![0.0; rows]; self.units.len()];
        for (column, (c, _)) in columns.iter().zip(&self.members) {
            for (total, x) in totals[*c].iter_mut().zip(column) {
                *total += x;
            }
        }
        totals
    }

    /// Adds sums over rows of products `u_i v_j` of two columns per neuron: averages over same units, and over
    /// all pairs.
    pub(super) fn moments(&self, u: &[Vec<f64>], v: &[Vec<f64>], sums: &mut [f64]) {
        let k = self.units.len();
        let (same, all) = sums.split_at_mut(k * k);
        let (first, sums_u, sums_v) = (self.first(), self.totals(u), self.totals(v));
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        for c in 0..k {
            for e in 0..k {
                let pairs = (self.units[c] * self.units[e]) as f64;
                all[c * k + e] += dot(&sums_u[c], &sums_v[e]) / pairs;
                if self.population.same_unit(c, e) {
                    for rank in 0..self.units[c] {
                        let product = dot(&u[first[c] + rank], &v[first[e] + rank]);
                        same[c * k + e] += product / self.units[c] as f64;
                    }
                }
            }
        }
    }

    /// The matrix whose averages these are.
    pub(super) fn matrix(&self, averages: &[f64]) -> ClassMatrix {
        let k = self.units.len();
        let (same, all) = averages.split_at(k * k);
        let mut matrix = ClassMatrix::zeros(k);
        for c in 0..k {
            for e in 0..k {
                let (same, all) = (same[c * k + e], all[c * k + e]);
                let units = self.units[c] as f64;
                matrix.cross[(c, e)] = match self.population.same_unit(c, e) {
                    false => all,
                    // A class of one unit has no pairs of different units: any split will do.
                    true if units == 1.0 => 0.0,
                    true => (all - same / units) / (1.0 - 1.0 / units),
                };
                if self.population.same_unit(c, e) {
                    matrix.own[(c, e)] = same - matrix.cross[(c, e)];
                }
            }
        }
        matrix
    }
}

/// The symmetric square root of a positive matrix; rounding below zero counts as zero.
pub(super) fn root(matrix: &Mat<f64>) -> Option<Mat<f64>> {
    let k = matrix.nrows();
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let scaled = Mat::from_fn(k, k, |i, j| {
        eigen.U()[(i, j)] * eigen.S()[j].max(0.0).sqrt()
    });
    Some(scaled * eigen.U().transpose())
}
