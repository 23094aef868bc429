//! Networks fitted to arrays, which are read where they are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use giantstep::activation::Activation;
use giantstep::batch::{Data, Order};
use giantstep::estimator::{self, Features, Options, Ridge, Samples, Second};
use giantstep::faer::Mat;
use giantstep::real::Precision;
use giantstep::watch::Watch;
use giantstep_lab::fence::fenced;
use numpy::{
    IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::ThreadPoolBuilder;

use crate::analyze::activation;
use crate::errors::Problem;
use crate::trainer::array;

/// Between looks at signals.
const WHILE: Duration = Duration::from_millis(50);

/// Work on arrays of Python, which it may read only until this returns: the thread that asked waits without the interpreter,
/// and looks for signals.
fn scoped<R: Send>(
    py: Python<'_>,
    threads: usize,
    what: impl FnOnce(Watch<'_>) -> Result<R, Problem> + Send,
) -> PyResult<R> {
    let stop = AtomicBool::new(false);
    let work = || {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool =
            pool.map_err(|error| Problem::Failed(format!("threads = {threads}: {error}")))?;
        let watch = Watch {
            stop: &stop,
            ..Watch::default()
        };
        pool.install(|| what(watch))
    };
    py.detach(|| {
        thread::scope(|scope| {
            let (ended, end) = channel();
            let builder = thread::Builder::new().name("giantstep".to_owned());
            builder.spawn_scoped(scope, move || {
                let done = fenced(work).unwrap_or_else(|reason| Err(Problem::Failed(reason)));
                // Whoever asked is waiting.
                let _ = ended.send(done);
            })?;
            loop {
                match end.recv_timeout(WHILE) {
                    Ok(done) => return Ok(done?),
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(signal) = Python::attach(|py| py.check_signals()) {
                            stop.store(true, Ordering::Relaxed);
                            return Err(signal);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Problem::Failed("the work was lost".to_owned()).into());
                    }
                }
            }
        })
    })
}

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

    fn data(&self) -> PyResult<Data<'_>> {
        let (shape, by_rows) = match self {
            Self::F32(array) => (array.shape(), array.is_c_contiguous()),
            Self::F64(array) => (array.shape(), array.is_c_contiguous()),
        };
        let order = if by_rows { Order::Rows } else { Order::Columns };
        let data = match self {
            Self::F32(array) => Data::new(array.as_slice()?, shape[0], shape[1], order),
            Self::F64(array) => Data::new(array.as_slice()?, shape[0], shape[1], order),
        };
        Ok(data.map_err(|error| problem(error.into()))?)
    }
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

/// Fits a network to rows (n x d), labels (n x k) and weights (n); the settings are those of `estimator::Options`.
#[pyfunction]
#[expect(clippy::too_many_arguments)]
pub fn fit_network<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    labels: PyReadonlyArray2<'py, f64>,
    weights: PyReadonlyArray1<'py, f64>,
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
) -> PyResult<Bound<'py, PyDict>> {
    let inputs = Borrowed::of(inputs)?;
    let options = Options {
        width,
        steps,
        step_sizes,
        activation: activation(activation_text)?,
        bias,
        ridge: ridge.map_or(Ridge::CrossValidated, Ridge::Value),
        validation,
        seed,
        precision: precision(precision_name, &inputs)?,
    };
    let data = inputs.data()?;
    let samples = Samples {
        inputs: &data,
        outputs: labels.shape()[1],
        labels: labels.as_slice()?,
        weights: weights.as_slice()?,
    };
    let fitted = scoped(py, threads, |watch| {
        estimator::fit(samples, &options, watch).map_err(problem)
    })?;
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
    product.set_item("initial_error", fitted.initial_error)?;
    product.set_item("path", path)?;
    product.set_item("steps", fitted.steps)?;
    product.set_item("ridge", fitted.ridge)?;
    product.set_item("signs", array(py, &fitted.signs)?)?;
    Ok(product)
}

/// A network that was fitted, to be asked about other rows.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Network(estimator::Network, Activation);

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
        Ok(Self(network, activation(activation_text)?))
    }

    /// Outputs on rows, n x k.
    fn outputs<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyAny>,
        precision_name: &str,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let inputs = Borrowed::of(inputs)?;
        let (data, precision) = (inputs.data()?, precision(precision_name, &inputs)?);
        let outputs = scoped(py, threads, |watch| {
            let outputs = self.0.outputs(&data, &self.1, precision, watch);
            outputs.map_err(problem)
        })?;
        outputs
            .into_pyarray(py)
            .reshape([data.rows(), self.0.intercept.len()])
    }

    /// Features of rows, n x p, in the precision of the rows.
    fn features<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyAny>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let inputs = Borrowed::of(inputs)?;
        let (data, precision) = (inputs.data()?, inputs.precision());
        let shape = [data.rows(), self.0.bias.len()];
        let features = scoped(py, threads, |watch| {
            let features = self.0.features(&data, &self.1, precision, watch);
            features.map_err(problem)
        })?;
        Ok(match features {
            Features::F32(features) => features.into_pyarray(py).reshape(shape)?.into_any(),
            Features::F64(features) => features.into_pyarray(py).reshape(shape)?.into_any(),
        })
    }
}
