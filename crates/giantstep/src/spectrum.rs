//! What the spectra of weights and features tell: spikes above the edge of the bulk, effective ranks, the alignment of the
//! features' kernel with the labels.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Mat, Side};

use crate::directions::Directions;
use crate::readout::RidgeError;

/// No more spikes are looked for.
const MOST: usize = 16;
/// Room above the edge, in units of the spread `d^(-2/3)` of the largest singular value.
const ROOM: f64 = 4.0;

/// The right singular directions U (s orthonormal rows) of independent rows W whose squared singular values lie above the
/// edge of the rest: of rows of the lengths that are left, in independent directions of R^d.
///
/// None if the weights are not finite. `O(p^2 q + p^3)`.
pub(crate) fn spikes(rows: &Directions, dimension: f64) -> Option<Directions> {
    let p = rows.rows();
    let singular = Singular::of(rows)?;
    let mut lengths = rows.row_products(rows);
    let most = MOST.min(p).min(dimension as usize - 1);
    let room = 1.0 + ROOM * dimension.powf(-2.0 / 3.0);
    let mut count = 0;
    while count < most {
        let value = singular.square(count);
        if value <= room * edge(&lengths, dimension - count as f64) {
            break;
        }
        for (i, length) in lengths.iter_mut().enumerate() {
            *length = (*length - value * singular.left(count, i).powi(2)).max(0.0);
        }
        count += 1;
    }
    Some(singular.leading(count))
}

/// The singular values and directions of rows W, from the eigenvectors of `W W^T`, largest first.
pub(crate) struct Singular<'a> {
    rows: &'a Directions,
    eigen: SelfAdjointEigen<f64>,
}

impl<'a> Singular<'a> {
    /// None if the rows are not finite. `O(p^2 q + p^3)`.
    pub(crate) fn of(rows: &'a Directions) -> Option<Self> {
        let eigen = rows.gram(rows).self_adjoint_eigen(Side::Lower).ok()?;
        Some(Self { rows, eigen })
    }

    /// The square of singular value k.
    fn square(&self, k: usize) -> f64 {
        self.eigen.S()[self.rows.rows() - 1 - k]
    }

    /// The entry of left singular vector k at row i.
    fn left(&self, k: usize, i: usize) -> f64 {
        self.eigen.U()[(i, self.rows.rows() - 1 - k)]
    }

    /// How many singular values are larger than 1e-7 of the first; squares tell no smaller ones.
    pub(crate) fn rank(&self) -> usize {
        let told = |k: &usize| self.square(*k) > 1e-14 * self.square(0);
        (0..self.rows.rows()).take_while(told).count()
    }

    /// The first right singular directions, orthonormal.
    pub(crate) fn leading(&self, count: usize) -> Directions {
        let coefficient = |k: usize, i: usize| self.left(k, i) / self.square(k).sqrt();
        let coefficients = Mat::from_fn(count, self.rows.rows(), coefficient);
        self.rows.combined(&coefficients)
    }
}

/// The upper edge of the squared singular values of independent rows of these squared lengths in R^d: the least value of
/// `a (1 + (1/d) sum_i l_i / (a - l_i))` above the largest length (Silverstein and Choi).
fn edge(lengths: &[f64], dimension: f64) -> f64 {
    let largest = lengths.iter().copied().fold(0.0, f64::max);
    let slope = |a: f64| {
        let terms = lengths.iter().map(|l| (l / (a - l)).powi(2));
        1.0 - terms.sum::<f64>() / dimension
    };
    let count = lengths.len() as f64;
    // The slope is negative just above the largest length, and positive here.
    let (mut low, mut high) = (largest, largest * (1.01 + (count / dimension).sqrt()));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match slope(middle) < 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    let terms = lengths.iter().map(|l| l / (high - l));
    high * (1.0 + terms.sum::<f64>() / dimension)
}

/// `exp(-sum_j s_j log s_j)` with the shares `s_j` of these values in their sum: k for k equal ones (Roy and Vetterli's
/// effective rank). None where they do not sum to a positive number.
pub(crate) fn effective_rank(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return None;
    }
    let shares = values.iter().map(|value| value / sum);
    let entropy: f64 = shares.filter(|s| *s > 0.0).map(|s| -s * s.ln()).sum();
    Some(entropy.exp())
}

/// The spectrum of W (p x q): its singular values, descending, and how many of them lie above the edge of the rest.
pub(crate) struct WeightSpectrum {
    /// From the Gram matrix: exact to about 1e-8 of the largest.
    pub(crate) values: Vec<f64>,
    /// Of the first `independent` rows, up to [`MOST`].
    pub(crate) outliers: usize,
}

/// The spectrum of all rows, and the outliers of the first `independent` of them, the others being copies. None if the
/// weights are not finite. `O(p^2 q + p^3)`.
pub(crate) fn weights(
    rows: &Directions,
    independent: usize,
    dimension: f64,
) -> Option<WeightSpectrum> {
    let eigenvalues = rows.gram(rows).self_adjoint_eigenvalues(Side::Lower).ok()?;
    let values = eigenvalues.into_iter().rev();
    let first = rows.coordinates().get(..independent, ..).to_owned();
    Some(WeightSpectrum {
        values: values.map(|value| value.max(0.0).sqrt()).collect(),
        outliers: spikes(&first.into(), dimension)?.rows(),
    })
}

/// The spectrum of features `phi = sigma(W x + b)/sqrt p` on n samples.
pub(crate) struct FeatureSpectrum {
    /// Eigenvalues of `(1/n) Phi^T Phi`, descending; p of them.
    pub(crate) values: Vec<f64>,
    /// `|Phi^T y|^2 / (|Phi Phi^T| |y|^2)` with the Frobenius norm: the cosine of the kernel with `y y^T`.
    pub(crate) alignment: f64,
}

/// The spectrum of the features of n samples with these `Phi^T Phi` and `Phi^T y`; `power` is the mean square of the labels.
/// `O(p^3)`.
///
/// # Errors
/// [`RidgeError`] if the features are not finite.
pub(crate) fn features(
    (gram, cross): &(Mat<f64>, Mat<f64>),
    n: f64,
    power: f64,
) -> Result<FeatureSpectrum, RidgeError> {
    let width = gram.nrows();
    if !cross.is_all_finite() {
        return Err(RidgeError::NotFinite { width });
    }
    let eigenvalues = gram
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| RidgeError::NotFinite { width })?;
    let values: Vec<f64> = eigenvalues
        .into_iter()
        .rev()
        .map(|value| value.max(0.0) / n)
        .collect();
    // |Phi Phi^T| and |Phi^T Phi| are one.
    let kernel = n * values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let along = cross.squared_norm_l2();
    let alignment = match kernel * power > 0.0 {
        true => along / (kernel * n * power),
        false => 0.0,
    };
    Ok(FeatureSpectrum { values, alignment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_have_the_edge_of_marchenko_and_pastur() {
        for (count, dimension) in [(100usize, 400.0), (300, 100.0)] {
            let expected = 2.0 * (1.0 + (count as f64 / dimension).sqrt()).powi(2);
            let found = edge(&vec![2.0; count], dimension);
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn equal_values_count_and_a_single_one_is_one() {
        for (values, rank) in [(vec![2.0; 5], 5.0), (vec![3.0, 0.0, 0.0], 1.0)] {
            let found = effective_rank(&values).expect("a rank");
            assert!((found - rank).abs() < 1e-12, "{found}");
        }
        assert_eq!(effective_rank(&[0.0, 0.0]), None);
        // Shares 1/2, 1/4, 1/4: entropy 1.5 log 2.
        let found = effective_rank(&[2.0, 1.0, 1.0]).expect("a rank");
        assert!((found - 2f64.powf(1.5)).abs() < 1e-12);
    }
}
