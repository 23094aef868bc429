//! Singular values of p rows in R^d whose shared parts lift some of them out of the bulk. THEORY.md (47).
//!
//! The Gram matrix of rows that share few directions and have independent noise of squared lengths `v_i` besides has the
//! eigenvalues `a` on the shared part, noise included, if d is infinite. At finite p/d they are eigenvalues
//! `a (1 + (1/d) sum_i v_i / (a - v_i))` of the rows where a is larger than the place of the least such value, which is the edge of
//! the bulk (Silverstein and Choi).

use crate::theory::population::{ClassMatrix, Population};

/// The bulk of rows.
pub(super) struct Bulk {
    /// Squared lengths of noise, and how many rows have them.
    noise: Vec<(f64, f64)>,
    dimension: f64,
    /// Where the edge is.
    critical: f64,
}

impl Bulk {
    pub(super) fn of(noise: Vec<(f64, f64)>, dimension: f64) -> Self {
        let largest = noise.iter().fold(0.0f64, |m, (v, _)| m.max(*v));
        let count: f64 = noise.iter().map(|(_, count)| count).sum();
        let mut bulk = Self {
            noise,
            dimension,
            critical: largest,
        };
        // The slope is negative just above the largest length, and positive here.
        let (mut low, mut high) = (largest, largest * (1.01 + (count / dimension).sqrt()));
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            match bulk.slope(middle) < 0.0 {
                true => low = middle,
                false => high = middle,
            }
        }
        bulk.critical = high;
        bulk
    }

    fn slope(&self, a: f64) -> f64 {
        let terms = self
            .noise
            .iter()
            .map(|(v, count)| count * (v / (a - v)).powi(2));
        1.0 - terms.sum::<f64>() / self.dimension
    }

    /// The squared singular value of rows of which a is an eigenvalue at d = infinity.
    fn lifted(&self, a: f64) -> f64 {
        let terms = self.noise.iter().map(|(v, count)| count * v / (a - v));
        a * (1.0 + terms.sum::<f64>() / self.dimension)
    }

    /// The largest singular value of the bulk.
    pub(super) fn edge(&self) -> f64 {
        self.lifted(self.critical).max(0.0).sqrt()
    }
}

/// The singular values above the bulk, descending, of rows of this Gram matrix at d = infinity, and the bulk. None if it has no
/// spectrum.
pub(super) fn outliers(
    gram: &ClassMatrix,
    population: &Population,
    dimension: f64,
) -> Option<(Vec<f64>, Bulk)> {
    if !(gram.own.is_all_finite() && gram.cross.is_all_finite()) {
        return None;
    }
    let bulk = Bulk::of(gram.bulk(population), dimension);
    let above = gram.of_means(population)?.into_iter();
    let above = above.filter(|a| *a > bulk.critical);
    let values: Vec<f64> = above.map(|a| bulk.lifted(a).sqrt()).collect();
    values
        .iter()
        .all(|value| value.is_finite())
        .then_some((values, bulk))
}
