//! Averages of an activation over what a neuron has alone, as functions of the rest of its field.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::gauss::{Rule, kink_points};
use crate::theory::expectation::panels;
use crate::theory::relu::{LANES, Normal, is_relu, moments, normal};
use crate::theory::table::Table;

/// Gaussian averages of an activation about a point s: `lambda = s + own`, `own ~ N(0, D)`, `u = sigma - E sigma`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Local<T = f64> {
    /// `E sigma`.
    pub value: T,
    /// `E u^2`.
    pub variance: T,
    /// `E sigma own`.
    pub value_own: T,
    /// `E sigma'`.
    pub slope: T,
    /// `E sigma' u`.
    pub slope_value: T,
    /// `E sigma' u^2`.
    pub slope_square: T,
    /// `E sigma' own`.
    pub slope_own: T,
    /// `E sigma' u own`.
    pub slope_value_own: T,
    /// `E sigma'^2`.
    pub slopes: T,
    /// `E sigma'^2 u`.
    pub slopes_value: T,
    /// `E sigma'^2 u^2`.
    pub slopes_square: T,
}

const FIELDS: usize = 11;

impl<T> Local<T> {
    /// The number of averages.
    pub(super) const FIELDS: usize = FIELDS;

    #[inline(always)]
    fn from_array(v: [T; FIELDS]) -> Self {
        let [
            value,
            variance,
            value_own,
            slope,
            slope_value,
            slope_square,
            slope_own,
            slope_value_own,
            slopes,
            slopes_value,
            slopes_square,
        ] = v;
        Self {
            value,
            variance,
            value_own,
            slope,
            slope_value,
            slope_square,
            slope_own,
            slope_value_own,
            slopes,
            slopes_value,
            slopes_square,
        }
    }
}

impl<'a> Local<&'a [f64]> {
    /// The averages about many points, from the columns of [`Smoothed::write`].
    #[inline(always)]
    pub(super) fn columns(columns: &'a [f64], rows: usize) -> Self {
        Self::from_array(std::array::from_fn(|f| &columns[f * rows..][..rows]))
    }
}

/// [`Local`] averages at one variance, as functions of s.
#[derive(Debug, Clone)]
pub(super) enum Smoothed {
    /// Of relu, with this standard deviation.
    Relu(f64),
    /// Of any other activation.
    Table(Table<FIELDS>),
}

/// The averages of relu about `t` standard deviations, with the distribution function and the density there.
#[inline(always)]
fn relu(deviation: f64, t: f64, (below, density): (f64, f64)) -> [f64; FIELDS] {
    let variance = deviation * deviation;
    let (value, square) = moments(t, (below, density));
    let slope_value = deviation * value * (1.0 - below);
    let slope_square = variance * (square - value * value * (2.0 - below));
    [
        deviation * value,
        variance * (square - value * value),
        variance * below,
        below,
        slope_value,
        slope_square,
        deviation * density,
        variance * (below - value * density),
        below,
        slope_value,
        slope_square,
    ]
}

/// The kinks of an activation and its two columns.
#[derive(Debug, Clone)]
pub(crate) struct Sigma<'a> {
    pub activation: &'a crate::activation::Activation,
    pub kinks: Vec<f64>,
}

/// An activation at the nodes of a rule about a point.
struct Around {
    weights: Vec<f64>,
    values: Vec<f64>,
    slopes: Vec<f64>,
    own: Vec<f64>,
}

impl Around {
    fn average<const N: usize>(&self, h: impl Fn(f64, f64, f64) -> [f64; N]) -> [f64; N] {
        let mut sums = [0.0; N];
        for (q, weight) in self.weights.iter().enumerate() {
            let terms = h(self.values[q], self.slopes[q], self.own[q]);
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += weight * term;
            }
        }
        sums
    }
}

impl<'a> Sigma<'a> {
    pub(crate) fn new(activation: &'a crate::activation::Activation) -> Self {
        Self {
            activation,
            kinks: activation.expr().map(kink_points).unwrap_or_default(),
        }
    }

    /// A rule for functions of `sigma(s + sqrt(variance) x)`.
    pub(super) fn rule(&self, s: f64, variance: f64) -> Rule {
        let scale = variance.sqrt();
        if scale == 0.0 {
            return Rule {
                nodes: vec![0.0],
                weights: vec![1.0],
            };
        }
        let kinks: Vec<f64> = self.kinks.iter().map(|k| (k - s) / scale).collect();
        // The panels follow the activation where it is the sharper one.
        panels(&kinks, (1.5 / scale).clamp(0.25, 1.5))
    }

    /// `E h(sigma(s + sqrt(variance) x), sigma'(...), sqrt(variance) x)` for several h.
    pub(crate) fn average<const N: usize>(
        &self,
        s: f64,
        variance: f64,
        h: impl Fn(f64, f64, f64) -> [f64; N],
    ) -> [f64; N] {
        self.seen(s, variance).average(h)
    }

    fn seen(&self, s: f64, variance: f64) -> Around {
        let rule = self.rule(s, variance);
        let scale = variance.sqrt();
        let own: Vec<f64> = rule.nodes.iter().map(|x| scale * x).collect();
        let fields: Vec<f64> = own.iter().map(|own| s + own).collect();
        let (mut values, mut slopes) = (fields.clone(), fields.clone());
        self.activation.value_column(&fields, &mut values);
        self.activation.derivative_column(&fields, &mut slopes);
        Around {
            weights: rule.weights,
            values,
            slopes,
            own,
        }
    }

    /// The averages about one point.
    pub(super) fn local(&self, s: f64, variance: f64) -> [f64; FIELDS] {
        let seen = self.seen(s, variance);
        let [value] = seen.average(|v, _, _| [v]);
        seen.average(|v, slope, own| {
            let u = v - value;
            [
                v,
                u * u,
                v * own,
                slope,
                slope * u,
                slope * u * u,
                slope * own,
                slope * u * own,
                slope * slope,
                slope * slope * u,
                slope * slope * u * u,
            ]
        })
    }

    /// The averages for `|s| <= reach`; none if their table were too large, because the variance is too small, or when `stop`
    /// is set.
    pub(super) fn smoothed(
        &self,
        variance: f64,
        reach: f64,
        stop: &AtomicBool,
    ) -> Option<Smoothed> {
        if is_relu(self.activation) && variance > 0.0 {
            return Some(Smoothed::Relu(variance.sqrt()));
        }
        let step = variance.sqrt() / 16.0;
        let stopped = || stop.load(Ordering::Relaxed);
        let table = Table::new(reach, step, |s| match stopped() {
            true => [0.0; FIELDS],
            false => self.local(s, variance),
        });
        table.filter(|_| !stopped()).map(Smoothed::Table)
    }
}

impl Smoothed {
    /// The averages are known for `|s|` up to here.
    pub(super) fn reach(&self) -> f64 {
        match self {
            Self::Relu(_) => f64::INFINITY,
            Self::Table(table) => table.reach(),
        }
    }

    /// The averages about s.
    pub(super) fn at(&self, s: f64) -> Local {
        Local::from_array(match self {
            Self::Relu(deviation) => relu(*deviation, s / deviation, normal(s / deviation)),
            Self::Table(table) => table.at(s),
        })
    }

    /// The averages about `s + shift`, one column after the other; s comes in whole lanes.
    #[inline(always)]
    pub(super) fn write(&self, s: &[f64], shift: f64, columns: &mut [f64]) {
        let rows = s.len();
        match self {
            Self::Relu(deviation) => {
                let (places, rest) = columns.split_at_mut(rows);
                for (place, s) in places.iter_mut().zip(s) {
                    *place = (s + shift) / deviation;
                }
                Normal::bells(places, &mut rest[..rows]);
                let (normals, count) = (Normal::new(), rows / LANES);
                let columns = columns.as_chunks_mut::<LANES>().0;
                for i in 0..count {
                    let t = columns[i];
                    let (below, density) = normals.lane(t, columns[count + i]);
                    let averages: [[f64; FIELDS]; LANES] =
                        std::array::from_fn(|v| relu(*deviation, t[v], (below[v], density[v])));
                    for f in 0..FIELDS {
                        columns[f * count + i] = averages.map(|of_one| of_one[f]);
                    }
                }
            }
            Self::Table(table) => {
                for (v, s) in s.iter().enumerate() {
                    for (f, value) in table.at(s + shift).into_iter().enumerate() {
                        columns[f * rows + v] = value;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;

    #[test]
    fn smoothed_relu_has_its_closed_form() {
        let relu = Activation::parse("relu(x)").unwrap();
        let sigma = Sigma::new(&relu);
        let (variance, s) = (0.49f64, 0.83);
        let table = sigma.smoothed(variance, 3.0, &crate::watch::NEVER).unwrap();
        let t = s / variance.sqrt();
        let density = (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let mass = 0.5 * (1.0 + libm::erf(t / std::f64::consts::SQRT_2));
        let local = table.at(s);
        assert!((local.slope - mass).abs() < 1e-7);
        assert!((local.value - (s * mass + variance.sqrt() * density)).abs() < 1e-7);
        assert!((local.value_own - variance * mass).abs() < 1e-7);
    }

    #[test]
    fn averages_of_relu_are_those_of_its_table() {
        let relu = Activation::parse("relu(x)").unwrap();
        let same = Activation::parse("(x + abs(x))/2").unwrap();
        for variance in [0.04, 3.0] {
            let of = |activation| {
                let sigma = Sigma::new(activation);
                sigma.smoothed(variance, 9.0, &crate::watch::NEVER).unwrap()
            };
            let (closed, table) = (of(&relu), of(&same));
            assert!(matches!(closed, Smoothed::Relu(_)) && matches!(table, Smoothed::Table(_)));
            let s: [f64; 16] = std::array::from_fn(|v| 0.2 * (v as f64 - 7.0).powi(3) / 16.0);
            let columns = [&closed, &table].map(|smoothed| {
                let mut columns = vec![0.0; FIELDS * s.len()];
                smoothed.write(&s, 0.1, &mut columns);
                columns
            });
            let [mut closed_at, columns_at] = [Vec::new(), columns[0].clone()];
            for f in 0..FIELDS {
                closed_at.extend(s.map(|s| relu_at(&closed, s + 0.1, f)));
            }
            for ((x, y), z) in columns_at.iter().zip(&columns[1]).zip(&closed_at) {
                assert!(
                    (x - y).abs() < 1e-6 && (x - z).abs() < 1e-12,
                    "{variance}: {x} {y} {z}"
                );
            }
        }
    }

    fn relu_at(closed: &Smoothed, s: f64, field: usize) -> f64 {
        let Smoothed::Relu(deviation) = closed else {
            return f64::NAN;
        };
        super::relu(*deviation, s / deviation, normal(s / deviation))[field]
    }
}
