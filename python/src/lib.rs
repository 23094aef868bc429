//! What Python calls. Nothing here is public: `python/giantstep` is the package, and gives these their forms.
//!
//! Whatever takes time runs on a thread of its own with its own pool ([`work::Work`]), so that Python stays free to look for
//! signals, draw a bar and call back, and so that a forked process finds no pool of its parent.

mod analyze;
mod callables;
mod errors;
mod estimator;
mod experiment;
mod lab;
mod machine;
mod results;
mod trainer;
mod work;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::analyze::{Link, analyze, analyze_boolean, catalogue, hermite, hermite_of};
    #[pymodule_export]
    use crate::errors::{ExperimentError, GiantstepError, LinkError, ResultsError};
    #[pymodule_export]
    use crate::estimator::{Network, fit_network};
    #[pymodule_export]
    use crate::experiment::{Plan, Predictions, claims, command, keys, presets, schema, table};
    #[pymodule_export]
    use crate::lab::Lab;
    #[pymodule_export]
    use crate::results::{Results, opened};
    #[pymodule_export]
    use crate::trainer::Trainer;
    #[pymodule_export]
    use crate::work::Work;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
