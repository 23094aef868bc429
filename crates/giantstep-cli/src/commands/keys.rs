//! `giantstep keys [SECTION]`: the keys of an experiment file with their defaults and meanings.

use clap::Args;
use giantstep_lab::plan::{Key, listing};

use super::print;
use crate::failed::Failed;
use crate::render::wrapped;

/// `giantstep keys [SECTION]`
#[derive(Debug, Args)]
pub struct Keys {
    /// A section such as protocol, or a key outside the sections such as let; all of them if absent.
    section: Option<String>,
}

/// Where meanings begin.
const INDENT: usize = 4;

impl Keys {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let keys = listing();
        let mut sections: Vec<&str> = keys.iter().map(|key| key.section.as_str()).collect();
        sections.sort_unstable();
        sections.dedup();
        let shown: Vec<&str> = match &self.section {
            None => sections,
            Some(asked) => {
                let asked = asked.trim_matches(['[', ']']);
                let below =
                    |section: &&str| *section == asked || section.starts_with(&format!("{asked}."));
                let found: Vec<&str> = sections.iter().copied().filter(below).collect();
                let mut outside = keys.iter().filter(|key| key.section.is_empty());
                if let Some(key) = outside.find(|key| key.name == asked) {
                    return print(&line(key));
                }
                if found.is_empty() {
                    let known: Vec<&str> = sections.into_iter().filter(|s| !s.is_empty()).collect();
                    return Err(Failed::Input(format!(
                        "no section `{asked}`\n  help: known are {}",
                        known.join(", ")
                    )));
                }
                found
            }
        };
        let mut text = String::new();
        for section in shown {
            let keys: Vec<&Key> = keys.iter().filter(|key| key.section == section).collect();
            if let Some(first) = keys.first().filter(|first| !first.heading.is_empty()) {
                text.push_str(&format!("{}\n", first.heading));
            }
            text.extend(keys.into_iter().map(line));
            text.push('\n');
        }
        print(&text)
    }
}

/// The key with what it takes, then its meaning below.
fn line(key: &Key) -> String {
    let default = match (&key.default, key.required) {
        (Some(default), _) => format!(" = {default}"),
        (None, true) => " (required)".to_owned(),
        (None, false) => String::new(),
    };
    let takes = match key.takes.as_str() {
        "" => String::new(),
        takes => format!(" Takes: {takes}."),
    };
    let words = format!("{}{takes}", key.meaning);
    format!("{}{default}\n{}", key.name, wrapped(&words, INDENT))
}
