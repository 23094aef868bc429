//! The laboratory in a browser alone: what `giantstep lab` answers over a socket, answered in a Web Worker.
//!
//! `web/page/worker.js` calls these functions. A worker does one thing at a time: whoever needs no answer any more ends the
//! worker.

use std::cell::RefCell;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use giantstep_answers::{
    Begun, Bounds, Problem, Product, Progress, Question, Setting, Speed, begun, csv, run, told,
};
use giantstep_lab::keep::Trainers;
use giantstep_lab::plan::{Machine, Wanted};
use giantstep_lab::results::Results;
use giantstep_lab::work::{Asked, Event, Observer};
use js_sys::Function;
use serde_json::json;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_time::Instant;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// One thread of a browser: two minutes and 1 GB for a run. A step at p = 32 and n = 10^5 was measured to take as long as by
/// this speed.
const SETTING: Setting = Setting {
    machine: Machine { cores: 1, ranks: 1 },
    bounds: Bounds {
        seconds: 120.0,
        memory: 1e9,
    },
    speed: Speed::Assumed(4.5e9),
};

/// A problem as the page is told.
fn refused(problem: Problem) -> String {
    problem.json().to_string()
}

/// Answers a question by its name.
///
/// # Errors
/// JSON of what is wrong.
#[wasm_bindgen]
pub fn answer(question: &str, body: &str) -> Result<String, String> {
    let named = Question::ALL.into_iter().find(|one| one.name() == question);
    let question = named.ok_or_else(|| refused(Problem::absent("question")))?;
    let answer = question.answer(body.as_bytes(), &SETTING, &AtomicBool::new(false));
    answer.map(|json| json.to_string()).map_err(refused)
}

/// The runs of an experiment file.
#[wasm_bindgen]
pub struct Runs {
    begun: Begun,
    product: Option<Product>,
}

#[wasm_bindgen]
impl Runs {
    /// Reads and checks an experiment file.
    ///
    /// # Errors
    /// JSON of what is wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(file: &str) -> Result<Self, String> {
        let begun = begun(file, &SETTING).map_err(refused)?;
        let product = None;
        Ok(Self { begun, product })
    }

    /// What begins: how many runs, and about how many seconds of work.
    pub fn begun(&self) -> String {
        json!({ "runs": self.begun.runs, "seconds": self.begun.seconds }).to_string()
    }

    /// Works; `tell` hears a name and a text for everything that happens, and last `done` or `broken`.
    pub fn work(&mut self, tell: Function) {
        TOLD.set(Some(tell));
        let measured = |document: Arc<str>, results: &Results| {
            table(results);
            say("measured", &document);
        };
        let plan = &self.begun.plan;
        let asked = Asked::default();
        let trainers = TRAINERS.with(Arc::clone);
        let telling = Telling::default();
        match run(&self.begun, &trainers, &asked, &telling, &measured) {
            Ok(product) => {
                // With predictions the table was told before they were made.
                if matches!(plan.document.predictions(), Wanted::None) {
                    table(product.results());
                }
                say("done", &product.document);
                self.product = Some(product);
            }
            Err(reason) => say("broken", &refused(Problem::failed(reason))),
        }
    }

    /// The figures of runs that have ended, as SVG in JSON.
    ///
    /// # Errors
    /// JSON of what is wrong.
    pub fn figures(&self) -> Result<String, String> {
        let product = self.product.as_ref();
        let product = product.ok_or_else(|| refused(Problem::absent("run")))?;
        let figures = product.figures(&self.begun.plan).map_err(refused)?;
        Ok(figures.to_string())
    }
}

thread_local! {
    /// What later runs of this worker go on from.
    static TRAINERS: Arc<Trainers> = Arc::new(Trainers::up_to(SETTING.bounds.memory));
    /// Who hears of the run under way: a function of the browser belongs to its thread, an observer to none.
    static TOLD: RefCell<Option<Function>> = const { RefCell::new(None) };
}

fn say(name: &str, text: &str) {
    TOLD.with_borrow(|tell| {
        if let Some(tell) = tell {
            // What the page makes of it is not the run's business.
            let _ = tell.call2(&JsValue::NULL, &name.into(), &text.into());
        }
    });
}

/// The table, for whoever takes it away; what writes Parquet would be a fifth of all that is loaded.
fn table(results: &Results) {
    if let Ok(csv) = csv(results) {
        say("csv", &csv);
    }
}

/// Passes on what happens.
#[derive(Default)]
struct Telling {
    progress: Progress,
    said: Mutex<Option<Instant>>,
}

impl Observer for Telling {
    fn event(&self, event: Event<'_>) {
        let counted = self.progress.count(&event);
        let now = Instant::now();
        if counted
            && let Ok(mut said) = self.said.lock()
            && said.is_none_or(|said| now.duration_since(said) >= TELL)
        {
            *said = Some(now);
            let (done, of) = self.progress.now();
            say("progress", &json!({ "done": done, "of": of }).to_string());
        }
        if let Some((name, json)) = told(&event) {
            say(name, &json.to_string());
        }
    }
}
