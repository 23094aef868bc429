//! The ridge readout with weights and any number of outputs, its ridge by generalised cross-validation. In double precision.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};

use super::EstimatorError;
use super::problem::{Problem, features};
use super::tridiagonal::Tridiagonal;
use crate::readout::add_products;
use crate::real::Real;

/// A readout `f(x) = sigma(W x + b) a + f_0`.
#[derive(Debug, Clone)]
pub(super) struct Readout {
    /// The weights a, p x k.
    pub weights: Mat<f64>,
    /// The intercepts, k.
    pub intercept: Vec<f64>,
    /// The ridge, in units of the mean squared length of a centred row of features.
    pub ridge: f64,
}

/// A symmetric system whose solutions are readouts.
struct System {
    factors: Tridiagonal,
    /// Its right-hand side, turned.
    right: Mat<f64>,
    /// The sum of weights.
    total: f64,
    /// The mean squared length of a centred row of features.
    scale: f64,
    /// The residual sum of squares at `lambda`, of the solution.
    residual: Residual,
}

/// How the residual follows from the solution x of `(A + lambda) x = b`.
#[derive(Clone, Copy)]
enum Residual {
    /// `A = Phi^T Phi`, `b = Phi^T y`: `|y|^2 - <b, x> - lambda |x|^2`.
    Primal(f64),
    /// `A = Phi Phi^T`, `b = y`: `lambda^2 |x|^2`.
    Dual,
}

impl System {
    /// Generalised cross-validation `rss / (n - 1 - tr H)^2` with the hat matrix H of centred features, and the solution.
    fn at(&self, ridge: f64) -> Option<(f64, Mat<f64>)> {
        let lambda = ridge * self.scale;
        let (x, trace) = self.factors.solve(lambda, &self.right).ok()?;
        let squares = x.squared_norm_l2();
        let rss = match self.residual {
            Residual::Dual => lambda * lambda * squares,
            Residual::Primal(power) => {
                let inner: f64 = (0..x.ncols())
                    .map(|j| self.right.col(j).transpose() * x.col(j))
                    .sum();
                (power - inner - lambda * squares).max(0.0)
            }
        };
        // tr H = m - lambda tr (A + lambda)^{-1}.
        let free = self.total - 1.0 - x.nrows() as f64 + lambda * trace;
        Some((rss / (free * free), x))
    }

    /// The best ridge and the solution in the space of the system.
    fn best(&self, ridges: &[f64]) -> Option<(f64, Mat<f64>)> {
        let mut best: Option<(f64, f64, Mat<f64>)> = None;
        for ridge in ridges {
            let Some((error, x)) = self.at(*ridge) else {
                continue;
            };
            // Where nothing can be told, the largest ridge.
            if best.as_ref().is_none_or(|best| !(best.0 <= error)) {
                best = Some((error, *ridge, x));
            }
        }
        best.map(|(_, ridge, x)| (ridge, self.factors.outwards(x)))
    }
}

impl<T: Real> Problem<'_, T> {
    /// The readout of a first layer on some rows:
    /// `argmin sum_v s_v |y_v - phi_v a - f_0|^2 + lambda |a|^2` with `lambda = ridge (1/n) sum_v s_v |phi_v - mean|^2`.
    ///
    /// With no more rows than neurons the system is that of the rows, otherwise that of the neurons.
    pub(super) fn ridge(
        &self,
        first: &Mat<f64>,
        bias: &[f64],
        part: &[u64],
    ) -> Result<Readout, EstimatorError> {
        if part.len() <= first.nrows() + 1 {
            self.dual(first, bias, part)
        } else {
            self.primal(first, bias, part)
        }
    }

    fn total(&self, part: &[u64]) -> f64 {
        part.iter().map(|row| self.weights[*row as usize]).sum()
    }

    fn label_means(&self, part: &[u64], total: f64) -> Vec<f64> {
        let mean = |j: usize| {
            let terms = part.iter().map(|row| *row as usize);
            terms
                .map(|v| self.weights[v] * self.labels[(v, j)])
                .sum::<f64>()
                / total
        };
        (0..self.labels.ncols()).map(mean).collect()
    }

    fn readout(
        &self,
        (ridge, weights): (f64, Mat<f64>),
        feature_means: &[f64],
        label_means: &[f64],
    ) -> Readout {
        let offset = |j: usize| -> f64 {
            let terms = feature_means.iter().enumerate();
            terms.map(|(i, mean)| mean * weights[(i, j)]).sum()
        };
        let means = label_means.iter().enumerate();
        let intercept = means.map(|(j, mean)| mean - offset(j)).collect();
        Readout {
            weights,
            intercept,
            ridge,
        }
    }

    fn primal(
        &self,
        first: &Mat<f64>,
        bias: &[f64],
        part: &[u64],
    ) -> Result<Readout, EstimatorError> {
        let (p, k) = (first.nrows(), self.labels.ncols());
        let total = self.total(part);
        let label_means = self.label_means(part, total);
        let lengths = (0, p * p + p * k + p);
        let (_, sums) =
            self.rows
                .sweep::<T>(part, first.as_ref(), lengths, self.watch, |rows, panel| {
                    let height = rows.len();
                    let mut phi = features(self.activation, bias, height, panel.fields);
                    let (gram, rest) = panel.sums.split_at_mut(p * p);
                    let (cross, means) = rest.split_at_mut(p * k);
                    let mut labels = Mat::zeros(height, k);
                    let weights: Vec<f64> =
                        rows.iter().map(|v| self.weights[*v as usize]).collect();
                    for (v, row) in rows.iter().enumerate() {
                        for j in 0..k {
                            let label = self.labels[(*row as usize, j)] - label_means[j];
                            labels[(v, j)] = weights[v].sqrt() * label;
                        }
                    }
                    for (i, sum) in means.iter_mut().enumerate() {
                        for (value, weight) in phi.col_as_slice_mut(i).iter_mut().zip(&weights) {
                            *sum += weight * *value;
                            *value *= weight.sqrt();
                        }
                    }
                    add_products(phi.as_ref(), labels.as_ref(), gram, cross);
                })?;
        let (gram, rest) = sums.split_at(p * p);
        let (cross, means) = rest.split_at(p * k);
        let means: Vec<f64> = means.iter().map(|sum| sum / total).collect();
        let gram = Mat::from_fn(p, p, |i, j| match i < j {
            true => 0.0,
            false => gram[j * p + i] - total * means[i] * means[j],
        });
        // Labels are centred: the means of the features have no part in the products with them.
        let cross = MatRef::from_column_major_slice(cross, p, k).to_owned();
        let power: f64 = part
            .iter()
            .map(|row| {
                let v = *row as usize;
                let squares = (0..k).map(|j| (self.labels[(v, j)] - label_means[j]).powi(2));
                self.weights[v] * squares.sum::<f64>()
            })
            .sum();
        let scale = (0..p).map(|i| gram[(i, i)]).sum::<f64>() / total;
        let found = self.solved(gram, cross, (total, scale), Residual::Primal(power))?;
        Ok(self.readout(found, &means, &label_means))
    }

    fn dual(
        &self,
        first: &Mat<f64>,
        bias: &[f64],
        part: &[u64],
    ) -> Result<Readout, EstimatorError> {
        let (n, p, k) = (part.len(), first.nrows(), self.labels.ncols());
        let total = self.total(part);
        let label_means = self.label_means(part, total);
        let root = |v: usize| self.weights[part[v] as usize].sqrt();
        let panels = self
            .rows
            .map::<T, _>(part, first.as_ref(), self.watch, |rows, fields| {
                features(self.activation, bias, rows.len(), fields)
            })?;
        let mut phi = Mat::zeros(n, p);
        let mut height = 0;
        for panel in panels {
            phi.submatrix_mut(height, 0, panel.nrows(), p)
                .copy_from(&panel);
            height += panel.nrows();
        }
        let roots: Vec<f64> = (0..n).map(root).collect();
        let mut means = vec![0.0; p];
        for (i, mean) in means.iter_mut().enumerate() {
            let column = phi.col_as_slice_mut(i);
            *mean = column
                .iter()
                .zip(&roots)
                .map(|(x, root)| root * root * x)
                .sum::<f64>()
                / total;
            for (x, root) in column.iter_mut().zip(&roots) {
                *x = root * (*x - *mean);
            }
        }
        let labels = Mat::from_fn(n, k, |v, j| {
            roots[v] * (self.labels[(part[v] as usize, j)] - label_means[j])
        });
        let mut gram = Mat::zeros(n, n);
        triangular::matmul(
            gram.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Replace,
            phi.as_ref(),
            BlockStructure::Rectangular,
            phi.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        let scale = (0..n).map(|v| gram[(v, v)]).sum::<f64>() / total;
        let (ridge, dual) = self.solved(gram, labels, (total, scale), Residual::Dual)?;
        let mut weights = Mat::zeros(p, k);
        matmul(
            weights.as_mut(),
            Accum::Replace,
            phi.transpose(),
            dual.as_ref(),
            1.0,
            Par::Seq,
        );
        Ok(self.readout((ridge, weights), &means, &label_means))
    }

    /// The solution of the best ridge; zero where features or labels do not vary.
    fn solved(
        &self,
        matrix: Mat<f64>,
        right: Mat<f64>,
        (total, scale): (f64, f64),
        residual: Residual,
    ) -> Result<(f64, Mat<f64>), EstimatorError> {
        let largest = self.ridges.last().copied().unwrap_or(1.0);
        if !right.is_all_finite() || !scale.is_finite() {
            return Err(EstimatorError::NotFinite);
        }
        if scale <= 0.0 {
            return Ok((largest, right * 0.0));
        }
        let factors = Tridiagonal::of(matrix);
        let system = System {
            right: factors.inwards(right),
            factors,
            total,
            scale,
            residual,
        };
        system.best(&self.ridges).ok_or(EstimatorError::NotFinite)
    }
}
