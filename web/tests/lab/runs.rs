//! Runs: the numbers of the command line, told step by step, bounded, and stopped when that is asked for.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use giantstep_lab::keep::Trainers;
use giantstep_lab::{
    Asked, Event, Manner, Memory, Observer, Plan, Scale, Session, document, perform, table,
};
use giantstep_web::Limits;
use serde_json::{Value as Json, json};

use crate::{Browser, LONG, MACHINE, TOY, block};

async fn begun(browser: &Browser, file: &str) -> u64 {
    let answer = browser.post("/api/runs", &json!({ "file": file })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["run"].as_u64().unwrap()
}

/// The state of a run when it has this name, or another after five minutes.
async fn at(browser: &Browser, run: u64, stage: &str) -> Json {
    let start = Instant::now();
    loop {
        let told = browser.get(&format!("/api/runs/{run}")).await.json();
        if told["stage"] == stage || start.elapsed() > Duration::from_secs(300) {
            assert_eq!(told["stage"], stage);
            return told;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An experiment whose end nobody sees.
fn endless() -> String {
    LONG.replace("4000000", "4000000000")
}

/// Everything that is told of a run: number, name and data of each event.
async fn events(
    browser: &Browser,
    run: u64,
    after: &[(&str, &str)],
) -> Vec<(Option<u64>, String, Json)> {
    let path = format!("/api/runs/{run}/events");
    let answer = browser
        .send(browser.request(Method::GET, &path, Body::empty(), after))
        .await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let blocks = answer
        .text()
        .split("\n\n")
        .filter(|block| block.contains("data:"));
    let event = |block: &str| {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim_start_matches(':').trim().to_owned())
        };
        let data = serde_json::from_str(&field("data").unwrap()).unwrap();
        (
            field("id").map(|id| id.parse().unwrap()),
            field("event").unwrap(),
            data,
        )
    };
    blocks.map(event).collect()
}

/// Keeps what is told of each step.
#[derive(Default)]
struct Heard(Mutex<Vec<Json>>);

impl Observer for Heard {
    fn event(&self, event: Event<'_>) {
        if let Event::Step {
            job,
            step,
            measurements,
        } = event
        {
            self.0
                .lock()
                .unwrap()
                .push(document::step(job, step, measurements));
        }
    }
}

/// Without the time, which differs.
fn timeless(mut document: Json) -> Json {
    document["seconds"] = Json::Null;
    document
}

#[test]
fn a_run_has_the_numbers_of_the_command_line() {
    block(async {
        let browser = Browser::new();
        // How many predictions there is time for depends on the machine.
        let file = format!("predictions = \"none\"\n{TOY}");
        let run = begun(&browser, &file).await;
        let told = at(&browser, run, "done").await;

        let plan = Plan::read(&file, "toy", &[], Scale::Full).unwrap();
        let jobs = plan.jobs(MACHINE).unwrap();
        let (asked, heard) = (Asked::default(), Heard::default());
        let session = Session {
            observer: &heard,
            ..Session::alone(MACHINE.cores, &asked)
        };
        let (keep, all) = (Memory::default(), &mut |rows| rows);
        let report = perform(&jobs, &keep, all, Manner::default(), &session).unwrap();
        assert_eq!(
            timeless(told["document"].clone()),
            timeless(report.json(&[]).unwrap())
        );

        let mut steps: Vec<Json> = events(&browser, run, &[])
            .await
            .into_iter()
            .filter(|(_, name, _)| name == "step")
            .map(|(.., data)| data)
            .collect();
        let mut expected = heard.0.into_inner().unwrap();
        let order = |one: &Json| (one["seed"].as_u64(), one["step"].as_u64());
        steps.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(steps.len(), 9, "three seeds, two steps and the start");
        assert_eq!(steps, expected);

        let parquet = browser
            .get(&format!("/api/runs/{run}/results.parquet"))
            .await;
        assert_eq!(parquet.body, table::encode(&report.results.table).unwrap());
        let csv = browser.get(&format!("/api/runs/{run}/results.csv")).await;
        assert_eq!(
            csv.text().lines().count(),
            1 + report.results.table.records.len()
        );
        assert!(
            csv.headers["content-disposition"]
                .to_str()
                .unwrap()
                .contains("results.csv")
        );
        let figures = browser
            .get(&format!("/api/runs/{run}/figures"))
            .await
            .json();
        assert!(
            figures
                .as_array()
                .unwrap()
                .iter()
                .all(|one| one["svg"].as_str().is_some_and(|svg| svg.contains("<svg")))
        );
        assert!(!figures.as_array().unwrap().is_empty());
    });
}

/// What a run tells: steps by their numbers, and rows in between.
#[derive(Debug, PartialEq)]
enum Told {
    Step(u32),
    Rows,
}

#[derive(Default)]
struct Order(Mutex<Vec<Told>>);

impl Observer for Order {
    fn event(&self, event: Event<'_>) {
        let told = match event {
            Event::Step { step, .. } => Told::Step(step),
            Event::Done { .. } => Told::Rows,
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}

/// The table of a file, and whether steps were told before any row was touched.
fn worked_off(file: &str, keep: &Memory) -> (Vec<u8>, bool) {
    let plan = Plan::read(file, "toy", &[], Scale::Full).unwrap();
    let jobs = plan.jobs(MACHINE).unwrap();
    let (asked, order) = (Asked::default(), Order::default());
    let session = Session {
        observer: &order,
        ..Session::alone(MACHINE.cores, &asked)
    };
    let all = &mut |rows| rows;
    let report = perform(&jobs, keep, all, Manner::default(), &session).unwrap();
    let results = report.results;
    assert_eq!(results.completed, results.planned);
    let order = order.0.into_inner().unwrap();
    let place = |told| order.iter().position(|one| *one == told);
    let known = place(Told::Step(2)).unwrap() < place(Told::Rows).unwrap();
    (table::encode(&results.table).unwrap(), known)
}

#[test]
fn a_longer_run_goes_on_from_a_shorter_one_with_the_numbers_of_its_own() {
    let of = |steps: u32, more: &str| {
        let file = TOY.replace("steps = 2", &format!("steps = {steps}"));
        format!("{more}\n{}", file.replace("seeds = 3", "seeds = 1"))
    };
    for (more, goes_on) in [
        ("", true),
        ("protocol.reuse = 12", true),
        ("run.engine = \"in_law\"", true),
        // What is recorded of the last step alone cannot be had of a step that was not the last.
        ("readout.after = \"last\"", false),
        ("evaluation.record = \"last\"", false),
    ] {
        let trainers = Arc::new(Trainers::up_to(1e9));
        let run = |steps| worked_off(&of(steps, more), &Memory::with(trainers.clone()));
        run(2);
        for steps in [3, 5] {
            let (table, known) = run(steps);
            let (alone, _) = worked_off(&of(steps, more), &Memory::default());
            assert_eq!(table, alone, "{more}, {steps} steps");
            let hears_all = !more.contains("record");
            assert_eq!(known, goes_on && hears_all, "{more}, {steps} steps");
        }
        // A run of another kind begins anew.
        let (_, known) = worked_off(
            &of(5, more).replace("noise = 0.1", "noise = 0.2"),
            &Memory::with(trainers.clone()),
        );
        assert!(!known, "{more}");
    }
    let trainers = Arc::new(Trainers::up_to(1.0));
    let run = |steps| worked_off(&of(steps, ""), &Memory::with(trainers.clone()));
    run(2);
    assert!(!run(3).1, "there was no room to keep it");
}

#[test]
fn one_more_giant_step_has_the_numbers_of_the_longer_file() {
    block(async {
        let browser = Browser::new();
        let file = |steps: u32| {
            let file = TOY.replace("steps = 2", &format!("steps = {steps}"));
            format!("predictions = \"none\"\n{file}")
        };
        let mut run = begun(&browser, &file(2)).await;
        at(&browser, run, "done").await;
        for steps in 3..6 {
            let body = json!({ "file": file(steps), "instead_of": run });
            let answer = browser.post("/api/runs", &body).await;
            run = answer.json()["run"].as_u64().unwrap();
            let told = at(&browser, run, "done").await;
            let other = Browser::new();
            let alone = begun(&other, &file(steps)).await;
            let expected = at(&other, alone, "done").await;
            let (told, expected) = (told["document"].clone(), expected["document"].clone());
            assert_eq!(timeless(told), timeless(expected), "{steps} steps");
            let all = events(&browser, run, &[]).await;
            let steps_told = all.iter().filter(|(_, name, _)| name == "step");
            assert_eq!(
                steps_told.count() as u32,
                3 * (steps + 1),
                "every seed, every step"
            );
        }
    });
}

#[test]
fn who_comes_back_hears_what_was_missed() {
    block(async {
        let browser = Browser::new();
        let run = begun(&browser, TOY).await;
        let told = at(&browser, run, "done").await;
        let beside = &told["document"]["predictions"][0];
        assert!(
            beside["present"].is_array() && beside["absent"].is_array(),
            "{beside}"
        );
        let all: Vec<_> = events(&browser, run, &[])
            .await
            .into_iter()
            .filter(|(id, ..)| id.is_some())
            .collect();
        let numbers: Vec<u64> = all.iter().filter_map(|(id, ..)| *id).collect();
        assert_eq!(numbers, (0..all.len() as u64).collect::<Vec<_>>());
        assert_eq!(all.last().unwrap().1, "done");
        let late = events(&browser, run, &[("last-event-id", "4")]).await;
        let late: Vec<_> = late.into_iter().filter(|(id, ..)| id.is_some()).collect();
        assert_eq!(late, all[5..]);
        let end = events(&browser, run, &[("last-event-id", "18446744073709551615")]).await;
        assert!(end.iter().all(|(id, ..)| id.is_none()));
    });
}

#[test]
fn a_newer_run_takes_the_place_of_an_older_one() {
    block(async {
        let browser = Browser::patient(Limits::default());
        let older = begun(&browser, &endless()).await;
        let body = json!({ "file": TOY, "instead_of": older });
        let newer = browser.post("/api/runs", &body).await.json()["run"]
            .as_u64()
            .unwrap();
        at(&browser, newer, "done").await;
        at(&browser, older, "stopped").await;
        let told = events(&browser, older, &[]).await;
        assert_eq!(told.last().unwrap().1, "stopped");

        let third = begun(&browser, &endless()).await;
        let answer = browser.delete(&format!("/api/runs/{third}")).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        at(&browser, third, "stopped").await;
        let answer = browser.get(&format!("/api/runs/{third}/results.csv")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
    });
}

#[test]
fn runs_are_bounded_in_number() {
    block(async {
        let limits = Limits {
            runs: 2,
            kept: 3,
            ..Limits::default()
        };
        let browser = Browser::patient(limits);
        let (first, second) = (
            begun(&browser, &endless()).await,
            begun(&browser, &endless()).await,
        );
        let answer = browser.post("/api/runs", &json!({ "file": TOY })).await;
        assert_eq!(
            answer.status,
            StatusCode::TOO_MANY_REQUESTS,
            "{}",
            answer.text()
        );
        assert!(answer.said().contains("2 runs"));
        for run in [first, second] {
            browser.delete(&format!("/api/runs/{run}")).await;
            at(&browser, run, "stopped").await;
        }
        let mut all = Vec::new();
        for _ in 0..6 {
            let run = begun(&browser, TOY).await;
            at(&browser, run, "done").await;
            all.push(run);
        }
        let mut kept = Vec::new();
        for run in all.iter().copied().chain([first, second]) {
            if browser.get(&format!("/api/runs/{run}")).await.status == StatusCode::OK {
                kept.push(run);
            }
        }
        assert_eq!(kept, all[3..], "the last ones");
    });
}

#[test]
fn a_run_that_diverges_is_told_with_its_reason() {
    block(async {
        let browser = Browser::new();
        let file = TOY
            .replace("\"p\"", "1e30")
            .replace("steps = 2", "steps = 6");
        let run = begun(&browser, &file).await;
        let told = at(&browser, run, "done").await;
        let failures = told["document"]["failures"].as_array().unwrap();
        assert_eq!(failures.len(), 3);
        let told = events(&browser, run, &[]).await;
        let reasons = told.iter().filter(|(_, name, _)| name == "failed");
        assert_eq!(reasons.count(), 3);
    });
}
