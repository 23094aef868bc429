//! Functions that are given as code in place of an expression.

use std::fmt;
use std::sync::Arc;

use crate::real::Real;

/// What is called: columns of equal length, and the column of values that is to be written.
type Call = dyn Fn(&[&[f64]], &mut [f64]) + Send + Sync;

/// A function `f(z_1, ..., z_k)` of whole columns that is known by its values alone: called once for the rows of a panel, from
/// any number of threads at a time, in double precision whatever that of the data path.
///
/// A run on it is a run; but nothing is derived of it, so that it has no analysis and no prediction, and no file holds it.
///
/// ```
/// use giantstep::callable::Callable;
/// let product = Callable::new("product", |z: &[&[f64]], out: &mut [f64]| {
///     for (v, value) in out.iter_mut().enumerate() {
///         *value = z[0][v] * z[1][v];
///     }
/// });
/// let mut values = [0.0; 2];
/// product.eval_columns(&[&[1.0, 2.0], &[3.0, -1.0]], &mut values);
/// assert_eq!(values, [3.0, -2.0]);
/// ```
#[derive(Clone)]
pub struct Callable {
    name: Arc<str>,
    call: Arc<Call>,
}

impl Callable {
    /// A function with a name for messages. It may not unwind: a failure is told by values that are NaN.
    pub fn new(name: &str, call: impl Fn(&[&[f64]], &mut [f64]) + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            call: Arc::new(call),
        }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes the values of columns of equal length.
    pub fn eval_columns<T: Real>(&self, columns: &[&[T]], out: &mut [T]) {
        let doubled = |column: &&[T]| column.iter().map(|x| x.to_f64()).collect();
        let columns: Vec<Vec<f64>> = columns.iter().map(doubled).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut values = vec![f64::NAN; out.len()];
        (self.call)(&columns, &mut values);
        for (out, value) in out.iter_mut().zip(values) {
            *out = T::from_f64(value);
        }
    }
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callable").field(&self.name).finish()
    }
}
