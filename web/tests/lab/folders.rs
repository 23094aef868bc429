//! Results folders: those below one folder, by hash, while others work in them.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use giantstep_lab::drive::{Manner, drive};
use giantstep_lab::keep::{Earlier, Store};
use giantstep_lab::load::rate;
use giantstep_lab::plan::{Plan, Scale};
use giantstep_lab::standing::Standing;
use giantstep_lab::work::{Asked, Event, Observer, Session, Silent};
use giantstep_web::Limits;
use serde_json::json;

use crate::{Browser, MACHINE, TOY, block};

/// Works off an experiment in a folder.
fn worked_off(folder: &Path, file: &str, observer: &dyn Observer) {
    let plan = Plan::read(file, "toy", &[], Scale::Full).unwrap();
    let jobs = plan.jobs(MACHINE).unwrap();
    let store = Store::open(folder, &plan, Earlier::Refused).unwrap();
    let asked = Asked::default();
    let session = Session {
        observer,
        ..Session::alone(1, &asked)
    };
    drive(&jobs, &store, Manner::default(), &session).unwrap();
}

/// Work that goes on when what has ended was seen: no machine is too fast to be looked at.
#[derive(Default)]
struct Pace {
    ended: AtomicU64,
    seen: AtomicU64,
}

impl Observer for Pace {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Ended { .. }) {
            let ended = 1 + self.ended.fetch_add(1, Ordering::Relaxed);
            while self.seen.load(Ordering::Relaxed) < ended {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[test]
fn folders_below_the_chosen_one_are_told_by_hash() {
    block(async {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        worked_off(&inside.path().join("results/toy"), TOY, &Silent);
        worked_off(&outside.path().join("secret"), TOY, &Silent);
        symlink(outside.path(), inside.path().join("link")).unwrap();
        std::fs::create_dir(inside.path().join("empty")).unwrap();
        let browser = Browser::of(inside.path(), Limits::default());
        let list = browser.get("/api/folders").await.json();
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list[0]["name"], "results/toy");
        let hash = list[0]["folder"].as_str().unwrap();

        let told = browser.get(&format!("/api/folders/{hash}")).await.json();
        let plan = Plan::read(TOY, "toy", &[], Scale::Full).unwrap();
        let jobs = plan.jobs(MACHINE).unwrap();
        let store = Store::look(&inside.path().join("results/toy")).unwrap();
        let standing = Standing::of(&jobs, &store, rate(&plan, MACHINE)).unwrap();
        assert_eq!(told["standing"], json!(standing));
        assert_eq!(standing.completed, 3);
        let results = browser
            .get(&format!("/api/folders/{hash}/results"))
            .await
            .json();
        assert_eq!(results["runs"]["completed"], 3);
        assert!(results["rows"].as_array().unwrap().len() > 10);
        let figures = browser
            .get(&format!("/api/folders/{hash}/figures"))
            .await
            .json();
        assert!(figures[0]["svg"].as_str().unwrap().contains("<svg"));

        let secret = blake3::hash(b"link/secret").to_hex()[..32].to_owned();
        for path in [
            "results%2Ftoy",
            "..",
            "%2e%2e%2fsecret",
            &secret,
            &hash[..31],
            &format!("{hash}0"),
        ] {
            let answer = browser.get(&format!("/api/folders/{path}")).await;
            assert!(answer.status.is_client_error(), "{path}");
        }
    });
}

#[test]
fn a_sweep_of_another_is_told_while_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("sweep");
    let sweep = TOY.replace("seeds = 3", "seeds = 12");
    let browser = Browser::of(folder.path(), Limits::default());
    let pace = Arc::new(Pace::default());
    let work = std::thread::spawn({
        let pace = pace.clone();
        move || worked_off(&place, &sweep, &*pace)
    });
    block(async {
        let start = Instant::now();
        let mut seen: Vec<u64> = Vec::new();
        loop {
            let list = browser.get("/api/folders").await.json();
            if let Some(hash) = list[0]["folder"].as_str() {
                let answer = browser.get(&format!("/api/folders/{hash}")).await;
                // Its plan may not stand there yet.
                if answer.status == StatusCode::OK {
                    let completed = answer.json()["standing"]["completed"].as_u64().unwrap();
                    pace.seen.store(completed, Ordering::Relaxed);
                    seen.push(completed);
                }
            }
            if seen.last() == Some(&12) || start.elapsed() > Duration::from_secs(300) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(seen.last(), Some(&12), "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]));
        seen.retain(|done| *done > 0);
        seen.dedup();
        assert_eq!(seen, (1..=12).collect::<Vec<_>>(), "each was seen");
    });
    work.join().unwrap();
}
