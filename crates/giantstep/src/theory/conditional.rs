//! Features and labels that are Gaussian given `kappa = U x`. THEORY.md (34), (35).

use faer::Mat;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::directions::Directions;
use crate::expr::Link;
use crate::theory::linear_labels::LinearLabels;
use crate::theory::relu::{LANES, Lane, Normal, is_relu, moments};
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
    /// U.
    pub known: Directions,
    /// `W U^T`, p x s.
    pub along: Mat<f64>,
    pub labels: LinearLabels,
    /// The biases, p of them.
    bias: Vec<f64>,
    response: Response,
}

/// `mu0`, `mu1` and `mu*^2` of (34) of every neuron as functions of `<U w_i, kappa> + b_i`.
#[derive(Debug)]
enum Response {
    /// relu, in closed form, by the standard deviations across U.
    Relu(Vec<f64>),
    /// Any other activation.
    Table(Vec<Table<3>>),
}

/// A neuron: the squared lengths of its parts along U and across, and its bias.
#[derive(Debug, Clone, Copy)]
struct Neuron {
    inside: f64,
    across: f64,
    bias: f64,
}

impl Response {
    /// The number of the neuron that has none, if there is one.
    fn new(activation: &Activation, neurons: &[Neuron]) -> Result<Self, usize> {
        if is_relu(activation) {
            return Ok(Self::Relu(
                neurons.iter().map(|of| of.across.sqrt()).collect(),
            ));
        }
        let sigma = Sigma::new(activation);
        let table = |(number, neuron): (usize, &Neuron)| {
            let Neuron {
                inside,
                across,
                bias,
            } = *neuron;
            let coefficients = |s: f64| {
                let [value, own, power] = sigma.average(s, across, |v, _, own| [v, v * own, v * v]);
                let slope = own / across;
                let rest = power - value * value - slope * own;
                [value, slope, rest]
            };
            let reach = REACH * inside.sqrt() + bias.abs();
            Table::new(reach, across.sqrt() / 8.0, coefficients).ok_or(number)
        };
        let tables = neurons.par_iter().enumerate().map(table);
        Ok(Self::Table(tables.collect::<Result<_, _>>()?))
    }

    /// The coefficients of every neuron at its place.
    fn write(&self, places: &[f64], [value, slope, rest]: [&mut [f64]; 3]) {
        match self {
            Self::Relu(deviations) => {
                Arch::new().dispatch(Relus {
                    places,
                    deviations,
                    coefficients: [value, slope, &mut *rest],
                });
            }
            Self::Table(tables) => {
                for (i, table) in tables.iter().enumerate() {
                    [value[i], slope[i], rest[i]] = table.at(places[i]);
                }
            }
        }
        for rest in rest {
            *rest = rest.max(0.0);
        }
    }
}

/// The response of relu at unit standard deviation.
#[inline(always)]
fn unit_relu(t: f64, (below, density): (f64, f64)) -> [f64; 3] {
    let (value, square) = moments(t, (below, density));
    [value, below, square - value * value - below * below]
}

/// The response of relu, which is homogeneous, at these standard deviations, compiled for wide vectors.
struct Relus<'a> {
    places: &'a [f64],
    deviations: &'a [f64],
    coefficients: [&'a mut [f64]; 3],
}

impl WithSimd for Relus<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [value, slope, rest] = self.coefficients;
        // Places in units of the deviations, and the bells there.
        for (value, (place, deviation)) in value
            .iter_mut()
            .zip(self.places.iter().zip(self.deviations))
        {
            *value = place / deviation;
        }
        Normal::bells(value, rest);
        let normal = Normal::new();
        let deviations = self.deviations.chunks(LANES);
        let columns = value.chunks_mut(LANES).zip(slope.chunks_mut(LANES));
        let columns = columns.zip(rest.chunks_mut(LANES)).zip(deviations);
        for (((value, slope), rest), deviations) in columns {
            let pieces = (
                value.as_mut_array(),
                slope.as_mut_array(),
                rest.as_mut_array(),
            );
            if let (Some(value), Some(slope), Some(rest)) = pieces
                && let Some(deviations) = deviations.as_array()
            {
                relu(&normal, deviations, [value, slope, rest]);
                continue;
            }
            // The end of a column.
            let mut lanes = [&*value, &*slope, &*rest].map(lane);
            let [of_value, of_slope, of_rest] = &mut lanes;
            relu(&normal, &lane(deviations), [of_value, of_slope, of_rest]);
            for (out, lane) in [value, slope, rest].into_iter().zip(lanes) {
                out.copy_from_slice(&lane[..out.len()]);
            }
        }
    }
}

/// A lane, which may be short at the end of a column.
fn lane(column: &[f64]) -> Lane {
    let mut lane = [0.0; LANES];
    lane[..column.len()].copy_from_slice(column);
    lane
}

/// The coefficients, from the places in units of the deviations, and the bells in the third lane.
#[inline(always)]
fn relu(normal: &Normal, deviation: &Lane, [value, slope, rest]: [&mut Lane; 3]) {
    let t = *value;
    let (below, density) = normal.lane(t, *rest);
    for v in 0..LANES {
        let [of_value, of_slope, of_rest] = unit_relu(t[v], (below[v], density[v]));
        value[v] = deviation[v] * of_value;
        slope[v] = of_slope;
        rest[v] = deviation[v] * deviation[v] * of_rest;
    }
}

impl Conditional {
    /// The model of the features of `first` with biases (none, or one for each) and the labels `link(targets x)`, given the projection on the rows of `known`.
    pub(crate) fn new(
        (first, bias, activation): (&Directions, &[f64], &Activation),
        (targets, link): (&Directions, &Link),
        known: Directions,
    ) -> Result<Self, ConditionalError> {
        let along = first.gram(&known);
        let neuron = |(i, length): (usize, f64)| {
            let (row, squared) = (along.row(i), length * length);
            let inside = row.iter().map(|x| x * x).sum();
            Neuron {
                inside,
                across: squared - inside,
                bias: bias.get(i).copied().unwrap_or(0.0),
            }
        };
        let lengths = first.norms();
        let neurons: Vec<Neuron> = lengths.iter().copied().enumerate().map(neuron).collect();
        let within = |i: usize| ConditionalError::Inside {
            neuron: i + 1,
            length: lengths[i],
            across: neurons[i].across,
        };
        let seen = |i: usize| neurons[i].across > 1e-12 * lengths[i] * lengths[i];
        if let Some(i) = (0..neurons.len()).find(|i| !seen(*i)) {
            return Err(within(i));
        }
        let response = Response::new(activation, &neurons).map_err(within)?;
        let centre = targets.gram(&known);
        let labels = LinearLabels::new(link, centre).ok_or(ConditionalError::Labels)?;
        Ok(Self {
            known,
            along,
            labels,
            bias: neurons.iter().map(|neuron| neuron.bias).collect(),
            response,
        })
    }

    /// `<U w_i, kappa>` of every neuron (p x K) at points kappa, the columns of a matrix (s x K), and there `mu0`, `mu1` and `mu*^2`.
    pub(crate) fn at(&self, points: &Mat<f64>) -> (Mat<f64>, [Mat<f64>; 3]) {
        let seen = &self.along * points;
        let mut coefficients: [Mat<f64>; 3] =
            std::array::from_fn(|_| Mat::zeros(seen.nrows(), seen.ncols()));
        let mut places = vec![0.0; self.bias.len()];
        for q in 0..seen.ncols() {
            let pairs = seen.col_as_slice(q).iter().zip(&self.bias);
            for (place, (s, bias)) in places.iter_mut().zip(pairs) {
                *place = s + bias;
            }
            let columns = coefficients.each_mut().map(|of| of.col_as_slice_mut(q));
            self.response.write(&places, columns);
        }
        (seen, coefficients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::relu::normal;

    /// The coefficients of one neuron at a place.
    fn alone(text: &str, neuron: Neuron, place: f64) -> [f64; 3] {
        let activation = Activation::parse(text).unwrap();
        let response = Response::new(&activation, &[neuron]).unwrap();
        let closed = matches!(response, Response::Relu(_));
        assert_eq!(closed, text == "relu(x)");
        let mut found = [[0.0; 1]; 3];
        response.write(&[place], found.each_mut().map(|of| &mut of[..]));
        found.map(|[x]| x)
    }

    #[test]
    fn neurons_that_know_nothing_have_hermite_coefficients() {
        // relu of a vector of length 2: c_0 = 2/sqrt(2 pi), slope 1/2, and 4 (1/2 - 1/4 - 1/(2 pi)) are left.
        let neuron = Neuron {
            inside: 0.0,
            across: 4.0,
            bias: 0.0,
        };
        let [value, slope, rest] = alone("relu(x)", neuron, 0.0);
        let pi = std::f64::consts::PI;
        assert!((value - 2.0 / (2.0 * pi).sqrt()).abs() < 1e-9 && (slope - 0.5).abs() < 1e-9);
        assert!((rest - (1.0 - 2.0 / pi)).abs() < 1e-9);
    }

    #[test]
    fn neurons_respond_together_as_one_by_one() {
        for text in ["relu(x)", "tanh(x)"] {
            let activation = Activation::parse(text).unwrap();
            let link = Link::parse("z1", None).unwrap();
            let first = Directions::new(Mat::from_fn(11, 3, |i, j| {
                (1.0 + i as f64) * (1.7 * j as f64 + 1.0).sin()
            }));
            let axes = |j: usize| Directions::new(Mat::from_fn(1, 3, |_, k| f64::from(j == k)));
            let bias: Vec<f64> = (0..11).map(|i| 0.3 * f64::from(i) - 1.0).collect();
            let features = (&first, &bias[..], &activation);
            let model = Conditional::new(features, (&axes(0), &link), axes(1)).unwrap();
            let points = [-8.0, -0.3, 0.0, 1.2, 9.0];
            let (seen, found) = model.at(&Mat::from_fn(1, 5, |_, q| points[q]));
            for (q, kappa) in points.into_iter().enumerate() {
                for (i, bias) in bias.iter().enumerate() {
                    let inside = model.along[(i, 0)].powi(2);
                    let across = first.norms()[i].powi(2) - inside;
                    let neuron = Neuron {
                        inside,
                        across,
                        bias: *bias,
                    };
                    assert_eq!(seen[(i, q)], kappa * model.along[(i, 0)]);
                    let place = seen[(i, q)] + bias;
                    let one = match text {
                        "relu(x)" => {
                            let t = place / across.sqrt();
                            let [value, slope, rest] = unit_relu(t, normal(t));
                            [across.sqrt() * value, slope, (across * rest).max(0.0)]
                        }
                        _ => alone(text, neuron, place),
                    };
                    for (found, one) in found.iter().zip(one) {
                        let error = (found[(i, q)] - one).abs();
                        assert!(error < 1e-11, "{text} {kappa} {i}: {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn relu_has_the_numbers_of_its_table() {
        for across in [0.3, 2.5] {
            let neuron = Neuron {
                inside: 1.0,
                across,
                bias: 0.0,
            };
            for s in [-5.0, -1.1, 0.0, 0.4, 3.0] {
                let [closed, table] =
                    ["relu(x)", "(x + abs(x))/2"].map(|text| alone(text, neuron, s));
                for (x, y) in closed.into_iter().zip(table) {
                    assert!((x - y).abs() < 1e-6, "{across} {s}: {x} {y}");
                }
            }
        }
    }
}
