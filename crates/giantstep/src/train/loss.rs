//! The loss whose gradient is followed, and its residual `rho(y, f) = -dl/df`. THEORY.md (2).

use std::sync::Arc;

use crate::expr::{Expr, ExprError, Program, Scope, parse};
use crate::real::Real;

/// The loss `l(y, f)` whose gradient is followed.
#[derive(Debug, Clone, PartialEq)]
pub enum Loss {
    /// `1/2 (y - f)^2`: the residual is `y - f`.
    Squared,
    /// `-y f`: the residual is `y`.
    Correlation,
    /// Correlation loss until the mean square of `y - f` on the last batch was below this fraction of the mean
    /// square of `y`; squared loss from the step after, for good.
    CorrelationUntil(f64),
    /// Any other function of the label and the output of one sample.
    Pointwise(Pointwise),
}

/// A loss of one sample, `l(y, f)`, with its residual.
#[derive(Debug, Clone)]
pub struct Pointwise {
    source: Arc<str>,
    value: Arc<Program>,
    residual: Arc<Program>,
    /// The residual at the output 0, in y.
    first: Arc<Expr>,
}

impl PartialEq for Pointwise {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// Losses by name: what they are and their residuals, in forms that do not overflow. The last three are of labels of
/// 1 and -1.
const NAMED: [(&str, &str, &str); 5] = [
    ("absolute", "abs(y - f)", "sign(y - f)"),
    (
        "huber",
        "min(abs(y - f), 1)*(abs(y - f) - min(abs(y - f), 1)/2)",
        "max(min(y - f, 1), -1)",
    ),
    (
        "logistic",
        "relu(-y*f) + log(1 + exp(-abs(y*f)))",
        "y*sigmoid(-y*f)",
    ),
    ("hinge", "relu(1 - y*f)", "y*step(1 - y*f)"),
    ("exponential", "exp(-y*f)", "y*exp(-y*f)"),
];

/// The variables of a loss.
const VARIABLES: Scope<'static> = Scope::Formula(&["y", "f"]);

/// Why a text is no loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LossError {
    /// No name of a loss, and no expression in y and f.
    #[error("\n{0}")]
    Expression(#[from] ExprError),
    /// The output does not occur, so nothing is learnt.
    #[error("does not depend on the output f: its gradient is zero")]
    Constant,
    /// Not finite for some output, whatever the label.
    #[error(
        "is not finite with a finite slope at f = {f}, whatever y: an output takes any real value"
    )]
    NotFinite {
        /// The output.
        f: f64,
    },
}

impl Pointwise {
    /// The names of losses that are no expressions.
    pub const NAMES: [&'static str; 5] = {
        let mut names = [""; 5];
        let mut k = 0;
        while k < names.len() {
            names[k] = NAMED[k].0;
            k += 1;
        }
        names
    };

    /// The loss of a name, or an expression in `y` and `f`, which is differentiated almost everywhere.
    ///
    /// # Errors
    /// [`LossError`] if the text is neither, has no slope in f, or is not finite for some f.
    ///
    /// ```
    /// use giantstep::train::Pointwise;
    /// let loss = Pointwise::parse("abs(y - f)^3/3")?;
    /// assert_eq!((loss.value(1.0, 3.0), loss.residual(1.0, 3.0)), (8.0 / 3.0, -4.0));
    /// # Ok::<(), giantstep::train::LossError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LossError> {
        let named = NAMED.iter().find(|(name, ..)| *name == text);
        let (value, residual) = match named {
            Some((_, value, residual)) => (parse(value, VARIABLES)?, parse(residual, VARIABLES)?),
            None => {
                let value = parse(text, VARIABLES)?;
                let slope = value.derivative(1);
                if slope == Expr::integer(0) {
                    return Err(LossError::Constant);
                }
                let residual = Expr::Negate(Box::new(slope));
                (value, residual)
            }
        };
        let loss = Self {
            source: text.into(),
            value: Arc::new(Program::new(&value)),
            residual: Arc::new(Program::new(&residual)),
            first: Arc::new(residual.replaced(&|node| match node {
                Expr::Variable(1) => Some(Expr::integer(0)),
                _ => None,
            })),
        };
        loss.finite()?;
        Ok(loss)
    }

    /// Outputs are of order one and of either sign: a loss that ends somewhere is no loss of a network.
    fn finite(&self) -> Result<(), LossError> {
        let outputs = (-32..=32).map(|k| f64::from(k) / 8.0);
        for f in outputs {
            let finite =
                |y: &f64| self.value(*y, f).is_finite() && self.residual(*y, f).is_finite();
            if ![-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0].iter().any(finite) {
                return Err(LossError::NotFinite { f });
            }
        }
        Ok(())
    }

    /// As typed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// `l(y, f)`.
    pub fn value(&self, y: f64, f: f64) -> f64 {
        self.value.eval(&[y, f])
    }

    /// `rho(y, f) = -dl/df`, almost everywhere.
    pub fn residual(&self, y: f64, f: f64) -> f64 {
        self.residual.eval(&[y, f])
    }

    /// `rho(y, 0)`, in y: the labels that a step sees before the network has an output.
    pub(crate) fn first(&self) -> &Expr {
        &self.first
    }

    /// `rho` of columns of labels and outputs.
    pub(crate) fn residual_column<T: Real>(&self, labels: &[T], outputs: &[T], out: &mut [T]) {
        self.residual.eval_columns(&[labels, outputs], out);
    }
}

impl Loss {
    /// `l(y, f)` of one sample; of a switched loss, that at its end.
    pub fn value(&self, y: f64, f: f64) -> f64 {
        match self {
            Loss::Squared | Loss::CorrelationUntil(_) => (y - f) * (y - f) / 2.0,
            Loss::Correlation => -y * f,
            Loss::Pointwise(loss) => loss.value(y, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_are_minus_the_slopes_by_differences() {
        let typed = [
            "log(1 + (y - f)^2)",
            "exp(-y*f) + f^2/4",
            "max(y - f, 0)^2 + 0.3*abs(f)",
        ];
        for text in Pointwise::NAMES.into_iter().chain(typed) {
            let loss = Pointwise::parse(text).expect("a loss");
            for y in [-1.7, -1.0, 1.0, 2.3] {
                for f in [-3.15, -1.15, -0.35, 0.15, 0.85, 1.65, 4.45] {
                    // Central differences to order h^4, away from kinks.
                    let slope = |h: f64| (loss.value(y, f + h) - loss.value(y, f - h)) / (2.0 * h);
                    let expected = -(4.0 * slope(1e-3) - slope(2e-3)) / 3.0;
                    let found = loss.residual(y, f);
                    assert!(
                        (found - expected).abs() < 1e-7 * (1.0 + expected.abs()),
                        "{text} at ({y}, {f}): {found}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn named_losses_have_their_textbook_values_and_do_not_overflow() {
        let at = |name, y, f| Pointwise::parse(name).expect("a loss").value(y, f);
        assert_eq!(at("absolute", 1.0, -2.0), 3.0);
        assert_eq!(
            (at("huber", 0.0, 0.5), at("huber", 0.0, -3.0)),
            (0.125, 2.5)
        );
        assert!((at("logistic", 1.0, 0.0) - 2f64.ln()).abs() < 1e-15);
        assert!((at("logistic", -1.0, 2.0) - (1.0 + 2f64.exp()).ln()).abs() < 1e-15);
        assert_eq!((at("hinge", -1.0, 3.0), at("hinge", 1.0, 1.5)), (4.0, 0.0));
        assert_eq!(at("exponential", 1.0, 0.0), 1.0);
        let logistic = Pointwise::parse("logistic").expect("a loss");
        assert_eq!(
            (logistic.value(1.0, -1e4), logistic.residual(1.0, -1e4)),
            (1e4, 1.0)
        );
        let mut out = [0.0f32; 2];
        logistic.residual_column(&[1.0, -1.0], &[-1e4f32, -1e4], &mut out);
        assert_eq!(out, [1.0, 0.0]);
    }

    #[test]
    fn losses_of_the_same_text_are_equal() {
        let parse = |text| Pointwise::parse(text).unwrap();
        assert_eq!(parse("huber"), parse("huber"));
        assert_ne!(parse("huber"), parse("absolute"));
    }

    #[test]
    fn what_is_no_loss_is_refused() {
        assert!(matches!(Pointwise::parse("y^2"), Err(LossError::Constant)));
        assert!(matches!(
            Pointwise::parse("y*log(f)"),
            Err(LossError::NotFinite { .. })
        ));
        assert!(matches!(
            Pointwise::parse("hingee"),
            Err(LossError::Expression(_))
        ));
    }
}
