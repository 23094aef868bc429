//! Gaussian equivalence: the readout on a network's features, beside Gaussian features that should give the same error.
//!
//! For n, p, d of one order, the ridge readout cannot tell random features `sigma(<w_i, x>)` from linear functions of
//! the input plus independent Gaussian noise, nor the target from its linear part plus noise: *Gaussian equivalence*.
//! A giant step gives all weights a common direction, along which the features are far from linear, and the
//! equivalence fails. It holds again given the projections `kappa = U x` on what the step has found: *conditional
//! Gaussian equivalence*, with coefficients that depend on kappa. [`Equivalence`] measures all three on the same
//! weights and inputs. THEORY.md (34) to (36).

mod conditional;
mod marginal;

use faer::Mat;

use crate::batch::{Access, BatchId, Direct, DirectionsLaw, Engine, Purpose, Role, Stream, any};
use crate::directions::Directions;
use crate::equivalence::conditional::Drawn;
use crate::equivalence::marginal::Marginal;
use crate::evaluate::{Moments, errors};
use crate::experiment::Experiment;
use crate::labels::{Labels, RemovedPart};
use crate::network::{Bias, Network};
use crate::readout::{Features, Fitted, Readout, Ridge, RidgeError, Samples, fit};
use crate::real::{Precision, Real};
use crate::run::{Outcome, run_on};
use crate::spectrum::Singular;
use crate::theory::ConditionalError;
use crate::theory::conditional::Conditional;
use crate::watch::{Interrupted, Watch};

/// Directions U of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// None.
    Nothing,
    /// The leading right singular directions of `W - W0`: what the steps have found, target and noise.
    Spikes(usize),
    /// The target's directions.
    Target,
    /// This many random directions, which should be as good as none.
    Random(usize),
}

/// Gaussian features and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaussian {
    /// Linear functions of the input plus independent noise, with coefficients that are functions of the projections
    /// `kappa = U x`: the equivalent of random features if nothing is known, the conditional equivalent otherwise.
    Conditional(Known),
    /// One Gaussian vector with the mean and covariance that the conditional model has: all that a Gaussian without
    /// conditioning can match.
    Marginal(Known),
}

/// A comparison of feature models after the steps of an experiment.
#[derive(Debug, Clone, Copy)]
pub struct Equivalence<'a> {
    /// Target, network, steps, ridge and test samples; the readout is fitted after the last step.
    pub experiment: &'a Experiment,
    /// The fresh samples n on which readouts are fitted.
    pub samples: u64,
    /// The Gaussian features.
    pub models: &'a [Gaussian],
}

/// Test errors `E (y - f)^2` at one ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// The ridge lambda; with leave-one-out the one chosen for the network.
    pub ridge: f64,
    /// On the network's features.
    pub network: f64,
    /// On Gaussian features, in the order of the models.
    pub gaussian: Vec<f64>,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum EquivalenceError {
    /// The steps did not end well.
    #[error(
        "no features to compare: weight {neuron} ceased to be finite in step {step}; take a smaller step"
    )]
    Diverged {
        /// The step, from 1.
        step: u32,
        /// The neuron, from 1.
        neuron: u32,
    },
    /// More directions than there are.
    #[error(
        "there are {found} directions of this kind to condition on, not {wanted}; ask for fewer"
    )]
    Directions {
        /// As many were asked for.
        wanted: usize,
        /// As many there are: d, or the rank of `W - W0`.
        found: usize,
    },
    /// The models are of other features.
    #[error(
        "Gaussian features stand for those of Gaussian inputs and neurons without biases, with labels of a link that draws \
         nothing; the experiment has others"
    )]
    Setting,
    /// There is no Gaussian model given these directions.
    #[error(transparent)]
    Conditional(#[from] ConditionalError),
    /// The singular vectors of the change of the weights were not found.
    #[error("the singular value decomposition of W - W0 ({width} x {dimension}) failed")]
    Singular {
        /// p.
        width: usize,
        /// d.
        dimension: usize,
    },
    /// A readout has no solution.
    #[error(transparent)]
    Ridge(#[from] RidgeError),
    /// The end of the work was asked for.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Equivalence<'_> {
    /// [`Self::measure`] on explicit inputs of the experiment's dimension, drawn in `precision`.
    ///
    /// # Errors
    /// [`EquivalenceError`], with the reason.
    pub fn run(
        &self,
        directions: DirectionsLaw,
        precision: Precision,
        seed: u64,
        watch: Watch<'_>,
    ) -> Result<Vec<Errors>, EquivalenceError> {
        let d = self.experiment.protocol.dimension as usize;
        match precision {
            Precision::F32 => {
                self.measure(&mut Direct::<f32>::new(d, directions, seed), seed, watch)
            }
            Precision::F64 => {
                self.measure(&mut Direct::<f64>::new(d, directions, seed), seed, watch)
            }
        }
    }

    /// Trains, then fits and tests a readout on each feature model: one [`Errors`] for each ridge.
    ///
    /// All models see the same inputs, so that their errors differ by less than each fluctuates over seeds. The
    /// network's errors are those of [`crate::run()`] with a fresh readout batch of the same size.
    /// Cost beside the steps: `O((n + n_test) p (d + p))` flops for each model, 150 activations a point of its tables
    /// and, with directions, a link on up to 4096 points a sample; `O(min(p, d)^2 max(p, d))` for singular vectors.
    /// Regime: `n, p = Theta(d)`, steps on `Theta(d)` samples. THEORY.md (34) to (36).
    ///
    /// # Errors
    /// [`EquivalenceError`], with the reason.
    pub fn measure<T: Real>(
        &self,
        engine: &mut Direct<T>,
        seed: u64,
        watch: Watch<'_>,
    ) -> Result<Vec<Errors>, EquivalenceError> {
        let experiment = self.experiment;
        let plain = experiment.network.bias == Bias::Zero && !experiment.target.link.is_random();
        if !experiment.has_gaussian_inputs() || !plain {
            return Err(EquivalenceError::Setting);
        }
        let steps_alone = self.experiment.steps_alone();
        let trained = run_on(&steps_alone, &mut *engine, seed, &watch);
        match trained.outcome {
            Outcome::Diverged { step, neuron } => {
                return Err(EquivalenceError::Diverged { step, neuron });
            }
            Outcome::Interrupted { .. } => return Err(Interrupted.into()),
            Outcome::Completed | Outcome::NoReadout { .. } => {}
        }
        let (first, target) = (&trained.network.first, &trained.target);
        let features = Features {
            first,
            bias: &[],
            start: None,
            activation: &self.experiment.network.activation,
            labels: Labels {
                target: &self.experiment.target,
                directions: target,
                seed,
            },
            removed: &RemovedPart::nothing(),
            id: self.batch(Purpose::Readout),
            rows: self.samples,
            part: None,
            watch,
        };
        let tested = Features {
            id: self.batch(Purpose::Test),
            rows: self.experiment.test_samples,
            ..features
        };
        let (fitted, network) = self.readout(features, tested, engine)?;
        let mut gaussian = Vec::new();
        for model in self.models {
            let (Gaussian::Conditional(known) | Gaussian::Marginal(known)) = *model;
            let known = self.directions(known, &trained.network, target, engine, seed)?;
            let given = Conditional::new(
                (first, features.bias, features.activation),
                (target, &self.experiment.target.link),
                known,
            )?;
            let errors = match model {
                Gaussian::Conditional(_) => {
                    let drawn = |features| Drawn {
                        features,
                        model: &given,
                    };
                    self.readout(drawn(features), drawn(tested), engine)?.1
                }
                Gaussian::Marginal(_) => {
                    let marginal = Marginal::new(features, &given)?;
                    let drawn = |features| Drawn {
                        features,
                        model: &marginal,
                    };
                    self.readout(drawn(features), drawn(tested), engine)?.1
                }
            };
            gaussian.push(errors);
        }
        let of_ridge = |(k, fitted): (usize, &Fitted)| Errors {
            ridge: fitted.ridge,
            network: network[k],
            gaussian: gaussian.iter().map(|errors| errors[k]).collect(),
        };
        Ok(fitted.iter().enumerate().map(of_ridge).collect())
    }

    fn batch(&self, purpose: Purpose) -> BatchId {
        BatchId {
            purpose,
            index: u64::from(self.experiment.protocol.steps),
        }
    }

    /// The readouts of one model and their errors.
    fn readout<T: Real>(
        &self,
        samples: impl Samples,
        tested: impl Samples,
        engine: &mut Direct<T>,
    ) -> Result<(Vec<Fitted>, Vec<f64>), EquivalenceError> {
        let engine = &mut any(engine);
        let access = match self.experiment.readout.ridge {
            Ridge::Values(_) => Access::Once,
            Ridge::LeaveOneOut(_) => Access::Many,
        };
        let id = self.batch(Purpose::Readout);
        let mut batch = engine.open(id, samples.rows(), access);
        let (fitted, _) = fit(&self.experiment.readout, samples, engine, &mut batch)?;
        let readouts: Vec<Readout> = fitted.iter().map(|fit| fit.readout.clone()).collect();
        let id = self.batch(Purpose::Test);
        let mut batch = engine.open(id, tested.rows(), Access::Once);
        let found = errors(&readouts, (None, Moments::Left), tested, engine, &mut batch)?;
        Ok((fitted, found.readouts))
    }

    /// Orthonormal rows U (s x d).
    fn directions<T: Real>(
        &self,
        known: Known,
        network: &Network,
        target: &Directions,
        engine: &mut Direct<T>,
        seed: u64,
    ) -> Result<Directions, EquivalenceError> {
        let (width, dimension) = (network.first.rows(), network.first.columns());
        let enough = |wanted, found| match wanted <= found {
            true => Ok(()),
            false => Err(EquivalenceError::Directions { wanted, found }),
        };
        match known {
            Known::Nothing => Ok(Directions::none()),
            Known::Target => Ok(target.clone()),
            Known::Random(count) => {
                enough(count, dimension)?;
                let mut normals = Mat::<f64>::zeros(dimension, count);
                for k in 0..count {
                    Stream::new(seed, Role::Random, 0, k as u64)
                        .fill_normal(normals.col_as_slice_mut(k));
                }
                Ok(normals.qr().compute_thin_Q().transpose().to_owned().into())
            }
            Known::Spikes(count) => {
                // The direct engine draws the same weights again.
                let initial = self.experiment.network.draw(engine, target, seed).first;
                let mut change = network.first.clone();
                change.add_scaled(|_| -1.0, &initial);
                let failed = || EquivalenceError::Singular { width, dimension };
                let right = Singular::of(&change).ok_or_else(failed)?;
                enough(count, right.rank())?;
                Ok(right.leading(count))
            }
        }
    }
}
