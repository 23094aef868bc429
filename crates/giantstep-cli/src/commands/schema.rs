//! `giantstep schema`.

use super::print;
use crate::failed::Failed;
use giantstep_lab::plan::Document;

pub(super) fn execute() -> Result<(), Failed> {
    let schema = serde_json::to_string_pretty(&Document::schema()).map_err(Failed::work)?;
    print(&format!("{schema}\n"))
}
