//! What lies between the points of rules over three and more directions.
//!
//! Rules that agree may have missed the same thing: a narrow bump or a small ball between their points. Intervals tell
//! what values a function can take on the cells of a lattice; where these lie far from all values seen around the cell,
//! a bound on what the rules missed is added to their error. A feature that stays within what the function changes
//! between neighbouring points is not told from it, nor is one where the function is unbounded.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use rayon::prelude::*;

use super::numeric::{Numeric, at_points};
use super::span::dot;
use super::terms::{Block, integer};
use crate::expr::{Expr, Function, Operator};
use crate::gauss::{Enclosure, Interval, density};

/// Half the width of the cube that is searched and the cells along an axis, over three, four and five directions.
const LATTICES: [(f64, usize); 3] = [(5.5, 22), (4.8, 16), (4.0, 10)];

/// The most cells and parts of them that are enclosed.
const MOST_CELLS: usize = 60_000;

/// The smallest part of a cell along an axis.
const SMALLEST: f64 = 1.0 / 16.0;

/// What counts, relative to the mean size of the function.
const COUNTS: f64 = 1e-13;

impl Numeric<'_> {
    /// A bound on the mean of what rules over the directions of a block overlooked, given what they saw.
    pub(super) fn overlooked(&self, block: &Block, seen: &Seen<'_>) -> f64 {
        match block.frame.len() {
            3 => self.beyond::<3>(block, seen),
            4 => self.beyond::<4>(block, seen),
            5 => self.beyond::<5>(block, seen),
            _ => 0.0,
        }
    }

    fn beyond<const M: usize>(&self, block: &Block, seen: &Seen<'_>) -> f64 {
        let lattice = &seen.lattice;
        let function = |columns: &[&[f64]], out: &mut [f64]| {
            self.work.add(out.len() as u64 * block.operations());
            block.fill(columns, out);
        };
        let values = at_points(&function, &lattice.corners(), &block.frame, self.r);
        let size = lattice.mean_size(&values);
        let [lows, highs] = seen.around(&values);
        let enclosure = Enclosure::new(&product(&block.factors));
        let frame: [&[f64]; M] = std::array::from_fn(|k| block.frame[k].as_slice());
        let origin = vec![0.0; self.r];
        let excess = |part: [Interval; M], [low, high]: [f64; 2]| {
            let room = high - low;
            let beyond = |x: Interval| (low - room - x.low).max(x.high - high - room).max(0.0);
            let jet = enclosure.over(&origin, frame, part);
            let excess = beyond(jet.value);
            if !(excess > 0.0) {
                return excess;
            }
            // By the mean value theorem, which the enclosure uses near zeros alone.
            let middle = part.map(|x| Interval::point(x.middle()));
            let mut mean = enclosure.over(&origin, frame, middle).value;
            for ((x, m), slope) in part.iter().zip(middle).zip(jet.slopes) {
                mean = mean.plus(slope.times(x.minus(m)));
            }
            excess.min(beyond(mean))
        };
        // Whole cells side by side; their parts, of which there may be so many in all, one after another.
        let whole = |cell: usize| {
            let places = lattice.places(cell, lattice.cells);
            let side = |k: usize| {
                let low = lattice.corner(places[k]);
                Interval::new(low, low + lattice.step)
            };
            let part: [Interval; M] = std::array::from_fn(side);
            let radius: f64 = part.iter().map(|x| x.least().powi(2)).sum();
            let inside = radius <= lattice.edge * lattice.edge && !self.work.stopped();
            let range = [lows[cell], highs[cell]];
            inside.then(|| (part, range, excess(part, range)))
        };
        let wholes: Vec<_> = (0..lows.len()).into_par_iter().filter_map(whole).collect();
        let mut left = MOST_CELLS;
        let mut sum = 0.0;
        for (cell, range, beyond) in wholes {
            let mut parts = vec![(cell, Some(beyond))];
            while let Some((part, known)) = parts.pop() {
                if self.work.stopped() {
                    break;
                }
                let masses = part.iter().map(|x| x.width() * density(x.least()));
                let mass: f64 = masses.product();
                let excess = known.unwrap_or_else(|| excess(part, range));
                self.work.add_cells(2);
                left = left.saturating_sub(1);
                let widest = (1..M).fold(0, |a, k| match part[k].width() > part[a].width() {
                    true => k,
                    false => a,
                });
                let counts = excess * mass > COUNTS * size;
                if counts && left > 0 && part[widest].width() > SMALLEST * lattice.step {
                    let middle = part[widest].middle();
                    let [mut lower, mut upper] = [part, part];
                    (lower[widest].high, upper[widest].low) = (middle, middle);
                    parts.extend([(lower, None), (upper, None)]);
                } else if excess.is_finite() {
                    sum += excess * mass;
                }
            }
        }
        sum
    }
}

/// The factors as one expression, equal ones as a power.
fn product(factors: &[Expr]) -> Expr {
    let mut powers: Vec<(&Expr, i64)> = Vec::new();
    for factor in factors {
        match powers.iter_mut().find(|(known, _)| *known == factor) {
            Some((_, count)) => *count += 1,
            None => powers.push((factor, 1)),
        }
    }
    // The square of a sign is 1, but on a surface that has no mass.
    for (factor, count) in &mut powers {
        if matches!(factor, Expr::Apply(Function::Sign, _)) {
            *count %= 2;
        }
    }
    let times = |product: Expr, (factor, count): (&Expr, i64)| {
        let count = Box::new(integer(count));
        let power = Expr::Binary(Operator::Power, Box::new(factor.clone()), count);
        Expr::Binary(Operator::Multiply, Box::new(product), Box::new(power))
    };
    powers.into_iter().fold(integer(1), times)
}

/// The values that rules saw, by the cells of a lattice.
pub(super) struct Seen<'a> {
    frame: &'a [Vec<f64>],
    lattice: Lattice,
    /// The least and the largest value in each cell, as [`ordered`] numbers them.
    ranges: OnceLock<Vec<[AtomicI64; 2]>>,
}

impl<'a> Seen<'a> {
    /// Nothing yet, on the span of a frame.
    pub(super) fn on(frame: &'a [Vec<f64>]) -> Self {
        let axes = frame.len();
        let (edge, cells) = LATTICES[axes.clamp(3, 5) - 3];
        let lattice = Lattice {
            axes,
            cells,
            step: 2.0 * edge / cells as f64,
            edge,
        };
        Self {
            frame,
            lattice,
            ranges: OnceLock::new(),
        }
    }

    /// Takes down the values at the points of these columns.
    pub(super) fn note(&self, columns: &[&[f64]], values: &[f64]) {
        let lattice = &self.lattice;
        let ranges = self.ranges.get_or_init(|| {
            let cells = 0..lattice.cells.pow(lattice.axes as u32);
            let empty = [i64::MAX, i64::MIN];
            cells.map(|_| empty.map(AtomicI64::new)).collect()
        });
        let mut z = vec![0.0; columns.len()];
        for (row, value) in values.iter().enumerate() {
            z.iter_mut().zip(columns).for_each(|(z, c)| *z = c[row]);
            let cell = self.frame.iter().rev().try_fold(0, |number, axis| {
                let place = (dot(axis, &z) - lattice.corner(0)) / lattice.step;
                let inside = place >= 0.0 && place < lattice.cells as f64;
                inside.then(|| number * lattice.cells + place as usize)
            });
            if let Some(cell) = cell.filter(|_| value.is_finite()) {
                let [low, high] = &ranges[cell];
                let number = ordered(*value);
                // Most values are neither: to look costs less than to write.
                if number < low.load(Ordering::Relaxed) {
                    low.fetch_min(number, Ordering::Relaxed);
                }
                if number > high.load(Ordering::Relaxed) {
                    high.fetch_max(number, Ordering::Relaxed);
                }
            }
        }
    }

    /// The least and the largest values in each cell and its neighbours, those at the corners among them.
    fn around(&self, corners: &[f64]) -> [Vec<f64>; 2] {
        let lattice = &self.lattice;
        let ranges = self.ranges.get();
        let of = |end: usize, pick: fn(f64, f64) -> f64| {
            let corners = corners.iter();
            let corners = corners.map(|x| if x.is_finite() { *x } else { f64::NAN });
            let at_corners = lattice.around(corners.collect(), lattice.cells + 1, pick);
            let Some(ranges) = ranges else {
                return at_corners;
            };
            let seen = |range: &[AtomicI64; 2]| {
                let [low, high] = range.each_ref().map(|end| end.load(Ordering::Relaxed));
                if low <= high {
                    in_order([low, high][end])
                } else {
                    f64::NAN
                }
            };
            let inside = ranges.iter().map(seen).collect();
            let inside = lattice.around(inside, lattice.cells, pick);
            let both = at_corners.into_iter().zip(inside);
            both.map(|(a, b)| pick(a, b)).collect()
        };
        [of(0, f64::min), of(1, f64::max)]
    }
}

/// A whole number for each number, in their order.
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The number that has this whole number.
fn in_order(number: i64) -> f64 {
    f64::from_bits((number ^ (((number >> 63) as u64) >> 1) as i64) as u64)
}

/// The cells of a cube and their corners, moved off the places that people type.
struct Lattice {
    axes: usize,
    cells: usize,
    step: f64,
    edge: f64,
}

impl Lattice {
    const OFF: f64 = 0.037;

    /// The coordinate of a corner along an axis.
    fn corner(&self, index: usize) -> f64 {
        index as f64 * self.step - self.edge + Self::OFF
    }

    /// The places along the axes of what has this number, of `count` along each.
    fn places(&self, number: usize, count: usize) -> Vec<usize> {
        let strides = (0..self.axes).map(|axis| count.pow(axis as u32));
        strides.map(|stride| number / stride % count).collect()
    }

    /// The corners, in columns.
    fn corners(&self) -> Vec<Vec<f64>> {
        let count = self.cells + 1;
        let all = 0..count.pow(self.axes as u32);
        let column = |axis: usize| {
            let stride = count.pow(axis as u32);
            let place = |number| self.corner(number / stride % count);
            all.clone().map(place).collect()
        };
        (0..self.axes).map(column).collect()
    }

    /// `E|f|`, roughly, from the values at the corners.
    fn mean_size(&self, values: &[f64]) -> f64 {
        let weight = |number: usize| -> f64 {
            let places = self.places(number, self.cells + 1).into_iter();
            places
                .map(|k| self.step * density(self.corner(k)))
                .product()
        };
        let finite = values.iter().enumerate().filter(|(_, x)| x.is_finite());
        finite.map(|(number, x)| weight(number) * x.abs()).sum()
    }

    /// What `pick` makes of the values in each cell and its neighbours, of `count` along each axis: of cells or of their
    /// corners.
    fn around(&self, mut values: Vec<f64>, count: usize, pick: fn(f64, f64) -> f64) -> Vec<f64> {
        let last = count - self.cells;
        for axis in 0..self.axes {
            let before = self.cells.pow(axis as u32);
            let lines = values.len() / (before * count);
            let mut cells = Vec::with_capacity(before * self.cells * lines);
            for line in 0..lines {
                for cell in 0..self.cells {
                    let near = cell.saturating_sub(1)..=(cell + 1 + last).min(count - 1);
                    for place in 0..before {
                        let at = |index: usize| values[(line * count + index) * before + place];
                        // `pick` takes the other where one is no number.
                        cells.push(near.clone().map(at).fold(f64::NAN, pick));
                    }
                }
            }
            values = cells;
        }
        values
    }
}
