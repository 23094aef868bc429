//! What the binary `giantstep` is made of: plans, execution, figures, result tables and the terminal.

pub mod chart;
pub mod cite;
pub mod claims;
pub mod commands;
pub mod compare;
pub mod conduct;
pub mod execute;
pub mod figure;
pub mod memory;
pub mod output;
pub mod plan;
pub mod plot;
pub mod predicted;
pub mod ranks;
pub mod report;
pub mod schedule;
pub mod signals;
pub mod slope;
pub mod store;
pub mod table;
pub mod terminal;
