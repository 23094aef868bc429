//! The law of the fields of a state.

use faer::{Mat, Side};

use crate::theory::dynamics::RecursionError;
use crate::theory::population::{Class, ClassMatrix, Population};

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
        (overlap, covariance): (&Mat<f64>, &ClassMatrix),
        step: u32,
    ) -> Result<Self, RecursionError> {
        let mut orthogonal = covariance.clone();
        orthogonal.cross -= overlap * overlap.transpose();
        let eigenvalue = orthogonal
            .least_eigenvalue(population)
            .ok_or(RecursionError::NotFinite { step })?;
        if eigenvalue < -PHYSICAL {
            return Err(RecursionError::Unphysical { step, eigenvalue });
        }
        Ok(Self {
            overlap: overlap.clone(),
            orthogonal,
        })
    }

    /// The same fields with as much of them as possible in what each neuron has alone, if every class is one neuron: then nothing
    /// else tells own parts from shared ones, and neurons that repel each other share variables of positive variance all the same.
    pub(super) fn spread(self, population: &Population) -> Option<Self> {
        let single = |class: &Class| class.count == 1.0 && class.twin.is_none();
        if !population.classes.iter().all(single) {
            return Some(self);
        }
        let total = &self.orthogonal.own + &self.orthogonal.cross;
        let values = total.self_adjoint_eigenvalues(Side::Lower).ok()?;
        let least = values.into_iter().fold(f64::INFINITY, f64::min).max(0.0);
        let k = population.len();
        let own = Mat::<f64>::identity(k, k) * faer::Scale(least);
        Some(Self {
            orthogonal: ClassMatrix {
                cross: total - &own,
                own,
            },
            ..self
        })
    }
}
