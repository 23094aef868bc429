//! An experiment with the way to compute it: all that a run is made of but its seed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::EngineKind;
use crate::experiment::Experiment;
use crate::real::Precision;

/// Which engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The cheaper one by the cost model.
    Auto,
    /// Explicit coordinates in R^d.
    Direct,
    /// The same law at a cost that does not depend on d.
    InLaw,
}

impl From<EngineKind> for EngineChoice {
    fn from(engine: EngineKind) -> Self {
        match engine {
            // Given rows leave no choice.
            EngineKind::Data => Self::Auto,
            EngineKind::Direct => Self::Direct,
            EngineKind::InLaw => Self::InLaw,
        }
    }
}

/// What one run may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of threads for which the cost is reckoned; 0 stands for those of the rayon pool.
    pub threads: usize,
    /// The largest memory, in bytes.
    pub memory: u64,
}

/// What runs, and how.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What is learnt, by what, how, and what is recorded.
    pub experiment: Experiment,
    /// Which engine runs.
    pub engine: EngineChoice,
    /// Precision of the data path.
    pub precision: Precision,
    /// Threads and memory.
    pub limits: Limits,
}
