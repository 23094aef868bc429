//! How a process ends: when it is asked to, when it is asked again, and when it cannot say so.
//!
//! Seen to catch: a second SIGTERM that is ignored, a sum over 10^12 blocks that goes on after it was stopped, a panic where
//! standard error cannot be written.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, TOY, Toy, listens, text, wait_until};

/// A run that nobody waits for, under way.
fn endless(toy: &Toy, stderr: Stdio) -> Child {
    let endless = ["protocol.batch=1e15", "run.engine=direct", "run.seeds=1"];
    let child = Command::new(crate::common::program())
        .args(toy.arguments(&endless))
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("a process");
    listens(&child);
    wait_until("it begins", || {
        let leases = std::fs::read_dir(toy.path("out/runs/leases"));
        leases.is_ok_and(|entries| entries.count() > 0)
    });
    child
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

/// The end of a process, which must come soon.
#[track_caller]
fn end(mut child: Child) -> ExitStatus {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("SIGKILL");
    panic!("it does not end");
}

#[test]
fn an_analysis_that_is_asked_to_end_prints_what_it_knows() {
    for name in ["-INT", "-TERM"] {
        let link = "relu(z1+relu(z2+relu(z3+relu(z4))))";
        let child = Command::new(crate::common::program())
            .args(["analyze", link, "--timeout", "300"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        listens(&child);
        signal(&child, name);
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("interrupted"));
        assert!(text(&output.stdout).contains("undecided"));
    }
}

#[test]
fn a_giant_batch_ends_when_it_is_asked_to() {
    let toy = Toy::new(TOY);
    let child = endless(&toy, Stdio::null());
    signal(&child, "-TERM");
    assert_eq!(end(child).code(), Some(1));
}

#[test]
fn asked_twice_it_ends_at_once() {
    for name in ["-TERM", "-INT"] {
        let toy = Toy::new(TOY);
        let child = endless(&toy, Stdio::null());
        signal(&child, name);
        std::thread::sleep(Duration::from_millis(250));
        let _ = Command::new("kill")
            .args([name, &child.id().to_string()])
            .stderr(Stdio::null())
            .status();
        let code = end(child).code();
        assert!(matches!(code, Some(1 | 130 | 143)), "{name}: {code:?}");
    }
}

#[test]
fn words_that_cannot_be_written_change_nothing() {
    let full = || {
        Stdio::from(
            std::fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .expect("a device"),
        )
    };
    let toy = Toy::new(TOY);
    let mut child = endless(&toy, full());
    // The signal thread has words of its own.
    signal(&child, "-USR1");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(child.try_wait().expect("a child"), None);
    signal(&child, "-TERM");
    assert_eq!(end(child).code(), Some(1));

    let toy = Toy::new(TOY);
    let run = |overrides: &[&str]| {
        let mut command = Command::new(crate::common::program());
        command
            .args(toy.arguments(overrides))
            .stdout(Stdio::null())
            .stderr(full());
        command.status().expect("a process")
    };
    assert_eq!(run(&[]).code(), Some(0));
    assert_eq!(run(&["protocol.batch=0"]).code(), Some(2), "a refusal");
    // A file to be set aside and named.
    std::fs::write(toy.path("out/runs/notes.txt"), "mine").expect("a file");
    assert_eq!(run(&[]).code(), Some(0));
    assert!(toy.path("out/runs/aside/notes.txt").exists());
}

/// As a user for whom the limit counts: not for the superuser.
#[test]
fn too_few_threads_are_a_failure_with_a_remedy() {
    let toy = Toy::new(TOY);
    let folder = toy.path("");
    let open = Command::new("chmod")
        .arg("-R")
        .arg("a+rwX")
        .arg(&folder)
        .status();
    assert!(open.expect("chmod").success());
    let mut failed = 0;
    for limit in 1..=7 {
        let output = Command::new("setpriv")
            .args(["--reuid=54321", "--regid=54321", "--clear-groups"])
            .args(["prlimit", &format!("--nproc={limit}")])
            .arg(crate::common::program())
            .args(toy.arguments(&[]))
            .output();
        let Ok(output) = output else {
            eprintln!("not tested: a limit of threads needs setpriv");
            return;
        };
        let said = text(&output.stderr);
        if said.contains("setpriv:")
            || said.contains("prlimit:")
            || said.contains("Permission denied")
        {
            eprintln!("not tested: a limit of threads needs the superuser: {said}");
            return;
        }
        assert_eq!(output.status.signal(), None, "{limit}: {said}");
        assert_ne!(output.status.code(), Some(101), "{limit}: {said}");
        match output.status.code() {
            Some(0) => {}
            _ => assert!(said.contains("ulimit -u"), "{limit}: {said}"),
        }
        failed += usize::from(!output.status.success());
    }
    assert!(failed > 0, "the limit does not bind");
}
