//! Elementwise loops over columns, compiled for the widest vectors of the machine.
//!
//! Sums are split over a fixed number of lanes, so that the bits do not depend on the width of the vectors.

use pulp::Arch;

use crate::real::Real;

/// Partial sums of a reduction: enough for two of the widest registers.
const LANES: usize = 16;

/// `sum += scale x`, entry by entry.
pub fn add_scaled<T: Real>(sum: &mut [T], scale: f64, x: &[T]) {
    let scale = T::from_f64(scale);
    Arch::new().dispatch(|| {
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += scale * *x;
        }
    });
}

/// `out = scale x y`, entry by entry.
pub fn scaled_product<T: Real>(out: &mut [T], scale: f64, x: &[T], y: &[T]) {
    let scale = T::from_f64(scale);
    Arch::new().dispatch(|| {
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            *out = scale * *x * *y;
        }
    });
}

/// `sum_v x_v y_v`, in f64.
pub fn dot<T: Real>(x: &[T], y: &[T]) -> f64 {
    Arch::new().dispatch(|| {
        let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        let mut sums = [0.0; LANES];
        for (x, y) in xs.iter().zip(ys) {
            for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                *sum += x.to_f64() * y.to_f64();
            }
        }
        for ((sum, x), y) in sums.iter_mut().zip(x_rest).zip(y_rest) {
            *sum += x.to_f64() * y.to_f64();
        }
        sums.iter().sum()
    })
}

/// `sum_v x_v`, in f64.
pub fn sum<T: Real>(x: &[T]) -> f64 {
    Arch::new().dispatch(|| {
        let (pieces, rest) = x.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for piece in pieces {
            for (sum, x) in sums.iter_mut().zip(piece) {
                *sum += x.to_f64();
            }
        }
        sums.iter().sum::<f64>() + rest.iter().map(|x| x.to_f64()).sum::<f64>()
    })
}

/// `sum_v x_v^2`, in f64.
pub fn power<T: Real>(x: &[T]) -> f64 {
    dot(x, x)
}
