//! How the runs of a plan share the cores: many at once with a thread each, or one after another with all of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use giantstep::measurement::Measurement;
use giantstep::watch::{self, Watch};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::session::{Event, Session, Task};
use crate::plan::{Job, Machine};
use crate::remedy::{Remedied, Remedy};

/// The threads of a pool could not be started.
#[derive(Debug, thiserror::Error)]
#[error("run.threads = {threads}: {source}")]
pub struct WorkError {
    /// As asked for.
    threads: usize,
    /// What the library or the system said.
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Remedied for WorkError {
    fn remedy(&self) -> Option<Remedy> {
        Some(Remedy::AllowThreads)
    }
}

/// The part of ideal speed that threads inside one run reach.
const INSIDE: f64 = 0.9;
/// Runs of less work than this (flops) are not worth more than one thread.
const SMALL: f64 = 2e9;

/// Runs by number: those that get all threads, one after another, and those that get one thread each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Split {
    one_by_one: Vec<usize>,
    side_by_side: Vec<usize>,
}

/// Memory that the runs take at most at the same time, in bytes, by the cost model.
pub fn peak_memory(jobs: &[Job<'_>], machine: Machine) -> f64 {
    let threads = threads_of(jobs, machine);
    let split = shared_out(jobs, threads);
    let most = |runs: &[usize]| runs.iter().map(|run| own(&jobs[*run])).fold(0.0, f64::max);
    let workers = threads.min(split.side_by_side.len());
    given(jobs) + most(&split.one_by_one).max(workers as f64 * most(&split.side_by_side))
}

/// Memory of one run beside the rows that all share, in bytes.
fn own(job: &Job<'_>) -> f64 {
    job.cost.cost.memory - job.cost.cost.given
}

/// Memory of the rows that all runs share.
fn given(jobs: &[Job<'_>]) -> f64 {
    jobs.iter()
        .map(|job| job.cost.cost.given)
        .fold(0.0, f64::max)
}

/// The number of threads that jobs ask for.
fn threads_of(jobs: &[Job<'_>], machine: Machine) -> usize {
    jobs.iter()
        .map(|job| machine.threads(&job.point.checked))
        .max()
        .unwrap_or(1)
}

fn shared_out(jobs: &[Job<'_>], threads: usize) -> Split {
    let limit = jobs
        .iter()
        .map(|job| job.point.checked.setup.limits.memory)
        .min()
        .unwrap_or(0);
    let cost = |job: &Job<'_>| (job.cost.cost.equivalent_flops(), own(job));
    split(
        &jobs.iter().map(cost).collect::<Vec<_>>(),
        threads,
        limit as f64 - given(jobs),
    )
}

/// Divides runs of these costs (flops, bytes) over the threads. The largest run one by one, as long as a thread for
/// each of the rest would take longer than all threads for each, or more memory than `limit`. Cost: a sort and one pass.
fn split(costs: &[(f64, f64)], threads: usize, limit: f64) -> Split {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by(|a, b| costs[*b].0.total_cmp(&costs[*a].0));
    let mut rest: f64 = costs.iter().map(|cost| cost.0).sum();
    let width = threads as f64;
    // The most memory of each run in this order and those behind it.
    let mut most: Vec<f64> = order.iter().map(|run| costs[*run].1).collect();
    for run in (1..most.len()).rev() {
        most[run - 1] = most[run - 1].max(most[run]);
    }
    let mut large = 0;
    while let Some(flops) = order.get(large).map(|run| costs[*run].0) {
        let spread = (rest / width).max(flops);
        let fits = most[large] * width <= limit;
        if threads > 1 && fits && (flops < SMALL || spread <= rest / (width * INSIDE)) {
            break;
        }
        rest -= flops;
        large += 1;
    }
    // In the order of the plan, whose first points are looked at first.
    let side_by_side = {
        let mut rest = order.split_off(large);
        rest.sort_unstable();
        rest
    };
    order.sort_unstable();
    Split {
        one_by_one: order,
        side_by_side,
    }
}

/// Threads for one piece of work.
pub(crate) enum Pool {
    /// Its own.
    Own(ThreadPool),
    /// Whatever there is.
    Given,
}

impl Pool {
    /// Does work in it.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Self::Own(pool) => pool.install(work),
            Self::Given => work(),
        }
    }
}

/// That many threads; in a browser there are none to start.
pub(crate) fn pool(threads: usize) -> Result<Pool, WorkError> {
    if cfg!(target_family = "wasm") {
        return Ok(Pool::Given);
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map(Pool::Own).map_err(|source| WorkError {
        threads,
        source: source.into(),
    })
}

/// Passes on what one run tells.
struct Told<'a> {
    session: &'a Session<'a>,
    job: &'a Job<'a>,
}

impl watch::Observer for Told<'_> {
    fn rows_done(&self, rows: u64) {
        // Other ranks are about as far as this one.
        let units = rows * self.session.ranks.size() as u64;
        let task = Task::Runs;
        self.session.observer.event(Event::Done { task, units });
    }

    fn step_done(&self, step: u32, measured: &[Measurement]) {
        self.session.observer.event(Event::Step {
            job: self.job,
            step,
            measurements: measured,
        });
    }
}

/// Hands every job to `one`, with its number, while `go_on` says so; a wish to stop ends those under way at the next
/// block of rows. Runs that several ranks share go one by one.
///
/// # Errors
/// [`WorkError`] if threads cannot be started.
pub fn work(
    jobs: &[Job<'_>],
    session: &Session<'_>,
    go_on: &(dyn Fn() -> bool + Sync),
    one: &(dyn Fn(usize, &Job<'_>, Watch<'_>) + Sync),
) -> Result<(), WorkError> {
    let threads = threads_of(jobs, session.machine);
    let split = shared_out(jobs, threads);
    let units = jobs.iter().map(|job| job.cost.cost.rows).sum();
    session.observer.event(Event::Begins {
        task: Task::Runs,
        units,
    });
    let run = |number: usize| {
        let job = &jobs[number];
        let told = Told { session, job };
        let watch = Watch {
            stop: &session.asked.stop,
            observer: &told,
            ranks: session.ranks,
        };
        one(number, job, watch);
    };

    // A pool of one thread for each worker: within a shared pool a thread that waits for a part of its run would
    // begin another run on top of it.
    let workers = threads.min(split.side_by_side.len());
    let pools = (0..workers)
        .map(|_| pool(1))
        .collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for pool in &pools {
            let worker = || {
                while go_on() {
                    let Some(number) = split.side_by_side.get(next.fetch_add(1, Ordering::Relaxed))
                    else {
                        break;
                    };
                    pool.install(|| run(*number));
                }
            };
            let begun = std::thread::Builder::new().spawn_scoped(scope, worker);
            if let Err(error) = begun {
                next.store(split.side_by_side.len(), Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })
    .map_err(|source: std::io::Error| WorkError {
        threads,
        source: source.into(),
    })?;
    drop(pools);
    if !split.one_by_one.is_empty() {
        let pool = pool(threads)?;
        for number in split.one_by_one.iter().take_while(|_| go_on()) {
            pool.install(|| run(*number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_runs_get_a_thread_each_and_a_giant_one_all() {
        let small = vec![(1e8, 1e6); 5];
        assert_eq!(split(&small, 4, 1e9).side_by_side, [0, 1, 2, 3, 4]);
        let mut mixed = small.clone();
        mixed.insert(2, (1e12, 1e6));
        let found = split(&mixed, 4, 1e9);
        assert_eq!(
            (found.one_by_one, found.side_by_side),
            (vec![2], vec![0, 1, 3, 4, 5])
        );
    }

    #[test]
    fn many_large_runs_are_spread_and_few_are_not() {
        assert_eq!(split(&[(1e12, 1e6); 64], 4, 1e9).one_by_one, [0; 0]);
        assert_eq!(split(&[(1e12, 1e6); 3], 4, 1e9).one_by_one, [0, 1, 2]);
        assert_eq!(
            split(&[(1e12, 1e6)], 1, 1e9).one_by_one,
            [0],
            "one thread is all threads"
        );
    }

    /// In a time that grows with the square of their number this would not end within minutes.
    #[test]
    fn a_million_runs_are_divided_in_one_pass() {
        let small = vec![(1e8, 1e6); 1_000_000];
        assert_eq!(split(&small, 1, 1e9).one_by_one.len(), small.len());
        assert_eq!(split(&small, 2, 1e5).one_by_one.len(), small.len());
    }

    #[test]
    fn the_memory_of_all_runs_behind_a_large_one_counts() {
        // All flops alike: in the order of the plan, up to the last one that does not fit beside another.
        let costs = [(1e8, 1e6), (1e8, 6e8), (1e8, 2e6), (1e8, 6e8), (1e8, 1e6)];
        let found = split(&costs, 2, 1e9);
        assert_eq!(
            (found.one_by_one, found.side_by_side),
            (vec![0, 1, 2, 3], vec![4])
        );
    }

    #[test]
    fn runs_that_would_not_fit_together_go_one_by_one() {
        let costs = [(1e8, 6e8), (1e8, 1e6), (1e8, 1e6)];
        let found = split(&costs, 2, 1e9);
        assert!(found.one_by_one.contains(&0) && !found.side_by_side.contains(&0));
        assert_eq!(found.one_by_one.len() + found.side_by_side.len(), 3);
    }
}
