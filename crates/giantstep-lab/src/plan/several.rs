//! All that is wrong with an experiment file: what is wrong is put right, and the rest is read again.

use toml::{Table, Value};

use super::PlanError;
use crate::remedy::MOST_AT_ONCE;

/// The keys that a file must have, each with two values: an error beside both is not due to them.
fn needed() -> [(&'static str, [Value; 2]); 6] {
    let numbers = |one: i64, other: i64| [one.into(), other.into()];
    [
        ("target.link", ["z1".into(), "z1*z2 + z3".into()]),
        ("network.width", numbers(64, 100)),
        ("protocol.dimension", numbers(1000, 3000)),
        ("protocol.steps", numbers(2, 3)),
        ("protocol.batch", numbers(4000, 9000)),
        ("protocol.step_size", numbers(1, 2)),
    ]
}

/// `first` and what else is wrong with `table`, by what `read` says of it once that is put right.
pub(super) fn all_of(
    first: PlanError,
    table: &Table,
    read: &dyn Fn(Table) -> Option<PlanError>,
) -> PlanError {
    let mut left = [table.clone(), table.clone()];
    let mut mended = Vec::new();
    let mut wrong = keys(&first);
    let mut found = vec![first];
    while !wrong.is_empty() && found.len() < MOST_AT_ONCE {
        for (which, table) in left.iter_mut().enumerate() {
            for key in &wrong {
                mend(table, key, which);
            }
        }
        mended.append(&mut wrong);
        let [one, other] = left.clone().map(read);
        let (Some(one), Some(other)) = (one, other) else {
            break;
        };
        wrong = keys(&one);
        // What follows from an error, or from what stands in for a value, is no error of the file.
        let follows = |key: &String| mended.iter().any(|known| related(key, known));
        if one.to_string() != other.to_string() || wrong.iter().any(follows) {
            break;
        }
        found.push(one);
    }
    match found.len() {
        1 => found.remove(0),
        _ => PlanError::Several(found),
    }
}

/// The keys that an error is about.
fn keys(error: &PlanError) -> Vec<String> {
    match error {
        PlanError::UnknownKeys { unknown } => {
            let meant = unknown.iter().filter_map(|unknown| unknown.meant.clone());
            let meant = meant.filter(|key| needed().iter().any(|(needed, _)| needed == key));
            unknown
                .iter()
                .map(|unknown| unknown.key.clone())
                .chain(meant)
                .collect()
        }
        PlanError::Missing { key } | PlanError::Value { key, .. } => vec![key.clone()],
        PlanError::Spec(error) => vec![error.key.clone()],
        PlanError::Point { source, .. } => {
            let mut wrong = keys(source);
            wrong.push(SWEEP.to_owned());
            wrong
        }
        PlanError::Quick(_) => vec!["quick".to_owned()],
        _ => Vec::new(),
    }
}

/// Whether one of two keys is a section that holds the other, or both are the same.
fn related(one: &str, other: &str) -> bool {
    let (short, long) = match one.len() < other.len() {
        true => (one, other),
        false => (other, one),
    };
    let rest = long.strip_prefix(short);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The axes, which may set what a file must have.
const SWEEP: &str = "sweep";

/// Leaves a key out; what a file must have gets a value that stands in for it.
fn mend(table: &mut Table, key: &str, which: usize) {
    let key = key.split('[').next().unwrap_or(key);
    remove(table, key);
    for (needed, stand_ins) in needed() {
        if key != SWEEP && !related(needed, key) {
            continue;
        }
        let (section, name) = needed.split_once('.').unwrap_or(("", needed));
        let here = table.entry(section).or_insert_with(|| Table::new().into());
        if let Value::Table(here) = here {
            here.entry(name).or_insert_with(|| stand_ins[which].clone());
        }
    }
}

fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                remove(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, PlanError, Scale};

    fn errors(text: &str) -> Vec<String> {
        match Plan::read(text, "file", &[], Scale::Full) {
            Ok(_) => Vec::new(),
            Err(PlanError::Several(all)) => all.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    fn told(text: &str, beginnings: &[&str]) {
        let found = errors(text);
        assert_eq!(found.len(), beginnings.len(), "{found:#?}");
        for (error, beginning) in found.iter().zip(beginnings) {
            assert!(error.starts_with(beginning), "{error}");
        }
    }

    const SOUND: &str = r#"
        link = "z1 + z1*z2"
        p = 8
        [protocol]
        dimension = 100
        steps = 2
        batch = "4*d"
        step_size = "p"
    "#;

    #[test]
    fn errors_of_all_kinds_come_together() {
        told(SOUND, &[]);
        told(
            &SOUND
                .replace("z1*z2", "thanh(z2)")
                .replace("100", "\"1O0\"")
                .replace("\"p\"", "\"q\"")
                .replace("steps = 2", "stepz = 2\nrate = 3\nupdate = \"adamm\""),
            &[
                "unknown key `protocol.rate`",
                "protocol.update: ",
                "protocol.dimension = \"1O0\": ",
                "target.link = \"z1 + thanh(z2)\": ",
                "protocol.step_size = \"q\": ",
            ],
        );
    }

    #[test]
    fn all_that_is_missing_is_told_once() {
        let sections = ["the section [network]", "the section [protocol]"];
        told("", &[sections[0], sections[1], "target.link = absent: "]);
        told(
            "link = \"z1\"\np = 4\n[protocol]\nd = 100\neta = 1",
            &["protocol.steps is missing", "protocol.batch is missing"],
        );
    }

    #[test]
    fn what_follows_from_an_error_is_not_told() {
        // Overlaps for 8 neurons, of which 4 are drawn, with a width that is none.
        let start = "[network]\nfirst_layer = \"sphere\"\nstart = { overlap = [[0.1, 0.1], [0.2, 0.1]] }\nwidth = \"x\"";
        told(
            &SOUND
                .replace("p = 8\n", "")
                .replace("[protocol]", &format!("{start}\n[protocol]")),
            &["network.width = \"x\": "],
        );
        // Two directions that do not fit into a dimension that is none.
        told(
            &SOUND.replace("100", "\"y\""),
            &["protocol.dimension = \"y\": "],
        );
    }

    #[test]
    fn errors_of_a_sweep_and_of_figures_come_with_the_others() {
        let sweep = "[[sweep]]\nkey = \"protocol.noize\"\nvalues = [1]\n[[figure]]\nx = 3";
        told(
            &format!("{}\n{sweep}", SOUND.replace("100", "-100")),
            &["figure[0]: ", "at the point", "protocol.dimension = -100: "],
        );
    }
}
