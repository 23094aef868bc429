//! Sums in a fixed order.

/// Sums contributions of blocks in a fixed binary tree.
pub fn tree_sum(blocks: usize, length: usize, leaf: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    fn go(
        lo: usize,
        hi: usize,
        length: usize,
        leaf: &(impl Fn(usize, &mut [f64]) + Sync),
    ) -> Vec<f64> {
        if hi - lo <= 1 {
            let mut out = vec![0.0; length];
            if hi > lo {
                leaf(lo, &mut out);
            }
            return out;
        }
        let half = (hi - lo).next_power_of_two() / 2;
        let (mut a, b) = rayon::join(
            || go(lo, lo + half, length, leaf),
            || go(lo + half, hi, length, leaf),
        );
        for (x, y) in a.iter_mut().zip(b) {
            *x += y;
        }
        a
    }
    go(0, blocks, length, &leaf)
}
