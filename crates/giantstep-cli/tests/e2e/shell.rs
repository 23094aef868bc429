//! Completions and manual pages cover every command and option.

use std::fs::read_to_string;

use crate::common::{giantstep, text};

/// What the program prints.
fn printed(arguments: &[&str]) -> String {
    let output = giantstep().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    text(&output.stdout).to_owned()
}

/// The commands with their long options.
fn commands() -> Vec<(String, Vec<String>)> {
    let help = printed(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    let found: Vec<_> = names
        .filter(|name| *name != "help")
        .map(|name| {
            let help = printed(&[name, "--help"]);
            let words = help.split([' ', '\n', '[', ']', ',']);
            let options = words
                .filter_map(|word| word.strip_prefix("--"))
                // Without the value of an example.
                .filter_map(|word| word.split('=').next())
                .filter(|word| !word.is_empty());
            (name.to_owned(), options.map(str::to_owned).collect())
        })
        .collect();
    assert!(found.len() > 10);
    found
}

#[test]
fn completions_know_every_command_and_option() {
    let commands = commands();
    for (shell, dashes) in [
        ("bash", "--"),
        ("zsh", "--"),
        ("fish", "-l "),
        ("elvish", "--"),
    ] {
        let script = printed(&["completions", shell]);
        for (name, options) in &commands {
            assert!(script.contains(name.as_str()), "{shell}: {name}");
            for option in options {
                assert!(
                    script.contains(&format!("{dashes}{option}")),
                    "{shell}: {name} --{option}"
                );
            }
        }
    }
}

#[test]
fn a_shell_without_completions_is_refused_with_those_that_have_them() {
    let output = giantstep().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("bash") && message.contains("fish"),
        "{message}"
    );
}

#[test]
fn every_command_has_a_manual_page_with_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    printed(&["man", pages.to_str().unwrap()]);
    // Roff writes a hyphen that may be copied as `\-`.
    let page = |name: &str| {
        read_to_string(pages.join(name))
            .unwrap()
            .replace("\\-", "-")
    };
    let front = page("giantstep.1");
    for (name, options) in commands() {
        assert!(front.contains(&format!("giantstep-{name}")), "{name}");
        let page = page(&format!("giantstep-{name}.1"));
        for option in options {
            assert!(page.contains(&format!("--{option}")), "{name} --{option}");
        }
    }
}
