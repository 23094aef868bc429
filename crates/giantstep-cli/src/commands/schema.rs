//! `giantstep schema [experiment|claim]`.

use clap::{Args, ValueEnum};

use super::print;
use crate::failed::Failed;
use giantstep_lab::Plan;
use giantstep_lab::claims::Claim;

/// `giantstep schema [experiment|claim]`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of which files.
    #[arg(value_enum, default_value = "experiment")]
    of: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Experiment files.
    Experiment,
    /// Claim files: experiment files with a section `[claim]`.
    Claim,
}

impl SchemaArgs {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let schema = match self.of {
            Kind::Experiment => Plan::schema().clone(),
            Kind::Claim => Claim::schema(),
        };
        let schema = serde_json::to_string_pretty(&schema).map_err(Failed::work)?;
        print(&format!("{schema}\n"))
    }
}
