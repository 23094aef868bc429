//! Intervals that hold every value a computation can take, with slopes.
//!
//! Bounds are widened by more than the rounding of an operation, and functions of `libm` by more than their
//! error; underflow is not covered.

use crate::expr::{Expr, Function, Operator};
use num_traits::ToPrimitive;

/// More than the relative error of one operation, or of one function of `libm`.
const WIDER: f64 = 8.0 * f64::EPSILON;

/// `[low, high]`; everything where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub const ALL: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    pub fn new(low: f64, high: f64) -> Self {
        if low <= high {
            Self { low, high }
        } else {
            Self::ALL
        }
    }

    pub fn point(x: f64) -> Self {
        Self { low: x, high: x }
    }

    /// The bounds widened by the rounding of one operation.
    fn wider(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() {
            return Self::ALL;
        }
        let out = |x: f64, side: f64| {
            if x.is_finite() {
                x + side * x.abs() * WIDER
            } else {
                x
            }
        };
        Self {
            low: out(low, -1.0),
            high: out(high, 1.0),
        }
    }

    pub fn has_zero(self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    pub fn width(self) -> f64 {
        self.high - self.low
    }

    pub fn middle(self) -> f64 {
        0.5 * self.low + 0.5 * self.high
    }

    /// The smallest absolute value.
    pub fn least(self) -> f64 {
        if self.has_zero() {
            0.0
        } else {
            self.low.abs().min(self.high.abs())
        }
    }

    /// What two enclosures of one number have in common.
    pub fn meet(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (low <= high).then_some(Self { low, high })
    }

    fn hull(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self::wider(self.low + other.low, self.high + other.high)
    }

    pub fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    fn negated(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
        }
    }

    pub fn times(self, other: Self) -> Self {
        // Zero times what is unbounded is zero here: the factor zero is exact.
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let all = [
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ];
        let low = all.into_iter().fold(f64::INFINITY, f64::min);
        let high = all.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Self::wider(low, high)
    }

    pub fn inverse(self) -> Self {
        if self.has_zero() {
            Self::ALL
        } else {
            Self::wider(1.0 / self.high, 1.0 / self.low)
        }
    }

    fn powi(self, exponent: i32) -> Self {
        if exponent < 0 {
            return self.powi(-exponent).inverse();
        }
        let power = |x: f64| x.powi(exponent);
        let (a, b) = (power(self.low), power(self.high));
        let slack = f64::from(exponent.max(1)) * f64::EPSILON;
        let out =
            |low: f64, high: f64| Self::wider(low - low.abs() * slack, high + high.abs() * slack);
        if exponent % 2 == 1 {
            out(a, b)
        } else if self.has_zero() {
            out(0.0, a.max(b))
        } else {
            out(a.min(b), a.max(b))
        }
    }

    /// The image under an increasing function.
    fn increasing(self, f: impl Fn(f64) -> f64) -> Self {
        Self::wider(f(self.low), f(self.high))
    }

    fn abs(self) -> Self {
        let high = self.low.abs().max(self.high.abs());
        Self {
            low: self.least(),
            high,
        }
    }

    fn cos(self) -> Self {
        use std::f64::consts::PI;
        if !self.width().is_finite() || self.width() >= 2.0 * PI || self.low.abs() > 1e6 {
            return Self {
                low: -1.0,
                high: 1.0,
            };
        }
        let (a, b) = (libm::cos(self.low), libm::cos(self.high));
        // Whether a multiple of 2 pi, shifted, may lie inside; a little more than does.
        let within = |shift: f64| {
            let slack = 1e-9;
            let turns = ((self.low - slack - shift) / (2.0 * PI)).ceil();
            turns * 2.0 * PI + shift <= self.high + slack
        };
        Self {
            low: if within(PI) {
                -1.0
            } else {
                Self::wider(a.min(b), 0.0).low - 1e-15
            },
            high: if within(0.0) {
                1.0
            } else {
                Self::wider(0.0, a.max(b)).high + 1e-15
            },
        }
    }

    fn sin(self) -> Self {
        self.minus(Self::point(std::f64::consts::FRAC_PI_2)).cos()
    }
}

/// An enclosure of a function and of its gradient on a box in M coordinates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jet<const M: usize> {
    pub value: Interval,
    pub slopes: [Interval; M],
}

impl<const M: usize> Jet<M> {
    fn constant(value: Interval) -> Self {
        Self {
            value,
            slopes: [Interval::point(0.0); M],
        }
    }

    fn map(self, value: Interval, slope: Interval) -> Self {
        Self {
            value,
            slopes: self.slopes.map(|s| s.times(slope)),
        }
    }

    fn both(
        self,
        other: Self,
        value: Interval,
        f: impl Fn(Interval, Interval) -> Interval,
    ) -> Self {
        Self {
            value,
            slopes: std::array::from_fn(|k| f(self.slopes[k], other.slopes[k])),
        }
    }

    fn plus(self, other: Self) -> Self {
        self.both(other, self.value.plus(other.value), Interval::plus)
    }

    fn negated(self) -> Self {
        self.map(self.value.negated(), Interval::point(-1.0))
    }

    fn times(self, other: Self) -> Self {
        let value = self.value.times(other.value);
        self.both(other, value, |a, b| {
            a.times(other.value).plus(b.times(self.value))
        })
    }

    fn powi(self, exponent: i32) -> Self {
        if exponent == 0 {
            return Self::constant(Interval::point(1.0));
        }
        let lower = self.value.powi(exponent - 1);
        self.map(
            self.value.powi(exponent),
            Interval::point(f64::from(exponent)).times(lower),
        )
    }

    fn inverse(self) -> Self {
        let value = self.value.inverse();
        self.map(value, value.times(value).negated())
    }

    fn larger(self, other: Self) -> Self {
        if self.value.low > other.value.high {
            return self;
        }
        if other.value.low > self.value.high {
            return other;
        }
        let value = Interval {
            low: self.value.low.max(other.value.low),
            high: self.value.high.max(other.value.high),
        };
        self.both(other, value, Interval::hull)
    }

    fn exp(self) -> Self {
        let value = self.value.increasing(libm::exp);
        self.map(value, value)
    }

    fn log(self) -> Self {
        if !(self.value.low > 0.0) {
            return self.map(Interval::ALL, Interval::ALL);
        }
        self.map(self.value.increasing(libm::log), self.value.inverse())
    }

    fn apply(self, function: Function) -> Self {
        let x = self.value;
        let one = Interval::point(1.0);
        let unit = Interval {
            low: 0.0,
            high: 1.0,
        };
        let both = Interval {
            low: -1.0,
            high: 1.0,
        };
        // A jump inside has any slope.
        let jump = |inside: bool| {
            if inside {
                Interval::ALL
            } else {
                Interval::point(0.0)
            }
        };
        match function {
            Function::Relu => {
                let slope = match (x.low > 0.0, x.high < 0.0) {
                    (true, _) => one,
                    (_, true) => Interval::point(0.0),
                    _ => unit,
                };
                self.map(Interval::new(x.low.max(0.0), x.high.max(0.0)), slope)
            }
            Function::Abs => {
                let slope = match (x.low > 0.0, x.high < 0.0) {
                    (true, _) => one,
                    (_, true) => Interval::point(-1.0),
                    _ => both,
                };
                self.map(x.abs(), slope)
            }
            Function::Sign => {
                let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
                self.map(Interval::new(sign(x.low), sign(x.high)), jump(x.has_zero()))
            }
            Function::Step => {
                let step = |x: f64| f64::from(u8::from(x > 0.0));
                self.map(Interval::new(step(x.low), step(x.high)), jump(x.has_zero()))
            }
            Function::Exp => self.exp(),
            Function::Log => self.log(),
            Function::Sqrt => {
                let root = Interval::wider(x.low.max(0.0).sqrt(), x.high.max(0.0).sqrt());
                let slope = Interval::point(2.0).times(root).inverse();
                self.map(root, if root.low > 0.0 { slope } else { Interval::ALL })
            }
            Function::Sin => self.map(x.sin(), x.cos()),
            Function::Cos => self.map(x.cos(), x.sin().negated()),
            Function::Tanh => {
                let value = x.increasing(libm::tanh);
                let square = value.powi(2);
                self.map(value, one.minus(square).meet(unit).unwrap_or(unit))
            }
            Function::Sigmoid => {
                let value = x.increasing(|x| 1.0 / (1.0 + libm::exp(-x)));
                self.map(
                    value,
                    value.times(one.minus(value)).meet(unit).unwrap_or(unit),
                )
            }
            Function::Erf => {
                let density = x.powi(2).negated().increasing(libm::exp);
                let scale = Interval::point(std::f64::consts::FRAC_2_SQRT_PI);
                self.map(x.increasing(libm::erf), scale.times(density))
            }
        }
    }

    fn hermite(self, k: u8) -> Self {
        let (mut low, mut high) = (
            Self::constant(Interval::point(0.0)),
            Self::constant(Interval::point(1.0)),
        );
        for j in 0..k {
            let factor = Self::constant(Interval::point(-f64::from(j)));
            (low, high) = (high, self.times(high).plus(factor.times(low)));
        }
        high
    }
}

/// An expression that can be enclosed on boxes.
#[derive(Debug, Clone)]
pub(crate) enum Enclosure {
    Constant(Interval),
    Variable(usize),
    Negate(Box<Enclosure>),
    Binary(Operator, Box<Enclosure>, Box<Enclosure>),
    Power(i32, Box<Enclosure>),
    Apply(Function, Box<Enclosure>),
    Hermite(u8, Box<Enclosure>),
}

impl Enclosure {
    pub fn new(expr: &Expr) -> Self {
        let boxed = |e: &Expr| Box::new(Self::new(e));
        match expr {
            Expr::Number(number) => {
                let value = number.to_f64().unwrap_or(f64::NAN);
                Self::Constant(if value == value.round() && value.abs() < 1e15 {
                    Interval::point(value)
                } else {
                    Interval::wider(value, value)
                })
            }
            Expr::Pi => Self::Constant(Interval::wider(std::f64::consts::PI, std::f64::consts::PI)),
            Expr::Variable(k) => Self::Variable(*k),
            Expr::Negate(e) => Self::Negate(boxed(e)),
            Expr::Apply(function, e) => Self::Apply(*function, boxed(e)),
            Expr::Hermite(k, e) => Self::Hermite(*k, boxed(e)),
            Expr::Binary(operator, a, b) => {
                match (operator, b.as_integer().and_then(|k| i32::try_from(k).ok())) {
                    (Operator::Power, Some(exponent)) => Self::Power(exponent, boxed(a)),
                    _ => Self::Binary(*operator, boxed(a), boxed(b)),
                }
            }
        }
    }

    /// Value and slopes where each variable has these.
    pub fn on<const M: usize>(&self, variables: &[Jet<M>]) -> Jet<M> {
        match self {
            Self::Constant(value) => Jet::constant(*value),
            Self::Variable(k) => variables[*k],
            Self::Negate(e) => e.on(variables).negated(),
            Self::Power(exponent, e) => e.on(variables).powi(*exponent),
            Self::Apply(function, e) => e.on(variables).apply(*function),
            Self::Hermite(k, e) => e.on(variables).hermite(*k),
            Self::Binary(operator, a, b) => {
                let (a, b) = (a.on(variables), b.on(variables));
                match operator {
                    Operator::Add => a.plus(b),
                    Operator::Subtract => a.plus(b.negated()),
                    Operator::Multiply => a.times(b),
                    Operator::Divide => a.times(b.inverse()),
                    Operator::Power => b.times(a.log()).exp(),
                    Operator::Max => a.larger(b),
                    Operator::Min => a.negated().larger(b.negated()).negated(),
                }
            }
        }
    }

    /// Value and slopes on a box in the coordinates t, `z = origin + sum_k t_k frame_k`.
    ///
    /// The value is the better of the natural one and of that by the mean value theorem.
    pub fn over<const M: usize>(
        &self,
        origin: &[f64],
        frame: [&[f64]; M],
        t: [Interval; M],
    ) -> Jet<M> {
        let place = |t: [Interval; M]| -> Jet<M> {
            let variables: Vec<Jet<M>> = (0..origin.len())
                .map(|i| {
                    let mut value = Interval::point(origin[i]);
                    for (t, f) in t.iter().zip(&frame) {
                        if f[i] != 0.0 {
                            let part = if f[i] == 1.0 {
                                *t
                            } else {
                                t.times(Interval::point(f[i]))
                            };
                            value = if value == Interval::point(0.0) {
                                part
                            } else {
                                value.plus(part)
                            };
                        }
                    }
                    Jet {
                        value,
                        slopes: std::array::from_fn(|k| Interval::point(frame[k][i])),
                    }
                })
                .collect();
            self.on(&variables)
        };
        let mut jet = place(t);
        if jet.value.has_zero() && jet.slopes.iter().all(|s| s.width().is_finite()) {
            let middle = t.map(|t| Interval::point(t.middle()));
            let mut mean = place(middle).value;
            for ((t, m), slope) in t.iter().zip(middle).zip(jet.slopes) {
                mean = mean.plus(slope.times(t.minus(m)));
            }
            jet.value = jet.value.meet(mean).unwrap_or(mean);
        }
        jet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Program, Scope, parse};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn enclosures_hold_values_and_slopes(a in -4.0..4.0f64, w in 0.0..2.0f64, s in 0.0..1.0f64, u in 0.0..1.0f64) {
            let texts = [
                "x^3 - 2*x + 0.1", "sin(3*x)*cos(x)", "exp(-x^2) - 0.3", "abs(x) - relu(x - 1)", "tanh(x)/(1 + x^2)",
                "max(x, x^2 - 1) - min(x, 0.5)", "erf(x) + sigmoid(2*x)", "He5(x)", "sqrt(1 + x^2)", "log(2 + sin(x))",
                "(2 + cos(x))^1.5", "sign(x - 0.3) + step(x)",
            ];
            let (x, y) = (a + s * w, a + u * w);
            for text in texts {
                let expr = parse(text, Scope::Activation).unwrap();
                let program = Program::new(&expr);
                let on = Enclosure::new(&expr).over(&[0.0], [&[1.0]], [Interval::new(a, a + w)]);
                let (f, g) = (program.eval(&[x]), program.eval(&[y]));
                prop_assert!(on.value.low <= f && f <= on.value.high, "{} {} {:?}", text, f, on.value);
                let rise = on.slopes[0].times(Interval::point(y - x));
                let slack = 1e-12 * (1.0 + f.abs() + g.abs());
                prop_assert!(rise.low - slack <= g - f && g - f <= rise.high + slack, "{} {} {:?}", text, g - f, rise);
            }
        }
    }
}
