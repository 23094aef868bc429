//! An engine over data that are written down: what the library computes can be computed again by hand.

use std::marker::PhantomData;

use giantstep::batch::{Access, BatchId, Engine, Numbers, Panel, Purpose, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::faer::Mat;
use giantstep::measurement::Measurement;
use giantstep::real::Real;
use giantstep::watch::{Interrupted, Watch};

/// Rows of a panel: few, so that small data span several panels, the last one shorter.
const ROWS: usize = 4;

/// Vectors as the lines of a file.
pub type Lines = Vec<Vec<f64>>;

/// Directions, first layers and batches that are taken as they are written.
#[derive(Default, serde::Deserialize)]
pub struct Explicit<T = f64> {
    /// N(0, 1) in place of the rows of the first layer.
    pub first: Lines,
    /// The target's directions.
    pub target: Lines,
    /// The batches of gradient steps, of which the first rows are taken.
    pub training: Vec<Lines>,
    /// The batches of readouts.
    pub readout: Vec<Lines>,
    /// The batches of tests.
    pub test: Vec<Lines>,
    /// The precision of the data path.
    #[serde(skip)]
    pub precision: PhantomData<T>,
}

impl<T: Real> Engine for Explicit<T> {
    type Real = T;
    type Batch = Mat<f64>;

    fn dimension(&self) -> u64 {
        self.first[0].len() as u64
    }

    fn target(&mut self, r: usize) -> Directions {
        assert_eq!(r, self.target.len());
        matrix(&self.target).into()
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        let mut first = Directions::from(matrix(&self.first[..rows]));
        let scale = 1.0 / (self.dimension() as f64).sqrt();
        first.scale(|_| scale);
        first
    }

    fn open(&mut self, id: BatchId, rows: u64, _access: Access) -> Mat<f64> {
        let batches = match id.purpose {
            Purpose::Training | Purpose::Set => &self.training,
            Purpose::Readout => &self.readout,
            Purpose::Test => &self.test,
        };
        matrix(&batches[id.index as usize][..rows as usize])
    }

    fn sweep(
        &mut self,
        x: &mut Mat<f64>,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, T>) + Sync),
        _watch: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        let (n, d, k) = (x.nrows(), x.ncols(), sweep.coefficients);
        let along = sweep.directions.widened(d);
        let width = k.max(along.nrows());
        let mut backward = Mat::zeros(k, d);
        let mut sums = vec![0.0; sweep.sums];
        for first in (0..n).step_by(ROWS) {
            let rows = ROWS.min(n - first);
            let mut fields = vec![T::from_f64(0.0); rows * width];
            for i in 0..along.nrows() {
                for v in 0..rows {
                    let terms = (0..d).map(|j| along[(i, j)] * x[(first + v, j)]);
                    fields[i * rows + v] = T::from_f64(terms.sum());
                }
            }
            visit(&mut Panel {
                first_row: first as u64,
                numbers: Numbers::Fresh,
                rows,
                fields: &mut fields,
                sums: &mut sums,
                scratch: &mut Vec::new(),
            });
            for (i, column) in fields.chunks(rows).take(k).enumerate() {
                for (v, c) in column.iter().enumerate() {
                    for j in 0..d {
                        backward[(i, j)] += c.to_f64() * x[(first + v, j)];
                    }
                }
            }
        }
        Ok(Swept {
            backward: backward.into(),
            sums,
        })
    }

    fn keep_only(&mut self, _known: &mut [&mut Directions]) {}
}

/// The name of a batch that has no noise: any will do.
pub const ID: BatchId = BatchId {
    purpose: Purpose::Training,
    index: 0,
};

/// The matrix of these rows.
pub fn matrix(rows: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// A number that another program measured: step, metric, neuron, direction, rank, group, ridge, value.
#[derive(Debug, serde::Deserialize)]
pub struct Expected(
    u32,
    String,
    Option<u32>,
    Option<u32>,
    Option<u32>,
    Option<String>,
    Option<f64>,
    f64,
);

impl Expected {
    fn is(&self, found: &Measurement) -> bool {
        let place = (
            found.step,
            found.metric.name(),
            found.neuron,
            found.direction,
            found.rank,
            found.ridge,
        );
        (self.0, self.1.as_str(), self.2, self.3, self.4, self.6) == place
            && self.5.as_deref() == found.group.map(|group| group.name())
    }
}

/// Everything that was measured is what was expected, and nothing is missing.
pub fn assert_measured(name: &str, found: &[Measurement], expected: &[Expected]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for expected in expected {
        let found = found.iter().find(|found| expected.is(found));
        let found = found.unwrap_or_else(|| panic!("{name}: {expected:?} is not measured"));
        // Singular values come from a Gram matrix, exact to half the digits of the largest.
        let tolerance = match expected.1.as_str() {
            "singular_value" | "weight_singular_value" => 1e-7,
            _ => 1e-10,
        };
        assert!(
            (found.value - expected.7).abs() < tolerance * expected.7.abs().max(1.0),
            "{name}: {found:?}, not {}",
            expected.7
        );
    }
}
