//! A batch of the engine in law stays one matrix however often it is touched, and its frame keeps every inner product.
//!
//! Seen to catch: a ledger that forgets along what it was contracted or projects once, a compacted frame without its last vector.

use crate::common::engines::training;
use giantstep::batch::{Access, Engine, InLaw, Panel, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::real::Real;
use giantstep::watch::Watch;

/// Sweeps `X along^T` and `C^T X` with coefficients `tanh` of the first k fields.
fn touch<E: Engine>(engine: &mut E, batch: &mut E::Batch, along: &Directions, k: usize) -> Swept {
    let m = along.rows();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let fields: Vec<f64> = panel.fields.iter().map(|x| x.to_f64()).collect();
        let column = |i: usize| &fields[i * panel.rows..(i + 1) * panel.rows];
        for i in 0..m {
            for j in 0..m {
                let product = |(x, y): (&f64, &f64)| x.tanh() * y;
                panel.sums[i * m + j] += column(i).iter().zip(column(j)).map(product).sum::<f64>();
            }
        }
        for (value, field) in panel.fields.iter_mut().zip(&fields) {
            *value = E::Real::from_f64(field.tanh());
        }
    };
    let sweep = Sweep {
        directions: along,
        coefficients: k,
        sums: m * m,
        part: None,
    };
    engine
        .sweep(batch, sweep, &visit, Watch::default())
        .expect("no interruption")
}

/// `sum_v c_v <u, x_v>` computed forwards along u and backwards from `sum_v c_v x_v` agree, for directions u that
/// the batch itself has revealed; and what was answered once is answered again.
fn stays_one_matrix<T: Real>(d: u64, tolerance: f64) {
    let mut engine = InLaw::<T>::new(d, 8);
    engine.target(1);
    let mut along = engine.gaussian(3);
    let mut batch = engine.open(training(0), 2500, Access::Many);
    let mut asked = Vec::new();
    for pass in 0..5 {
        let m = along.rows();
        let swept = touch(&mut engine, &mut batch, &along, m);
        let scale = (swept.backward.norms().into_iter().fold(0.0, f64::max)
            * along.norms().into_iter().fold(0.0, f64::max))
        .max(1.0);
        let backward = swept.backward.gram(&along);
        for i in 0..m {
            for j in 0..m {
                let distance = (backward[(i, j)] - swept.sums[i * m + j]).abs();
                assert!(
                    distance < tolerance * scale,
                    "d = {d}, pass {pass}: {distance:.1e} against {scale:.1e}"
                );
            }
        }
        asked.push((along.clone(), swept.backward.clone()));
        for (along, answer) in &asked {
            let mut again = touch(&mut engine, &mut batch, along, along.rows()).backward;
            again.add_scaled(|_| -1.0, answer);
            let distance = again.norms().into_iter().fold(0.0, f64::max);
            assert!(
                distance < tolerance * scale,
                "d = {d}, pass {pass}: another answer by {distance:.1e} of {scale:.1e}"
            );
        }
        // Directions that the batch revealed, next to those it knew, of length about one.
        let mut revealed = swept.backward;
        let norms = revealed.norms();
        revealed.scale(|i| 1.0 / norms[i]);
        along = match pass {
            0 => Directions::stack(&[&along, &revealed]),
            _ => {
                along.add_scaled(|_| 0.5, &revealed);
                along
            }
        };
    }
}

#[test]
fn a_held_batch_stays_one_matrix_however_often_it_is_touched() {
    for d in [11, 40, 1000, 1 << 53] {
        stays_one_matrix::<f64>(d, 1e-12);
        stays_one_matrix::<f32>(d, 2e-5);
    }
}

#[test]
fn compacting_the_frame_keeps_every_inner_product() {
    let mut engine = InLaw::<f64>::new(1 << 40, 1);
    let target = engine.target(2);
    let mut first = engine.gaussian(6);
    for index in 0..20 {
        let mut batch = engine.open(training(index), 500, Access::Once);
        let swept = touch(&mut engine, &mut batch, &first, 6);
        first.add_scaled(|_| 1e-3, &swept.backward);
        let (mut kept, mut compact) = (target.clone(), first.clone());
        engine.keep_only(&mut [&mut kept, &mut compact]);
        assert!(
            compact.columns() <= 8,
            "frame of {} vectors",
            compact.columns()
        );
        for (before, after) in [
            (first.gram(&first), compact.gram(&compact)),
            (first.gram(&target), compact.gram(&kept)),
            (target.gram(&target), kept.gram(&kept)),
        ] {
            let distance = (&before - &after).norm_max();
            assert!(
                distance < 1e-13 * before.norm_max().max(1.0),
                "{distance:.1e}"
            );
        }
        first = compact;
    }
}
