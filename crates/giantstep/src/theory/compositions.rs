//! Means over the second layers that a law draws.
//!
//! What is predicted is a function F of the counts of neurons of each weight. Its mean over drawn networks differs from F at
//! the expected counts by O(1/p), which no d cures.

use super::population::{Population, sizes};
use crate::network::{NetworkLaw, Pairing, SecondLayer};

/// How a mean over second layers is made of networks with weights that sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Averaging {
    /// Of one network alone, the typical one of a law that draws many.
    Typical,
    /// By weights that are probabilities.
    Probabilities,
    /// By a series in 1/p about the typical network, the first, that ends with its second derivatives: half of what they add stands for
    /// what further ones would.
    Series,
}

/// Differences over this many standard deviations of a count: short ones are nearer to derivatives, long ones enlarge errors of F less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A tenth, for integrals.
    Short,
    /// One, for averages that are sampled.
    Long,
}

/// Networks with weights that sum to 1, by which their predictions are averaged: the mean over the second layers of a law.
///
/// Signs: all compositions up to width 8, beyond it three of the binomial law's first moments. Gaussian and uniform weights:
/// all multisets of quadrature nodes up to 4 drawn neurons, beyond it the second derivatives of F that a multinomial law
/// needs, up to `O(p^{-3/2})`. The typical network comes first where there is one. THEORY.md (20).
pub(crate) fn compositions(law: &NetworkLaw, reach: Reach) -> (Averaging, Vec<(f64, Population)>) {
    let single = || {
        (
            Averaging::Probabilities,
            vec![(1.0, Population::of_law(law))],
        )
    };
    match (law.second_layer, law.pairing) {
        _ if law.starts_one_by_one() => single(),
        (SecondLayer::Rademacher, Pairing::Independent) => (Averaging::Probabilities, signs(law)),
        (SecondLayer::Gaussian | SecondLayer::Uniform, _) => continuous(law, reach),
        (SecondLayer::Rademacher | SecondLayer::Ones, _) => single(),
    }
}

fn signs(law: &NetworkLaw) -> Vec<(f64, Population)> {
    const FEW: usize = 8;
    let p = law.width as f64;
    let of = |positive: f64| Population::of_counts(law, &[(1.0, positive), (-1.0, p - positive)]);
    if law.width <= FEW {
        let mut weight = 0.5f64.powi(law.width as i32);
        let mut all = Vec::new();
        for positive in 0..=law.width {
            all.push((weight, of(positive as f64)));
            weight *= (p - positive as f64) / (positive as f64 + 1.0);
        }
        return all;
    }
    // The rule of three points of a normal of variance p / 4.
    let far = (0.75 * p).sqrt();
    [(2.0 / 3.0, 0.0), (1.0 / 6.0, -far), (1.0 / 6.0, far)]
        .map(|(weight, shift)| (weight, of(0.5 * p + shift)))
        .to_vec()
}

fn continuous(law: &NetworkLaw, reach: Reach) -> (Averaging, Vec<(f64, Population)>) {
    let drawn = law.pairing.drawn(law.width);
    let nodes = match drawn {
        0 | 1 => 7,
        2 => 4,
        3 | 4 => 3,
        _ => return (Averaging::Series, second_order(law, drawn as f64, reach)),
    };
    (Averaging::Probabilities, multisets(law, drawn, nodes))
}

/// So many weights of either sign that stand for a continuous law, with their probabilities.
fn rule(law: &NetworkLaw, nodes: usize) -> Vec<(f64, f64)> {
    let half = sizes(law.second_layer, nodes);
    let signed = |sign: f64| half.iter().map(move |(a, weight)| (sign * a, 0.5 * weight));
    signed(1.0).chain(signed(-1.0)).collect()
}

/// Every way of drawing so many neurons from the nodes of a rule.
fn multisets(law: &NetworkLaw, drawn: usize, nodes: usize) -> Vec<(f64, Population)> {
    let rule = rule(law, nodes);
    let mut all = vec![(1.0, drawn, Vec::new())];
    for (place, (second, probability)) in rule.iter().enumerate() {
        let last = place + 1 == rule.len();
        let extended = all.iter().flat_map(|(weight, left, kinds)| {
            let counts = if last { *left..=*left } else { 0..=*left };
            counts.map(move |count| {
                // The factor of the multinomial coefficient: `left` over `count`.
                let ways = (0..count).fold(1.0, |w, j| w * (left - j) as f64 / (j + 1) as f64);
                let mut kinds: Vec<(f64, f64)> = kinds.clone();
                kinds.push((*second, count as f64));
                (
                    weight * ways * probability.powi(count as i32),
                    left - count,
                    kinds,
                )
            })
        });
        all = extended.collect();
    }
    let of =
        |(weight, _, kinds): &(f64, usize, Vec<_>)| (*weight, Population::of_counts(law, kinds));
    all.iter().map(of).collect()
}

/// The typical network, and beside it what the spread of the counts adds: their covariance is `p sum_k q_k v_k v_k^T` with
/// `v_k = e_k - q`, of a rule of few nodes with probabilities q, so that the mean of F is `F + (1/2) sum_k p q_k F''` along the
/// v_k, up to higher derivatives. No count becomes negative.
fn second_order(law: &NetworkLaw, drawn: f64, reach: Reach) -> Vec<(f64, Population)> {
    const NODES: usize = 3;
    let rule = rule(law, NODES);
    let moved = |kind: usize, by: f64| {
        let count = move |(k, (second, q)): (usize, &(f64, f64))| {
            (*second, q * (drawn - by) + if k == kind { by } else { 0.0 })
        };
        let counts: Vec<_> = rule.iter().enumerate().map(count).collect();
        Population::of_counts(law, &counts)
    };
    let reach = match reach {
        Reach::Short => 0.1,
        Reach::Long => 1.0,
    };
    let (mut all, mut beside) = (vec![(1.0, Population::of_law(law))], 0.0);
    for (kind, (_, q)) in rule.iter().enumerate() {
        let expected = drawn * q;
        let step = reach * expected.sqrt().min(expected);
        let weight = 0.5 * expected / (step * step);
        all.push((weight, moved(kind, step)));
        all.push((weight, moved(kind, -step)));
        beside -= 2.0 * weight;
    }
    all.push((beside, moved(0, 0.0)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::network::{Bias, FirstLayer, Initial, Output};

    fn law(width: usize, second_layer: SecondLayer, pairing: Pairing) -> NetworkLaw {
        NetworkLaw {
            width,
            activation: Activation::parse("relu(x)").unwrap(),
            first_layer: FirstLayer::Sphere,
            second_layer,
            pairing,
            bias: Bias::Zero,
            start: Initial::Drawn,
            gain: 1.0,
            output: Output::Plain,
        }
    }

    #[test]
    fn compositions_have_the_width_and_the_moments_of_their_law() {
        let powers = [
            (SecondLayer::Rademacher, 1.0),
            (SecondLayer::Gaussian, 1.0),
            (SecondLayer::Uniform, 1.0 / 3.0),
        ];
        for (second_layer, power) in powers {
            for (width, pairing) in [1, 2, 3, 4, 8, 40]
                .map(|p| (p, Pairing::Independent))
                .into_iter()
                .chain([2, 6, 40].map(|p| (p, Pairing::Symmetric)))
            {
                let p = width as f64;
                for reach in [Reach::Short, Reach::Long] {
                    let (_, all) = compositions(&law(width, second_layer, pairing), reach);
                    let of = |f: &dyn Fn(f64) -> f64, population: &Population| -> f64 {
                        let classes = population.classes.iter();
                        classes.map(|class| class.count * f(class.second)).sum()
                    };
                    let mean = |f: &dyn Fn(&Population) -> f64| -> f64 {
                        all.iter().map(|(weight, p)| weight * f(p)).sum()
                    };
                    let shown = format!("{second_layer:?} {width} {pairing:?}");
                    let close = |found: f64, exact: f64| {
                        assert!(
                            (found - exact).abs() < 1e-6 * p,
                            "{shown}: {found}, not {exact}"
                        );
                    };
                    for (_, population) in &all {
                        close(population.width(), p);
                    }
                    close(mean(&|_| 1.0), 1.0);
                    close(mean(&|p| of(&|a| a * a, p)), p * power);
                    close(mean(&|p| of(&|a| a, p)), 0.0);
                    let spread = match pairing {
                        Pairing::Independent => p * power,
                        Pairing::Symmetric => 0.0,
                    };
                    close(mean(&|p| of(&|a| a, p).powi(2)), spread);
                    // No polynomial: of two sizes of weights the one of width 4 would be wrong by 0.0047.
                    if width <= 4 && second_layer == SecondLayer::Gaussian {
                        let drawn = pairing.drawn(width) as f64;
                        let each = p / drawn;
                        let exact = (1.0 + 0.5 * each).powf(-0.5 * drawn);
                        let found = mean(&|p| (-0.25 * of(&|a| a * a, p)).exp());
                        assert!(
                            (found / exact - 1.0).abs() < 3e-3,
                            "{shown}: {found}, not {exact}"
                        );
                    }
                }
            }
        }
    }
}
