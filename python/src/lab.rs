//! The laboratory in the browser.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use giantstep_lab::work::Asked;
use giantstep_web::{Door, Lab as Page, LabError, Limits, Options};
use pyo3::prelude::*;

use crate::errors::Problem;
use crate::machine::machine;

/// A laboratory that answers on a thread of its own until it is closed.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Lab {
    /// The address that lets a browser in.
    #[pyo3(get)]
    address: String,
    asked: Arc<Asked>,
    thread: Mutex<Option<JoinHandle<Result<(), LabError>>>>,
    _door: Option<Door>,
}

#[pymethods]
impl Lab {
    /// Opens it; `fragment` is what the page begins with, after the `#` of its address.
    #[new]
    fn new(
        folder: PathBuf,
        port: Option<u16>,
        fragment: &str,
        browser: bool,
        threads: usize,
    ) -> PyResult<Self> {
        let failed = |error: LabError| Problem::Failed(error.to_string());
        let page = Page::open(Options {
            folder,
            port,
            machine: machine(threads),
            limits: Limits::default(),
        });
        let page = page.map_err(failed)?;
        let address = format!("{}#{fragment}", page.address());
        let asked = Arc::new(Asked::default());
        let own = asked.clone();
        let thread = thread::Builder::new()
            .name("giantstep-lab".to_owned())
            .spawn(move || page.serve(&own))?;
        Ok(Self {
            _door: browser.then(|| Door::open(&address)).flatten(),
            address,
            asked,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends it, and the runs that it has under way.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.asked.ask_to_stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = thread.take() else {
            return Ok(());
        };
        match py.detach(|| thread.join()) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Problem::Failed(error.to_string()).into()),
            Err(_) => Err(Problem::Failed("the laboratory ended by a fault".to_owned()).into()),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.asked.ask_to_stop();
    }
}
