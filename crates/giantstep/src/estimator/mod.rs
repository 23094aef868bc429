//! Feature learning in a few giant steps on any data matrix: what the estimators of the Python package compute.
//!
//! A network `f(x) = sum_i a_i sigma(<w_i, x> + b_i) + f_0` of p neurons on standardised rows, trained by T full-batch steps
//! whose rows are brought back to norm 1, with a ridge readout. The first step has mirrored pairs of neurons with frozen
//! signs, a later one the signs or the fitted readout as second layer; which of them, the step sizes and T are chosen
//! on held-out rows ([`fit`]).
//!
//! - `rows`: passes over rows of the matrix, standardised as they are read.
//! - `held_out`: which rows are held out.
//! - `tridiagonal`, `ridge`: the readout, its ridge by generalised cross-validation.
//! - `search`: the path of giant steps.

mod held_out;
mod problem;
mod ridge;
mod rows;
mod search;
mod start;
mod tridiagonal;

use faer::Mat;

use crate::activation::Activation;
use crate::batch::{Data, DataError};
use crate::real::{Precision, Real};
use crate::watch::{Interrupted, Watch};

use held_out::Parts;
use problem::Problem;
use rows::Rows;

/// How the network is found.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number p of trained neurons, even, beside which the readout sees p/2 as they were drawn; by default twice the number of rows, from 512 to 4096.
    pub width: Option<usize>,
    /// The largest number T of giant steps.
    pub steps: usize,
    /// The candidates c of the step sizes `c p`.
    pub step_sizes: Vec<f64>,
    /// The activation sigma.
    pub activation: Activation,
    /// The standard deviation of the biases.
    pub bias: f64,
    /// How the ridge is found.
    pub ridge: Ridge,
    /// The share of the rows that the steps are chosen on, below 1.
    pub validation: f64,
    /// What the first layer, the signs and the held-out rows are drawn with.
    pub seed: u64,
    /// Precision of the products of the rows; the readout is in double precision.
    pub precision: Precision,
}

/// How the ridge is found, in units of the mean squared length of a centred row of features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ridge {
    /// The best of 19 values from 1e-6 to 1e3 by generalised cross-validation.
    CrossValidated,
    /// This one.
    Value(f64),
}

/// Rows with labels.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// The rows, n x d.
    pub inputs: &'a Data<'a>,
    /// The labels, n x k, row after row.
    pub labels: &'a [f64],
    /// The number k of outputs.
    pub outputs: usize,
    /// How many rows each row counts for; none is negative, not all are 0.
    pub weights: &'a [f64],
}

/// The second layer that a giant step was taken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// The frozen signs of the mirrored pairs.
    Frozen,
    /// The ridge readout of the layer before the step.
    Fitted,
}

/// A giant step of the path, with what came of it on held-out rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// The step size over p.
    pub step_size: f64,
    /// The second layer that it was taken with.
    pub second: Second,
    /// The mean squared error on held-out rows after it, in units of the variance of the labels.
    pub error: f64,
}

/// A network on standardised rows.
#[derive(Debug, Clone)]
pub struct Network {
    /// The mean of each column.
    pub means: Vec<f64>,
    /// The standard deviation of each column; 0 if it is constant, which leaves it out.
    pub deviations: Vec<f64>,
    /// The first layer, a row of norm 1 for each neuron.
    pub first: Mat<f64>,
    /// The bias of each neuron.
    pub bias: Vec<f64>,
    /// The readout, a row of k numbers for each neuron, in units of the labels.
    pub readout: Mat<f64>,
    /// Its intercepts, k.
    pub intercept: Vec<f64>,
}

/// A network and how it was found.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The network.
    pub network: Network,
    /// How many of its neurons are trained, the first of them; the others are as they were drawn.
    pub trained: usize,
    /// The error on held-out rows before the first step; none where there are too few rows to hold any out.
    pub initial_error: Option<f64>,
    /// Every step of the path.
    pub path: Vec<Taken>,
    /// How many of them the network has taken.
    pub steps: usize,
    /// The ridge of its readout.
    pub ridge: f64,
    /// The signs of the frozen second layer, p x k, over `p sqrt k`.
    pub signs: Mat<f64>,
}

/// Why no network was found.
#[derive(Debug, thiserror::Error)]
pub enum EstimatorError {
    /// Shapes do not fit.
    #[error("{what}: {is}, expected {expected}")]
    Shape {
        /// Of what.
        what: &'static str,
        /// How many there are.
        is: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A number is out of its range.
    #[error("{name} = {value}: {expected}")]
    Range {
        /// The name of the number.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The rows are no matrix of finite numbers.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Features are not finite.
    #[error(
        "the inputs or the labels are not finite, or too large for the variances of their columns"
    )]
    NotFinite,
    /// The end of the work was asked for.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

fn checked(
    name: &'static str,
    value: f64,
    ok: bool,
    expected: &'static str,
) -> Result<(), EstimatorError> {
    match ok {
        true => Ok(()),
        false => Err(EstimatorError::Range {
            name,
            value,
            expected,
        }),
    }
}

fn shape(what: &'static str, is: usize, expected: usize) -> Result<(), EstimatorError> {
    match is == expected {
        true => Ok(()),
        false => Err(EstimatorError::Shape { what, is, expected }),
    }
}

impl Options {
    fn check(&self) -> Result<(), EstimatorError> {
        for size in &self.step_sizes {
            checked("step_sizes", *size, size.is_finite(), "finite")?;
        }
        let width = self.width.unwrap_or(2);
        checked(
            "width",
            width as f64,
            width >= 2 && width.is_multiple_of(2),
            "neurons come in mirrored pairs: an even number, at least 2",
        )?;
        let positive = |value: f64| value >= 0.0 && value.is_finite();
        checked("bias", self.bias, positive(self.bias), "0 or more")?;
        if let Ridge::Value(ridge) = self.ridge {
            checked("ridge", ridge, positive(ridge) && ridge > 0.0, "above 0")?;
        }
        let share = self.validation;
        checked(
            "validation",
            share,
            share > 0.0 && share < 1.0,
            "between 0 and 1",
        )
    }
}

impl Samples<'_> {
    fn check(&self) -> Result<(), EstimatorError> {
        let n = self.inputs.rows();
        shape("weights", self.weights.len(), n)?;
        shape("labels", self.labels.len(), n * self.outputs)?;
        for weight in self.weights {
            let expected = "finite and not negative";
            checked(
                "weight",
                *weight,
                *weight >= 0.0 && weight.is_finite(),
                expected,
            )?;
        }
        let total: f64 = self.weights.iter().sum();
        checked("sum of weights", total, total > 0.0, "above 0")
    }
}

/// Finds a network.
///
/// Rows are standardised, labels brought to unit variance. Neurons come in mirrored pairs: equal rows `w_i` of norm 1 and
/// biases `N(0, bias^2)`, opposite second layers. A giant step is `w_i <- w_i + c p a_i E[r sigma'(<w_i, x> + b_i) x]` with r
/// the residual of all training rows, then norm 1. At each step all `step_sizes` are tried, from the second step on with
/// both second layers, and the best on the held-out rows is taken; then the best number of steps, 0 among them, is taken
/// again on all rows. The last readout also sees one neuron of each pair as it was drawn: a path that is the best of many on
/// held-out rows is less good elsewhere. A row of weight 2 is two rows to rounding.
///
/// Cost: about `2 steps |step_sizes|` candidates of `2 n d p + n p min(n, p) + (4/3) min(n, p)^3` flops. Memory beside the
/// inputs: for each thread a panel of rows and a matrix of `min(n, p)^2` numbers.
///
/// # Errors
/// [`EstimatorError`] if sizes or ranges are wrong, if features overflow, or if the end of the work was asked for.
pub fn fit(
    samples: Samples<'_>,
    options: &Options,
    watch: Watch<'_>,
) -> Result<Fitted, EstimatorError> {
    options.check()?;
    samples.check()?;
    match options.precision {
        Precision::F32 => fit_in::<f32>(samples, options, watch),
        Precision::F64 => fit_in::<f64>(samples, options, watch),
    }
}

fn fit_in<T: Real>(
    samples: Samples<'_>,
    options: &Options,
    watch: Watch<'_>,
) -> Result<Fitted, EstimatorError> {
    let (n, k) = (samples.inputs.rows(), samples.outputs);
    let weights = counted(samples.weights);
    let total: f64 = weights.iter().sum();
    let (means, deviations) = rows::moments(samples.inputs, &weights, watch)?;
    let scales = Scales::of(samples.labels, k, &weights, total);
    let moments = [&means, &deviations, &scales.means, &scales.deviations];
    if !moments
        .into_iter()
        .flatten()
        .all(|moment| moment.is_finite())
    {
        return Err(EstimatorError::NotFinite);
    }
    let rows = Rows::new(samples.inputs, &means, &deviations)?;
    let labels = Mat::from_fn(n, k, |v, j| {
        scales.standardised(samples.labels[v * k + j], j)
    });
    let problem = Problem::<T>::new(&rows, &labels, &weights, options, watch);

    let auto = (2.0 * total).round().clamp(512.0, 4096.0) as usize;
    let width = options.width.unwrap_or(auto);
    let start = problem.start(width);
    let parts = Parts::of(samples.inputs, &weights, options.validation, options.seed);
    let search = match &parts.held_out[..] {
        [] => search::Search::default(),
        _ => problem.search(&start, &parts)?,
    };
    let all = parts.all();
    let trained = problem.replay(&start, &search.path[..search.steps], &all)?;
    let (first, bias) = start.beside(&trained);
    let fit = problem.ridge(&first, &bias, &all)?;
    Ok(Fitted {
        network: Network {
            readout: Mat::from_fn(first.nrows(), k, |i, j| {
                fit.weights[(i, j)] * scales.deviations[j]
            }),
            intercept: (0..k)
                .map(|j| scales.means[j] + scales.deviations[j] * fit.intercept[j])
                .collect(),
            first,
            bias,
            means,
            deviations,
        },
        trained: width,
        initial_error: search.initial_error,
        path: search.path,
        steps: search.steps,
        ridge: fit.ridge,
        signs: start.signs,
    })
}

/// Weights that count rows: as they are given, but at least as many as there are rows that count.
fn counted(weights: &[f64]) -> Vec<f64> {
    let (sum, rows) = (
        weights.iter().sum::<f64>(),
        weights.iter().filter(|w| **w > 0.0).count() as f64,
    );
    let factor = if sum < rows { rows / sum } else { 1.0 };
    weights.iter().map(|weight| weight * factor).collect()
}

/// Mean and standard deviation of each output.
struct Scales {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl Scales {
    fn of(labels: &[f64], k: usize, weights: &[f64], total: f64) -> Self {
        let mean = |of: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            let one = |j: usize| {
                let terms = labels.iter().skip(j).step_by(k).zip(weights);
                terms.map(|(y, weight)| weight * of(j, *y)).sum::<f64>() / total
            };
            (0..k).map(one).collect()
        };
        let means = mean(&|_, y| y);
        let variances = mean(&|j, y| (y - means[j]).powi(2));
        let deviation = |(variance, mean): (&f64, &f64)| {
            let constant = *variance <= (mean * f64::EPSILON * total.sqrt()).powi(2);
            if constant { 1.0 } else { variance.sqrt() }
        };
        let deviations = variances.iter().zip(&means).map(deviation).collect();
        Self { means, deviations }
    }

    fn standardised(&self, label: f64, output: usize) -> f64 {
        (label - self.means[output]) / self.deviations[output]
    }
}

impl Network {
    /// Whether its parts fit together.
    ///
    /// # Errors
    /// [`EstimatorError::Shape`] if they do not.
    pub fn check(&self) -> Result<(), EstimatorError> {
        let ((p, d), k) = (self.first.shape(), self.intercept.len());
        shape("means", self.means.len(), d)?;
        shape("deviations", self.deviations.len(), d)?;
        shape("biases", self.bias.len(), p)?;
        shape("rows of the readout", self.readout.nrows(), p)?;
        shape("columns of the readout", self.readout.ncols(), k)
    }

    /// Its outputs on rows of the table, n x k, row after row. `2 n p (d + k)` flops.
    ///
    /// # Errors
    /// [`EstimatorError`] if the columns are not its own, or when the end of the work was asked for.
    pub fn outputs(
        &self,
        inputs: &Data<'_>,
        activation: &Activation,
        precision: Precision,
        watch: Watch<'_>,
    ) -> Result<Vec<f64>, EstimatorError> {
        shape("columns of the inputs", inputs.columns(), self.means.len())?;
        match precision {
            Precision::F32 => self.outputs_in::<f32>(inputs, activation, watch),
            Precision::F64 => self.outputs_in::<f64>(inputs, activation, watch),
        }
    }

    fn outputs_in<T: Real>(
        &self,
        inputs: &Data<'_>,
        activation: &Activation,
        watch: Watch<'_>,
    ) -> Result<Vec<f64>, EstimatorError> {
        let rows = Rows::new(inputs, &self.means, &self.deviations)?;
        let all: Vec<u64> = (0..inputs.rows() as u64).collect();
        let panels = rows.map::<T, _>(&all, self.first.as_ref(), watch, |numbers, fields| {
            let phi = problem::features(activation, &self.bias, numbers.len(), fields);
            let values = phi * &self.readout;
            let value = |at: usize| {
                let k = self.intercept.len();
                values[(at / k, at % k)] + self.intercept[at % k]
            };
            (0..numbers.len() * self.intercept.len())
                .map(value)
                .collect::<Vec<f64>>()
        })?;
        Ok(panels.concat())
    }

    /// Its features `sigma(<w_i, x> + b_i)` on rows of the table, n x p, row after row. `2 n p d` flops.
    ///
    /// # Errors
    /// [`EstimatorError`] if the columns are not its own, or when the end of the work was asked for.
    pub fn features(
        &self,
        inputs: &Data<'_>,
        activation: &Activation,
        precision: Precision,
        watch: Watch<'_>,
    ) -> Result<Features, EstimatorError> {
        shape("columns of the inputs", inputs.columns(), self.means.len())?;
        Ok(match precision {
            Precision::F32 => Features::F32(self.features_in(inputs, activation, watch)?),
            Precision::F64 => Features::F64(self.features_in(inputs, activation, watch)?),
        })
    }

    fn features_in<T: Real>(
        &self,
        inputs: &Data<'_>,
        activation: &Activation,
        watch: Watch<'_>,
    ) -> Result<Vec<T>, EstimatorError> {
        let rows = Rows::new(inputs, &self.means, &self.deviations)?;
        let all: Vec<u64> = (0..inputs.rows() as u64).collect();
        let panels = rows.map::<T, _>(&all, self.first.as_ref(), watch, |numbers, fields| {
            problem::activate(activation, &self.bias, numbers.len(), fields);
            let (p, height) = (self.bias.len(), numbers.len());
            (0..height * p)
                .map(|at| fields[at % p * height + at / p])
                .collect::<Vec<T>>()
        })?;
        Ok(panels.concat())
    }
}

/// Features in the precision that was asked for.
#[derive(Debug, Clone)]
pub enum Features {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}
