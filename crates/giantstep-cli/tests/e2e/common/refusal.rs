//! Experiments that are refused, and what is said of them.

use super::{Toy, text};

/// Runs a refused experiment: nothing on standard output, no folder, exit code 2. Returns standard error.
pub fn refused(file: &str, overrides: &[&str]) -> String {
    let toy = Toy::new(file);
    let output = toy.run(overrides, &[]);
    let message = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(2), "{overrides:?}: {message}");
    assert!(
        output.stdout.is_empty(),
        "{overrides:?}: {}",
        text(&output.stdout)
    );
    assert!(
        !toy.path("out").exists(),
        "{overrides:?}: a folder for nothing"
    );
    message
}

#[track_caller]
pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(
            message.contains(part),
            "`{part}` is missing from:\n{message}"
        );
    }
}
