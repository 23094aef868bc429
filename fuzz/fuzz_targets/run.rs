//! Any bytes as a kept run: as they are, and with the checksum that they would need.
#![no_main]

use std::path::Path;

use giantstep_lab::keep::{RunId, Settings, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let id = RunId::of(&Settings::new());
    let read = |bytes| parse(bytes, Path::new("file"), &id, &mut drop).map_err(|error| error.to_string());
    let _ = read(bytes.to_vec());
    let mut signed = bytes.to_vec();
    signed.extend(blake3::hash(bytes).to_hex().as_bytes());
    let _ = read(signed);
});
