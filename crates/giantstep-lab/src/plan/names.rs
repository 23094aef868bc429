//! Other names of keys: short ones that are accepted, and those of other programs, which are answered.

use toml::{Table, Value};

/// Short names and the keys that they stand for.
const SHORT: [(&str, &str); 11] = [
    ("d", "protocol.dimension"),
    ("n", "protocol.batch"),
    ("T", "protocol.steps"),
    ("eta", "protocol.step_size"),
    ("lr", "protocol.step_size"),
    ("p", "network.width"),
    ("activation", "network.activation"),
    ("link", "target.link"),
    ("noise", "target.noise"),
    ("ridge", "readout.ridge"),
    ("seeds", "run.seeds"),
];

/// What other programs call a key, or what is no key here.
const ELSEWHERE: [(&str, &str); 24] = [
    ("batch", "protocol.batch"),
    ("batch_size", "protocol.batch"),
    ("samples", "protocol.batch"),
    ("n_samples", "protocol.batch"),
    ("learning_rate", "protocol.step_size"),
    ("dim", "protocol.dimension"),
    ("input_dim", "protocol.dimension"),
    ("epochs", "protocol.steps"),
    ("iterations", "protocol.steps"),
    ("hidden", "network.width"),
    ("hidden_size", "network.width"),
    ("neurons", "network.width"),
    ("lambda", "readout.ridge"),
    ("lam", "readout.ridge"),
    ("alpha", "readout.ridge"),
    ("seed", "run.first_seed"),
    ("target", "target.link"),
    ("data", "inputs.file"),
    ("dataset", "inputs.file"),
    ("n_train", "protocol.training_set"),
    ("optimizer", "protocol.update"),
    ("adam", "protocol.update"),
    ("momentum", "protocol.update"),
    ("scheduler", "protocol.step_size"),
];

/// What is not there, by a word in the names of keys that ask for it: the section Scope of the README.
const ABSENT: [(&str, &str); 9] = [
    ("layers", "one hidden layer"),
    ("depth", "one hidden layer"),
    ("dropout", "no dropout"),
    ("batchnorm", "no normalisation of layers"),
    (
        "output_bias",
        "no bias of the output but the intercept of the readout",
    ),
    ("classes", "labels of one number"),
    ("gpu", "no graphics processors"),
    ("cuda", "no graphics processors"),
    ("device", "no graphics processors"),
];

/// What this program does not do and a key of this name asks for.
pub(super) fn absent(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next()?;
    let mut all = ABSENT.iter();
    all.find(|(word, _)| last.contains(word))
        .map(|(_, what)| *what)
}

/// The key that a short name stands for, alone or in its section.
fn key_of(name: &str) -> Option<&'static str> {
    let known = |(short, full): &&(&str, &'static str)| {
        name == *short
            || full.split_once('.').is_some_and(|(section, _)| {
                name.strip_prefix(section) == Some(&format!(".{short}"))
            })
    };
    SHORT.iter().find(known).map(|(_, full)| *full)
}

/// What somebody who writes this name means, by its last part.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next()?;
    let mut all = SHORT.iter().chain(&ELSEWHERE);
    all.find(|(other, _)| *other == last).map(|(_, full)| *full)
}

/// Short names of a file replaced by the keys that they stand for; a name that would set a key twice stays, to be refused.
pub(super) fn expand(table: &mut Table) {
    let mut moved: Vec<(Vec<String>, &'static str)> = Vec::new();
    for (key, value) in table.iter() {
        if let (Some(full), false) = (key_of(key), value.is_table()) {
            moved.push((vec![key.clone()], full));
        }
        for inner in value.as_table().into_iter().flat_map(Table::keys) {
            if let Some(full) = key_of(&format!("{key}.{inner}")) {
                moved.push((vec![key.clone(), inner.clone()], full));
            }
        }
    }
    for (path, key) in moved {
        let Some((section, name)) = key.split_once('.') else {
            continue;
        };
        let there = table.get(section).and_then(Value::as_table);
        if there.is_some_and(|section| section.contains_key(name)) {
            continue;
        }
        let value = match &path[..] {
            [key] => table.remove(key),
            [outer, key] => table
                .get_mut(outer)
                .and_then(Value::as_table_mut)
                .and_then(|outer| outer.remove(key)),
            _ => None,
        };
        let section = table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let (Some(value), Value::Table(section)) = (value, section) {
            section.insert(name.to_owned(), value);
        }
    }
    name_settings(table);
    let figures = table.get_mut("figure").and_then(Value::as_array_mut);
    for figure in figures
        .into_iter()
        .flatten()
        .filter_map(Value::as_table_mut)
    {
        name_kind(figure);
    }
}

/// The key that a dotted name stands for in a file: that of a named number (`let.alpha`), of a short name, or itself.
pub(super) fn full(table: &Table, name: &str) -> String {
    let named = table.get("let").and_then(Value::as_table);
    match named.is_some_and(|known| known.contains_key(name)) {
        true => format!("let.{name}"),
        false => key_of(name).unwrap_or(name).to_owned(),
    }
}

/// What axes and `[quick]` set has its whole key.
fn name_settings(table: &mut Table) {
    let known = table.clone();
    let renamed = |settings: &mut Table| {
        let all = std::mem::take(settings).into_iter();
        *settings = all
            .map(|(key, value)| (full(&known, &key), value))
            .collect();
    };
    let sweeps = table.get_mut("sweep").and_then(Value::as_array_mut);
    for sweep in sweeps.into_iter().flatten().filter_map(Value::as_table_mut) {
        if let Some(Value::String(key)) = sweep.get_mut("key") {
            *key = full(&known, key);
        }
        let points = sweep.get_mut("zip").and_then(Value::as_array_mut);
        let points = points.into_iter().flatten();
        points.filter_map(Value::as_table_mut).for_each(renamed);
    }
    let quick = table.get_mut("quick").and_then(Value::as_table_mut);
    quick.into_iter().for_each(renamed);
}

/// A figure without its kind has the one whose keys it gives.
fn name_kind(figure: &mut Table) {
    if !figure.contains_key("kind") {
        let kind = match (figure.contains_key("value"), figure.contains_key("steps")) {
            (true, _) => "heat",
            (false, true) => "plane",
            (false, false) => "curves",
        };
        figure.insert("kind".to_owned(), kind.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_does_not_do_is_said_where_it_is_asked_for() {
        for (key, what) in [
            ("network.dropout", Some("no dropout")),
            ("layers", Some("one hidden layer")),
            ("network.foo", None),
        ] {
            assert_eq!(absent(key), what);
        }
    }

    #[test]
    fn short_names_stand_for_their_keys_alone_and_in_their_section() {
        for (short, key) in [
            ("d", "protocol.dimension"),
            ("protocol.d", "protocol.dimension"),
            ("network.p", "network.width"),
            ("network.d", "network.d"),
            ("protocol.batch", "protocol.batch"),
        ] {
            assert_eq!(full(&Table::new(), short), key);
        }
        let mut table: Table = "d = 10\n[protocol]\nn = \"2*d\"\nbatch = 5\nlr = 1"
            .parse()
            .unwrap();
        expand(&mut table);
        let mut figures: Table =
            "[[figure]]\nx = 'd'\n[[figure]]\nvalue = 'norm'\n[[figure]]\nsteps = [1]"
                .parse()
                .unwrap();
        expand(&mut figures);
        let kinds = figures["figure"].as_array().unwrap().iter();
        let kinds: Vec<&str> = kinds
            .map(|figure| figure["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["curves", "heat", "plane"]);
        // What is set twice stays to be refused.
        let expected = "[protocol]\nn = \"2*d\"\nbatch = 5\nstep_size = 1\ndimension = 10";
        assert_eq!(table, expected.parse().unwrap());
    }
}
