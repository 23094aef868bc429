//! The way into the browser.

use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::{Builder, TempPath};

/// The program that opens a file in what the user has chosen for it.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else if cfg!(windows) {
    "explorer"
} else {
    "xdg-open"
};

/// A file that leads a browser to an address, gone when dropped. The words of a command can be read by everybody on the
/// machine, this file by its user alone: the token in the address stays between the program and the browser.
#[derive(Debug)]
pub struct Door(TempPath);

impl Door {
    /// Opens an address in the browser; none where there is no browser.
    pub fn open(address: &str) -> Option<Self> {
        let mut file = Builder::new()
            .prefix("giantstep-")
            .suffix(".html")
            .tempfile()
            .ok()?;
        let page = format!("<meta http-equiv=\"refresh\" content=\"0; url={address}\">\n");
        file.write_all(page.as_bytes()).ok()?;
        let door = Self(file.into_temp_path());
        let mut opener = Command::new(OPENER);
        opener.arg(&door.0);
        for stream in [Command::stdin, Command::stdout, Command::stderr] {
            stream(&mut opener, Stdio::null());
        }
        opener.spawn().ok()?;
        Some(door)
    }
}
