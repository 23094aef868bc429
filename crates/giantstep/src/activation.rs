//! Activations and their derivatives.

use std::sync::Arc;

use pulp::Arch;

use crate::callable::Callable;
use crate::columns;
use crate::expr::{Expr, ExprError, Function, Program, Scope, parse_checked};
use crate::gauss::Coefficients;
use crate::real::Real;

/// An activation `sigma(x)` with its derivative almost everywhere.
///
/// relu and tanh run as kernels of their own; anything else is compiled from its expression, or given as code.
///
/// ```
/// use giantstep::activation::Activation;
/// let relu = Activation::parse("relu(x)")?;
/// assert_eq!((relu.value(2.0), relu.derivative(-1.0)), (2.0, 0.0));
/// # Ok::<(), giantstep::expr::ExprError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Activation {
    source: Arc<str>,
    expr: Option<Arc<Expr>>,
    kernel: Kernel,
}

#[derive(Debug, Clone)]
enum Kernel {
    Relu,
    Tanh,
    Compiled {
        value: Arc<Program>,
        derivative: Arc<Program>,
    },
    Given {
        value: Callable,
        derivative: Callable,
    },
}

impl Activation {
    /// Reads an expression in x.
    ///
    /// # Errors
    /// [`ExprError`] if the text is no expression in x, or not finite with finite variance for Gaussian x.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let expr = parse_checked(text, Scope::Activation)?;
        let kernel = match &expr {
            Expr::Apply(Function::Relu, x) if **x == Expr::Variable(0) => Kernel::Relu,
            Expr::Apply(Function::Tanh, x) if **x == Expr::Variable(0) => Kernel::Tanh,
            other => Kernel::Compiled {
                value: Arc::new(Program::new(other)),
                derivative: Arc::new(Program::new(&other.derivative(0))),
            },
        };
        Ok(Self {
            source: text.into(),
            expr: Some(Arc::new(expr)),
            kernel,
        })
    }

    /// A function of x and its derivative, given as code.
    pub fn given(value: Callable, derivative: Callable) -> Self {
        Self {
            source: value.name().into(),
            expr: None,
            kernel: Kernel::Given { value, derivative },
        }
    }

    /// The text as typed, or the name of a function that is given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The syntax tree; none of a function that is given as code.
    pub fn expr(&self) -> Option<&Expr> {
        self.expr.as_deref()
    }

    /// `sigma(x)`.
    pub fn value(&self, x: f64) -> f64 {
        let mut out = [0.0];
        self.value_column(&[x], &mut out);
        out[0]
    }

    /// `sigma'(x)`.
    pub fn derivative(&self, x: f64) -> f64 {
        let mut out = [0.0];
        self.derivative_column(&[x], &mut out);
        out[0]
    }

    /// Hermite coefficients `c_k = E[sigma(x) He_k(x)]` for `k < count`, not normalised. THEORY.md (5).
    pub fn coefficients(&self, count: usize) -> Coefficients {
        match &self.expr {
            Some(expr) => Coefficients::of(expr, count),
            None => Coefficients::by(&[], &|x| self.value_of(x, Self::value_column), count),
        }
    }

    /// Hermite coefficients `E[sigma'(x) He_k(x)]` of the derivative for `k < count`.
    pub fn slope_coefficients(&self, count: usize) -> Coefficients {
        match &self.expr {
            Some(expr) => Coefficients::of(&expr.derivative(0), count),
            None => Coefficients::by(&[], &|x| self.value_of(x, Self::derivative_column), count),
        }
    }

    fn value_of(&self, x: &[f64], column: Column<f64>) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        column(self, x, &mut out);
        out
    }

    /// `sigma(x)` on the fields of a panel, columns one after the other: code that is given is called here, once for all of
    /// them.
    pub fn on<T: Real>(&self, fields: &[T]) -> Columns<'_, T> {
        Columns::new(self, Taken::Value, fields)
    }

    /// `sigma'(x)`, as [`Activation::on`].
    pub fn slopes_on<T: Real>(&self, fields: &[T]) -> Columns<'_, T> {
        Columns::new(self, Taken::Slope, fields)
    }

    /// Writes `sigma(x)` for each entry; both slices have one length.
    pub fn value_column<T: Real>(&self, x: &[T], out: &mut [T]) {
        match &self.kernel {
            Kernel::Relu => {
                Arch::new().dispatch(|| {
                    let zero = T::from_f64(0.0);
                    for (out, x) in out.iter_mut().zip(x) {
                        // Written so that a NaN stays one.
                        *out = if *x < zero { zero } else { *x };
                    }
                });
            }
            Kernel::Tanh => {
                out.copy_from_slice(x);
                T::tanh_column(out);
            }
            Kernel::Compiled { value, .. } => value.eval_columns(&[x], out),
            Kernel::Given { value, .. } => value.eval_columns(&[x], out),
        }
    }

    /// Writes `sigma'(x)` for each entry; at a kink, some value between the one-sided ones.
    pub fn derivative_column<T: Real>(&self, x: &[T], out: &mut [T]) {
        match &self.kernel {
            Kernel::Relu => {
                Arch::new().dispatch(|| {
                    // Constants of the loop itself: a choice between captured ones becomes one between addresses, and a gather.
                    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = if *x > zero { one } else { zero };
                    }
                });
            }
            Kernel::Tanh => {
                out.copy_from_slice(x);
                T::tanh_column(out);
                Arch::new().dispatch(|| {
                    let one = T::from_f64(1.0);
                    for out in out.iter_mut() {
                        *out = one - *out * *out;
                    }
                });
            }
            Kernel::Compiled { derivative, .. } => derivative.eval_columns(&[x], out),
            Kernel::Given { derivative, .. } => derivative.eval_columns(&[x], out),
        }
    }
}

/// The activation or its derivative on one column.
type Column<T> = fn(&Activation, &[T], &mut [T]);

/// What is taken of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Value,
    Slope,
}

/// What an activation, or its derivative, makes of the fields of a panel.
#[derive(Debug)]
pub struct Columns<'a, T> {
    activation: &'a Activation,
    taken: Taken,
    /// All values, of a function that is given; others are computed where they are used, while they are in the cache.
    known: Vec<T>,
}

impl<'a, T: Real> Columns<'a, T> {
    fn new(activation: &'a Activation, taken: Taken, fields: &[T]) -> Self {
        let mut columns = Self {
            activation,
            taken,
            known: Vec::new(),
        };
        if let Kernel::Given { .. } = activation.kernel {
            let mut known = vec![T::from_f64(0.0); fields.len()];
            columns.compute(fields, &mut known);
            columns.known = known;
        }
        columns
    }

    fn compute(&self, fields: &[T], out: &mut [T]) {
        match self.taken {
            Taken::Value => self.activation.value_column(fields, out),
            Taken::Slope => self.activation.derivative_column(fields, out),
        }
    }

    /// Writes the values of the i-th column, which holds `field`.
    pub fn write(&self, i: usize, field: &[T], out: &mut [T]) {
        let first = i * field.len();
        match self.known.get(first..first + field.len()) {
            Some(known) if !known.is_empty() => out.copy_from_slice(known),
            _ => self.compute(field, out),
        }
    }

    /// `sum += scale value`, entry by entry, of the i-th column, which holds `field`; `space` has its length.
    pub fn add(&self, i: usize, field: &[T], scale: f64, sum: &mut [T], space: &mut [T]) {
        if !self.is(Taken::Value) {
            self.write(i, field, space);
            return columns::add_scaled(sum, scale, space);
        }
        let scale = T::from_f64(scale);
        Arch::new().dispatch(|| {
            let zero = T::from_f64(0.0);
            for (sum, x) in sum.iter_mut().zip(field) {
                *sum += scale * if *x < zero { zero } else { *x };
            }
        });
    }

    /// `field <- scale value factor`, entry by entry, of the i-th column, which holds `field`; `space` has its length.
    pub fn multiply(&self, i: usize, field: &mut [T], scale: f64, factor: &[T], space: &mut [T]) {
        if !self.is(Taken::Slope) {
            self.write(i, field, space);
            return columns::scaled_product(field, scale, space, factor);
        }
        let scale = T::from_f64(scale);
        Arch::new().dispatch(|| {
            let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
            for (x, factor) in field.iter_mut().zip(factor) {
                *x = scale * if *x > zero { one } else { zero } * *factor;
            }
        });
    }

    /// Whether this of relu is taken, which is done on the way: its values are not worth a place of their own.
    fn is(&self, taken: Taken) -> bool {
        self.taken == taken && matches!(self.activation.kernel, Kernel::Relu)
    }
}
