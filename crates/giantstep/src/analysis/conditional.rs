//! The conditional means of a link that is no polynomial, and with them its floors.

use super::budget::Work;
use super::estimate::Approximate;
use super::estimate::Estimate;
use super::numeric::{MOST_NESTED, Numeric, SAMPLES, at_points};
use super::quadrature::{Columns, Integrand};
use super::rules::exponents;
use super::sampled;
use super::span::{dot, residual, singular_directions, squared_norm};
use super::terms::{Block, Term, extend_basis, kinks, orthogonal};
use crate::expr::Expr;

impl Numeric<'_> {
    /// `E[g_j^2]` for j = 0, ..., `order`, g_j the part of the link of degree j across the subspace, which has
    /// this orthonormal basis.
    ///
    /// The floor of THEORY.md (15) at exponent kappa is the variance less the sum over j up to kappa, plus
    /// the squared mean.
    pub fn energies_across(&self, subspace: &[Vec<f64>], order: u32) -> Vec<Approximate> {
        let mut energies = vec![Approximate::default(); order as usize + 1];
        let mut mean = Approximate::default();
        for group in self.groups(subspace) {
            let (profile, average) = self.group_energies(&group, subspace, order);
            for (sum, energy) in energies.iter_mut().zip(&profile) {
                sum.value += energy.value;
                sum.error += energy.error;
            }
            energies[0].value -= average.value * average.value;
            mean.value += average.value;
            mean.error += average.error;
        }
        energies[0].value += mean.value * mean.value;
        energies[0].error += 2.0 * mean.value.abs() * mean.error;
        energies
    }

    /// Terms gathered so that different groups depend on orthogonal subspaces, each of which splits into a part
    /// along and a part across the given subspace: their conditional means are independent.
    fn groups(&self, subspace: &[Vec<f64>]) -> Vec<Vec<&Term>> {
        let mut groups: Vec<(Vec<&Term>, Vec<Vec<f64>>)> = Vec::new();
        for term in &self.terms {
            let mut group = (vec![term], term.frame());
            loop {
                let before = group.0.len();
                let reach = shadowed(&group.1, subspace);
                let (near, apart): (Vec<_>, Vec<_>) = groups
                    .into_iter()
                    .partition(|other| !orthogonal(&reach, &shadowed(&other.1, subspace)));
                groups = apart;
                for (terms, frame) in near {
                    group.0.extend(terms);
                    extend_basis(&mut group.1, &frame);
                }
                if group.0.len() == before {
                    break;
                }
            }
            groups.push(group);
        }
        groups.into_iter().map(|(terms, _)| terms).collect()
    }

    /// The energies across the subspace, and the mean, of the sum of the terms of one group.
    fn group_energies(
        &self,
        group: &[&Term],
        subspace: &[Vec<f64>],
        order: u32,
    ) -> (Vec<Approximate>, Approximate) {
        if let [term] = group {
            let compatible = term
                .blocks
                .iter()
                .all(|b| splits(&b.frame, subspace) && b.frame.len() <= MOST_NESTED);
            if compatible {
                return self.product_energies(term, subspace, order);
            }
        }
        if on_common_frames(group, subspace) {
            return self.paired_energies(group, subspace, order);
        }
        let ridges: Option<Vec<(f64, &Block)>> = group
            .iter()
            .map(|t| match &t.blocks[..] {
                [block] if block.frame.len() == 1 => Some((t.coefficient, block)),
                _ => None,
            })
            .collect();
        if let Some(ridges) = ridges {
            return self.ridge_energies(&ridges, subspace, order);
        }
        let mut frame = Vec::new();
        for term in group {
            extend_basis(&mut frame, &term.frame());
        }
        // The whole plane of the group: along the subspace first.
        let shadows: Vec<Vec<f64>> = frame
            .iter()
            .map(|f| minus(f, &residual(f, subspace)))
            .collect();
        let mut whole = Vec::new();
        extend_basis(&mut whole, &independent(&shadows));
        let along = whole.len();
        extend_basis(&mut whole, &frame);
        let zeros: Vec<Expr> = group.iter().flat_map(|t| t.kinks()).collect();
        let blocks = group.iter().flat_map(|t| &t.blocks);
        let cost: u64 = blocks.map(Block::operations).sum();
        let function = |columns: &[&[f64]], out: &mut [f64]| {
            self.work.add(out.len() as u64 * cost);
            out.fill(0.0);
            group.iter().for_each(|t| t.add(columns, out));
        };
        self.profile(&function, &zeros, &whole, along, order)
    }

    /// The energies across the first `along` directions of a frame, and the mean, of a function on it.
    fn profile(
        &self,
        function: Columns<'_>,
        zeros: &[Expr],
        frame: &[Vec<f64>],
        along: usize,
        order: u32,
    ) -> (Vec<Approximate>, Approximate) {
        let sampled = || {
            let directions = 2 * frame.len() - along;
            self.work
                .add(sampled::operations(directions, 2 * SAMPLES, order as usize));
            sampled_energies(function, frame, along, (self.r, order), &self.work)
        };
        let profile = if frame.len() > MOST_NESTED || self.work.spent() {
            sampled()
        } else {
            let work = self.share(frame.len());
            let kinks = self.atlas.kinks(zeros, frame, self.r);
            let integrand = Integrand::new(function, kinks, frame, self.r, work);
            let mut energies = integrand.energies_across(along, order);
            let mean = integrand.coefficients(0);
            energies.values.push(mean.values[0]);
            energies.error = energies.error.max(mean.error);
            self.better(energies, frame.len(), sampled)
        };
        let error = profile.error;
        let mut profile: Vec<Approximate> = profile
            .values
            .iter()
            .map(|&value| Approximate { value, error })
            .collect();
        let mean = profile.pop().unwrap_or_default();
        (profile, mean)
    }

    /// The energies of a sum of functions of one direction each, `sum_a f_a(<v_a, z>)`, by Mehler's series:
    /// `E[a_j b_j] = sum_k a_k b_k binom(k, j) <v_a, P_U v_b>^(k - j) <v_a, v_b - P_U v_b>^j`
    /// with normalised coefficients, which converges geometrically unless v_a = v_b lies in U.
    fn ridge_energies(
        &self,
        ridges: &[(f64, &Block)],
        subspace: &[Vec<f64>],
        order: u32,
    ) -> (Vec<Approximate>, Approximate) {
        const DEGREE: u32 = 64;
        let mut energies = vec![Approximate::default(); order as usize + 1];
        let mut mean = Approximate::default();
        let norm = |block: &Block| self.moments(&block.joined(block, self.r), 0).values[0];
        for (weight, a) in ridges {
            let first = self.moments(a, DEGREE);
            mean.value += weight * first.values[0];
            mean.error += weight.abs() * first.error;
            let missing = |block: &Block, e: &Estimate| {
                (norm(block) - squared_norm(&e.values)).max(0.0).sqrt()
            };
            for (other, b) in ridges {
                let weight = weight * other;
                let (v, w) = (&a.frame[0], &b.frame[0]);
                let across = dot(v, &residual(w, subspace));
                let along = dot(v, w) - across;
                if along.abs() > 1.0 - 1e-12 {
                    let product = self.moments(&a.joined(b, self.r), 0);
                    energies[0].value += weight * product.values[0];
                    energies[0].error += weight.abs() * product.error;
                    continue;
                }
                let second = self.moments(b, DEGREE);
                let rest = missing(a, &first) * missing(b, &second);
                let size = (norm(a) * norm(b)).sqrt();
                for (j, energy) in energies.iter_mut().enumerate() {
                    let mut factor = across.powi(j as i32);
                    for k in j..=DEGREE as usize {
                        energy.value += weight * factor * first.values[k] * second.values[k];
                        factor *= along * (k + 1) as f64 / (k + 1 - j) as f64;
                    }
                    let rounding = (first.error + second.error) * size.sqrt() * 4.0;
                    energy.error += weight.abs() * (rest * factor.abs() + rounding);
                }
            }
        }
        (energies, mean)
    }

    /// The energies of a sum of products on common frames, each along or across the subspace: for every pair
    /// of terms a product over frames.
    fn paired_energies(
        &self,
        group: &[&Term],
        subspace: &[Vec<f64>],
        order: u32,
    ) -> (Vec<Approximate>, Approximate) {
        let mut energies = vec![Approximate::default(); order as usize + 1];
        let mut mean = Approximate::default();
        for a in group {
            let mut average = Approximate {
                value: a.coefficient,
                error: 0.0,
            };
            for block in &a.blocks {
                let moment = self.moments(block, 0);
                average.error =
                    average.error * moment.values[0].abs() + average.value.abs() * moment.error;
                average.value *= moment.values[0];
            }
            mean.value += average.value;
            mean.error += average.error;
            for b in group {
                for (sum, pair) in energies.iter_mut().zip(self.pair(a, b, subspace, order)) {
                    sum.value += pair.value;
                    sum.error += pair.error;
                }
            }
        }
        (energies, mean)
    }

    /// `E[a_j b_j]` of the parts of degree j across the subspace of two terms on common frames.
    fn pair(&self, a: &Term, b: &Term, subspace: &[Vec<f64>], order: u32) -> Vec<Approximate> {
        let order = order as usize;
        let mut product = vec![0.0; order + 1];
        product[0] = a.coefficient * b.coefficient;
        let (mut size, mut relative) = (product[0].abs(), 0.0);
        let across = |v: &Vec<f64>| squared_norm(&residual(v, subspace)) > 0.5;
        let alone = b
            .blocks
            .iter()
            .filter(|y| !a.blocks.iter().any(|x| same_span(&x.frame, &y.frame)));
        let both = a
            .blocks
            .iter()
            .map(|x| (x, b.blocks.iter().find(|y| same_span(&x.frame, &y.frame))));
        for (x, twin) in both.chain(alone.map(|y| (y, None))) {
            let mut degrees = vec![0.0; order + 1];
            let (scale, error) = match twin {
                Some(y) if x.frame.first().is_some_and(across) => {
                    let (p, q) = (self.moments(x, order as u32), self.moments(y, order as u32));
                    let exponents = exponents(x.frame.len(), order as u32);
                    for ((e, p), q) in exponents.iter().zip(&p.values).zip(&q.values) {
                        degrees[e.iter().sum::<u32>() as usize] += p * q;
                    }
                    let (np, nq) = (
                        squared_norm(&p.values).sqrt(),
                        squared_norm(&q.values).sqrt(),
                    );
                    (np * nq, p.error * nq + q.error * np)
                }
                Some(y) => {
                    let moment = self.moments(&x.joined(y, self.r), 0);
                    degrees[0] = moment.values[0];
                    (moment.values[0].abs(), moment.error)
                }
                None => {
                    let moment = self.moments(x, 0);
                    degrees[0] = moment.values[0];
                    (moment.values[0].abs(), moment.error)
                }
            };
            size *= scale + error;
            relative += error / (scale + error).max(1e-300);
            product = (0..=order)
                .map(|j| (0..=j).map(|i| product[i] * degrees[j - i]).sum())
                .collect();
        }
        product
            .into_iter()
            .map(|value| Approximate {
                value,
                error: size * relative,
            })
            .collect()
    }

    /// The energies of one product of independent blocks: degrees add, energies multiply.
    fn product_energies(
        &self,
        term: &Term,
        subspace: &[Vec<f64>],
        order: u32,
    ) -> (Vec<Approximate>, Approximate) {
        let order = order as usize;
        let mut energies = vec![0.0; order + 1];
        energies[0] = term.coefficient * term.coefficient;
        let mut mean = term.coefficient;
        let mut relative = 0.0;
        for block in &term.blocks {
            let (along, across) = split(&block.frame, subspace);
            let frame = if along.is_empty() || across.is_empty() {
                block.frame.clone()
            } else {
                [along.as_slice(), &across].concat()
            };
            let zeros: Vec<Expr> = block.factors.iter().flat_map(kinks).collect();
            let cost = block.operations();
            let function = |columns: &[&[f64]], out: &mut [f64]| {
                self.work.add(out.len() as u64 * cost);
                block.fill(columns, out);
            };
            let (own, average) = self.profile(&function, &zeros, &frame, along.len(), order as u32);
            let scale = own.iter().fold(1e-300, |a: f64, b| a.max(b.value));
            relative += (own[0].error + average.error) / scale;
            mean *= average.value;
            energies = (0..=order)
                .map(|j| (0..=j).map(|i| energies[i] * own[j - i].value).sum())
                .collect();
        }
        let size: f64 = energies.iter().sum();
        (
            energies
                .into_iter()
                .map(|value| Approximate {
                    value,
                    error: size * relative,
                })
                .collect(),
            Approximate {
                value: mean,
                error: size.sqrt() * relative,
            },
        )
    }
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

/// Whether the blocks of all terms lie on frames of which any two are equal or orthogonal, each along or across
/// the subspace.
fn on_common_frames(group: &[&Term], subspace: &[Vec<f64>]) -> bool {
    let blocks: Vec<&Block> = group.iter().flat_map(|t| &t.blocks).collect();
    blocks.iter().enumerate().all(|(i, a)| {
        let placed = a.frame.len() <= MOST_NESTED
            && (orthogonal(&a.frame, subspace)
                || a.frame
                    .iter()
                    .all(|f| squared_norm(&residual(f, subspace)) < 1e-18));
        placed
            && blocks[..i]
                .iter()
                .all(|b| orthogonal(&a.frame, &b.frame) || same_span(&a.frame, &b.frame))
    })
}

/// Whether two frames are the same, vector by vector.
fn same_span(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(x, y)| squared_norm(&minus(x, y)) < 1e-18)
}

/// A frame with its projections across the subspace.
fn shadowed(frame: &[Vec<f64>], subspace: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let across = frame.iter().map(|f| residual(f, subspace));
    frame.iter().cloned().chain(across).collect()
}

/// Those of the vectors that are not negligible.
fn independent(vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
    vectors
        .iter()
        .filter(|v| squared_norm(v) > 1e-18)
        .cloned()
        .collect()
}

/// Orthonormal bases of the parts along and across the subspace of the span of a frame.
fn split(frame: &[Vec<f64>], subspace: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    // Singular values of the projection of the frame are the cosines of the principal angles.
    let rows: Vec<Vec<f64>> = frame
        .iter()
        .map(|f| subspace.iter().map(|b| dot(f, b)).collect())
        .collect();
    let mut along = Vec::new();
    let mut across = Vec::new();
    for (cosine, weights) in singular_directions(rows) {
        let mut vector = vec![0.0; frame[0].len()];
        for (w, f) in weights.iter().zip(frame) {
            for (v, x) in vector.iter_mut().zip(f) {
                *v += w * x;
            }
        }
        if cosine > 0.5 {
            along.push(vector);
        } else {
            across.push(vector);
        }
    }
    (along, across)
}

/// Whether the span of a frame is a part along plus a part across the subspace.
fn splits(frame: &[Vec<f64>], subspace: &[Vec<f64>]) -> bool {
    frame.iter().all(|f| {
        let shadow = minus(f, &residual(f, subspace));
        squared_norm(&residual(&shadow, frame)) < 1e-18
    })
}

/// Energies across the first `along` directions of the frame, by pairs of points that agree along them, and then
/// the mean; those of an order above 3 are left at zero.
fn sampled_energies(
    function: Columns<'_>,
    frame: &[Vec<f64>],
    along: usize,
    (r, order): (usize, u32),
    work: &Work<'_>,
) -> Estimate {
    let m = frame.len();
    let across = m - along;
    let (wanted, order) = (order as usize, order.min(3) as usize);
    let means = sampled::means(m + across, 2 * SAMPLES, order + 2, work, |t, sums| {
        let twin: Vec<Vec<f64>> = t[..along].iter().chain(&t[m..]).cloned().collect();
        let first = at_points(function, &t[..m], frame, r);
        let second = at_points(function, &twin, frame, r);
        for (row, (a, b)) in first.into_iter().zip(second).enumerate() {
            let (mut c, mut size) = (0.0, 0.0);
            for (x, y) in t[along..m].iter().zip(&t[m..]) {
                c += x[row] * y[row];
                size += x[row] * x[row] + y[row] * y[row];
            }
            let n = across as f64;
            // <He_j(x), He_j(y)> / j!
            let kernels = [
                1.0,
                c,
                0.5 * (c * c - size + n),
                (c * c * c - 3.0 * c * size + (3.0 * n + 6.0) * c) / 6.0,
            ];
            for (sum, kernel) in sums.iter_mut().zip(&kernels[..=order]) {
                *sum += a * b * kernel;
            }
            sums[order + 1] += 0.5 * (a + b);
        }
    });
    let mut values: Vec<f64> = means.iter().map(|m| m.value).collect();
    let mean = values.pop().unwrap_or(0.0);
    values.resize(wanted + 1, 0.0);
    values.push(mean);
    Estimate {
        values,
        error: means.iter().map(|m| m.error).fold(0.0, f64::max),
    }
}
