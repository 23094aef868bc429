//! `giantstep schema`.

use super::{Failed, print};
use crate::plan::Document;

pub(super) fn execute() -> Result<(), Failed> {
    let schema = serde_json::to_string_pretty(&Document::schema()).map_err(Failed::work)?;
    print(&format!("{schema}\n"))
}
