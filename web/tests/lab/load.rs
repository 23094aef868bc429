//! Many at once, over a real socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use giantstep_lab::work::Asked;
use giantstep_web::Limits;
use serde_json::json;

use crate::opened;

/// The memory of this process, in bytes.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    1024.0 * number.unwrap_or(0.0)
}

#[test]
fn of_two_hundred_requests_at_once_none_is_lost() {
    let lab = opened(Path::new("/nonexistent"), Limits::default());
    let address = lab.address();
    let (host, token) = address
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once("/?token="))
        .unwrap();
    let (host, token) = (host.to_owned(), token.to_owned());
    let asked = Arc::new(Asked::default());
    let server = std::thread::spawn({
        let asked = asked.clone();
        move || lab.serve(&asked).unwrap()
    });
    let before = memory();
    let port = host.rsplit(':').next().unwrap();
    let body = json!({ "link": "z1 + z1*z2", "activation": "relu(x)" }).to_string();
    let request = format!(
        "POST /api/analyze HTTP/1.1\r\nHost: {host}\r\nCookie: giantstep-{port}={token}\r\nOrigin: http://{host}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let one = || {
        let mut stream = TcpStream::connect(&host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
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
    asked.ask_to_stop();
    server.join().unwrap();
}
