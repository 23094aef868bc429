//! One giant step.

use faer::{Mat, MatRef};

use crate::activation::Activation;
use crate::batch::{BatchId, Engine, Panel, Sweep};
use crate::columns;
use crate::directions::Directions;
use crate::labels::{Labels, RemovedPart};
use crate::network::{Network, Start, shift};
use crate::readout::{add_moments, moment_sums};
use crate::real::Real;
use crate::train::{Geometry, Layer, LookaheadKind, Loss, Memory, Pointwise, Protocol, Update};
use crate::watch::{Interrupted, Watch};

/// All that a gradient depends on besides the network and the batch.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    /// The activation sigma.
    pub activation: &'a Activation,
    /// The factor g of the output `(g/sqrt p) sum_i a_i sigma`.
    pub gain: f64,
    /// The network whose output is subtracted, if any.
    pub start: Option<Start<'a>>,
    /// Where labels come from.
    pub labels: Labels<'a>,
    /// What is removed from them.
    pub removed: &'a RemovedPart,
    /// Name of the batch.
    pub id: BatchId,
    /// The number of rows of the pass.
    pub rows: u64,
    /// Which rows of the batch these are; none for all.
    pub part: Option<&'a [u64]>,
    /// Whether to stop, and whom to tell.
    pub watch: Watch<'a>,
}

/// The descent direction of the trained layers on one batch, and what the pass saw on the way.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// `G_i = (g a_i / sqrt p) (1/n) sum_v x_v sigma'(<w_i, x_v> + b_i) rho_v`, p x d; the step is `w_i <- w_i + eta G_i`.
    pub directions: Directions,
    /// `(g / sqrt p) (1/n) sum_v sigma(<w_i, x_v> + b_i) rho_v` of each a_i; nothing if they are frozen.
    pub second: Vec<f64>,
    /// `(g a_i / sqrt p) (1/n) sum_v sigma'(<w_i, x_v> + b_i) rho_v` of each b_i; nothing if they are frozen.
    pub bias: Vec<f64>,
    /// `(1/n) sum_v (y_v - f(x_v))^2` before the step, labels as they are trained on.
    pub train_error: f64,
    /// `(1/n) sum_v y_v^2` of the same labels.
    pub label_power: f64,
    /// The residual that was followed.
    pub residual: Residual,
}

/// The residual of the loss that is in force at a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Residual {
    /// `y - f`, of the squared loss.
    Error,
    /// `y`, of the correlation loss.
    Label,
    /// `-dl/df`, of any other loss.
    Of(Pointwise),
}

impl Loss {
    /// The residual at the next step, given what the last one saw.
    fn residual(&self, last: Option<&Gradient>) -> Residual {
        match (self, last) {
            (Loss::Squared, _) => Residual::Error,
            (Loss::Pointwise(loss), _) => Residual::Of(loss.clone()),
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

/// Which layers have a gradient besides the first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers {
    /// The second layer.
    pub second: bool,
    /// The biases.
    pub biases: bool,
}

impl Layers {
    /// Those that a protocol trains.
    pub fn of(protocol: &Protocol) -> Self {
        Self {
            second: protocol.second_layer.is_trained(),
            biases: protocol.biases.is_trained(),
        }
    }
}

/// What the pass of a gradient sums besides, of the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Besides {
    Nothing,
    /// The sums of [`add_moments`], of which a readout on the same rows is made: `n p^2` flops more.
    Moments,
}

/// The descent direction at a network, in one pass over the batch.
///
/// `4 n d p` flops on the direct engine, `O(n p (p + r))` on the in-law engine for a batch used once, and `2 n p`
/// activations; a trained second layer and a start that is subtracted take `n p` activations each. `last` decides which
/// residual [`Loss::CorrelationUntil`] takes. The paper's Algorithm 1, THEORY.md (2).
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for.
pub fn gradient<E: Engine>(
    network: &Network,
    (loss, layers): (&Loss, Layers),
    last: Option<&Gradient>,
    engine: &mut E,
    batch: &mut E::Batch,
    step: StepContext<'_>,
) -> Result<Gradient, Interrupted> {
    let asked = (loss, layers, Besides::Nothing);
    let (gradient, _) = gradient_besides(network, asked, last, engine, batch, step)?;
    Ok(gradient)
}

/// [`gradient`], and the sums that were asked for besides, in the same pass.
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for.
pub(crate) fn gradient_besides<E: Engine>(
    network: &Network,
    (loss, layers, besides): (&Loss, Layers, Besides),
    last: Option<&Gradient>,
    engine: &mut E,
    batch: &mut E::Batch,
    step: StepContext<'_>,
) -> Result<(Gradient, Vec<f64>), Interrupted> {
    let first = &network.first;
    let p = first.rows();
    let r = step.labels.target.r;
    let residual = loss.residual(last);
    let removed = &step.removed.linear;
    let mut known = vec![first, step.labels.directions, removed];
    known.extend(step.start.map(|start| &start.network.first));
    let directions = Directions::stack(&known);
    let output_scale = network.weights(step.gain);
    let seconds = if layers.second { p } else { 0 };
    let biases = if layers.biases { p } else { 0 };
    let own = 2 + seconds + biases;
    let root = 1.0 / (p as f64).sqrt();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let rows = panel.rows;
        let mut scratch = std::mem::take(panel.scratch);
        scratch.resize(4 * rows, E::Real::from_f64(0.0));
        let (labels, rest) = scratch.split_at_mut(rows);
        let (errors, rest) = rest.split_at_mut(rows);
        let (column, slopes) = rest.split_at_mut(rows);
        step.labels.write(step.id, panel, p, labels);
        step.removed.subtract(panel, p + r, labels);
        errors.copy_from_slice(labels);
        shift(&network.bias, panel, 0);
        let values = step.activation.on(&panel.fields[..p * rows]);
        match besides {
            Besides::Nothing => {
                for (i, scale) in output_scale.iter().enumerate() {
                    values.add(i, panel.field(i), -scale, errors, column);
                }
            }
            Besides::Moments => {
                let mut phi = Vec::with_capacity(p * rows);
                for (i, scale) in output_scale.iter().enumerate() {
                    values.write(i, panel.field(i), column);
                    columns::add_scaled(errors, -scale, column);
                    phi.extend(column.iter().map(|value| root * value.to_f64()));
                }
                let phi = MatRef::from_column_major_slice(&phi, rows, p);
                let labels: Vec<f64> = labels.iter().map(|y| y.to_f64()).collect();
                add_moments(phi, &labels, &mut panel.sums[own..]);
            }
        }
        if let Some(start) = step.start {
            start.add_output(
                step.activation,
                panel,
                p + r + removed.rows(),
                column,
                errors,
            );
        }
        panel.sums[0] += columns::power(errors);
        panel.sums[1] += columns::power(labels);
        let residuals = match &residual {
            Residual::Error => errors,
            Residual::Label => labels,
            Residual::Of(loss) => {
                // What the output leaves of the labels becomes the output.
                for (error, label) in errors.iter_mut().zip(labels.iter()) {
                    *error = *label - *error;
                }
                loss.residual_column(labels, errors, slopes);
                slopes
            }
        };
        let derivatives = step.activation.slopes_on(&panel.fields[..p * rows]);
        for (i, scale) in output_scale.iter().enumerate() {
            if seconds > 0 {
                values.write(i, panel.field(i), column);
                panel.sums[2 + i] += columns::dot(column, residuals);
            }
            if biases > 0 {
                derivatives.write(i, panel.field(i), column);
                panel.sums[2 + seconds + i] += columns::dot(column, residuals);
                columns::scaled_product(panel.field_mut(i), *scale, column, residuals);
            } else {
                derivatives.multiply(i, panel.field_mut(i), *scale, residuals, column);
            }
        }
        *panel.scratch = scratch;
    };
    let sweep = Sweep {
        directions: &directions,
        coefficients: p,
        sums: match besides {
            Besides::Nothing => own,
            Besides::Moments => own + moment_sums(p),
        },
        part: step.part,
    };
    let mut swept = engine.sweep(batch, sweep, &visit, step.watch)?;
    let scale = 1.0 / step.rows as f64;
    swept.backward.scale(|_| scale);
    let moments = swept.sums.split_off(own);
    let (second, bias) = swept.sums[2..].split_at(seconds);
    let unit = scale * step.gain / (p as f64).sqrt();
    let bias = bias.iter().zip(&output_scale);
    let gradient = Gradient {
        directions: swept.backward,
        second: second.iter().map(|sum| sum * unit).collect(),
        bias: bias.map(|(sum, weight)| sum * weight * scale).collect(),
        train_error: swept.sums[0] * scale,
        label_power: swept.sums[1] * scale,
        residual,
    };
    Ok((gradient, moments))
}

/// What updates of the layers carry from one step to the next.
#[derive(Debug, Clone, Default)]
pub struct Memories {
    /// Of the first layer.
    pub first: Memory,
    second: Memory,
    bias: Memory,
}

/// Takes one giant step in place and returns the gradient that was followed: after lookahead, and without its radial
/// part on spherical steps; clipping, momentum and the rule of the update come after. THEORY.md (2).
///
/// One gradient pass, two with lookahead; one less if the gradient at the network is known. `number` is that of the step, 1 for
/// the first.
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for; network and memories are then unchanged.
pub fn advance<E: Engine>(
    (network, memories): (&mut Network, &mut Memories),
    (number, protocol): (u32, &Protocol),
    (last, known): (Option<&Gradient>, Option<Gradient>),
    engine: &mut E,
    batch: &mut E::Batch,
    step: StepContext<'_>,
) -> Result<Gradient, Interrupted> {
    let objective = (&protocol.loss, Layers::of(protocol));
    let mut followed = match known {
        Some(gradient) => gradient,
        None => gradient(network, objective, last, engine, batch, step)?,
    };
    if let Some(lookahead) = protocol.lookahead {
        let radius = match lookahead.kind {
            LookaheadKind::Extragradient => lookahead.radius,
            LookaheadKind::SharpnessAware => -lookahead.radius,
        };
        let mut displaced = network.clone();
        displaced.first.add_scaled(|_| radius, &followed.directions);
        let ahead = gradient(&displaced, objective, last, engine, batch, step)?;
        followed.directions = ahead.directions;
    }
    let first = &mut network.first;
    if protocol.geometry == Geometry::Spherical {
        let along = first.row_products(&followed.directions);
        let squared = first.row_products(first);
        followed
            .directions
            .add_scaled(|i| -along[i] / squared[i], first);
    }
    let update = &protocol.update;
    let size = protocol.step_size.at(number);
    let change = update.change(&followed.directions, &mut memories.first, E::Real::EPSILON);
    if update.weight_decay > 0.0 {
        first.scale(|_| 1.0 - size * update.weight_decay);
    }
    first.add_scaled(|_| size, &change);
    if protocol.geometry != Geometry::Plain {
        let norms = first.norms();
        first.scale(|i| 1.0 / norms[i]);
    }
    if let Layer::Trained(size) = &protocol.second_layer {
        let size = size.at(number);
        follow(
            &mut network.second,
            &followed.second,
            &mut memories.second,
            update,
            size,
        );
    }
    if let Layer::Trained(size) = &protocol.biases {
        let size = size.at(number);
        follow(
            &mut network.bias,
            &followed.bias,
            &mut memories.bias,
            update,
            size,
        );
    }
    Ok(followed)
}

/// The step of a layer of single weights.
fn follow(weights: &mut [f64], gradient: &[f64], memory: &mut Memory, update: &Update, size: f64) {
    let gradient = Directions::new(Mat::from_fn(gradient.len(), 1, |i, _| gradient[i]));
    let change = update
        .of_single_weights()
        .change(&gradient, memory, f64::EPSILON);
    for (i, weight) in weights.iter_mut().enumerate() {
        *weight = *weight * (1.0 - size * update.weight_decay) + size * change.entry(i, 0);
    }
}
