//! What steps at n ~ d learn, one after the other: THEORY.md (51).

use std::collections::BTreeMap;

use super::table::{Key, points};
use super::{BooleanStep, ROUNDING};
use crate::analysis::direction_name;
use crate::analysis::span::{Span, dot, squared_norm};

/// `U <- U + span { sum z g(z), sum z }` over the sets of points with one value of `P_U z`, until it stays.
pub(super) fn chain<C: Span + Key>(r: usize, values: &[C], tolerance: f64) -> Vec<BooleanStep> {
    let count = values.len() as f64;
    let signs: Vec<Vec<C>> = points(r)
        .map(|z| {
            let one = C::integer(1);
            let of = |sign: &i32| {
                if *sign > 0 {
                    one.clone()
                } else {
                    one.negated()
                }
            };
            z.iter().map(of).collect()
        })
        .collect();
    let mut basis: Vec<Vec<C>> = Vec::new();
    let mut steps = Vec::new();
    loop {
        let mut groups: BTreeMap<Vec<C::Sorted>, Group<C>> = BTreeMap::new();
        for (z, value) in signs.iter().zip(values) {
            let key = basis.iter().map(|b| dot(b, z).key(ROUNDING)).collect();
            groups
                .entry(key)
                .or_insert_with(|| Group::new(r))
                .add(z, value);
        }
        let floor: f64 = groups.values().map(|group| group.scatter()).sum();
        let floor = floor / count;
        steps.push(BooleanStep {
            dimension: basis.len(),
            directions: basis.iter().map(|b| named(b)).collect(),
            floor: if floor > tolerance * tolerance {
                floor
            } else {
                0.0
            },
        });
        let vectors: Vec<Vec<C>> = groups
            .values()
            .flat_map(|group| [group.with_label.clone(), group.plain.clone()])
            .collect();
        let found = C::extension(&basis, &vectors, tolerance.max(ROUNDING) * count);
        if found.basis.is_empty() || basis.len() == r {
            return steps;
        }
        basis.extend(found.basis);
    }
}

fn named<C: Span>(vector: &[C]) -> String {
    let floats: Vec<f64> = vector.iter().map(C::to_float).collect();
    let norm = squared_norm(&floats).sqrt();
    let unit: Vec<f64> = floats.iter().map(|x| x / norm).collect();
    direction_name(&unit)
}

/// Points with one value of `P_U z`.
struct Group<C> {
    count: u64,
    sum: C,
    squares: C,
    with_label: Vec<C>,
    plain: Vec<C>,
}

impl<C: Span> Group<C> {
    fn new(r: usize) -> Self {
        let zero = C::integer(0);
        Self {
            count: 0,
            sum: zero.clone(),
            squares: zero.clone(),
            with_label: vec![zero.clone(); r],
            plain: vec![zero; r],
        }
    }

    fn add(&mut self, z: &[C], value: &C) {
        self.count += 1;
        self.sum = self.sum.plus(value);
        self.squares = self.squares.plus(&value.times(value));
        for (k, sign) in z.iter().enumerate() {
            self.with_label[k] = self.with_label[k].plus(&sign.times(value));
            self.plain[k] = self.plain[k].plus(sign);
        }
    }

    /// `sum (g - mean)^2`
    fn scatter(&self) -> f64 {
        let square = self.sum.times(&self.sum).over(&C::integer(self.count));
        self.squares.plus(&square.negated()).to_float().max(0.0)
    }
}
