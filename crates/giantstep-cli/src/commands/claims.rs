//! `giantstep claims`: every claim of the theory as an experiment that can fail.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::print;
use crate::failed::Failed;
use giantstep::ranks::Alone;
use giantstep_lab::claims::{CLAIMS, Claim, Entry, Verdict, measure};
use giantstep_lab::files::{prepare_folder, write_atomically};
use giantstep_lab::plan::{PlanError, Scale};

use crate::launch;
use crate::progress::Progress;
use crate::render::{aligned, claims as page};
use crate::signals::{Kept, listen};

/// `giantstep claims [--quick] [--list] [--json] [--out DIR] [NAME]...`
#[derive(Debug, Args)]
pub struct ClaimsArgs {
    /// The claims to measure, by name or as the path of a file; all of the ledger if absent.
    names: Vec<String>,
    /// List the claims.
    #[arg(long)]
    list: bool,
    /// Smaller sizes: all claims in two minutes on two cores.
    #[arg(long)]
    quick: bool,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// The folder of the page.
    #[arg(long, value_name = "DIR", default_value = "results/claims")]
    out: PathBuf,
}

impl ClaimsArgs {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let scale = if self.quick {
            Scale::Quick
        } else {
            Scale::Full
        };
        let claims = self.chosen(scale)?;
        if self.list {
            if self.json {
                let claims = claims.iter().map(|claim| {
                    json!({ "name": claim.name, "statement": claim.section.statement, "source": claim.section.source })
                });
                let all = json!({ "claims": claims.collect::<Vec<_>>() });
                return print(&format!("{all:#}\n"));
            }
            let lines = claims
                .iter()
                .map(|claim| vec![claim.name.clone(), claim.section.statement.clone()]);
            return print(&aligned(&["name", "claim"], lines));
        }
        prepare_folder(&self.out).map_err(Failed::input)?;
        let asked = listen(Kept::Nothing)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let mut entries: Vec<Entry> = Vec::new();
        let mut broken: Vec<String> = Vec::new();
        for claim in &claims {
            match measure(claim, &session) {
                Ok(entry) => {
                    if !self.json {
                        print(&format!("{}\n", page::text(&entry)))?;
                    }
                    entries.push(entry);
                }
                // The other claims are measured all the same.
                Err(error) => broken.push(error.to_string()),
            }
        }
        let path = self.page(&entries)?;
        if self.json {
            let all = json!({ "claims": entries, "files": [path.display().to_string()] });
            print(&format!("{all:#}\n"))?;
        } else {
            let summary = page::summary(&entries);
            print(&format!("{summary}\n{}\n", path.display()))?;
        }
        verdict(&entries, &broken)
    }

    /// The claims asked for; all of the ledger if none is named.
    fn chosen(&self, scale: Scale) -> Result<Vec<Claim>, Failed> {
        let read = |name: &str, text: &str| Claim::read(name, text, scale).map_err(Failed::input);
        if self.names.is_empty() {
            return CLAIMS.iter().map(|(name, text)| read(name, text)).collect();
        }
        let one = |name: &String| match CLAIMS.iter().find(|(known, _)| known == name) {
            Some((name, text)) => read(name, text),
            None if Path::new(name).extension().is_some_and(|e| e == "toml") => {
                let (path, stem) = (Path::new(name), Path::new(name).file_stem());
                let text = std::fs::read_to_string(path).map_err(|source| {
                    let path = path.to_owned();
                    Failed::input(PlanError::Read { path, source })
                })?;
                read(&stem.unwrap_or_default().to_string_lossy(), &text)
            }
            None => Err(unknown(name)),
        };
        self.names.iter().map(one).collect()
    }

    fn page(&self, entries: &[Entry]) -> Result<PathBuf, Failed> {
        let path = Path::new(&self.out).join("claims.html");
        let scale = if self.quick {
            "quick sizes"
        } else {
            "full sizes"
        };
        let text = page::html(entries, scale);
        write_atomically(&path, text.as_bytes()).map_err(Failed::work)?;
        Ok(path)
    }
}

fn unknown(name: &str) -> Failed {
    let names = CLAIMS.map(|(known, _)| known);
    let distance = |known: &&&str| strsim::damerau_levenshtein(known, name);
    let nearest = names.iter().min_by_key(distance).copied();
    Failed::Input(format!(
        "no claim `{name}`\n  help: did you mean `{}`? known are {}; the path of a claim file ends in .toml",
        nearest.unwrap_or_default(),
        names.join(", ")
    ))
}

/// Failure unless every claim passes.
fn verdict(entries: &[Entry], broken: &[String]) -> Result<(), Failed> {
    let named = |verdict| {
        let named = entries.iter().filter(|e| e.verdict == verdict);
        named.map(|e| e.name.as_str()).collect::<Vec<_>>()
    };
    let (fails, open) = (named(Verdict::Fails), named(Verdict::Undecided));
    if fails.is_empty() && open.is_empty() && broken.is_empty() {
        return Ok(());
    }
    let list = |what: &str, names: &[&str]| match names {
        [] => String::new(),
        names => format!("{what}: {}. ", names.join(", ")),
    };
    let text = list("fails", &fails) + &list("undecided", &open) + &broken.join("\n");
    Err(Failed::work(text.trim_end()))
}
