//! One Gaussian vector with the mean and covariance of features and label.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use crate::batch::Panel;
use crate::directions::Directions;
use crate::equivalence::conditional::Drawn;
use crate::readout::{Features, RidgeError, Samples};
use crate::real::Real;
use crate::theory::conditional::Conditional;
use crate::theory::expectation::Shape;
use crate::watch::Watch;

/// `(label, features) = mean + L xi`, `xi ~ N(0, I_{p+1})`, with the first two moments of a [`Conditional`] model.
///
/// The mean of feature i is `E mu0_i`, the covariance of two `Cov(mu0_i, mu0_j) + E[mu1_i mu1_j] <w_i, P w_j>`, P the
/// projector across U, plus `E mu*_i^2` on the diagonal. THEORY.md (36).
#[derive(Debug)]
pub(super) struct Marginal {
    mean: Vec<f64>,
    /// L.
    root: Mat<f64>,
}

impl Marginal {
    /// By a rule over kappa, up to 4096 points: `O(p^2 points + p^3)`.
    pub(super) fn new(network: Features<'_>, given: &Conditional) -> Result<Self, RidgeError> {
        let s = given.known.rows();
        let (nodes, weights) = match s {
            0 => (Vec::new(), vec![1.0]),
            _ => {
                let points = Shape::Smooth.points(s, 0, 4096, 0);
                points.listed(0, points.count())
            }
        };
        let (p, count) = (given.along.nrows(), weights.len());
        let points = Mat::from_fn(s, count, |k, q| nodes[k][q]);
        let (_, [value, slope, own]) = given.at(&points);
        let target = network.labels.target;
        let m = given.labels.variables();
        // One column for each point, the label first: means, slopes across U, and what is independent.
        let mut means = Mat::<f64>::zeros(p + 1, count);
        let mut slopes = Mat::<f64>::zeros(p, count);
        let mut label_slopes = Mat::<f64>::zeros(m, count);
        let mut rest = vec![0.0; p + 1];
        for (q, weight) in weights.iter().enumerate() {
            let kappa: Vec<f64> = nodes.iter().map(|column| column[q]).collect();
            let root = weight.sqrt();
            let label = given.labels.moments(&target.link, &kappa);
            means[(0, q)] = root * label.mean;
            rest[0] += weight * (label.rest + target.noise);
            for (j, slope) in label.slopes.iter().enumerate() {
                label_slopes[(j, q)] = root * slope;
            }
            for i in 0..p {
                means[(i + 1, q)] = root * value[(i, q)];
                slopes[(i, q)] = root * slope[(i, q)];
                rest[i + 1] += weight * own[(i, q)];
            }
        }
        let mean: Vec<f64> = (0..=p)
            .map(|i| (0..count).map(|q| means[(i, q)] * weights[q].sqrt()).sum())
            .collect();
        // <w_i, P w_j>, and <w_i, P W*^T> in the coordinates v of the label.
        let along = &given.along;
        let across = network.first.gram(network.first) - along * along.transpose();
        let overlaps =
            network.first.gram(network.labels.directions) - along * given.labels.centre.transpose();
        let overlaps = overlaps * given.labels.inverse.transpose();
        let both = &slopes * slopes.transpose();
        let with_label = &slopes * label_slopes.transpose();
        let label_power = &label_slopes * label_slopes.transpose();
        let mut covariance = &means * means.transpose();
        for i in 0..=p {
            for j in 0..=p {
                let linear = match (i, j) {
                    (0, 0) => (0..m).map(|k| label_power[(k, k)]).sum(),
                    (0, i) | (i, 0) => (0..m)
                        .map(|k| with_label[(i - 1, k)] * overlaps[(i - 1, k)])
                        .sum(),
                    (i, j) => both[(i - 1, j - 1)] * across[(i - 1, j - 1)],
                };
                covariance[(i, j)] += linear - mean[i] * mean[j];
            }
            covariance[(i, i)] += rest[i];
        }
        let root = covariance
            .llt(Side::Lower)
            .map_err(|_| RidgeError::NotFinite { width: p })?
            .L()
            .to_owned();
        Ok(Self { mean, root })
    }
}

impl Samples for Drawn<'_, Marginal> {
    fn width(&self) -> usize {
        self.features.width()
    }

    fn rows(&self) -> u64 {
        self.features.rows
    }

    fn watch(&self) -> Watch<'_> {
        self.features.watch
    }

    fn directions(&self) -> Directions {
        // Nothing is asked of the inputs; the features need room.
        self.features.first.clone()
    }

    fn labels<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<T> {
        let label = |noise: f64| self.model.mean[0] + self.model.root[(0, 0)] * noise;
        let noise = self.noise(panel, 0).into_iter();
        noise.map(|noise| T::from_f64(label(noise))).collect()
    }

    fn remove<T: Real>(&self, _panel: &Panel<'_, T>, _labels: &mut [T]) {}

    fn activations<T: Real>(&self, panel: &mut Panel<'_, T>) {
        let (p, rows) = (self.width(), panel.rows);
        let noise: Vec<f64> = (0..=p).flat_map(|i| self.noise(panel, i)).collect();
        let mut drawn = Mat::<f64>::from_fn(rows, p, |_, i| self.model.mean[i + 1]);
        matmul(
            drawn.as_mut(),
            Accum::Add,
            MatRef::from_column_major_slice(&noise, rows, p + 1),
            self.model.root.get(1.., ..).transpose(),
            1.0,
            Par::Seq,
        );
        let fields = &mut panel.fields[..rows * p];
        let mut fields = MatMut::from_column_major_slice_mut(fields, rows, p);
        for i in 0..p {
            for v in 0..rows {
                fields[(v, i)] = T::from_f64(drawn[(v, i)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::batch::{BatchId, Purpose, Role, Stream};
    use crate::expr::Link;
    use crate::labels::{Labels, RemovedPart, Target};

    /// Neurons that share an axis and are orthogonal across it, and a label that is linear in what else they see: then
    /// the covariance is exact, and samples have it.
    #[test]
    fn samples_have_the_mean_and_covariance() {
        const SAMPLES: usize = 1 << 19;
        let weights = [
            [1.3, 0.8, 0.0, 0.0, 0.0],
            [-0.7, 0.0, 1.1, 0.0, 0.0],
            [0.4, 0.0, 0.0, 0.5, 0.0],
        ];
        let first: Directions = Mat::from_fn(3, 5, |i, j| weights[i][j]).into();
        let axes: Directions =
            Mat::from_fn(3, 5, |k, j| f64::from(u8::from(j == [0, 1, 4][k]))).into();
        let target = Target {
            noise: 0.3,
            ..Target::of(Link::parse("z1 + z1*z2 + He2(z3)/2", None).unwrap())
        };
        let relu = Activation::parse("relu(x)").unwrap();
        let features = Features {
            first: &first,
            bias: &[],
            start: None,
            activation: &relu,
            labels: Labels {
                target: &target,
                directions: &axes,
                seed: 0,
            },
            removed: &RemovedPart::nothing(),
            id: BatchId {
                purpose: Purpose::Test,
                index: 0,
            },
            rows: 0,
            part: None,
            watch: Watch::default(),
        };
        let axis = Mat::<f64>::identity(1, 5).into();
        let given = Conditional::new(
            (features.first, features.bias, features.activation),
            (features.labels.directions, &features.labels.target.link),
            axis,
        )
        .unwrap();
        let Marginal { mean, root } = Marginal::new(features, &given).unwrap();
        let covariance = &root * root.transpose();
        let mut x = vec![0.0; 6 * SAMPLES];
        Stream::new(1, Role::Theory, 0, 0).fill_normal(&mut x);
        let vectors: Vec<[f64; 4]> = x
            .as_chunks::<6>()
            .0
            .iter()
            .map(|x| {
                let label = x[0] + x[0] * x[1] + (x[4] * x[4] - 1.0) / 2.0 + 0.3f64.sqrt() * x[5];
                let field = |w: &[f64; 5]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
                let [a, b, c] = [0, 1, 2].map(|i| field(&weights[i]).max(0.0));
                [label, a, b, c]
            })
            .collect();
        let average = |f: &dyn Fn(&[f64; 4]) -> f64| {
            let n = SAMPLES as f64;
            let (sum, squares) = vectors
                .iter()
                .map(f)
                .fold((0.0, 0.0), |s, y| (s.0 + y, s.1 + y * y));
            (sum / n, ((squares / n - (sum / n).powi(2)) / n).sqrt())
        };
        for i in 0..4 {
            let (found, error) = average(&|x| x[i]);
            assert!(
                (found - mean[i]).abs() < 4.0 * error,
                "mean {i}: {found} {}",
                mean[i]
            );
            for j in 0..=i {
                let (found, error) = average(&|x| (x[i] - mean[i]) * (x[j] - mean[j]));
                let expected = covariance[(i, j)];
                assert!(
                    (found - expected).abs() < 4.0 * error,
                    "covariance {i} {j}: {found} {expected}"
                );
            }
        }
    }
}
