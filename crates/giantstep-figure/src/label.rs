//! Mathematical italics: Unicode letters in labels, italic text in the SVG.
//!
//! The letters U+1D434.. are in few fonts, the oblique face of a text font is everywhere. So labels are
//! written with the former, and the finished SVG says the latter. Exponents without a character of their own are
//! written `^{1.5}`.

/// First and last letter of each alphabet, and the code of its first italic letter.
const ALPHABETS: [(char, char, u32); 4] = [
    ('A', 'Z', 0x1d434),
    ('a', 'z', 0x1d44e),
    ('Α', 'Ω', 0x1d6e2),
    ('α', 'ω', 0x1d6fc),
];
const PLANCK: char = 'ℎ'; // Unicode has no other italic h

/// Turns Latin and Greek letters into mathematical italics: `italic("n")` is `"𝑛"`. Other characters stay.
pub fn italic(text: &str) -> String {
    text.chars().map(slanted).collect()
}

fn slanted(letter: char) -> char {
    if letter == 'h' {
        return PLANCK;
    }
    let found = ALPHABETS
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&letter));
    found
        .and_then(|(first, _, code)| char::from_u32(code + letter as u32 - *first as u32))
        .unwrap_or(letter)
}

fn upright(letter: char) -> Option<char> {
    if letter == PLANCK {
        return Some('h');
    }
    ALPHABETS.iter().find_map(|&(first, last, code)| {
        let place = (letter as u32).checked_sub(code)?;
        char::from_u32(first as u32 + place).filter(|plain| *plain <= last)
    })
}

/// A label for matplotlib: mathematical letters and exponents in its mathematical text, everything else as it is.
pub fn mathtext(label: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut raised) = (false, false);
    let mut letters = label.chars().peekable();
    while let Some(letter) = letters.next() {
        let opens = letter == '^' && letters.peek() == Some(&'{');
        let plain = upright(letter);
        if (plain.is_some() || opens || raised) != inside {
            out.push('$');
            inside = !inside;
        }
        raised = opens || (raised && letter != '}');
        if letter == '$' {
            out.push('\\');
        }
        out.push(plain.unwrap_or(letter));
    }
    if inside {
        out.push('$');
    }
    out
}

/// Sets the mathematics of an SVG document: every run of mathematical italics becomes the upright letters in an
/// italic span, every `^{...}` a raised span.
pub(super) fn set_mathematics(svg: &str) -> String {
    let mut parts = svg.split("^{");
    let mut raised = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (exponent, rest) = part.split_once('}').unwrap_or((part, ""));
        raised += "<tspan baseline-shift=\"super\" font-size=\"75%\">";
        raised += exponent;
        raised += "</tspan>";
        raised += rest;
    }
    let mut out = String::with_capacity(raised.len() + 1024);
    let mut inside = false;
    for letter in raised.chars() {
        let plain = upright(letter);
        if plain.is_some() != inside {
            out.push_str(if inside {
                "</tspan>"
            } else {
                "<tspan font-style=\"italic\">"
            });
            inside = !inside;
        }
        out.push(plain.unwrap_or(letter));
    }
    out
}

/// A document without characters that XML forbids or that change how what follows is shown: in their place stands the
/// replacement character.
pub(super) fn printable(svg: &str) -> String {
    let forbidden = |letter: char| match letter {
        '\n' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => true,
        letter => letter.is_control(),
    };
    svg.replace(forbidden, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn italics_go_out_and_come_back() {
        let letters = "ABZabhzΑΩαηλσω";
        let slanted = italic(letters);
        assert_eq!(
            slanted.chars().filter_map(upright).collect::<String>(),
            letters
        );
        assert_eq!(italic("1/√2 + ₁"), "1/√2 + ₁");
        assert_eq!(italic("n"), "𝑛");
    }

    #[test]
    fn matplotlib_gets_its_own_mathematics() {
        assert_eq!(mathtext("log 𝑛 / log 𝑑"), "log $n$ / log $d$");
        assert_eq!(mathtext("4𝑑^{1.5+𝑘}/𝜂 = 2 $"), "4$d^{1.5+k}$/$η$ = 2 \\$");
        assert_eq!(mathtext("test error"), "test error");
    }

    #[test]
    fn an_exponent_is_raised() {
        assert_eq!(
            set_mathematics("<text>𝑑^{1.5}</text>"),
            "<text><tspan font-style=\"italic\">d</tspan>\
             <tspan baseline-shift=\"super\" font-size=\"75%\">1.5</tspan></text>"
        );
    }

    #[test]
    fn a_run_of_italics_becomes_one_span() {
        assert_eq!(
            set_mathematics("<text>log 𝑛𝑑 = 2</text>"),
            "<text>log <tspan font-style=\"italic\">nd</tspan> = 2</text>"
        );
    }
}
