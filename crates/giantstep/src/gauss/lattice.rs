//! Points that fill the cube more evenly than independent ones.

/// The fractional steps of the Kronecker sequence of the generalised golden ratio: powers of the root of
/// `x^(dimensions + 1) = x + 1`, from the first on.
pub(crate) fn golden_ratios(dimensions: usize) -> Vec<f64> {
    let mut root = 2.0f64;
    for _ in 0..60 {
        root = (1.0 + root).powf(1.0 / (dimensions as f64 + 1.0));
    }
    (1..=dimensions)
        .map(|j| root.powi(-(j as i32)).fract())
        .collect()
}
