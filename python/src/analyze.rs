//! Links, activations, and what giant steps can learn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use giantstep::activation::Activation;
use giantstep::analysis::{self, AnalysisOptions};
use giantstep::catalogue as targets;
use giantstep::expr;
use giantstep_lab::document;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use serde_json::json;

use crate::callables::{Caller, Own, OwnActivation};
use crate::errors::Problem;
use crate::work::{Shared, Work, text};

fn link(text: &str, r: Option<usize>) -> Result<expr::Link, Problem> {
    let text = targets::find(text).map_or(text, |target| target.link);
    expr::Link::parse(text, r).map_err(|error| Problem::Link(format!("the link `{text}`: {error}")))
}

pub fn activation(text: &str) -> Result<Activation, Problem> {
    Activation::parse(text)
        .map_err(|error| Problem::Link(format!("the activation `{text}`: {error}")))
}

/// A link, read.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Link(expr::Link);

#[pymethods]
impl Link {
    #[new]
    #[pyo3(signature = (text, r=None))]
    fn new(text: &str, r: Option<usize>) -> PyResult<Self> {
        Ok(Self(link(text, r)?))
    }

    /// As the program writes it.
    #[getter]
    fn text(&self) -> String {
        self.0.to_string()
    }

    /// The number of directions.
    #[getter]
    fn r(&self) -> usize {
        self.0.r()
    }

    /// Its value on every row of an n x r array.
    fn values<'py>(
        &self,
        py: Python<'py>,
        z: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        if self.0.is_random() {
            let text = self.0.source();
            let reason =
                format!("the link `{text}` draws random numbers: it has no value at z alone");
            return Err(Problem::Link(reason).into());
        }
        let z = z.as_array();
        if z.ncols() != self.0.r() {
            let (is, r) = (z.ncols(), self.0.r());
            return Err(
                Problem::Link(format!("z has {is} columns; the link has {r} directions")).into(),
            );
        }
        let columns: Vec<Vec<f64>> = z
            .columns()
            .into_iter()
            .map(|column| column.to_vec())
            .collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut out = vec![0.0; z.nrows()];
        self.0.eval_columns(&columns, &mut out);
        Ok(out.into_pyarray(py))
    }
}

/// Begins the analysis of a link; the product is JSON.
#[pyfunction]
#[pyo3(signature = (text_of_link, activation_text, r, steps, tensors, seconds, threads))]
pub fn analyze(
    text_of_link: &str,
    activation_text: &str,
    r: Option<usize>,
    steps: Option<usize>,
    tensors: u32,
    seconds: f64,
    threads: usize,
) -> PyResult<Work> {
    let link = link(text_of_link, r)?;
    let activation = activation(activation_text)?;
    let time = Duration::try_from_secs_f64(seconds)
        .map_err(|error| Problem::Failed(format!("timeout = {seconds}: {error}")))?;
    let options = AnalysisOptions {
        steps,
        tensors,
        ..AnalysisOptions::default()
    };
    Work::begin(threads, false, move |shared| {
        let start = Instant::now();
        let stop = || start.elapsed() > time || shared.asked.to_end();
        let report = analysis::analyze_until(&link, &activation, options, &stop);
        let report = report.map_err(|error| Problem::Link(error.to_string()))?;
        Ok(text(document::analysis(&report).to_string()))
    })
}

/// Analyses a link of Boolean inputs; the product is JSON.
#[pyfunction]
pub fn analyze_boolean(
    text_of_link: &str,
    activation_text: &str,
    r: Option<usize>,
    threads: usize,
) -> PyResult<Work> {
    let link = link(text_of_link, r)?;
    let activation = activation(activation_text)?;
    Work::begin(threads, false, move |_| {
        let report = analysis::analyze_boolean(&link, &activation);
        let report = report.map_err(|error| Problem::Link(error.to_string()))?;
        Ok(text(document::boolean_analysis(&report).to_string()))
    })
}

/// The targets of the catalogue as JSON.
#[pyfunction]
pub fn catalogue() -> String {
    let all = targets::all().iter();
    let all = all
        .map(|target| json!({ "name": target.name, "link": target.link, "source": target.source }));
    json!(all.collect::<Vec<_>>()).to_string()
}

/// The first Hermite coefficients of a function of Python.
#[pyfunction]
pub fn hermite_of<'py>(
    py: Python<'py>,
    activation: OwnActivation,
    count: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (caller, work) = (Arc::<Caller>::default(), Arc::<Shared>::default());
    caller.is(&work);
    let sigma = Own::new(None, Some(activation))
        .callables(&caller)
        .activation;
    let values = py.detach(|| sigma.map(|sigma| sigma.coefficients(count).values));
    match work.raised() {
        Some(exception) => Err(exception),
        None => Ok(values.unwrap_or_default().into_pyarray(py)),
    }
}

/// The first Hermite coefficients `E[sigma(x) He_k(x)]` of an activation.
#[pyfunction]
pub fn hermite<'py>(
    py: Python<'py>,
    text: &str,
    count: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let activation = activation(text)?;
    let values = py.detach(|| activation.coefficients(count).values);
    Ok(values.into_pyarray(py))
}
