//! Indexed sums and products, written out before a text is parsed: `sum(i, 3, i*z_i)` is `z1 + 2*z2 + 3*z3`.

use std::ops::Range;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::ToPrimitive;

use super::error::Problem;
use super::token::{Spanned, Token};

/// The most tokens of a text whose sums are written out.
const MOST: usize = 20_000;

type Tokens = [(Token, Range<usize>)];

/// The tokens with every `sum(i, n, ...)` and `product(i, n, ...)` written out in parentheses, innermost last, so that an
/// inner bound may be an outer index. Terms are joined in pairs, to stay shallow.
pub(super) fn written_out(tokens: &Tokens) -> Spanned<Vec<(Token, Range<usize>)>> {
    let mut out = Vec::new();
    let mut next = 0;
    while let Some((token, span)) = tokens.get(next) {
        let operator = match (token, tokens.get(next + 1)) {
            (Token::Name(name), Some((Token::Symbol('('), _))) => operator(name),
            _ => None,
        };
        let Some(operator) = operator else {
            out.push((token.clone(), span.clone()));
            next += 1;
            continue;
        };
        let (arguments, after) = arguments(tokens, next + 2);
        let fail = || {
            let wanted =
                "an index, a whole number from 1 to 1024 and an expression, as in sum(i, 8, z_i^2)";
            (span.clone(), Problem::Expected(wanted))
        };
        let [[(Token::Name(index), _)], [(Token::Number(count), _)], body] = arguments[..] else {
            return Err(fail());
        };
        let whole = count.is_integer().then(|| count.to_integer());
        let count = whole.and_then(|count| count.to_usize());
        let count = count
            .filter(|count| (1..=1024).contains(count))
            .ok_or_else(fail)?;
        if out.len() + count * (body.len() + 3) > MOST {
            return Err((span.clone(), Problem::Depth));
        }
        let terms: Vec<_> = (1..=count)
            .map(|value| written_out(&with(body, index, value)))
            .collect::<Result<_, _>>()?;
        joined(&terms, operator, span, &mut out);
        if out.len() > MOST {
            return Err((span.clone(), Problem::Depth));
        }
        next = after;
    }
    Ok(out)
}

fn operator(name: &str) -> Option<char> {
    match name {
        "sum" => Some('+'),
        "product" => Some('*'),
        _ => None,
    }
}

/// The arguments of a call whose first one begins at `first`, and the place behind it.
fn arguments(tokens: &Tokens, first: usize) -> (Vec<&Tokens>, usize) {
    let mut found = Vec::new();
    let (mut start, mut depth) = (first, 0);
    for (place, (token, _)) in tokens.iter().enumerate().skip(first) {
        match token {
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') if depth == 0 => {
                found.push(&tokens[start..place]);
                return (found, place + 1);
            }
            Token::Symbol(')') => depth -= 1,
            Token::Symbol(',') if depth == 0 => {
                found.push(&tokens[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    (Vec::new(), tokens.len())
}

/// `body` at one value of the index: `i` is the number, `z_i` the variable of this number.
fn with(body: &Tokens, index: &str, value: usize) -> Vec<(Token, Range<usize>)> {
    let variable = format!("z_{index}");
    let at = |token: &Token| match token {
        Token::Name(name) if name == index => Token::Number(BigRational::from(BigInt::from(value))),
        Token::Name(name) if *name == variable => Token::Name(format!("z{value}")),
        other => other.clone(),
    };
    body.iter()
        .map(|(token, span)| (at(token), span.clone()))
        .collect()
}

fn joined(
    terms: &[Vec<(Token, Range<usize>)>],
    operator: char,
    span: &Range<usize>,
    out: &mut Vec<(Token, Range<usize>)>,
) {
    let symbol = |out: &mut Vec<_>, c| out.push((Token::Symbol(c), span.clone()));
    symbol(out, '(');
    match terms {
        [term] => out.extend(term.iter().cloned()),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            joined(left, operator, span, out);
            symbol(out, operator);
            joined(right, operator, span, out);
        }
    }
    symbol(out, ')');
}

#[cfg(test)]
mod tests {
    use crate::expr::{Problem, Scope, parse};

    #[test]
    fn a_sum_is_what_it_is_written_out() {
        let values = [0.3, -1.2, 0.8, 2.0];
        for (short, long) in [
            ("sum(i, 3, i*z_i)/sqrt(3)", "(z1 + 2*z2 + 3*z3)/sqrt(3)"),
            ("product(k, 4, z_k)", "z1*z2*z3*z4"),
            (
                "sum(i, 3, sum(j, i, z_i*z_j))",
                "z1^2 + z2*z1 + z2^2 + z3*(z1 + z2 + z3)",
            ),
            ("1 - sum(i, 2, -z_i)^2", "1 - (-z1 - z2)^2"),
            ("sum(i, 1, tanh(z_i))", "tanh(z1)"),
        ] {
            let at = |text| {
                let expr = parse(text, Scope::Link).expect("a link");
                crate::expr::Program::new(&expr).eval(&values)
            };
            assert!((at(short) - at(long)).abs() < 1e-14, "{short}");
        }
        let many = parse("sum(i, 1000, tanh(z_i))/sqrt(1000)", Scope::Link).expect("a committee");
        assert_eq!(many.variables(), 1000);
    }

    #[test]
    fn a_sum_without_index_bound_or_variable_is_refused_at_its_place() {
        for (text, column) in [
            ("z1 + sum(z1, z2)", 6),
            ("sum(i, z1, z_i)", 1),
            ("sum(i, 0, z_i)", 1),
            ("sum(i, 1.5, z_i)", 1),
            ("sum(i, 3, z_j)", 11),
            ("sum(i, 1024, z_i) + z1025", 21),
            ("sum(i, 3, z_i", 1),
            ("sum(i, 512, sum(j, 512, z1))", 1),
        ] {
            let error = parse(text, Scope::Link).expect_err(text);
            assert_eq!(error.column(), column, "{text}: {error}");
        }
        let error = parse("sum(i, 300, sum(j, 300, z1))", Scope::Link).expect_err("too long");
        assert_eq!(error.problem, Problem::Depth);
    }
}
