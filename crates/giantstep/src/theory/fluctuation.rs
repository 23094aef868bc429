//! Fluctuations of overlaps over networks and batches, to leading order in `1/sqrt d`: what a step makes of earlier ones,
//! and what its batch adds. THEORY.md (32), (62) to (64).
//!
//! Two kinds are followed: the overlap of one neuron, and the means over the neurons of either sign, whose own parts
//! average out and whose shared noise does not. What lengths do beside overlaps is left out.

use faer::{Mat, Side};

use crate::columns;
use crate::theory::integrated::{add_product, of_columns};
use crate::theory::population::Population;
use crate::theory::split::Split;

/// Directions, at most: beyond, fluctuations are not followed.
const MOST_DIRECTIONS: usize = 4;
/// Signs of the second layer.
const SIGNS: usize = 2;

/// The place of a sign: positive first.
pub(super) fn place(second: f64) -> usize {
    usize::from(second <= 0.0)
}

/// Covariances of overlaps at one step, none where they are unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviations {
    /// Of one neuron of each class, `r x r`.
    pub single: Vec<Mat<f64>>,
    /// Of the means over the neurons of either sign, positive first: `2 r x 2 r`.
    pub groups: Mat<f64>,
    /// Of the gradient that led here, of one neuron of each class.
    pub gradient: Vec<Mat<f64>>,
    /// The largest standard deviation of a cosine that the last batch has added.
    pub added: f64,
}

/// What neurons are to their sign: how many there are, and the share of each class.
pub(super) struct Sizes {
    of_sign: [f64; SIGNS],
    share: Vec<f64>,
    sign: Vec<usize>,
}

impl Sizes {
    pub(super) fn of(population: &Population) -> Self {
        let sign: Vec<usize> = population.classes.iter().map(|c| place(c.second)).collect();
        let mut of_sign = [0.0; SIGNS];
        for (class, sign) in population.classes.iter().zip(&sign) {
            of_sign[*sign] += class.count;
        }
        let pairs = population.classes.iter().zip(&sign);
        let share = pairs.map(|(class, sign)| class.count / of_sign[*sign]);
        Self {
            share: share.collect(),
            of_sign,
            sign,
        }
    }

    /// `sum_c share_c x_c` over the classes of a sign.
    fn mean(&self, sign: usize, r: usize, x: impl Fn(usize) -> Mat<f64>) -> Mat<f64> {
        let mut sum = Mat::zeros(r, r);
        for (c, share) in self.share.iter().enumerate() {
            if self.sign[c] == sign {
                sum += faer::Scale(*share) * x(c);
            }
        }
        sum
    }
}

impl Deviations {
    /// Those of independent random rows.
    pub(super) fn start(population: &Population, r: usize, dimension: f64) -> Self {
        let sizes = Sizes::of(population);
        let paired = population.is_paired();
        let groups = Mat::from_fn(SIGNS * r, SIGNS * r, |i, j| {
            // Twins start alike.
            let same = i / r == j / r || paired;
            let size = sizes.of_sign[i / r].max(1.0);
            f64::from(same && i % r == j % r) / (dimension * size)
        });
        let identity = || Mat::<f64>::identity(r, r) * faer::Scale(1.0 / dimension);
        Self {
            single: (0..population.len()).map(|_| identity()).collect(),
            groups,
            gradient: (0..population.len()).map(|_| Mat::zeros(r, r)).collect(),
            added: 0.0,
        }
    }

    /// The standard deviation of the mean overlap with direction k over the neurons of a sign, or of the mean cosine:
    /// `M / |w|` moves by `(dM - M (M.dM) / |w|^2) / |w|`.
    pub(super) fn of_group(&self, sign: usize, k: usize, turn: Option<(&[f64], f64)>) -> f64 {
        let r = self.groups.nrows() / SIGNS;
        let along: Vec<f64> = match turn {
            None => (0..r).map(|j| f64::from(j == k)).collect(),
            Some((overlap, norm)) => {
                let own = |j: usize| f64::from(j == k);
                let radial = |j: usize| overlap[k] * overlap[j] / (norm * norm);
                (0..r).map(|j| (own(j) - radial(j)) / norm).collect()
            }
        };
        let mut variance = 0.0;
        for i in 0..r {
            for j in 0..r {
                variance += along[i] * along[j] * self.groups[(sign * r + i, sign * r + j)];
            }
        }
        variance.max(0.0).sqrt()
    }

    /// The mean share of a vector's squared length along r directions of R^d, `E |m|^2 / (|m|^2 + c)`, where its part m along them
    /// is `N(mean, V)`, and noise in the other directions has the squared length `c = (q - |mean|^2)(1 - r/d)`:
    /// `1 - c int_0^inf exp(-c s) E exp(-s |m|^2) ds`.
    pub(super) fn share(v: &Mat<f64>, mean: &[f64], q: f64, dimension: f64) -> f64 {
        let r = mean.len();
        let squared: f64 = mean.iter().map(|x| x * x).sum();
        let noise = (q - squared) * (1.0 - r as f64 / dimension);
        let eigen = match v.self_adjoint_eigen(Side::Lower) {
            Ok(eigen) if noise > 0.0 => eigen,
            _ => return squared / q,
        };
        // Variance and squared mean along each axis of V, in units of the noise.
        let axes: Vec<(f64, f64)> = (0..r)
            .map(|j| {
                let along: f64 = (0..r).map(|i| eigen.U()[(i, j)] * mean[i]).sum();
                (eigen.S()[j].max(0.0) / noise, along * along / noise)
            })
            .collect();
        // With u = c s = e^x the trapezoidal rule converges exponentially.
        const STEP: f64 = 1.0 / 8.0;
        let term = |j: i32| {
            let u = (STEP * f64::from(j)).exp();
            let of_axis = |(v, square): &(f64, f64)| {
                let wide = 1.0 + 2.0 * u * v;
                (-u * square / wide).exp() / wide.sqrt()
            };
            let transform: f64 = axes.iter().map(of_axis).product();
            u * (-u).exp() * (1.0 - transform)
        };
        STEP * (-320..=32).map(term).sum::<f64>()
    }

    /// The largest standard deviation of one neuron's overlap over its length.
    pub(super) fn largest(&self, norm: impl Fn(usize) -> f64) -> f64 {
        let of = |(c, v): (usize, &Mat<f64>)| {
            let variances = (0..v.nrows()).map(|j| v[(j, j)]);
            variances.fold(0.0, f64::max).sqrt() / norm(c)
        };
        self.single.iter().enumerate().map(of).fold(0.0, f64::max)
    }
}

/// What a step does to small deviations of the overlaps of its state.
pub(super) struct Growth {
    /// `d E[B_c z_j] / d m_ck` of a neuron's own overlap m, without the mean output's, `r x r` by class.
    own: Vec<Mat<f64>>,
    /// What a shift of all neurons of a sign does through the output, by class and sign.
    through: Vec<Mat<f64>>,
    /// `E[B_c^2 z_j z_k]` by class.
    power: Vec<Mat<f64>>,
    /// `E[B_s B_s' z_j z_k]` of the means over signs: of different neurons.
    shared: Mat<f64>,
    /// What a neuron is to those of the other sign.
    twins: Twins,
}

/// Whether neurons have mirror images among those of the other sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twins {
    None,
    /// Each has one with the same fields and the opposite drive.
    Opposite,
}

/// The classes of neurons at the points of a block, a column each.
pub(super) struct Seen<'a> {
    /// Weight of the point times `d E[B] / d s`, less the mean output's part.
    pub own: &'a Mat<f64>,
    /// Weight times `a E sigma'`.
    pub drive: &'a Mat<f64>,
    /// Weight times `E B^2`.
    pub power: &'a Mat<f64>,
    /// `a E sigma'`, in the first rows.
    pub slope: &'a Mat<f64>,
    /// `1/p`.
    pub narrow: f64,
}

impl Seen<'_> {
    fn slope(&self, c: usize) -> &[f64] {
        &self.slope.col_as_slice(c)[..self.drive.nrows()]
    }
}

impl Growth {
    /// The number of sums.
    pub(super) fn length(k: usize, r: usize) -> usize {
        match r <= MOST_DIRECTIONS {
            true => k * r * r * (2 + SIGNS) + (SIGNS * r).pow(2),
            false => 0,
        }
    }

    /// Adds a block of points with the target's fields `z` (points x r): `residual` is the weight times `E Delta^2`, and
    /// `feedback` 0 for the correlation loss.
    pub(super) fn add(
        sums: &mut [f64],
        (sizes, seen): (&Sizes, &Seen<'_>),
        z: &Mat<f64>,
        (residual, feedback): (&[f64], f64),
    ) {
        let ((rows, k), r) = (seen.drive.shape(), z.ncols());
        if sums.is_empty() {
            return;
        }
        // What the neurons of a sign add to the output for each shift of theirs, and their mean slope.
        let (mut output, mut mean) = (
            Mat::<f64>::zeros(rows, SIGNS),
            Mat::<f64>::zeros(rows, SIGNS),
        );
        for c in 0..k {
            let (sign, share) = (sizes.sign[c], sizes.share[c]);
            let count = share * sizes.of_sign[sign] * seen.narrow;
            let slope = seen.slope(c);
            columns::add_scaled(output.col_as_slice_mut(sign), count, slope);
            columns::add_scaled(mean.col_as_slice_mut(sign), share, slope);
        }
        let products = of_columns(rows, r * r, |ij, out| {
            let (i, j) = (z.col_as_slice(ij / r), z.col_as_slice(ij % r));
            columns::scaled_product(out, 1.0, i, j);
        });
        let through = of_columns(rows, SIGNS * k, |cs, out| {
            let drive = seen.drive.col_as_slice(cs / SIGNS);
            columns::scaled_product(out, 1.0, drive, output.col_as_slice(cs % SIGNS));
        });
        let mut weighted = vec![0.0; rows];
        let pairs = of_columns(rows, SIGNS * SIGNS, |st, out| {
            columns::scaled_product(&mut weighted, 1.0, residual, mean.col_as_slice(st / SIGNS));
            columns::scaled_product(out, 1.0, &weighted, mean.col_as_slice(st % SIGNS));
        });
        let (sums_own, rest) = sums.split_at_mut(k * r * r);
        let (sums_through, rest) = rest.split_at_mut(SIGNS * k * r * r);
        let (sums_power, sums_shared) = rest.split_at_mut(k * r * r);
        add_product(sums_own, seen.own, &products, 1.0);
        add_product(sums_through, &through, &products, -feedback);
        add_product(sums_power, seen.power, &products, 1.0);
        let mut shared = vec![0.0; SIGNS * SIGNS * r * r];
        add_product(&mut shared, &pairs, &products, 1.0);
        for (place, value) in shared.into_iter().enumerate() {
            let (st, ij) = (place / (r * r), place % (r * r));
            let (row, column) = ((st / SIGNS) * r + ij / r, (st % SIGNS) * r + ij % r);
            sums_shared[row * SIGNS * r + column] += value;
        }
    }

    /// The averages; none if there are none.
    pub(super) fn of(parts: &mut Split<'_>, k: usize, r: usize) -> Option<Self> {
        if r > MOST_DIRECTIONS {
            return None;
        }
        let mut matrices =
            |count: usize| -> Vec<Mat<f64>> { (0..count).map(|_| parts.matrix(r, r)).collect() };
        Some(Self {
            own: matrices(k),
            through: matrices(SIGNS * k),
            power: matrices(k),
            shared: parts.matrix(SIGNS * r, SIGNS * r),
            twins: Twins::None,
        })
    }

    /// That of pairs whose neurons have the same weights, from that of one neuron of each pair: `place` says which one stands
    /// for a class, and `signs` how its drive is turned. Their output vanishes, whatever the overlaps, so nothing goes through it.
    pub(super) fn of_pairs(half: &Self, place: &[usize], signs: &[f64]) -> Self {
        let r = half.shared.nrows() / SIGNS;
        let turned = |c: usize| faer::Scale(signs[c]) * &half.own[place[c]];
        // Of half the pairs' sums one sign is filled, or both where heads have either.
        let of_heads = Mat::from_fn(r, r, |i, j| {
            let at = |s: usize, t: usize| half.shared[(s * r + i, t * r + j)];
            at(0, 0) + at(1, 1)
        });
        Self {
            own: (0..place.len()).map(turned).collect(),
            through: vec![Mat::zeros(r, r); SIGNS * place.len()],
            power: place.iter().map(|head| half.power[*head].clone()).collect(),
            shared: Mat::from_fn(SIGNS * r, SIGNS * r, |i, j| {
                let sign = if i / r == j / r { 1.0 } else { -1.0 };
                sign * of_heads[(i % r, j % r)]
            }),
            twins: Twins::Opposite,
        }
    }

    /// The largest entry of what a small deviation changes in a gradient.
    pub(super) fn largest(&self) -> f64 {
        let all = self.own.iter().chain(&self.through);
        all.fold(0.0, |m, part| part.norm_max().max(m))
    }

    /// The deviations after a step `M <- keep M + rate X` on `samples d` samples, before rows are rescaled; `lengths` are those of
    /// the rows after it.
    pub(super) fn advance(
        &self,
        before: &Deviations,
        population: &Population,
        x: &Mat<f64>,
        (keep, lengths): (&[f64], &[f64]),
        (rate, samples, dimension): (f64, f64, f64),
    ) -> Deviations {
        let (k, r) = (population.len(), x.ncols());
        let sizes = Sizes::of(population);
        let noise = 1.0 / (samples * dimension);
        let identity = |scale: f64| Mat::<f64>::identity(r, r) * faer::Scale(scale);
        // What a batch adds to the gradient of one neuron.
        let own_noise = |c: usize| {
            Mat::from_fn(r, r, |i, j| {
                noise * (self.power[c][(i, j)] - x[(c, i)] * x[(c, j)])
            })
        };
        // A neuron shifts the mean of its sign by its share.
        let slope = |c: usize| {
            let sign = sizes.sign[c];
            let part = faer::Scale(1.0 / sizes.of_sign[sign].max(1.0));
            &self.own[c] + part * &self.through[SIGNS * c + sign]
        };
        let mut gradient = Vec::with_capacity(k);
        let mut single = Vec::with_capacity(k);
        let mut added = 0.0f64;
        for c in 0..k {
            let slope = slope(c);
            let fresh = own_noise(c);
            let largest = (0..r).map(|j| fresh[(j, j)]).fold(0.0, f64::max);
            added = added.max(rate * largest.sqrt() / lengths[c]);
            gradient.push(&slope * &before.single[c] * slope.transpose() + &fresh);
            let step = identity(keep[c]) + faer::Scale(rate) * &slope;
            let carried = &step * &before.single[c] * step.transpose();
            single.push(carried + faer::Scale(rate * rate) * fresh);
        }
        // The same for means over signs.
        let mut step = Mat::<f64>::zeros(SIGNS * r, SIGNS * r);
        let mut fresh = Mat::<f64>::zeros(SIGNS * r, SIGNS * r);
        let mean_x = |s: usize| {
            let mut mean = vec![0.0; r];
            for c in (0..k).filter(|c| sizes.sign[*c] == s) {
                for (j, mean) in mean.iter_mut().enumerate() {
                    *mean += sizes.share[c] * x[(c, j)];
                }
            }
            mean
        };
        let means = [mean_x(0), mean_x(1)];
        for s in 0..SIGNS {
            let own = sizes.mean(s, r, |c| {
                identity(keep[c]) + faer::Scale(rate) * &self.own[c]
            });
            let alone = sizes.mean(s, r, own_noise);
            let size = sizes.of_sign[s].max(1.0);
            for t in 0..SIGNS {
                let through = sizes.mean(s, r, |c| self.through[SIGNS * c + t].clone());
                let both = |t: usize, i: usize, j: usize| {
                    noise * (self.shared[(s * r + i, t * r + j)] - means[s][i] * means[t][j])
                };
                for i in 0..r {
                    for j in 0..r {
                        let (a, b) = (s * r + i, t * r + j);
                        step[(a, b)] = rate * through[(i, j)];
                        // What a neuron has beside what any two share, in the mean over its sign.
                        let rest = (alone[(i, j)] - both(s, i, j)) / size;
                        fresh[(a, b)] = both(t, i, j);
                        match (s == t, self.twins) {
                            (true, _) => {
                                step[(a, b)] += own[(i, j)];
                                fresh[(a, b)] += rest;
                            }
                            (false, Twins::Opposite) => fresh[(a, b)] -= rest,
                            (false, Twins::None) => {}
                        }
                    }
                }
            }
        }
        Deviations {
            groups: &step * &before.groups * step.transpose() + faer::Scale(rate * rate) * fresh,
            single,
            gradient,
            added,
        }
    }
}

impl Deviations {
    /// The same after rows of these overlaps and lengths are divided by their lengths.
    pub(super) fn rescaled(self, population: &Population, m: &Mat<f64>, norms: &[f64]) -> Self {
        let r = m.ncols();
        let sizes = Sizes::of(population);
        let turn = |overlap: &dyn Fn(usize) -> f64, norm: f64| {
            Mat::from_fn(r, r, |i, j| {
                (f64::from(i == j) - overlap(i) * overlap(j) / (norm * norm)) / norm
            })
        };
        let single = self.single.iter().enumerate().map(|(c, v)| {
            let turn = turn(&|j| m[(c, j)], norms[c]);
            &turn * v * turn.transpose()
        });
        let mut both = Mat::<f64>::zeros(SIGNS * r, SIGNS * r);
        for s in 0..SIGNS {
            let turn = sizes.mean(s, r, |c| turn(&|j| m[(c, j)], norms[c]));
            for i in 0..r {
                for j in 0..r {
                    both[(s * r + i, s * r + j)] = turn[(i, j)];
                }
            }
        }
        Self {
            single: single.collect(),
            groups: &both * &self.groups * both.transpose(),
            gradient: self.gradient,
            added: self.added,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_lengths_have_their_closed_forms() {
        let share = |v: f64, mean: &[f64], q: f64, d: f64| {
            let r = mean.len();
            let v = Mat::from_fn(r, r, |i, j| if i == j { v } else { 0.0 });
            Deviations::share(&v, mean, q, d)
        };
        // Without fluctuations it is the share itself, with the noise that is left in the other directions.
        assert!((share(0.0, &[0.6, 0.3], 1.0, 1e12) - 0.45).abs() < 1e-10);
        assert!((share(0.0, &[0.0, 0.5], 1.0, 8.0) - 0.25 / (0.25 + 0.75 * 0.75)).abs() < 1e-10);
        // |m|^2 = 2 v x with x exponential: 1 - a e^a E_1(a), a = c / (2 v); E_1(1) = 0.21938393439552029.
        let exact = 1.0 - 1f64.exp() * 0.219_383_934_395_520_29;
        assert!((share(0.5, &[0.0, 0.0], 1.0, 1e15) - exact).abs() < 1e-9);
        // The whole length where nothing else is left.
        assert!((share(0.1, &[1.0], 1.0, 10.0) - 1.0).abs() < 1e-12);
        // By sums over a fine grid: r = 1, a mean.
        let (v, mean, c) = (0.3f64, 0.7f64, 0.9f64);
        let (mut sum, mut mass) = (0.0, 0.0);
        for k in -8000..=8000 {
            let x = f64::from(k) * 1e-3;
            let weight = (-x * x / 2.0).exp();
            let m = mean + v.sqrt() * x;
            sum += weight * m * m / (m * m + c);
            mass += weight;
        }
        let found = share(v, &[mean], mean * mean + c, 1e15);
        assert!((found - sum / mass).abs() < 1e-9, "{found} {}", sum / mass);
    }
}
