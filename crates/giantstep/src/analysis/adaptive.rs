//! Integrals over a line by panels that are split until their halves agree with the whole.

use super::estimate::Estimate;

/// The order of the Gauss-Legendre rule on a panel.
pub const ORDER: usize = 14;

/// The difference of a panel from its halves, relative to the size, that rounding lets integrals reach.
pub const AGREED: f64 = 1e-14;

/// How an integral over panels goes.
pub struct Rules {
    /// The scale on which differences count.
    pub size: f64,
    /// The most panels.
    pub panels: usize,
    /// The number of components at the end that are carried along, not judged.
    pub carried: usize,
    /// The difference of a panel from its halves at which it is done, relative to the size.
    pub agreed: f64,
    /// The width below which the sum of a [`Ladder`] is taken, and the error, relative to the size, with which it is.
    pub enough: Option<(f64, f64)>,
}

struct Panel {
    ends: (f64, f64),
    whole: Vec<f64>,
    /// The largest difference on the way here.
    worst: f64,
    ladder: Ladder,
}

/// The halves left behind on the way to a panel that ends at a singular place.
///
/// Of a power their integrals fall by the same factor from one to the next, and what is left is the sum of a geometric
/// series. The best of these sums is kept: the one that agrees best with the one before, as far out the function is no
/// power and close in rounding moves the place.
#[derive(Clone, Default)]
struct Ladder {
    depth: usize,
    last: Vec<f64>,
    /// The largest factor, where it is told best.
    factor: f64,
    /// What the series leaves to the panel.
    rest: Option<Vec<f64>>,
    /// The best of these, and its error.
    kept: Option<(Vec<f64>, f64)>,
}

/// How much larger the error of a sum may be than its difference from the one before: for logarithms the number of halves.
const SLOW: f64 = 50.0;
/// The depth at which a factor is told best: panels there are as wide as the square root of rounding.
const DEPTH: usize = 25;
/// The largest factor of a series with a sum.
const CONVERGES: f64 = 1.0 - 1e-5;

impl Ladder {
    /// The ladder of one half, the other left behind.
    fn down(&self, own: &[f64], other: &[f64]) -> Self {
        let less =
            |rest: &Vec<f64>| -> Vec<f64> { rest.iter().zip(other).map(|(r, o)| r - o).collect() };
        let before = self.rest.as_ref().map(less);
        let factors: Option<Vec<f64>> = (self.last.iter().zip(own.iter().zip(other)))
            .map(|(last, (own, other))| match (*own, *other) {
                (0.0, 0.0) => Some(0.0),
                _ => Some(other / last).filter(|factor| *factor > 0.0 && *factor < 1.0),
            })
            .collect();
        let factors = factors.filter(|factors| !factors.is_empty());
        let rest = factors.as_ref().map(|factors| -> Vec<f64> {
            let rests = factors.iter().zip(other);
            rests.map(|(f, other)| other * f / (1.0 - f)).collect()
        });
        let kept = self.kept.as_ref().map(|(rest, error)| (less(rest), *error));
        let known = rest.as_ref().zip(factors.as_ref());
        let new = before.zip(known).map(|(before, (rest, factors))| {
            let differences = before.iter().zip(rest).map(|(a, b)| (a - b).abs());
            // What rounding of a factor makes of the sum: a few units of it, over 1 - factor.
            let rounding = rest.iter().zip(factors);
            let rounding = rounding.map(|(rest, f)| 4.0 * f64::EPSILON * rest.abs() / (1.0 - f));
            let error = SLOW * differences.fold(0.0, f64::max) + rounding.fold(0.0, f64::max);
            (rest.clone(), error)
        });
        let largest = factors.map_or(1.0, |f| f.into_iter().fold(0.0, f64::max));
        Self {
            depth: self.depth + 1,
            last: other.to_vec(),
            factor: match self.depth < DEPTH {
                true => largest,
                false => self.factor,
            },
            rest,
            kept: match (kept, new) {
                (Some(kept), Some(new)) if kept.1 < new.1 => Some(kept),
                (kept, new) => new.or(kept),
            },
        }
    }

    /// What is left to the panel and its error, if the series has a sum.
    fn sum(&self) -> Option<(&[f64], f64)> {
        let (rest, error) = self.kept.as_ref()?;
        (self.factor < CONVERGES).then_some((rest, *error))
    }
}

/// The sum over panels between these edges of what `integrate` gives for panels.
///
/// The nodes of a panel and those of its halves share no point, so that their difference is an error and not a rule
/// compared with itself. Where halving down to rounding does not make it small, the integral diverges, and its
/// error is infinite.
pub fn adaptive(
    edges: &[f64],
    rules: &Rules,
    integrate: &mut dyn FnMut(&[(f64, f64)]) -> Vec<Vec<f64>>,
) -> Estimate {
    let ends: Vec<(f64, f64)> = edges.windows(2).map(|e| (e[0], e[1])).collect();
    let first = integrate(&ends);
    let outputs = first.first().map_or(0, Vec::len);
    let judged = outputs - rules.carried.min(outputs);
    let mut values = vec![0.0; outputs];
    for panel in &first {
        values.iter_mut().zip(panel).for_each(|(v, p)| *v += p);
    }
    let largest = values[..judged].iter().fold(0.0f64, |a, v| a.max(v.abs()));
    let agreed = rules.agreed * rules.size.max(largest);
    values.fill(0.0);
    let mut error = 1e-15 * rules.size.max(largest);
    let mut seen = ends.len();
    let mut active: Vec<Panel> = ends
        .into_iter()
        .zip(first)
        .map(|(ends, whole)| Panel {
            ends,
            whole,
            worst: 0.0,
            ladder: Ladder::default(),
        })
        .collect();
    while !active.is_empty() {
        let halves: Vec<(f64, f64)> = active
            .iter()
            .flat_map(|p| {
                let middle = 0.5 * (p.ends.0 + p.ends.1);
                [(p.ends.0, middle), (middle, p.ends.1)]
            })
            .collect();
        seen += halves.len();
        let mut parts = integrate(&halves).into_iter();
        let mut ends = halves.into_iter();
        let mut next = Vec::new();
        for panel in active {
            let two = [parts.next(), parts.next()].map(Option::unwrap_or_default);
            let ends = [ends.next(), ends.next()].map(Option::unwrap_or_default);
            let difference = (0..judged)
                .map(|k| (panel.whole[k] - two[0][k] - two[1][k]).abs())
                .fold(
                    0.0,
                    |a: f64, d| if d.is_nan() { f64::NAN } else { a.max(d) },
                );
            let tiny = panel.ends.1 - panel.ends.0
                <= 1e-13 * (1.0 + panel.ends.0.abs().max(panel.ends.1.abs()));
            let worst = panel.worst.max(difference);
            let width = panel.ends.1 - panel.ends.0;
            let series = panel.ladder.sum().filter(|(_, error)| {
                let enough = rules.enough.filter(|(least, _)| width <= *least);
                enough.is_some_and(|(_, part)| *error <= part * rules.size.max(largest))
            });
            let settled = difference <= agreed;
            let here = match series {
                Some((rest, error)) if !settled => Some((rest.to_vec(), error)),
                _ if settled || tiny || seen > rules.panels || !difference.is_finite() => {
                    let slow = tiny && difference > 0.03 * worst && difference > 1e6 * agreed;
                    let diverges = slow || !difference.is_finite();
                    let sum = two[0].iter().zip(&two[1]).map(|(a, b)| a + b);
                    Some(match panel.ladder.sum().filter(|_| diverges) {
                        Some((rest, error)) => (rest.to_vec(), error),
                        None if diverges => (sum.collect(), f64::INFINITY),
                        None => (sum.collect(), difference),
                    })
                }
                _ => None,
            };
            if let Some((here, unknown)) = here {
                let carried = (here.len()..outputs).map(|k| two[0][k] + two[1][k]);
                let all = here.iter().copied().chain(carried);
                values.iter_mut().zip(all).for_each(|(v, h)| *v += h);
                error += unknown;
            } else {
                let [one, other] = &two;
                let (one, other) = (&one[..judged], &other[..judged]);
                let ladders = [panel.ladder.down(one, other), panel.ladder.down(other, one)];
                let halves = two.into_iter().zip(ends).zip(ladders);
                next.extend(halves.map(|((whole, ends), ladder)| Panel {
                    ends,
                    whole,
                    worst,
                    ladder,
                }));
            }
        }
        active = next;
    }
    Estimate { values, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gauss::legendre;
    use std::num::NonZeroUsize;

    fn integral(edges: &[f64], f: impl Fn(f64) -> f64) -> Estimate {
        let rule = legendre(NonZeroUsize::new(ORDER).unwrap());
        let rules = Rules {
            size: 1.0,
            panels: 10_000,
            carried: 0,
            agreed: AGREED,
            enough: None,
        };
        adaptive(edges, &rules, &mut |panels| {
            let on = |&(a, b): &(f64, f64)| {
                let half = 0.5 * (b - a);
                let sum = rule.iter().map(|(x, w)| w * f(a + half * (1.0 + x)));
                vec![half * sum.sum::<f64>()]
            };
            panels.iter().map(on).collect()
        })
    }

    #[test]
    fn singular_integrals_converge_and_divergent_ones_are_named() {
        let pairs: [(fn(f64) -> f64, f64); 6] = [
            (|x| x.sqrt(), 2.0 / 3.0),
            (|x| x.ln(), -1.0),
            (|x| x.powf(-0.5), 2.0),
            (|x| x.powf(-0.98), 50.0),
            (|x| x.powf(-0.9) * (1.0 + x.sqrt()), 10.0 + 1.0 / 0.6),
            (|x| f64::from(u8::from(x > 0.3)), 0.7),
        ];
        for (f, exact) in pairs {
            let found = integral(&[0.0, 1.0], f);
            let error = (found.values[0] - exact).abs();
            assert!(
                error <= 3.0 * found.error + 1e-13 && error < 1e-6,
                "{found:?}"
            );
        }
        assert!(integral(&[0.0, 1.0], f64::recip).error.is_infinite());
    }
}
