//! How a command failed.

/// How a command failed: the exit code and the message.
#[derive(Debug)]
pub enum Failed {
    /// What was asked for is not acceptable: nothing was run. Exit code 2.
    Input(String),
    /// The work was started and did not complete. Exit code 1.
    Work(String),
    /// The end was asked for and work is left that the same command goes on with: exit code 75.
    Unfinished(String),
    /// Another process of the group tells why; the exit code is the same.
    Elsewhere(u8),
}

impl Failed {
    pub(crate) fn input(error: impl ToString) -> Self {
        Failed::Input(error.to_string())
    }

    pub(crate) fn work(error: impl ToString) -> Self {
        Failed::Work(error.to_string())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Failed::Work(_) => 1,
            Failed::Input(_) => 2,
            Failed::Unfinished(_) => 75,
            Failed::Elsewhere(code) => *code,
        }
    }
}
