//! Activations and their derivatives.

use std::sync::Arc;

use pulp::Arch;

use crate::expr::{Expr, ExprError, Function, Program, Scope, parse_checked};
use crate::gauss::Coefficients;
use crate::real::Real;

/// An activation `sigma(x)` with its derivative almost everywhere.
///
/// relu and tanh run as kernels of their own; anything else is compiled from its expression.
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
    expr: Arc<Expr>,
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
            expr: Arc::new(expr),
            kernel,
        })
    }

    /// The text as typed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The syntax tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
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
        Coefficients::of(&self.expr, count)
    }

    /// Writes `sigma(x)` for each entry; both slices have one length.
    pub fn value_column<T: Real>(&self, x: &[T], out: &mut [T]) {
        let zero = T::from_f64(0.0);
        match &self.kernel {
            Kernel::Relu => {
                Arch::new().dispatch(|| {
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
        }
    }

    /// Writes `sigma'(x)` for each entry; at a kink, some value between the one-sided ones.
    pub fn derivative_column<T: Real>(&self, x: &[T], out: &mut [T]) {
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        match &self.kernel {
            Kernel::Relu => {
                Arch::new().dispatch(|| {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = if *x > zero { one } else { zero };
                    }
                });
            }
            Kernel::Tanh => {
                out.copy_from_slice(x);
                T::tanh_column(out);
                Arch::new().dispatch(|| {
                    for out in out.iter_mut() {
                        *out = one - *out * *out;
                    }
                });
            }
            Kernel::Compiled { derivative, .. } => derivative.eval_columns(&[x], out),
        }
    }
}
