//! How the program is called: arguments that are no line of text, processes that cannot share.

#[cfg(unix)]
use crate::common::refusal::assert_says;
#[cfg(any(unix, not(feature = "mpi")))]
use crate::common::{TOY, Toy, giantstep, text};

#[cfg(unix)]
#[test]
fn an_argument_is_one_line_of_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let toy = Toy::new(TOY);
    let mut arguments = toy.arguments(&[]);
    arguments.truncate(2);
    for (option, value) in [
        ("--out", &b"a\xff"[..]),
        ("--out", b"a\n#SBATCH --account=b"),
        ("--set", b"name=\"a\"\nrun.seeds=9"),
        ("--set", b"name=\x1b[31m"),
    ] {
        let mut command = giantstep();
        command
            .args(&arguments)
            .arg(option)
            .arg(OsStr::from_bytes(value));
        let output = command
            .current_dir(toy.path(""))
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert_says(text(&output.stderr), &["not one line of text", "help:"]);
    }
    arguments[0] = "submit".to_owned();
    for option in ["--partition", "--time", "--directive"] {
        let mut command = giantstep();
        command
            .args(&arguments)
            .args(["--dry-run", &format!("{option}=a\n#SBATCH --account=b")]);
        let output = command
            .current_dir(toy.path(""))
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(!toy.path("results").exists(), "{option}");
    }
    // The folder in which it is called is no argument.
    let folder = toy.path("a\n#SBATCH --account=b");
    std::fs::create_dir(&folder).expect("a folder");
    let mut command = giantstep();
    command
        .args(&arguments)
        .arg("--dry-run")
        .current_dir(&folder);
    let output = command.output().expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert_says(text(&output.stderr), &["cannot stand in a script"]);
}

/// Otherwise every process would do all of the work and write over the results of the others.
#[cfg(not(feature = "mpi"))]
#[test]
fn processes_that_cannot_share_are_refused_once() {
    let toy = Toy::new(TOY);
    for (rank, told) in [("0", 1), ("1", 0)] {
        let output = giantstep()
            .args(toy.arguments(&[]))
            .env("OMPI_COMM_WORLD_SIZE", "4")
            .env("OMPI_COMM_WORLD_RANK", rank)
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(2));
        let errors = text(&output.stderr);
        assert_eq!(errors.matches("--features mpi").count(), told, "{errors}");
        assert!(!toy.path("out").exists());
    }
}
