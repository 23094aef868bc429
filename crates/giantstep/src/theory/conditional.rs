//! Features and labels that are Gaussian given `kappa = U x`. THEORY.md (34), (35).

use faer::{Mat, Side};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::directions::Directions;
use crate::expr::Link;
use crate::theory::expectation::Shape;
use crate::theory::relu::{LANES, Lane, Normal, is_relu, normal};
use crate::theory::smoothed::Sigma;
use crate::theory::table::Table;

/// Fields along the directions are tabulated up to so many standard deviations.
const REACH: f64 = 7.0;

/// Why there is no conditional Gaussian model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConditionalError {
    /// A neuron has nothing left across the directions.
    #[error(
        "neuron {neuron} of length {length:.2e} has variance {across:.2e} across the directions that are \
         conditioned on; condition on fewer"
    )]
    Inside {
        /// The neuron, from 1.
        neuron: usize,
        /// Its length.
        length: f64,
        /// Its squared length across.
        across: f64,
    },
    /// What is open of the target has no covariance.
    #[error(
        "the overlaps of the target with the directions that are conditioned on are not finite"
    )]
    Labels,
}

/// Features and labels given `kappa = U x`, U of s orthonormal rows (none for s = 0).
///
/// `sigma(<w_i, x>)` becomes `mu0 + mu1 <w_i, x - U^T kappa> + mu* xi_i`, and the label
/// `h + <tau, W* (x - U^T kappa)> + sqrt(v) xi`, with independent `xi ~ N(0, 1)` and coefficients that are functions of
/// kappa. THEORY.md (34), (35).
#[derive(Debug)]
pub(crate) struct Conditional {
    pub known: Directions,
    pub neurons: Vec<Neuron>,
    pub labels: LinearLabels,
}

/// The response of one neuron.
#[derive(Debug)]
pub(crate) struct Neuron {
    /// `U w_i`.
    along: Vec<f64>,
    /// The bias.
    bias: f64,
    response: Response,
}

/// `mu0`, `mu1` and `mu*^2` of (34) as functions of `s = <U w_i, kappa>`, at one length across U.
#[derive(Debug)]
enum Response {
    /// relu, in closed form, across which the standard deviation is this.
    Relu(f64),
    /// Any other activation, at the length across U of this many standard deviations.
    Table(Table<3>),
}

impl Response {
    fn new(sigma: &Sigma<'_>, inside: f64, across: f64, bias: f64) -> Option<Self> {
        if is_relu(sigma.activation) {
            return Some(Self::Relu(across.sqrt()));
        }
        let coefficients = |s: f64| {
            let [value, own, power] = sigma.average(s, across, |v, _, own| [v, v * own, v * v]);
            let slope = own / across;
            let rest = power - value * value - slope * own;
            [value, slope, rest]
        };
        Table::new(
            REACH * inside.sqrt() + bias.abs(),
            across.sqrt() / 8.0,
            coefficients,
        )
        .map(Self::Table)
    }

    fn at(&self, s: f64) -> [f64; 3] {
        match self {
            Self::Relu(deviation) => {
                let t = s / deviation;
                relu(*deviation, unit_relu(t, normal(t)))
            }
            Self::Table(table) => table.at(s),
        }
    }
}

/// The response of relu at unit standard deviation.
#[inline(always)]
fn unit_relu(t: f64, (below, density): (f64, f64)) -> [f64; 3] {
    let value = t * below + density;
    let rest = (1.0 + t * t) * below + t * density - value * value - below * below;
    [value, below, rest]
}

/// The response of relu, which is homogeneous, at this standard deviation.
fn relu(deviation: f64, [value, slope, rest]: [f64; 3]) -> [f64; 3] {
    [deviation * value, slope, deviation * deviation * rest]
}

impl Neuron {
    fn new(
        sigma: &Sigma<'_>,
        number: usize,
        along: Vec<f64>,
        (squared, bias): (f64, f64),
    ) -> Result<Self, ConditionalError> {
        let inside: f64 = along.iter().map(|x| x * x).sum();
        let across = squared - inside;
        let response = match across > 1e-12 * squared {
            true => Response::new(sigma, inside, across, bias),
            false => None,
        };
        let response = response.ok_or(ConditionalError::Inside {
            neuron: number + 1,
            length: squared.sqrt(),
            across,
        })?;
        Ok(Self {
            along,
            bias,
            response,
        })
    }

    /// `<U w_i, kappa>`, and there `mu0`, `mu1`, `mu*^2`.
    pub(crate) fn at(&self, kappa: &[f64]) -> (f64, [f64; 3]) {
        let s: f64 = self.along.iter().zip(kappa).map(|(a, k)| a * k).sum();
        let [value, slope, rest] = self.response.at(s + self.bias);
        (s, [value, slope, rest.max(0.0)])
    }
}

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
    fn new(link: &Link, centre: Mat<f64>) -> Option<Self> {
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

impl Conditional {
    /// The model of the features of `first` with biases (none, or one for each) and the labels `link(targets x)`, given the projection on the rows of `known`.
    pub(crate) fn new(
        (first, bias, activation): (&Directions, &[f64], &Activation),
        (targets, link): (&Directions, &Link),
        known: Directions,
    ) -> Result<Self, ConditionalError> {
        let sigma = Sigma::new(activation);
        let along = first.gram(&known);
        let lengths = first.norms();
        let s = known.rows();
        let neurons = lengths
            .par_iter()
            .enumerate()
            .map(|(i, length)| {
                let along = (0..s).map(|k| along[(i, k)]).collect();
                let bias = bias.get(i).copied().unwrap_or(0.0);
                Neuron::new(&sigma, i, along, (length * length, bias))
            })
            .collect::<Result<_, _>>()?;
        let centre = targets.gram(&known);
        let labels = LinearLabels::new(link, centre).ok_or(ConditionalError::Labels)?;
        Ok(Self {
            known,
            neurons,
            labels,
        })
    }

    /// `mu0`, `mu1` and `mu*^2` of every neuron where `<U w_i, kappa>` is `along_i`: [`Neuron::at`] to 1e-13.
    pub(crate) fn at(&self, along: &[f64], [value, slope, rest]: [&mut [f64]; 3]) {
        // What is no relu has its values now, and 0 in their place below.
        let mut places = vec![[0.0; LANES]; along.len().div_ceil(LANES)];
        let flat = places.as_flattened_mut();
        for (i, neuron) in self.neurons.iter().enumerate() {
            let s = along[i] + neuron.bias;
            match &neuron.response {
                Response::Relu(deviation) => flat[i] = s / deviation,
                Response::Table(table) => [value[i], slope[i], rest[i]] = table.at(s),
            }
        }
        let mut bells = places.clone();
        Normal::bells(places.as_flattened(), bells.as_flattened_mut());
        let mut units = vec![[[0.0; LANES]; 3]; places.len()];
        Arch::new().dispatch(Units {
            places: &places,
            bells: &bells,
            units: &mut units,
        });
        for (i, neuron) in self.neurons.iter().enumerate() {
            if let Response::Relu(deviation) = &neuron.response {
                let of_unit = units[i / LANES].map(|lane| lane[i % LANES]);
                [value[i], slope[i], rest[i]] = relu(*deviation, of_unit);
            }
            rest[i] = rest[i].max(0.0);
        }
    }
}

/// [`unit_relu`] of lanes, compiled for wide vectors.
struct Units<'a> {
    places: &'a [Lane],
    bells: &'a [Lane],
    units: &'a mut [[Lane; 3]],
}

impl WithSimd for Units<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let normal = Normal::new();
        let pairs = self.places.iter().zip(self.bells);
        for (unit, (t, bell)) in self.units.iter_mut().zip(pairs) {
            let (below, density) = normal.lane(*t, *bell);
            let lanes: [[f64; 3]; LANES] =
                std::array::from_fn(|v| unit_relu(t[v], (below[v], density[v])));
            *unit = std::array::from_fn(|of| lanes.map(|lane| lane[of]));
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

    #[test]
    fn neurons_that_know_nothing_have_hermite_coefficients() {
        // relu of a vector of length 2: c_0 = 2/sqrt(2 pi), slope 1/2, and 4 (1/2 - 1/4 - 1/(2 pi)) are left.
        let relu = Activation::parse("relu(x)").unwrap();
        let neuron = Neuron::new(&Sigma::new(&relu), 0, Vec::new(), (4.0, 0.0)).unwrap();
        let (s, [value, slope, rest]) = neuron.at(&[]);
        let pi = std::f64::consts::PI;
        assert_eq!(s, 0.0);
        assert!((value - 2.0 / (2.0 * pi).sqrt()).abs() < 1e-9 && (slope - 0.5).abs() < 1e-9);
        assert!((rest - (1.0 - 2.0 / pi)).abs() < 1e-9);
    }

    #[test]
    fn neurons_respond_together_as_one_by_one() {
        for text in ["relu(x)", "tanh(x)"] {
            let activation = Activation::parse(text).unwrap();
            let link = Link::parse("z1", None).unwrap();
            let first = Mat::from_fn(11, 3, |i, j| {
                (1.0 + i as f64) * (1.7 * j as f64 + 1.0).sin()
            });
            let axes = |j: usize| Directions::new(Mat::from_fn(1, 3, |_, k| f64::from(j == k)));
            let bias: Vec<f64> = (0..11).map(|i| 0.3 * f64::from(i) - 1.0).collect();
            let features = (&Directions::new(first), &bias[..], &activation);
            let model = Conditional::new(features, (&axes(0), &link), axes(1)).unwrap();
            for kappa in [-8.0, -0.3, 0.0, 1.2, 9.0] {
                let of_one = model.neurons.iter().map(|neuron| neuron.at(&[kappa]));
                let (along, alone): (Vec<f64>, Vec<[f64; 3]>) = of_one.unzip();
                let mut found = [const { [0.0; 11] }; 3];
                model.at(&along, found.each_mut().map(|of| &mut of[..]));
                for (i, alone) in alone.iter().enumerate() {
                    for (found, alone) in found.iter().zip(alone) {
                        assert!((found[i] - alone).abs() < 1e-11, "{text} {kappa} {i}");
                    }
                }
            }
        }
    }

    #[test]
    fn relu_has_the_numbers_of_its_table() {
        let relu = Activation::parse("relu(x)").unwrap();
        let same = Activation::parse("(x + abs(x))/2").unwrap();
        for across in [0.3, 2.5] {
            let closed = Response::new(&Sigma::new(&relu), 1.0, across, 0.0).unwrap();
            let table = Response::new(&Sigma::new(&same), 1.0, across, 0.0).unwrap();
            assert!(matches!(closed, Response::Relu(_)) && matches!(table, Response::Table(_)));
            for s in [-5.0, -1.1, 0.0, 0.4, 3.0] {
                for (x, y) in closed.at(s).into_iter().zip(table.at(s)) {
                    assert!((x - y).abs() < 1e-6, "{across} {s}: {x} {y}");
                }
            }
        }
    }
}
