//! The syntax tree.

use num_rational::BigRational;

/// An expression over the variables of its scope.
///
/// Numbers are kept exactly as typed (`0.1` is 1/10), so that polynomial links have exact algebra.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number, exactly as typed.
    Number(BigRational),
    /// The constant pi.
    Pi,
    /// The variable of this index in the scope: `z1` is 0, `x` is 0.
    Variable(usize),
    /// `-e`.
    Negate(Box<Expr>),
    /// `left op right`.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `f(e)`.
    Apply(Function, Box<Expr>),
    /// `He_k(e)`, the probabilists' Hermite polynomial of degree `k <= 20`.
    Hermite(u8, Box<Expr>),
}

impl Expr {
    /// The direct sub-expressions.
    pub fn operands(&self) -> Vec<&Expr> {
        match self {
            Expr::Number(_) | Expr::Pi | Expr::Variable(_) => vec![],
            Expr::Negate(e) | Expr::Apply(_, e) | Expr::Hermite(_, e) => vec![e],
            Expr::Binary(_, a, b) => vec![a, b],
        }
    }

    /// Shows every node to `seen`, operands first.
    pub fn visit<'a>(&'a self, seen: &mut dyn FnMut(&'a Expr)) {
        for operand in self.operands() {
            operand.visit(seen);
        }
        seen(self);
    }

    /// The expression in the variables that are left when the first ones have these finite values.
    pub fn given(&self, values: &[f64]) -> Expr {
        self.replaced(&|e| match e {
            Expr::Variable(k) => match values.get(*k) {
                Some(value) => BigRational::from_float(*value).map(Expr::Number),
                None => Some(Expr::Variable(k - values.len())),
            },
            _ => None,
        })
    }

    /// The expression in which whatever `new` answers for takes the place of a part.
    pub fn replaced(&self, new: &dyn Fn(&Expr) -> Option<Expr>) -> Expr {
        if let Some(expr) = new(self) {
            return expr;
        }
        let inner = |e: &Expr| Box::new(e.replaced(new));
        match self {
            Expr::Number(_) | Expr::Pi | Expr::Variable(_) => self.clone(),
            Expr::Negate(e) => Expr::Negate(inner(e)),
            Expr::Apply(function, e) => Expr::Apply(*function, inner(e)),
            Expr::Hermite(k, e) => Expr::Hermite(*k, inner(e)),
            Expr::Binary(operator, a, b) => Expr::Binary(*operator, inner(a), inner(b)),
        }
    }

    /// One more than the largest variable index: the smallest r of a link.
    pub fn variables(&self) -> usize {
        let mut most = 0;
        self.visit(&mut |e| {
            if let Expr::Variable(k) = e {
                most = most.max(k + 1);
            }
        });
        most
    }

    /// The degree if this is formally a polynomial: variables, constants, sums, products, whole powers, He_k.
    pub fn polynomial_degree(&self) -> Option<u64> {
        match self {
            Expr::Number(_) | Expr::Pi => Some(0),
            Expr::Variable(_) => Some(1),
            Expr::Negate(e) => e.polynomial_degree(),
            Expr::Hermite(k, e) => Some(u64::from(*k).saturating_mul(e.polynomial_degree()?)),
            // A function of constants is a constant.
            Expr::Apply(_, e) => e.polynomial_degree().filter(|degree| *degree == 0),
            Expr::Binary(operator, a, b) => {
                let (left, right) = (a.polynomial_degree()?, b.polynomial_degree()?);
                match operator {
                    Operator::Add | Operator::Subtract => Some(left.max(right)),
                    Operator::Multiply => Some(left.saturating_add(right)),
                    Operator::Divide => (right == 0).then_some(left),
                    Operator::Power if left == 0 => (right == 0).then_some(0),
                    Operator::Power => {
                        let exponent = u64::try_from(b.as_integer()?).ok()?;
                        Some(left.saturating_mul(exponent))
                    }
                    Operator::Min | Operator::Max => (left.max(right) == 0).then_some(0),
                }
            }
        }
    }

    /// Whether [`Expr::polynomial_degree`] is defined.
    pub fn is_polynomial(&self) -> bool {
        self.polynomial_degree().is_some()
    }

    /// The expressions on whose zero set this one may have a kink or a jump.
    pub fn kinks(&self) -> Vec<Expr> {
        let mut kinks = Vec::new();
        self.visit(&mut |e| {
            let kink = match e {
                Expr::Apply(
                    Function::Relu
                    | Function::Sign
                    | Function::Step
                    | Function::Abs
                    | Function::Sqrt
                    | Function::Log,
                    inner,
                ) => (**inner).clone(),
                Expr::Binary(Operator::Min | Operator::Max, a, b) => {
                    Expr::Binary(Operator::Subtract, a.clone(), b.clone())
                }
                Expr::Binary(Operator::Divide, _, b) => (**b).clone(),
                Expr::Binary(Operator::Power, a, b) if b.as_integer().is_none_or(|k| k < 0) => {
                    (**a).clone()
                }
                _ => return,
            };
            if kink.variables() > 0 && !kinks.contains(&kink) {
                kinks.push(kink);
            }
        });
        kinks
    }

    /// Whether there is no kink and no jump.
    pub fn is_smooth(&self) -> bool {
        self.kinks().is_empty()
    }
}

/// An operation on two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `a ^ b`
    Power,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
}

/// A function of one expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `max(e, 0)`
    Relu,
    /// The error function.
    Erf,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-e))`
    Sigmoid,
    /// -1, 0 or 1.
    Sign,
    /// 1 where `e > 0`, otherwise 0.
    Step,
    /// The absolute value.
    Abs,
    /// The exponential.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 12] = [
        Self::Relu,
        Self::Erf,
        Self::Tanh,
        Self::Sigmoid,
        Self::Sign,
        Self::Step,
        Self::Abs,
        Self::Exp,
        Self::Log,
        Self::Sqrt,
        Self::Sin,
        Self::Cos,
    ];

    /// The name that is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Erf => "erf",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Sign => "sign",
            Self::Step => "step",
            Self::Abs => "abs",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Sin => "sin",
            Self::Cos => "cos",
        }
    }
}
