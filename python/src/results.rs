//! What was measured, on its way to NumPy, pandas, Polars and DuckDB.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float64Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrowPrimitiveType, RecordBatch, RecordBatchIterator};
use giantstep_lab::chart::figures;
use giantstep_lab::compare::compare;

use giantstep_lab::keep::read_plan;
use giantstep_lab::published::comparisons;
use giantstep_lab::report::rows;
use giantstep_lab::slope::slopes;
use giantstep_lab::table::encode;
use giantstep_lab::{Asked, Plan, Predicted, Scale, Session, Store, plan, recall, results};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict};
use serde_json::json;

use crate::errors::Problem;
use crate::machine::{cited, machine};
use crate::work::Product;

/// Results of a plan.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Results {
    plan: Arc<Plan>,
    results: results::Results,
    predicted: Predicted,
}

impl Results {
    pub fn product(plan: Arc<Plan>, results: results::Results, predicted: Predicted) -> Product {
        Box::new(move |py| {
            let all = Self {
                plan,
                results,
                predicted,
            };
            Ok(Py::new(py, all)?.into_any())
        })
    }

    fn batches(&self) -> PyResult<Vec<RecordBatch>> {
        let batches = self.results.table.batches().collect::<Result<Vec<_>, _>>();
        Ok(batches.map_err(|error| Problem::Results(error.to_string()))?)
    }
}

/// A column of numbers without gaps keeps its type; with gaps it is of floats, and a gap is NaN.
fn numbers<'py, T>(
    py: Python<'py>,
    batches: &[RecordBatch],
    column: usize,
    as_float: fn(T::Native) -> f64,
) -> Bound<'py, PyAny>
where
    T: ArrowPrimitiveType,
    T::Native: numpy::Element,
{
    let arrays = || {
        batches
            .iter()
            .map(|batch| batch.column(column).as_primitive::<T>())
    };
    if arrays().all(|array| array.null_count() == 0) {
        let values: Vec<T::Native> = arrays()
            .flat_map(|array| array.values().iter().copied())
            .collect();
        return values.into_pyarray(py).into_any();
    }
    let values =
        arrays().flat_map(|array| array.iter().map(|value| value.map_or(f64::NAN, as_float)));
    values.collect::<Vec<f64>>().into_pyarray(py).into_any()
}

#[pymethods]
impl Results {
    /// Arrow's PyCapsule interface: the table as a stream of record batches.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A wish of the consumer that the interface lets a producer leave to it.
        drop(requested_schema);
        let batches = self.batches()?;
        let reader =
            RecordBatchIterator::new(batches.into_iter().map(Ok), self.results.table.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// The columns by name: arrays, or lists of text.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        use arrow_array::Array;
        let columns = PyDict::new(py);
        let batches = self.batches()?;
        for (index, field) in self.results.table.schema().fields().iter().enumerate() {
            let column = match field.data_type().to_string().as_str() {
                "UInt32" => numbers::<UInt32Type>(py, &batches, index, f64::from),
                "UInt64" => numbers::<UInt64Type>(py, &batches, index, |value| value as f64),
                "Int64" => numbers::<Int64Type>(py, &batches, index, |value| value as f64),
                "Float64" => numbers::<Float64Type>(py, &batches, index, |value| value),
                _ => {
                    let texts = batches.iter().flat_map(|batch| {
                        let array = batch.column(index).as_string::<i32>();
                        (0..array.len()).map(|i| array.is_valid(i).then(|| array.value(i)))
                    });
                    texts.collect::<Vec<_>>().into_pyobject(py)?
                }
            };
            columns.set_item(field.name(), column)?;
        }
        Ok(columns)
    }

    /// How many rows there are.
    fn __len__(&self) -> usize {
        self.results.table.records.len()
    }

    /// The bytes of the Parquet file.
    fn parquet<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py
            .detach(|| encode(&self.results.table))
            .map_err(Problem::results)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Means over seeds, predictions beside them, references, slopes, failures, counts: as JSON.
    fn report(&self, py: Python<'_>) -> String {
        py.detach(|| {
            let rows = rows(&self.results.table);
            json!({
                "rows": rows,
                "compared": compare(&self.predicted, &rows),
                "predictions": self.predicted.json(),
                "references": comparisons(&self.plan, &self.results.table, &rows),
                "slopes": slopes(&self.plan, &self.results.table),
                "failures": self.results.failures,
                "planned": self.results.planned,
                "completed": self.results.completed,
                "interrupted": self.results.interrupted,
            })
            .to_string()
        })
    }

    /// The papers that it rests on, those of its predictions among them, as text and as BibTeX.
    fn cite(&self, threads: usize) -> (String, String) {
        cited(&self.plan, &self.predicted, threads)
    }

    /// The experiment as it was understood.
    fn toml(&self) -> PyResult<String> {
        Ok(self.plan.document.resolved().map_err(Problem::experiment)?)
    }

    /// The figures that the experiment asks for, or those that anyone would look at first, as SVG by name.
    fn figures(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        py.detach(|| {
            let asked = Asked::default();
            let session = Session::alone(1, &asked);
            let (table, mut all) = (&self.results.table, Vec::new());
            figures(
                &self.plan,
                table,
                &self.predicted,
                &session,
                &mut |name, figure| {
                    let svg = figure.map_err(|error| Problem::Results(error.to_string()));
                    let svg = svg.and_then(|figure| {
                        let svg = figure.to_svg();
                        svg.map_err(|error| Problem::Results(error.to_string()))
                    });
                    all.push(svg.map(|svg| (name.to_owned(), svg)));
                },
            );
            all.into_iter().collect::<Result<Vec<_>, Problem>>()
        })
        .map_err(PyErr::from)
    }
}

/// The results in a folder, as far as its runs have ended.
#[pyfunction]
pub fn opened(py: Python<'_>, folder: PathBuf, threads: usize) -> PyResult<Results> {
    let read = || {
        let file = read_plan(&folder).map_err(Problem::results)?;
        let origin = folder.join("experiment.toml").display().to_string();
        let plan =
            plan::Plan::read(&file, &origin, &[], Scale::Full).map_err(Problem::experiment)?;
        let store = Store::look(&folder).map_err(Problem::results)?;
        let jobs = plan.jobs(machine(threads)).map_err(Problem::experiment)?;
        let report = recall(&jobs, &store, &mut |rows| rows).map_err(Problem::results)?;
        let results = report.results;
        drop(jobs);
        Ok::<_, Problem>((Arc::new(plan), results))
    };
    let (plan, results) = py.detach(read)?;
    Ok(Results {
        plan,
        results,
        predicted: Predicted::default(),
    })
}
