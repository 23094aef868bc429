//! What a search is asked, and the features of its networks.

use std::marker::PhantomData;

use faer::Mat;

use super::rows::Rows;
use super::{Options, Ridge};
use crate::activation::Activation;
use crate::real::Real;
use crate::watch::Watch;

/// Standardised rows and labels, and what is asked of them; the products of the rows are in the precision T.
pub(super) struct Problem<'a, T> {
    pub rows: &'a Rows<'a>,
    /// n x k, of mean 0 and variance 1.
    pub labels: &'a Mat<f64>,
    pub weights: &'a [f64],
    pub activation: &'a Activation,
    /// The candidates of the ridge, ascending.
    pub ridges: Vec<f64>,
    pub options: &'a Options,
    pub watch: Watch<'a>,
    precision: PhantomData<T>,
}

impl<'a, T: Real> Problem<'a, T> {
    pub(super) fn new(
        rows: &'a Rows<'a>,
        labels: &'a Mat<f64>,
        weights: &'a [f64],
        options: &'a Options,
        watch: Watch<'a>,
    ) -> Self {
        let ridges = match options.ridge {
            Ridge::CrossValidated => grid(),
            Ridge::Value(ridge) => vec![ridge],
        };
        Self {
            rows,
            labels,
            weights,
            activation: &options.activation,
            ridges,
            options,
            watch,
            precision: PhantomData,
        }
    }
}

/// The candidates of a ridge, in units of the mean squared length of a centred row of features.
fn grid() -> Vec<f64> {
    (-12..=6)
        .map(|half| 10f64.powf(f64::from(half) / 2.0))
        .collect()
}

/// Adds the biases to fields, column by column.
pub(super) fn shift<T: Real>(bias: &[f64], height: usize, fields: &mut [T]) {
    for (field, bias) in fields.chunks_exact_mut(height).zip(bias) {
        let bias = T::from_f64(*bias);
        field.iter_mut().for_each(|h| *h += bias);
    }
}

/// Fields become features.
pub(super) fn activate<T: Real>(
    activation: &Activation,
    bias: &[f64],
    height: usize,
    fields: &mut [T],
) {
    shift(bias, height, fields);
    let mut column = vec![T::from_f64(0.0); height];
    for field in fields.chunks_exact_mut(height) {
        activation.value_column(field, &mut column);
        field.copy_from_slice(&column);
    }
}

/// Features in double precision, rows x p.
pub(super) fn features<T: Real>(
    activation: &Activation,
    bias: &[f64],
    height: usize,
    fields: &mut [T],
) -> Mat<f64> {
    let p = bias.len();
    activate(activation, bias, height, &mut fields[..height * p]);
    Mat::from_fn(height, p, |v, i| fields[i * height + v].to_f64())
}
