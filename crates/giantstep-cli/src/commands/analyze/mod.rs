//! `giantstep analyze LINK`: what giant steps can and cannot learn of a target.

mod boolean;
mod text;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use giantstep::activation::Activation;
use giantstep::analysis::{
    AnalysisOptions, Budget, LARGEST_TENSOR, analyze_boolean, analyze_until,
};
use giantstep::catalogue;
use giantstep::expr::Link;

use super::print;
use crate::failed::Failed;
use crate::render::aligned;
use crate::signals::{Kept, ended, listen};
use giantstep_lab::chart::staircase;
use giantstep_lab::document::{analysis, boolean_analysis};
use giantstep_lab::files::{prepare_folder, save_figure};
use serde_json::{Value as Json, json};

/// `giantstep analyze LINK [--activation EXPR] [--json]`
#[derive(Debug, Args)]
pub struct Analyze {
    /// A link such as "z1 + z1*z2", or the name of a target of the catalogue (--list).
    #[arg(required_unless_present_any = ["list", "glossary"])]
    link: Option<String>,
    /// The activation of the student.
    #[arg(long, default_value = "relu(x)")]
    activation: String,
    /// The law of the inputs.
    #[arg(long, value_enum, default_value_t = Inputs::Gaussian)]
    inputs: Inputs,
    /// The number of directions, if larger than the largest index in the link.
    #[arg(long)]
    r: Option<usize>,
    /// The number of steps listed.
    #[arg(long)]
    steps: Option<usize>,
    /// List the Hermite tensors E[g He_k(z)] up to this order.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=i64::from(LARGEST_TENSOR)))]
    tensors: Option<u32>,
    /// Write the staircase as SVG and PNG into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How much work it may take, in units of a few seconds: what is not known by then is printed as unknown.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    effort: f64,
    /// Seconds after which it stops, whatever is left of its work.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
    /// Print one JSON document: a stable interface.
    #[arg(long)]
    json: bool,
    /// List the targets of the catalogue.
    #[arg(long)]
    list: bool,
    /// Say what every line and column means.
    #[arg(long)]
    glossary: bool,
}

// Independent normals, or independent signs of which z are the coordinates themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inputs {
    Gaussian,
    Hypercube,
}

impl Analyze {
    pub(super) fn execute(self) -> Result<(), Failed> {
        if self.list {
            return match self.json {
                true => print(&format!("{}\n", listed())),
                false => print(&list()),
            };
        }
        if self.glossary {
            return print(&text::glossary());
        }
        let typed = self.link.unwrap_or_default();
        let text = catalogue::find(&typed).map_or(typed.as_str(), |target| target.link);
        let link = Link::parse(text, self.r)
            .map_err(|error| Failed::Input(format!("the link `{text}`: {error}")))?;
        let activation = Activation::parse(&self.activation)
            .map_err(|error| Failed::Input(format!("--activation: {error}")))?;
        if self.inputs == Inputs::Hypercube {
            let asked = [
                ("--steps", self.steps.is_some()),
                ("--tensors", self.tensors.is_some()),
                ("--out", self.out.is_some()),
            ];
            if let Some((flag, _)) = asked.iter().find(|(_, asked)| *asked) {
                return Err(Failed::Input(format!(
                    "{flag} is of Gaussian inputs: leave it out with --inputs hypercube"
                )));
            }
            let report = analyze_boolean(&link, &activation).map_err(Failed::input)?;
            if self.json {
                return print(&format!("{:#}\n", boolean_analysis(&report)));
            }
            return print(&boolean::shown(&report));
        }
        let time = Duration::try_from_secs_f64(self.timeout)
            .map_err(|error| Failed::Input(format!("--timeout: {}: {error}", self.timeout)))?;
        if self.effort.is_nan() || self.effort <= 0.0 {
            let effort = self.effort;
            return Err(Failed::Input(format!(
                "--effort: {effort}: expected a positive number"
            )));
        }
        let options = AnalysisOptions {
            budget: Budget::times(self.effort),
            steps: self.steps,
            tensors: self.tensors.unwrap_or(0),
            ..AnalysisOptions::default()
        };
        let asked = listen(Kept::Known)?;
        let start = Instant::now();
        let stop = || asked.stop.load(Ordering::Relaxed) || start.elapsed() > time;
        let report = analyze_until(&link, &activation, options, &stop).map_err(Failed::input)?;
        let mut files = Vec::new();
        if let Some(folder) = &self.out {
            prepare_folder(folder).map_err(Failed::input)?;
            let figure = staircase(&report);
            let saved = save_figure(&figure, folder, "staircase").map_err(Failed::work)?;
            files = saved.to_vec();
        }
        if self.json {
            print(&format!("{:#}\n", analysis(&report)))?;
            return ended(&asked);
        }
        let mut text = text::shown(&report);
        for file in files {
            text.push_str(&format!("{}\n", file.display()));
        }
        print(&text)?;
        ended(&asked)
    }
}

fn listed() -> Json {
    let targets = catalogue::all()
        .iter()
        .map(|target| json!({ "name": target.name, "link": target.link, "source": target.source }));
    targets.collect()
}

fn list() -> String {
    let lines = catalogue::all().iter().map(|target| {
        vec![
            target.name.to_owned(),
            target.link.to_owned(),
            target.source.to_owned(),
        ]
    });
    aligned(&["name", "link", "source"], lines)
}
