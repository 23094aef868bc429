//! Many at once, over a real socket. Its memory is that of a process of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use giantstep_lab::plan::Machine;
use giantstep_lab::work::Asked;
use giantstep_web::{Lab, Limits, Options};
use serde_json::{Value as Json, json};

/// The memory of this process, in bytes.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    1024.0 * number.unwrap_or(0.0)
}

/// A laboratory that answers over a socket.
struct Served {
    host: String,
    token: String,
    asked: Arc<Asked>,
    server: JoinHandle<()>,
}

impl Served {
    fn new() -> Self {
        let lab = Lab::open(Options {
            folder: Path::new("/nonexistent").to_owned(),
            port: Some(0),
            machine: Machine { cores: 2, ranks: 1 },
            limits: Limits::default(),
        })
        .expect("a port");
        let address = lab.address();
        let (host, token) = address
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once("/?token="))
            .unwrap();
        let asked = Arc::new(Asked::default());
        Self {
            host: host.to_owned(),
            token: token.to_owned(),
            asked: asked.clone(),
            server: std::thread::spawn(move || lab.serve(&asked).unwrap()),
        }
    }

    /// Asks as the page does, and leaves the answer to be read.
    fn ask(&self, path: &str, body: &Json) -> TcpStream {
        let Self { host, token, .. } = self;
        let (port, body) = (host.rsplit(':').next().unwrap(), body.to_string());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: giantstep-{port}={token}\r\nOrigin: http://{host}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(600)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn end(self) {
        self.asked.ask_to_stop();
        self.server.join().unwrap();
    }
}

fn read(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn of_two_hundred_requests_at_once_none_is_lost() {
    let served = Served::new();
    let before = memory();
    let body = json!({ "link": "z1 + z1*z2", "activation": "relu(x)" });
    let one = || read(served.ask("/api/analyze", &body));
    let answers: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..200).map(|_| scope.spawn(one)).collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for answer in &answers {
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "{}",
            &answer[..200.min(answer.len())]
        );
        assert!(answer.contains("Two fresh steps at n ~ d: z1, then z2."));
    }
    let grown = memory() - before;
    assert!(grown < 200e6, "{grown} bytes");
    served.end();
}

#[test]
fn what_is_typed_is_read_while_long_work_waits_for_a_core() {
    let served = Served::new();
    // What rests on samples takes seconds here; there are more of them than threads.
    let body = json!({ "link": "z1*z2*z3*z4*z5*z6*z7*z8", "activation": "relu(x)", "seconds": 60 });
    let long: Vec<TcpStream> = (0..8).map(|_| served.ask("/api/analyze", &body)).collect();
    // The first of them is under way once a later question was answered.
    for _ in 0..2 {
        let answer = read(served.ask("/api/read", &json!({ "link": "z1 + thanh(z2)" })));
        assert!(answer.contains("did you mean `tanh`?"), "{answer}");
    }
    for stream in &long {
        stream.set_nonblocking(true).unwrap();
        let found = stream.peek(&mut [0]);
        let waits = found.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(waits, "a long answer came before a short one");
    }
    drop(long);
    served.end();
}
