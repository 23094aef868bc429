//! What is answered at once: links, analyses, costs, predictions, the catalogue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State as Of;
use axum::http::StatusCode;
use axum::response::Response;
use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, GLOSSARY, analyze_boolean, analyze_until};
use giantstep::catalogue as targets;
use giantstep::expr::Link;
use giantstep::metric::Metric;
use giantstep_lab::document;
use giantstep_lab::experiments::EXPERIMENTS;
use giantstep_lab::fence::fenced;
use giantstep_lab::outlook::{Ask, Predicted};
use giantstep_lab::plan::{Jobs, Plan, Scale, Wanted};
use giantstep_lab::starter::Sizes;
use giantstep_lab::verdicts;
use giantstep_lab::work::{Asked, Session};
use serde::Deserialize;
use serde_json::json;

use crate::State;
use crate::load::Load;
use crate::mathml::{mathml, of_activation, of_link};
use crate::problem::{Problem, answer, asked};
use crate::runs::experiment;

/// The seconds of an analysis or of predictions, unless more are asked for, and the most.
const USUAL: f64 = 2.0;
const MOST: f64 = 60.0;

/// Work on a thread of its own; whoever asked for it and has gone away ends it.
async fn worked<T: Send + 'static>(
    what: impl FnOnce(&AtomicBool) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    /// Set when the request is dropped.
    struct Gone(Arc<AtomicBool>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let gone = Gone(Arc::new(AtomicBool::new(false)));
    let stop = gone.0.clone();
    let work = move || match stop.load(Ordering::Relaxed) {
        true => Err(Problem::failed("nobody waits for this any more")),
        false => fenced(|| what(&stop)).unwrap_or_else(|reason| Err(Problem::failed(reason))),
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::failed(error)))
}

fn link(text: &str) -> Result<Link, Problem> {
    let text = targets::find(text).map_or(text, |target| target.link);
    Link::parse(text, None).map_err(|error| Problem::expression(&error))
}

fn activation(text: &str) -> Result<Activation, Problem> {
    Activation::parse(text).map_err(|error| Problem::expression(&error))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    Link(String),
    Activation(String),
}

/// Whether a formula can be read, and how it is understood.
pub async fn read(body: Bytes) -> Result<Response, Problem> {
    let typed: Read = asked(&body)?;
    let read = worked(move |_| {
        Ok(match typed {
            Read::Link(text) => {
                let link = link(&text)?;
                json!({ "r": link.r(), "mathml": mathml(link.expr(), &of_link) })
            }
            Read::Activation(text) => {
                let activation = activation(&text)?;
                let shown = activation
                    .expr()
                    .and_then(|expr| mathml(expr, &of_activation));
                json!({ "mathml": shown })
            }
        })
    });
    Ok(answer(StatusCode::OK, read.await?.to_string()))
}

/// Which inputs an analysis is of, and how much of it is wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    /// Everything, for Gaussian inputs.
    #[default]
    Gaussian,
    /// Without what rests on samples, which takes most of the time.
    GaussianAtOnce,
    /// Boolean inputs.
    Hypercube,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Analyze {
    link: String,
    activation: String,
    #[serde(default)]
    of: Which,
    #[serde(default)]
    seconds: Option<f64>,
}

/// What giant steps can learn of a link: the document of `giantstep analyze --json`, the table of verdicts, and the sizes at
/// which the target is worth training.
pub async fn analyze(body: Bytes) -> Result<Response, Problem> {
    let Analyze {
        link: text,
        activation: sigma,
        of,
        seconds,
    } = asked(&body)?;
    let seconds = seconds.unwrap_or(USUAL).clamp(0.0, MOST);
    let found = worked(move |gone| {
        let (link, activation) = (link(&text)?, activation(&sigma)?);
        let options = AnalysisOptions {
            sampled: match of {
                Which::Gaussian => true,
                Which::GaussianAtOnce => false,
                Which::Hypercube => {
                    let report = analyze_boolean(&link, &activation).map_err(Problem::input)?;
                    return Ok(json!({ "boolean": document::boolean_analysis(&report) }));
                }
            },
            ..AnalysisOptions::default()
        };
        let start = Instant::now();
        let stop = || gone.load(Ordering::Relaxed) || start.elapsed().as_secs_f64() > seconds;
        let report = analyze_until(&link, &activation, options, &stop);
        let report = report.map_err(Problem::input)?;
        let sizes = Sizes::of(&report);
        let columns = verdicts::COLUMNS
            .map(|name| json!({ "name": name, "meaning": verdicts::meaning(name) }));
        Ok(json!({
            "analysis": document::analysis(&report),
            "verdicts": { "columns": columns, "rows": verdicts::rows(&report) },
            "sizes": { "batch": sizes.batch(), "steps": sizes.steps, "dimension": sizes.dimension, "batch_exponent": sizes.batch_exponent },
            "stopped": start.elapsed().as_secs_f64() > seconds,
        }))
    });
    Ok(answer(StatusCode::OK, found.await?.to_string()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    file: String,
}

/// An experiment as it is understood, and what it costs on each engine.
pub async fn check(Of(state): Of<Arc<State>>, body: Bytes) -> Result<Response, Problem> {
    let File { file } = asked(&body)?;
    let found = worked(move |_| {
        let plan = experiment(&file)?;
        let jobs = plan.jobs(state.machine).map_err(Problem::input)?;
        let load = Load::of(&jobs);
        let resolved = plan.document.resolved().map_err(Problem::input)?;
        let config: toml::Table = resolved.parse().unwrap_or_default();
        Ok(json!({
            "config": config,
            "sizes": sizes(&jobs),
            "costs": document::costs(&jobs, load.rate),
            "seconds": load.seconds,
            "memory": load.memory,
            "refused": load.refused(&state.limits),
        }))
    });
    Ok(answer(StatusCode::OK, found.await?.to_string()))
}

/// n, d, p and the step size of every point as numbers.
fn sizes(jobs: &Jobs<'_>) -> serde_json::Value {
    let points = jobs.plan.points.iter().map(|point| {
        let experiment = &point.checked.setup.experiment;
        let protocol = &experiment.protocol;
        json!({
            "n": protocol.batch,
            "d": protocol.dimension,
            "p": experiment.network.width,
            "step_size": protocol.step_size.at(1),
        })
    });
    points.collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predict {
    file: String,
    #[serde(default)]
    seconds: Option<f64>,
}

/// What theory says of an experiment: the document of `giantstep predict --json`.
pub async fn predict(Of(state): Of<Arc<State>>, body: Bytes) -> Result<Response, Problem> {
    let Predict { file, seconds } = asked(&body)?;
    let seconds = seconds.unwrap_or(USUAL).clamp(0.0, MOST);
    let found = worked(move |gone| {
        let plan = experiment(&file)?;
        let wish = Asked::default();
        let predicted = std::thread::scope(|scope| {
            let (done, ended) = std::sync::mpsc::channel::<()>();
            let wish = &wish;
            scope.spawn(move || {
                while ended.recv_timeout(Duration::from_millis(20))
                    == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    if gone.load(Ordering::Relaxed) {
                        wish.ask_to_stop();
                    }
                }
            });
            let _done = done;
            let ask = Ask::new(Wanted::Quick).within(Duration::from_secs_f64(seconds));
            Predicted::of(&plan, ask, &Session::alone(state.machine.cores, wish))
        });
        document::predictions(&plan, &predicted, &[]).map_err(Problem::input)
    });
    Ok(answer(StatusCode::OK, found.await?.to_string()))
}

/// Activations that the menu offers; any other can be typed.
const ACTIVATIONS: [&str; 9] = [
    "relu(x)",
    "tanh(x)",
    "erf(x)",
    "sigmoid(x)",
    "gelu(x)",
    "silu(x)",
    "softplus(x)",
    "x^2",
    "He3(x)",
];

/// What there is to choose from: targets, activations, experiments, and what words mean.
pub async fn catalogue(Of(state): Of<Arc<State>>) -> Response {
    let targets = targets::all().iter().map(|target| {
        let set = Link::parse(target.link, None).ok();
        json!({
            "name": target.name,
            "link": target.link,
            "source": target.source,
            "shows": target.shows,
            "mathml": set.and_then(|link| mathml(link.expr(), &of_link)),
        })
    });
    let presets = EXPERIMENTS.iter().map(|(name, file)| {
        let plan = Plan::read(file, name, &[], Scale::Full).ok();
        let title = plan.and_then(|plan| plan.document.title().map(str::to_owned));
        json!({ "name": name, "title": title, "file": file })
    });
    let metrics = Metric::ALL.map(|metric| (metric.name().to_owned(), json!(metric.doc())));
    let words = GLOSSARY.map(|(name, meaning)| (name.to_owned(), json!(meaning)));
    let all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "cores": state.machine.cores,
        "seconds": state.limits.seconds,
        "memory": state.limits.memory,
        "targets": targets.collect::<Vec<_>>(),
        "activations": ACTIVATIONS,
        "presets": presets.collect::<Vec<_>>(),
        "metrics": serde_json::Map::from_iter(metrics),
        "glossary": serde_json::Map::from_iter(words),
    });
    answer(StatusCode::OK, all.to_string())
}
