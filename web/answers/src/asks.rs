//! What is answered at once: links, analyses, costs, predictions, the catalogue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, GLOSSARY, analyze_boolean, analyze_until};
use giantstep::catalogue as targets;
use giantstep::expr::Link;
use giantstep::metric::Metric;
use giantstep_lab::document;
use giantstep_lab::experiments::EXPERIMENTS;
use giantstep_lab::outlook::{Ask, Predicted};
use giantstep_lab::plan::{Jobs, Plan, Scale, Wanted};
use giantstep_lab::starter::Sizes;
use giantstep_lab::verdicts;
use giantstep_lab::work::{Asked, Session};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use web_time::Instant;

use crate::load::{Load, Setting};
use crate::mathml::{mathml, of_activation, of_link};
use crate::problem::{Problem, asked};
use crate::run::experiment;

/// The seconds of an analysis or of predictions, unless more are asked for, and the most.
const USUAL: f64 = 2.0;
const MOST: f64 = 60.0;
/// For what is answered at once.
const AT_ONCE: f64 = 0.25;
/// How often it is looked whether anybody waits.
const LOOK: Duration = Duration::from_millis(20);

/// A question that is answered at once, in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What there is to choose from.
    Catalogue,
    /// Whether a formula can be read.
    Read,
    /// What giant steps can learn of a link.
    Analyze,
    /// How an experiment is understood, and what it takes.
    Check,
    /// What theory says of an experiment.
    Predict,
}

impl Question {
    /// Every question.
    pub const ALL: [Self; 5] = [
        Self::Catalogue,
        Self::Read,
        Self::Analyze,
        Self::Check,
        Self::Predict,
    ];

    /// Its name, which is the end of its path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Read => "read",
            Self::Analyze => "analyze",
            Self::Check => "check",
            Self::Predict => "predict",
        }
    }

    /// The answer; work ends early once `gone` is set, which says that nobody waits for it any more.
    ///
    /// # Errors
    /// [`Problem`], as the page is told.
    pub fn answer(self, body: &[u8], at: &Setting, gone: &AtomicBool) -> Result<Json, Problem> {
        match self {
            Self::Catalogue => Ok(catalogue(at)),
            Self::Read => read(body),
            Self::Analyze => analyze(body, gone),
            Self::Check => check(body, at),
            Self::Predict => predict(body, at, gone),
        }
    }
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
fn read(body: &[u8]) -> Result<Json, Problem> {
    Ok(match asked(body)? {
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
fn analyze(body: &[u8], gone: &AtomicBool) -> Result<Json, Problem> {
    let Analyze {
        link: text,
        activation: sigma,
        of,
        seconds,
    } = asked(body)?;
    let usual = match of {
        Which::GaussianAtOnce => AT_ONCE,
        Which::Gaussian | Which::Hypercube => USUAL,
    };
    let seconds = seconds.unwrap_or(usual).clamp(0.0, MOST);
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
    let columns =
        verdicts::COLUMNS.map(|name| json!({ "name": name, "meaning": verdicts::meaning(name) }));
    Ok(json!({
        "analysis": document::analysis(&report),
        "verdicts": { "columns": columns, "rows": verdicts::rows(&report) },
        "sizes": { "batch": sizes.batch(), "steps": sizes.steps, "dimension": sizes.dimension, "batch_exponent": sizes.batch_exponent },
        "stopped": start.elapsed().as_secs_f64() > seconds,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    file: String,
}

/// An experiment as it is understood, and what it costs on each engine.
fn check(body: &[u8], at: &Setting) -> Result<Json, Problem> {
    let File { file } = asked(body)?;
    let plan = experiment(&file)?;
    let jobs = plan.jobs(at.machine).map_err(Problem::input)?;
    let load = Load::of(&jobs, at.speed);
    let resolved = plan.document.resolved().map_err(Problem::input)?;
    let config: toml::Table = resolved.parse().unwrap_or_default();
    Ok(json!({
        "config": config,
        "sizes": sizes(&jobs),
        "costs": document::costs(&jobs, load.rate),
        "seconds": load.seconds,
        "memory": load.memory,
        "refused": load.refused(&at.bounds),
    }))
}

/// n, d, p and the step size of every point as numbers.
fn sizes(jobs: &Jobs<'_>) -> Json {
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
fn predict(body: &[u8], at: &Setting, gone: &AtomicBool) -> Result<Json, Problem> {
    let Predict { file, seconds } = asked(body)?;
    let seconds = seconds.unwrap_or(USUAL).clamp(0.0, MOST);
    let plan = experiment(&file)?;
    let wish = Asked::default();
    let ask = Ask::new(Wanted::Quick).within(Duration::from_secs_f64(seconds));
    let predicted = heeded(gone, &wish, || {
        Predicted::of(&plan, ask, &Session::alone(at.machine.cores, &wish))
    });
    document::predictions(&plan, &predicted, &[]).map_err(Problem::input)
}

/// Work during which `gone` becomes the wish to stop.
fn heeded<T>(gone: &AtomicBool, wish: &Asked, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let watch = move || {
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if gone.load(Ordering::Relaxed) {
                    wish.ask_to_stop();
                }
            }
        };
        // Without threads, whoever goes away ends all of this.
        let _watch = std::thread::Builder::new().spawn_scoped(scope, watch);
        let _done = done;
        work()
    })
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
fn catalogue(at: &Setting) -> Json {
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
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "cores": at.machine.cores,
        "seconds": at.bounds.seconds,
        "memory": at.bounds.memory,
        "targets": targets.collect::<Vec<_>>(),
        "activations": ACTIVATIONS,
        "presets": presets.collect::<Vec<_>>(),
        "metrics": serde_json::Map::from_iter(metrics),
        "glossary": serde_json::Map::from_iter(words),
    })
}
