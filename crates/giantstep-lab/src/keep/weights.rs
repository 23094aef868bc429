//! The last weights of a run as safetensors: `W`, `a`, with biases `b`, `W_star`, `M = W W*^T`, `Q = W W^T`, in f64.

use giantstep::directions::Directions;
use giantstep::faer::Mat;
use giantstep::run::Run;

use crate::files::{Entries, NamedMatrix, OutputError, encode_matrices};

/// The weights of `run` as the bytes of their file.
pub(super) fn encode(run: &Run) -> Result<Vec<u8>, OutputError> {
    let (first, target) = (&run.network.first, &run.target);
    let second = &run.network.second;
    let second = Directions::new(Mat::from_fn(1, second.len(), |_, j| second[j]));
    let overlaps = Directions::new(first.gram(target));
    let gram = Directions::new(first.gram(first));
    let bias = &run.network.bias;
    let listed = Directions::new(Mat::from_fn(1, bias.len(), |_, j| bias[j]));
    let mut named = vec![
        ("W", first),
        ("a", &second),
        ("W_star", target),
        ("M", &overlaps),
        ("Q", &gram),
    ];
    if !bias.is_empty() {
        named.push(("b", &listed));
    }
    let entries: Vec<Vec<f64>> = named.iter().map(|(_, matrix)| row_major(matrix)).collect();
    let matrices: Vec<NamedMatrix<'_>> = named
        .iter()
        .zip(&entries)
        .map(|((name, matrix), entries)| NamedMatrix {
            name,
            rows: matrix.rows(),
            columns: matrix.columns(),
            entries: Entries::F64(entries),
        })
        .collect();
    encode_matrices(&matrices)
}

fn row_major(matrix: &Directions) -> Vec<f64> {
    let coordinates = matrix.coordinates();
    (0..matrix.rows())
        .flat_map(|i| (0..matrix.columns()).map(move |j| coordinates[(i, j)]))
        .collect()
}
