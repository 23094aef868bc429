//! The two-layer network `f(x) = (1/sqrt p) sum_i a_i sigma(<w_i, x>)` and its initial state. THEORY.md (1).

use faer::Mat;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::batch::{Engine, Role, Stream};
use crate::directions::Directions;

/// The law of the initial first layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstLayer {
    /// Rows uniform on the unit sphere (the paper's Eq. 10).
    Sphere,
    /// Independent `N(0, 1/d)` entries (the authors' notebooks).
    Gaussian,
}

/// The law of the second layer; `sqrt(p) a_i` is of order one and the layer stays frozen during the steps.
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
}

/// A network: first layer `W` (p x d, as directions) and frozen second layer `a` (p, of order `1/sqrt p`).
#[derive(Debug, Clone)]
pub struct Network {
    /// The rows `w_i`.
    pub first: Directions,
    /// The weights `a_i`.
    pub second: Vec<f64>,
}

impl NetworkLaw {
    /// Draws the initial network, W p x d and a of p entries; a depends on `seed` alone, whatever the engine.
    ///
    /// `p d` normals on the direct engine, `p r + p^2/2` numbers on the in-law engine; with symmetric pairs for half of
    /// the rows.
    pub fn draw(&self, engine: &mut impl Engine, seed: u64) -> Network {
        let drawn = match self.pairing {
            Pairing::Independent => self.width,
            Pairing::Symmetric => self.width / 2,
        };
        let mut first = engine.gaussian(drawn);
        if self.first_layer == FirstLayer::Sphere {
            let norms = first.norms();
            first.scale(|i| 1.0 / norms[i]);
        }
        let mut second = self.second_layer.draw(drawn, self.width, seed);
        if self.pairing == Pairing::Symmetric {
            first = mirrored(&first);
            second.extend(second.clone().iter().rev().map(|a| -a));
        }
        Network { first, second }
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

/// The rows followed by themselves in reverse order.
fn mirrored(rows: &Directions) -> Directions {
    let half = rows.rows();
    let coordinates = rows.coordinates();
    Mat::from_fn(2 * half, rows.columns(), |i, j| {
        coordinates[(i.min(2 * half - 1 - i), j)]
    })
    .into()
}
