//! Networks fitted to arrays, which are read where they are.

use std::sync::Arc;

use giantstep::activation::Activation;
use giantstep::batch::{Data, Order};
use giantstep::estimator::{self, Features, Options, Ridge, Samples, Second};
use giantstep::faer::Mat;
use giantstep::real::Precision;
use giantstep::watch::Watch;
use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::analyze::activation;
use crate::errors::Problem;
use crate::trainer::array;
use crate::work::{Product, Shared, Work};

/// An array of either precision, borrowed.
enum Borrowed<'py> {
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

impl<'py> Borrowed<'py> {
    fn of(inputs: &Bound<'py, PyAny>) -> PyResult<Self> {
        match inputs.extract() {
            Ok(single) => Ok(Self::F32(single)),
            Err(_) => Ok(Self::F64(inputs.extract()?)),
        }
    }

    fn precision(&self) -> Precision {
        match self {
            Self::F32(_) => Precision::F32,
            Self::F64(_) => Precision::F64,
        }
    }

    fn data(&self) -> Result<Data<'_>, Problem> {
        let (shape, by_rows) = match self {
            Self::F32(array) => (array.shape(), array.is_c_contiguous()),
            Self::F64(array) => (array.shape(), array.is_c_contiguous()),
        };
        let order = if by_rows { Order::Rows } else { Order::Columns };
        let data = match self {
            Self::F32(array) => Data::new(slice(array.as_slice())?, shape[0], shape[1], order),
            Self::F64(array) => Data::new(slice(array.as_slice())?, shape[0], shape[1], order),
        };
        data.map_err(|error| problem(error.into()))
    }
}

/// The numbers of a contiguous array.
fn slice<T>(found: Result<&[T], impl std::error::Error>) -> Result<&[T], Problem> {
    found.map_err(|error| Problem::Failed(error.to_string()))
}

/// Work on a matrix of Python: the thread that works has a reference of its own and reads the matrix where it lies, without
/// the interpreter. Whoever waits need not wait for the end.
fn begin<R: Send + 'static>(
    threads: usize,
    inputs: Py<PyAny>,
    what: impl FnOnce(&Data<'_>, Watch<'_>) -> Result<R, Problem> + Send + 'static,
    product: impl FnOnce(Python<'_>, R) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Work> {
    Work::begin(threads, false, move |shared: &Arc<Shared>| {
        let watch = Watch {
            stop: &shared.asked.stop,
            ..Watch::default()
        };
        let found = Python::attach(|py| {
            let inputs = Borrowed::of(inputs.bind(py));
            let inputs = inputs.map_err(|error| Problem::Failed(error.to_string()))?;
            let data = inputs.data()?;
            py.detach(|| what(&data, watch))
        })?;
        Ok(Box::new(move |py: Python<'_>| product(py, found)) as Product)
    })
}

fn problem(error: estimator::EstimatorError) -> Problem {
    match error {
        estimator::EstimatorError::Interrupted(_) => Problem::Interrupted,
        error => Problem::Failed(error.to_string()),
    }
}

/// A matrix, given row by row.
fn matrix(array: &PyReadonlyArray2<'_, f64>) -> Mat<f64> {
    let view = array.as_array();
    Mat::from_fn(view.nrows(), view.ncols(), |i, j| view[(i, j)])
}

fn precision(name: &str, inputs: &Borrowed<'_>) -> Result<Precision, Problem> {
    match (name, inputs) {
        ("auto", Borrowed::F32(_)) | ("f32", _) => Ok(Precision::F32),
        ("auto", Borrowed::F64(_)) | ("f64", _) => Ok(Precision::F64),
        (other, _) => {
            let expected = "\"auto\" (that of X), \"f32\" or \"f64\"";
            Err(Problem::Failed(format!(
                "precision = {other:?}: {expected}"
            )))
        }
    }
}

/// Begins to fit a network to rows (n x d), labels (n x k) and weights (n); the settings are those of `estimator::Options`, the
/// product is a dict.
#[pyfunction]
#[expect(clippy::too_many_arguments)]
pub fn fit_network(
    inputs: Bound<'_, PyAny>,
    labels: PyReadonlyArray2<'_, f64>,
    weights: Bound<'_, PyArray1<f64>>,
    width: Option<usize>,
    steps: usize,
    step_sizes: Vec<f64>,
    activation_text: &str,
    bias: f64,
    ridge: Option<f64>,
    validation: f64,
    seed: u64,
    precision_name: &str,
    threads: usize,
) -> PyResult<Work> {
    let options = Options {
        width,
        steps,
        step_sizes,
        activation: activation(activation_text)?,
        bias,
        ridge: ridge.map_or(Ridge::CrossValidated, Ridge::Value),
        validation,
        seed,
        precision: precision(precision_name, &Borrowed::of(&inputs)?)?,
    };
    let (outputs, labels) = (labels.shape()[1], labels.as_slice()?.to_vec());
    let weights = weights.to_vec()?;
    let fit = move |data: &Data<'_>, watch: Watch<'_>| {
        let samples = Samples {
            inputs: data,
            outputs,
            labels: &labels,
            weights: &weights,
        };
        estimator::fit(samples, &options, watch).map_err(problem)
    };
    begin(threads, inputs.unbind(), fit, |py, fitted| {
        let name = |second| match second {
            Second::Frozen => "frozen",
            Second::Fitted => "fitted",
        };
        let path = fitted.path.iter();
        let path: Vec<_> = path
            .map(|taken| (taken.step_size, name(taken.second), taken.error))
            .collect();
        let network = fitted.network;
        let product = PyDict::new(py);
        product.set_item("means", network.means.into_pyarray(py))?;
        product.set_item("deviations", network.deviations.into_pyarray(py))?;
        product.set_item("first", array(py, &network.first)?)?;
        product.set_item("bias", network.bias.into_pyarray(py))?;
        product.set_item("readout", array(py, &network.readout)?)?;
        product.set_item("intercept", network.intercept.into_pyarray(py))?;
        product.set_item("trained", fitted.trained)?;
        product.set_item("initial_error", fitted.initial_error)?;
        product.set_item("path", path)?;
        product.set_item("steps", fitted.steps)?;
        product.set_item("ridge", fitted.ridge)?;
        product.set_item("signs", array(py, &fitted.signs)?)?;
        Ok(product.into_any().unbind())
    })
}

/// A network that was fitted, to be asked about other rows.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Network(Arc<(estimator::Network, Activation)>);

#[pymethods]
impl Network {
    #[new]
    fn new(
        means: Vec<f64>,
        deviations: Vec<f64>,
        first: PyReadonlyArray2<'_, f64>,
        bias: Vec<f64>,
        readout: PyReadonlyArray2<'_, f64>,
        intercept: Vec<f64>,
        activation_text: &str,
    ) -> PyResult<Self> {
        let network = estimator::Network {
            means,
            deviations,
            first: matrix(&first),
            bias,
            readout: matrix(&readout),
            intercept,
        };
        network.check().map_err(problem)?;
        Ok(Self(Arc::new((network, activation(activation_text)?))))
    }

    /// Begins to compute outputs on rows; the product is an n x k array.
    fn outputs(
        &self,
        inputs: Bound<'_, PyAny>,
        precision_name: &str,
        threads: usize,
    ) -> PyResult<Work> {
        let precision = precision(precision_name, &Borrowed::of(&inputs)?)?;
        let (own, columns) = (self.0.clone(), self.0.0.intercept.len());
        let outputs = move |data: &Data<'_>, watch: Watch<'_>| {
            let outputs = own.0.outputs(data, &own.1, precision, watch);
            outputs.map_err(problem)
        };
        begin(threads, inputs.unbind(), outputs, move |py, outputs| {
            let rows = outputs.len() / columns;
            let outputs = outputs.into_pyarray(py).reshape([rows, columns])?;
            Ok(outputs.into_any().unbind())
        })
    }

    /// Begins to compute features of rows; the product is an n x p array in the precision of the rows.
    fn features(&self, inputs: Bound<'_, PyAny>, threads: usize) -> PyResult<Work> {
        let precision = Borrowed::of(&inputs)?.precision();
        let (own, width) = (self.0.clone(), self.0.0.bias.len());
        let features = move |data: &Data<'_>, watch: Watch<'_>| {
            let features = own.0.features(data, &own.1, precision, watch);
            features.map_err(problem)
        };
        begin(threads, inputs.unbind(), features, move |py, features| {
            let shape = |length: usize| [length / width, width];
            Ok(match features {
                Features::F32(all) => {
                    let shape = shape(all.len());
                    all.into_pyarray(py).reshape(shape)?.into_any().unbind()
                }
                Features::F64(all) => {
                    let shape = shape(all.len());
                    all.into_pyarray(py).reshape(shape)?.into_any().unbind()
                }
            })
        })
    }
}
