//! Named streams of randomness.

use chacha20::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use crate::batch::Purpose;
use crate::real::Real;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Target directions.
    Target,
    /// First layer.
    FirstLayer,
    /// Second layer.
    SecondLayer,
    /// New frame vectors.
    Frame,
    /// Inputs.
    Batch(Purpose),
    /// Label noise.
    Noise(Purpose),
    /// Held batches.
    Ledger(Purpose),
}

/// A named stream.
#[derive(Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The stream of this name.
    pub fn new(seed: u64, role: Role, step: u64, block: u64) -> Self {
        let tag = match role {
            Role::Target => 1,
            Role::FirstLayer => 2,
            Role::SecondLayer => 3,
            Role::Frame => 4,
            Role::Batch(p) => 16 + p.tag(),
            Role::Noise(p) => 32 + p.tag(),
            Role::Ledger(p) => 48 + p.tag(),
        };
        let mut key = [0u8; 32];
        for (i, word) in [seed, tag, step, block].iter().enumerate() {
            key[8 * i..8 * i + 8].copy_from_slice(&word.to_le_bytes());
        }
        Self {
            rng: ChaCha8Rng::from_seed(key),
        }
    }
    /// Normals.
    pub fn fill_normal<T: Real>(&mut self, out: &mut [T]) {
        for v in out {
            let x: f64 = StandardNormal.sample(&mut self.rng);
            *v = T::from_f64(x);
        }
    }
    /// Uniform.
    pub fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
    /// Sign.
    pub fn rademacher(&mut self) -> f64 {
        if self.rng.next_u64() >> 63 == 0 {
            1.0
        } else {
            -1.0
        }
    }
    /// Chi square.
    pub fn chi_square(&mut self, dof: f64) -> f64 {
        ChiSquared::new(dof).map_or(f64::NAN, |c| c.sample(&mut self.rng))
    }
}
