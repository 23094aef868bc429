//! How a refusal is worded: in the terms of the file, short, with the place and the name that was meant.
//!
//! Seen to catch: a caret one column off.

use crate::common::refusal::{assert_says, refused};
use crate::common::{TOY, Toy, giantstep, text};

/// Words of the program's own language.
const OWN: [&str; 16] = [
    "usize",
    "u64",
    "u32",
    "i64",
    "f64",
    "struct",
    "variant",
    "enum",
    "tuple",
    "Spec",
    "sequence",
    "invalid type",
    "untagged",
    "field",
    "boolean",
    "map",
];

#[test]
fn messages_speak_of_the_file_and_not_of_the_program() {
    let keys = [
        "name",
        "title",
        "target",
        "target.link",
        "target.r",
        "target.noise",
        "target.directions",
        "network",
        "network.width",
        "network.pairing",
        "protocol",
        "protocol.steps",
        "protocol.batch",
        "protocol.loss",
        "protocol.lookahead",
        "protocol.reuse",
        "readout",
        "readout.ridge",
        "readout.batch",
        "evaluation.metrics",
        "evaluation.test_samples",
        "run",
        "run.seeds",
        "run.threads",
        "run.precision",
        "run.memory_limit",
        "sweep",
        "figure",
        "reference",
        "slope",
        "predictions",
        "largest_batch",
        "quick",
    ];
    let values = [
        "3",
        "-1",
        "1.5",
        "nan",
        "true",
        "\"x\"",
        "[]",
        "[3]",
        "[\"x\"]",
        "[[1]]",
        "{}",
        "[{}]",
        "{ x = 1 }",
        "[{ x = 1 }]",
        "[{ kind = 3 }]",
        "[{ kind = \"curves\" }]",
        "[{ key = 3 }]",
        "[{ key = \"a\", linear = { from = 1, to = 2, count = -1 } }]",
        "{ correlation_until = \"x\" }",
        "{ correlation = 1 }",
        "{ leave_one_out = 3 }",
    ];
    for key in keys {
        let toy = Toy::new(TOY);
        for value in values {
            let set = format!("{key}={value}");
            let output = toy.run(&[&set], &["--explain"]);
            let said = text(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 2)), "{set}: {said}");
            // The values of a key may be words like these.
            let said = said.split("expected one of").next().unwrap_or_default();
            let own = OWN.iter().find(|word| said.contains(**word));
            assert_eq!(own, None, "{set}: {said}");
        }
    }
}

#[test]
fn at_most_two_kilobytes_of_what_was_typed_are_told_again() {
    let long = "z1+".repeat(20_000) + "+*";
    for set in [
        format!("target.link={long}"),
        format!("{long}=3"),
        format!("protocol.loss={long}"),
        long.clone(),
    ] {
        let said = refused(TOY, &[&set]);
        assert!(said.len() < 2100, "{} bytes: {:.300}", said.len(), said);
        assert!(
            said.contains("help:") && said.contains("left out"),
            "{said}"
        );
    }
    let output = giantstep().arg(&long).output().expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.len() < 2100, "{} bytes", output.stderr.len());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    for (wrong, right) in [
        ("protocol.stepsize", "protocol.step_size"),
        ("protocol.dimenson", "protocol.dimension"),
        ("network.widht", "network.width"),
        ("evaluation.tests_samples", "evaluation.test_samples"),
        ("netwrok.width", "network"),
    ] {
        let expected = format!("did you mean `{right}`?");
        let key = wrong
            .split_once('.')
            .filter(|(section, _)| *section == "netwrok");
        let named = format!(
            "unknown key `{}`",
            key.map_or(wrong, |(section, _)| section)
        );
        let set = format!("{wrong}=3");
        assert_says(&refused(TOY, &[&set]), &[&named, &expected]);
        assert_says(&refused(&format!("{TOY}\n{wrong} = 3"), &[]), &[&expected]);
        let sweep = format!("sweep=[{{key=\"{wrong}\",values=[3]}}]");
        assert_says(&refused(TOY, &[&sweep]), &[&named, &expected]);
    }
    assert_says(
        &refused(TOY, &["zzzzzzzz=1"]),
        &["unknown key `zzzzzzzz`", "giantstep schema"],
    );
}

#[test]
fn a_bad_expression_has_a_caret_under_the_place() {
    for (set, place) in [
        ("target.link=z1 + foo(z2)", "foo"),
        ("target.link=z1 + z2 +* z3", "* z3"),
        ("target.link=He2(z1, z2)", "He2"),
        ("network.activation=relu(y)", "y"),
        ("protocol.step_size=2*q", "q"),
    ] {
        let (key, source) = set.split_once('=').expect("a setting");
        let message = refused(TOY, &[set]);
        assert_says(&message, &[&format!("{key} = \"{source}\""), "help:"]);
        let lines: Vec<&str> = message.lines().collect();
        let caret = lines
            .iter()
            .position(|line| line.trim_matches([' ', '|']).starts_with('^'));
        let caret = caret.unwrap_or_else(|| panic!("no caret:\n{message}"));
        let column = lines[caret].find('^').expect("a caret");
        assert!(lines[caret - 1][column..].starts_with(place), "{message}");
    }
}
