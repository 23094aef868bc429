//! One giant step.

use crate::activation::Activation;
use crate::batch::{BatchId, Engine, Panel, Sweep};
use crate::columns;
use crate::directions::Directions;
use crate::labels::{Labels, RemovedPart};
use crate::real::Real;
use crate::train::protocol::{Geometry, LookaheadKind, Loss, Protocol};
use crate::watch::{Interrupted, Watch};

/// All that a gradient depends on besides the first layer and the batch.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    /// The activation sigma.
    pub activation: &'a Activation,
    /// The second layer a, of order `1/sqrt p`.
    pub second: &'a [f64],
    /// Where labels come from.
    pub labels: Labels<'a>,
    /// What is removed from them.
    pub removed: &'a RemovedPart,
    /// Name of the batch.
    pub id: BatchId,
    /// Size of the batch.
    pub rows: u64,
    /// Whether to stop, and whom to tell.
    pub watch: Watch<'a>,
}

/// The descent direction of the first layer on one batch, and what the pass saw on the way.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// `G_i = (a_i / sqrt p) (1/n) sum_v x_v sigma'(<w_i, x_v>) r_v`, p x d; the step is `w_i <- w_i + eta G_i`.
    pub directions: Directions,
    /// `(1/n) sum_v (y_v - f(x_v))^2` before the step, labels as they are trained on.
    pub train_error: f64,
    /// `(1/n) sum_v y_v^2` of the same labels.
    pub label_power: f64,
    /// The residual that was followed.
    pub residual: Residual,
}

/// The residual of the loss that is in force at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// `y - f`, of the squared loss.
    Error,
    /// `y`, of the correlation loss.
    Label,
}

impl Loss {
    /// The residual at the next step, given what the last one saw.
    fn residual(self, last: Option<&Gradient>) -> Residual {
        match (self, last) {
            (Loss::Squared, _) => Residual::Error,
            (Loss::CorrelationUntil(fraction), Some(seen))
                if seen.residual == Residual::Error
                    || seen.train_error < fraction * seen.label_power =>
            {
                Residual::Error
            }
            _ => Residual::Label,
        }
    }
}

/// The descent direction G (p x d) at `first`, in one pass over the batch.
///
/// `4 n d p` flops on the direct engine, `O(n p (p + r))` on the in-law engine for a batch used once, and `2 n p`
/// activations. `last` decides which residual [`Loss::CorrelationUntil`] takes. The paper's Algorithm 1, THEORY.md (2).
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for.
pub fn gradient<E: Engine>(
    first: &Directions,
    loss: Loss,
    last: Option<&Gradient>,
    engine: &mut E,
    batch: &mut E::Batch,
    step: StepContext<'_>,
) -> Result<Gradient, Interrupted> {
    let p = first.rows();
    let r = step.labels.target.r;
    let residual = loss.residual(last);
    let directions = Directions::stack(&[first, step.labels.directions, &step.removed.linear]);
    let output_scale: Vec<f64> = step.second.iter().map(|a| a / (p as f64).sqrt()).collect();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let rows = panel.rows;
        let mut scratch = std::mem::take(panel.scratch);
        scratch.resize(3 * rows, E::Real::from_f64(0.0));
        let (labels, rest) = scratch.split_at_mut(rows);
        let (errors, column) = rest.split_at_mut(rows);
        step.labels.write(step.id, panel, p, labels);
        step.removed.subtract(panel, p + r, labels);
        errors.copy_from_slice(labels);
        for (i, scale) in output_scale.iter().enumerate() {
            step.activation.value_column(panel.field(i), column);
            columns::add_scaled(errors, -scale, column);
        }
        panel.sums[0] += columns::power(errors);
        panel.sums[1] += columns::power(labels);
        let residuals = match residual {
            Residual::Error => errors,
            Residual::Label => labels,
        };
        for (i, scale) in output_scale.iter().enumerate() {
            step.activation.derivative_column(panel.field(i), column);
            columns::scaled_product(panel.field_mut(i), *scale, column, residuals);
        }
        *panel.scratch = scratch;
    };
    let sweep = Sweep {
        directions: &directions,
        coefficients: p,
        sums: 2,
    };
    let mut swept = engine.sweep(batch, sweep, &visit, step.watch)?;
    let scale = 1.0 / step.rows as f64;
    swept.backward.scale(|_| scale);
    Ok(Gradient {
        directions: swept.backward,
        train_error: swept.sums[0] * scale,
        label_power: swept.sums[1] * scale,
        residual,
    })
}

/// Takes one giant step in place and returns the gradient that was followed: after lookahead, and without its radial
/// part on spherical steps. THEORY.md (2).
///
/// One gradient pass, two with lookahead.
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for; `first` is then unchanged.
pub fn advance<E: Engine>(
    first: &mut Directions,
    protocol: &Protocol,
    last: Option<&Gradient>,
    engine: &mut E,
    batch: &mut E::Batch,
    step: StepContext<'_>,
) -> Result<Gradient, Interrupted> {
    let mut followed = gradient(first, protocol.loss, last, engine, batch, step)?;
    if let Some(lookahead) = protocol.lookahead {
        let radius = match lookahead.kind {
            LookaheadKind::Extragradient => lookahead.radius,
            LookaheadKind::SharpnessAware => -lookahead.radius,
        };
        let mut displaced = first.clone();
        displaced.add_scaled(|_| radius, &followed.directions);
        let ahead = gradient(&displaced, protocol.loss, last, engine, batch, step)?;
        followed.directions = ahead.directions;
    }
    if protocol.geometry == Geometry::Spherical {
        let along = first.row_products(&followed.directions);
        let squared = first.row_products(first);
        followed
            .directions
            .add_scaled(|i| -along[i] / squared[i], first);
    }
    first.add_scaled(|_| protocol.step_size, &followed.directions);
    if protocol.geometry != Geometry::Plain {
        let norms = first.norms();
        first.scale(|i| 1.0 / norms[i]);
    }
    Ok(followed)
}
