//! What is measured of a network and its gradient, step by step: overlaps `M = W W*^T` (p x r), their cosines, norms,
//! singular values. All of it is made of inner products, so that it means the same on every engine.

use faer::{Mat, Side};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directions::Directions;

/// The groups of metrics that a run can record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricGroup {
    /// Test errors: of the frozen second layer and of the ridge readouts.
    TestError,
    /// Mean square of `y - f` on the training batch before each step.
    TrainError,
    /// `|w_i|`, averaged over neurons.
    Norm,
    /// `<w_i, w*_k>/|w_i|` for each direction, averaged over the neurons of each sign of `a_i`; and the alignment
    /// `|Pi* w_i|^2/|w_i|^2`, averaged over all. THEORY.md (8).
    WeightCosine,
    /// The same of the rows of the gradient.
    GradientCosine,
    /// Per neuron: overlaps M, norms, cosines and alignments of weights and gradient, and the gradient's angle in the
    /// plane of the first two directions, in radians.
    Neurons,
    /// Singular values of `W - W0`: the spikes and the bulk.
    SingularValues,
    /// The entries `Q_ij`, j <= i, of `Q = W W^T`: `p (p + 1) / 2` numbers a step; and their means over pairs of
    /// different neurons by the signs of `a_i` and `a_j`.
    Covariance,
}

/// One number that a run has measured, with its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The number of steps taken; 0 is the initial network.
    pub step: u32,
    /// The name of the metric.
    pub metric: &'static str,
    /// The neuron, from 1, for a metric of one neuron.
    pub neuron: Option<u32>,
    /// The target direction, from 1; none for the span of all.
    pub direction: Option<u32>,
    /// The rank of a singular value, or the second neuron j of `Q_ij`, from 1.
    pub rank: Option<u32>,
    /// The sign of the second layer, "+" or "-", of the neurons averaged over or of the neuron.
    pub group: Option<&'static str>,
    /// The ridge of a readout.
    pub ridge: Option<f64>,
    /// The value.
    pub value: f64,
}

impl Measurement {
    /// A number with no further place than its step.
    pub fn new(step: u32, metric: &'static str, value: f64) -> Self {
        Self {
            step,
            metric,
            neuron: None,
            direction: None,
            rank: None,
            group: None,
            ridge: None,
            value,
        }
    }
}

/// Names of the metrics of one family of p vectors.
struct Family {
    cosine: &'static str,
    span: &'static str,
    overlap: &'static str,
    norm: &'static str,
}

const WEIGHTS: Family = Family {
    cosine: "weight_cosine",
    span: "weight_alignment",
    overlap: "overlap",
    norm: "norm",
};
const GRADIENT: Family = Family {
    cosine: "gradient_cosine",
    span: "gradient_alignment",
    overlap: "gradient_overlap",
    norm: "gradient_norm",
};

/// Cosines of p vectors with the target: `cos_ik = <v_i, w*_k> / |v_i|`, `p x r`, and norms.
struct Cosines {
    overlaps: Mat<f64>,
    norms: Vec<f64>,
}

impl Cosines {
    fn of(vectors: &Directions, target: &Directions) -> Self {
        Self {
            overlaps: vectors.gram(target),
            norms: vectors.norms(),
        }
    }

    fn overlap(&self, i: usize, k: usize) -> f64 {
        self.overlaps[(i, k)]
    }

    fn cosine(&self, i: usize, k: usize) -> f64 {
        self.overlaps[(i, k)] / self.norms[i]
    }

    /// `|Pi* v_i|^2 / |v_i|^2`.
    fn alignment(&self, i: usize) -> f64 {
        (0..self.overlaps.ncols())
            .map(|k| self.cosine(i, k).powi(2))
            .sum()
    }
}

/// The group of a neuron by the sign of its second layer.
fn sign(second: f64) -> &'static str {
    if second > 0.0 { "+" } else { "-" }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// Records averages over the neurons of each sign, and, on request, every neuron. A zero vector, such as the gradient
/// of a neuron that no sample activates, has no cosine: it is left out.
fn record(
    family: &Family,
    step: u32,
    cosines: &Cosines,
    second: &[f64],
    groups: &[MetricGroup],
    averages: MetricGroup,
    out: &mut Vec<Measurement>,
) {
    let r = cosines.overlaps.ncols();
    let p = second.len();
    if groups.contains(&averages) {
        let some: Vec<usize> = (0..p).filter(|i| cosines.norms[*i] > 0.0).collect();
        for group in ["+", "-"] {
            let members = || some.iter().filter(|i| sign(second[**i]) == group);
            for k in 0..r {
                for (metric, values) in [
                    (
                        family.cosine,
                        Cosines::cosine as fn(&Cosines, usize, usize) -> f64,
                    ),
                    (family.overlap, Cosines::overlap),
                ] {
                    if let Some(mean) = mean(members().map(|i| values(cosines, *i, k))) {
                        out.push(Measurement {
                            direction: Some(k as u32 + 1),
                            group: Some(group),
                            ..Measurement::new(step, metric, mean)
                        });
                    }
                }
            }
        }
        if let Some(mean) = mean(some.iter().map(|i| cosines.alignment(*i))) {
            out.push(Measurement::new(step, family.span, mean));
        }
    }
    if groups.contains(&MetricGroup::Neurons) {
        for (i, second) in second.iter().enumerate() {
            let base = Measurement {
                neuron: Some(i as u32 + 1),
                group: Some(sign(*second)),
                ..Measurement::new(step, family.norm, cosines.norms[i])
            };
            out.push(base.clone());
            let has_direction = base.value > 0.0;
            if has_direction {
                out.push(Measurement {
                    metric: family.span,
                    value: cosines.alignment(i),
                    ..base.clone()
                });
            }
            for k in 0..r {
                let direction = Some(k as u32 + 1);
                out.push(Measurement {
                    metric: family.overlap,
                    direction,
                    value: cosines.overlaps[(i, k)],
                    ..base.clone()
                });
                if has_direction {
                    out.push(Measurement {
                        metric: family.cosine,
                        direction,
                        value: cosines.cosine(i, k),
                        ..base.clone()
                    });
                }
            }
        }
    }
}

/// Records what `groups` ask of the weights after `step` steps; `O(p r q)`.
pub fn weights(
    step: u32,
    first: &Directions,
    target: &Directions,
    second: &[f64],
    groups: &[MetricGroup],
    out: &mut Vec<Measurement>,
) {
    let cosines = Cosines::of(first, target);
    if groups.contains(&MetricGroup::Covariance) {
        let gram = first.gram(first);
        for (i, j) in (0..second.len()).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            out.push(Measurement {
                neuron: Some(i as u32 + 1),
                rank: Some(j as u32 + 1),
                ..Measurement::new(step, "covariance", gram[(i, j)])
            });
        }
        for group in ["++", "+-", "--"] {
            let pairs = (0..second.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let members = pairs.filter(|(i, j)| {
                let signs = [sign(second[*i]), sign(second[*j])];
                signs.concat() == group || (group == "+-" && signs == ["-", "+"])
            });
            if let Some(mean) = mean(members.map(|(i, j)| gram[(i, j)])) {
                out.push(Measurement {
                    group: Some(group),
                    ..Measurement::new(step, "covariance", mean)
                });
            }
        }
    }
    if groups.contains(&MetricGroup::Norm) {
        let mean = cosines.norms.iter().sum::<f64>() / second.len() as f64;
        out.push(Measurement::new(step, WEIGHTS.norm, mean));
    }
    record(
        &WEIGHTS,
        step,
        &cosines,
        second,
        groups,
        MetricGroup::WeightCosine,
        out,
    );
}

/// Records what `groups` ask of the gradient followed by step `step` (1 for the first); `O(p r q)`.
pub fn gradient(
    step: u32,
    gradient: &Directions,
    target: &Directions,
    second: &[f64],
    groups: &[MetricGroup],
    out: &mut Vec<Measurement>,
) {
    let cosines = Cosines::of(gradient, target);
    record(
        &GRADIENT,
        step,
        &cosines,
        second,
        groups,
        MetricGroup::GradientCosine,
        out,
    );
    if groups.contains(&MetricGroup::Neurons) && target.rows() >= 2 {
        for (i, second) in second.iter().enumerate() {
            if cosines.norms[i] == 0.0 {
                continue;
            }
            let angle = cosines.overlaps[(i, 1)].atan2(cosines.overlaps[(i, 0)]);
            out.push(Measurement {
                neuron: Some(i as u32 + 1),
                group: Some(sign(*second)),
                ..Measurement::new(step, "gradient_angle", angle)
            });
        }
    }
}

/// Singular values of `W - W0`, descending, from the `p x p` Gram matrix: exact to about 1e-8 of the largest.
///
/// Returns `None` if the eigensolver fails on non-finite weights. `O(p^2 q + p^3)`.
pub fn singular_values(first: &Directions, initial: &Directions) -> Option<Vec<f64>> {
    let mut change = first.clone();
    change.add_scaled(|_| -1.0, initial);
    let eigenvalues = change
        .gram(&change)
        .self_adjoint_eigenvalues(Side::Lower)
        .ok()?;
    Some(
        eigenvalues
            .into_iter()
            .rev()
            .map(|value| value.max(0.0).sqrt())
            .collect(),
    )
}
