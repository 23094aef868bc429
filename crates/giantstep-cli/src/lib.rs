//! What the binary `giantstep` is made of: plans, execution, figures, result tables and the terminal.

pub mod claims;
pub mod commands;
pub mod execute;
pub mod figure;
pub mod output;
pub mod plan;
pub mod plot;
pub mod report;
pub mod slope;
pub mod table;
pub mod terminal;
