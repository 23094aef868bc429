//! Many steps of a quadratic activation on one batch.

use super::Task;
use super::prediction::{ITERATED, Would};
use crate::analysis::bounded;
use crate::metric::Metric;
use crate::theory::label_law::LabelLaw;
use crate::theory::power_iteration::BatchSpectrum;
use crate::train::{Geometry, Loss, StepSize};

/// `E sigma'^2` is that of a linear function to this fraction.
const LINEAR: f64 = 1e-9;

impl Task<'_> {
    /// Records the alignment after the third and later steps on the first batch where they are a power iteration: whether they are.
    pub(super) fn power_iteration(&mut self, last: u32) -> bool {
        let Some(spectrum) = self.batch_spectrum() else {
            return false;
        };
        let (rate, turn) = (self.dynamics.rate, self.activation.slopes[1]);
        for step in (3..=last).filter(|step| self.experiment.records(*step)) {
            let classes = self.population.classes.iter();
            let aligned: Option<f64> = classes
                .map(|class| {
                    let aligned = spectrum.alignment(rate * class.second * turn, step)?;
                    Some(aligned * class.count / self.population.width())
                })
                .sum();
            match aligned {
                Some(value) => {
                    self.push(step, Metric::WeightAlignment, value, ITERATED);
                }
                None => {
                    let reason =
                        "powers of so many steps cancel in the integrals over the spectrum";
                    let metric = [Metric::WeightAlignment];
                    self.absent(&metric, (step, step), reason, Would::UNKNOWN);
                }
            }
        }
        true
    }

    /// That of the first batch, if steps on it are `1 + b H` and the alignment is asked for.
    fn batch_spectrum(&self) -> Option<BatchSpectrum> {
        let protocol = &self.experiment.protocol;
        let of = &self.activation;
        let quadratic = of.slope_power > 0.0
            && (of.slopes[1].powi(2) - of.slope_power).abs() < LINEAR * of.slope_power;
        let alike = protocol.loss == Loss::Correlation
            && matches!(protocol.geometry, Geometry::Plain | Geometry::Projected)
            && matches!(protocol.step_size, StepSize::Constant(_));
        let target = &self.experiment.target;
        // Of unbounded labels the largest leave the bulk of H, wherever they are.
        let bulk = target.noise == 0.0 && bounded(&target.link);
        let asked = self.is_measured(Metric::WeightAlignment);
        if !(asked && quadratic && alike && bulk && self.takes_bare_gradients()) {
            return None;
        }
        let d = self.dynamics.dimension;
        let law = LabelLaw::new(&target.link, target.r, self.dynamics.removed_mean, 0.0)?;
        BatchSpectrum::new(&law, protocol.rows(1) as f64 / d, d)
    }
}
