//! A SLURM of one node, started and ended by a test.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::common::{giantstep, text, wait_until};

/// So small that a few tasks need more than one array.
const MAX_ARRAY_SIZE: usize = 5;

/// A SLURM of one node: its daemons, and everything they write, in a folder of its own.
pub struct Slurm {
    daemons: Vec<Child>,
    folder: TempDir,
}

impl Slurm {
    /// Starts it, or says what is missing.
    pub fn start() -> Option<Self> {
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
    pub fn wait_until(&self, what: &str, happens: impl FnMut() -> bool) {
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
    pub fn said(&self, program: &str, arguments: &[&str]) -> String {
        said(
            Command::new(program)
                .args(arguments)
                .env("SLURM_CONF", self.path("slurm.conf")),
        )
    }

    /// `giantstep` with these arguments, beside this SLURM.
    #[track_caller]
    pub fn giantstep(&self, arguments: &[&str], code: i32) -> Output {
        let output = giantstep()
            .args(arguments)
            .env("SLURM_CONF", self.path("slurm.conf"))
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        output
    }

    #[track_caller]
    pub fn wait_for_all(&self) {
        self.wait_until("no job is left", || {
            self.said("squeue", &["--noheader"]).is_empty()
        });
    }

    /// The jobs of which the node still holds a script.
    pub fn steps(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("spool")).expect("a folder");
        let names = entries.map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        });
        names.filter(|name| name.starts_with("job")).collect()
    }

    /// What SLURM knows of a task.
    pub fn task(&self, task: &str) -> String {
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
pub fn said(command: &mut Command) -> String {
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
