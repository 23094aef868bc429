//! What README.md, CONTRIBUTING.md and docs/ show of the command line is what the program does.
//!
//! - A block with lines `$ COMMAND` is a transcript. Its commands are run, and print what stands below them; times and memory
//!   and the last digits of fractions aside, and a line `...` stands for any lines.
//! - The commands of a block ```` ```sh ```` are run and succeed.
//! - A block ```` ```toml ```` that begins with `name = "NAME"` is the file NAME.toml.
//! - Above a block, `<!-- slow: WHY -->` keeps it for `SLOW=1`, `<!-- not run: WHY -->` for the reader.
//!
//! The blocks of a page are one session in one folder. `UPDATE=1 cargo test --release -p giantstep-cli pages_show`
//! writes what differs into the pages, with `SLOW=1` also into the slow blocks.
//!
//! Seen to catch: a changed number, a missing and an additional line, a command that fails.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{program, text};

/// A folder in which the commands of a page are run.
struct Session {
    folder: tempfile::TempDir,
    path: OsString,
}

impl Session {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = folder.path().join(".bin");
        fs::create_dir(&programs).expect("a folder");
        symlink(program(), programs.join("giantstep")).expect("a link");
        let mut path = programs.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Self { folder, path }
    }

    /// What a command prints, errors included, and whether it succeeds.
    fn run(&self, command: &str) -> (Vec<String>, bool) {
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(self.folder.path())
            .env("PATH", &self.path)
            .output()
            .expect("a shell");
        let lines = text(&output.stdout)
            .lines()
            .map(|line| line.trim_end().to_owned());
        (lines.collect(), output.status.success())
    }
}

/// A line without what differs from run to run: times and memory, and the blanks that they move.
fn settled(line: &str) -> String {
    const UNITS: [&str; 8] = ["ms", "s", "min", "h", "kB", "MB", "GB", "µs"];
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_unit = |word: &str| UNITS.contains(&word.trim_end_matches([',', '.', ';', ')']));
    let measured = |i: usize| {
        let number = words[i].trim_start_matches('(').replace(',', "");
        number.parse::<f64>().is_ok() && words.get(i + 1).is_some_and(|next| is_unit(next))
    };
    let mut kept = Vec::new();
    let mut i = 0;
    while i < words.len() {
        let varies = measured(i);
        if !varies {
            kept.push(words[i]);
        } else if kept.last() != Some(&"_") {
            kept.push("_");
        }
        i += if varies { 2 } else { 1 };
    }
    match kept.contains(&"_") {
        true => kept.join(" "),
        false => line.to_owned(),
    }
}

/// Whether two words are one number: fractions differ in their last digit from processor to processor.
fn near(a: &str, b: &str) -> bool {
    let places = |word: &str| word.split_once('.').map_or(0, |(_, digits)| digits.len());
    let places = places(a).max(places(b)) as i32;
    let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) else {
        return false;
    };
    let last = if a.contains('e') {
        0.0
    } else {
        1.01 * 0.1_f64.powi(places)
    };
    places > 0 && (x - y).abs() <= last.max(2e-3 * x.abs())
}

/// Lines agree if they are equal when settled, or but for fractions that are near; then blanks may differ too.
fn agree(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (settled(shown), settled(printed));
    let [a, b] = [&shown, &printed].map(|line| line.split_whitespace().collect::<Vec<_>>());
    let close = || a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || near(a, b));
    shown == printed || (a != b && close())
}

fn same(shown: &[String], printed: &[String]) -> bool {
    let agree = |(a, b): (&String, &String)| agree(a, b);
    match shown.iter().position(|line| line == "...") {
        None => shown.len() == printed.len() && shown.iter().zip(printed).all(agree),
        Some(head) => {
            let tail = shown.len() - head - 1;
            printed.len() >= head + tail
                && shown[..head].iter().zip(printed).all(agree)
                && shown
                    .iter()
                    .rev()
                    .zip(printed.iter().rev())
                    .take(tail)
                    .all(agree)
        }
    }
}

/// What is to be shown of an output, with as many lines around `...` as before.
fn shortened(shown: &[String], printed: Vec<String>) -> Vec<String> {
    match shown.iter().position(|line| line == "...") {
        Some(head) if printed.len() >= shown.len() => {
            let tail = printed.len() - (shown.len() - head - 1);
            let dots = ["...".to_owned()];
            [&printed[..head], &dots, &printed[tail..]].concat()
        }
        _ => printed,
    }
}

/// The transcript as it should be; each difference is told.
fn transcript(lines: &[String], session: &Session, differences: &mut Vec<String>) -> Vec<String> {
    let mut settled = Vec::new();
    let mut rest = lines;
    while let Some((first, after)) = rest.split_first() {
        let Some(command) = first.strip_prefix("$ ") else {
            unreachable!("a transcript begins with a command")
        };
        let end = after.iter().position(|line| line.starts_with("$ "));
        let (mut shown, next) = after.split_at(end.unwrap_or(after.len()));
        rest = next;
        // A blank line between two commands is not output.
        let blank = end.is_some() && shown.last().is_some_and(String::is_empty);
        if blank {
            shown = &shown[..shown.len() - 1];
        }
        settled.push(first.clone());
        let (printed, _) = session.run(command);
        if same(shown, &printed) {
            settled.extend_from_slice(shown);
        } else {
            differences.push(format!("$ {command}\n{}", printed.join("\n")));
            settled.extend(shortened(shown, printed));
        }
        if blank {
            settled.push(String::new());
        }
    }
    settled
}

/// The page as it should be.
fn checked(page: &str, differences: &mut Vec<String>) -> String {
    let session = Session::new();
    let slow = std::env::var_os("SLOW").is_some();
    let mut done: Vec<String> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let above = done
            .iter()
            .rev()
            .find(|line| !line.is_empty())
            .cloned()
            .unwrap_or_default();
        done.push(line.to_owned());
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<String> = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(str::to_owned)
            .collect();
        let first = block.first().map_or("", String::as_str);
        let left_out =
            above.starts_with("<!-- not run: ") || (above.starts_with("<!-- slow: ") && !slow);
        let name = first
            .strip_prefix("name = \"")
            .and_then(|rest| rest.strip_suffix('"'));
        match (language, name) {
            ("toml", Some(name)) => {
                let file = session.folder.path().join(format!("{name}.toml"));
                fs::write(file, block.join("\n")).expect("a file");
                done.extend(block);
            }
            _ if left_out => done.extend(block),
            ("sh", _) => {
                let (printed, success) = session.run(&format!("set -e\n{}", block.join("\n")));
                if !success {
                    differences.push(format!("{}\n{}", block.join("\n"), printed.join("\n")));
                }
                done.extend(block);
            }
            _ if first.starts_with("$ ") => done.extend(transcript(&block, &session, differences)),
            _ => done.extend(block),
        }
        done.push("```".to_owned());
    }
    done.join("\n") + "\n"
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages: Vec<_> = fs::read_dir(root.join("docs"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    pages.sort();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    pages
}

#[test]
fn pages_show_what_the_program_does() {
    let mut differences = Vec::new();
    for path in pages() {
        let page = fs::read_to_string(&path).expect("a page");
        let mut found = Vec::new();
        let right = checked(&page, &mut found);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, right).expect("a page");
        }
        differences.extend(
            found
                .iter()
                .map(|text| format!("{}\n{text}", path.display())),
        );
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn a_page_is_held_against_what_is_printed() {
    let page = |output: &str| format!("```\n$ printf 'a\\nb\\nc in 3 ms\\n'\n{output}```\n");
    for right in [
        "a\nb\nc in 3 ms\n",
        "a\nb\nc in 1 min 17 s\n",
        "...\nc in 8 s\n",
        "a\n...\n",
    ] {
        let mut differences = Vec::new();
        assert_eq!(checked(&page(right), &mut differences), page(right));
        assert!(differences.is_empty(), "{differences:?}");
    }
    for (wrong, mended) in [
        ("a\nx\nc in 3 ms\n", "a\nb\nc in 3 ms\n"),
        ("a\nb\n", "a\nb\nc in 3 ms\n"),
        ("", "a\nb\nc in 3 ms\n"),
        ("x\n...\n", "a\n...\n"),
    ] {
        let mut differences = Vec::new();
        assert_eq!(checked(&page(wrong), &mut differences), page(mended));
        assert_eq!(differences.len(), 1);
    }
    for (shown, printed, right) in [
        ("z1  0.001769", "z1 0.001768", true),
        ("z1 -0.5", "z1 -0.4", true),
        ("z1  1.234", "z1  1.244", false),
        ("z1  3", "z1  4", false),
        ("z1  3", "z1 3", false),
        ("-0.5", "0.5", false),
    ] {
        assert_eq!(agree(shown, printed), right, "{shown} | {printed}");
    }
    let mut differences = Vec::new();
    checked("```sh\nfalse\n```\n", &mut differences);
    assert_eq!(differences.len(), 1);
    let page = "<!-- not run: an example -->\n```sh\nfalse\n```\n";
    differences.clear();
    assert_eq!(checked(page, &mut differences), page);
    assert!(differences.is_empty());
}
