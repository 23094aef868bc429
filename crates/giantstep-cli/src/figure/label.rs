//! Mathematical italics: Unicode letters in labels, italic text in the SVG.
//!
//! The letters U+1D434.. are in few fonts, the oblique face of a text font is everywhere. So labels are
//! written with the former, and the finished SVG says the latter.

const CAPITAL: u32 = 0x1d434;
const SMALL: u32 = 0x1d44e;
const GREEK_CAPITAL: u32 = 0x1d6e2;
const GREEK_SMALL: u32 = 0x1d6fc;
const PLANCK: char = 'ℎ'; // Unicode has no other italic h

/// Turns Latin and Greek letters into mathematical italics: `italic("n")` is `"𝑛"`. Other characters stay.
pub fn italic(text: &str) -> String {
    text.chars().map(slanted).collect()
}

fn slanted(letter: char) -> char {
    let shifted = |first: char, base: u32| char::from_u32(base + letter as u32 - first as u32);
    match letter {
        'h' => Some(PLANCK),
        'A'..='Z' => shifted('A', CAPITAL),
        'a'..='z' => shifted('a', SMALL),
        'Α'..='Ω' => shifted('Α', GREEK_CAPITAL),
        'α'..='ω' => shifted('α', GREEK_SMALL),
        _ => None,
    }
    .unwrap_or(letter)
}

fn upright(letter: char) -> Option<char> {
    let code = letter as u32;
    let back = |base: u32, first: char| char::from_u32(code - base + first as u32);
    match code {
        _ if letter == PLANCK => Some('h'),
        CAPITAL..0x1d44e => back(CAPITAL, 'A'),
        SMALL..0x1d468 => back(SMALL, 'a'),
        GREEK_CAPITAL..0x1d6fb => back(GREEK_CAPITAL, 'Α'),
        GREEK_SMALL..0x1d715 => back(GREEK_SMALL, 'α'),
        _ => None,
    }
}

/// Replaces every run of mathematical italics in an SVG document by the upright letters in an italic span.
pub(super) fn set_italics(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len() + 1024);
    let mut inside = false;
    for letter in svg.chars() {
        let plain = upright(letter);
        if plain.is_some() != inside {
            out.push_str(if inside { "</tspan>" } else { "<tspan font-style=\"italic\">" });
            inside = !inside;
        }
        out.push(plain.unwrap_or(letter));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn italics_go_out_and_come_back() {
        let letters = "ABZabhzΑΩαηλσω";
        let slanted = italic(letters);
        assert_eq!(slanted.chars().filter_map(upright).collect::<String>(), letters);
        assert_eq!(italic("1/√2 + ₁"), "1/√2 + ₁");
        assert_eq!(italic("n"), "𝑛");
    }

    #[test]
    fn a_run_of_italics_becomes_one_span() {
        assert_eq!(
            set_italics("<text>log 𝑛𝑑 = 2</text>"),
            "<text>log <tspan font-style=\"italic\">nd</tspan> = 2</text>"
        );
    }
}
