//! Functions of Python in the places of expressions: the numerics call them once for the rows of a panel, from threads of their
//! own, each of which takes the interpreter for the call.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use giantstep::activation::Activation;
use giantstep::callable::Callable;
use giantstep::labels::GivenLabels;
use giantstep::spec::Callables;
use giantstep_lab::plan;
use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::Problem;
use crate::work::Shared;

/// What a function of Python is called with.
#[derive(Clone, Copy)]
enum Takes {
    /// The directions of some samples, (m, r).
    Rows,
    /// All fields of a panel, (m,).
    Fields,
}

/// A function of Python that returns one number for each entry or row.
struct Function {
    /// What messages call it.
    name: String,
    call: Py<PyAny>,
    takes: Takes,
}

/// A link of r directions: name, function, r.
pub type OwnLink = (String, Py<PyAny>, usize);
/// An activation: name, function, derivative.
pub type OwnActivation = (String, Py<PyAny>, Py<PyAny>);

/// The functions of an experiment, for any number of works.
#[derive(Default)]
pub struct Own {
    link: Option<(Arc<Function>, usize)>,
    activation: Option<[Arc<Function>; 2]>,
}

impl Own {
    pub fn new(link: Option<OwnLink>, activation: Option<OwnActivation>) -> Self {
        let new = |name, call, takes| Arc::new(Function { name, call, takes });
        Self {
            link: link.map(|(name, call, r)| (new(name, call, Takes::Rows), r)),
            activation: activation.map(|(name, call, slope)| {
                let of = format!("the derivative of {name}");
                [
                    new(name, call, Takes::Fields),
                    new(of, slope, Takes::Fields),
                ]
            }),
        }
    }

    fn is_empty(&self) -> bool {
        self.link.is_none() && self.activation.is_none()
    }

    /// The functions, which tell `caller` of their failures.
    pub fn callables(&self, caller: &Arc<Caller>) -> Callables {
        let bound = |function: &Arc<Function>| bound(function.clone(), caller.clone());
        Callables {
            link: self.link.as_ref().map(|(link, r)| (bound(link), *r)),
            activation: self
                .activation
                .as_ref()
                .map(|[value, slope]| Activation::given(bound(value), bound(slope))),
        }
    }

    /// The plan with functions that tell `caller` of their failures.
    pub fn bind(&self, plan: &Arc<plan::Plan>, caller: &Arc<Caller>) -> Arc<plan::Plan> {
        if self.is_empty() {
            return plan.clone();
        }
        let callables = self.callables(caller);
        let mut plan = plan::Plan::clone(plan);
        for point in &mut plan.points {
            let experiment = &mut point.checked.setup.experiment;
            if let Some((link, _)) = &callables.link {
                let target = &mut experiment.target;
                target.given = Some(GivenLabels::Callable(link.clone()));
            }
            if let Some(activation) = &callables.activation {
                experiment.network.activation = activation.clone();
            }
        }
        Arc::new(plan)
    }
}

/// The work that calls: it ends when a function fails, with the exception.
#[derive(Default)]
pub struct Caller(Mutex<Weak<Shared>>);

impl Caller {
    /// From now on it is this work.
    pub fn is(&self, work: &Arc<Shared>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(work);
    }

    fn work(&self) -> Option<Arc<Shared>> {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work.upgrade()
    }
}

/// The function as the numerics take it.
fn bound(function: Arc<Function>, caller: Arc<Caller>) -> Callable {
    let name = function.name.clone();
    Callable::new(&name, move |columns, out| {
        // NaN is what a function returns that does not return: the work ends at this panel.
        out.fill(f64::NAN);
        let work = caller.work();
        if work
            .as_ref()
            .is_some_and(|work| work.asked.stop.load(Ordering::Relaxed))
        {
            return;
        }
        let done = Python::try_attach(|py| {
            let done = function.values(py, columns, out);
            if let (Err(error), Some(work)) = (done, &work) {
                work.raise(error);
            }
        });
        // Without an interpreter the process is about to end.
        if let (None, Some(work)) = (done, &work) {
            work.asked.ask_to_stop();
        }
    })
}

impl Function {
    fn values(&self, py: Python<'_>, columns: &[&[f64]], out: &mut [f64]) -> PyResult<()> {
        let rows = out.len();
        let all = columns.concat().into_pyarray(py);
        let values = match self.takes {
            Takes::Fields => self.call.call1(py, (all,))?,
            Takes::Rows => {
                let z = all.reshape([columns.len(), rows])?.transpose()?;
                self.call.call1(py, (z,))?
            }
        };
        let values = values.bind(py);
        let array = py
            .import("numpy")?
            .call_method1("asarray", (values, "float64"))?;
        let array = array.cast::<PyArray1<f64>>().ok();
        let Some(array) = array.filter(|array| array.shape() == [rows]) else {
            let shape = py.import("numpy")?.call_method1("shape", (values,))?;
            return Err(Problem::Link(format!(
                "{} returned an array of shape {shape} for {rows} rows: return one value for each, of shape ({rows},)",
                self.name
            ))
            .into());
        };
        for (out, value) in out.iter_mut().zip(array.readonly().as_array()) {
            *out = *value;
        }
        Ok(())
    }
}
