//! Networks described by classes of exchangeable neurons.
//!
//! In the limit of large d every neuron with the same second-layer weight behaves alike, so a network of any
//! width is described by its classes: `M` has one row for each class, and a `p x p` matrix such as Q has two
//! numbers for each pair of classes (same neuron or twin, different neurons).

use std::num::NonZeroUsize;

use faer::{Mat, Side};

use crate::gauss::{EDGE, Rule, density, gauss_hermite, gauss_of, mean_over};
use crate::network::{Bias, Initial, NetworkLaw, Pairing, SecondLayer};

/// The state of a network before its first step.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Overlaps with the target directions, `K x r`.
    pub overlap: Mat<f64>,
    /// The covariance Q.
    pub covariance: ClassMatrix,
    /// Whether overlaps are drawn, and fluctuate by `1/sqrt d`.
    pub drawn: bool,
}

/// A class of exchangeable neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// The second-layer weight `sqrt(p) a`, times the factor g of (1).
    pub second: f64,
    /// The bias b.
    pub bias: f64,
    /// The number of its neurons, not always whole: a class may stand for part of a continuous law.
    pub count: f64,
    /// The class of their mirror images, if neurons come in pairs.
    pub twin: Option<usize>,
}

/// A network's second layer, by classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// The classes.
    pub classes: Vec<Class>,
}

impl Population {
    /// The network with these weights `sqrt(p) a_i`; equal weights form a class.
    ///
    /// Symmetric pairs are mirrored: neuron i and neuron `p - 1 - i`.
    pub fn of_weights(weights: &[f64], pairing: Pairing) -> Self {
        let drawn = match pairing {
            Pairing::Independent => weights,
            Pairing::Symmetric => &weights[..weights.len() / 2],
        };
        let mut kinds: Vec<(f64, f64)> = Vec::new();
        for weight in drawn {
            let key = match pairing {
                Pairing::Independent => *weight,
                Pairing::Symmetric => weight.abs(),
            };
            match kinds.iter_mut().find(|(value, _)| *value == key) {
                Some((_, count)) => *count += 1.0,
                None => kinds.push((key, 1.0)),
            }
        }
        Self::of_kinds(&kinds, pairing)
    }

    /// The typical network of a law: as many weights of either sign as expected; a continuous law by quadrature. Neurons that
    /// start at overlaps of their own are classes of their own.
    pub fn of_law(law: &NetworkLaw) -> Self {
        let drawn = law.pairing.drawn(law.width);
        let size = drawn as f64;
        let kinds = match (law.second_layer, law.pairing) {
            _ if law.starts_one_by_one() => vec![(1.0, 1.0); drawn],
            (SecondLayer::Ones, _) | (SecondLayer::Rademacher, Pairing::Symmetric) => {
                vec![(1.0, size)]
            }
            (SecondLayer::Rademacher, Pairing::Independent) => {
                let positive = drawn.div_ceil(2) as f64;
                vec![(1.0, positive), (-1.0, size - positive)]
            }
            (continuous, pairing) => {
                let count = match continuous {
                    SecondLayer::Uniform => 5,
                    _ => 7,
                };
                let signs: &[f64] = match pairing {
                    Pairing::Independent => &[1.0, -1.0],
                    Pairing::Symmetric => &[1.0],
                };
                let share = size / signs.len() as f64;
                let half = sizes(continuous, count);
                let signed = signs.iter().flat_map(|sign| {
                    let half = half.iter();
                    half.map(move |(a, weight)| (sign * a, share * weight))
                });
                signed.collect()
            }
        };
        Self::of_counts(law, &kinds)
    }

    /// A network of a law by its drawn weights, each with the number of its neurons, or of pairs.
    pub(super) fn of_counts(law: &NetworkLaw, counts: &[(f64, f64)]) -> Self {
        let present = counts.iter().filter(|(_, count)| *count > 0.0);
        let kinds: Vec<_> = present
            .map(|(second, count)| (second * law.gain, *count))
            .collect();
        Self::of_kinds(&kinds, law.pairing).with_biases(law.bias)
    }

    fn of_kinds(kinds: &[(f64, f64)], pairing: Pairing) -> Self {
        let mut classes = Vec::new();
        for (second, count) in kinds {
            let next = classes.len();
            match pairing {
                Pairing::Independent => classes.push(Class {
                    second: *second,
                    bias: 0.0,
                    count: *count,
                    twin: None,
                }),
                Pairing::Symmetric => {
                    for (sign, twin) in [(1.0, next + 1), (-1.0, next)] {
                        classes.push(Class {
                            second: sign * second,
                            bias: 0.0,
                            count: *count,
                            twin: Some(twin),
                        });
                    }
                }
            }
        }
        Self { classes }
    }

    /// Every class in parts with biases of this law, by quadrature. THEORY.md (70).
    fn with_biases(self, law: Bias) -> Self {
        const NODES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(6);
        let nodes: Vec<(f64, f64)> = match law {
            Bias::Zero => return self,
            Bias::Gaussian(variance) => {
                let Rule { nodes, weights } = gauss_hermite(NODES);
                let scaled = nodes.into_iter().map(|x| x * variance.sqrt());
                scaled.zip(weights).collect()
            }
            Bias::Uniform(range) => mean_over(range, NODES),
        };
        let k = self.len();
        let part = |(place, (bias, weight)): (usize, &(f64, f64))| {
            let of = move |class: &Class| Class {
                bias: *bias,
                count: class.count * weight,
                twin: class.twin.map(|twin| twin + place * k),
                ..*class
            };
            self.classes.iter().map(of).collect::<Vec<_>>()
        };
        Self {
            classes: nodes.iter().enumerate().flat_map(part).collect(),
        }
    }

    /// The same composition with `most` neurons at most.
    pub(super) fn narrowed(&self, most: f64) -> Self {
        let shrink = (most / self.width()).min(1.0);
        let mut narrow = self.clone();
        for class in &mut narrow.classes {
            class.count *= shrink;
        }
        narrow
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no neuron at all.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The width p.
    pub fn width(&self) -> f64 {
        self.classes.iter().map(|class| class.count).sum()
    }

    /// `(1/p) sum_i h(sqrt(p) a_i)` with the index of the class.
    pub fn mean(&self, h: impl Fn(usize, &Class) -> f64) -> f64 {
        let terms = self.classes.iter().enumerate();
        terms
            .map(|(c, class)| class.count * h(c, class))
            .sum::<f64>()
            / self.width()
    }

    /// The weight of the neuron below which lies this fraction of all, class by class.
    pub(super) fn second_at(&self, fraction: f64) -> f64 {
        let mut left = fraction * self.width();
        for class in &self.classes {
            left -= class.count;
            if left <= 0.0 {
                return class.second;
            }
        }
        self.classes.last().map_or(0.0, |class| class.second)
    }

    /// Whether neurons come in pairs.
    pub fn is_paired(&self) -> bool {
        self.classes.iter().any(|class| class.twin.is_some())
    }

    /// `Q` of the initial network: 1 for a neuron with itself and its twin, otherwise 0.
    pub fn initial_covariance(&self) -> ClassMatrix {
        let k = self.len();
        ClassMatrix {
            own: Mat::from_fn(k, k, |c, e| {
                f64::from(c == e || self.classes[c].twin == Some(e))
            }),
            cross: Mat::zeros(k, k),
        }
    }

    /// Where a network of these classes starts: rows of length 1, with the overlaps of the law and random across the target.
    pub fn start(&self, law: &Initial, r: usize) -> Start {
        let covariance = self.initial_covariance();
        let Initial::Overlaps(overlaps) = law else {
            return Start {
                overlap: Mat::zeros(self.len(), r),
                covariance,
                drawn: true,
            };
        };
        let pair = |c: usize| self.classes[c].twin.map_or(c, |twin| c.min(twin) / 2);
        let of = |c: usize| &overlaps[pair(c) % overlaps.len()];
        let overlap = Mat::from_fn(self.len(), r, |c, k| of(c)[k]);
        let shared = &overlap * overlap.transpose();
        Start {
            covariance: ClassMatrix {
                own: covariance.own - self.own_part(&shared),
                cross: shared,
            },
            overlap,
            drawn: false,
        }
    }

    /// The entries of a matrix between a neuron and itself or its twin.
    fn own_part(&self, matrix: &Mat<f64>) -> Mat<f64> {
        let k = self.len();
        Mat::from_fn(k, k, |c, e| match self.same_unit(c, e) {
            true => matrix[(c, e)],
            false => 0.0,
        })
    }

    /// Whether entry (c, e) of [`ClassMatrix::own`] may be occupied.
    pub(super) fn same_unit(&self, c: usize, e: usize) -> bool {
        c == e || self.classes[c].twin == Some(e)
    }
}

/// The sizes `sqrt(p) |a|` of the weights of a law and their shares, fine enough for functions like `1 / (1 + c a^2)`.
pub(super) fn magnitudes(law: SecondLayer) -> Vec<(f64, f64)> {
    const COUNT: usize = 24;
    match law {
        SecondLayer::Rademacher | SecondLayer::Ones => vec![(1.0, 1.0)],
        SecondLayer::Gaussian | SecondLayer::Uniform => sizes(law, COUNT),
    }
}

/// The Gauss rule of the sizes `|a|` of the weights of a continuous law, its weights summing to 1: exact for polynomials of degree
/// below `2 count`. A rule of its own for either sign: means over neurons of one sign have a kink at zero.
pub(super) fn sizes(law: SecondLayer, count: usize) -> Vec<(f64, f64)> {
    const FINE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
    let (most, weigh): (f64, fn(f64) -> f64) = match law {
        SecondLayer::Uniform => (1.0, |_| 1.0),
        _ => (EDGE, density),
    };
    let mut fine = mean_over([0.0, most], FINE);
    fine.iter_mut().for_each(|(a, weight)| *weight *= weigh(*a));
    gauss_of(&fine, count)
}

/// A `p x p` matrix that respects classes: entry (i, j) is `cross` of their classes, plus `own` if j is i or its twin.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMatrix {
    /// What a neuron shares with itself and its twin alone, `K x K`, zero elsewhere.
    pub own: Mat<f64>,
    /// What it shares with every neuron of a class, `K x K`.
    pub cross: Mat<f64>,
}

impl ClassMatrix {
    /// A matrix of single neurons: every class has one.
    pub fn of_neurons(matrix: Mat<f64>) -> Self {
        let k = matrix.nrows();
        Self {
            own: Mat::zeros(k, k),
            cross: matrix,
        }
    }

    pub(super) fn zeros(k: usize) -> Self {
        Self {
            own: Mat::zeros(k, k),
            cross: Mat::zeros(k, k),
        }
    }

    /// The diagonal entry of a neuron of class c.
    pub fn diagonal(&self, c: usize) -> f64 {
        self.own[(c, c)] + self.cross[(c, c)]
    }

    /// The entry of two different, untwinned neurons of classes c and e.
    pub fn between(&self, c: usize, e: usize) -> f64 {
        self.cross[(c, e)]
    }

    /// `f(c, e, entry)` on both parts.
    pub(super) fn map(&self, f: impl Fn(usize, usize, f64) -> f64) -> Self {
        let k = self.own.nrows();
        Self {
            own: Mat::from_fn(k, k, |c, e| f(c, e, self.own[(c, e)])),
            cross: Mat::from_fn(k, k, |c, e| f(c, e, self.cross[(c, e)])),
        }
    }

    pub(super) fn plus(&self, scale: f64, other: &Self) -> Self {
        Self {
            own: &self.own + faer::Scale(scale) * &other.own,
            cross: &self.cross + faer::Scale(scale) * &other.cross,
        }
    }

    pub(super) fn transposed(&self) -> Self {
        Self {
            own: self.own.transpose().to_owned(),
            cross: self.cross.transpose().to_owned(),
        }
    }

    /// The matrix on the span of the normalised class vectors, `own + sqrt(m_c) cross sqrt(m_e)`; on its
    /// complement it acts as `own`.
    pub(super) fn on_means(&self, population: &Population) -> Mat<f64> {
        let root = |c: usize| population.classes[c].count.sqrt();
        let k = self.own.nrows();
        Mat::from_fn(k, k, |c, e| {
            self.own[(c, e)] + root(c) * self.cross[(c, e)] * root(e)
        })
    }

    fn from_means(own: Mat<f64>, means: &Mat<f64>, population: &Population) -> Self {
        let root = |c: usize| population.classes[c].count.sqrt();
        let k = own.nrows();
        let cross = Mat::from_fn(k, k, |c, e| {
            (means[(c, e)] - own[(c, e)]) / (root(c) * root(e))
        });
        Self { own, cross }
    }

    /// `self other` for matrices of one population.
    pub(super) fn times(&self, other: &Self, population: &Population) -> Self {
        let means = self.on_means(population) * other.on_means(population);
        Self::from_means(&self.own * &other.own, &means, population)
    }

    /// The pseudo-inverse of a symmetric matrix.
    pub(super) fn pseudo_inverse(&self, population: &Population) -> Option<Self> {
        let means = pseudo_inverse(&self.on_means(population))?;
        Some(Self::from_means(
            pseudo_inverse(&self.own)?,
            &means,
            population,
        ))
    }

    /// The eigenvalues of a symmetric matrix across class means, with their multiplicities.
    pub(super) fn bulk(&self, population: &Population) -> Vec<(f64, f64)> {
        let of = |(c, class): (usize, &Class)| {
            let own = self.own[(c, c)];
            let value = match class.twin {
                // Of a pair one has the sum, the other the difference.
                Some(twin) if twin < c => own - self.own[(c, twin)],
                Some(twin) => own + self.own[(c, twin)],
                None => own,
            };
            (value, class.count)
        };
        population.classes.iter().enumerate().map(of).collect()
    }

    /// The eigenvalues of a symmetric matrix on class means, descending.
    pub(super) fn of_means(&self, population: &Population) -> Option<Vec<f64>> {
        let means = self.on_means(population);
        let mut values = means.self_adjoint_eigenvalues(Side::Lower).ok()?;
        values.reverse();
        Some(values)
    }

    /// The inverse square root of a symmetric matrix on its range.
    pub(super) fn inverse_root(&self, population: &Population) -> Option<Self> {
        let root = |x: f64| 1.0 / x.max(0.0).sqrt();
        let means = spectral(&self.on_means(population), root)?;
        Some(Self::from_means(
            spectral(&self.own, root)?,
            &means,
            population,
        ))
    }

    /// `self rows` for rows that neurons of a class share.
    pub(super) fn on_rows(&self, rows: &Mat<f64>, population: &Population) -> Mat<f64> {
        let count = |e: usize| population.classes[e].count;
        let k = self.own.nrows();
        let whole = Mat::from_fn(k, k, |c, e| {
            self.own[(c, e)] + count(e) * self.cross[(c, e)]
        });
        whole * rows
    }

    /// `self q^+ self^T` for a symmetric q, with the pseudo-inverse.
    pub(super) fn sandwich(&self, q: &Self, population: &Population) -> Option<Self> {
        let own = &self.own * pseudo_inverse(&q.own)? * self.own.transpose();
        let means = self.on_means(population);
        let inner = pseudo_inverse(&q.on_means(population))?;
        let means = &means * inner * means.transpose();
        Some(Self::from_means(own, &means, population))
    }

    /// The least eigenvalue of a symmetric matrix, relative to the largest in size.
    pub(super) fn least_eigenvalue(&self, population: &Population) -> Option<f64> {
        let mut values = self
            .on_means(population)
            .self_adjoint_eigenvalues(Side::Lower)
            .ok()?;
        // A class of one unit has no fluctuations about its mean.
        if population.classes.iter().all(|class| class.count > 1.0) {
            values.extend(self.own.self_adjoint_eigenvalues(Side::Lower).ok()?);
        }
        let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let least = values.iter().fold(f64::INFINITY, |m, v| m.min(*v));
        (least.is_finite() && largest.is_finite()).then(|| least / largest.max(f64::MIN_POSITIVE))
    }
}

/// Eigenvalues below this fraction of the largest are rounding.
const RANK_TOLERANCE: f64 = 1e-9;

pub(super) fn pseudo_inverse(matrix: &Mat<f64>) -> Option<Mat<f64>> {
    spectral(matrix, |x| 1.0 / x)
}

/// A function of a symmetric matrix on its range, zero elsewhere.
fn spectral(matrix: &Mat<f64>, of: impl Fn(f64) -> f64) -> Option<Mat<f64>> {
    let k = matrix.nrows();
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let value = |j: usize| eigen.S()[j];
    let largest = (0..k).fold(0.0f64, |m, j| m.max(value(j).abs()));
    let scaled = Mat::from_fn(k, k, |i, j| {
        let keep = value(j).abs() > RANK_TOLERANCE * largest;
        if keep {
            eigen.U()[(i, j)] * of(value(j))
        } else {
            0.0
        }
    });
    Some(scaled * eigen.U().transpose())
}
