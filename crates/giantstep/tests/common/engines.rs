//! The engines that draw, and the names of their batches.

use giantstep::batch::{BatchId, Direct, DirectionsLaw, InLaw, Purpose};
use giantstep::experiment::Experiment;

pub fn direct<T>(experiment: &Experiment, seed: u64) -> Direct<T> {
    let d = experiment.protocol.dimension as usize;
    Direct::new(d, DirectionsLaw::Random, seed)
}

pub fn in_law<T>(experiment: &Experiment, seed: u64) -> InLaw<T> {
    InLaw::new(experiment.protocol.dimension, seed)
}

pub fn training(index: u64) -> BatchId {
    BatchId {
        purpose: Purpose::Training,
        index,
    }
}
