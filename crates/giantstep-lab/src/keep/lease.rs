//! Leases: who is computing a run, so that two processes on one folder do not repeat work.
//!
//! A lease is a file `NAME.K` that can be created only once. Its owner touches it every few seconds; one that was not
//! touched for [`EXPIRY`], or whose process is gone, is void, and whoever creates `NAME.K+1` first owns the run next.
//! Nothing is ever taken away from a living owner, and clocks of different machines are never compared: a
//! process measures with its own clock how long it has seen a lease unchanged.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::identity::RunId;
use crate::files::{self, temporary};
use crate::process::Owner;

/// A lease that was not touched for so long is void.
pub const EXPIRY: Duration = Duration::from_secs(60);

/// What became of the wish to compute a run.
#[derive(Debug)]
pub enum Leased {
    /// It is ours until the lease is dropped.
    Ours(Lease),
    /// Somebody else is at it.
    Theirs(Owner),
}

/// A lease held by this process; given up when dropped.
#[derive(Debug)]
pub struct Lease {
    /// Given up with this value; none where no other process can see the run.
    _file: Option<LeaseFile>,
}

impl Lease {
    /// A lease of what no other process can see.
    pub(super) fn unshared() -> Self {
        Self { _file: None }
    }
}

#[derive(Debug)]
struct LeaseFile {
    path: PathBuf,
    below: Vec<PathBuf>,
    held: Held,
}

impl Drop for LeaseFile {
    fn drop(&mut self) {
        lock(&self.held).remove(&self.path);
        // One that cannot be removed expires.
        for path in self.below.iter().chain([&self.path]) {
            let _ = fs::remove_file(path);
        }
    }
}

type Held = Arc<Mutex<HashMap<PathBuf, File>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The leases in one folder, as seen and held by this process.
#[derive(Debug)]
pub struct Leases {
    folder: PathBuf,
    this: Owner,
    expiry: Duration,
    held: Held,
    /// The last change of each foreign lease, and when this process saw it first.
    seen: Mutex<HashMap<PathBuf, (SystemTime, Instant)>>,
    /// Ends the heartbeat when dropped.
    _end: Sender<()>,
}

impl Leases {
    /// The leases in `folder`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::with_expiry(folder, EXPIRY)
    }

    fn with_expiry(folder: &Path, expiry: Duration) -> io::Result<Self> {
        let held = Held::default();
        let (end, ended) = channel();
        let touched = Arc::clone(&held);
        std::thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || heartbeat(&touched, &ended, expiry / 6))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            this: Owner::this(),
            expiry,
            held,
            seen: Mutex::default(),
            _end: end,
        })
    }

    /// Leases a run for this process, unless somebody alive has it.
    ///
    /// # Errors
    /// The lease cannot be written: no space, no permission.
    pub fn lease(&self, id: &RunId) -> io::Result<Leased> {
        let mut below = Vec::new();
        loop {
            let path = self.folder.join(format!("{id}.{}", below.len()));
            if let Some(owner) = self.owner(&path)? {
                match owner {
                    Standing::Holds(owner) => return Ok(Leased::Theirs(owner)),
                    Standing::Void => below.push(path),
                }
                continue;
            }
            let mut file = temporary(&self.folder)?;
            file.write_all(serde_json::to_string(&self.this)?.as_bytes())?;
            match file.persist_noclobber(&path) {
                Ok(file) => {
                    lock(&self.held).insert(path.clone(), file);
                    let held = Arc::clone(&self.held);
                    let file = Some(LeaseFile { path, below, held });
                    return Ok(Leased::Ours(Lease { _file: file }));
                }
                // Somebody was faster: look at what they left.
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.error),
            }
        }
    }

    /// Everybody alive who holds a lease, with the name of the run.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn alive(&self) -> io::Result<Vec<(RunId, Owner)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let Some(id) = name.and_then(RunId::parse) else {
                continue;
            };
            if let Some(Standing::Holds(owner)) = self.owner(&path)? {
                found.push((id, owner));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// The owner of a lease; none if there is no such file.
    fn owner(&self, path: &Path) -> io::Result<Option<Standing>> {
        let changed = match fs::metadata(path).and_then(|data| data.modified()) {
            Ok(changed) => changed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // What does not name an owner, or not to this user, expires like a lease of an unknown machine.
        let bytes = files::read(path).unwrap_or_default();
        let owner = serde_json::from_slice(&bytes).unwrap_or(Owner {
            host: "unknown".to_owned(),
            system: None,
            process: 0,
            began: None,
        });
        if owner.is_gone(&self.this) {
            return Ok(Some(Standing::Void));
        }
        let now = Instant::now();
        let mut seen = lock(&self.seen);
        let (last, since) = seen.entry(path.to_path_buf()).or_insert((changed, now));
        if *last != changed {
            (*last, *since) = (changed, now);
        }
        let void = now.duration_since(*since) > self.expiry;
        Ok(Some(if void {
            Standing::Void
        } else {
            Standing::Holds(owner)
        }))
    }
}

enum Standing {
    Holds(Owner),
    Void,
}

/// Touches every held lease until the other end of `ended` is dropped.
fn heartbeat(held: &Held, ended: &Receiver<()>, period: Duration) {
    while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
        for file in lock(held).values() {
            // A lease that cannot be touched expires; its run is then computed twice, with the same result.
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(k: u8) -> RunId {
        RunId::parse(&format!("{k:032x}")).unwrap()
    }

    fn is_ours(leased: &Leased) -> bool {
        matches!(leased, Leased::Ours(_))
    }

    #[test]
    fn a_run_is_claimed_once_and_again_when_it_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (
            Leases::open(folder.path()).unwrap(),
            Leases::open(folder.path()).unwrap(),
        );
        let leased = one.lease(&id(1)).unwrap();
        assert!(is_ours(&leased) && !is_ours(&other.lease(&id(1)).unwrap()));
        assert!(
            is_ours(&other.lease(&id(2)).unwrap()),
            "other runs are free"
        );
        assert_eq!(
            other
                .alive()
                .unwrap()
                .iter()
                .map(|(id, _)| id.clone())
                .collect::<Vec<_>>(),
            [id(1)]
        );
        drop(leased);
        assert!(is_ours(&other.lease(&id(1)).unwrap()));
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is left"
        );
    }

    #[test]
    fn of_many_at_once_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        for k in 0..20 {
            let leases: Vec<Leases> = (0..8)
                .map(|_| Leases::open(folder.path()).unwrap())
                .collect();
            let start = std::sync::Barrier::new(8);
            let leased: Vec<Leased> = std::thread::scope(|scope| {
                let lease = |leases| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        Leases::lease(leases, &id(k)).unwrap()
                    })
                };
                let all: Vec<_> = leases.iter().map(lease).collect();
                all.into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            assert_eq!(leased.iter().filter(|leased| is_ours(leased)).count(), 1);
        }
    }

    #[test]
    fn the_claim_of_a_dead_process_is_void_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::open(folder.path()).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();
        let dead = Owner {
            process,
            began: Some(1),
            ..Owner::this()
        };
        fs::write(
            folder.path().join(format!("{}.0", id(1))),
            serde_json::to_string(&dead).unwrap(),
        )
        .unwrap();
        let elsewhere = Owner {
            system: Some("another machine".to_owned()),
            ..dead
        };
        fs::write(
            folder.path().join(format!("{}.0", id(2))),
            serde_json::to_string(&elsewhere).unwrap(),
        )
        .unwrap();
        assert!(is_ours(&leases.lease(&id(1)).unwrap()));
        assert!(
            !is_ours(&leases.lease(&id(2)).unwrap()),
            "nobody knows whether it lives"
        );
    }

    #[test]
    fn a_claim_that_nobody_touches_expires_and_a_touched_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let expiry = Duration::from_millis(600);
        let owner = Leases::with_expiry(folder.path(), expiry).unwrap();
        let living = owner.lease(&id(1)).unwrap();
        fs::write(folder.path().join(format!("{}.0", id(2))), "half a cl").unwrap();
        let other = Leases::with_expiry(folder.path(), expiry).unwrap();
        let both = || [1, 2].map(|k| is_ours(&other.lease(&id(k)).unwrap()));
        let touched = || {
            let path = folder.path().join(format!("{}.0", id(1)));
            fs::metadata(path).unwrap().modified().unwrap()
        };
        assert_eq!(both(), [false, false]);
        let before = touched();
        std::thread::sleep(3 * expiry);
        // On a busy machine the heartbeat may be late.
        while touched() == before {
            std::thread::sleep(expiry / 6);
        }
        assert_eq!(both(), [false, true]);
        drop(living);
        assert_eq!(both(), [true, true]);
    }
}
