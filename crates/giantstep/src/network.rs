//! The two-layer network `f(x) = (g/sqrt p) sum_i a_i sigma(<w_i, x> + b_i)` and its initial state. THEORY.md (1).

use std::sync::Arc;

use faer::Mat;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::batch::{Engine, Panel, Role, Stream};
use crate::directions::Directions;
use crate::real::Real;

/// The law of the initial first layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstLayer {
    /// Rows uniform on the unit sphere (the paper's Eq. 10).
    Sphere,
    /// Independent `N(0, 1/d)` entries (the authors' notebooks).
    Gaussian,
}

/// The law of the second layer at the start; `sqrt(p) a_i` is of order one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondLayer {
    /// `sqrt(p) a_i ~ N(0, 1)`.
    Gaussian,
    /// `sqrt(p) a_i` is +1 or -1 with equal chance.
    Rademacher,
    /// `sqrt(p) a_i` uniform on [-1, 1].
    Uniform,
    /// `sqrt(p) a_i = 1`.
    Ones,
}

/// Whether neurons come in mirrored pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// All neurons are independent.
    Independent,
    /// `w_i = w_{p-1-i}` and `a_i = -a_{p-1-i}`, counted from 0 (the paper's Eq. 11): the output is zero at the start.
    Symmetric,
}

impl Pairing {
    /// How many of p neurons are drawn; the others are their mirror images.
    pub(crate) fn drawn(self, width: usize) -> usize {
        match self {
            Self::Independent => width,
            Self::Symmetric => width / 2,
        }
    }
}

/// The law of the biases at the start; mirrored neurons have the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// None.
    Zero,
    /// Normal with mean zero and this variance.
    Gaussian(f64),
    /// Uniform between these two.
    Uniform([f64; 2]),
}

/// What is given of the weights at the start.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// Nothing: overlaps with the target are of order `1/sqrt d`.
    Drawn,
    /// The r overlaps `<w_i, w*_k>` of each neuron that is drawn, or of all if there is one list, each of squared sum at most 1;
    /// the rest of a row is uniform across the target, and its length 1.
    Overlaps(Vec<Vec<f64>>),
    /// The weights, in coordinates of R^d.
    Weights(Arc<Weights>),
}

/// Weights that somebody else has made; what is absent is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// W, p x d.
    pub first: Mat<f64>,
    /// The p numbers `a_i`, of order `1/sqrt p`.
    pub second: Option<Vec<f64>>,
    /// The p biases.
    pub bias: Option<Vec<f64>>,
}

/// Which function of the network is trained and tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// f.
    Plain,
    /// `f - f_0` with f_0 the network at the start: 0 there.
    Centred,
}

/// The parameters of a network's law.
#[derive(Debug, Clone)]
pub struct NetworkLaw {
    /// The width p; even with [`Pairing::Symmetric`].
    pub width: usize,
    /// The activation sigma.
    pub activation: Activation,
    /// The law of the initial first layer.
    pub first_layer: FirstLayer,
    /// The law of the second layer.
    pub second_layer: SecondLayer,
    /// Whether neurons come in mirrored pairs.
    pub pairing: Pairing,
    /// The law of the biases.
    pub bias: Bias,
    /// What is given of it.
    pub start: Initial,
    /// The factor g: the output is `(g/sqrt p) sum_i a_i sigma`; 1 unless a scale is given.
    pub gain: f64,
    /// Which function is trained and tested.
    pub output: Output,
}

/// A network: first layer `W` (p x d, as directions), second layer `a` (p, of order `1/sqrt p`), biases `b`.
#[derive(Debug, Clone)]
pub struct Network {
    /// The rows `w_i`.
    pub first: Directions,
    /// The weights `a_i`.
    pub second: Vec<f64>,
    /// The biases `b_i`, or nothing if there are none.
    pub bias: Vec<f64>,
}

/// A network whose output is subtracted from that of another.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its factor g.
    pub gain: f64,
}

impl Network {
    /// `a_i g/sqrt p`, what the activations are weighted with.
    pub fn weights(&self, gain: f64) -> Vec<f64> {
        let root = (self.second.len() as f64).sqrt();
        self.second.iter().map(|a| a * gain / root).collect()
    }
}

/// The mean of networks (Polyak's average of the iterates).
#[derive(Debug, Clone)]
pub struct Average {
    /// The mean.
    pub network: Network,
    count: f64,
}

impl Average {
    /// Of one network.
    pub fn of(network: &Network) -> Self {
        Self {
            network: network.clone(),
            count: 1.0,
        }
    }

    /// With one more.
    pub fn add(&mut self, next: &Network) {
        self.count += 1.0;
        let share = 1.0 / self.count;
        self.network.first.scale(|_| 1.0 - share);
        self.network.first.add_scaled(|_| share, &next.first);
        let second = self.network.second.iter_mut().zip(&next.second);
        let bias = self.network.bias.iter_mut().zip(&next.bias);
        for (mean, weight) in second.chain(bias) {
            *mean += share * (weight - *mean);
        }
    }
}

/// Adds biases to the fields of a panel from column `first` on; nothing where there are none.
pub fn shift<T: Real>(bias: &[f64], panel: &mut Panel<'_, T>, first: usize) {
    for (i, b) in bias.iter().enumerate() {
        let b = T::from_f64(*b);
        for field in panel.field_mut(first + i) {
            *field += b;
        }
    }
}

impl Start<'_> {
    /// `sum += f` on a panel whose fields along the rows of W begin at column `first`; `column` is scratch.
    pub fn add_output<T: Real>(
        &self,
        activation: &Activation,
        panel: &mut Panel<'_, T>,
        first: usize,
        column: &mut [T],
        sum: &mut [T],
    ) {
        shift(&self.network.bias, panel, first);
        let end = first + self.network.second.len();
        let values = activation.on(&panel.fields[first * panel.rows..end * panel.rows]);
        for (i, weight) in self.network.weights(self.gain).iter().enumerate() {
            values.add(i, panel.field(first + i), *weight, sum, column);
        }
    }
}

impl NetworkLaw {
    /// Whether every neuron has overlaps of its own at the start.
    pub fn starts_one_by_one(&self) -> bool {
        matches!(&self.start, Initial::Overlaps(overlaps) if overlaps.len() > 1)
    }

    /// Draws the initial network, W p x d and a of p entries; a depends on `seed` alone, whatever the engine.
    ///
    /// `p d` normals on the direct engine, `p r + p^2/2` numbers on the in-law engine; with symmetric pairs for half of
    /// the rows.
    pub fn draw(&self, engine: &mut impl Engine, target: &Directions, seed: u64) -> Network {
        let drawn = self.pairing.drawn(self.width);
        if let Initial::Weights(given) = &self.start {
            // An engine is asked for its first layer, of whatever width.
            engine.gaussian(0);
            let second = || self.second_layer.draw(drawn, self.width, seed);
            let bias = || self.bias.draw(drawn, seed);
            return Network {
                first: given.first.clone().into(),
                second: given.second.clone().unwrap_or_else(second),
                bias: given.bias.clone().unwrap_or_else(bias),
            };
        }
        let mut first = engine.gaussian(drawn);
        if self.first_layer == FirstLayer::Sphere {
            let norms = first.norms();
            first.scale(|i| 1.0 / norms[i]);
        }
        if let Initial::Overlaps(overlaps) = &self.start {
            first = placed(first, target, overlaps);
        }
        let mut second = self.second_layer.draw(drawn, self.width, seed);
        let mut bias = self.bias.draw(drawn, seed);
        if self.pairing == Pairing::Symmetric {
            first = mirrored(&first);
            second.extend(second.clone().iter().rev().map(|a| -a));
            bias.extend(bias.clone().iter().rev());
        }
        Network {
            first,
            second,
            bias,
        }
    }
}

impl Bias {
    fn draw(self, count: usize, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Role::Bias, 0, 0);
        let mut draws = vec![0.0; count];
        match self {
            Bias::Zero => return Vec::new(),
            Bias::Gaussian(variance) => {
                stream.fill_normal(&mut draws);
                draws.iter_mut().for_each(|b| *b *= variance.sqrt());
            }
            Bias::Uniform([from, to]) => draws
                .iter_mut()
                .for_each(|b| *b = from + (to - from) * stream.uniform()),
        }
        draws
    }
}

impl SecondLayer {
    fn draw(self, count: usize, width: usize, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Role::SecondLayer, 0, 0);
        let scale = 1.0 / (width as f64).sqrt();
        let mut draws = vec![1.0; count];
        match self {
            SecondLayer::Gaussian => stream.fill_normal(&mut draws),
            SecondLayer::Rademacher => draws.iter_mut().for_each(|a| *a = stream.rademacher()),
            SecondLayer::Uniform => draws
                .iter_mut()
                .for_each(|a| *a = 2.0 * stream.uniform() - 1.0),
            SecondLayer::Ones => {}
        }
        draws.iter_mut().for_each(|a| *a *= scale);
        draws
    }
}

/// Rows of length 1 with these overlaps, and the directions across the target that they had.
fn placed(mut rows: Directions, target: &Directions, overlaps: &[Vec<f64>]) -> Directions {
    let of = |i: usize| &overlaps[i % overlaps.len()];
    let drawn = rows.gram(target);
    rows.add_scaled(|_| 1.0, &target.combined(&(drawn * -1.0)));
    let norms = rows.norms();
    let rest = |i: usize| {
        let along: f64 = of(i).iter().map(|m| m * m).sum();
        (1.0 - along).max(0.0).sqrt()
    };
    rows.scale(|i| rest(i) / norms[i]);
    let along = Mat::from_fn(rows.rows(), target.rows(), |i, k| of(i)[k]);
    rows.add_scaled(|_| 1.0, &target.combined(&along));
    rows
}

/// The rows followed by themselves in reverse order.
fn mirrored(rows: &Directions) -> Directions {
    let half = rows.rows();
    let coordinates = rows.coordinates();
    Mat::from_fn(2 * half, rows.columns(), |i, j| {
        coordinates[(i.min(2 * half - 1 - i), j)]
    })
    .into()
}
