//! Predictions of experiment files, beside measurements and alone, and the papers they rest on.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{TOY, Toy, experiments, giantstep, json, text};
use giantstep_lab::cite::citations;
use giantstep_lab::compare::{Agreement, compare};
use giantstep_lab::drive::Manner;
use giantstep_lab::keep::Memory;
use giantstep_lab::outlook::{Ask, Predicted};
use giantstep_lab::perform;
use giantstep_lab::plan::{Machine, Plan, Scale, Wanted};
use giantstep_lab::report::rows;
use giantstep_lab::work::{Asked, Session};
use serde_json::Value as Json;

const MACHINE: Machine = Machine { cores: 2, ranks: 1 };

/// The alignment after one step, for two targets that the formula covers.
const ALIGNMENT: &str = r#"
name = "alignment"
target.link = "z1"
network.width = 32
network.pairing = "symmetric"
protocol.dimension = 800
protocol.steps = 1
protocol.batch = "2*d"
protocol.step_size = "3*p"
readout.after = "never"
evaluation.metrics = ["weight_cosine", "norm"]
run.seeds = 12
[[sweep]]
key = "target.link"
values = ["z1", "z1 + z1*z2"]
[[figure]]
kind = "curves"
name = "alignment"
x = "step"
y = "weight_alignment"
by = "target.link"
"#;

#[test]
fn every_experiment_file_is_predicted_without_a_hole() {
    for (name, file) in experiments() {
        // The later steps of six cost time and show nothing new here.
        let table: toml::Table = file.parse().expect("TOML");
        let steps = table["protocol"]["steps"]
            .as_integer()
            .expect("a number")
            .min(2);
        let overrides = [format!("protocol.steps={steps}")];
        let plan = Plan::read(&file, &name, &overrides, Scale::Quick).expect("a plan");
        let asked = Asked::default();
        let session = Session::alone(MACHINE.cores, &asked);
        let predicted = Predicted::of(&plan, Ask::new(Wanted::Quick), &session);
        assert_eq!(predicted.outlooks.len(), plan.points.len(), "{name}");
        for (point, outlook) in plan.points.iter().zip(&predicted.outlooks) {
            let predictions = &outlook.predictions;
            assert!(
                !predictions.present.is_empty() || !predictions.absent.is_empty(),
                "{name}: {:?}",
                point.settings
            );
            for prediction in &predictions.present {
                assert!(prediction.value.is_finite(), "{name}: {prediction:?}");
                assert!(!prediction.regime.is_empty() && prediction.source.contains("THEORY.md"));
            }
            assert!(
                predictions
                    .absent
                    .iter()
                    .all(|absent| !absent.reason.is_empty())
            );
            assert!(
                outlook
                    .floors
                    .iter()
                    .flatten()
                    .all(|floor| floor.value.is_finite() && floor.value >= 0.0)
            );
        }
        let mut outlooks = predicted.outlooks.iter();
        let any = outlooks.any(|outlook| !outlook.predictions.present.is_empty());
        assert_eq!(predicted.foretold.is_empty(), !any, "{name}");
        let papers = citations(&plan, MACHINE, &predicted);
        assert!(
            papers.iter().any(|c| c.reference.key == "2305.18270"),
            "{name}"
        );
    }
}

#[test]
fn theory_stands_in_the_figure_unless_it_is_hidden() {
    let drawn = |text: &str, overrides: &[&str]| {
        let toy = Toy::new(text);
        let output = toy.run(overrides, &["--rows"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            crate::common::text(&output.stderr)
        );
        let figure = std::fs::read_to_string(toy.path("out/alignment.svg")).expect("a figure");
        (
            figure.contains("theory"),
            crate::common::text(&output.stdout).to_owned(),
        )
    };
    let small = ["protocol.dimension=200", "run.seeds=3"];
    let (shown, output) = drawn(ALIGNMENT, &small);
    assert!(
        shown && output.contains("within 3 standard errors"),
        "{output}"
    );
    let (shown, output) = drawn(ALIGNMENT, &[&small[..], &["predictions=none"]].concat());
    assert!(!shown && !output.contains("theory"), "{output}");
    let hidden = format!("{ALIGNMENT}predictions = \"hidden\"\n");
    let (shown, output) = drawn(&hidden, &small);
    assert!(!shown && output.contains("within 3 standard errors"));
}

#[test]
fn a_wrong_prediction_is_seen() {
    let plan = Plan::read(ALIGNMENT, "alignment", &[], Scale::Full).expect("a plan");
    let jobs = plan.jobs(MACHINE).expect("jobs");
    let (keep, asked) = (Memory::default(), Asked::default());
    let session = Session::alone(MACHINE.cores, &asked);
    let all = &mut |rows| rows;
    let report = perform(&jobs, &keep, all, Manner::default(), &session).expect("runs");
    let rows = rows(&report.results.table);
    let mut predicted = Predicted::of(&plan, Ask::new(Wanted::Quick), &session);
    let apart = |predicted: &Predicted| -> Vec<String> {
        compare(predicted, &rows)
            .into_iter()
            .filter(|c| c.agreement == Agreement::Apart)
            .map(|c| format!("{} at step {}", c.row.metric, c.row.step))
            .collect()
    };
    let compared = compare(&predicted, &rows);
    // Two points; at step 0 and 1 norm, alignment, cosines and overlaps of one and two directions, two signs.
    assert_eq!(compared.len(), 2 * (2 + 4) + 2 * (2 + 8));
    assert_eq!(apart(&predicted), Vec::<String>::new());
    let agree = compared
        .iter()
        .filter(|c| c.agreement == Agreement::Agrees)
        .count();
    assert!(agree as f64 > 0.9 * compared.len() as f64, "{agree}");
    let planted = predicted
        .foretold
        .iter_mut()
        .find(|f| {
            f.record.metric == giantstep::metric::Metric::WeightAlignment && f.record.step == 1
        })
        .expect("a prediction");
    planted.prediction.value *= 1.1;
    assert_eq!(apart(&predicted), ["weight_alignment at step 1"]);
}

#[test]
fn predict_writes_the_figures_of_theory_alone() {
    let toy = Toy::new(ALIGNMENT);
    let run = |more: &[&str]| {
        let file = toy.path("toy.toml").display().to_string();
        let out = toy.path("theory").display().to_string();
        let output = giantstep()
            .args([&["predict", &file, "--out", &out], more].concat())
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stderr.is_empty());
        output
    };
    let output = run(&[]);
    let shown = text(&output.stdout);
    assert!(
        shown.contains("weight_alignment") && shown.contains("derived [2]"),
        "{shown}"
    );
    assert!(shown.contains("THEORY.md (20)") && shown.contains("kernels of degree 1"));
    for ending in ["svg", "png"] {
        assert!(toy.path(&format!("theory/alignment.{ending}")).exists());
    }
    let document = json(&run(&["--json", "--set", "target.noise=0.5"]));
    let points = document["predictions"].as_array().expect("points");
    assert_eq!(points.len(), 2);
    for point in points {
        for key in ["value", "regime", "source", "status", "references"] {
            let present = point["present"].as_array().expect("predictions");
            assert!(present.iter().all(|p| !p[key].is_null()), "{key}");
        }
        assert!(
            point["floors"]
                .as_array()
                .is_some_and(|floors| !floors.is_empty())
        );
    }
    // The closed form of the squared cosine: c_1^2 / (c_1^2 + 1/eta~^2 + E sigma'^2 E y^2 / alpha) with y = z1 + noise of variance 1/2.
    let is = |p: &&Json| p["metric"] == "weight_cosine" && p["step"] == 1;
    let aligned = points[0]["present"]
        .as_array()
        .and_then(|all| all.iter().find(is))
        .expect("one");
    let expected = 0.25 / (0.25 + 1.0 / 9.0 + 0.5 * 1.5 / 2.0);
    let cosine = aligned["value"].as_f64().expect("a number");
    assert!((cosine * cosine - expected).abs() < 1e-9);
}

/// A recursion that nobody waits for.
const LONG: &[&str] = &[
    "protocol.steps=100000",
    "protocol.step_size=p/1000",
    "evaluation.record={every=1000}",
    "readout.after=never",
];

fn predict(toy: &Toy, overrides: &[&str], more: &[&str]) -> Command {
    let mut command = giantstep();
    command.arg("predict").arg(toy.path("toy.toml"));
    command.arg("--out").arg(toy.path("theory")).args(more);
    for text in overrides {
        command.args(["--set", text]);
    }
    command
}

#[test]
fn predictions_end_in_their_time_and_say_what_they_left_out() {
    let toy = Toy::new(TOY);
    let start = Instant::now();
    let output = predict(&toy, LONG, &["--timeout", "0.5"])
        .output()
        .expect("a process");
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("the time for predictions was up; it comes from THEORY.md (20)"),
        "{shown}"
    );
    assert!(shown.contains("predict --all") && shown.contains("overlap"));
    let refused = predict(&toy, &[], &["--timeout", "-1"])
        .output()
        .expect("a process");
    assert_eq!(refused.status.code(), Some(2));
}

/// What a command says that is told to stop amid its predictions: printed, and why it failed.
#[cfg(target_os = "linux")]
fn told_to_stop(mut command: Command, signal: &str) -> (String, String) {
    use crate::common::{computes, listens};

    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("a process");
    listens(&child);
    computes(&child, 0.5);
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("an end");
    let said = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(1), "{signal}: {said}");
    (text(&output.stdout).to_owned(), said)
}

/// What is known is told, and no script takes it for all there is.
#[cfg(target_os = "linux")]
#[test]
fn predictions_that_are_told_to_stop_are_printed_and_exit_with_1() {
    for signal in ["-INT", "-TERM"] {
        let toy = Toy::new(TOY);
        let (shown, said) = told_to_stop(predict(&toy, LONG, &["--all"]), signal);
        assert!(
            shown.contains("the time for predictions was up") && shown.contains("interrupted"),
            "{shown}"
        );
        assert!(
            said.contains("what is known by now is printed")
                && said.contains("error: interrupted; what was not known by then is missing"),
            "{signal}: {said}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn papers_whose_search_is_told_to_stop_are_not_all_there_are() {
    let toy = Toy::new(
        r#"
name = "long"
target.link = "z1 + z1*z2"
network.width = 6
protocol = { dimension = 1000, steps = 100000, batch = "4*d", step_size = "p/1000" }
readout.after = "never"
evaluation.record = { every = 1000 }
"#,
    );
    let mut command = giantstep();
    command.arg("cite").arg(toy.path("toy.toml"));
    let (shown, said) = told_to_stop(command, "-INT");
    assert!(shown.contains("arXiv"), "{shown}");
    assert!(
        said.contains("what was not known by then is missing"),
        "{said}"
    );
}

#[test]
fn predictions_are_made_once_and_kept() {
    let toy = Toy::new(TOY);
    let shown = |more: &[&str]| {
        let output = predict(&toy, more, &[]).output().expect("a process");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let kept = || {
        let files = std::fs::read_dir(toy.path("theory/predictions")).expect("a folder");
        files
            .map(|file| file.expect("a file").path())
            .collect::<Vec<_>>()
    };
    let first = shown(&[]);
    assert_eq!((shown(&[]), kept().len()), (first.clone(), 1));
    // What is kept is what is shown; what cannot be read is made again.
    let file = &kept()[0];
    let content = std::fs::read_to_string(file).expect("a file");
    let marked = content.replacen("the initial network", "KEPT", 1);
    assert_ne!(content, marked);
    std::fs::write(file, marked).expect("written");
    assert!(shown(&[]).contains("KEPT"));
    std::fs::write(file, &content[..content.len() / 2]).expect("written");
    assert_eq!(shown(&[]), first);
    // Points that differ in the ridge share one; another setting is another name.
    shown(&[r#"sweep=[{key="readout.ridge",values=[0.1,1.0,10.0]}]"#]);
    assert_eq!(kept().len(), 2);
    shown(&["target.noise=0.2"]);
    assert_eq!(kept().len(), 3);
}

#[test]
fn results_name_what_has_no_prediction_and_why() {
    let toy = Toy::new(TOY);
    let output = toy.run(
        &["protocol.remove_below=2", "network.pairing=symmetric"],
        &["--rows"],
    );
    let shown = text(&output.stdout);
    assert!(
        shown.contains("no prediction of") && shown.contains("estimated on the training batch")
    );
    let document = json(&toy.run(&["network.pairing=symmetric"], &["--json", "--anew"]));
    let absent = document["predictions"][0]["absent"]
        .as_array()
        .expect("a list");
    assert!(absent.iter().any(|a| a["needs"] == "samples"), "{absent:?}");
    assert!(
        document["compared"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    );
}

#[test]
fn citations_follow_the_experiment() {
    let cite = |path: &str, more: &[&str]| {
        let output = giantstep()
            .args([&["cite", path], more].concat())
            .output()
            .expect("a process");
        (
            output.status.code(),
            text(&output.stdout).to_owned(),
            text(&output.stderr).to_owned(),
        )
    };
    let toy = Toy::new(TOY);
    let file = toy.path("toy.toml").display().to_string();
    let (code, plain, _) = cite(&file, &[]);
    assert_eq!(code, Some(0));
    assert!(
        plain.contains("arXiv 2305.18270") && plain.contains("target staircase-2"),
        "{plain}"
    );
    assert!(!plain.contains("2402.03220"), "no batch is used again");
    let (_, bibtex, _) = cite(&file, &["--bibtex"]);
    let papers = plain.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(bibtex.matches("@misc{").count(), papers);
    assert!(bibtex.contains("eprint = {2305.18270}"));
    // A folder of results stands for the experiment that made them.
    toy.run(&["protocol.reuse=2", "protocol.loss=correlation"], &[]);
    let folder = toy.path("out").display().to_string();
    let (_, plain, _) = cite(&folder, &[]);
    assert!(
        plain.contains("2402.03220") && plain.contains("2406.02157"),
        "{plain}"
    );
    let (code, _, error) = cite(&toy.path("nowhere").display().to_string(), &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("nowhere"));
}
