//! One step on Gaussian inputs of another covariance than 1.
//!
//! With `x ~ N(0, Sigma)`, labels `y = g(z)` of `z = W* x ~ N(0, S)`, `S = W* Sigma W*^T`, and fields `<w, x>` of variance
//! `q = tr Sigma/d` that are independent of z to leading order, the mean gradient of a neuron is `a c_1 Sigma W*^T S^-1 E[z y]`,
//! `c_1 = E sigma'(sqrt q x)`, by Stein's lemma, and its noise has the squared length `a^2 E[sigma'^2] E[y^2] tr Sigma/n`.
//! THEORY.md (55), (56).

use faer::Mat;
use faer::linalg::solvers::Solve;

use crate::batch::{Covariance, DirectionsLaw};
use crate::labels::{Removal, Target};
use crate::theory::expectation::{Shape, link_values};
use crate::theory::sampler::root;
use crate::theory::shared::combine;
use crate::theory::smoothed::Sigma;

/// Points behind the averages of labels where they are no product of rules.
const POINTS: usize = 1 << 20;

/// A covariance as one step sees it: `S = W* Sigma W*^T`, `W* Sigma^2 W*^T`, both `r x r`, and `tr Sigma/d`.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) along: Mat<f64>,
    pub(super) squared: Mat<f64>,
    pub(super) variance: f64,
}

impl Seen {
    /// Along directions that are random, each entry up to `1/sqrt d`.
    pub(super) fn of(
        covariance: &Covariance,
        law: DirectionsLaw,
        (r, dimension): (usize, f64),
    ) -> Self {
        let diagonal =
            |of: &dyn Fn(usize) -> f64| Mat::from_fn(r, r, |i, j| if i == j { of(i) } else { 0.0 });
        match covariance {
            Covariance::Spike { strength, overlaps } => {
                let with = |added: f64| {
                    Mat::from_fn(r, r, |i, j| {
                        f64::from(u8::from(i == j)) + added * overlaps[i] * overlaps[j]
                    })
                };
                Self {
                    along: with(*strength),
                    squared: with(2.0 * strength + strength * strength),
                    variance: 1.0 + strength / dimension,
                }
            }
            Covariance::Blocks(blocks) => {
                let mean = |power: i32| {
                    let parts = blocks
                        .iter()
                        .map(|b| b.size as f64 * b.variance.powi(power));
                    parts.sum::<f64>() / dimension
                };
                let on_axis = |axis: usize| {
                    let mut end = 0;
                    let mut within = blocks.iter().filter(|block| {
                        end += block.size;
                        (axis as u64) < end
                    });
                    within.next().map_or(1.0, |block| block.variance)
                };
                let of = |power: i32| match law {
                    DirectionsLaw::Canonical => diagonal(&|axis| on_axis(axis).powi(power)),
                    DirectionsLaw::Random => diagonal(&|_| mean(power)),
                };
                Self {
                    along: of(1),
                    squared: of(2),
                    variance: mean(1),
                }
            }
        }
    }
}

/// The gradient of a neuron of second-layer weight 1 (in units of `1/sqrt p`) of a network without an output.
#[derive(Debug, Clone)]
pub(super) struct Gradient {
    /// Its overlaps with the target's directions.
    pub(super) overlap: Vec<f64>,
    /// Its squared length.
    pub(super) power: f64,
    /// `E y^2` with the noise of the labels.
    pub(super) label_power: f64,
}

/// The gradient on `n = alpha d` samples, of labels without their mean if it is removed; none if labels that have a mean move neurons
/// along themselves.
pub(super) fn gradient(
    target: &Target,
    removal: Removal,
    sigma: &Sigma<'_>,
    (seen, alpha): (&Seen, f64),
) -> Option<Gradient> {
    let r = target.r;
    let root = root(&seen.along)?;
    // Kinks of the link lie elsewhere in the coordinates of unit variance.
    let shape = match Shape::of(&target.link) {
        Shape::AxisKinks(_) => Shape::Kinked,
        shape => shape,
    };
    let points = shape.points(r, 2, POINTS, 0);
    // E y, E y^2, E z y.
    let sums = points.expect(2 + r, |columns, weights, sums| {
        let z = combine(&root, r, columns);
        let mut labels = vec![0.0; weights.len()];
        link_values(&target.link, &z, &mut labels);
        for (v, (y, weight)) in labels.iter().zip(weights).enumerate() {
            sums[0] += weight * y;
            sums[1] += weight * y * y;
            for (sum, z) in sums[2..].iter_mut().zip(&z) {
                *sum += weight * y * z[v];
            }
        }
    });
    let mean = match removal {
        Removal::Nothing => 0.0,
        Removal::Mean | Removal::MeanAndLinear => sums[0],
    };
    let label_power = sums[1] - mean * mean + target.noise;
    // E sigma', E sigma'^2, E x sigma'.
    let q = seen.variance;
    let [slope, slopes, along] = sigma.average(0.0, q, |_, s, own| [s, s * s, own * s]);
    let left = (sums[0] - mean) * along;
    if left.abs() > 1e-6 * (sums[1] * slopes * q).sqrt() {
        return None;
    }
    let signal = Mat::from_fn(r, 1, |k, _| sums[2 + k]);
    let toward = seen.along.partial_piv_lu().solve(&signal);
    let length = (toward.transpose() * &seen.squared * &toward)[(0, 0)];
    Some(Gradient {
        overlap: (0..r).map(|k| slope * signal[(k, 0)]).collect(),
        power: slope * slope * length + slopes * label_power * q / alpha,
        label_power,
    })
}
