//! Where a function of few directions is not smooth: planes, and curved sets.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::budget::Work;
use super::span::{dot, squared_norm};
use super::terms::{affine, extend_basis, forms};
use crate::expr::Expr;
use crate::gauss::{Enclosure, Interval, Zeros, zeros_of_one, zeros_on_line};

/// The zero set `constant + <gradient, t> = 0`.
#[derive(Debug, Clone)]
pub struct Plane {
    pub constant: f64,
    pub gradient: Vec<f64>,
}

/// The points with `low <= <normal, z> <= high`, of which it is not told whether a kink lies among them.
#[derive(Debug, Clone)]
pub struct Band {
    pub low: f64,
    pub high: f64,
}

/// A kink that is no plane, with its zeros on the lines that were asked for: integrals of several functions with the same
/// kinks take the same lines.
#[derive(Debug)]
pub struct Curve {
    enclosure: Enclosure,
    lines: RwLock<HashMap<Vec<u64>, Arc<Zeros>>>,
    /// Whether no more lines are kept.
    full: AtomicBool,
}

/// The most lines that are kept when an integral begins.
const MOST_LINES: usize = 100_000;

impl Curve {
    fn new(kink: &Expr) -> Self {
        Self {
            enclosure: Enclosure::new(kink),
            lines: RwLock::default(),
            full: AtomicBool::new(false),
        }
    }

    /// The zeros on the line through `z`, the point of the frame with the coordinates `before`, along the next of its axes.
    pub fn zeros(
        &self,
        before: &[f64],
        z: &[f64],
        axis: &[f64],
        edge: f64,
        work: Work<'_>,
    ) -> Arc<Zeros> {
        const MOST_CELLS: usize = 4_000;
        let key: Vec<u64> = before.iter().map(|x| x.to_bits()).collect();
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let known = lines.get(&key).cloned();
        drop(lines);
        if let Some(known) = known {
            return known;
        }
        let zeros = Arc::new(zeros_on_line(&self.enclosure, z, axis, edge, MOST_CELLS));
        // Another thread may have come first: a line that is kept is counted once.
        let new = self.full.load(Ordering::Relaxed) || {
            let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
            lines.insert(key, zeros.clone()).is_none()
        };
        if new {
            work.add_cells(zeros.cells);
        }
        zeros
    }

    /// At the beginning of an integral: whether its lines are kept is decided before threads ask for them.
    fn begin(&self) {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        self.full
            .store(lines.len() >= MOST_LINES, Ordering::Relaxed);
    }
}

/// The kinks of a function in the coordinates t of an orthonormal frame, `z = sum_j t_j frame_j`.
#[derive(Debug, Default)]
pub struct Kinks {
    /// Those that are planes, or parts of functions of one direction.
    pub planes: Vec<Plane>,
    /// The others.
    pub curved: Vec<Curve>,
    /// Where it is not told whether there are some.
    pub bands: Vec<Band>,
    factors: Vec<Expr>,
    frame: Vec<Vec<f64>>,
    turning: OnceLock<Option<Vec<[f64; 2]>>>,
}

/// How far along a line planes are looked for; further out there is no mass.
const EDGE: f64 = 24.0;

/// The most cells that are looked at for the planes of one kink.
const MOST_CELLS: usize = 40_000;

impl Kinks {
    /// The zero sets of these expressions.
    fn new(factors: Vec<Expr>, frame: &[Vec<f64>], r: usize) -> Self {
        let mut all = Self {
            frame: frame.to_vec(),
            ..Self::default()
        };
        for factor in &factors {
            all.push(factor, frame, r);
        }
        all.factors = factors;
        all
    }

    fn push(&mut self, kink: &Expr, frame: &[Vec<f64>], r: usize) {
        let in_frame = |v: &[f64]| frame.iter().map(|f| dot(f, v)).collect();
        if let Some((constant, gradient)) = affine(kink, r) {
            let gradient: Vec<f64> = in_frame(&gradient);
            let norm = squared_norm(&gradient).sqrt();
            if norm > 0.0 {
                self.planes.push(Plane {
                    constant: constant / norm,
                    gradient: gradient.iter().map(|g| g / norm).collect(),
                });
            }
            return;
        }
        let mut basis = Vec::new();
        let mut found = Vec::new();
        forms(kink, r, &mut found);
        extend_basis(&mut basis, &found);
        let [direction] = &basis[..] else {
            self.curved.push(Curve::new(kink));
            return;
        };
        // A function of one direction vanishes on parallel planes.
        let axis = direction.iter().position(|x| *x == 1.0);
        let zeros = match axis {
            Some(axis) => zeros_of_one(kink, axis, EDGE),
            None => zeros_on_line(
                &Enclosure::new(kink),
                &vec![0.0; r],
                direction,
                EDGE,
                MOST_CELLS,
            ),
        };
        let gradient: Vec<f64> = in_frame(direction);
        let ends = zeros.blurred.iter().flat_map(|(low, high)| [*low, *high]);
        for place in zeros.places.iter().copied().chain(ends) {
            self.planes.push(Plane {
                constant: -place,
                gradient: gradient.clone(),
            });
        }
        let bands = zeros.blurred.iter().map(|&(low, high)| Band { low, high });
        self.bands.extend(bands);
    }

    /// Points of the plane on which a kink turns back along the first axis or crosses another, as
    /// [`turning_points`] finds them: once.
    pub fn turning(&self, edge: f64, r: usize, work: Work<'_>) -> Option<&[[f64; 2]]> {
        let found = || turning_points(self, &self.frame, edge, r, work);
        self.turning.get_or_init(found).as_deref()
    }

    /// Before threads ask for zeros on lines.
    pub fn begin(&self) {
        self.curved.iter().for_each(Curve::begin);
    }

    /// Whether the function is smooth.
    pub fn is_empty(&self) -> bool {
        self.planes.is_empty() && self.curved.is_empty()
    }
}

/// Points of the plane on which a kink turns back along the first axis or crosses another: between them each line
/// along the second axis meets the kinks in as many points as its neighbours.
///
/// Boxes on which no kink vanishes are dropped, and those on which one alone does and is not level along the second
/// axis; the others are split down to 1e-7. None if there are too many.
fn turning_points(
    kinks: &Kinks,
    frame: &[Vec<f64>],
    edge: f64,
    r: usize,
    work: Work<'_>,
) -> Option<Vec<[f64; 2]>> {
    const MOST_BOXES: usize = 60_000;
    const SMALL: f64 = 1e-7;
    let oblique: Vec<&Plane> = kinks
        .planes
        .iter()
        .filter(|p| p.gradient[1].abs() > 1e-9)
        .collect();
    let mut points = Vec::new();
    for (i, a) in oblique.iter().enumerate() {
        for b in &oblique[..i] {
            let determinant = a.gradient[0] * b.gradient[1] - a.gradient[1] * b.gradient[0];
            if determinant.abs() > 1e-9 {
                let (c, d) = (-a.constant, -b.constant);
                points.push([
                    (c * b.gradient[1] - d * a.gradient[1]) / determinant,
                    (d * a.gradient[0] - c * b.gradient[0]) / determinant,
                ]);
            }
        }
    }
    if kinks.curved.is_empty() {
        return Some(points);
    }
    let axes = [frame[0].as_slice(), frame[1].as_slice()];
    let origin = vec![0.0; r];
    let mut boxes = vec![[Interval::new(-edge, edge); 2]];
    let mut seen = 0;
    while let Some(cell) = boxes.pop() {
        seen += 1;
        if seen > MOST_BOXES {
            return None;
        }
        work.add_cells(kinks.curved.len());
        let (mut curves, mut level) = (0, false);
        for kink in &kinks.curved {
            let jet = kink.enclosure.over(&origin, axes, cell);
            if jet.value.has_zero() {
                curves += 1;
                level |= jet.slopes[1].has_zero();
            }
        }
        let crossed = curves > 0
            && oblique.iter().any(|p| {
                let along = |k: usize| Interval::point(p.gradient[k]).times(cell[k]);
                let value = along(0).plus(along(1)).plus(Interval::point(p.constant));
                value.has_zero()
            });
        if !(level || curves > 1 || crossed) {
            continue;
        }
        if cell[0].width().max(cell[1].width()) <= SMALL {
            points.push([cell[0].middle(), cell[1].middle()]);
            continue;
        }
        let longer = usize::from(cell[1].width() > cell[0].width());
        let split = cell[longer].low + 0.488_281_25 * cell[longer].width();
        for part in [
            Interval::new(cell[longer].low, split),
            Interval::new(split, cell[longer].high),
        ] {
            let mut half = cell;
            half[longer] = part;
            boxes.push(half);
        }
    }
    // Boxes around one point count once.
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup_by(|a, b| {
        a.iter()
            .zip(b.iter())
            .all(|(x, y)| (x - y).abs() < 10.0 * SMALL)
    });
    Some(points)
}

/// The kinks of functions that were integrated, one for each set of them and frame.
#[derive(Debug, Default)]
pub struct Atlas(Mutex<Vec<Arc<Kinks>>>);

impl Atlas {
    /// The zero sets of these expressions in a frame of directions of R^r.
    pub fn kinks(&self, expressions: &[Expr], frame: &[Vec<f64>], r: usize) -> Arc<Kinks> {
        let mut factors: Vec<Expr> = Vec::new();
        for factor in expressions.iter().flat_map(Expr::vanishing_factors) {
            if !factors.contains(factor) {
                factors.push(factor.clone());
            }
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all
            .iter()
            .find(|k| k.factors == factors && k.frame == frame)
            .cloned();
        known.unwrap_or_else(|| {
            let new = Arc::new(Kinks::new(factors, frame, r));
            all.push(new.clone());
            new
        })
    }
}
