//! Ranks of MPI.

use std::sync::{Mutex, OnceLock, PoisonError};

use giantstep::ranks::Ranks;
use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Root, Source};

use crate::remedy::{Remedied, Remedy};

/// The group that a launcher has started cannot be joined.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{processes} processes were started together, but MPI {reason}")]
pub struct JoinError {
    processes: usize,
    reason: String,
    library: String,
}

impl Remedied for JoinError {
    fn remedy(&self) -> Option<Remedy> {
        Some(Remedy::Launcher(self.library.clone()))
    }
}

/// All processes of MPI.
#[derive(Debug)]
struct World {
    rank: usize,
    size: usize,
}

/// Numbers in one message; MPI counts them in 32 bits.
const MOST: usize = 1 << 27;

static WORLD: OnceLock<World> = OnceLock::new();

/// Dropped by [`leave`] alone: a process that ends otherwise takes the others with it.
static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);

/// Initialises MPI for calls from one thread at a time.
///
/// # Errors
/// [`JoinError`] if this is not the MPI that has started the processes.
pub fn join(processes: usize) -> Result<&'static dyn Ranks, JoinError> {
    if let Some(world) = WORLD.get() {
        return Ok(world);
    }
    let refused = |reason: String| JoinError {
        processes,
        reason,
        library: mpi::environment::library_version().unwrap_or_default(),
    };
    let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized) else {
        return Err(refused("was initialised before".to_owned()));
    };
    let world = SimpleCommunicator::world();
    let (rank, size) = (world.rank() as usize, world.size() as usize);
    *UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(universe);
    if threading < Threading::Serialized {
        return Err(refused(format!("offers only {threading:?} threading")));
    }
    if size != processes {
        return Err(refused(format!("sees {size}")));
    }
    // A panic unwinds one process and would leave the others waiting for it.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        if crate::fence::holds() {
            return;
        }
        SimpleCommunicator::world().abort(101)
    }));
    Ok(WORLD.get_or_init(|| World { rank, size }))
}

/// Leaves the group, if this process has joined one; waits for all that belong to it, because the launcher ends them when
/// the first has left with a failure.
pub fn leave() {
    let universe = UNIVERSE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if universe.is_some() {
        SimpleCommunicator::world().barrier();
    }
}

impl Ranks for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, values: &[f64]) {
        let world = SimpleCommunicator::world();
        for piece in values.chunks(MOST) {
            world.process_at_rank(to as i32).send(piece);
        }
    }

    fn receive(&self, from: usize, values: &mut [f64]) {
        let world = SimpleCommunicator::world();
        for piece in values.chunks_mut(MOST) {
            world.process_at_rank(from as i32).receive_into(piece);
        }
    }

    fn broadcast(&self, from: usize, values: &mut [f64]) {
        let world = SimpleCommunicator::world();
        for piece in values.chunks_mut(MOST) {
            world.process_at_rank(from as i32).broadcast_into(piece);
        }
    }

    fn any(&self, flag: bool) -> bool {
        let mut any = false;
        let or = SystemOperation::logical_or();
        SimpleCommunicator::world().all_reduce_into(&flag, &mut any, or);
        any
    }
}
