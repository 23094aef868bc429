//! The keys of `readout`: its samples and ridges.

use crate::experiment::ReadoutBatch;
use crate::readout::{ReadoutLoss, Ridge, RidgeParams};
use crate::spec::quantity::{Known, count, quoted, value};
use crate::spec::{Quantity, RidgeSpec, Spec, SpecError};

impl Spec {
    pub(super) fn check_readout_samples(
        &self,
        batch: u64,
        known: Known<'_>,
    ) -> Result<u64, SpecError> {
        let Some(samples) = &self.readout.samples else {
            return Ok(batch);
        };
        let key = "readout.samples";
        let samples = count(key, samples, known)?;
        let reason = match self.readout.batch {
            ReadoutBatch::Same if samples != batch => Some(format!(
                "the readout is fitted on the batch of the step, of {batch} samples"
            )),
            ReadoutBatch::TrainingSet => {
                Some("the readout is fitted on the whole training set".to_owned())
            }
            _ => None,
        };
        if let Some(reason) = reason {
            let remedy = "set readout.batch = \"fresh\", or leave readout.samples out";
            return Err(SpecError::new(key, samples, reason, remedy));
        }
        Ok(samples)
    }

    pub(super) fn check_readout(&self, known: Known<'_>) -> Result<RidgeParams, SpecError> {
        let evaluated = |quantities: &[Quantity]| -> Result<Vec<f64>, SpecError> {
            let values = quantities.iter();
            let values = values.map(|quantity| value("readout.ridge", quantity, known));
            values.map(|found| found.map(|(value, _)| value)).collect()
        };
        let (ridge, values) = match &self.readout.ridge {
            RidgeSpec::Value(value) => {
                let values = evaluated(std::slice::from_ref(value))?;
                (Ridge::Values(values.clone()), values)
            }
            RidgeSpec::Values(values) => {
                let values = evaluated(values)?;
                (Ridge::Values(values.clone()), values)
            }
            RidgeSpec::LeaveOneOut { leave_one_out } => {
                let values = evaluated(leave_one_out)?;
                (Ridge::LeaveOneOut(values.clone()), values)
            }
        };
        let logistic = self.readout.loss == ReadoutLoss::Logistic;
        if logistic && self.protocol.remove_below > 0 {
            let reason =
                "a logistic readout has labels of two signs, from which nothing is removed";
            let remedy = "set protocol.remove_below = 0";
            return Err(SpecError::new(
                "readout.loss",
                quoted("logistic"),
                reason,
                remedy,
            ));
        }
        if logistic && matches!(ridge, Ridge::LeaveOneOut(_)) {
            let reason = "leave-one-out is exact for the squared loss alone";
            let remedy = "give one ridge, or a list of them";
            return Err(SpecError::new(
                "readout.ridge",
                "leave_one_out",
                reason,
                remedy,
            ));
        }
        if values.is_empty() {
            return Err(SpecError::new(
                "readout.ridge",
                "[]",
                "no value",
                "give at least one",
            ));
        }
        for value in values {
            if !(value >= 0.0 && value.is_finite()) {
                let reason = "a ridge is finite and not negative";
                return Err(SpecError::new(
                    "readout.ridge",
                    value,
                    reason,
                    "give 0 or a positive number",
                ));
            }
            if value == 0.0 && logistic {
                let reason = "without a ridge separable samples have no logistic readout";
                return Err(SpecError::new(
                    "readout.ridge",
                    value,
                    reason,
                    "give a positive number",
                ));
            }
            if value == 0.0 && matches!(ridge, Ridge::LeaveOneOut(_)) {
                let reason = "leave-one-out is undefined where the fit interpolates";
                return Err(SpecError::new(
                    "readout.ridge",
                    value,
                    reason,
                    "give positive candidates",
                ));
            }
        }
        Ok(RidgeParams {
            loss: self.readout.loss,
            ridge,
            intercept: self.readout.intercept,
        })
    }
}
