//! What an experiment would take, and whether the page begins it.

use std::sync::OnceLock;

use giantstep::real::Precision;
use giantstep_lab::load::speed;
use giantstep_lab::plan::{Jobs, Machine};
use giantstep_lab::words;
use giantstep_lab::work::peak_memory;

/// Where questions are answered.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// What there is to work with.
    pub machine: Machine,
    /// What one run may take of it.
    pub bounds: Bounds,
    /// How fast it is.
    pub speed: Speed,
}

/// The most that one run with all its points and seeds may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Work in seconds, by the cost model.
    pub seconds: f64,
    /// Memory in bytes, by the cost model.
    pub memory: f64,
}

/// How the time of a run is estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// From what the machine is measured to reach.
    Measured,
    /// From so many flops a second.
    Assumed(f64),
}

/// Numbers that one run records at most: they are held in memory, and sent.
const MOST_RECORDED: u64 = 200_000;

/// What the runs of a plan take on this machine, by the cost model.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Flops a second.
    pub rate: f64,
    /// All of it.
    pub seconds: f64,
    /// Bytes, of what runs at the same time.
    pub memory: f64,
    recorded: u64,
    threads: usize,
    cores: usize,
}

impl Load {
    /// By the cost model.
    pub fn of(jobs: &Jobs<'_>, speed: Speed) -> Self {
        let rate = match speed {
            Speed::Measured => rate(jobs),
            Speed::Assumed(rate) => rate,
        };
        let flops = jobs.list.iter().map(|job| job.cost.cost.equivalent_flops());
        let recorded = jobs.list.iter().map(|job| job.cost.cost.recorded);
        let threads = |job: &giantstep_lab::plan::Job<'_>| jobs.machine.threads(&job.point.checked);
        Self {
            rate,
            seconds: flops.sum::<f64>() / rate,
            memory: peak_memory(&jobs.list, jobs.machine),
            recorded: recorded.fold(0, u64::saturating_add),
            threads: jobs.list.iter().map(threads).max().unwrap_or(1),
            cores: jobs.machine.cores,
        }
    }

    /// Why it is not begun; none if it is.
    pub fn refused(&self, bounds: &Bounds) -> Option<String> {
        if self.seconds > bounds.seconds {
            return Some(format!(
                "about {} of work, and the page takes up to {} at a time: choose smaller n, d, p, steps or seeds",
                words::seconds(self.seconds),
                words::seconds(bounds.seconds)
            ));
        }
        if self.memory > bounds.memory {
            return Some(format!(
                "about {} of memory, and the page takes up to {}: choose smaller n, d or p",
                words::bytes(self.memory as u64),
                words::bytes(bounds.memory as u64)
            ));
        }
        if self.recorded > MOST_RECORDED {
            return Some(format!(
                "{} numbers would be recorded, and the page holds up to {}: record fewer steps, neurons or seeds",
                words::count(self.recorded),
                words::count(MOST_RECORDED)
            ));
        }
        (self.threads > self.cores).then(|| {
            let (threads, cores) = (self.threads, self.cores);
            format!("run.threads = {threads}, and there are {cores} cores: leave it out")
        })
    }
}

/// Flops a second that products reach here, measured once a precision.
fn rate(jobs: &Jobs<'_>) -> f64 {
    static SPEED: [OnceLock<f64>; 2] = [const { OnceLock::new() }; 2];
    let first = jobs.plan.points.first();
    let precision = first.map_or(Precision::F32, |point| point.checked.setup.precision);
    let place = match precision {
        Precision::F32 => &SPEED[0],
        Precision::F64 => &SPEED[1],
    };
    *place.get_or_init(|| speed(precision, jobs.machine))
}
