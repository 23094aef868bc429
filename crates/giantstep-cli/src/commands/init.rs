//! `giantstep init LINK`: a commented experiment file at the sizes that matter for a link.

use std::path::PathBuf;

use clap::Args;
use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, Report, analyze};
use giantstep::expr::Link;
use giantstep_lab::files::write_atomically;
use giantstep_lab::plan::{Plan, Scale};
use giantstep_lab::starter::{Sizes, Starter};

use super::print;
use crate::failed::Failed;
use crate::render::wrapped;

/// `giantstep init LINK [--activation EXPR] [--out FILE]`
#[derive(Debug, Args)]
pub struct Init {
    /// A link such as "z1 + z1*z2".
    link: String,
    /// The activation of the student.
    #[arg(long, default_value = "relu(x)")]
    activation: String,
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = "experiment.toml")]
    out: PathBuf,
}

impl Init {
    pub(super) fn execute(self) -> Result<(), Failed> {
        if self.out.exists() {
            return Err(Failed::Input(format!(
                "`{}` is there already\n  help: choose another file with --out",
                self.out.display()
            )));
        }
        let folder = self
            .out
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Failed::Input(format!(
                "there is no folder `{}`\n  help: make it, or choose another file with --out",
                folder.display()
            )));
        }
        let report = look(&self.link, &self.activation)?;
        let sizes = Sizes::of(&report);
        let name = self.out.file_stem().map(|stem| stem.to_string_lossy());
        let starter = Starter {
            name: name.unwrap_or_default().into_owned(),
            link: self.link,
            activation: self.activation,
            dimension: sizes.dimension.to_string(),
            batch: sizes.batch(),
            width: "64".to_owned(),
            step_size: "2*p".to_owned(),
            steps: sizes.steps,
            seeds: 4,
        };
        let text = starter.text();
        let shown = self.out.display().to_string();
        Plan::read(&text, &shown, &[], Scale::Full).map_err(Failed::input)?;
        write_atomically(&self.out, text.as_bytes()).map_err(Failed::work)?;
        print(&format!(
            "{}{shown}\n\ngiantstep run {shown}\ngiantstep keys          lists what else a file can say\n",
            wrapped(&report.answer(), 0)
        ))
    }
}

/// What giant steps can learn of a link.
pub(super) fn look(link: &str, activation: &str) -> Result<Report, Failed> {
    let link = Link::parse(link, None).map_err(Failed::input)?;
    let activation = Activation::parse(activation).map_err(Failed::input)?;
    let options = AnalysisOptions {
        sampled: false,
        ..AnalysisOptions::default()
    };
    analyze(&link, &activation, options).map_err(Failed::input)
}
