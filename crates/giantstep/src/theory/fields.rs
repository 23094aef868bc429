//! The law of the fields of a state.

use faer::Mat;

use crate::theory::dynamics::{RecursionError, Step};
use crate::theory::population::{ClassMatrix, Population};

/// The law of the fields of a state: overlap M and `Q - M M^T`.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) overlap: Mat<f64>,
    /// `Q_perp`.
    pub(super) orthogonal: ClassMatrix,
}

/// How negative a relative eigenvalue may be by rounding.
const PHYSICAL: f64 = 1e-7;

impl Fields {
    pub(super) fn of(
        population: &Population,
        state: &Step,
        step: u32,
    ) -> Result<Self, RecursionError> {
        let mut orthogonal = state.covariance.clone();
        orthogonal.cross -= &state.overlap * state.overlap.transpose();
        let eigenvalue = orthogonal
            .least_eigenvalue(population)
            .ok_or(RecursionError::NotFinite { step })?;
        if eigenvalue < -PHYSICAL {
            return Err(RecursionError::Unphysical { step, eigenvalue });
        }
        Ok(Self {
            overlap: state.overlap.clone(),
            orthogonal,
        })
    }
}
