//! Predicted steps in the setting that most tests share.

use giantstep::activation::Activation;
use giantstep::batch::Inputs;
use giantstep::expr::Link;
use giantstep::theory::moments::{ActivationMoments, LinkMoments};
use giantstep::theory::one_step::{Drift, OneStep};
use giantstep::theory::recursion::Dynamics;
use giantstep::train::{Geometry, Loss, Update};
use giantstep::watch::NEVER;

use super::text::{activation, target};

/// Second layers of two neurons of either sign.
pub const FOUR: [f64; 4] = [1.0, 1.0, -1.0, -1.0];

/// One step of a network whose output at the start is zero.
pub fn one_step(text: &str, student: &str) -> OneStep {
    OneStep {
        activation: ActivationMoments::of(&activation(student)),
        link: LinkMoments::of(&target(text)),
        drift: Drift::default(),
        plug_in: None,
    }
}

/// `n = 4 d`, `eta = p`, plain steps on the squared loss.
pub fn dynamics<'a>(link: &'a Link, activation: &'a Activation) -> Dynamics<'a> {
    Dynamics {
        link,
        coordinates: Inputs::Gaussian,
        noise: 0.0,
        removed_mean: 0.0,
        activation,
        rate: 1.0,
        samples: 4.0,
        dimension: 2000.0,
        loss: Loss::Squared,
        geometry: Geometry::Plain,
        update: Update::PLAIN,
        stop: &NEVER,
    }
}
