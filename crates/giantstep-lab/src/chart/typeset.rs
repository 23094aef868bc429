//! Formulas and names of columns as mathematics: `n/d^1.5` becomes 𝑛/𝑑^{1.5}.

use giantstep::expr::{Scope, parse};

use giantstep_figure::italic;

/// A name of the results table or of a formula: a symbol, a small letter with its index, or words.
fn symbol(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let index: String = name[letters.len()..].chars().map(lowered).collect();
    match last {
        "batch" => italic("n"),
        "dimension" => italic("d"),
        "width" => italic("p"),
        "step_size" => italic("η"),
        "ridge" => italic("λ"),
        "pi" => italic("π"),
        "exponent" => format!("log {} / log {}", italic("n"), italic("d")),
        "sqrt" => "√".to_owned(),
        _ if letters.len() == 1 => italic(letters) + &index,
        _ if letters == "He" => "He".to_owned() + &index,
        words => words.replace('_', " "),
    }
}

fn lowered(digit: char) -> char {
    digit
        .to_digit(10)
        .and_then(|value| char::from_u32('₀' as u32 + value))
        .unwrap_or(digit)
}

/// Sets a formula: names by their symbols, exponents raised, products without a sign where it can be missed.
pub(super) fn formula(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let named = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut at = 0;
    while at < letters.len() {
        let start = at;
        match letters[at] {
            c if c.is_alphabetic() => {
                while at < letters.len() && (named(letters[at]) || is_dot(&letters, at)) {
                    at += 1;
                }
                let name: String = letters[start..at].iter().collect();
                out += &symbol(&name);
                continue;
            }
            '^' => {
                let end = exponent_end(&letters, at + 1);
                let inner: String = letters[at + 1..end].iter().collect();
                let bare = inner
                    .strip_prefix('(')
                    .and_then(|inner| inner.strip_suffix(')'));
                out += &format!("^{{{}}}", formula(bare.unwrap_or(&inner)));
                at = end;
                continue;
            }
            '*' => {
                let next = letters[at + 1..].iter().find(|c| !c.is_whitespace());
                if next.is_some_and(|c| c.is_ascii_digit()) {
                    out.push('·');
                }
            }
            '-' => out.push('−'),
            c => out.push(c),
        }
        at += 1;
    }
    out
}

/// Whether the dot at this place joins two names, as in `protocol.step_size`.
fn is_dot(letters: &[char], at: usize) -> bool {
    letters[at] == '.' && letters.get(at + 1).is_some_and(|c| c.is_alphabetic())
}

/// Where an exponent that starts here ends: a sign, then a number, a name with its arguments, or parentheses.
fn exponent_end(letters: &[char], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_usize;
    while at < letters.len() {
        match letters[at] {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            '-' if at == start => {}
            c if depth > 0 || c.is_alphanumeric() || c == '_' || c == '.' => {}
            _ => break,
        }
        at += 1;
    }
    at
}

/// A text value of a swept key: as mathematics if it is an expression, otherwise as it stands.
pub(super) fn value(text: &str) -> String {
    let scopes = [
        Scope::Link,
        Scope::Activation,
        Scope::Formula(&["d", "p", "n"]),
    ];
    if scopes.iter().any(|scope| parse(text, *scope).is_ok()) {
        formula(text)
    } else {
        text.to_owned()
    }
}

/// The name of a column.
pub(super) fn name(column: &str) -> String {
    symbol(column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_read_as_in_a_paper() {
        for (typed, set) in [
            ("n/d^2", "𝑛/𝑑^{2}"),
            ("n/d^1.5", "𝑛/𝑑^{1.5}"),
            ("n*step_size", "𝑛𝜂"),
            ("n*protocol.step_size/p", "𝑛𝜂/𝑝"),
            ("n/(d*log(d))^(k-1)", "𝑛/(𝑑log(𝑑))^{𝑘−1}"),
            ("2*d^-0.5*3", "2𝑑^{−0.5}·3"),
            ("exponent", "log 𝑛 / log 𝑑"),
        ] {
            assert_eq!(formula(typed), set);
        }
    }

    #[test]
    fn links_are_set_and_words_are_left_alone() {
        assert_eq!(value("z1 + z1*z2"), "𝑧₁ + 𝑧₁𝑧₂");
        assert_eq!(value("He3(z1)"), "He₃(𝑧₁)");
        assert_eq!(value("10*p*d^0.5"), "10𝑝𝑑^{0.5}");
        assert_eq!(value("sphere"), "sphere");
        assert_eq!(value("𝑛 = 4𝑑²"), "𝑛 = 4𝑑²");
        assert_eq!(name("protocol.reuse"), "reuse");
        assert_eq!(name("target.noise"), "noise");
    }
}
