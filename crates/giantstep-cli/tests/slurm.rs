//! Sweeps over the nodes of a cluster, on a SLURM of one node that the test starts and ends itself.
//!
//! Needs root and the packages slurm-wlm and munge (`scripts/packages.sh`).
//!
//! Seen to catch: arrays whose tasks all count from 0, a path with a space in a directive, a cancelled task that queues
//! again.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{TOY, Toy, giantstep, json, text};
use tempfile::TempDir;

/// Longer than anything here takes: it ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(400);
/// So small that a few tasks need more than one array.
const MAX_ARRAY_SIZE: usize = 5;

/// Asks until the answer is yes.
#[track_caller]
fn wait_until(what: &str, mut happens: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happens() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A SLURM of one node: its daemons, and everything they write, in a folder of its own.
struct Slurm {
    daemons: Vec<Child>,
    folder: TempDir,
}

impl Slurm {
    /// Starts it, or says what is missing.
    fn start() -> Option<Self> {
        let programs = ["slurmctld", "slurmd", "sbatch", "munged", "setpriv"];
        let absent: Vec<&str> = programs
            .into_iter()
            .filter(|name| !is_there(name))
            .collect();
        let root = said(Command::new("id").arg("-u")) == "0\n";
        if !root || !absent.is_empty() {
            let message = format!(
                "job arrays of SLURM are not tested: this needs root and the packages slurm-wlm and munge \
                 (scripts/packages.sh); root: {root}, missing: {absent:?}"
            );
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        // The user munge has to find its own folder.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("root may");
        let mut slurm = Self {
            daemons: Vec::new(),
            folder,
        };
        slurm.begin_munge();
        let name = slurm.configure();
        slurm.begin("slurmctld", &["slurmctld", "-D"]);
        slurm.begin("slurmd", &["slurmd", "-D", "-N", &name]);
        slurm.wait_until("the node is idle", || {
            slurm.said("sinfo", &["--noheader", "--format=%T"]) == "idle\n"
        });
        Some(slurm)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin_munge(&mut self) {
        let folder = self.path("munge");
        fs::create_dir(&folder).expect("a folder");
        let mut key = vec![0; 128];
        let mut random = fs::File::open("/dev/urandom").expect("random bytes");
        std::io::Read::read_exact(&mut random, &mut key).expect("random bytes");
        fs::write(folder.join("key"), key).expect("a file");
        fs::set_permissions(folder.join("key"), Permissions::from_mode(0o400)).expect("root may");
        said(
            Command::new("chown")
                .args(["-R", "munge:munge"])
                .arg(&folder),
        );
        let options: Vec<String> = ["key-file", "socket", "pid-file", "log-file", "seed-file"]
            .iter()
            .map(|option| {
                let name = option.trim_end_matches("-file");
                format!("--{option}={}", folder.join(name).display())
            })
            .collect();
        let mut command = vec!["--reuid=munge", "--regid=munge", "--clear-groups"];
        command.extend(["munged", "--foreground"]);
        command.extend(options.iter().map(String::as_str));
        self.begin("munged", &command);
        self.wait_until("munged listens", || folder.join("socket").exists());
    }

    /// Writes the configuration; returns the name of the node.
    fn configure(&self) -> String {
        let node = said(Command::new("slurmd").arg("-C"));
        let node = node.lines().next().expect("a line").to_owned();
        let name = node
            .split_whitespace()
            .find_map(|word| word.strip_prefix("NodeName="))
            .expect("a name")
            .to_owned();
        let [controller, daemon] = unused_ports();
        let folder = self.folder.path().display();
        for name in ["spool", "state"] {
            fs::create_dir(self.path(name)).expect("a folder");
        }
        let text = format!(
            "ClusterName=test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
MaxArraySize={MAX_ARRAY_SIZE}
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
{node} NodeAddr=127.0.0.1 State=UNKNOWN
PartitionName=main Nodes={name} Default=YES MaxTime=INFINITE State=UP
"
        );
        fs::write(self.path("slurm.conf"), text).expect("a file");
        name
    }

    /// Starts a daemon that ends with this process, whatever ends that.
    fn begin(&mut self, name: &str, command: &[&str]) {
        let out = fs::File::create(self.path(&format!("{name}.out"))).expect("a file");
        let daemon = Command::new("setpriv")
            .arg("--pdeathsig=TERM")
            .args(command)
            .env("SLURM_CONF", self.path("slurm.conf"))
            .env("PATH", path_of_root())
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file"))
            .stderr(out)
            .spawn()
            .expect("a daemon");
        self.daemons.push(daemon);
    }

    /// Waits; what the daemons have to say tells why it was in vain.
    #[track_caller]
    fn wait_until(&self, what: &str, happens: impl FnMut() -> bool) {
        struct Logs<'a>(&'a Path);
        impl Drop for Logs<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    for name in ["munged.out", "slurmctld.log", "slurmctld.out", "slurmd.log"] {
                        let log = fs::read_to_string(self.0.join(name)).unwrap_or_default();
                        eprintln!("{name}:\n{log}");
                    }
                }
            }
        }
        let _logs = Logs(self.folder.path());
        wait_until(what, happens);
    }

    /// What a command of SLURM prints.
    fn said(&self, program: &str, arguments: &[&str]) -> String {
        said(
            Command::new(program)
                .args(arguments)
                .env("SLURM_CONF", self.path("slurm.conf")),
        )
    }

    /// `giantstep` with these arguments, beside this SLURM.
    #[track_caller]
    fn giantstep(&self, arguments: &[&str], code: i32) -> Output {
        let output = giantstep()
            .args(arguments)
            .env("SLURM_CONF", self.path("slurm.conf"))
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        output
    }

    #[track_caller]
    fn wait_for_all(&self) {
        self.wait_until("no job is left", || {
            self.said("squeue", &["--noheader"]).is_empty()
        });
    }

    /// What SLURM knows of a task.
    fn task(&self, task: &str) -> String {
        self.said("scontrol", &["--oneliner", "show", "job", task])
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        self.said("scancel", &["--user=root"]);
        let start = Instant::now();
        while !self.said("squeue", &["--noheader"]).is_empty()
            && start.elapsed() < Duration::from_secs(20)
        {
            std::thread::sleep(Duration::from_millis(200));
        }
        for daemon in self.daemons.iter_mut().rev() {
            said(Command::new("kill").arg(daemon.id().to_string()));
            let start = Instant::now();
            while let Ok(None) = daemon.try_wait() {
                if start.elapsed() > Duration::from_secs(10) {
                    let _ = daemon.kill();
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn path_of_root() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}

fn is_there(program: &str) -> bool {
    path_of_root()
        .split(':')
        .any(|folder| Path::new(folder).join(program).exists())
}

/// What a command prints; nothing if it cannot be started.
fn said(command: &mut Command) -> String {
    let output = command.env("PATH", path_of_root()).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn unused_ports() -> [u16; 2] {
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// The table of the same experiment, undisturbed.
fn undisturbed(experiment: &str) -> Vec<u8> {
    let toy = Toy::new(experiment);
    let output = toy.run(&[], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    fs::read(toy.path("out/results.parquet")).expect("a table")
}

/// What stands in the folder of runs, hidden files included.
fn runs(out: &Path) -> (usize, Vec<String>) {
    let names = fs::read_dir(out.join("runs"))
        .expect("a folder")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        });
    let (runs, mut others): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with(".run"));
    let claims = fs::read_dir(out.join("runs/claims")).expect("a folder");
    others.extend(claims.map(|entry| format!("{:?}", entry.expect("an entry").path())));
    others.sort();
    (runs.len(), others)
}

/// 12 runs of some milliseconds.
fn small() -> String {
    format!("{TOY}[[sweep]]\nkey = \"protocol.batch\"\nvalues = [20, 30, 40, 50]\n")
}

#[test]
fn arrays_below_the_limit_make_the_table_of_an_undisturbed_run() {
    let Some(slurm) = Slurm::start() else { return };
    let toy = Toy::new(&small());
    // Names that a shell and sbatch each read in their own way.
    let out = toy.path("out of 5% 'a' \"b\" $HOME #1");
    let folder = out.display().to_string();
    let file = toy.path("toy.toml").display().to_string();
    let submit = |more: &[&str], code| {
        let mut arguments = vec!["submit", &file, "--out", &folder, "--per-task", "2"];
        arguments.extend(["--time", "5"]);
        arguments.extend(more);
        slurm.giantstep(&arguments, code)
    };
    let submits = |expected: &str| {
        let output = submit(&["--partition", "main"], 0);
        let said = text(&output.stdout);
        assert!(said.starts_with(expected), "{said}");
        slurm.wait_for_all();
    };
    let collected = || {
        slurm.giantstep(&["collect", &folder], 0);
        fs::read(out.join("results.parquet")).expect("a table")
    };

    // What the cluster does not offer is refused in the words of sbatch.
    for (more, expected) in [
        (
            "--partition=nowhere",
            "invalid partition specified: nowhere",
        ),
        (
            "--directive=--mem=900T",
            "Memory specification can not be satisfied",
        ),
    ] {
        let output = submit(&[more], 1);
        let said = text(&output.stderr);
        assert!(
            said.starts_with("error: sbatch") && said.contains(expected),
            "{said}"
        );
    }

    submits("12 runs in 6 tasks of about 2, 6 tasks with work left, in 2 arrays\n");
    assert_eq!(
        runs(&out),
        (12, vec!["claims".to_owned(), "store.json".to_owned()])
    );
    let whole = undisturbed(&small());
    assert!(collected() == whole, "the table differs");
    submits("12 runs in 6 tasks of about 2, 0 tasks with work left, in 0 arrays\n");

    // Only the tasks of what is missing are submitted again.
    let lost = fs::read_dir(out.join("runs"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|ending| ending == "run"))
        .expect("a run");
    fs::remove_file(lost).expect("a file");
    submits("12 runs in 6 tasks of about 2, 1 tasks with work left, in 1 arrays\n");
    assert!(collected() == whole, "the table differs");
}

/// 18 runs of about half a second.
fn longer() -> String {
    format!("{TOY}run.engine = \"direct\"\nrun.precision = \"f64\"\n[[sweep]]\nkey = \"protocol.batch\"\nvalues = [1, 2, 3]\n")
        .replace("seeds = 3", "seeds = 6")
        .replace("values = [1, 2, 3]", "values = [60000, 70000, 80000]")
        .replace("width = 6", "width = 64")
        .replace("dimension = 20", "dimension = 300")
}

/// The parts that are being worked on, such as `1/3`.
fn parts_under_way(slurm: &Slurm, folder: &str) -> Vec<String> {
    let status = json(&slurm.giantstep(&["status", folder, "--json"], 0));
    let under_way = status["under_way"].as_array().expect("a list");
    let part = |run: &serde_json::Value| {
        let command = fs::read_to_string(format!("/proc/{}/cmdline", run["process"])).ok()?;
        let mut words = command.split('\0');
        words.find(|word| *word == "--shard")?;
        words.next().map(str::to_owned)
    };
    under_way.iter().filter_map(part).collect()
}

#[test]
fn tasks_that_are_asked_to_go_queue_again_and_lose_nothing() {
    let Some(slurm) = Slurm::start() else { return };
    let toy = Toy::new(&longer());
    let out = toy.path("out");
    let (file, folder) = (toy.path("toy.toml"), out.display().to_string());
    let file = file.display().to_string();
    let submit = || {
        let mut arguments = vec!["submit", &file, "--out", &folder, "--partition", "main"];
        arguments.extend(["--time", "30", "--per-task", "6"]);
        text(&slurm.giantstep(&arguments, 0).stdout).to_owned()
    };
    let said = submit();
    let array = said
        .lines()
        .find_map(|line| line.strip_prefix("array ")?.split(':').next())
        .expect("the number of the array");
    let task = |number: usize| format!("{array}_{number}");

    // Time limit ahead; preempted; cancelled.
    for (number, options) in [
        (0, &["--signal=USR1", "--batch"][..]),
        (1, &["--signal=TERM", "--batch"]),
        (2, &[]),
    ] {
        slurm.wait_until(&format!("task {number} computes"), || {
            parts_under_way(&slurm, &folder).contains(&format!("{number}/3"))
        });
        slurm.said("scancel", &[options, &[&task(number)]].concat());
    }
    for number in [0, 1] {
        slurm.wait_until(&format!("task {number} queues again"), || {
            let known = slurm.task(&task(number));
            known.contains(" JobState=PENDING ") && !known.contains(" Restarts=0 ")
        });
    }
    slurm.wait_until("task 2 is gone", || {
        let known = slurm.task(&task(2));
        [" JobState=CANCELLED ", " JobState=PENDING "]
            .iter()
            .any(|state| known.contains(state))
    });
    let known = slurm.task(&task(2));
    assert!(
        known.contains(" JobState=CANCELLED "),
        "a cancelled task stays cancelled: {known}"
    );
    let log = |number| fs::read_to_string(out.join(format!("slurm/{array}_{number}.log")));
    let [finishes, drops] = [0, 1].map(|number| log(number).expect("a log"));
    assert!(
        finishes.contains("ending after the runs under way"),
        "{finishes}"
    );
    assert!(
        !finishes.contains(" 0 computed"),
        "the run under way is finished: {finishes}"
    );
    assert!(drops.contains("stopping"), "{drops}");

    // Requeued tasks are held back for two minutes.
    for number in [0, 1] {
        let job = format!("JobId={}", task(number));
        slurm.said("scontrol", &["update", &job, "StartTime=now"]);
    }
    slurm.wait_for_all();
    for number in [0, 1] {
        let known = slurm.task(&task(number));
        assert!(
            known.contains(" JobState=COMPLETED ") && known.contains(" Restarts=1 "),
            "{known}"
        );
    }

    // What the cancelled task has left is submitted again, and nothing else.
    let said = submit();
    assert!(
        said.contains("3 tasks of about 6, 1 tasks with work left, in 1 arrays"),
        "{said}"
    );
    slurm.wait_for_all();
    assert_eq!(
        runs(&out),
        (18, vec!["claims".to_owned(), "store.json".to_owned()])
    );
    slurm.giantstep(&["collect", &folder], 0);
    let table = fs::read(out.join("results.parquet")).expect("a table");
    assert!(table == undisturbed(&longer()), "the table differs");
}

#[test]
fn without_sbatch_the_scripts_are_named() {
    let toy = Toy::new(&small());
    let output = giantstep()
        .arg("submit")
        .arg(toy.path("toy.toml"))
        .arg("--out")
        .arg(toy.path("out"))
        .env("PATH", toy.path("nothing"))
        .output()
        .expect("a process");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "sbatch is not installed here",
        "help: submit",
        "array-1.sh",
        "giantstep worker",
    ] {
        assert!(said.contains(part), "`{part}` is missing from {said}");
    }
    assert!(toy.path("out/slurm/array-1.sh").exists());
}
