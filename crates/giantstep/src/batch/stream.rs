//! Named streams of randomness.

use chacha20::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use rand_distr::{ChiSquared, Distribution};

use crate::batch::Purpose;
use crate::normal::Normal;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The target's directions.
    Target,
    /// The first layer.
    FirstLayer,
    /// The second layer.
    SecondLayer,
    /// Coordinates on new frame vectors.
    Frame,
    /// The rows of a batch.
    Batch(Purpose),
    /// Its label noise.
    Noise(Purpose),
    /// The rows of a batch that is held in memory.
    Ledger(Purpose),
    /// Samples of an expectation in a prediction.
    Theory,
}

impl Role {
    fn tag(self) -> u64 {
        match self {
            Role::Target => 1,
            Role::FirstLayer => 2,
            Role::SecondLayer => 3,
            Role::Frame => 4,
            Role::Theory => 5,
            Role::Batch(purpose) => 16 + purpose.tag(),
            Role::Noise(purpose) => 32 + purpose.tag(),
            Role::Ledger(purpose) => 48 + purpose.tag(),
        }
    }
}

/// Bytes that become normals at a time; they stay in the nearest cache.
const CHUNK: usize = 4096;

/// The stream of randomness of one name: ChaCha8 keyed by it, so that streams of different names are independent
/// and any of them can be drawn again, by any thread.
#[derive(Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The stream of block `block` of what `role` needs at step `step`.
    pub fn new(seed: u64, role: Role, step: u64, block: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip([seed, role.tag(), step, block])
        {
            *bytes = word.to_le_bytes();
        }
        Self {
            rng: ChaCha8Rng::from_seed(key),
        }
    }

    /// Independent N(0, 1); about a nanosecond each in f32.
    pub fn fill_normal<T: Normal>(&mut self, out: &mut [T]) {
        let mut bytes = [0; CHUNK];
        let (pieces, rest) = out.split_at_mut(out.len() / (CHUNK / T::BYTES) * (CHUNK / T::BYTES));
        for piece in pieces.chunks_exact_mut(CHUNK / T::BYTES) {
            self.rng.fill_bytes(&mut bytes);
            T::fill(&bytes, piece);
        }
        // Normals come in pairs; the last one may be left over.
        let even = rest.len().next_multiple_of(2);
        let bytes = &mut bytes[..even * T::BYTES];
        self.rng.fill_bytes(bytes);
        if even == rest.len() {
            T::fill(bytes, rest);
        } else {
            let mut pairs = [T::default(); CHUNK];
            T::fill(bytes, &mut pairs[..even]);
            rest.copy_from_slice(&pairs[..rest.len()]);
        }
    }

    /// Uniform in [0, 1) with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// -1 or 1, equally likely.
    pub fn rademacher(&mut self) -> f64 {
        if self.rng.next_u64() >> 63 == 0 {
            1.0
        } else {
            -1.0
        }
    }

    /// Chi-square with `freedom > 0` degrees of freedom; NaN otherwise.
    pub fn chi_square(&mut self, freedom: f64) -> f64 {
        ChiSquared::new(freedom).map_or(f64::NAN, |law| law.sample(&mut self.rng))
    }
}
