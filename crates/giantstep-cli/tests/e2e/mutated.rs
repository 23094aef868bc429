//! Damaged texts and bytes are refused or understood, and never a panic: links, experiment files, kept runs.
//!
//! `FUZZ=10000000 cargo test --release -p giantstep-cli -- mutated --nocapture` tries so many of each; 3000 are the default.

use std::path::Path;

use giantstep::batch::{Purpose, Role, Stream};
use giantstep::expr::{Link, Program};
use giantstep_lab::chart::check;
use giantstep_lab::keep::{Checksum, RunId, parse};
use giantstep_lab::plan::{Plan, Scale};

use crate::common::{TOY, Toy};

fn inputs() -> u64 {
    let asked = std::env::var("FUZZ").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(3000)
}

/// A stream of choices.
struct Dice(Stream);

impl Dice {
    /// A whole number below `count`.
    fn below(&mut self, count: usize) -> usize {
        ((self.0.uniform() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// One to six changes: a byte replaced, a piece cut out, doubled, or taken from another input or a list of words.
    fn mutate(&mut self, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let from = self.below(bytes.len() + 1);
            let to = from + self.below((bytes.len() - from).min(12) + 1);
            let piece: Vec<u8> = match self.below(5) {
                0 => vec![self.below(256) as u8],
                1 => Vec::new(),
                2 => bytes[from..to].repeat(2),
                3 if !words.is_empty() => words[self.below(words.len())].into(),
                _ => {
                    let other = &corpus[self.below(corpus.len())];
                    let start = self.below(other.len() + 1);
                    let end = start + self.below((other.len() - start).min(40) + 1);
                    other[start..end].to_vec()
                }
            };
            bytes.splice(from..to, piece);
        }
        bytes
    }
}

/// Hands mutated inputs to `one`; an input that makes it panic is told.
fn each(seed: u64, corpus: &[Vec<u8>], words: &[&str], one: impl Fn(&[u8])) {
    let role = Role::Batch(Purpose::Test);
    let mut dice = Dice(Stream::new(seed, role, 0, 0));
    for number in 0..inputs() {
        let bytes = dice.mutate(corpus, words);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one(&bytes)));
        assert!(
            ended.is_ok(),
            "input {number}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn links_are_read_simplified_differentiated_and_evaluated() {
    let corpus: Vec<Vec<u8>> = giantstep::catalogue::all()
        .iter()
        .map(|target| target.link.into())
        .chain([
            b"max(z1, z1)*z1".to_vec(),
            b"z1*z2*abs(z2-z2)+z1".to_vec(),
            b"1e-300*z1/(1+z1^2) + min(z1,z3)".to_vec(),
            b"relu(z1-0.5)^3 - exp(-z2^2/2)".to_vec(),
        ])
        .collect();
    let words = [
        "relu(",
        "He4(",
        "max(",
        "z64",
        "1e308",
        "1e-320",
        "^",
        "^-1",
        "/0",
        "sqrt(",
        "log(",
        "-",
        "**",
        ",",
        "((",
        "pi",
        "sign(",
        "tanh(",
        "0",
        "99999999999999999999",
        "^99999",
    ];
    each(1, &corpus, &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let Ok(link) = Link::parse(text, None) else {
            return;
        };
        let at: Vec<f64> = (0..link.r()).map(|k| 0.7 - 0.3 * k as f64).collect();
        let simple = link.simplified();
        for expr in [link.expr(), simple.expr()] {
            let _ = expr.to_string();
            Program::new(expr).eval(&at);
            let _ = link.mean();
            for k in 0..link.r().min(2) {
                Program::new(&expr.derivative(k).simplified()).eval(&at);
            }
        }
    });
}

#[test]
fn experiment_files_are_read_or_refused() {
    let mut corpus: Vec<Vec<u8>> = vec![TOY.into()];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../giantstep-lab/experiments");
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|end| end == "toml") {
            corpus.push(std::fs::read(entry.path()).expect("a file"));
        }
    }
    corpus.sort();
    let words = [
        "[[sweep]]\n",
        "[quick]\n",
        "values = [1, 2]\n",
        "nan",
        "inf",
        "-1",
        "1e999",
        "9223372036854775807",
        "\"\"",
        "{}",
        "[]",
        "\nprotocol.batch = ",
        "\nrun.seeds = ",
        "[let]\n",
        "1979-05-27",
        "true",
        "\"d^2\"",
        "=",
        "\n",
        "\u{7f}",
    ];
    each(2, &corpus, &words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        match Plan::read(text, "file.toml", &[], Scale::Full) {
            Ok(plan) => {
                let _ = check(&plan).map_err(|error| error.to_string());
                let _ = plan.document.resolved().is_ok();
            }
            Err(error) => drop(error.to_string()),
        }
    });
}

#[test]
fn kept_runs_are_read_or_refused_even_with_a_right_checksum() {
    let toy = Toy::new(TOY);
    toy.run(&["run.seeds=2"], &[]);
    let mut corpus = Vec::new();
    let mut id = None;
    for entry in std::fs::read_dir(toy.path("out/runs"))
        .expect("a folder")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".run") {
            id = RunId::parse(name);
            let mut bytes = std::fs::read(entry.path()).expect("a file");
            bytes.truncate(bytes.len() - 64);
            corpus.push(bytes);
        }
    }
    let id = id.expect("a run");
    each(3, &corpus, &[], |bytes| {
        let read = |bytes: Vec<u8>| {
            let read = parse(bytes, Path::new("file"), &id, &mut drop);
            drop(read.map_err(|error| error.to_string()));
        };
        read(bytes.to_vec());
        let mut signed = bytes.to_vec();
        signed.extend(Checksum::of(bytes).to_string().as_bytes());
        read(signed);
    });
}
