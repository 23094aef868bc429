//! What a deserialiser says of a wrong value, in the words of an experiment file.

/// The names of types and of their kinds, as the deserialiser writes them, and what people call them. In order: longer
/// ones first.
const WORDS: [(&str, &str); 31] = [
    ("invalid type: ", ""),
    ("invalid value: ", ""),
    ("unknown variant ", "unknown value "),
    ("unknown field ", "unknown key "),
    ("missing field ", "missing key "),
    ("duplicate field ", "twice the key "),
    ("there are no variants", "there is none"),
    ("a sequence", "a list in [ ]"),
    ("expected sequence", "expected a list in [ ]"),
    ("sequence", "list"),
    ("a map with a single key", "one key = value in { }"),
    (
        "wanted string or table",
        "expected a name in quotes, or a table in { }",
    ),
    ("string or map", "a name in quotes, or a table in { }"),
    ("expected map", "expected a table of keys"),
    ("map", "a table of keys"),
    (
        "unit variant, expected string only",
        "expected one key = value in { }",
    ),
    (
        "unit variant, expected newtype variant",
        "a name in quotes, expected { name = value }, or { name = {} } where all has defaults",
    ),
    ("unit variant", "a name in quotes"),
    ("newtype variant", "a table in { }"),
    ("struct variant", "a table in { }"),
    ("tuple variant", "a list in [ ]"),
    ("a tuple of size", "a list of length"),
    ("floating point", "the number"),
    ("integer `", "the number `"),
    ("boolean `", "the value `"),
    ("usize", "a whole number from 0 on"),
    ("u64", "a whole number from 0 on"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("a string", "text in quotes"),
];

/// Kinds of types, each with the name that follows it.
const TYPES: [&str; 5] = [
    "internally tagged enum ",
    "untagged enum ",
    "struct ",
    "enum ",
    "variant ",
];

/// The message without words of the program's own language.
pub(crate) fn plain(message: &str) -> String {
    // The place is told by the key.
    let lines = message.trim().lines();
    let lines = lines.filter(|line| !line.starts_with("in `"));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    // What was typed stays as it is.
    let typed = text.find('`').and_then(|from| {
        let to = from + 1 + text[from + 1..].find('`')?;
        Some(text[from + 1..to].to_owned())
    });
    if let Some(typed) = typed.filter(|typed| !typed.is_empty()) {
        text = text.replacen(&format!("`{typed}`"), "`\u{0}`", 1);
        return worded(&text).replacen('\u{0}', &short(typed), 1);
    }
    worded(&text)
}

/// A number of hundreds of digits as people write it.
fn short(typed: String) -> String {
    match typed.parse::<f64>() {
        Ok(number) if typed.len() > 24 => format!("{number:e}"),
        _ => typed,
    }
}

fn worded(text: &str) -> String {
    let mut text = text.to_owned();
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    for kind in TYPES {
        // `unknown variant` is followed by what was typed, not by a name.
        while let Some(start) = text
            .match_indices(kind)
            .map(|(start, _)| start)
            .find(|start| {
                let name = &text[start + kind.len()..];
                name.starts_with(of_name)
            })
        {
            let name = &text[start + kind.len()..];
            let end = name.find(|c: char| !of_name(c)).unwrap_or(name.len());
            text.replace_range(start..start + kind.len() + end, "a table of keys");
        }
    }
    for (from, to) in WORDS {
        text = text.replace(from, to);
    }
    text
}
