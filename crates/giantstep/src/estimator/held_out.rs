//! Which rows are held out: by a hash of their values, so that equal rows stay together and order does not matter.

use crate::batch::Data;

/// The rows that are trained on and those that are held out, by number, ascending.
#[derive(Debug)]
pub(super) struct Parts {
    pub training: Vec<u64>,
    /// Empty where fewer than three different rows are left.
    pub held_out: Vec<u64>,
}

/// The rest of the rows must show that they differ.
const LEAST: usize = 2;

impl Parts {
    /// Rows in order of their hash are held out until their weights are a `share` of all. Rows of weight 0 are in neither.
    pub(super) fn of(data: &Data<'_>, weights: &[f64], share: f64, seed: u64) -> Self {
        let counts = |row: &u64| weights[*row as usize] > 0.0;
        let rows = (0..data.rows() as u64).filter(counts);
        let mut hashed: Vec<(u64, u64)> = rows.map(|row| (hash(data, row, seed), row)).collect();
        hashed.sort_unstable();
        let groups: Vec<&[(u64, u64)]> = hashed.chunk_by(|a, b| a.0 == b.0).collect();
        let wanted = share * weights.iter().sum::<f64>();
        let (mut held, mut count) = (0.0, 0);
        while count + LEAST < groups.len() && held < wanted {
            let rows = groups[count].iter();
            held += rows.map(|(_, row)| weights[*row as usize]).sum::<f64>();
            count += 1;
        }
        let numbers = |groups: &[&[(u64, u64)]]| {
            let mut rows: Vec<u64> = groups.concat().into_iter().map(|(_, row)| row).collect();
            rows.sort_unstable();
            rows
        };
        Self {
            held_out: numbers(&groups[..count]),
            training: numbers(&groups[count..]),
        }
    }

    /// All rows that count.
    pub(super) fn all(&self) -> Vec<u64> {
        let mut rows = [&self.training[..], &self.held_out[..]].concat();
        rows.sort_unstable();
        rows
    }
}

/// Multiplication and shifts (Fibonacci hashing), over the bits of the entries in double precision; both zeros are one.
fn hash(data: &Data<'_>, row: u64, seed: u64) -> u64 {
    (0..data.columns()).fold(seed, |hash, column| {
        let bits = (data.entry(row as usize, column) + 0.0).to_bits();
        let mixed = (hash ^ bits).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 29)
    })
}
