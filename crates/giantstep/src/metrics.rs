//! What is measured of a network and its gradient, step by step: overlaps `M = W W*^T` (p x r), their cosines, norms,
//! singular values. All of it is made of inner products, so that it means the same on every engine.

use faer::{Mat, Side};

use crate::directions::Directions;
use crate::measurement::{Measurement, Signs};
use crate::metric::{Metric, MetricGroup};

/// The metrics of one family of p vectors.
struct Family {
    cosine: Metric,
    span: Metric,
    overlap: Metric,
    norm: Metric,
}

const WEIGHTS: Family = Family {
    cosine: Metric::WeightCosine,
    span: Metric::WeightAlignment,
    overlap: Metric::Overlap,
    norm: Metric::Norm,
};
const GRADIENT: Family = Family {
    cosine: Metric::GradientCosine,
    span: Metric::GradientAlignment,
    overlap: Metric::GradientOverlap,
    norm: Metric::GradientNorm,
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
        for group in Signs::ONE {
            let members = || some.iter().filter(|i| Signs::of(second[**i]) == group);
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
                group: Some(Signs::of(*second)),
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
                ..Measurement::new(step, Metric::Covariance, gram[(i, j)])
            });
        }
        for group in Signs::PAIRS {
            let pairs = (0..second.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let members = pairs.filter(|(i, j)| Signs::of_pair(second[*i], second[*j]) == group);
            if let Some(mean) = mean(members.map(|(i, j)| gram[(i, j)])) {
                out.push(Measurement {
                    group: Some(group),
                    ..Measurement::new(step, Metric::Covariance, mean)
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
                group: Some(Signs::of(*second)),
                ..Measurement::new(step, Metric::GradientAngle, angle)
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
