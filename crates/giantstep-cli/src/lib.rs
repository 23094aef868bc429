//! What the binary `giantstep` is made of: figures, result tables, output files and the terminal.

pub mod figure;
pub mod output;
pub mod table;
pub mod terminal;
