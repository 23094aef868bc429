//! `giantstep analyze`: what people read, what programs read, what is drawn, what is refused.

use std::process::Output;

use crate::common::giantstep;
use serde_json::{Value, json};

fn analyze(arguments: &[&str]) -> Output {
    giantstep().arg("analyze").args(arguments).output().unwrap()
}

/// What is printed on success.
fn printed(arguments: &[&str]) -> String {
    let output = analyze(arguments);
    assert!(
        output.status.success(),
        "{}",
        crate::common::text(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(arguments: &[&str]) -> Value {
    let text = printed(&[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap()
}

/// The message of a refusal.
fn refused(arguments: &[&str]) -> String {
    let output = analyze(arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// Each line with its runs of blanks as one.
fn squeezed(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_keys_of_the_document_are_stable() {
    let report = json_of(&["z1 + z2 + z1*z2"]);
    assert_eq!(report["variance"], 3.0);
    assert_eq!(report["leap"]["one_step"], 1);
    assert_eq!(report["leap"]["isotropic"], 2);
    assert_eq!(report["leap"]["coordinate"], 1);
    assert_eq!(report["status"], "exact");
    assert_eq!(report["tolerance"], 0.0);
    for (kind, count) in [("fresh", 3), ("reused", 2)] {
        let staircases = report["staircase"][kind].as_array().unwrap();
        assert_eq!(staircases.len(), count);
        for staircase in staircases {
            assert!(staircase["batch_exponent"].is_u64());
            let (dims, bases) = (&staircase["dims"], &staircase["bases"]);
            for (dimension, basis) in dims
                .as_array()
                .unwrap()
                .iter()
                .zip(bases.as_array().unwrap())
            {
                let basis = basis.as_array().unwrap();
                assert_eq!(dimension.as_u64(), Some(basis.len() as u64));
                assert!(basis.iter().all(|v| v.as_array().unwrap().len() == 2));
            }
        }
    }
    assert_eq!(report["staircase"]["fresh"][0]["dims"], json!([1, 1, 1]));
    assert_eq!(report["staircase"]["fresh"][1]["dims"], json!([1, 2, 2]));
    assert_eq!(
        report["floors"]["bounded_width"],
        json!([3.0, 0.5, 0.5, 0.5])
    );
    assert_eq!(report["kernel_floors"][0], 1.0);
    assert_eq!(report["kernel_floors"][1], 0.0);
    assert!(report.get("tensors").is_none(), "only on request");
}

#[test]
fn the_text_names_the_leaps_and_the_staircase() {
    let text = printed(&["z1 + z2 + z1*z2"]);
    let lines = squeezed(&text);
    for expected in [
        "decided exact",
        "leap one step 1, isotropic 2, in these coordinates 1",
        "fresh, n ~ d step 1 ▄ (z1 + z2)/sqrt 2",
        "fresh, n ~ d^2, d^3 step 1 ▄ (z1 + z2)/sqrt 2",
        "step 2 █ (z1 - z2)/sqrt 2",
        "bounded width, n ~ d 3 0.5 0.5 0.5",
        "(z1 - z2)/sqrt 2 never step 2 d^2 d log d d^2",
        "One fresh step at n ~ d: (z1 + z2)/sqrt 2. (z1 - z2)/sqrt 2 in step 2 at n ~ d^2.",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{text}"
        );
    }
    assert!(
        text.lines()
            .all(|line| line.chars().count() <= 110 && line.trim_end() == line)
    );
}

#[test]
fn a_constant_has_null_leaps() {
    let report = json_of(&["2", "--r", "2"]);
    for leap in ["one_step", "isotropic", "coordinate"] {
        assert!(report["leap"][leap].is_null(), "{leap}");
    }
    assert_eq!(report["staircase"]["fresh"][0]["dims"], json!([0, 0, 0]));
    let text = printed(&["2", "--r", "2"]);
    assert!(
        text.contains("one step none, isotropic none, in these coordinates none"),
        "{text}"
    );
    // Nothing at n ~ d, and no threshold where there is a direction of order one.
    assert!(json_of(&["relu(z1)"])["weak_recovery"].is_null());
}

#[test]
fn tensors_come_on_request() {
    let report = json_of(&["z1 + He2(z1)*z2", "--tensors", "3"]);
    let expected = json!([
        {"order": 1, "entries": [{"index": [1], "value": 1.0}]},
        {"order": 2, "entries": []},
        {"order": 3, "entries": [{"index": [1, 1, 2], "value": 2.0}]},
    ]);
    assert_eq!(report["tensors"], expected);
    let lines = squeezed(&printed(&["z1 + He2(z1)*z2", "--tensors", "3"]));
    for expected in ["order 1 [1] = 1", "order 2 0", "order 3 [1,1,2] = 2"] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected} in {lines:#?}"
        );
    }
}

#[test]
fn the_catalogue_is_listed_and_its_names_are_accepted() {
    let list = printed(&["--list"]);
    assert!(list.lines().count() > 20, "{list}");
    assert!(list.lines().any(|line| line.starts_with("staircase-3 ")));
    let named = json_of(&["staircase-3"]);
    assert_eq!(named, json_of(&["z1 + z1*z2 + z1*z2*z3"]));
}

#[test]
fn a_warning_tells_what_the_activation_cannot_see() {
    let text = printed(&["He3(z1)"]);
    assert!(text.contains("c_3 = 0"), "{text}");
    let text = printed(&["He3(z1)", "--activation", "tanh(x)"]);
    assert!(!text.contains("c_3 = 0"), "{text}");
}

#[test]
fn figures_are_written_as_svg_and_png() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new");
    let text = printed(&["z1 + z1*z2 + z1*z2*z3", "--out", out.to_str().unwrap()]);
    for file in ["staircase.svg", "staircase.png"] {
        assert!(text.contains(file), "{text}");
        assert!(out.join(file).metadata().unwrap().len() > 5000, "{file}");
    }
    let svg = std::fs::read_to_string(out.join("staircase.svg")).unwrap();
    assert!(svg.contains("directions learnt") && !svg.contains("NaN"));
}

#[test]
fn errors_point_at_their_place() {
    let message = refused(&["z1 + * z2"]);
    let lines: Vec<&str> = message.lines().collect();
    let shown = lines
        .iter()
        .position(|line| line.trim() == "z1 + * z2")
        .unwrap();
    let caret = lines[shown + 1].find('^').unwrap();
    assert_eq!(&lines[shown][caret..=caret], "*", "{message}");
    assert_eq!(lines[shown + 1].trim(), "^", "{message}");
    let message = refused(&["z1", "--activation", "rleu(x)"]);
    assert!(
        message.contains("--activation") && message.contains('^'),
        "{message}"
    );
    assert!(message.contains("relu"), "{message}");
    refused(&[]);
    refused(&["z1", "--tensors", "0"]);
    assert!(refused(&["z9"]).contains("at most 8 directions"));
    assert!(refused(&["exp(z1^2)"]).contains("not finite"));
}

#[test]
fn every_name_that_is_printed_is_in_the_glossary() {
    let glossary = giantstep::analysis::GLOSSARY.map(|(name, _)| name);
    assert_eq!(printed(&["--glossary"]).matches("THEORY.md").count(), 1);
    for link in [
        "z1 + z1*z2 + z1*z2*z3",
        "sign(z1*z2)",
        "tanh(z1 + He3(z2))",
        "He3(z1)",
    ] {
        let text = printed(&[link]);
        let mut blocks = text.split("\n\n").skip(1);
        // The table of verdicts: its header.
        let header = blocks.next().unwrap().lines().next().unwrap();
        for name in header.split("  ").map(str::trim).filter(|n| !n.is_empty()) {
            assert!(glossary.contains(&name), "{name}");
        }
        for line in blocks.flat_map(str::lines) {
            let inner = ["  neurons", "  of features"]
                .iter()
                .any(|i| line.starts_with(i));
            let title = line.starts_with("what each") || line.starts_with("floors of");
            if line.starts_with(' ') && !inner || title {
                continue;
            }
            let name = line.trim_start();
            assert!(
                glossary.iter().any(|g| name.starts_with(g)),
                "{link}: {line}"
            );
        }
    }
}
