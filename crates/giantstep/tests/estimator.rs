//! Networks fitted to a given matrix. Their values are compared with an independent program in `python/tests`.

use std::sync::atomic::AtomicBool;

use giantstep::activation::Activation;
use giantstep::batch::{self, Order, Purpose, Role, Stream};
use giantstep::estimator::{EstimatorError, Fitted, Options, Ridge, Samples, Second, fit};
use giantstep::real::Precision;
use giantstep::watch::Watch;
use rayon::ThreadPoolBuilder;

fn options() -> Options {
    Options {
        width: Some(48),
        steps: 3,
        step_sizes: vec![0.5, 2.0],
        activation: Activation::parse("relu(x)").expect("an activation"),
        bias: 0.5,
        ridge: Ridge::CrossValidated,
        validation: 0.2,
        seed: 3,
        precision: Precision::F64,
    }
}

/// Rows of normals and the labels `z1 + z1 z2`.
struct Data {
    x: Vec<f64>,
    y: Vec<f64>,
    weights: Vec<f64>,
    d: usize,
}

impl Data {
    fn new(n: usize, d: usize) -> Self {
        let mut x = vec![0.0; n * d];
        Stream::new(1, Role::Batch(Purpose::Training), 0, 0).fill_normal(&mut x);
        let y = x.chunks(d).map(|row| row[0] + row[0] * row[1]).collect();
        Self {
            x,
            y,
            weights: vec![1.0; n],
            d,
        }
    }

    fn inputs(&self) -> batch::Data<'_> {
        batch::Data::new(&self.x[..], self.y.len(), self.d, Order::Rows).expect("full")
    }

    fn fit(&self, options: &Options) -> Result<Fitted, EstimatorError> {
        self.fit_while(options, Watch::default())
    }

    fn fit_while(&self, options: &Options, watch: Watch<'_>) -> Result<Fitted, EstimatorError> {
        let inputs = self.inputs();
        let samples = Samples {
            inputs: &inputs,
            labels: &self.y,
            outputs: 1,
            weights: &self.weights,
        };
        fit(samples, options, watch)
    }
}

fn distance(a: &Fitted, b: &Fitted) -> f64 {
    (&a.network.first - &b.network.first).norm_max()
        + (&a.network.readout - &b.network.readout).norm_max()
        + (a.network.intercept[0] - b.network.intercept[0]).abs()
}

/// More neurons than rows, and more rows than neurons.
#[test]
fn a_row_of_weight_three_is_three_rows() {
    for n in [40, 300] {
        let mut weighted = Data::new(n, 4);
        for (v, weight) in weighted.weights.iter_mut().enumerate() {
            *weight = (v % 4) as f64;
        }
        let mut repeated = Data::new(0, 4);
        // In another order.
        for v in (0..n).rev() {
            for _ in 0..v % 4 {
                let row = &weighted.x[v * 4..(v + 1) * 4];
                repeated.x.extend(row);
                repeated.y.push(weighted.y[v]);
                repeated.weights.push(1.0);
            }
        }
        let (weighted, repeated) = (weighted.fit(&options()), repeated.fit(&options()));
        let (weighted, repeated) = (weighted.expect("fits"), repeated.expect("fits"));
        assert_eq!(weighted.steps, repeated.steps);
        let far = distance(&weighted, &repeated);
        assert!(far < 1e-7, "n = {n}: {far:e}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_an_estimator() {
    let data = Data::new(1500, 6);
    let fitted: Vec<Fitted> = [1, 2, 4]
        .into_iter()
        .map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("threads");
            pool.install(|| data.fit(&options())).expect("fits")
        })
        .collect();
    assert!(fitted[0].steps > 0);
    for other in &fitted[1..] {
        assert_eq!(fitted[0].network.first, other.network.first);
        assert_eq!(fitted[0].network.readout, other.network.readout);
        assert_eq!(fitted[0].path, other.path);
    }
}

#[test]
fn steps_learn_what_random_features_do_not() {
    let (data, fresh) = (Data::new(1000, 20), {
        let mut both = Data::new(2000, 20);
        both.x.drain(..1000 * 20);
        both.y.drain(..1000);
        both
    });
    let error = |steps: usize| {
        let options = Options {
            steps,
            width: Some(128),
            ..options()
        };
        let fitted = data.fit(&options).expect("fits");
        let (activation, inputs) = (&options.activation, fresh.inputs());
        let outputs = fitted
            .network
            .outputs(&inputs, activation, Precision::F32, Watch::default());
        let outputs = outputs.expect("not stopped");
        let squares = outputs.iter().zip(&fresh.y).map(|(f, y)| (f - y).powi(2));
        (squares.sum::<f64>() / (1000.0 * 2.0), fitted)
    };
    let (random, none) = error(0);
    let (learnt, three) = error(3);
    assert!(none.path.is_empty() && none.initial_error.is_some());
    assert_eq!(three.path[0].second, Second::Frozen);
    assert!(random > 0.3 && learnt < 0.1, "{random} {learnt}");
}

#[test]
fn labels_that_nothing_explains_take_no_step_for_granted() {
    let mut data = Data::new(60, 3);
    data.y.fill(2.5);
    let constant = data.fit(&options()).expect("fits");
    let outputs = constant.network.outputs(
        &data.inputs(),
        &options().activation,
        Precision::F64,
        Watch::default(),
    );
    let outputs = outputs.expect("not stopped");
    assert!(outputs.iter().all(|f| (f - 2.5).abs() < 1e-12));
    // One row: nothing can be held out.
    let one = Data::new(1, 3).fit(&options()).expect("fits");
    assert_eq!((one.initial_error, one.steps), (None, 0));
}

#[test]
fn a_fit_can_be_stopped_and_refuses_nonsense() {
    let data = Data::new(50, 3);
    let stop = AtomicBool::new(true);
    let watch = Watch {
        stop: &stop,
        ..Watch::default()
    };
    let stopped = data.fit_while(&options(), watch);
    assert!(matches!(stopped, Err(EstimatorError::Interrupted(_))));
    let odd = Options {
        width: Some(7),
        ..options()
    };
    let said = data.fit(&odd).expect_err("odd").to_string();
    assert!(
        said.contains("width = 7: neurons come in mirrored pairs"),
        "{said}"
    );
    let mut large = Data::new(50, 3);
    large.x[0] = 1e300;
    assert!(matches!(
        large.fit(&options()),
        Err(EstimatorError::NotFinite)
    ));
}
