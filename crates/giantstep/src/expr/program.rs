//! Expressions compiled for whole columns.

use num_traits::ToPrimitive;
use pulp::Arch;

use super::ast::{Expr, Function, Operator};
use crate::hermite::hermite;
use crate::real::Real;

/// An expression with its constants folded, evaluated column by column.
///
/// Cost: one pass over a column of scratch for every node of the expression.
#[derive(Debug, Clone)]
pub struct Program {
    root: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Constant(f64),
    Variable(usize),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// A whole power.
    Power(i32, Box<Node>),
    Apply(Function, Box<Node>),
    Hermite(u8, Box<Node>),
}

impl Program {
    /// Compiles an expression.
    pub fn new(expr: &Expr) -> Self {
        Self {
            root: Node::new(expr),
        }
    }

    /// The value at one point; a variable that is not given is NaN.
    pub fn eval(&self, variables: &[f64]) -> f64 {
        self.root
            .eval(&|k| variables.get(k).copied().unwrap_or(f64::NAN))
    }

    /// Writes the values at many points: one column for each variable, all of the length of `out`; as in
    /// [`Program::eval`] one that is not given is NaN.
    pub fn eval_columns<T: Real>(&self, columns: &[&[T]], out: &mut [T]) {
        self.root.fill(columns, out, &mut Vec::new());
    }
}

impl Node {
    fn new(expr: &Expr) -> Self {
        let node = match expr {
            Expr::Number(number) => Node::Constant(number.to_f64().unwrap_or(f64::NAN)),
            Expr::Pi => Node::Constant(std::f64::consts::PI),
            Expr::Variable(k) => Node::Variable(*k),
            Expr::Negate(e) => Node::Negate(Box::new(Node::new(e))),
            Expr::Apply(function, e) => Node::Apply(*function, Box::new(Node::new(e))),
            Expr::Hermite(k, e) => Node::Hermite(*k, Box::new(Node::new(e))),
            Expr::Binary(operator, a, b) => {
                match (operator, b.as_integer().and_then(|k| i32::try_from(k).ok())) {
                    (Operator::Power, Some(exponent)) => {
                        Node::Power(exponent, Box::new(Node::new(a)))
                    }
                    _ => Node::Binary(*operator, Box::new(Node::new(a)), Box::new(Node::new(b))),
                }
            }
        };
        if expr.variables() == 0 {
            Node::Constant(node.eval(&|_| f64::NAN))
        } else {
            node
        }
    }

    fn eval<T: Real>(&self, variable: &dyn Fn(usize) -> T) -> T {
        match self {
            Node::Constant(value) => T::from_f64(*value),
            Node::Variable(k) => variable(*k),
            Node::Negate(e) => -e.eval(variable),
            Node::Binary(operator, a, b) => binary(*operator, a.eval(variable), b.eval(variable)),
            Node::Power(exponent, e) => e.eval(variable).powi(*exponent),
            Node::Apply(function, e) => apply(*function, e.eval(variable)),
            Node::Hermite(k, e) => hermite(usize::from(*k), e.eval(variable)),
        }
    }

    fn fill<T: Real>(&self, columns: &[&[T]], out: &mut [T], spare: &mut Vec<Vec<T>>) {
        match self {
            Node::Constant(value) => out.fill(T::from_f64(*value)),
            Node::Variable(k) => match columns.get(*k) {
                Some(column) => out.copy_from_slice(column),
                None => out.fill(T::from_f64(f64::NAN)),
            },
            Node::Negate(e) => {
                e.fill(columns, out, spare);
                map(out, |x| -x);
            }
            Node::Power(exponent, e) => {
                e.fill(columns, out, spare);
                match exponent {
                    2 => map(out, |x| x * x),
                    3 => map(out, |x| x * x * x),
                    _ => map(out, |x| x.powi(*exponent)),
                }
            }
            Node::Apply(function, e) => {
                e.fill(columns, out, spare);
                apply_column(*function, out);
            }
            Node::Hermite(k, e) => {
                e.fill(columns, out, spare);
                map(out, |x| hermite(usize::from(*k), x));
            }
            Node::Binary(operator, a, b) => {
                a.fill(columns, out, spare);
                let mut right = spare.pop().unwrap_or_default();
                right.resize(out.len(), T::from_f64(0.0));
                b.fill(columns, &mut right, spare);
                // One loop for each operator: the choice is made once a column.
                match operator {
                    Operator::Add => zip(out, &right, |x, y| x + y),
                    Operator::Subtract => zip(out, &right, |x, y| x - y),
                    Operator::Multiply => zip(out, &right, |x, y| x * y),
                    other => zip(out, &right, |x, y| binary(*other, x, y)),
                }
                spare.push(right);
            }
        }
    }
}

/// Applies a function to a column in place.
fn apply_column<T: Real>(function: Function, column: &mut [T]) {
    match function {
        Function::Exp => T::exp_column(column),
        Function::Tanh => T::tanh_column(column),
        Function::Sigmoid => {
            // (1 + tanh(x/2)) / 2
            let half = T::from_f64(0.5);
            map(column, |x| half * x);
            T::tanh_column(column);
            map(column, |x| half * x + half);
        }
        // One loop for each function: the choice is made once a column.
        Function::Relu => map(column, |x| apply(Function::Relu, x)),
        Function::Step => map(column, |x| apply(Function::Step, x)),
        Function::Abs => map(column, |x| apply(Function::Abs, x)),
        other => map(column, |x| apply(other, x)),
    }
}

fn map<T: Real>(out: &mut [T], f: impl Fn(T) -> T) {
    Arch::new().dispatch(|| {
        for x in out.iter_mut() {
            *x = f(*x);
        }
    });
}

fn zip<T: Real>(out: &mut [T], right: &[T], f: impl Fn(T, T) -> T) {
    Arch::new().dispatch(|| {
        for (x, y) in out.iter_mut().zip(right) {
            *x = f(*x, *y);
        }
    });
}

#[inline(always)]
fn binary<T: Real>(operator: Operator, a: T, b: T) -> T {
    match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Power => a.powf(b),
        Operator::Min => {
            if b < a {
                b
            } else {
                a
            }
        }
        Operator::Max => {
            if b > a {
                b
            } else {
                a
            }
        }
    }
}

/// One value of a function.
#[inline(always)]
fn apply<T: Real>(function: Function, x: T) -> T {
    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
    match function {
        Function::Relu => {
            if x > zero {
                x
            } else {
                zero * x
            }
        }
        Function::Step => {
            if x > zero {
                one
            } else {
                zero * x
            }
        }
        Function::Sign => {
            if x > zero {
                one
            } else if x < zero {
                -one
            } else {
                zero * x
            }
        }
        Function::Abs => {
            if x < zero {
                -x
            } else {
                x
            }
        }
        Function::Erf => x.erf(),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => one / (one + (-x).exp()),
        Function::Exp => x.exp(),
        Function::Log => x.ln(),
        Function::Sqrt => x.sqrt(),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
    }
}
