//! Processes that share a folder repeat nothing.

use crate::common::folder::{LONGER, on_folder, table, undisturbed};
use crate::common::{TOY, Toy, giantstep, text};

#[test]
fn shards_share_a_folder_and_repeat_nothing() {
    let toy = Toy::new(TOY);
    let prepare = ["prepare".to_owned()]
        .into_iter()
        .chain(toy.arguments(&[LONGER]).into_iter().skip(1));
    let output = giantstep().args(prepare).output().expect("a process");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("12 runs, 0 of them in the folder"),
        "{}",
        text(&output.stdout)
    );
    for (shard, said) in [
        ("0/3", "0 runs found, 4 computed"),
        ("2/3", "0 runs found, 4 computed"),
        ("0/3", "4 runs found, 0 computed"),
        ("0/1", "8 runs found, 4 computed"),
    ] {
        let output = on_folder(&toy, "worker", &["--shard", shard], 0);
        assert!(
            text(&output.stderr).starts_with(said),
            "{shard}: {}",
            text(&output.stderr)
        );
    }
    on_folder(&toy, "collect", &[], 0);
    assert!(table(&toy) == undisturbed(&[LONGER]));
    for wrong in ["3/3", "1", "a/b", "-1/2"] {
        on_folder(&toy, "worker", &["--shard", wrong], 2);
    }
    on_folder(&Toy::new(TOY), "worker", &[], 2);
}

/// Both at once, on all runs: what one computes the other leaves.
#[test]
fn two_processes_at_once_do_not_repeat_work() {
    use std::process::{Command, Stdio};

    let toy = Toy::new(TOY);
    let overrides = [
        LONGER,
        "run.seeds=20",
        "protocol.dimension=300",
        "network.width=40",
    ];
    let mut arguments = toy.arguments(&overrides);
    arguments[0] = "prepare".to_owned();
    assert!(
        giantstep()
            .args(arguments)
            .output()
            .expect("a process")
            .status
            .success()
    );
    let workers = [0, 1].map(|_| {
        Command::new(crate::common::program())
            .arg("worker")
            .arg(toy.path("out"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process")
    });
    let computed = workers.map(|worker| {
        let output = worker.wait_with_output().expect("an end");
        assert!(output.status.success());
        let said = text(&output.stderr).to_owned();
        let before = said.split(" computed").next().expect("a summary");
        before
            .rsplit(' ')
            .next()
            .and_then(|count| count.parse::<u32>().ok())
            .expect("a count")
    });
    assert_eq!(computed[0] + computed[1], 80, "{computed:?}");
    assert!(
        computed.iter().all(|count| *count > 0),
        "not at once: {computed:?}"
    );
    on_folder(&toy, "collect", &[], 0);
    assert!(table(&toy) == undisturbed(&overrides));
}
