//! The law of the inputs, drawn row by row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::Stream;
use crate::directions::Directions;
use crate::real::Real;

/// The law of the rows of a batch, or of their coordinates along the target. Entries have mean 0 and variance 1, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// Independent N(0, 1) entries.
    Gaussian,
    /// Independent entries, 1 or -1.
    Hypercube,
    /// Uniform on the sphere of radius `sqrt d`, or `sqrt r`.
    Sphere,
    /// Independent entries, uniform between `-sqrt 3` and `sqrt 3`.
    Uniform,
}

impl Inputs {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Inputs::Gaussian => "gaussian",
            Inputs::Hypercube => "hypercube",
            Inputs::Sphere => "sphere",
            Inputs::Uniform => "uniform",
        }
    }

    /// Fills `rows` rows, column by column.
    pub(super) fn fill<T: Real>(self, stream: &mut Stream, x: &mut [T], rows: usize) {
        match self {
            Inputs::Gaussian => stream.fill_normal(x),
            Inputs::Hypercube => stream.fill_signs(x, |sign| T::from_f64(sign)),
            Inputs::Uniform => {
                let width = 12f64.sqrt();
                for entry in x {
                    *entry = T::from_f64(width * (stream.uniform() - 0.5));
                }
            }
            Inputs::Sphere => {
                stream.fill_normal(x);
                let columns = x.len() / rows;
                let mut powers = vec![0.0; rows];
                for column in x.chunks(rows) {
                    for (power, entry) in powers.iter_mut().zip(column) {
                        *power += entry.to_f64() * entry.to_f64();
                    }
                }
                for column in x.chunks_mut(rows) {
                    for (entry, power) in column.iter_mut().zip(&powers) {
                        *entry = T::from_f64(entry.to_f64() * (columns as f64 / power).sqrt());
                    }
                }
            }
        }
    }
}

/// What of a row has a law; all that is orthogonal to it is standard normal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach<'a> {
    /// All of it.
    Everything,
    /// The first so many entries.
    First(usize),
    /// The coordinates along these orthonormal vectors.
    Along(&'a Directions),
}

/// The law of rows whose entries are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLaw<'a> {
    /// The law.
    pub inputs: Inputs,
    /// What has it.
    pub reach: Reach<'a>,
}

impl RowLaw<'_> {
    /// Standard normal entries.
    pub(crate) const GAUSSIAN: RowLaw<'static> = RowLaw::of_all(Inputs::Gaussian);

    /// Rows that have it as a whole.
    pub(crate) const fn of_all(inputs: Inputs) -> Self {
        Self {
            inputs,
            reach: Reach::Everything,
        }
    }

    /// Fills `rows` rows, column by column.
    pub(super) fn fill<T: Real>(self, stream: &mut Stream, x: &mut [T], rows: usize) {
        match self.reach {
            Reach::Everything => self.inputs.fill(stream, x, rows),
            Reach::First(r) => {
                let (first, others) = x.split_at_mut(r * rows);
                self.inputs.fill(stream, first, rows);
                stream.fill_normal(others);
            }
            Reach::Along(directions) => {
                stream.fill_normal(x);
                let mut z = vec![T::from_f64(0.0); directions.rows() * rows];
                self.inputs.fill(stream, &mut z, rows);
                exchange(directions, &mut z, x, rows);
            }
        }
    }
}

/// `x + U^T (z - U x)` for each of the rows x of R^d and z of R^r, both column by column: 4 r d flops a row.
fn exchange<T: Real>(directions: &Directions, z: &mut [T], x: &mut [T], rows: usize) {
    for (j, x) in x.chunks_exact(rows).enumerate() {
        for (u, z) in directions.column(j).iter().zip(z.chunks_exact_mut(rows)) {
            let u = T::from_f64(*u);
            for (z, x) in z.iter_mut().zip(x) {
                *z -= u * *x;
            }
        }
    }
    for (j, x) in x.chunks_exact_mut(rows).enumerate() {
        for (u, z) in directions.column(j).iter().zip(z.chunks_exact(rows)) {
            let u = T::from_f64(*u);
            for (x, z) in x.iter_mut().zip(z) {
                *x += u * *z;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Purpose, Role};

    const ROWS: usize = 300;
    const COLUMNS: usize = 40;

    fn drawn(inputs: Inputs) -> Vec<f64> {
        let mut x = vec![0.0f64; ROWS * COLUMNS];
        let mut stream = Stream::new(1, Role::Batch(Purpose::Test), 0, 0);
        inputs.fill(&mut stream, &mut x, ROWS);
        x
    }

    /// Mean, second and fourth moment of an entry; of the sphere, `3 d/(d + 2)`.
    #[test]
    fn entries_have_the_moments_of_their_law() {
        let d = COLUMNS as f64;
        for (inputs, fourth) in [
            (Inputs::Gaussian, 3.0),
            (Inputs::Hypercube, 1.0),
            (Inputs::Sphere, 3.0 * d / (d + 2.0)),
            (Inputs::Uniform, 1.8),
        ] {
            let x = drawn(inputs);
            let n = x.len() as f64;
            for (power, expected) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, fourth)] {
                let values: Vec<f64> = x.iter().map(|x| x.powi(power)).collect();
                let mean = values.iter().sum::<f64>() / n;
                let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                let error = (spread / n).sqrt() + 1e-12;
                assert!(
                    (mean - expected).abs() < 4.5 * error,
                    "{inputs:?}: E x^{power} = {mean}, not {expected}, error {error}"
                );
            }
        }
    }

    #[test]
    fn rows_of_the_sphere_have_its_radius_and_signs_are_signs() {
        let x = drawn(Inputs::Sphere);
        for row in 0..ROWS {
            let squared: f64 = (0..COLUMNS).map(|j| x[j * ROWS + row].powi(2)).sum();
            assert!((squared - COLUMNS as f64).abs() < 1e-9);
        }
        assert!(drawn(Inputs::Hypercube).iter().all(|x| x.abs() == 1.0));
        assert!(
            drawn(Inputs::Uniform)
                .iter()
                .all(|x| x.abs() <= 3f64.sqrt())
        );
    }
}
