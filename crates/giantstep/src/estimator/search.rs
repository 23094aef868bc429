//! The path of giant steps: every step size with either second layer, and the best of them on held-out rows.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::held_out::Parts;
use super::problem::{Problem, features, shift};
use super::ridge::Readout;
use super::start::Start;
use super::{EstimatorError, Second, Taken};
use crate::real::Real;
use crate::watch::Interrupted;

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub initial_error: Option<f64>,
    pub path: Vec<Taken>,
    pub steps: usize,
}

/// A layer after a candidate of a step.
struct Candidate {
    taken: Taken,
    first: Mat<f64>,
    readout: Readout,
}

impl<'a, T: Real> Problem<'a, T> {
    /// The path on the training rows, each step the best of its candidates on the held-out ones.
    pub(super) fn search(&self, start: &Start, parts: &Parts) -> Result<Search, EstimatorError> {
        let mut readout = self.ridge(&start.first, &start.bias, &parts.training)?;
        let mut first = start.first.clone();
        let initial = self.error(&first, &start.bias, &readout, &parts.held_out)?;
        let mut search = Search {
            initial_error: Some(initial),
            ..Search::default()
        };
        let mut least = initial;
        for step in 1..=self.options.steps {
            let candidates = self.candidates(step, &first, &readout, start, parts)?;
            let best = candidates
                .into_iter()
                .min_by(|a, b| a.taken.error.total_cmp(&b.taken.error));
            let Some(best) = best else { break };
            search.path.push(best.taken);
            if best.taken.error < least {
                (least, search.steps) = (best.taken.error, step);
            }
            (first, readout) = (best.first, best.readout);
        }
        Ok(search)
    }

    fn candidates(
        &self,
        step: usize,
        first: &Mat<f64>,
        readout: &Readout,
        start: &Start,
        parts: &Parts,
    ) -> Result<Vec<Candidate>, EstimatorError> {
        let seconds: &[Second] = match step {
            1 => &[Second::Frozen],
            _ => &[Second::Frozen, Second::Fitted],
        };
        let mut asked = Vec::new();
        for second in seconds {
            let layer = match second {
                Second::Frozen => start.into(),
                Second::Fitted => readout.into(),
            };
            let direction = self.descent(first, &start.bias, layer, &parts.training)?;
            let sizes = self.options.step_sizes.iter();
            asked.extend(sizes.map(|size| (*second, *size, moved(first, &direction, *size))));
        }
        // Each of them on a thread; none of the bits depends on which.
        let tried = asked.into_par_iter().map(|(second, step_size, first)| {
            let readout = self.ridge(&first, &start.bias, &parts.training)?;
            let error = self.error(&first, &start.bias, &readout, &parts.held_out)?;
            Ok(Candidate {
                taken: Taken {
                    step_size,
                    second,
                    error,
                },
                first,
                readout,
            })
        });
        tried.collect()
    }

    /// The steps of a path, taken on these rows.
    pub(super) fn replay(
        &self,
        start: &Start,
        path: &[Taken],
        part: &[u64],
    ) -> Result<Mat<f64>, EstimatorError> {
        let mut first = start.first.clone();
        for taken in path {
            let readout;
            let second = match taken.second {
                Second::Frozen => start.into(),
                Second::Fitted => {
                    readout = self.ridge(&first, &start.bias, part)?;
                    (&readout).into()
                }
            };
            let direction = self.descent(&first, &start.bias, second, part)?;
            first = moved(&first, &direction, taken.step_size);
        }
        Ok(first)
    }

    /// The mean squared error on some rows.
    fn error(
        &self,
        first: &Mat<f64>,
        bias: &[f64],
        readout: &Readout,
        part: &[u64],
    ) -> Result<f64, Interrupted> {
        let k = self.labels.ncols();
        let panels = self
            .rows
            .map::<T, _>(part, first.as_ref(), self.watch, |rows, fields| {
                let outputs =
                    features(self.activation, bias, rows.len(), fields) * &readout.weights;
                let (mut error, mut total) = (0.0, 0.0);
                for (v, row) in rows.iter().enumerate() {
                    let row = *row as usize;
                    total += self.weights[row];
                    for j in 0..k {
                        let left = self.labels[(row, j)] - outputs[(v, j)] - readout.intercept[j];
                        error += self.weights[row] * left * left;
                    }
                }
                (error, total)
            })?;
        let sums = panels
            .iter()
            .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Ok(sums.0 / (k as f64 * sums.1))
    }

    /// `p` times minus the gradient of the squared error: row i is
    /// `p (1/n) sum_v s_v <r_v, a_i> sigma'(<w_i, x_v> + b_i) x_v` with the residuals `r_v = y_v - sum_i a_i sigma - f_0`.
    fn descent(
        &self,
        first: &Mat<f64>,
        bias: &[f64],
        second: SecondLayer<'_>,
        part: &[u64],
    ) -> Result<Mat<f64>, Interrupted> {
        let (p, k) = (first.nrows(), self.labels.ncols());
        let weights = Mat::<T>::from_fn(p, k, |i, j| T::from_f64(second.weights[(i, j)]));
        let intercept = |j: usize| second.intercept.get(j).copied().unwrap_or(0.0);
        let lengths = (p, 1);
        let (one, zero) = (T::from_f64(1.0), T::from_f64(0.0));
        let found =
            self.rows
                .sweep::<T>(part, first.as_ref(), lengths, self.watch, |rows, panel| {
                    let height = rows.len();
                    panel.scratch.resize(height * (p + k + 1), zero);
                    let (phi, rest) = panel.scratch.split_at_mut(height * p);
                    let (residual, column) = rest.split_at_mut(height * k);
                    let fields = &mut panel.fields[..height * p];
                    shift(bias, height, fields);
                    for (field, phi) in fields
                        .chunks_exact(height)
                        .zip(phi.chunks_exact_mut(height))
                    {
                        self.activation.value_column(field, phi);
                    }
                    matmul(
                        MatMut::from_column_major_slice_mut(residual, height, k),
                        Accum::Replace,
                        MatRef::from_column_major_slice(&*phi, height, p),
                        weights.as_ref(),
                        one,
                        Par::Seq,
                    );
                    for (at, value) in residual.iter_mut().enumerate() {
                        let (v, j) = (rows[at % height] as usize, at / height);
                        let left = self.labels[(v, j)] - intercept(j) - value.to_f64();
                        *value = T::from_f64(self.weights[v] * left);
                    }
                    panel.sums[0] += rows.iter().map(|v| self.weights[*v as usize]).sum::<f64>();
                    // The features are spent: their place takes <r, a_i>.
                    matmul(
                        MatMut::from_column_major_slice_mut(phi, height, p),
                        Accum::Replace,
                        MatRef::from_column_major_slice(&*residual, height, k),
                        weights.transpose(),
                        one,
                        Par::Seq,
                    );
                    for (field, drive) in fields
                        .chunks_exact_mut(height)
                        .zip(phi.chunks_exact(height))
                    {
                        let slope = &mut column[..height];
                        self.activation.derivative_column(field, slope);
                        for ((field, slope), drive) in field.iter_mut().zip(slope).zip(drive) {
                            *field = *slope * *drive;
                        }
                    }
                })?;
        let (direction, sums) = found;
        Ok(direction * (p as f64 / sums[0]))
    }
}

/// A second layer as a step sees it.
struct SecondLayer<'a> {
    weights: &'a Mat<f64>,
    intercept: &'a [f64],
}

impl<'a> From<&'a Readout> for SecondLayer<'a> {
    fn from(readout: &'a Readout) -> Self {
        Self {
            weights: &readout.weights,
            intercept: &readout.intercept,
        }
    }
}

impl<'a> From<&'a Start> for SecondLayer<'a> {
    fn from(start: &'a Start) -> Self {
        Self {
            weights: &start.signs,
            intercept: &[],
        }
    }
}

/// Rows of norm 1; a row of zeros stays.
pub(super) fn normalise(first: &mut Mat<f64>) {
    for row in first.row_iter_mut() {
        let norm = row.norm_l2();
        if norm > 0.0 {
            row.iter_mut().for_each(|x| *x /= norm);
        }
    }
}

fn moved(first: &Mat<f64>, direction: &Mat<f64>, size: f64) -> Mat<f64> {
    let mut moved = first + direction * size;
    normalise(&mut moved);
    moved
}
