//! What giant steps learn of a link on Boolean inputs, `z` uniform on `{1, -1}^r`: THEORY.md (50), (51).
//!
//! A link on signs is a table of `2^r` values and, by the Walsh-Hadamard transform, a sum over sets S of coordinates of
//! `f_S prod_(k in S) z_k`. Squares are 1: `He2(z1)` is a constant and `relu(z1)` is `(1 + z1)/2`.

mod chain;
mod table;

use std::collections::BTreeMap;

use num_rational::BigRational;
use serde::Serialize;

use self::chain::chain;
use self::table::{Key, exact, members, points, transform};
use super::report::{Answer, Status};
use super::sampled::Probe;
use super::span::Span;
use super::visible::Visible;
use crate::activation::Activation;
use crate::expr::Link;

/// The most coordinates: a table of 65 536 values.
pub const MOST_COORDINATES: usize = 16;

/// Below this, on the scale of the largest value, what is not exact counts as zero.
const ROUNDING: f64 = 1e-10;

/// What is learnt of a link of Boolean inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BooleanReport {
    /// The link as typed.
    pub link: String,
    /// The number r of coordinates.
    pub r: usize,
    /// `E g`
    pub mean: f64,
    /// `Var g`
    pub variance: f64,
    /// The coefficients that are not zero, by the number of coordinates.
    pub coefficients: Vec<Coefficient>,
    /// The coordinates on which the link depends, from 1.
    pub relevant: Vec<usize>,
    /// The largest size of a set with a coefficient.
    pub degree: u32,
    /// The smallest size of such a set that is not empty: what one step on fresh samples sees.
    pub one_step: Answer<u32>,
    /// The smallest k for which sets that add at most k new coordinates each reach all relevant ones; 1 is a merged staircase.
    pub leap: Answer<u32>,
    /// The same with the sets of which some transformation of the labels has a coefficient: any loss, reused batches.
    pub transformed_leap: Answer<u32>,
    /// The directions that steps at n ~ d learn, the start first, for an activation without parity.
    pub chain: Vec<BooleanStep>,
    /// Exact if all values are rational numbers.
    pub status: Status,
    /// What else the reader should know.
    pub notes: Vec<String>,
}

/// One coefficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coefficient {
    /// The coordinates of the product, from 1; none for the mean.
    pub coordinates: Vec<usize>,
    /// `E[g prod z_k]`
    pub value: f64,
}

/// What is known after a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BooleanStep {
    /// The dimension of the subspace learnt.
    pub dimension: usize,
    /// A basis of it, in words.
    pub directions: Vec<String>,
    /// `E Var(g | P_U z)`: below it no test error falls at bounded width.
    pub floor: f64,
}

/// Why a link has no Boolean analysis.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BooleanError {
    /// Too many coordinates for a table.
    #[error(
        "a link of Boolean inputs may have at most {MOST_COORDINATES} coordinates; this one has {r}"
    )]
    TooManyCoordinates {
        /// The number of coordinates.
        r: usize,
    },
    /// No value at some point.
    #[error("the link is not finite at z = ({at}); Boolean inputs are 1 or -1")]
    NotFinite {
        /// The point.
        at: String,
    },
    /// The mean of the link over what it draws has no closed form.
    #[error(
        "the average of the link over the random numbers that it draws has no closed form here"
    )]
    NoMean,
}

/// Analyses a link of Boolean inputs, exactly where its values are rational; of links that draw random numbers the mean.
///
/// `O(r 2^r)` additions for each transform, `O(2^r r)` products a step.
///
/// ```
/// use giantstep::{activation::Activation, analysis::{Answer, analyze_boolean}, expr::Link};
/// let link = Link::parse("z1 + z1*z2*z3", None)?;
/// let report = analyze_boolean(&link, &Activation::parse("relu(x)")?)?;
/// assert_eq!((report.one_step, report.leap), (Answer::At(1), Answer::At(2)));
/// assert_eq!(report.chain.last().map(|step| (step.dimension, step.floor)), Some((1, 1.0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`BooleanError`] if there are too many coordinates, or no value at some point.
pub fn analyze_boolean(
    link: &Link,
    activation: &Activation,
) -> Result<BooleanReport, BooleanError> {
    let r = link.r();
    if r > MOST_COORDINATES {
        return Err(BooleanError::TooManyCoordinates { r });
    }
    let mean = link.mean().ok_or(BooleanError::NoMean)?;
    let values: Option<Vec<BigRational>> = points(r).map(|z| exact(mean.expr(), &z)).collect();
    let mut report = match values {
        Some(values) => report(&mean, &values, 0.0),
        None => {
            let mut values = Vec::new();
            for z in points(r) {
                let at: Vec<f64> = z.iter().map(|sign| f64::from(*sign)).collect();
                let value = mean.program().eval(&at);
                if !value.is_finite() {
                    let at: Vec<String> = z.iter().map(i32::to_string).collect();
                    return Err(BooleanError::NotFinite { at: at.join(", ") });
                }
                values.push(value);
            }
            let scale = values.iter().fold(0.0f64, |scale, g| scale.max(g.abs()));
            report(&mean, &values, ROUNDING * scale)
        }
    };
    if link.is_random() {
        report.transformed_leap = Answer::Unknown;
        report.notes.push(format!(
            "the link draws random numbers: this is said of its mean {}",
            mean.expr()
        ));
    }
    if let Some(parity) = activation
        .expr()
        .and_then(|expr| Visible::of(expr).parity())
        && !report.relevant.is_empty()
    {
        let (name, blind) = match parity {
            1 => ("odd", "products of an even number of coordinates"),
            _ => ("even", "products of an odd number of coordinates"),
        };
        report.notes.push(format!(
            "{} is {name}: without biases its steps do not use {blind}, so it may learn less than the chain, which is that of \
             an activation without parity",
            activation.source()
        ));
    }
    Ok(report)
}

impl BooleanReport {
    /// The leap, and what steps at n ~ d learn, in a sentence or two.
    pub fn answer(&self) -> String {
        if self.relevant.is_empty() && self.status != Status::Undecided {
            return "The link is a constant on the hypercube: there is nothing to learn."
                .to_owned();
        }
        let leap = match self.leap {
            Answer::At(1) => "Leap 1, a merged staircase.".to_owned(),
            Answer::At(k) => format!("Leap {k}, no merged staircase."),
            Answer::Never | Answer::Unknown => "The leap is unknown.".to_owned(),
        };
        let mut known = 0;
        let climbs: Vec<String> = self.chain[1..]
            .iter()
            .map(|step| {
                let new = step.directions[known..].join(" and ");
                known = step.dimension;
                new
            })
            .collect();
        let learnt = match climbs.is_empty() {
            true => "learn nothing".to_owned(),
            false => format!("learn {}", climbs.join(", then ")),
        };
        let floor = self.chain.last().map_or(0.0, |step| step.floor);
        let floor = match floor > 0.0 {
            true => format!("no test error falls below {floor:.4}"),
            false => "which is all that the link needs".to_owned(),
        };
        format!("{leap} Steps at n ~ d {learnt}; {floor}.")
    }
}

fn report<C: Span + Key>(link: &Link, values: &[C], tolerance: f64) -> BooleanReport {
    let r = link.r();
    let count = C::integer(values.len() as u64);
    let mut sums = values.to_vec();
    transform(&mut sums, C::plus, |x, y| x.plus(&y.negated()));
    let coefficients: Vec<C> = sums.iter().map(|sum| sum.over(&count)).collect();
    let is_zero = |c: &C| c.to_float().abs() <= tolerance && (tolerance > 0.0 || c.vanishes());
    let support: Vec<usize> = (1..coefficients.len())
        .filter(|set| !is_zero(&coefficients[*set]))
        .collect();
    let relevant = support.iter().fold(0, |all, set| all | set);
    let mut listed: Vec<usize> = (0..coefficients.len())
        .filter(|set| !is_zero(&coefficients[*set]))
        .collect();
    listed.sort_by_key(|set| (set.count_ones(), members(*set)));
    let variance = support
        .iter()
        .map(|set| coefficients[*set].to_float().powi(2));
    let seen = seen_by_labels(values, tolerance);
    // What fades through the tolerance is neither there nor not.
    let clear = support
        .iter()
        .all(|set| coefficients[*set].to_float().abs() > 1e3 * tolerance);
    let status = match (tolerance > 0.0, clear) {
        (false, _) => Status::Exact,
        (true, true) => Status::Certified,
        (true, false) => Status::Undecided,
    };
    let smallest = support.iter().map(|set| set.count_ones()).min();
    let sure = status != Status::Undecided;
    BooleanReport {
        link: link.source().to_owned(),
        r,
        mean: coefficients[0].to_float(),
        variance: variance.sum(),
        coefficients: listed
            .iter()
            .map(|set| Coefficient {
                coordinates: members(*set),
                value: coefficients[*set].to_float(),
            })
            .collect(),
        relevant: members(relevant),
        degree: support
            .iter()
            .map(|set| set.count_ones())
            .max()
            .unwrap_or(0),
        one_step: Answer::found(smallest, sure),
        leap: Answer::found(leap(&support, relevant), sure),
        transformed_leap: Answer::found(leap(&seen, relevant), sure),
        chain: chain(r, values, tolerance),
        status,
        notes: Vec::new(),
    }
}

/// The smallest k for which sets that add at most k coordinates to those known reach all of them; none if there are none.
fn leap(support: &[usize], relevant: usize) -> Option<u32> {
    (relevant != 0).then_some(())?;
    (1..=relevant.count_ones()).find(|k| {
        let mut known = 0;
        loop {
            let next = support
                .iter()
                .filter(|set| (**set & !known).count_ones() <= *k)
                .fold(known, |all, set| all | set);
            if next == known {
                return known & relevant == relevant;
            }
            known = next;
        }
    })
}

/// The sets S, the empty one apart, with `E[prod_(k in S) z_k | y] != 0` for some y.
///
/// One transform for all level sets at once: each has a random weight of 62 bits, whose sums vanish by chance with
/// probability below `2^-60`.
fn seen_by_labels<C: Span + Key>(values: &[C], tolerance: f64) -> Vec<usize> {
    let mut generator = Probe::Levels.stream();
    let mut levels: BTreeMap<C::Sorted, i128> = BTreeMap::new();
    let mut table: Vec<i128> = values
        .iter()
        .map(|value| {
            let weight = levels.entry(value.key(tolerance));
            *weight.or_insert_with(|| i128::from(generator.word() >> 2))
        })
        .collect();
    transform(&mut table, |x, y| x + y, |x, y| x - y);
    (1..table.len()).filter(|set| table[*set] != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> BooleanReport {
        let link = Link::parse(text, None).expect(text);
        let relu = Activation::parse("relu(x)").expect("an activation");
        analyze_boolean(&link, &relu).expect(text)
    }

    fn at(answer: Answer<u32>) -> u32 {
        match answer {
            Answer::At(value) => value,
            other => panic!("{other:?}"),
        }
    }

    /// Against an independent program: degree, one step, leap, leap of transformed labels, dimensions, floors.
    #[test]
    fn the_table_of_leaps_and_chains() {
        type Row = (&'static str, [u32; 4], &'static [usize], &'static [f64]);
        let table: [Row; 17] = [
            ("z1", [1, 1, 1, 1], &[0, 1], &[1.0, 0.0]),
            ("z1*z2", [2, 2, 2, 2], &[0], &[1.0]),
            ("z1*z2*z3", [3, 3, 3, 3], &[0], &[1.0]),
            (
                "z1 + z1*z2 + z1*z2*z3",
                [3, 1, 1, 1],
                &[0, 1, 2, 3],
                &[3.0, 2.0, 1.0, 0.0],
            ),
            ("z1 + z2 + z1*z2", [2, 1, 1, 1], &[0, 1], &[3.0, 0.0]),
            (
                "z1 + 2*z2 + z1*z2",
                [2, 1, 1, 1],
                &[0, 1, 2],
                &[6.0, 0.0, 0.0],
            ),
            (
                "z1 + 2*z2 + 3*z3",
                [1, 1, 1, 1],
                &[0, 1, 3],
                &[14.0, 0.0, 0.0],
            ),
            ("z1 + z2 + z3", [1, 1, 1, 1], &[0, 1], &[3.0, 0.0]),
            ("z1 + z1*z2*z3", [3, 1, 2, 2], &[0, 1], &[2.0, 1.0]),
            ("z1 + z2*z3", [2, 1, 2, 2], &[0, 1], &[2.0, 1.0]),
            ("z1*z2 + z1*z2*z3", [3, 2, 2, 2], &[0], &[2.0]),
            (
                "step(z1 + z2 + z3 - 2)",
                [3, 1, 1, 1],
                &[0, 1],
                &[0.109375, 0.0],
            ),
            (
                "z2*(1 + z1)/2 + z3*(1 - z1)/2",
                [2, 1, 1, 1],
                &[0, 1],
                &[1.0, 0.5],
            ),
            (
                "1 - step(abs(z1 + z2 + z3) - 2)",
                [2, 2, 2, 2],
                &[0],
                &[0.1875],
            ),
            ("z1*z2 + z3*z4", [2, 2, 2, 2], &[0], &[2.0]),
            ("z1*z2*z3 + z1*z2 + 2*z2*z3", [3, 2, 2, 1], &[0], &[6.0]),
            ("z1 + z2 + z1*z2*z3*z4", [4, 1, 2, 2], &[0, 1], &[3.0, 1.0]),
        ];
        for (text, expected, dims, floors) in table {
            let report = of(text);
            let found = [
                report.degree,
                at(report.one_step),
                at(report.leap),
                at(report.transformed_leap),
            ];
            assert_eq!(found, expected, "{text}");
            let of_chain: Vec<usize> = report.chain.iter().map(|step| step.dimension).collect();
            assert_eq!(of_chain, dims, "{text}");
            let of_floors: Vec<f64> = report.chain.iter().map(|step| step.floor).collect();
            assert_eq!(of_floors, floors, "{text}");
            assert_eq!(report.status, Status::Exact, "{text}");
        }
    }

    #[test]
    fn squares_are_one() {
        let report = of("He2(z1) + relu(z2) - z2^4/2");
        // He2(1) = 0, relu(z2) = (1 + z2)/2.
        assert_eq!((report.mean, report.variance), (0.0, 0.25));
        assert_eq!(report.relevant, [2]);
        let constant = of("z1^2 + He2(z2)");
        assert_eq!(
            (constant.one_step, constant.leap),
            (Answer::Never, Answer::Never)
        );
        assert_eq!(constant.chain.len(), 1);
    }

    /// The transform against sums over all points.
    #[test]
    fn coefficients_are_averages_over_all_points() {
        let text = "tanh(z1 + 2*z2*z3) + exp(z4/2)*z1 - z2";
        let report = of(text);
        assert_eq!(report.status, Status::Certified);
        let link = Link::parse(text, None).expect("a link");
        for set in 0..16 {
            let sum: f64 = points(4)
                .map(|z| {
                    let at: Vec<f64> = z.iter().map(|sign| f64::from(*sign)).collect();
                    let product: f64 = members(set).iter().map(|k| at[k - 1]).product();
                    product * link.program().eval(&at)
                })
                .sum();
            let listed = report
                .coefficients
                .iter()
                .find(|c| c.coordinates == members(set));
            let value = listed.map_or(0.0, |c| c.value);
            assert!((value - sum / 16.0).abs() < 1e-12, "{set}: {value}");
        }
        let listed = report.coefficients.iter();
        let listed = listed.filter(|c| !c.coordinates.is_empty());
        let squares: f64 = listed.map(|c| c.value * c.value).sum();
        assert!((report.variance - squares).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_table_is_refused() {
        let link = |text| Link::parse(text, None).expect(text);
        let relu = Activation::parse("relu(x)").expect("an activation");
        let many = analyze_boolean(&link("sum(i, 17, z_i)"), &relu);
        assert_eq!(many.err(), Some(BooleanError::TooManyCoordinates { r: 17 }));
        let most = analyze_boolean(&link("product(i, 16, z_i)"), &relu).expect("a report");
        assert_eq!(most.leap, Answer::At(16));
        let drawn = analyze_boolean(&link("z1*sign(u1 - 0.1)"), &relu).expect("a mean");
        assert!((drawn.variance - 0.64).abs() < 1e-12);
        assert_eq!(drawn.transformed_leap, Answer::Unknown);
    }
}
