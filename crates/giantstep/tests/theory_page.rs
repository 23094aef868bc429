//! THEORY.md, the code and the list of papers agree: formulas cited exist, tests named exist, papers are the same.
//!
//! Seen to fail on a formula number that is not there, a renamed test, one without `#[test]` or without an assertion, and
//! a paper missing on either side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use giantstep::catalogue;
use giantstep::references::{REFERENCES, find, named_in};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("THEORY.md")).unwrap()
}

/// The numbers of the formulas on the page.
fn formulas(page: &str) -> BTreeSet<u32> {
    page.lines()
        .filter_map(|line| line.strip_prefix("**(")?.split_once(")**")?.0.parse().ok())
        .collect()
}

/// Every text file of the project that may cite the page.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> = ["crates", "docs"].map(|f| root().join(f)).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let known = ["rs", "toml", "md"].map(Some);
            if path.is_dir() {
                folders.push(path);
            } else if known.contains(&path.extension().and_then(|e| e.to_str())) {
                found.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// The numbers that follow each mention of the page: `(2)`, `(9)-(11)`, `(12), (13)`.
fn cited(text: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for mention in text.split("THEORY.md").skip(1) {
        let mut rest = mention;
        while let Some((between, after)) = rest.split_once('(') {
            let joins = between.chars().all(|c| " ,-–toand](".contains(c));
            let Some((number, after)) = after.split_once(')').filter(|_| joins) else {
                break;
            };
            let Ok(number) = number.parse() else { break };
            numbers.push(number);
            rest = after;
        }
    }
    numbers
}

#[test]
fn every_formula_that_is_cited_exists() {
    let known = formulas(&page());
    assert_eq!(
        known.iter().copied().collect::<Vec<_>>(),
        (1..=57)
            .chain(59..=60)
            .chain(62..=70)
            .chain(72..=78)
            .collect::<Vec<_>>()
    );
    let mut all = 0;
    for (path, text) in sources() {
        for number in cited(&text) {
            assert!(
                known.contains(&number),
                "{}: THEORY.md ({number})",
                path.display()
            );
            all += 1;
        }
    }
    assert!(all > 40, "{all}");
}

/// A function of the tests: whether it is run as one, and what it does.
#[derive(Clone)]
struct Function {
    attributes: String,
    body: String,
}

/// The functions of a file by name.
fn functions(code: &str) -> BTreeMap<String, Function> {
    let mut found = BTreeMap::new();
    for (place, _) in code.match_indices("fn ") {
        let name = code[place + 3..].split(['(', '<']).next().unwrap();
        let starts = code[..place].rsplit("\n\n").next().unwrap();
        let Some(open) = code[place..].find('{').map(|open| place + open) else {
            continue;
        };
        let mut depth = 0;
        let end = code[open..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let function = Function {
            attributes: starts.to_owned(),
            body: code[open..open + end.unwrap_or(0)].to_owned(),
        };
        found.entry(name.to_owned()).or_insert(function);
    }
    found
}

/// The free functions that tests share: a method is not what a test calls by its name alone.
fn shared() -> BTreeMap<String, Function> {
    let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common");
    let files = std::fs::read_dir(common).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut all = BTreeMap::new();
    for file in files {
        let code = std::fs::read_to_string(file).unwrap();
        let mut found = functions(&code);
        found.retain(|name, _| {
            let starts = |line: &str| {
                line.trim_start_matches("pub ")
                    .starts_with(&format!("fn {name}"))
            };
            code.lines().any(starts)
        });
        all.extend(found);
    }
    all
}

/// Whether a function asserts anything, itself or through one that it calls.
fn asserts(name: &str, all: &BTreeMap<String, Function>, seen: &mut BTreeSet<String>) -> bool {
    let Some(function) = all.get(name).filter(|_| seen.insert(name.to_owned())) else {
        return false;
    };
    let body = &function.body;
    let calls = |other: &str| body.contains(&format!("{other}("));
    body.contains("assert")
        || all
            .keys()
            .any(|other| calls(other) && asserts(other, all, seen))
}

/// That they would notice a wrong formula is not shown here: what a file was seen to catch stands at its head.
#[test]
fn every_formula_has_tests_that_run_and_assert() {
    let page = page();
    let table = page.split("## Checked by tests").nth(1).unwrap();
    let of = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"))
    };
    let shared = shared();
    let mut rows = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| (")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells[0].trim_matches(['(', ')']).parse().unwrap();
        rows.insert(number);
        let mut tests = 0;
        for part in cells[2].split(';') {
            let (file, names) = part.trim().split_once(": ").unwrap();
            let code = of(file);
            let mut all = shared.clone();
            all.extend(functions(&code));
            for name in names.split(", ").map(|name| name.trim_matches('`')) {
                let test = all.get(name);
                let test = test.unwrap_or_else(|| panic!("({number}): {file} has no {name}"));
                assert!(
                    test.attributes.contains("#[test]") && !test.attributes.contains("#[ignore"),
                    "({number}): {file}: {name} is not run"
                );
                assert!(
                    asserts(name, &all, &mut BTreeSet::new()),
                    "({number}): {file}: {name} asserts nothing"
                );
                tests += 1;
            }
        }
        assert!(tests > 0, "({number})");
    }
    assert_eq!(rows, formulas(&page));
}

#[test]
fn the_page_lists_the_papers_of_the_table() {
    let page = page();
    let list = page
        .split("## References")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    let table: Vec<String> = REFERENCES.iter().map(ToString::to_string).collect();
    assert_eq!(listed, table);
    // No number of a paper anywhere that the table does not know.
    for (path, text) in sources()
        .into_iter()
        .chain([(root().join("THEORY.md"), page.clone())])
    {
        for number in arxiv_numbers(&text) {
            assert!(
                find(&number).is_some(),
                "{}: arXiv {number}",
                path.display()
            );
        }
    }
    for target in catalogue::all() {
        let known = !named_in(target.source).is_empty() || target.source == "Saad and Solla 1995";
        assert!(known, "{}: {}", target.name, target.source);
    }
}

/// Four digits, a point, five digits, as in 2305.18270; only those that can be a year and a month.
fn arxiv_numbers(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words
        .map(|word| word.trim_matches('.'))
        .filter(|word| match word.split_once('.') {
            Some((date, number)) => {
                let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
                let month = date.get(2..4).and_then(|m| m.parse::<u32>().ok());
                date.len() == 4
                    && number.len() == 5
                    && digits(date)
                    && digits(number)
                    && ("07".."30").contains(&date)
                    && month.is_some_and(|m| (1..=12).contains(&m))
            }
            None => false,
        })
        .map(str::to_owned)
        .collect()
}
