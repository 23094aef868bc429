//! Averages over the fields of one state with the fluctuations of single neurons integrated out beforehand.
//!
//! Points of the shared variables come in blocks. What the classes are at the points of a block stands in matrices of one row a
//! point and one column a class, so that sums over points of products of two classes are matrix products.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, Par};
use pulp::{Arch, Simd, WithSimd};

use crate::columns;
use crate::reduce::Pool;
use crate::theory::averages::{Averages, Residual, Task};
use crate::theory::dynamics::Effort;
use crate::theory::expectation::link_values;
use crate::theory::fluctuation::{Growth, Seen, Sizes};
use crate::theory::population::{Class, ClassMatrix};
use crate::theory::relu::{LANES, Lane};
use crate::theory::shared::Shared;
use crate::theory::smoothed::{Local, Smoothed};
use crate::theory::split::Split;

impl Task<'_> {
    /// Averages with the fluctuations of single neurons integrated out beforehand; none where neurons are
    /// paired, or are repelled too strongly for it.
    pub(super) fn conditional(&self) -> Option<Averages> {
        let population = self.population;
        if population.is_paired() || self.residual == Residual::Loss {
            return None;
        }
        let (k, r) = (population.len(), self.dynamics.link.r());
        let own: Vec<f64> = (0..k).map(|c| self.fields.orthogonal.own[(c, c)]).collect();
        if own.iter().any(|own| *own <= 0.0) {
            return None;
        }
        let (link, precision) = (
            self.dynamics.link,
            (self.fineness, self.seed, self.dynamics.coordinates),
        );
        let shared = Shared::of(self.fields, link, self.shape, precision)?;
        if shared.points.is_sampled() && self.effort == Effort::Integrated {
            return None;
        }
        let tables: Vec<Smoothed> = (0..k)
            .map(|c| {
                let reach = shared.reach(c) + population.classes[c].bias.abs();
                self.sigma.smoothed(own[c], reach, self.dynamics.stop)
            })
            .collect::<Option<_>>()?;
        let model = Model {
            classes: &population.classes,
            tables: &tables,
            own: &own,
            narrow: 1.0 / population.width(),
            feedback: self.feedback(),
            noise: self.dynamics.noise,
            sizes: &Sizes::of(population),
        };
        let (points, stop) = (&shared.points, self.dynamics.stop);
        let spaces = Pool::default();
        let sums = points.expect_until(stop, Sums::length(k, r), |columns, weights, sums| {
            let (columns, weights) = &filled(columns, weights);
            let (targets, fields) = shared.fields(columns);
            let mut labels = vec![0.0; weights.len()];
            link_values(link, &targets, &mut labels);
            for label in &mut labels {
                *label -= self.dynamics.removed_mean;
            }
            let rows = weights.len();
            let mut seen = spaces.take_or(|| Columns::zeros(rows, k));
            if seen.errors.len() != rows {
                seen = Columns::zeros(rows, k);
            }
            Arch::new().dispatch(See {
                model: &model,
                seen: &mut seen,
                fields: &fields,
                labels: &labels,
                weights,
            });
            model.add(&seen, (&targets, &fields), weights, sums);
            spaces.give(seen);
        });
        let mut parts = Split(&sums);
        let target = parts.matrix(k, r);
        let from_shared = parts.matrix(k, k);
        let target_squares = parts.matrix(k, r);
        let own_same = parts.matrix(k, 1);
        let own_other = parts.matrix(k, k);
        let power_same = parts.matrix(k, 1);
        let joint = parts.matrix(k, k);
        let on_diagonal = |same: &Mat<f64>, other: &Mat<f64>| {
            Mat::from_fn(k, k, |c, e| {
                if c == e {
                    same[(c, 0)] - other[(c, c)]
                } else {
                    0.0
                }
            })
        };
        Some(Averages {
            fields: ClassMatrix {
                own: on_diagonal(&own_same, &own_other),
                cross: from_shared + &own_other,
            },
            power: ClassMatrix {
                own: on_diagonal(&power_same, &joint),
                cross: joint,
            },
            target,
            target_squares,
            error: parts.take(1)[0],
            label_power: parts.take(1)[0],
            sampled: shared.points.is_sampled(),
            growth: Growth::of(&mut parts, k, r),
        })
    }
}

/// What the classes are at every point of a block.
struct Model<'a> {
    classes: &'a [Class],
    /// Averages over what a neuron has alone, as functions of the rest of its field.
    tables: &'a [Smoothed],
    /// The variance of what a neuron of each class has alone.
    own: &'a [f64],
    /// `1/p`.
    narrow: f64,
    /// Whether the residual has the output in it: 1 or 0.
    feedback: f64,
    noise: f64,
    sizes: &'a Sizes,
}

/// At every point: of every class, a column each (points x K), and of all of them together. With the weight w of a point, the
/// residual rho of the mean output and a class's `V = a E sigma'`. Blocks hand them on to each other.
struct Columns {
    /// The averages of every class, of [`Smoothed::write`].
    local: Vec<f64>,
    /// `w E B`, without the fluctuations of the class's own field.
    drive: Mat<f64>,
    /// `w E B^2`.
    power: Mat<f64>,
    /// `w E B own`.
    with_own: Mat<f64>,
    /// `w d E B / d s`, less the mean output's part.
    bent: Mat<f64>,
    /// `w V`.
    weighted: Mat<f64>,
    /// `a E sigma own`.
    value_own: Mat<f64>,
    /// Products of two different neurons, `E B B' = left^T right`: three blocks of rows, `[w R V + U; V; 2 s^2 w Z]` and
    /// `[V; U; Z]`, with `R = E Delta^2`, `s = 1/p`, `Z = a^2 E sigma' u` and U what the neuron's own output does.
    left: Mat<f64>,
    right: Mat<f64>,
    /// `w E (y - f)^2`, `w E y^2`, `w R`.
    errors: Vec<f64>,
    labels: Vec<f64>,
    squared: Vec<f64>,
}

impl Columns {
    fn zeros(rows: usize, k: usize) -> Self {
        let zeros = || Mat::zeros(rows, k);
        Self {
            local: vec![0.0; k * Local::<f64>::FIELDS * rows],
            drive: zeros(),
            power: zeros(),
            with_own: zeros(),
            bent: zeros(),
            weighted: zeros(),
            value_own: zeros(),
            left: Mat::zeros(3 * rows, k),
            right: Mat::zeros(3 * rows, k),
            errors: vec![0.0; rows],
            labels: vec![0.0; rows],
            squared: vec![0.0; rows],
        }
    }
}

fn lanes(column: &[f64]) -> &[Lane] {
    column.as_chunks().0
}

fn lanes_mut(column: &mut [f64]) -> &mut [Lane] {
    column.as_chunks_mut().0
}

/// Points in whole lanes: the last one comes again, without weight.
fn filled(columns: &[Vec<f64>], weights: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let rows = weights.len().next_multiple_of(LANES);
    let fill = |column: &[f64], with: f64| {
        let mut column = column.to_vec();
        column.resize(rows, with);
        column
    };
    let last = |column: &Vec<f64>| column.last().copied().unwrap_or(0.0);
    let columns = columns.iter().map(|column| fill(column, last(column)));
    (columns.collect(), fill(weights, 0.0))
}

#[inline(always)]
fn each(value: impl Fn(usize) -> f64) -> Lane {
    std::array::from_fn(value)
}

/// Fills the columns of a block of whole lanes, compiled for wide vectors.
struct See<'a> {
    model: &'a Model<'a>,
    seen: &'a mut Columns,
    /// The shared part of every class's field.
    fields: &'a [Vec<f64>],
    /// Labels less what is removed of them.
    labels: &'a [f64],
    weights: &'a [f64],
}

// A structure, not a closure: always inlined into what is compiled for wide vectors.
impl WithSimd for See<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            model,
            seen,
            fields,
            labels,
            weights,
        } = self;
        let rows = weights.len();
        let (weights, labels) = (lanes(weights), lanes(labels));
        let mut together = vec![([0.0; LANES], [0.0; LANES]); rows / LANES];
        let columns = seen.local.chunks_exact_mut(Local::<f64>::FIELDS * rows);
        let classes = model.classes.iter().zip(model.tables).zip(fields);
        for (((class, table), field), local) in classes.zip(columns) {
            table.write(field, class.bias, local);
            let local = Local::columns(local, rows);
            let (value, variance) = (lanes(local.value), lanes(local.variance));
            let share = class.count * model.narrow * class.second;
            let narrower = share * model.narrow * class.second;
            for ((output, scatter), (x, y)) in together.iter_mut().zip(value.iter().zip(variance)) {
                *output = each(|v| output[v] + share * x[v]);
                *scatter = each(|v| scatter[v] + narrower * y[v]);
            }
        }
        let small = model.feedback * model.narrow;
        let errors = lanes_mut(&mut seen.errors).iter_mut();
        let powers = lanes_mut(&mut seen.labels).iter_mut();
        let squared = lanes_mut(&mut seen.squared).iter_mut();
        let outs = errors.zip(powers).zip(squared);
        for (((errors, powers), squared), ((w, y), state)) in
            outs.zip(weights.iter().zip(labels).zip(&mut together))
        {
            let (output, scatter) = *state;
            let error: Lane = each(|v| y[v] - output[v]);
            let rho: Lane = each(|v| y[v] - model.feedback * output[v]);
            *errors = each(|v| w[v] * (error[v] * error[v] + scatter[v] + model.noise));
            *powers = each(|v| w[v] * (y[v] * y[v] + model.noise));
            *squared =
                each(|v| w[v] * (rho[v] * rho[v] + model.feedback * scatter[v] + model.noise));
            // From here on it is the residual.
            state.0 = rho;
        }
        let squared = lanes(&seen.squared);
        for (c, class) in model.classes.iter().enumerate() {
            let first = c * Local::<f64>::FIELDS * rows;
            let local = &seen.local[first..first + Local::<f64>::FIELDS * rows];
            let x = Local::columns(local, rows);
            let (a, own) = (class.second, model.own[c]);
            let narrow = small * model.narrow * a * a;
            let drive = lanes_mut(seen.drive.col_as_slice_mut(c));
            let power = lanes_mut(seen.power.col_as_slice_mut(c));
            let with_own = lanes_mut(seen.with_own.col_as_slice_mut(c));
            let bent = lanes_mut(seen.bent.col_as_slice_mut(c));
            let weighted = lanes_mut(seen.weighted.col_as_slice_mut(c));
            let value_own = lanes_mut(seen.value_own.col_as_slice_mut(c));
            let left = lanes_mut(seen.left.col_as_slice_mut(c));
            let right = lanes_mut(seen.right.col_as_slice_mut(c));
            let count = rows / LANES;
            let (slopes, slopes_value) = (lanes(x.slopes), lanes(x.slopes_value));
            let (slopes_square, slope_square) = (lanes(x.slopes_square), lanes(x.slope_square));
            let (flat, slope_own) = (lanes(x.slope), lanes(x.slope_own));
            let (with_slope, slope_value_own) = (lanes(x.slope_value), lanes(x.slope_value_own));
            let (variance, values) = (lanes(x.variance), lanes(x.value_own));
            for i in 0..count {
                let (w, rho, square) = (&weights[i], &together[i].0, &squared[i]);
                let (slopes, slopes_value) = (&slopes[i], &slopes_value[i]);
                let (slopes_square, slope_square) = (&slopes_square[i], &slope_square[i]);
                let (flat, slope_own) = (&flat[i], &slope_own[i]);
                let (with_slope, slope_value_own) = (&with_slope[i], &slope_value_own[i]);
                let (variance, values) = (&variance[i], &values[i]);
                let slope: Lane = each(|v| a * flat[v]);
                let slope_value: Lane = each(|v| a * a * with_slope[v]);
                let alone: Lane = each(|v| w[v] * narrow * variance[v]);
                // E B^2 of one neuron, whose own part does not scatter beside itself.
                power[i] = each(|v| {
                    a * a
                        * ((square[v] - alone[v]) * slopes[v]
                            - 2.0 * w[v] * small * a * rho[v] * slopes_value[v]
                            + w[v] * small * small * a * a * slopes_square[v])
                });
                drive[i] = each(|v| w[v] * (rho[v] * slope[v] - small * slope_value[v]));
                with_own[i] =
                    each(|v| w[v] * a * (rho[v] * slope_own[v] - small * a * slope_value_own[v]));
                bent[i] = each(|v| {
                    let rest = slope_value_own[v] - own * flat[v] * flat[v];
                    w[v] * a * (rho[v] * slope_own[v] - small * a * rest) / own
                });
                let u: Lane = each(|v| {
                    w[v] * small
                        * (small * a * a * a * slope_square[v] - 2.0 * rho[v] * slope_value[v])
                        - alone[v] * slope[v]
                });
                weighted[i] = each(|v| w[v] * slope[v]);
                value_own[i] = each(|v| a * values[v]);
                left[i] = each(|v| square[v] * slope[v] + u[v]);
                left[count + i] = slope;
                left[2 * count + i] = each(|v| 2.0 * small * small * w[v] * slope_value[v]);
                right[i] = slope;
                right[count + i] = u;
                right[2 * count + i] = slope_value;
            }
        }
    }
}

/// The sums over points, in the order in which they are added.
struct Sums;

impl Sums {
    /// `X`, `N` of shared fields | squares | `N` of own fields: same, other | `I4`: same, other | error, power | growth.
    fn length(k: usize, r: usize) -> usize {
        2 * k * r + k * k + k + k * k + k + k * k + 2 + Growth::length(k, r)
    }
}

impl Model<'_> {
    /// Adds the sums over a block of points.
    fn add(
        &self,
        seen: &Columns,
        (targets, fields): (&[Vec<f64>], &[Vec<f64>]),
        weights: &[f64],
        sums: &mut [f64],
    ) {
        let (k, r, rows) = (self.classes.len(), targets.len(), weights.len());
        let z = of_columns(rows, r, |j, out| out.copy_from_slice(&targets[j]));
        let squares = of_columns(rows, r, |j, out| {
            columns::scaled_product(out, 1.0, &targets[j], &targets[j]);
        });
        let fields = of_columns(rows, k, |c, out| out.copy_from_slice(&fields[c]));
        let (sums_target, rest) = sums.split_at_mut(k * r);
        let (sums_shared, rest) = rest.split_at_mut(k * k);
        let (sums_square, rest) = rest.split_at_mut(k * r);
        let (sums_own, rest) = rest.split_at_mut(k);
        let (sums_other, rest) = rest.split_at_mut(k * k);
        let (sums_power, rest) = rest.split_at_mut(k);
        let (sums_joint, rest) = rest.split_at_mut(k * k);
        let (ends, growth) = rest.split_at_mut(2);
        add_product(sums_target, &seen.drive, &z, 1.0);
        add_product(sums_shared, &seen.drive, &fields, 1.0);
        add_product(sums_square, &seen.power, &squares, 1.0);
        let small = self.feedback * self.narrow;
        add_product(sums_other, &seen.weighted, &seen.value_own, -small);
        add_product(sums_joint, &seen.left, &seen.right, 1.0);
        for c in 0..k {
            sums_own[c] += columns::sum(seen.with_own.col_as_slice(c));
            sums_power[c] += columns::sum(seen.power.col_as_slice(c));
        }
        ends[0] += columns::sum(&seen.errors);
        ends[1] += columns::sum(&seen.labels);
        let of_classes = Seen {
            own: &seen.bent,
            drive: &seen.weighted,
            power: &seen.power,
            slope: &seen.right,
            narrow: self.narrow,
        };
        Growth::add(
            growth,
            (self.sizes, &of_classes),
            &z,
            (&seen.squared, self.feedback),
        );
    }
}

/// A matrix whose columns are written one by one.
pub(super) fn of_columns(
    rows: usize,
    count: usize,
    mut write: impl FnMut(usize, &mut [f64]),
) -> Mat<f64> {
    let mut matrix = Mat::zeros(rows, count);
    for j in 0..count {
        write(j, matrix.col_as_slice_mut(j));
    }
    matrix
}

/// `sums += scale A^T B` (a x b, row by row), of columns over points.
pub(super) fn add_product(sums: &mut [f64], a: &Mat<f64>, b: &Mat<f64>, scale: f64) {
    matmul(
        MatMut::from_row_major_slice_mut(sums, a.ncols(), b.ncols()),
        Accum::Add,
        a.transpose(),
        b.as_ref(),
        scale,
        Par::Seq,
    );
}
