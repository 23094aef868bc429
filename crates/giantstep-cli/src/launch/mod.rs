//! The processes that share a run: this one alone, or all that an MPI launcher has started.
//!
//! The group is joined by the commands that run experiments, and only if a launcher has started more than one process: a
//! program built with the feature `mpi` runs plainly as well.

use std::env;
use std::ffi::OsString;
use std::sync::OnceLock;

use giantstep::ranks::{Alone, Ranks};
use giantstep_lab::plan::Machine;
use giantstep_lab::work::{Asked, Observer, Session};

use crate::failed::Failed;

/// The processes that share the runs of this one.
///
/// # Errors
/// [`Failed::Input`] on the first process of a group if this program cannot share, [`Failed::Elsewhere`] on the others.
pub fn join() -> Result<&'static dyn Ranks, Failed> {
    match launched() {
        0 | 1 => Ok(&Alone),
        processes => joined(processes),
    }
}

/// The words with which a script calls this program again.
static ITSELF: OnceLock<Vec<OsString>> = OnceLock::new();

/// Sets the words with which a script calls this program again; the first call counts.
pub fn call_again_as(words: Vec<OsString>) {
    ITSELF.get_or_init(|| words);
}

/// The words with which a script calls this program again.
pub fn itself() -> &'static [OsString] {
    ITSELF.get().map_or(&[], Vec::as_slice)
}

/// A whole number in the environment.
fn number(name: &str) -> Option<usize> {
    env::var(name).ok()?.parse().ok()
}

/// The number of processes that a launcher has started as one group.
fn launched() -> usize {
    // With PMIx it is the resource manager that tells the size.
    let managed = || number("PMIX_RANK").and_then(|_| number("SLURM_STEP_NUM_TASKS"));
    number("OMPI_COMM_WORLD_SIZE")
        .or_else(|| number("PMI_SIZE"))
        .or_else(managed)
        .unwrap_or(1)
}

/// The number of these processes on this machine.
fn local() -> usize {
    let spread = || number("SLURM_STEP_NUM_NODES").map(|nodes| launched().div_ceil(nodes.max(1)));
    let local = number("OMPI_COMM_WORLD_LOCAL_SIZE")
        .or_else(|| number("MPI_LOCALNRANKS"))
        .or_else(spread);
    local.unwrap_or_else(launched).max(1)
}

/// What the runs of this process have for themselves.
pub fn machine(ranks: &dyn Ranks) -> Machine {
    Machine {
        cores: cores(),
        ranks: ranks.size(),
    }
}

/// What accompanies the work of these processes.
pub fn session<'a>(
    asked: &'a Asked,
    observer: &'a dyn Observer,
    ranks: &'a dyn Ranks,
) -> Session<'a> {
    Session {
        machine: machine(ranks),
        asked,
        observer,
        ranks,
    }
}

/// The cores that this process may keep busy: all that it may run on, or its part of them where the ranks of this
/// machine cannot all have as many.
pub fn cores() -> usize {
    let here = std::thread::available_parallelism().map_or(1, usize::from);
    // A batch system may grant fewer than it lets a process run on.
    let allowed = number("SLURM_CPUS_PER_TASK").map_or(here, |granted| granted.clamp(1, here));
    part(allowed, local(), online().unwrap_or(allowed))
}

fn part(allowed: usize, local: usize, online: usize) -> usize {
    if allowed * local <= online {
        allowed
    } else {
        (allowed / local).max(1)
    }
}

/// The cores of this machine, where the system tells, or those of the job.
fn online() -> Option<usize> {
    number("SLURM_CPUS_ON_NODE").or_else(|| {
        let text = std::fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
        let bounds = |range: &str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(last.parse::<usize>().ok()? + 1 - first.parse::<usize>().ok()?)
        };
        text.trim().split(',').map(bounds).sum()
    })
}

/// Makes a failure of one rank the failure of all: the first rank that failed keeps its reason and tells it.
///
/// # Errors
/// Those of `result`; [`Failed::Elsewhere`] if it is another rank that tells.
pub fn together<T>(ranks: &dyn Ranks, result: Result<T, Failed>) -> Result<T, Failed> {
    for rank in 0..ranks.size() {
        let code = result.as_ref().err().map_or(0, Failed::code);
        let mut code = [f64::from(code)];
        ranks.broadcast(rank, &mut code);
        if code[0] > 0.0 {
            return match rank == ranks.rank() {
                true => result,
                false => Err(Failed::Elsewhere(code[0] as u8)),
            };
        }
    }
    result
}

/// Leaves the group, if there is one.
pub fn leave() {
    #[cfg(feature = "mpi")]
    giantstep_lab::mpi::leave();
}

#[cfg(feature = "mpi")]
fn joined(processes: usize) -> Result<&'static dyn Ranks, Failed> {
    giantstep_lab::mpi::join(processes).map_err(Failed::work)
}

#[cfg(not(feature = "mpi"))]
fn joined(processes: usize) -> Result<&'static dyn Ranks, Failed> {
    let rank = number("OMPI_COMM_WORLD_RANK")
        .or_else(|| number("PMIX_RANK"))
        .or_else(|| number("PMI_RANK"));
    if rank.is_some_and(|rank| rank > 0) {
        return Err(Failed::Elsewhere(2));
    }
    Err(Failed::Input(format!(
        "{processes} processes were started together, but this program is built without MPI and each of them would do \
         all of the work\n  help: start one process, or build with `cargo build --release --features mpi`"
    )))
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn ranks_of_one_machine_share_its_cores() {
        // Bound to disjoint cores; free to run on all; more ranks than cores; two sockets of 32.
        for (allowed, local, online, own) in [
            (8, 8, 64, 8),
            (64, 4, 64, 16),
            (2, 4, 2, 1),
            (32, 2, 64, 32),
            (16, 1, 64, 16),
        ] {
            assert_eq!(part(allowed, local, online), own);
        }
    }
}
