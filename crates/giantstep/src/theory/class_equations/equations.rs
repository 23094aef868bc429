//! The state equations. THEORY.md (45).
//!
//! In this order: V and the resolvent, a fixed point; the mean readout, linear equations; the error, linear equations again.
//! Functions of the projection alone are few, so that what fitting them takes is of order 1/p: it is kept, as in (38).
//! With S and V in units of the ridge, `1 + V` is `ridge + V`, and a ridge of zero has a limit at n < p.

use std::convert::Infallible;

use faer::linalg::solvers::{DenseSolveCore, Solve};
use faer::{Mat, Scale};

use super::bulk::Traces;
use super::{ClassError, Features};
use crate::readout::Intercept;
use crate::theory::fixed_point::{Goal, fixed_point};
use crate::theory::state_equations::Sizes;

/// Fixed points are reached to this fraction.
const TOLERANCE: f64 = 1e-10;
/// The relative size of differences for a derivative.
const DIFFERENCE: f64 = 1e-4;
/// Differences are at least this fraction of D.
const LEAST: f64 = 1e-9;
/// An intercept costs nothing: it is as long as so many class means.
const FREE: f64 = 1e6;
/// Rounds of what fitting functions of the projection adds to the error, each of relative order 1/p.
const ROUNDS: usize = 12;

impl Features {
    /// `E (y - f)^2` on new samples, of a readout on fresh samples; the dimension is infinite in the limit, for finite ones what
    /// fitting functions of the projection takes is added.
    ///
    /// # Errors
    /// [`ClassError`] if a size is not positive, or no solution is found.
    pub fn error(
        &self,
        sizes: Sizes,
        intercept: Intercept,
        dimension: f64,
    ) -> Result<f64, ClassError> {
        for (name, value) in [("n/d", sizes.samples), ("p/d", sizes.width)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(ClassError::Size { name, value });
            }
        }
        if sizes.ridge.is_nan() || sizes.ridge < 0.0 {
            return Err(ClassError::Size {
                name: "ridge",
                value: sizes.ridge,
            });
        }
        let found = Problem::new(self, sizes, intercept, dimension).solve();
        found
            .filter(|error| error.is_finite())
            .ok_or(ClassError::Unsolved {
                width: sizes.width,
                samples: sizes.samples,
                ridge: sizes.ridge,
            })
    }
}

/// An entry of A and N, or of D and t.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Pair(usize, usize),
    Own(usize),
}

impl Entry {
    fn all(classes: usize) -> Vec<Self> {
        let pairs = (0..classes).flat_map(|j| (0..=j).map(move |k| Self::Pair(j, k)));
        pairs.chain((0..classes).map(Self::Own)).collect()
    }

    /// How often it stands in a symmetric matrix.
    fn times(self) -> f64 {
        match self {
            Self::Pair(j, k) if j != k => 2.0,
            _ => 1.0,
        }
    }

    fn of(self, matrix: &Mat<f64>, own: &[f64]) -> f64 {
        match self {
            Self::Pair(j, k) => matrix[(j, k)],
            Self::Own(j) => own[j],
        }
    }
}

/// The mean readout.
struct Readout {
    /// `C`: its prediction at each projection.
    centre: Vec<f64>,
    /// What drives all source vectors, by class: u, the lengths, the label's open directions.
    sources: Mat<f64>,
    /// What drives class means.
    means: Vec<f64>,
    /// What they drive, `Z x`.
    driven: Mat<f64>,
}

struct Problem<'a> {
    features: &'a Features,
    /// p/d, and n/p.
    width: f64,
    ratio: f64,
    /// p.
    neurons: f64,
    /// The ridge, and what V is added to, in the units chosen.
    penalty: f64,
    base: f64,
    intercept: Intercept,
    entries: Vec<Entry>,
}

impl<'a> Problem<'a> {
    fn new(features: &'a Features, sizes: Sizes, intercept: Intercept, dimension: f64) -> Self {
        let (penalty, base) = match sizes.samples > sizes.width {
            true => (sizes.ridge, 1.0),
            false => (1.0, sizes.ridge),
        };
        Self {
            features,
            width: sizes.width,
            // Beyond this the limit is reached.
            neurons: sizes.width * dimension.min(1e7),
            ratio: sizes.samples / sizes.width,
            penalty,
            base,
            intercept,
            entries: Entry::all(features.bulk.shares.len()),
        }
    }

    fn classes(&self) -> usize {
        self.features.bulk.shares.len()
    }

    fn points(&self) -> usize {
        self.features.weights.len()
    }

    /// The function of the projection that belongs to an entry: `mu_1j mu_1k`, or `mu_*j^2`.
    fn at(&self, entry: Entry, q: usize) -> f64 {
        let of = &self.features.responses;
        match entry {
            Entry::Pair(j, k) => of[j][q][1] * of[k][q][1],
            Entry::Own(j) => of[j][q][2],
        }
    }

    /// The error of the readout, if it has one.
    fn solve(&self) -> Option<f64> {
        let weights = &self.features.weights;
        let k = self.classes();
        let gains = |v: &[f64]| -> Vec<f64> { weights.iter().zip(v).map(|(w, v)| w / v).collect() };
        // `base + V` at the projections, then t and G.
        let bulk = &self.features.bulk;
        let flat = vec![1.0 + self.base; self.points()];
        let (a, d) = self.strengths(&gains(&flat));
        let t = (0..k).map(|j| bulk.shares[j] / d[j]).collect();
        let guess = bulk.guess(self.width, &a, t);
        let start = flat.iter().copied().chain(guess.listed()).collect();
        let shapes: Vec<Vec<f64>> = (0..self.points()).map(|q| self.shapes(q)).collect();
        let next = |x: &[f64]| {
            let (v, traces) = x.split_at(self.points());
            let (a, d) = self.strengths(&gains(v));
            let found = bulk.round(self.width, &a, &d, &Traces::from_list(traces, k));
            let fitted = self.fitted(&gains(v), &a, &Traces::from_list(traces, k));
            let between = found.between(self.width);
            let v = (0..v.len()).map(|q| {
                self.base + self.value(&between, &found.own, q) + form(&fitted, &shapes[q])
            });
            Ok::<_, Infallible>(v.chain(found.listed()).collect())
        };
        let goal = Goal {
            tolerance: TOLERANCE,
            positive: self.points() + k,
            base: 0.0,
        };
        let Ok(found) = fixed_point(start, goal, next);
        let found = found?;
        let (v, traces) = found.split_at(self.points());
        let gains = gains(v);
        let (a, d) = self.strengths(&gains);
        let traces = bulk.solve(self.width, &a, &d, &Traces::from_list(traces, k))?;
        let readout = self.readout(&gains, &a, &traces);
        let fitted = self.fitted(&gains, &a, &traces);
        let [moved, spread] = self.derivatives((&a, &d), &traces, &readout)?;
        // R = alone - sum_i f_i sum_l (d n_l / d p_i) times_l hat_l, hat_l = (n/p) E[R f_l / (1 + V)^2].
        let alone: Vec<f64> = (0..v.len())
            .map(|q| self.alone(&readout, &spread, q))
            .collect();
        let size = self.entries.len();
        let hat = |i: usize, of: &dyn Fn(usize) -> f64| {
            let terms = (0..v.len()).map(|q| gains[q] / v[q] * self.at(self.entries[i], q) * of(q));
            self.ratio * terms.sum::<f64>()
        };
        let products = Mat::from_fn(size, size, |i, l| hat(i, &|q| self.at(self.entries[l], q)));
        let times = Mat::from_fn(size, size, |i, l| moved[(i, l)] * self.entries[l].times());
        let factor = (Mat::<f64>::identity(size, size) + products * &times).partial_piv_lu();
        let mut extra = vec![0.0; v.len()];
        let mut errors = Vec::new();
        for _ in 0..ROUNDS {
            let first = Mat::from_fn(size, 1, |i, _| hat(i, &|q| alone[q] + extra[q]));
            let added = &times * factor.solve(first);
            let error = |q: usize| {
                let terms = self.entries.iter().enumerate();
                let terms = terms.map(|(i, entry)| added[(i, 0)] * self.at(*entry, q));
                alone[q] + extra[q] - terms.sum::<f64>()
            };
            errors = (0..v.len()).map(error).collect();
            let noise: Vec<f64> = (0..v.len()).map(|q| gains[q] / v[q] * errors[q]).collect();
            let noise = Scale(self.ratio * self.neurons) * products_of(&noise, &shapes);
            let spent = &fitted * noise * fitted.transpose();
            extra = shapes.iter().map(|shape| form(&spent, shape)).collect();
        }
        Some(weights.iter().zip(errors).map(|(w, error)| w * error).sum())
    }

    /// A and D.
    fn strengths(&self, gains: &[f64]) -> (Mat<f64>, Vec<f64>) {
        let of = |entry: Entry| -> f64 {
            let terms = gains.iter().enumerate();
            self.ratio * terms.map(|(q, gain)| gain * self.at(entry, q)).sum::<f64>()
        };
        let k = self.classes();
        let own = (0..k).map(|j| self.penalty + of(Entry::Own(j)));
        (
            Mat::from_fn(k, k, |i, j| of(Entry::Pair(i, j))),
            own.collect(),
        )
    }

    /// V at a projection.
    fn value(&self, between: &Mat<f64>, own: &[f64], q: usize) -> f64 {
        let terms = self.entries.iter();
        terms
            .map(|entry| entry.times() * entry.of(between, own) * self.at(*entry, q))
            .sum()
    }

    /// The number of source vectors of a class: u, the lengths, and the label's open directions.
    fn sources(&self) -> usize {
        2 + self.features.slopes[0].len()
    }

    /// Z: products of source vectors with the inverse, u taken out of the bulk, and what overlaps and lengths have of their own.
    /// Sources lie class by class.
    fn gram(&self, traces: &Traces, a: &Mat<f64>) -> Mat<f64> {
        let (k, each) = (self.classes(), self.sources());
        let Features { frame, lengths, .. } = self.features;
        let vectors = frame.ncols();
        // Sources by vectors of blocks: u and the open directions of A's blocks, s of those of the rows before the step.
        let made = Mat::from_fn(k * each, 3 * k * vectors, |row, col| {
            let (j, x, block, y) = (row / each, row % each, col / vectors, col % vectors);
            match x {
                1 if block == 2 * k + j && y == 0 => -lengths[j],
                1 => 0.0,
                _ if block == j => frame[(x.saturating_sub(1), y)],
                _ => 0.0,
            }
        });
        let forms = self.features.bulk.forms(self.width, a, traces);
        let whole = &made * forms * made.transpose();
        let spike = |j: usize| j * each;
        let to = Mat::from_fn(k * each, k, |row, j| whole[(row, spike(j))]);
        let within = Mat::from_fn(k, k, |i, j| whole[(spike(i), spike(j))]);
        let open = (Mat::<f64>::identity(k, k) - within * a)
            .partial_piv_lu()
            .inverse();
        let mut z = whole + &to * a * open * to.transpose();
        for (j, scatter) in self.features.scatter.iter().enumerate() {
            for (x, row) in scatter.iter().enumerate() {
                for (y, entry) in row.iter().enumerate() {
                    z[(spike(j) + x, spike(j) + y)] += self.width * traces.own[j] * entry;
                }
            }
        }
        z
    }

    /// The responses of what depends on the projection alone: class means, an intercept; then u and lengths, class by class.
    fn shapes(&self, q: usize) -> Vec<f64> {
        let responses = self.features.responses.iter().map(|of| of[q]);
        let means = responses.clone().map(|[value, ..]| value);
        let kappa = self.features.kappa[q];
        let moved = responses.flat_map(|[_, slope, _, bent]| [kappa * slope, 0.5 * bent]);
        means.chain(self.constant()).chain(moved).collect()
    }

    /// The intercept's response.
    fn constant(&self) -> Option<f64> {
        match self.intercept {
            Intercept::With => Some(1.0),
            Intercept::Without => None,
        }
    }

    /// Products of the vectors behind the shapes with the inverse.
    fn lengths(&self, z: &Mat<f64>, own: &[f64]) -> Mat<f64> {
        let (k, each) = (self.classes(), self.sources());
        let longest = own.iter().fold(0.0f64, |m, t| m.max(*t));
        let of_means = own
            .iter()
            .copied()
            .chain(self.constant().map(|_| FREE * longest));
        let of_means: Vec<f64> = of_means.collect();
        let first = of_means.len();
        let row = |i: usize| (i - first) / 2 * each + (i - first) % 2;
        Mat::from_fn(first + 2 * k, first + 2 * k, |i, j| {
            match (i < first, j < first) {
                (true, true) if i == j => of_means[i],
                (false, false) => z[(row(i), row(j))] / self.neurons,
                _ => 0.0,
            }
        })
    }

    /// `(lengths^-1 + n E[shapes shapes^T / (1 + V)])^-1`: what fitting the shapes costs.
    fn fitted(&self, gains: &[f64], a: &Mat<f64>, traces: &Traces) -> Mat<f64> {
        let shapes: Vec<Vec<f64>> = (0..self.points()).map(|q| self.shapes(q)).collect();
        let lengths = self.lengths(&self.gram(traces, a), &traces.own);
        let samples = self.ratio * self.neurons;
        let mut matrix = Scale(samples) * products_of(gains, &shapes) * &lengths;
        for i in 0..matrix.nrows() {
            matrix[(i, i)] += 1.0;
        }
        lengths * matrix.partial_piv_lu().inverse()
    }

    /// The mean readout.
    fn readout(&self, gains: &[f64], a: &Mat<f64>, traces: &Traces) -> Readout {
        let (k, each) = (self.classes(), self.sources());
        let z = self.gram(traces, a);
        let shapes: Vec<Vec<f64>> = (0..self.points()).map(|q| self.shapes(q)).collect();
        let lengths = self.lengths(&z, &traces.own);
        let (size, first) = (lengths.nrows(), lengths.nrows() - 2 * k);
        let row = |i: usize| (i - first) / 2 * each + (i - first) % 2;
        let mut sources = Mat::zeros(k * each, 1);
        for j in 0..k {
            for x in 2..each {
                let terms = gains.iter().enumerate().map(|(q, gain)| {
                    gain * self.features.responses[j][q][1] * self.features.slopes[q][x - 2]
                });
                sources[(j * each + x, 0)] = self.ratio * terms.sum::<f64>();
            }
        }
        // y = lengths n (E[shapes h / (1 + V)] - E[shapes shapes^T / (1 + V)] y) + what the label's slopes drive.
        let from_slopes = &z * &sources;
        let samples = self.ratio * self.neurons;
        let against = Mat::from_fn(size, 1, |i, _| {
            let terms = gains.iter().enumerate();
            samples
                * terms
                    .map(|(q, gain)| gain * shapes[q][i] * self.features.label[q])
                    .sum::<f64>()
        });
        let products = Scale(samples) * products_of(gains, &shapes);
        let slopes = Mat::from_fn(size, 1, |i, _| match i < first {
            true => 0.0,
            false => from_slopes[(row(i), 0)],
        });
        let matrix = Mat::<f64>::identity(size, size) + &lengths * &products;
        let strengths = matrix.partial_piv_lu().solve(&lengths * &against + slopes);
        let hats = against - products * &strengths;
        for i in first..size {
            sources[(row(i), 0)] = hats[(i, 0)] / self.neurons;
        }
        let centre = |shape: &Vec<f64>| {
            let terms = shape.iter().enumerate();
            terms.map(|(i, x)| x * strengths[(i, 0)]).sum()
        };
        Readout {
            centre: shapes.iter().map(centre).collect(),
            means: (0..k).map(|j| hats[(j, 0)] / self.neurons).collect(),
            driven: z * &sources,
            sources,
        }
    }

    /// What N and t, and the norm of the readout, change by as A and D change: `d n_l / d p_i`, and the last for each i.
    fn derivatives(
        &self,
        (a, d): (&Mat<f64>, &[f64]),
        traces: &Traces,
        readout: &Readout,
    ) -> Option<[Mat<f64>; 2]> {
        let size = self.entries.len();
        let largest = self.entries.iter().fold(0.0f64, |m, entry| match entry {
            Entry::Pair(..) => m.max(entry.of(a, d).abs()),
            Entry::Own(_) => m,
        });
        let (mut moved, mut spread) = (Mat::zeros(size, size), Mat::zeros(size, 1));
        for (i, entry) in self.entries.iter().enumerate() {
            let step = DIFFERENCE
                * match entry {
                    Entry::Pair(..) => largest.max(LEAST * d[0]),
                    Entry::Own(j) => d[*j],
                };
            for sign in [1.0, -1.0] {
                let (mut a, mut d) = (a.clone(), d.to_vec());
                match *entry {
                    Entry::Pair(j, k) => {
                        a[(j, k)] += sign * step;
                        a[(k, j)] = a[(j, k)];
                    }
                    Entry::Own(j) => d[j] += sign * step,
                }
                let near = self.features.bulk.solve(self.width, &a, &d, traces)?;
                let between = near.between(self.width);
                let share = sign / (2.0 * step);
                for (l, other) in self.entries.iter().enumerate() {
                    moved[(i, l)] += share * other.of(&between, &near.own);
                }
                let x = &readout.sources;
                let mut norm = (x.transpose() * self.gram(&near, &a) * x)[(0, 0)];
                // Means have hats of order 1/p of their own.
                for (hat, t) in readout.means.iter().zip(&near.own) {
                    norm += self.neurons * hat * hat * t;
                }
                spread[(i, 0)] += share * norm;
            }
        }
        Some([moved, spread])
    }

    /// The error at a projection without the noise of the samples.
    fn alone(&self, readout: &Readout, spread: &Mat<f64>, q: usize) -> f64 {
        let features = self.features;
        let missed = features.label[q] - readout.centre[q];
        let each = self.sources();
        let along: f64 = (0..self.classes())
            .map(|j| {
                let open = features.slopes[q].iter().enumerate();
                let linear = open.map(|(x, slope)| slope * readout.driven[(j * each + 2 + x, 0)]);
                features.responses[j][q][1] * linear.sum::<f64>()
            })
            .sum();
        let entries = self.entries.iter().enumerate();
        let norm = entries
            .map(|(i, entry)| spread[(i, 0)] * self.at(*entry, q))
            .sum::<f64>();
        missed * missed + features.label_rest[q] - 2.0 * along - norm
    }
}

/// `x.M x`.
fn form(matrix: &Mat<f64>, x: &[f64]) -> f64 {
    let row = |i: usize| {
        x.iter()
            .enumerate()
            .map(|(j, y)| matrix[(i, j)] * y)
            .sum::<f64>()
    };
    x.iter().enumerate().map(|(i, x)| x * row(i)).sum()
}

/// `sum_q weight_q x_q x_q^T`.
fn products_of(weights: &[f64], x: &[Vec<f64>]) -> Mat<f64> {
    let size = x[0].len();
    let columns = Mat::from_fn(size, x.len(), |i, q| x[q][i]);
    let weighted = Mat::from_fn(size, x.len(), |i, q| x[q][i] * weights[q]);
    weighted * columns.transpose()
}
