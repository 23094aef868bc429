//! Steps that are more than the gradient times the step size: clipping, momentum, normalised and polar steps, weight decay.
//!
//! All of them are `W <- A W + B G` with coefficients made of Gram matrices, which the recursion (20) has: of vectors of
//! `R^d` it needs their products with the target directions, with the rows of W and with each other. THEORY.md (68).

use faer::Mat;

use crate::theory::population::{ClassMatrix, Population};
use crate::train::{Clip, Momentum, Rule, Update};

/// Vectors of `R^d`, one for each neuron, by their products; in units in which the gradient is `G p`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Followed {
    /// With the target directions, `K x r`.
    pub(super) target: Mat<f64>,
    /// With the rows of W.
    pub(super) weights: ClassMatrix,
    /// With the rows at the start.
    pub(super) start: ClassMatrix,
    /// With each other.
    pub(super) gram: ClassMatrix,
}

impl Followed {
    /// `L V`.
    fn multiplied(&self, left: &ClassMatrix, population: &Population) -> Self {
        Self {
            target: left.on_rows(&self.target, population),
            weights: left.times(&self.weights, population),
            start: left.times(&self.start, population),
            gram: left
                .times(&self.gram, population)
                .times(&left.transposed(), population),
        }
    }

    /// `self + scale other`, whose products with self are `cross`.
    fn plus(&self, scale: f64, other: &Self, cross: &ClassMatrix) -> Self {
        Self {
            target: &self.target + faer::Scale(scale) * &other.target,
            weights: self.weights.plus(scale, &other.weights),
            start: self.start.plus(scale, &other.start),
            gram: self
                .gram
                .plus(scale, cross)
                .plus(scale, &cross.transposed())
                .plus(scale * scale, &other.gram),
        }
    }
}

/// A step about to be taken.
pub(super) struct Taking<'a> {
    pub(super) update: &'a Update,
    pub(super) population: &'a Population,
    /// `O Q_perp^+`: what the gradient has of the weights across the target.
    pub(super) across: &'a ClassMatrix,
    /// M.
    pub(super) overlap: &'a Mat<f64>,
    /// `eta / p`.
    pub(super) rate: f64,
}

impl Taking<'_> {
    /// What becomes of the weights' own part: `1 - eta omega`.
    pub(super) fn keep(&self) -> f64 {
        1.0 - self.rate * self.population.width() * self.update.weight_decay
    }

    /// The change of the weights in units of `eta / p`, and the velocity that is left, whose products with W are those with the
    /// weights after the step, before rows are rescaled. None if a matrix has no spectrum.
    pub(super) fn change(
        &self,
        gradient: Followed,
        velocity: Option<Followed>,
    ) -> Option<(Followed, Option<Followed>)> {
        let population = self.population;
        let overlaps = gradient.target.clone();
        let shorter = self
            .update
            .clip
            .map(|clip| self.clipped(clip, &gradient.gram));
        let clipped = match &shorter {
            Some(left) => gradient.multiplied(left, population),
            None => gradient,
        };
        let Some(momentum) = self.update.momentum else {
            let left = self.rule(&clipped.gram)?;
            return Some((self.ruled(&clipped, &left), None));
        };
        let (Momentum::HeavyBall(mu) | Momentum::Nesterov(mu)) = momentum;
        let zero = ClassMatrix::zeros(population.len());
        // G V^T.
        let with_old = match &velocity {
            None => zero,
            Some(velocity) => {
                let mut product = self.with(&overlaps, velocity);
                if let Some(left) = &shorter {
                    product = left.times(&product, population);
                }
                product
            }
        };
        let (new, with_new) = match &velocity {
            None => (clipped.clone(), clipped.gram.clone()),
            Some(velocity) => (
                clipped.plus(mu, velocity, &with_old),
                clipped.gram.plus(mu, &with_old),
            ),
        };
        // What is followed, and the velocity's products with it.
        let (followed, with_followed) = match momentum {
            Momentum::HeavyBall(_) => (new.clone(), new.gram.clone()),
            Momentum::Nesterov(_) => (
                clipped.plus(mu, &new, &with_new),
                with_new.transposed().plus(mu, &new.gram),
            ),
        };
        let left = self.rule(&followed.gram)?;
        let change = self.ruled(&followed, &left);
        let with_change = match &left {
            Some(left) => with_followed.times(&left.transposed(), population),
            None => with_followed,
        };
        let keep = self.keep();
        let kept = Followed {
            weights: new
                .weights
                .map(|_, _, value| keep * value)
                .plus(self.rate, &with_change),
            ..new
        };
        Some((change, Some(kept)))
    }

    /// `G V^T` of a gradient on a fresh batch: what it has of the target and of the weights.
    fn with(&self, gradient: &Mat<f64>, velocity: &Followed) -> ClassMatrix {
        let mut across = velocity.weights.transposed();
        across.cross -= self.overlap * velocity.target.transpose();
        let mut product = self.across.times(&across, self.population);
        product.cross += gradient * velocity.target.transpose();
        product
    }

    fn clipped(&self, clip: Clip, gram: &ClassMatrix) -> ClassMatrix {
        let width = self.population.width();
        let norm = |c: usize| gram.diagonal(c).max(0.0).sqrt() / width;
        let shorter = |most: f64, norm: f64| if norm > most { most / norm } else { 1.0 };
        match clip {
            Clip::Rows(most) => self.diagonal(|c| shorter(most, norm(c))),
            Clip::Whole(most) => {
                let classes = self.population.classes.iter().enumerate();
                let whole: f64 = classes
                    .map(|(c, class)| class.count * norm(c).powi(2))
                    .sum();
                self.diagonal(|_| shorter(most, whole.sqrt()))
            }
        }
    }

    /// The matrix in front of what is followed; none for the gradient itself.
    fn rule(&self, gram: &ClassMatrix) -> Option<Option<ClassMatrix>> {
        let width = self.population.width();
        Some(match self.update.rule {
            Rule::Normalised => Some(self.diagonal(|c| width / gram.diagonal(c).sqrt())),
            Rule::Polar => Some(gram.inverse_root(self.population)?.map(|_, _, x| width * x)),
            // Those of coordinates are no function of Gram matrices.
            Rule::Gradient | Rule::Sign | Rule::Adam(_) => None,
        })
    }

    fn ruled(&self, followed: &Followed, left: &Option<ClassMatrix>) -> Followed {
        match left {
            Some(left) => followed.multiplied(left, self.population),
            None => followed.clone(),
        }
    }

    fn diagonal(&self, entry: impl Fn(usize) -> f64) -> ClassMatrix {
        let k = self.population.len();
        ClassMatrix {
            own: Mat::from_fn(k, k, |c, e| if c == e { entry(c) } else { 0.0 }),
            cross: Mat::zeros(k, k),
        }
    }
}
