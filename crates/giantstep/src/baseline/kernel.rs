//! The kernels: functions of the inner products of rows, and of fields along the network at the start.

use faer::{Mat, MatRef, Scale};

use super::Method;
use crate::activation::Activation;
use crate::gauss::{composite, kink_points};
use crate::network::Network;
use crate::train::Layers;

/// What of the network a kernel depends on.
#[derive(Debug, Clone, Copy)]
pub struct Learner<'a> {
    /// The activation sigma.
    pub activation: &'a Activation,
    /// The network at the start, for the tangent kernel; none if nothing asks for it.
    pub start: Option<&'a Network>,
    /// Its factor g.
    pub gain: f64,
    /// Which layers are trained besides the first.
    pub layers: Layers,
}

/// What rows are to the network at the start, one row of a matrix for each.
#[derive(Debug, Clone)]
pub(super) struct Tangent {
    /// `(g a_i/sqrt p) sigma'(<w_i, x> + b_i)`.
    slopes: Mat<f64>,
    /// `(g/sqrt p) sigma(<w_i, x> + b_i)`, if the second layer is trained.
    values: Option<Mat<f64>>,
}

impl Learner<'_> {
    /// Of rows with these fields along its first layer.
    pub(super) fn seen(&self, fields: &Mat<f64>) -> Option<Tangent> {
        let start = self.start?;
        let (rows, p) = fields.shape();
        let root = (p as f64).sqrt();
        let mut slopes = Mat::zeros(rows, p);
        let mut values = self.layers.second.then(|| Mat::zeros(rows, p));
        let mut out = vec![0.0; rows];
        for i in 0..p {
            let bias = start.bias.get(i).copied().unwrap_or(0.0);
            let field: Vec<f64> = (0..rows).map(|v| fields[(v, i)] + bias).collect();
            self.activation.derivative_column(&field, &mut out);
            let scale = self.gain / root;
            for (v, slope) in out.iter().enumerate() {
                slopes[(v, i)] = scale * start.second[i] * slope;
            }
            if let Some(values) = &mut values {
                self.activation.value_column(&field, &mut out);
                for (v, value) in out.iter().enumerate() {
                    values[(v, i)] = scale * value;
                }
            }
        }
        Some(Tangent { slopes, values })
    }
}

/// Rows x beside the n rows of the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// `<x, x_v>/d`.
    pub(super) products: MatRef<'a, f64>,
    /// d.
    pub(super) dimension: f64,
    /// Of the rows x, where a start is looked at.
    pub(super) tangent: Option<&'a Tangent>,
}

/// `kappa(s) = sum_j k_j s^j`, and what it leaves out on the diagonal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    terms: Vec<f64>,
    rest: f64,
}

impl Series {
    /// s.
    fn linear() -> Self {
        Self {
            terms: vec![0.0, 1.0],
            rest: 0.0,
        }
    }

    /// `k_j = c_j^2/j!` of an activation to a degree, and the rest of `E sigma^2`.
    pub(super) fn of(activation: &Activation, degree: usize) -> Self {
        let coefficients = activation.coefficients(degree + 1).values;
        let mut factorial = 1.0;
        let mut terms = Vec::with_capacity(degree + 1);
        for (j, c) in coefficients.into_iter().enumerate() {
            factorial *= (j as f64).max(1.0);
            terms.push(c * c / factorial);
        }
        let rule = composite(&activation.expr().map(kink_points).unwrap_or_default(), 0.5);
        let power = rule.expect(|x| activation.value(x).powi(2));
        let rest = (power - terms.iter().sum::<f64>()).max(0.0);
        Self { terms, rest }
    }

    fn value(&self, s: f64) -> f64 {
        let terms = self.terms.iter().rev();
        terms.fold(0.0, |sum, term| sum * s + term)
    }

    fn slope(&self, s: f64) -> f64 {
        let terms = self.terms.iter().enumerate().skip(1).rev();
        terms.fold(0.0, |sum, (j, term)| sum * s + j as f64 * term)
    }
}

/// A series in `x^T M x'/d`, without M in `<x, x'>/d`.
#[derive(Debug, Clone)]
pub(super) struct Inner {
    series: Series,
    /// `B G` of `M = X^T B X` with `G = X X^T/d`: `x^T M x_v/d` is row v of `(X x/d)^T B G`.
    mixing: Option<Mat<f64>>,
}

impl Inner {
    fn of(series: Series) -> Self {
        Self {
            series,
            mixing: None,
        }
    }

    fn products(&self, seen: &Seen<'_>) -> Mat<f64> {
        match &self.mixing {
            None => seen.products.to_owned(),
            Some(mixing) => seen.products * mixing,
        }
    }

    /// The kernel of the next M, proportional to `sum_u g_u g_u^T` with the gradients `g_u = X^T (B G) D_u/d` of the fit at the rows
    /// of the batch, `D_vu = alpha_v kappa'(x_u^T M x_v/d)`; none if they vanish.
    pub(super) fn next(&self, seen: &Seen<'_>, weights: &Mat<f64>) -> Option<Self> {
        let (n, products) = (seen.products.nrows(), self.products(seen));
        let slopes = Mat::from_fn(n, n, |v, u| {
            weights[(v, 0)] * self.series.slope(products[(u, v)])
        });
        let gradients = match &self.mixing {
            None => slopes,
            Some(mixing) => mixing * slopes,
        };
        let mut mixing = &gradients * (gradients.transpose() * seen.products);
        let length = |v: usize| {
            (0..n)
                .map(|u| seen.products[(v, u)] * mixing[(u, v)])
                .sum::<f64>()
        };
        let mean = (0..n).map(length).sum::<f64>() / n as f64;
        if !(mean > 0.0 && mean.is_finite()) {
            return None;
        }
        mixing *= Scale(1.0 / mean);
        Some(Self {
            series: self.series.clone(),
            mixing: Some(mixing),
        })
    }

    /// The kernel at these rows, but for what stands on the diagonal alone.
    pub(super) fn matrix(&self, seen: &Seen<'_>) -> Mat<f64> {
        let mut products = self.products(seen);
        for column in 0..products.ncols() {
            for s in products.col_as_slice_mut(column) {
                *s = self.series.value(*s);
            }
        }
        products
    }

    /// What is added to `K(x_v, x_v)`.
    pub(super) fn on_diagonal(&self) -> f64 {
        self.series.rest
    }
}

/// A kernel, with what it knows of the rows of its batch.
#[derive(Debug, Clone)]
pub(super) enum Kernel {
    /// A function of inner products.
    Inner(Inner),
    /// The inner product of gradients at the start.
    Tangent {
        /// What the rows of the batch are to it.
        batch: Tangent,
        /// Whether biases are trained.
        biases: bool,
    },
}

impl Kernel {
    pub(super) fn of(method: Method, learner: &Learner<'_>, tangent: Option<&Tangent>) -> Self {
        match (method, tangent) {
            (Method::Kernel { degree } | Method::FeatureMachine { degree, .. }, _) => {
                Self::Inner(Inner::of(Series::of(learner.activation, degree)))
            }
            (Method::TangentKernel, Some(tangent)) => Self::Tangent {
                batch: tangent.clone(),
                biases: learner.layers.biases,
            },
            // A start is kept wherever its kernel is asked for.
            (Method::Inputs | Method::TangentKernel, _) => Self::Inner(Inner::of(Series::linear())),
        }
    }

    /// `K(x, x_v)`, but for what stands on the diagonal alone.
    pub(super) fn matrix(&self, seen: &Seen<'_>) -> Mat<f64> {
        match (self, seen.tangent) {
            (Self::Inner(inner), _) => inner.matrix(seen),
            (Self::Tangent { batch, biases }, Some(own)) => {
                let along = f64::from(u8::from(*biases));
                let slopes = &own.slopes * batch.slopes.transpose();
                let mut matrix = Mat::from_fn(slopes.nrows(), slopes.ncols(), |u, v| {
                    slopes[(u, v)] * (seen.dimension * seen.products[(u, v)] + along)
                });
                if let (Some(own), Some(batch)) = (&own.values, &batch.values) {
                    matrix += own * batch.transpose();
                }
                matrix
            }
            (Self::Tangent { .. }, None) => {
                Mat::zeros(seen.products.nrows(), seen.products.ncols())
            }
        }
    }

    /// What is added to `K(x_v, x_v)`.
    pub(super) fn on_diagonal(&self) -> f64 {
        match self {
            Self::Inner(inner) => inner.on_diagonal(),
            Self::Tangent { .. } => 0.0,
        }
    }
}
