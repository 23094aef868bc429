//! A point with its formulas evaluated: what makes two ways to ask for a run the same.

use giantstep::batch::Covariance;
use giantstep::experiment::Origin;
use giantstep::readout::Ridge;
use giantstep::spec::{ClipSpec, InputsSpec, LayerSpec, Quantity, RidgeSpec, Spec};
use giantstep::train::{Clip, Layer, StepSize};

use super::Point;

impl Point {
    /// The resolved file with its formulas evaluated and its expressions in one form: two files that ask for the same
    /// in different words have the same.
    pub fn evaluated(&self) -> Spec {
        let mut spec = self.spec.clone();
        let experiment = &self.checked.setup.experiment;
        let (target, network) = (&experiment.target, &experiment.network);
        let protocol = &experiment.protocol;
        if target.given.is_none() {
            // In orthonormal directions, with the names of what it draws.
            spec.target.link = Some(target.link.to_string());
            spec.target.gram = None;
            spec.target.r = Some(target.r);
        }
        spec.network.width = Quantity::Number(network.width as f64);
        if let Some(expr) = network.activation.expr() {
            spec.network.activation = expr.to_string();
        }
        if let Some(scale) = &mut spec.network.scale {
            *scale = Quantity::Number(network.gain / (network.width as f64).sqrt());
        }
        spec.protocol.dimension = Some(Quantity::Number(protocol.dimension as f64));
        spec.protocol.batch = match &protocol.sizes {
            None => Quantity::Number(protocol.batch as f64),
            Some(sizes) => evaluated(sizes.formula()),
        };
        if let (Some(rows), Some(set)) = (&mut spec.protocol.training_set, protocol.set) {
            *rows = Quantity::Number(set.rows as f64);
        }
        if let Some(size) = &mut spec.protocol.step_size {
            *size = evaluated(&protocol.step_size);
        }
        let layers = [
            (&mut spec.protocol.second_layer, &protocol.second_layer),
            (&mut spec.protocol.biases, &protocol.biases),
        ];
        for (spec, layer) in layers {
            if let (LayerSpec::Trained { step_size }, Layer::Trained(size)) = (spec, layer) {
                *step_size = evaluated(size);
            }
        }
        if let Some(decay) = &mut spec.protocol.weight_decay {
            *decay = Quantity::Number(protocol.update.weight_decay);
        }
        if let (
            Some(ClipSpec::Rows(spec) | ClipSpec::Whole(spec)),
            Some(Clip::Rows(most) | Clip::Whole(most)),
        ) = (&mut spec.protocol.clip, protocol.update.clip)
        {
            *spec = Quantity::Number(most);
        }
        if let (Some(spec), Some(lookahead)) = (&mut spec.protocol.lookahead, protocol.lookahead) {
            spec.radius = Quantity::Number(lookahead.radius);
        }
        let (Ridge::Values(found) | Ridge::LeaveOneOut(found)) = &experiment.readout.ridge;
        let asked = match &mut spec.readout.ridge {
            RidgeSpec::Value(value) => std::slice::from_mut(value),
            RidgeSpec::Values(values)
            | RidgeSpec::LeaveOneOut {
                leave_one_out: values,
            } => values,
        };
        for (asked, found) in asked.iter_mut().zip(found) {
            *asked = Quantity::Number(*found);
        }
        match (&mut spec.inputs, &experiment.inputs) {
            (InputsSpec::Spike(asked), Origin::Coloured(Covariance::Spike { strength, .. })) => {
                asked.spike.strength = Quantity::Number(*strength);
            }
            (InputsSpec::Spectrum(asked), Origin::Coloured(Covariance::Blocks(blocks))) => {
                for ([variance, share], block) in asked.spectrum.iter_mut().zip(blocks) {
                    *variance = Quantity::Number(block.variance);
                    *share = Quantity::Number(block.size as f64 / protocol.dimension as f64);
                }
            }
            _ => {}
        }
        for (spec, baseline) in spec.baselines.iter_mut().zip(&experiment.baselines) {
            *spec = spec.clone().with_ridges(&baseline.ridges);
        }
        if let Some(samples) = &mut spec.readout.samples {
            *samples = Quantity::Number(experiment.readout_samples as f64);
        }
        spec
    }
}

/// A number, or what is left of a formula in the step.
fn evaluated(size: &StepSize) -> Quantity {
    match size {
        StepSize::Constant(size) => Quantity::Number(*size),
        StepSize::Formula(formula, values) => Quantity::Formula(formula.given(values, &["t"])),
    }
}
