//! Training asks two things of a batch X: fields X v along vectors that it knows, and the way back X^T c. Whoever answers is
//! an engine. Here inputs are the corners of a cube, +1 or -1 in every coordinate, and the target reads two of them.
//!
//! `cargo run --release -p giantstep --example own_engine`

// An example prints what it finds.
#![allow(clippy::print_stdout)]

use giantstep::batch::{Access, BatchId, Engine, Numbers, Panel, Role, Stream, Sweep, Swept};
use giantstep::directions::Directions;
use giantstep::faer::Mat;
use giantstep::run::run_on;
use giantstep::watch::{Interrupted, Watch};
use giantstep::{Metric, Spec};

/// Independent signs in R^d; the target's directions are the first coordinate axes.
struct Cube {
    d: usize,
    seed: u64,
}

impl Engine for Cube {
    type Real = f64;
    type Batch = Mat<f64>;

    fn dimension(&self) -> u64 {
        self.d as u64
    }

    fn target(&mut self, r: usize) -> Directions {
        Mat::identity(r, self.d).into()
    }

    fn gaussian(&mut self, rows: usize) -> Directions {
        let mut normals = vec![0.0; rows * self.d];
        Stream::new(self.seed, Role::FirstLayer, 0, 0).fill_normal(&mut normals);
        let scale = 1.0 / (self.d as f64).sqrt();
        Mat::from_fn(rows, self.d, |i, j| scale * normals[i * self.d + j]).into()
    }

    fn open(&mut self, id: BatchId, rows: u64, _: Access) -> Mat<f64> {
        let mut stream = Stream::new(self.seed, Role::Batch(id.purpose), id.index, 0);
        Mat::from_fn(rows as usize, self.d, |_, _| stream.rademacher())
    }

    fn sweep(
        &mut self,
        x: &mut Mat<f64>,
        sweep: Sweep<'_>,
        visit: &(dyn Fn(&mut Panel<'_, f64>) + Sync),
        _: Watch<'_>,
    ) -> Result<Swept, Interrupted> {
        // One panel of all rows: n x (m or k) numbers, column by column.
        let rows = x.nrows();
        let along = sweep.directions.widened(self.d);
        let product = &*x * along.transpose();
        let mut fields = vec![0.0; rows * sweep.coefficients.max(product.ncols())];
        for (column, field) in product.col_iter().zip(fields.chunks_mut(rows)) {
            field
                .iter_mut()
                .zip(column.iter())
                .for_each(|(to, from)| *to = *from);
        }
        let mut sums = vec![0.0; sweep.sums];
        visit(&mut Panel {
            first_row: 0,
            // Every batch is new here, and no part of one is asked for.
            numbers: Numbers::Fresh,
            rows,
            fields: &mut fields,
            sums: &mut sums,
            scratch: &mut Vec::new(),
        });
        let coefficients = Mat::from_fn(sweep.coefficients, rows, |i, v| fields[i * rows + v]);
        Ok(Swept {
            backward: (coefficients * &*x).into(),
            sums,
        })
    }

    fn keep_only(&mut self, _: &mut [&mut Directions]) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec: Spec = serde_json::from_value(serde_json::json!({
        "target": { "link": "z1 + z1*z2" },
        "network": { "width": 64 },
        "protocol": { "dimension": 300, "steps": 3, "batch": "8*d", "step_size": "p" },
        "evaluation": { "metrics": ["weight_cosine", "test_error"], "test_samples": 2000 }
    }))?;
    let experiment = spec.check()?.setup.experiment;
    let run = run_on(&experiment, Cube { d: 300, seed: 1 }, 1, &Watch::default());
    println!("{:>5} {:>10} {:>11}", "step", "alignment", "test error");
    for step in 0..=3 {
        let mean = |metric: Metric| {
            let here = run.measurements.iter();
            let here =
                here.filter(|m| m.step == step && m.metric == metric && m.direction.is_none());
            let values: Vec<f64> = here.map(|m| m.value).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        println!(
            "{step:>5} {:>10.3} {:>11.3}",
            mean(Metric::WeightAlignment),
            mean(Metric::TestError),
        );
    }
    Ok(())
}
