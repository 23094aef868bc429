//! Errors of readouts on networks drawn in law.

use std::sync::atomic::AtomicBool;

use super::nodes::MOST as MOST_POINTS;
use super::{GivenWeights, GivenWeightsError, Ridged};
use crate::batch::{Direct, DirectionsLaw, EngineKind, InLaw};
use crate::cost::{Cost, cost_on};
use crate::directions::Directions;
use crate::experiment::Experiment;
use crate::network::Network;
use crate::real::Precision;
use crate::run::Trainer;
use crate::watch::Watch;

/// Networks are drawn from seeds that no run counts up to.
const FIRST_SEED: u64 = 1 << 62;
/// Points kappa and iterations that are counted on.
const POINTS: f64 = 1500.0;
const ITERATIONS: f64 = 9.0;
/// An operation of the readouts, in double precision on small matrices, takes the time of this many of the steps.
const SLOWER: f64 = 4.0;

/// What is asked of networks drawn in law.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn<'a> {
    /// Target, network and steps.
    pub experiment: &'a Experiment,
    /// What is removed from the labels.
    pub removed_mean: f64,
    /// The readouts after each step that the schedule records.
    pub readouts: &'a [Ridged],
    /// When set, the work ends.
    pub stop: &'a AtomicBool,
}

/// One network: for every step the test errors of the readouts, none for a step that is not recorded.
pub type NetworkErrors = Vec<Option<Result<Vec<f64>, GivenWeightsError>>>;

impl Drawn<'_> {
    /// The flops of one network: its steps and the iterations of (38) to (40).
    pub(crate) fn flops(&self) -> f64 {
        let steps = self.engine().1.equivalent_flops();
        let p = self.experiment.network.width as f64;
        let recorded = (0..=self.experiment.protocol.steps)
            .filter(|step| self.experiment.fits_readout(*step))
            .count();
        let readout = ITERATIONS * (5.0 * p.powi(3) + 5.0 * POINTS * p * p);
        steps + SLOWER * readout * (recorded * self.readouts.len()) as f64
    }

    /// The cheaper engine.
    fn engine(&self) -> (EngineKind, Cost) {
        let bare = self.experiment.steps_alone();
        let of = |engine| (engine, cost_on(&bare, engine, Precision::F32, 1));
        let (direct, in_law) = (of(EngineKind::Direct), of(EngineKind::InLaw));
        match direct.1.equivalent_flops() <= in_law.1.equivalent_flops() {
            true => direct,
            false => in_law,
        }
    }

    /// The bytes of one network: its steps, and the matrices of (38) to (40).
    pub(crate) fn memory(&self) -> f64 {
        let p = self.experiment.network.width as f64;
        self.engine().1.memory + 8.0 * (8.0 * p * p + 7.0 * MOST_POINTS * p)
    }

    /// Draws the network of this number.
    pub(crate) fn network(&self, number: u64) -> NetworkErrors {
        let seed = FIRST_SEED + number;
        let dimension = self.experiment.protocol.dimension;
        let bare = self.experiment.steps_alone();
        let watch = Watch {
            stop: self.stop,
            ..Watch::default()
        };
        let mut trainer = match self.engine().0 {
            EngineKind::Direct | EngineKind::Data => {
                let engine = Direct::<f32>::new(dimension as usize, DirectionsLaw::Canonical, seed);
                Trainer::on(&bare, engine, seed, &watch)
            }
            EngineKind::InLaw => {
                Trainer::on(&bare, InLaw::<f32>::new(dimension, seed), seed, &watch)
            }
        };
        let mut errors = NetworkErrors::new();
        loop {
            let wanted = self.experiment.fits_readout(trainer.taken());
            errors.push(wanted.then(|| self.errors(number, trainer.network(), trainer.target())));
            if trainer.step(&watch).is_none() {
                return errors;
            }
        }
    }

    fn errors(
        &self,
        number: u64,
        network: &Network,
        directions: &Directions,
    ) -> Result<Vec<f64>, GivenWeightsError> {
        let experiment = self.experiment;
        let given = GivenWeights::new(
            (
                &network.first,
                &network.bias,
                &experiment.network.activation,
            ),
            (directions, &experiment.target),
            experiment.network.pairing,
            self.removed_mean,
            experiment.protocol.dimension as f64,
            number,
        )?;
        let readouts = self.readouts.iter();
        readouts
            .map(|readout| {
                let errors = given.errors_until(*readout, self.stop);
                errors.map(|errors| errors.test)
            })
            .collect()
    }
}
