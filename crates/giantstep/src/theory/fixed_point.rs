//! Fixed points of maps of several numbers.

use std::collections::VecDeque;

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Iterations, at most.
const ITERATIONS: usize = 500;
/// Steps that are mixed.
const DEPTH: usize = 4;

/// When a point counts as fixed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// Steps below this fraction of a number are none.
    pub tolerance: f64,
    /// The first numbers are positive, so many of them; others have either sign, and the largest of them measures all.
    pub positive: usize,
    /// Positive numbers are measured by their distance from the negative of this.
    pub base: f64,
}

/// The fixed point of a map, by Anderson's mixing of the last steps; none if it does not come to that.
pub(super) fn fixed_point<E>(
    x: Vec<f64>,
    goal: Goal,
    next: impl Fn(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Option<Vec<f64>>, E> {
    fixed_point_knowing(&[], x, goal, next)
}

/// [`fixed_point`] of a map of which changes of x and of its image are nearly known.
pub(super) fn fixed_point_knowing<E>(
    known: &[(Vec<f64>, Vec<f64>)],
    mut x: Vec<f64>,
    goal: Goal,
    next: impl Fn(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Option<Vec<f64>>, E> {
    // Changes of the image and of the step, relative to its size.
    let mut history: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    let mut last: Option<(Vec<f64>, Vec<f64>)> = None;
    for _ in 0..ITERATIONS {
        let image = next(&x)?;
        let largest = image[goal.positive..]
            .iter()
            .fold(0.0f64, |m, y| m.max(y.abs()));
        let size = |i: usize| match i < goal.positive {
            true => goal.base + image[i].abs(),
            false => largest,
        };
        let pairs = x.iter().zip(&image).enumerate();
        let step: Vec<f64> = pairs.map(|(i, (x, y))| (y - x) / size(i)).collect();
        // NaN must not be lost in a maximum.
        let change = step
            .iter()
            .fold(0.0, |worst: f64, x| match x.abs() <= worst {
                true => worst,
                false => x.abs(),
            });
        if !change.is_finite() {
            break;
        }
        if change < goal.tolerance {
            return Ok(Some(image));
        }
        if last.is_none() {
            history.extend(known.iter().map(|(from, to)| {
                let pairs = from.iter().zip(to).enumerate();
                let step = pairs.map(|(i, (x, y))| (y - x) / size(i));
                (to.clone(), step.collect())
            }));
        }
        if let Some((old_image, old_step)) = &last {
            let less = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x - y).collect();
            history.push_back((less(&image, old_image), less(&step, old_step)));
            if history.len() > DEPTH {
                history.pop_front();
            }
        }
        let mixed = mixed_step(&image, &step, &history);
        let mixed = mixed.filter(|x| x[..goal.positive].iter().all(|x| *x > 0.0));
        x = mixed.unwrap_or_else(|| image.clone());
        last = Some((image, step));
    }
    Ok(None)
}

/// `image - sum_j g_j (change of image)_j`, with the g that bring the step closest to zero.
fn mixed_step(
    image: &[f64],
    step: &[f64],
    history: &VecDeque<(Vec<f64>, Vec<f64>)>,
) -> Option<Vec<f64>> {
    let m = history.len();
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let mut gram = Mat::from_fn(m, m, |i, j| dot(&history[i].1, &history[j].1));
    for i in 0..m {
        gram[(i, i)] *= 1.0 + 1e-10;
    }
    let right = Mat::from_fn(m, 1, |i, _| dot(&history[i].1, step));
    let shares = gram.llt(Side::Lower).ok()?.solve(right);
    let mut mixed = image.to_vec();
    for (j, (change, _)) in history.iter().enumerate() {
        for (x, change) in mixed.iter_mut().zip(change) {
            *x -= shares[(j, 0)] * change;
        }
    }
    Some(mixed)
}
