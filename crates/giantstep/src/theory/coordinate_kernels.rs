//! What readouts of a network of bounded width depend on, where the target's coordinates have a law of their own. THEORY.md (21)
//! with the averages of (53).
//!
//! Given the coordinates z fields are `M z + xi` with `xi ~ N(0, Q - M M^T)`: the kernels of (21) with biases `M z`, averaged over z.

use faer::Mat;

use crate::gauss::Rule;
use crate::theory::bounded_width::{KernelError, Kernels, biased_kernel, of_pairs};
use crate::theory::coordinates;
use crate::theory::dynamics::Dynamics;
use crate::theory::expectation::{Points, Shape, link_values};
use crate::theory::population::{ClassMatrix, Population};
use crate::theory::smoothed::Sigma;

/// Points for the coordinates at most, and the scale on which responses to them vary.
const POINTS: usize = 1024;
const SCALE: f64 = 2.0;

impl Kernels {
    /// The kernels of a state `(M, Q)`, over coordinates of the law of `dynamics`; none where quadrature does not reach.
    ///
    /// # Errors
    /// [`KernelError`] if an average has no value.
    pub(super) fn of_coordinates(
        dynamics: &Dynamics<'_>,
        population: &Population,
        (overlap, covariance): (&Mat<f64>, &ClassMatrix),
    ) -> Option<Result<Self, KernelError>> {
        let (link, r, k) = (dynamics.link, dynamics.link.r(), population.len());
        let shape = Shape::of(link);
        let law = dynamics.coordinates;
        let rules: Option<Vec<Rule>> = (0..r)
            .map(|j| coordinates::rule(law, coordinates::kinks(&shape, j), SCALE))
            .collect();
        let points = Points::Tensor(rules.filter(|_| coordinates::resolved(law, &shape))?);
        if points.count() > POINTS {
            return None;
        }
        let (columns, weights) = points.listed(0, points.count());
        let mut labels = vec![0.0; weights.len()];
        link_values(link, &columns, &mut labels);
        labels.iter_mut().for_each(|y| *y -= dynamics.removed_mean);
        // Variances and covariances across the target, and the mean fields at every point.
        let across = |c: usize, e: usize, q: f64| {
            let inside: f64 = (0..r).map(|j| overlap[(c, j)] * overlap[(e, j)]).sum();
            q - inside
        };
        let variance = |c: usize| across(c, c, covariance.diagonal(c)).max(0.0);
        let centre = |c: usize, v: usize| {
            let along: f64 = (0..r).map(|j| overlap[(c, j)] * columns[j][v]).sum();
            along + population.classes[c].bias
        };
        let sigma = Sigma::new(dynamics.activation);
        let mean_at =
            |c: usize, v: usize| sigma.average(centre(c, v), variance(c), |value, _, _| [value])[0];
        let product = |c: usize, e: usize, q: f64| -> f64 {
            let at = |v: usize| match dynamics.stopped() {
                true => f64::NAN,
                false => biased_kernel(
                    dynamics.activation,
                    (variance(c), variance(e), across(c, e, q)),
                    (centre(c, v), centre(e, v)),
                ),
            };
            weights
                .iter()
                .enumerate()
                .map(|(v, weight)| weight * at(v))
                .sum()
        };
        let features = of_pairs(population, covariance, product);
        let mut response = vec![0.0; k];
        let mut feature_mean = vec![0.0; k];
        for c in 0..k {
            for (v, weight) in weights.iter().enumerate() {
                let value = weight * mean_at(c, v);
                feature_mean[c] += value;
                response[c] += value * labels[v];
            }
            if !response[c].is_finite() {
                return Some(Err(KernelError::Response {
                    class: c,
                    overlap: (0..r).map(|j| overlap[(c, j)].powi(2)).sum::<f64>().sqrt(),
                    variance: variance(c),
                }));
            }
        }
        let average = |power: i32| -> f64 {
            let terms = labels.iter().zip(&weights);
            terms.map(|(y, weight)| weight * y.powi(power)).sum()
        };
        Some(Ok(Self {
            features,
            response,
            feature_mean,
            label_mean: average(1),
            label_power: average(2) + dynamics.noise,
            population: population.clone(),
            sampled: false,
        }))
    }
}
