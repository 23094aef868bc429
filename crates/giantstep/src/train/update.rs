//! What is made of a gradient before it is added to the weights: clipping, momentum, the rule, weight decay.
//!
//! All of it but sign and Adam steps is `W <- A W + B G` with coefficients that depend on Gram matrices alone, so it has one
//! law on every engine; these two act on coordinates of R^d. THEORY.md (2).

use std::borrow::Cow;

use faer::{Mat, Side};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directions::Directions;

/// From the direction of descent to the change of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Long gradients are shortened first.
    pub clip: Option<Clip>,
    /// Then remembered.
    pub momentum: Option<Momentum>,
    /// Then changed.
    pub rule: Rule,
    /// The weights are multiplied by `1 - eta omega` as the change is added; 0 for none.
    pub weight_decay: f64,
}

/// How long a gradient may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// `G_i <- G_i min(1, c/|G_i|)`, row by row.
    Rows(f64),
    /// `G <- G min(1, c/|G|)` with the Frobenius norm.
    Whole(f64),
}

/// The memory of a step. `V <- mu V + G` from `V = 0`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Momentum {
    /// V takes the place of G: heavy ball.
    HeavyBall(f64),
    /// `G + mu V` takes the place of G, V with the new G in it: Nesterov's form for one gradient a step.
    Nesterov(f64),
}

/// What is added to the weights, times the step size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// G itself.
    Gradient,
    /// `G_i/|G_i|`, row by row.
    Normalised,
    /// `(G G^T)^(-1/2) G`, the orthogonal factor of G: all of its singular values become 1, those that are rounding 0.
    Polar,
    /// The signs of the entries of G.
    Sign,
    /// Kingma and Ba's ratio of moments, entry by entry.
    Adam(Adam),
}

/// The parameters of Adam, arXiv 1412.6980: `m/(sqrt v + epsilon)` with corrected running means of G and of its squares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// What a step leaves of the mean of G.
    pub beta1: f64,
    /// What a step leaves of the mean of its squares.
    pub beta2: f64,
    /// Added to the root.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

impl Rule {
    /// Whether it acts on single coordinates of R^d, and so depends on the basis.
    pub fn is_of_coordinates(self) -> bool {
        matches!(self, Rule::Sign | Rule::Adam(_))
    }
}

impl Update {
    /// The gradient, times the step size.
    pub const PLAIN: Self = Self {
        clip: None,
        momentum: None,
        rule: Rule::Gradient,
        weight_decay: 0.0,
    };

    /// The same for a list of single weights, such as the second layer: lengths of rows and singular values mean nothing
    /// there, so clipping and the rules made of them stay with the first layer.
    pub fn of_single_weights(self) -> Self {
        let rule = match self.rule {
            rule if rule.is_of_coordinates() => rule,
            _ => Rule::Gradient,
        };
        Self {
            clip: None,
            rule,
            ..self
        }
    }

    /// The lists of p vectors that it carries from one step to the next.
    pub fn remembered(&self) -> usize {
        usize::from(self.momentum.is_some()) + 2 * usize::from(matches!(self.rule, Rule::Adam(_)))
    }

    /// What is added to the weights, times the step size, for the descent direction G of the next step; `resolution` is the
    /// rounding of G relative to its largest singular value.
    ///
    /// Polar steps take `O(p^2 q + p^3)`, all others `O(p q)`.
    pub fn change<'g>(
        &self,
        gradient: &'g Directions,
        memory: &mut Memory,
        resolution: f64,
    ) -> Cow<'g, Directions> {
        let mut change = Cow::Borrowed(gradient);
        if let Some(clip) = self.clip {
            let norms = gradient.norms();
            let whole = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
            let shorter = |i: usize| match clip {
                Clip::Rows(most) => factor(most, norms[i]),
                Clip::Whole(most) => factor(most, whole),
            };
            change.to_mut().scale(shorter);
        }
        if let Some(momentum) = self.momentum {
            let (Momentum::HeavyBall(mu) | Momentum::Nesterov(mu)) = momentum;
            let velocity = match memory.velocity.take() {
                None => change.clone().into_owned(),
                Some(mut velocity) => {
                    velocity.scale(|_| mu);
                    velocity.add_scaled(|_| 1.0, &change);
                    velocity
                }
            };
            match momentum {
                Momentum::HeavyBall(_) => change = Cow::Owned(velocity.clone()),
                Momentum::Nesterov(_) => change.to_mut().add_scaled(|_| mu, &velocity),
            }
            memory.velocity = Some(velocity);
        }
        match self.rule {
            Rule::Gradient => {}
            Rule::Normalised => {
                let norms = change.norms();
                // A row of zeros has no direction.
                let inverse = |i: usize| if norms[i] > 0.0 { 1.0 / norms[i] } else { 0.0 };
                change.to_mut().scale(inverse);
            }
            Rule::Polar => change = Cow::Owned(polar(&change, resolution)),
            Rule::Sign => {
                let entry = |g: f64| if g == 0.0 { 0.0 } else { g.signum() };
                change = Cow::Owned(change.map(|_, _, g| entry(g)));
            }
            Rule::Adam(adam) => change = Cow::Owned(memory.adam(adam, &change)),
        }
        change
    }
}

/// What shortens a vector of length `norm` to at most `most`.
fn factor(most: f64, norm: f64) -> f64 {
    if norm > most { most / norm } else { 1.0 }
}

/// `(G G^T)^(-1/2) G` without the directions whose singular value is below `resolution` times the largest.
fn polar(gradient: &Directions, resolution: f64) -> Directions {
    let p = gradient.rows();
    // Gram matrices halve the digits.
    let least = (resolution * p as f64).max(1e-7);
    match gradient.gram(gradient).self_adjoint_eigen(Side::Lower) {
        Ok(eigen) => {
            let values = eigen.S().column_vector();
            let largest = (0..p).map(|j| values[j]).fold(0.0, f64::max);
            let power = |value: f64| match value > least * least * largest {
                true => 1.0 / value.sqrt(),
                false => 0.0,
            };
            let vectors = eigen.U();
            let scaled = Mat::from_fn(p, p, |i, j| vectors[(i, j)] * power(values[j]));
            gradient.combined(&(scaled * vectors.transpose()))
        }
        // Only of what is not finite; the step then ends as diverged.
        Err(_) => gradient.map(|_, _, _| f64::NAN),
    }
}

/// What updates of one layer carry from one step to the next.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// V of the momentum.
    velocity: Option<Directions>,
    /// Running means of the gradient and of its squares, and the number of steps in them.
    moments: Option<(Directions, Directions, i32)>,
}

impl Memory {
    /// The vectors of R^d among it, which an engine must keep.
    pub fn vectors(&mut self) -> impl Iterator<Item = &mut Directions> {
        self.velocity.as_mut().into_iter().chain(
            self.moments
                .as_mut()
                .into_iter()
                .flat_map(|(mean, square, _)| [mean, square]),
        )
    }

    fn adam(&mut self, adam: Adam, gradient: &Directions) -> Directions {
        let (mut mean, mut square, steps) = self.moments.take().unwrap_or_else(|| {
            let zero = gradient.map(|_, _, _| 0.0);
            (zero.clone(), zero, 0)
        });
        let steps = steps + 1;
        mean = mean.map(|i, j, m| adam.beta1 * m + (1.0 - adam.beta1) * gradient.entry(i, j));
        square = square
            .map(|i, j, v| adam.beta2 * v + (1.0 - adam.beta2) * gradient.entry(i, j).powi(2));
        let (first, second) = (1.0 - adam.beta1.powi(steps), 1.0 - adam.beta2.powi(steps));
        let change =
            mean.map(|i, j, m| (m / first) / ((square.entry(i, j) / second).sqrt() + adam.epsilon));
        self.moments = Some((mean, square, steps));
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polar_step_has_singular_values_of_one_and_keeps_a_missing_rank_missing() {
        let rows = Mat::from_fn(4, 9, |i, j| (((3 + 7 * i.min(2)) * (j + 1)) as f64).sin());
        let polar = polar(&rows.into(), 1e-16);
        let gram = polar.gram(&polar);
        let values = gram.self_adjoint_eigenvalues(Side::Lower).expect("finite");
        // The last two rows are equal.
        for (value, expected) in values.iter().zip([0.0, 1.0, 1.0, 1.0]) {
            assert!((value - expected).abs() < 1e-9, "{values:?}");
        }
    }

    #[test]
    fn a_polar_step_lifts_what_is_small_beside_the_largest() {
        // Two rows a ten-thousandth apart: singular values 1.4 and 7e-5, of which Gram matrices hold the squares.
        let rows = Mat::from_fn(2, 3, |i, j| {
            f64::from(u8::from(j == 0)) + f64::from(u8::from(i == 1 && j == 1)) * 1e-4
        });
        let polar = polar(&rows.into(), 1e-16);
        let gram = polar.gram(&polar);
        let values = gram.self_adjoint_eigenvalues(Side::Lower).expect("finite");
        assert!(
            values.iter().all(|value| (value - 1.0).abs() < 1e-5),
            "{values:?}"
        );
    }

    #[test]
    fn a_zero_gradient_stays_zero_under_every_rule() {
        let zero = Directions::new(Mat::zeros(2, 3));
        for rule in [
            Rule::Gradient,
            Rule::Normalised,
            Rule::Polar,
            Rule::Sign,
            Rule::Adam(Adam::default()),
        ] {
            let update = Update {
                rule,
                clip: Some(Clip::Rows(1.0)),
                ..Update::PLAIN
            };
            let change = update.change(&zero, &mut Memory::default(), 1e-16);
            assert_eq!(change.norms(), [0.0, 0.0], "{rule:?}");
        }
    }
}
