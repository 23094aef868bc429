//! Where points along an axis lie, and the exponents of Hermite products.

use std::num::NonZeroUsize;

use crate::gauss::{density, legendre};

/// Where the points along each axis lie.
pub enum Rule {
    /// Panels of one width, split at kinks, with this Gauss-Legendre rule on each.
    Panels {
        /// The width.
        width: f64,
        /// Nodes on [-1, 1] and weights.
        panel: Vec<(f64, f64)>,
    },
    /// Equal steps, weights by the density: the error falls exponentially for smooth functions.
    Lattice(Vec<(f64, f64)>),
}

impl Rule {
    /// Panels of this width with a Gauss-Legendre rule of this order.
    pub fn panels(width: f64, order: usize) -> Self {
        let order = NonZeroUsize::new(order).unwrap_or(NonZeroUsize::MIN);
        Self::Panels {
            width,
            panel: legendre(order),
        }
    }

    /// The points `(j + offset) step` up to `edge`.
    pub fn lattice(step: f64, offset: f64, edge: f64) -> Self {
        let last = (edge / step).ceil() as i64;
        let point = |j: i64| (j as f64 + offset) * step;
        let nodes = (-last..=last).map(point).filter(|x| x.abs() <= edge);
        Self::Lattice(nodes.map(|x| (x, step * density(x))).collect())
    }
}

/// The exponents of `axes` variables of total degree up to `degree`, by degree.
pub fn exponents(axes: usize, degree: u32) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    for _ in 0..axes {
        all = all
            .into_iter()
            .flat_map(|tail: Vec<u32>| {
                let used: u32 = tail.iter().sum();
                (0..=degree - used).map(move |k| {
                    let mut exponents = vec![k];
                    exponents.extend(&tail);
                    exponents
                })
            })
            .collect();
    }
    all.sort_by_key(|e| e.iter().sum::<u32>());
    all
}

/// For each number of remaining axes, the exponents, and where `(k, rest)` stands among them.
pub struct Tables {
    /// The largest degree.
    pub degree: u32,
    /// The exponents.
    pub exponents: Vec<Vec<Vec<u32>>>,
    /// The places of `(k, rest)`, for each k.
    pub places: Vec<Vec<Vec<usize>>>,
}

impl Tables {
    /// For up to `axes` axes.
    pub fn new(axes: usize, degree: u32) -> Self {
        let exponents: Vec<_> = (0..=axes).map(|m| exponents(m, degree)).collect();
        let mut places = vec![Vec::new()];
        for m in 1..=axes {
            let index: std::collections::HashMap<&[u32], usize> = exponents[m]
                .iter()
                .enumerate()
                .map(|(i, e)| (e.as_slice(), i))
                .collect();
            let of_degree = (0..=degree).map(|k| {
                exponents[m - 1]
                    .iter()
                    .take_while(|rest| rest.iter().sum::<u32>() + k <= degree)
                    .map(|rest| index[[&[k], rest.as_slice()].concat().as_slice()])
                    .collect()
            });
            places.push(of_degree.collect());
        }
        Self {
            degree,
            exponents,
            places,
        }
    }

    /// The number of axes.
    pub fn axes(&self) -> usize {
        self.exponents.len() - 1
    }
}
