//! Any text as an experiment file: read, checked, shown as understood.
#![no_main]

use giantstep_lab::chart::check;
use giantstep_lab::plan::{Plan, Scale};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for scale in [Scale::Full, Scale::Quick] {
        match Plan::read(text, "file.toml", &[], scale) {
            Ok(plan) => {
                let _ = (check(&plan).map_err(|error| error.to_string()), plan.document.resolved());
            }
            Err(error) => drop(error.to_string()),
        }
    }
});
