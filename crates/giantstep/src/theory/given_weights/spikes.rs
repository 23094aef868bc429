//! The directions that many neurons share: what features and labels are conditioned on.

use faer::{Mat, Side};

use crate::directions::Directions;

/// No more directions are conditioned on.
const MOST: usize = 16;
/// Room above the edge, in units of the spread `d^(-2/3)` of the largest singular value.
const ROOM: f64 = 4.0;

/// A part of a target's direction this small lies within the spikes.
const WITHIN: f64 = 0.01;

/// The spikes of independent rows W, and those of the target's directions along which W has more than random overlaps
/// besides: a direction that is known shows where an unknown one would drown. Orthonormal rows.
///
/// None if the weights are not finite.
pub(super) fn shared(rows: &Directions, target: &Directions, dimension: f64) -> Option<Directions> {
    let spikes = spikes(rows, dimension)?;
    let (p, r) = (rows.rows(), target.rows());
    let inside = target.gram(&spikes);
    let along = rows.gram(&spikes);
    let left = Mat::<f64>::identity(r, r) - &inside * inside.transpose();
    let eigen = left.self_adjoint_eigen(Side::Lower).ok()?;
    let open: Vec<usize> = (0..r).filter(|j| eigen.S()[*j] > WITHIN).collect();
    // Orthonormal rows that span what the spikes leave of the target, by their coordinates in both.
    let own = Mat::from_fn(open.len(), r, |j, k| {
        eigen.U()[(k, open[j])] / eigen.S()[open[j]].sqrt()
    });
    let taken = &own * &inside;
    let overlaps = rows.gram(target) * own.transpose() - &along * taken.transpose();
    let power = overlaps.transpose() * &overlaps;
    let found = power.self_adjoint_eigen(Side::Lower).ok()?;
    let lengths: f64 = rows.norms().iter().map(|norm| norm * norm).sum();
    let random = (lengths - along.squared_norm_l2()) / dimension;
    let most = random * (1.0 + 3.0 * (2.0 / p as f64).sqrt());
    let kept: Vec<usize> = (0..open.len()).filter(|j| found.S()[*j] > most).collect();
    let turn = Mat::from_fn(kept.len(), open.len(), |i, j| found.U()[(j, kept[i])]);
    let (own, taken) = (&turn * own, &turn * taken);
    let both = Directions::stack(&[target, &spikes]);
    let combine = Mat::from_fn(kept.len(), both.rows(), |i, k| match k < r {
        true => own[(i, k)],
        false => -taken[(i, k - r)],
    });
    let more = Directions::new(combine * both.coordinates());
    Some(Directions::stack(&[&spikes, &more]))
}

/// The right singular directions U (s orthonormal rows) of independent rows W whose squared singular values lie above the
/// edge of the rest: of rows of the lengths that are left, in independent directions of R^d.
///
/// None if the weights are not finite. `O(p^2 q + p^3)`.
pub(super) fn spikes(rows: &Directions, dimension: f64) -> Option<Directions> {
    let p = rows.rows();
    let gram = rows.gram(rows);
    let eigen = gram.self_adjoint_eigen(Side::Lower).ok()?;
    let mut lengths: Vec<f64> = (0..p).map(|i| gram[(i, i)]).collect();
    let most = MOST.min(p).min(dimension as usize - 1);
    let room = 1.0 + ROOM * dimension.powf(-2.0 / 3.0);
    let mut count = 0;
    while count < most {
        let j = p - 1 - count;
        let value = eigen.S()[j];
        if value <= room * edge(&lengths, dimension - count as f64) {
            break;
        }
        for (i, length) in lengths.iter_mut().enumerate() {
            *length = (*length - value * eigen.U()[(i, j)].powi(2)).max(0.0);
        }
        count += 1;
    }
    let combine = Mat::from_fn(count, p, |k, i| {
        let j = p - 1 - k;
        eigen.U()[(i, j)] / eigen.S()[j].sqrt()
    });
    Some(Directions::new(combine * rows.coordinates()))
}

/// The upper edge of the squared singular values of independent rows of these squared lengths in R^d: the least value of
/// `a (1 + (1/d) sum_i l_i / (a - l_i))` above the largest length (Silverstein and Choi).
fn edge(lengths: &[f64], dimension: f64) -> f64 {
    let largest = lengths.iter().copied().fold(0.0, f64::max);
    let slope = |a: f64| {
        let terms = lengths.iter().map(|l| (l / (a - l)).powi(2));
        1.0 - terms.sum::<f64>() / dimension
    };
    let count = lengths.len() as f64;
    // The slope is negative just above the largest length, and positive here.
    let (mut low, mut high) = (largest, largest * (1.01 + (count / dimension).sqrt()));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match slope(middle) < 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    let terms = lengths.iter().map(|l| l / (high - l));
    high * (1.0 + terms.sum::<f64>() / dimension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_have_the_edge_of_marchenko_and_pastur() {
        for (count, dimension) in [(100usize, 400.0), (300, 100.0)] {
            let expected = 2.0 * (1.0 + (count as f64 / dimension).sqrt()).powi(2);
            let found = edge(&vec![2.0; count], dimension);
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        }
    }
}
