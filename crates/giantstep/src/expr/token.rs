//! From text to tokens.

use std::ops::Range;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Pow;
use winnow::ascii::{digit0, digit1, multispace0};
use winnow::combinator::{alt, opt};
use winnow::error::ContextError;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, one_of, take_while};
use winnow::{ModalResult, Parser};

use super::error::Problem;

/// The largest decimal exponent of a typed number.
const MAX_EXPONENT: i64 = 300;

/// A number, a name, or a sign of one character.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(BigRational),
    Name(String),
    Symbol(char),
}

/// A result, or a problem with its place.
pub(super) type Spanned<T> = Result<T, (Range<usize>, Problem)>;
type Input<'a> = LocatingSlice<&'a str>;

/// The tokens of a text, each with its place.
pub(super) fn tokens(text: &str) -> Spanned<Vec<(Token, Range<usize>)>> {
    fn number<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
        let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
        let decimal = alt(((digit1, opt(('.', digit0))).void(), ('.', digit1).void()));
        (decimal, opt(exponent)).take().parse_next(input)
    }
    fn name<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
        (
            one_of(|c: char| c.is_alphabetic()),
            take_while(0.., |c: char| c.is_alphanumeric() || c == '_'),
        )
            .take()
            .parse_next(input)
    }
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let skipped: Result<&str, ContextError> = multispace0.parse_next(&mut input);
        if skipped.is_err() || input.is_empty() {
            return Ok(tokens);
        }
        let start = input.current_token_start();
        let symbol = one_of(['+', '-', '*', '/', '^', '(', ')', ',']);
        // Python's power, so that a formula can be carried over.
        let power = "**".value('^');
        let token = alt((
            number.map(|text: &str| {
                rational(text)
                    .map(Token::Number)
                    .ok_or_else(|| Problem::Number(text.to_owned()))
            }),
            name.map(|text: &str| Ok(Token::Name(text.to_owned()))),
            alt((power, symbol)).map(|c| Ok(Token::Symbol(c))),
            any.map(|c| Err(Problem::Character(c))),
        ))
        .parse_next(&mut input);
        let end = input.previous_token_end();
        match token {
            Ok(Ok(token)) => tokens.push((token, start..end)),
            Ok(Err(problem)) => return Err((start..end, problem)),
            Err(_) => return Err((start..text.len(), Problem::Expected("an expression"))),
        }
    }
}

/// A decimal number as a fraction.
fn rational(text: &str) -> Option<BigRational> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("0{whole}{fraction}").parse().ok()?;
    let exponent = exponent - fraction.len() as i64;
    if exponent.abs() > MAX_EXPONENT {
        return None;
    }
    let power: BigInt = BigInt::from(10).pow(exponent.unsigned_abs());
    Some(match exponent {
        0.. => BigRational::from(digits * power),
        _ => BigRational::new(digits, power),
    })
}
