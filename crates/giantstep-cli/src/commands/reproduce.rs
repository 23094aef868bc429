//! `giantstep reproduce NAME`: the experiments that come with the program.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use giantstep_lab::experiments::EXPERIMENTS;

use super::print;
use super::run::{Options, run, scale};
use crate::failed::Failed;
use crate::render::aligned;

/// `giantstep reproduce NAME [--quick] [--dim D]`
#[derive(Debug, Args)]
pub struct Reproduce {
    /// The experiment; --list shows all.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// List the experiments.
    #[arg(long)]
    list: bool,
    /// A smaller version that takes a minute or two.
    #[arg(long)]
    quick: bool,
    /// Another input dimension; large ones run on the in-law engine.
    #[arg(long, value_name = "D")]
    dim: Option<u64>,
    #[command(flatten)]
    options: Options,
}

impl Reproduce {
    pub(super) fn execute(mut self) -> Result<(), Failed> {
        if self.list {
            return print(&match self.options.shape.json {
                true => format!("{:#}\n", json!({ "experiments": titles() })),
                false => list(),
            });
        }
        let name = self.name.unwrap_or_default();
        let Some((_, text)) = EXPERIMENTS.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = EXPERIMENTS.iter().map(|(name, _)| *name).collect();
            let nearest = names
                .iter()
                .min_by_key(|known| strsim::damerau_levenshtein(known, &name));
            let hint = nearest
                .map(|nearest| format!("did you mean `{nearest}`? "))
                .unwrap_or_default();
            return Err(Failed::Input(format!(
                "no experiment `{name}`\n  help: {hint}known are {}",
                names.join(", ")
            )));
        };
        if let Some(dimension) = self.dim {
            self.options
                .place
                .overrides
                .push(format!("protocol.dimension={dimension}"));
        }
        run(
            text,
            &format!("{name}.toml"),
            scale(self.quick),
            &self.options,
        )
    }
}

/// An experiment as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    title: String,
}

fn titles() -> Vec<Listed> {
    let one = |(name, text): &(&'static str, &str)| {
        let title = text.parse::<toml::Table>().ok();
        let title = title
            .as_ref()
            .and_then(|table| table.get("title"))
            .and_then(toml::Value::as_str);
        let title = title.unwrap_or_default().to_owned();
        Listed { name, title }
    };
    EXPERIMENTS.iter().map(one).collect()
}

fn list() -> String {
    let lines = titles().into_iter();
    let lines = lines.map(|listed| vec![listed.name.to_owned(), listed.title]);
    aligned(&["name", "what it shows"], lines)
}
