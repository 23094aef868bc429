//! Labels that are linear and Gaussian given `kappa = U x`. THEORY.md (35).

use faer::{Mat, Side};

use crate::expr::Link;
use crate::theory::expectation::Shape;

/// The best linear label given kappa.
///
/// Given kappa, `z = W* x` is `A kappa + R v` with `A = W* U^T` (r x s), `R R^T = I - A A^T` and `v ~ N(0, I_m)`; the
/// label is `E g + <E[g v], v>` and noise of the remaining variance.
#[derive(Debug)]
pub(crate) struct LinearLabels {
    /// A.
    pub centre: Mat<f64>,
    /// `v = R^+ (z - A kappa)`, m x r.
    pub inverse: Mat<f64>,
    /// The values of v in a rule for `N(0, I_m)`, a column for each entry, and `R v`.
    nodes: Vec<Vec<f64>>,
    shifts: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

/// `E g`, `E[g v]` and the variance of what these leave.
pub(crate) struct LabelMoments {
    pub mean: f64,
    pub slopes: Vec<f64>,
    pub rest: f64,
}

impl LinearLabels {
    pub(crate) fn new(link: &Link, centre: Mat<f64>) -> Option<Self> {
        /// Points of a rule, at most.
        const BUDGET: usize = 4096;
        Self::within(link, centre, BUDGET)
    }

    /// With so many points of a rule at most; beyond them averages are sampled.
    pub(crate) fn within(link: &Link, centre: Mat<f64>, budget: usize) -> Option<Self> {
        /// Directions with less variance given kappa are known.
        const KNOWN: f64 = 1e-9;
        let r = centre.nrows();
        let left = Mat::<f64>::identity(r, r) - &centre * centre.transpose();
        let eigen = left.self_adjoint_eigen(Side::Lower).ok()?;
        let open: Vec<usize> = (0..r).filter(|j| eigen.S()[*j] > KNOWN).collect();
        let m = open.len();
        let scale = |j: usize| eigen.S()[open[j]].sqrt();
        let root = Mat::from_fn(r, m, |k, j| eigen.U()[(k, open[j])] * scale(j));
        let inverse = Mat::from_fn(m, r, |j, k| eigen.U()[(k, open[j])] / scale(j));
        let points = match Shape::of(link) {
            // Their kinks lie on no axis of v.
            Shape::AxisKinks(_) => Shape::Kinked,
            shape => shape,
        }
        .points(m, 2, budget, 0);
        let (nodes, weights) = match m {
            0 => (Vec::new(), vec![1.0]),
            _ => points.listed(0, points.count()),
        };
        let shifts = (0..r)
            .map(|k| {
                let shift = |q: usize| (0..m).map(|j| root[(k, j)] * nodes[j][q]).sum();
                (0..weights.len()).map(shift).collect()
            })
            .collect();
        Some(Self {
            centre,
            inverse,
            nodes,
            shifts,
            weights,
        })
    }

    /// The number m of entries of v.
    pub(crate) fn variables(&self) -> usize {
        self.nodes.len()
    }

    /// `A kappa`.
    pub(crate) fn centre_at(&self, kappa: &[f64]) -> Vec<f64> {
        let of = |k: usize| {
            kappa
                .iter()
                .enumerate()
                .map(move |(j, x)| self.centre[(k, j)] * x)
        };
        (0..self.centre.nrows()).map(|k| of(k).sum()).collect()
    }

    pub(crate) fn moments(&self, link: &Link, kappa: &[f64]) -> LabelMoments {
        let centre = self.centre_at(kappa);
        let columns: Vec<Vec<f64>> = self
            .shifts
            .iter()
            .zip(&centre)
            .map(|(shift, centre)| shift.iter().map(|x| centre + x).collect())
            .collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut values = vec![0.0; self.weights.len()];
        link.eval_columns(&columns, &mut values);
        let mean: f64 = values.iter().zip(&self.weights).map(|(g, w)| g * w).sum();
        let centred: Vec<f64> = values.iter().map(|g| g - mean).collect();
        let weighted: Vec<f64> = centred
            .iter()
            .zip(&self.weights)
            .map(|(g, w)| g * w)
            .collect();
        let product = |x: &[f64]| -> f64 { weighted.iter().zip(x).map(|(g, x)| g * x).sum() };
        let slopes: Vec<f64> = self.nodes.iter().map(|v| product(v)).collect();
        let linear: f64 = slopes.iter().map(|x| x * x).sum();
        LabelMoments {
            mean,
            rest: (product(&centred) - linear).max(0.0),
            slopes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str, centre: &[f64]) -> (Link, LinearLabels) {
        let link = Link::parse(text, None).unwrap();
        let centre = Mat::from_fn(centre.len(), 1, |k, _| centre[k]);
        let labels = LinearLabels::new(&link, centre).unwrap();
        (link, labels)
    }

    #[test]
    fn labels_given_an_axis_have_their_closed_form() {
        // z2 is open, and z1 = kappa: z1 + z1 z2 has mean kappa, slope kappa, and nothing else.
        let (link, known) = labels("z1 + z1*z2", &[1.0, 0.0]);
        let moments = known.moments(&link, &[0.7]);
        assert!((moments.mean - 0.7).abs() < 1e-12);
        let slope = moments.slopes[0] * known.inverse[(0, 1)];
        assert!((slope - 0.7).abs() < 1e-12 && moments.rest < 1e-12);
        // Given z1 = gamma kappa + rho v: He2 has mean gamma^2 (kappa^2 - 1), slope 2 gamma rho kappa, rest 2 rho^4.
        let (gamma, rho) = (0.8, 0.6);
        let (link, known) = labels("He2(z1)", &[gamma]);
        let moments = known.moments(&link, &[1.3]);
        assert!((moments.mean - gamma * gamma * (1.3 * 1.3 - 1.0)).abs() < 1e-12);
        assert!((moments.slopes[0].abs() - 2.0 * gamma * rho * 1.3).abs() < 1e-12);
        assert!((moments.rest - 2.0 * rho * rho * rho * rho).abs() < 1e-12);
    }

    #[test]
    fn variances_of_labels_add_up() {
        for text in ["sin(z1 + z2)", "max(z1, z2)", "z1*z2 - z2^2"] {
            let (link, known) = labels(text, &[0.6, -0.3]);
            let (_, open) = labels(text, &[0.0, 0.0]);
            let LabelMoments { mean, slopes, rest } = open.moments(&link, &[0.0]);
            let expected = mean * mean + slopes.iter().map(|x| x * x).sum::<f64>() + rest;
            let rule = crate::gauss::composite(&[], 0.5);
            let found = rule.expect(|kappa| {
                let LabelMoments { mean, slopes, rest } = known.moments(&link, &[kappa]);
                mean * mean + slopes.iter().map(|x| x * x).sum::<f64>() + rest
            });
            let tolerance = if text.starts_with("max") { 2e-3 } else { 1e-10 };
            assert!(
                (found - expected).abs() < tolerance,
                "{text}: {found} {expected}"
            );
        }
    }
}
