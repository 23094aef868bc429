//! Mathematical italics: Unicode letters in labels, italic text in the SVG.
//!
//! The letters U+1D434.. are in few fonts, the oblique face of a text font is everywhere. So labels are
//! written with the former, and the finished SVG says the latter.

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

/// Replaces every run of mathematical italics in an SVG document by the upright letters in an italic span.
pub(super) fn set_italics(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len() + 1024);
    let mut inside = false;
    for letter in svg.chars() {
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
    fn a_run_of_italics_becomes_one_span() {
        assert_eq!(
            set_italics("<text>log 𝑛𝑑 = 2</text>"),
            "<text>log <tspan font-style=\"italic\">nd</tspan> = 2</text>"
        );
    }
}
