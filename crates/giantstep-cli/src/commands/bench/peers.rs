//! The same step in a library that people would write it in, each in a process of its own, in turn with ours.

use std::process::{Command, Stdio};

use clap::ValueEnum;
use giantstep::kernels::Kernel;
use giantstep::real::Precision;

use super::{Stage, beside_sizes};
use crate::failed::Failed;

/// What runs the peers' step.
const SCRIPT: &str = include_str!("../../../reference/step.py");

/// Ours and theirs are timed in turn so many times; the best of each counts.
pub(super) const ROUNDS: usize = 2;

/// A library that a step is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Peer {
    /// NumPy, by blocks of rows.
    Numpy,
    /// PyTorch on the processor, by blocks of rows.
    Torch,
    /// JAX on the processor, one compiled loop over blocks of rows.
    Jax,
}

impl Peer {
    /// As the script and the package index call it.
    fn name(self) -> &'static str {
        match self {
            Peer::Numpy => "numpy",
            Peer::Torch => "torch",
            Peer::Jax => "jax",
        }
    }
}

/// What the script prints.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
pub(super) struct Theirs {
    /// The best of five steps.
    pub seconds: f64,
    /// Name and version.
    pub library: String,
    /// Rows of a block.
    pub block: u64,
}

/// A stage of ours and the same step of a peer.
#[derive(Debug, serde::Serialize)]
pub(super) struct Compared {
    #[serde(flatten)]
    pub ours: Stage,
    pub peer: Theirs,
    /// Their time over ours.
    pub ratio: f64,
}

impl Compared {
    pub(super) fn new(ours: Stage, peer: Theirs) -> Self {
        let ratio = peer.seconds / ours.seconds;
        Self { ours, peer, ratio }
    }

    /// The best of two rounds, each by itself.
    pub(super) fn or(self, ours: Stage, peer: Theirs) -> Self {
        let ours = match ours.seconds < self.ours.seconds {
            true => ours,
            false => self.ours,
        };
        let peer = match peer.seconds < self.peer.seconds {
            true => peer,
            false => self.peer,
        };
        Self::new(ours, peer)
    }
}

/// Times the step of `kernel` in a new process of `python`.
///
/// # Errors
/// If python or the library is missing, with what to install.
pub(super) fn time(peer: Peer, python: &str, kernel: Kernel) -> Result<Theirs, Failed> {
    let precision = match kernel.precision {
        Precision::F32 => "float32",
        Precision::F64 => "float64",
    };
    let sizes = [kernel.dimension, kernel.width as u64, kernel.rows].map(|size| size.to_string());
    let output = Command::new(python)
        .args(["-c", SCRIPT, peer.name()])
        .args(sizes)
        .arg(precision)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Failed::Input(format!(
                "--python {python}: {error}\n  help: give the Python that has {}: --python PATH",
                peer.name()
            ))
        })?;
    let failed = || {
        let told = String::from_utf8_lossy(&output.stderr);
        let last = told.lines().last().unwrap_or("it printed nothing");
        let name = peer.name();
        Failed::Input(format!(
            "--against {name}: {python} fails: {last}\n  help: `{python} -m pip install {name}`, or --python PATH of one that has it"
        ))
    };
    if !output.status.success() {
        return Err(failed());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|_| failed())
}

/// The stages beside those of the peer.
pub(super) fn table(compared: &[Compared]) -> String {
    let header = ["giantstep", "peer", "peer takes", "ratio"];
    let lines = compared.iter().map(|both| {
        let told = [
            format!("{:.3} s", both.ours.seconds),
            both.peer.library.clone(),
            format!("{:.3} s", both.peer.seconds),
            format!("{:.1}", both.ratio),
        ];
        (&both.ours, told)
    });
    beside_sizes(&header, lines)
}
