//! Words to people, on standard error.

use std::fmt::Display;
use std::io::{Write, stderr};

/// Writes a line to standard error. Where that cannot be written (closed, a full disk) the line is lost, and nothing else.
pub fn note(text: impl Display) {
    let _ = writeln!(stderr().lock(), "{text}");
}
