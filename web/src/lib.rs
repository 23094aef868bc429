//! The giant-step laboratory as a page in the browser: type a target, watch it being learnt.
//!
//! A front over `giantstep-lab` beside the command line and Python: it hands what the page asks to `giantstep-answers`, and
//! hands on the JSON of `--json`. No number is made here.
//!
//! - `access`: who may ask. `page`: the files of the page.
//! - `asks`: questions and their answers.
//! - `runs`: what takes its time, on a thread of its own, told step by step (`events`).
//! - `folders`: results folders of this and of other processes. `door`: the way into the browser.
//! - `lane`: long work and short work, which do not wait for each other. `problem`: what went wrong, as a response.

mod access;
mod asks;
mod door;
mod events;
mod folders;
mod lane;
mod log;
mod page;
mod problem;
mod runs;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::State as Of;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use giantstep_answers::{Bounds, Question, Setting, Speed};
use giantstep_lab::plan::Machine;
use giantstep_lab::work::Asked;
use tokio::sync::Semaphore;

use access::Access;
pub use door::Door;
use folders::Folders;
use runs::Runs;

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// The stack of a thread that analyses: as large as that of the main thread.
pub(crate) const STACK: usize = 8 << 20;
/// Threads for what is answered at once, besides those of long work.
const SHORT: usize = 2;
/// How often the wish to end is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the page may take of this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The longest work of a run with all its points and seeds, in seconds, by the cost model.
    pub seconds: f64,
    /// Its largest memory in bytes, by the cost model.
    pub memory: f64,
    /// Runs under way at the same time.
    pub runs: usize,
    /// Ended runs that are kept; older ones are forgotten.
    pub kept: usize,
}

impl Default for Limits {
    /// Two minutes, 2 GB, four runs, of ended ones the last eight.
    fn default() -> Self {
        Self {
            seconds: 120.0,
            memory: 2e9,
            runs: 4,
            kept: 8,
        }
    }
}

/// What a laboratory is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Results folders below this one can be watched.
    pub folder: PathBuf,
    /// The port; none for 8188, or any that is free if that is taken.
    pub port: Option<u16>,
    /// What runs have for themselves.
    pub machine: Machine,
    /// What they may take.
    pub limits: Limits,
}

/// The port that is tried first, so that addresses with an experiment in them stay good.
const PORT: u16 = 8188;

/// Why the laboratory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers for a token: {0}")]
    Random(getrandom::Error),
    /// The system refused something else.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// What every request is answered from.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) access: Access,
    pub(crate) setting: Setting,
    pub(crate) limits: Limits,
    pub(crate) runs: Runs,
    pub(crate) folders: Folders,
    /// One for each core: long work waits here, and what is answered at once does not.
    pub(crate) long: Arc<Semaphore>,
}

/// A laboratory that listens on this machine alone.
#[derive(Debug)]
pub struct Lab {
    state: Arc<State>,
    listener: TcpListener,
}

impl Lab {
    /// Listens on the loopback interface, with a new token.
    ///
    /// # Errors
    /// [`LabError`] if the port is taken or the system refuses.
    pub fn open(options: Options) -> Result<Self, LabError> {
        let listen = |port| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .map_err(|source| LabError::Port { port, source })
        };
        let listener = match options.port {
            Some(port) => listen(port)?,
            None => listen(PORT).or_else(|_| listen(0))?,
        };
        let access = Access::new(listener.local_addr()?.port()).map_err(LabError::Random)?;
        let state = Arc::new(State {
            access,
            setting: Setting {
                machine: options.machine,
                bounds: Bounds {
                    seconds: options.limits.seconds,
                    memory: options.limits.memory,
                },
                speed: Speed::Measured,
            },
            limits: options.limits,
            runs: Runs::new(&options.limits),
            folders: Folders::below(options.folder),
            long: Arc::new(Semaphore::new(options.machine.cores.max(1))),
        });
        Ok(Self { state, listener })
    }

    /// The address that lets a browser in.
    pub fn address(&self) -> String {
        self.state.access.address()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn listens_on(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The answers, without a socket.
    pub fn router(&self) -> Router {
        router(self.state.clone())
    }

    /// Answers until the end is asked for; runs under way are stopped then.
    ///
    /// # Errors
    /// [`LabError`] if the system refuses.
    pub fn serve(self, asked: &Asked) -> Result<(), LabError> {
        let Self { state, listener } = self;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(state.setting.machine.cores.max(1) + SHORT)
            .thread_stack_size(STACK)
            .build()?;
        listener.set_nonblocking(true)?;
        let answers = router(state.clone());
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let server = tokio::spawn(async move { axum::serve(listener, answers).await });
            while !asked.to_end() && !server.is_finished() {
                tokio::time::sleep(LOOK).await;
            }
            server.abort();
            Ok::<(), std::io::Error>(())
        });
        state.runs.stop_all();
        runtime.shutdown_timeout(Duration::from_secs(2));
        served?;
        Ok(())
    }
}

fn router(state: Arc<State>) -> Router {
    let answers = Router::new()
        .route("/api/runs", post(runs::begin))
        .route("/api/runs/{run}", get(runs::told).delete(runs::stop))
        .route("/api/runs/{run}/events", get(events::of_run))
        .route("/api/runs/{run}/figures", get(runs::figures))
        .route("/api/runs/{run}/results.parquet", get(runs::parquet))
        .route("/api/runs/{run}/results.csv", get(runs::csv))
        .route("/api/folders", get(folders::list))
        .route("/api/folders/{folder}", get(folders::standing))
        .route("/api/folders/{folder}/results", get(folders::results))
        .route("/api/folders/{folder}/figures", get(folders::figures));
    let answers = Question::ALL.into_iter().fold(answers, |router, question| {
        let ask = move |state: Of<Arc<State>>, body: Bytes| asks::ask(question, state, body);
        let asked = match question {
            Question::Catalogue => get(ask),
            _ => post(ask),
        };
        router.route(&format!("/api/{}", question.name()), asked)
    });
    page::routes(answers)
        .fallback(problem::nothing_here)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(state.clone(), access::guard))
        .with_state(state)
}
