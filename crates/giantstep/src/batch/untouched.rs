//! The directions of R^d that nothing has touched yet.

use faer::Mat;

use crate::batch::{Role, Stream};

/// The untouched part of R^d, from which new directions are drawn.
#[derive(Debug)]
pub(super) struct Untouched {
    pub(super) seed: u64,
    pub(super) dimension: u64,
    pub(super) frame: usize,
    pub(super) draws: u64,
}

impl Untouched {
    /// The number q of frame vectors so far.
    pub(super) fn frame(&self) -> usize {
        self.frame
    }

    pub(super) fn remaining(&self) -> u64 {
        self.dimension - self.frame as u64
    }

    /// Coordinates of `m` independent standard normal vectors of the untouched subspace, in new frame vectors.
    ///
    /// With at least m directions left these are the rows of the lower Bartlett factor B of a Wishart matrix,
    /// `B B^T ~ W(d - q, I_m)`, in m new frame vectors; otherwise the frame becomes all of R^d and the entries
    /// are independent standard normals.
    pub(super) fn draw(&mut self, m: usize) -> Mat<f64> {
        let remaining = self.remaining();
        let mut stream = Stream::new(self.seed, Role::Frame, self.draws, 0);
        self.draws += 1;
        let new = remaining.min(m as u64) as usize;
        self.frame += new;
        let mut row = vec![0.0; new];
        let mut coordinates = Mat::zeros(m, new);
        for i in 0..m {
            if remaining >= m as u64 {
                stream.fill_normal(&mut row[..i]);
                row[i] = stream.chi_square((remaining - i as u64) as f64).sqrt();
            } else {
                stream.fill_normal(&mut row);
            }
            for (j, value) in row.iter().enumerate() {
                coordinates[(i, j)] = *value;
            }
        }
        coordinates
    }
}

/// `[known, 0, new]` with `new` in the last columns of `width`.
pub(super) fn beside(known: &Mat<f64>, width: usize, new: &Mat<f64>) -> Mat<f64> {
    let first = width - new.ncols();
    Mat::from_fn(known.nrows(), width, |i, j| {
        if j < known.ncols() {
            known[(i, j)]
        } else if j < first {
            0.0
        } else {
            new[(i, j - first)]
        }
    })
}
