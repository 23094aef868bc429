//! The directions that many neurons share: what features and labels are conditioned on.

use faer::{Mat, Side};

use crate::directions::Directions;
use crate::spectrum::spikes;

/// A part of a target's direction this small lies within the spikes.
const WITHIN: f64 = 0.01;
/// Along a spike of shares `s_i = <w_i, u>^2 / |w_i|^2` features are Gaussian but for a common function `He2(<u, x>)` of power
/// `c_2^2 (1/p) sum_i s_i^2`, beside `mu*^2 / p` of each neuron alone: below this many of those it is not conditioned on.
/// A step on few samples stretches the whole bulk beyond the edge of rows in random directions, which has no end of spikes.
const FAINT: f64 = 0.1;

/// The spikes of independent rows W, and those of the target's directions along which W has more than random overlaps
/// besides: a direction that is known shows where an unknown one would drown. Orthonormal rows.
///
/// None if the weights are not finite.
pub(super) fn shared(rows: &Directions, target: &Directions, dimension: f64) -> Option<Directions> {
    let spikes = strong(spikes(rows, dimension)?, rows);
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

/// Those of the spikes along which features are not Gaussian.
fn strong(spikes: Directions, rows: &Directions) -> Directions {
    let (along, lengths) = (rows.gram(&spikes), rows.norms());
    let power = |k: usize| -> f64 {
        let shares = (0..rows.rows()).map(|i| (along[(i, k)] / lengths[i]).powi(2));
        shares.map(|share| share * share).sum()
    };
    let kept: Vec<usize> = (0..spikes.rows()).filter(|k| power(*k) > FAINT).collect();
    let all = spikes.coordinates();
    Directions::new(Mat::from_fn(kept.len(), spikes.columns(), |k, j| {
        all[(kept[k], j)]
    }))
}
