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
}

struct Panel {
    ends: (f64, f64),
    whole: Vec<f64>,
    /// The largest difference on the way here.
    worst: f64,
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
            if difference <= agreed || tiny || seen > rules.panels || !difference.is_finite() {
                for (k, value) in values.iter_mut().enumerate() {
                    *value += two[0][k] + two[1][k];
                }
                let diverges = tiny && difference > 0.03 * worst && difference > 1e6 * agreed;
                error += if diverges || !difference.is_finite() {
                    f64::INFINITY
                } else {
                    difference
                };
            } else {
                next.extend(two.into_iter().zip(ends).map(|(whole, ends)| Panel {
                    ends,
                    whole,
                    worst,
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
        let pairs: [(fn(f64) -> f64, f64); 4] = [
            (|x| x.sqrt(), 2.0 / 3.0),
            (|x| x.ln(), -1.0),
            (|x| x.powf(-0.5), 2.0),
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
