//! What the page is answered, asked as a browser asks: in process, and over a real socket where that is the point.

mod access;
mod asks;
mod folders;
mod runs;

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use giantstep_lab::plan::Machine;
use giantstep_web::{Lab, Limits, Options};
use serde_json::Value as Json;
use tower::ServiceExt;

/// A small experiment that takes some milliseconds.
const TOY: &str = r#"
name = "toy"
target.link = "z1 + z1*z2"
target.noise = 0.1
network.width = 6
protocol.dimension = 20
protocol.steps = 2
protocol.batch = 30
protocol.step_size = "p"
evaluation.test_samples = 100
run.seeds = 3
"#;

/// An experiment of some seconds.
const LONG: &str = r#"
name = "long"
target.link = "z1 + z1*z2"
network.width = 64
protocol.dimension = 1000000
protocol.steps = 20
protocol.batch = 4000000
protocol.step_size = "p"
readout.after = "never"
"#;

const MACHINE: Machine = Machine { cores: 2, ranks: 1 };

/// A browser that was let in.
struct Browser {
    router: Router,
    host: String,
    token: String,
    /// Kept, so that the port stays taken.
    _lab: Lab,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    fn said(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }
}

fn opened(folder: &Path, limits: Limits) -> Lab {
    Lab::open(Options {
        folder: folder.to_owned(),
        port: Some(0),
        machine: MACHINE,
        limits,
    })
    .expect("a port")
}

impl Browser {
    fn new() -> Self {
        Self::of(Path::new("/nonexistent"), Limits::default())
    }

    /// One that may ask for any work.
    fn patient(limits: Limits) -> Self {
        let seconds = f64::INFINITY;
        Self::of(Path::new("/nonexistent"), Limits { seconds, ..limits })
    }

    fn of(folder: &Path, limits: Limits) -> Self {
        let lab = opened(folder, limits);
        let address = lab.address();
        let (host, token) = address
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once("/?token="))
            .expect("an address with a token");
        Self {
            router: lab.router(),
            host: host.to_owned(),
            token: token.to_owned(),
            _lab: lab,
        }
    }

    fn cookie(&self) -> String {
        let port = self.host.rsplit(':').next().unwrap_or_default();
        format!("giantstep-{port}={}", self.token)
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, 64 << 20).await.expect("a body").to_vec(),
        }
    }

    /// A request as the page sends it, with these headers instead; an empty one is left out.
    fn request(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
        instead: &[(&str, &str)],
    ) -> Request<Body> {
        let mut headers = vec![
            ("host", self.host.clone()),
            ("cookie", self.cookie()),
            ("origin", format!("http://{}", self.host)),
            ("content-type", "application/json".to_owned()),
        ];
        for (name, value) in instead {
            headers.retain(|(known, _)| known != name);
            if !value.is_empty() {
                headers.push((*name, (*value).to_owned()));
            }
        }
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body.into()).expect("a request")
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, Body::empty(), &[]))
            .await
    }

    async fn post(&self, path: &str, body: &Json) -> Answer {
        self.send(self.request(Method::POST, path, body.to_string(), &[]))
            .await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path, Body::empty(), &[]))
            .await
    }
}

/// Does what takes its turns.
fn block<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(what)
}
