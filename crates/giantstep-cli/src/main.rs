//! The program `giantstep`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let itself = std::env::current_exe().map_or_else(|_| "giantstep".into(), Into::into);
    ExitCode::from(giantstep_cli::command(
        std::env::args_os().collect(),
        vec![itself],
    ))
}
