//! The runs of a plan, made once: what each is, and what it will take on this machine.

use giantstep::batch::EngineKind;
use giantstep::cost::{Cost, RunCost};
use giantstep::setup::EngineChoice;
use giantstep::spec::Checked;

use super::{Plan, Point};
use crate::remedy::{Remedied, Remedy};
use crate::words;

/// What the runs of a plan have for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Cores that this process may keep busy.
    pub cores: usize,
    /// Processes that share each run.
    pub ranks: usize,
}

impl Machine {
    /// The number of threads that a point asks for.
    pub fn threads(self, checked: &Checked) -> usize {
        match checked.setup.limits.threads {
            0 => self.cores,
            threads => threads,
        }
    }
}

/// A run that needs more memory than it is allowed.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "run.memory_limit = {}: the point{point} needs about {} on the {} engine",
    words::bytes(*limit), words::bytes(*needed), engine.name()
)]
pub struct MemoryError {
    /// The settings of the point, or empty.
    pub point: String,
    /// The engine it would run on.
    pub engine: EngineKind,
    /// Bytes predicted.
    pub needed: u64,
    /// Bytes allowed.
    pub limit: u64,
    /// What to do.
    pub remedy: &'static str,
}

impl Remedied for MemoryError {
    fn remedy(&self) -> Option<Remedy> {
        Some(Remedy::Other(self.remedy.to_owned()))
    }
}

/// Bytes of what a run records, besides the run itself.
fn recording(cost: &Cost) -> f64 {
    // Of the step under way; in its file; cosines of neurons that figures show; as row, mean and line.
    let counted = [
        (56.0, cost.widest),
        (5.0, cost.recorded),
        (160.0, cost.drawn),
        (600.0, cost.shared),
    ];
    let bytes: f64 = counted
        .iter()
        .map(|(each, count)| each * *count as f64)
        .sum();
    // The pixels of panels with neurons, twice 16 MB, and the tree they are drawn from, beside what the runs have left behind.
    bytes + if cost.drawn > 0 { 50e6 } else { 0.0 }
}

/// One run of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The point.
    pub point: &'a Point,
    /// Its number, from 0.
    pub index: usize,
    /// The seed.
    pub seed: u64,
    /// What it will take.
    pub cost: RunCost,
}

impl Job<'_> {
    /// The run in numbers that another rank with the same plan understands.
    pub fn as_numbers(&self) -> [u64; 3] {
        [self.index as u64, self.seed, self.cost.engine as u64]
    }
}

/// All runs of a plan, by point and seed.
#[derive(Debug, Clone)]
pub struct Jobs<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What they have for themselves.
    pub machine: Machine,
    /// The runs in order.
    pub list: Vec<Job<'a>>,
}

/// What the runs of a plan will take on a machine, by point: [`Jobs`] without the plan.
#[derive(Debug, Clone)]
pub struct Costs {
    machine: Machine,
    of_point: Vec<RunCost>,
}

impl Costs {
    /// All runs of the plan that they are of, by point and seed.
    pub fn jobs<'a>(&self, plan: &'a Plan) -> Jobs<'a> {
        let points = plan.points.iter().zip(&self.of_point).enumerate();
        let list = points.flat_map(|(index, (point, cost))| {
            let seeds = point.checked.seeds.clone();
            seeds.map(move |seed| Job {
                point,
                index,
                seed,
                cost: *cost,
            })
        });
        Jobs {
            plan,
            machine: self.machine,
            list: list.collect(),
        }
    }
}

impl Plan {
    /// What the runs of each point will take.
    ///
    /// # Errors
    /// [`MemoryError`] if one does not fit into its limit.
    pub fn costs(&self, machine: Machine) -> Result<Costs, MemoryError> {
        let of_point = self.points.iter().map(|point| point.cost(machine));
        Ok(Costs {
            machine,
            of_point: of_point.collect::<Result<_, _>>()?,
        })
    }

    /// All runs of the plan, by point and seed, with what each will take.
    ///
    /// # Errors
    /// [`MemoryError`] if one does not fit into its limit.
    pub fn jobs(&self, machine: Machine) -> Result<Jobs<'_>, MemoryError> {
        Ok(self.costs(machine)?.jobs(self))
    }
}

impl<'a> Jobs<'a> {
    /// The runs of a point, by its number from 0; O(log of the number of runs).
    pub fn of_point(&self, index: usize) -> &[Job<'a>] {
        let begins = self.list.partition_point(|job| job.index < index);
        let ends = self.list.partition_point(|job| job.index <= index);
        &self.list[begins..ends]
    }

    /// The run that these numbers of another rank stand for; none if the plan has no such point.
    pub fn from_numbers(&self, [index, seed, engine]: [u64; 3]) -> Option<Job<'a>> {
        let index = usize::try_from(index).ok()?;
        let point = self.plan.points.get(index)?;
        let cost = point.cost(self.machine).ok()?;
        // The choice of the engine depends on the number of threads, which may differ.
        let cost = if cost.engine as u64 == engine {
            cost
        } else {
            cost.swapped()
        };
        Some(Job {
            point,
            index,
            seed,
            cost,
        })
    }
}

impl Point {
    /// The engine and cost of one run of a point; the memory is that of one rank, the engine what one process would take, so
    /// that results do not depend on the number of ranks.
    ///
    /// # Errors
    /// [`MemoryError`] if it does not fit into the memory limit.
    pub fn cost(&self, machine: Machine) -> Result<RunCost, MemoryError> {
        let setup = &self.checked.setup;
        let limit = setup.limits.memory;
        let mut found = RunCost::on_threads(setup, machine.threads(&self.checked));
        for cost in std::iter::once(&mut found.cost).chain(&mut found.other) {
            cost.memory = cost.memory_on(machine.ranks) + recording(cost);
        }
        if found.cost.memory > limit as f64 {
            let remedy = match setup.engine {
                EngineChoice::Auto => "raise run.memory_limit, or choose smaller n, d or p",
                _ if found
                    .other
                    .is_some_and(|other| other.memory <= limit as f64) =>
                {
                    "the other engine fits: set run.engine = \"auto\""
                }
                _ => "raise run.memory_limit, or choose smaller n, d or p",
            };
            return Err(MemoryError {
                point: self.described(),
                engine: found.engine,
                needed: found.cost.memory as u64,
                limit,
                remedy,
            });
        }
        Ok(found)
    }

    /// ` (key = value, ...)`, or nothing for a plan without a sweep.
    pub fn described(&self) -> String {
        if self.settings.is_empty() {
            return String::new();
        }
        let settings: Vec<String> = self.settings.iter().map(ToString::to_string).collect();
        format!(" ({})", settings.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Scale;

    #[test]
    fn the_runs_of_a_point_are_those_of_its_seeds() {
        let file = r#"
            target.link = "z1"
            network.width = 4
            protocol = { dimension = 20, steps = 1, batch = 30, step_size = "p" }
            run = { seeds = 3, first_seed = 5 }
            sweep = [{ key = "target.noise", values = [0.0, 0.1, 0.2] }]
        "#;
        let plan = Plan::read(file, "file", &[], Scale::Full).unwrap();
        let jobs = plan.jobs(Machine { cores: 1, ranks: 1 }).unwrap();
        for index in 0..3 {
            let runs = jobs.of_point(index).iter();
            let found: Vec<_> = runs.map(|job| (job.index, job.seed)).collect();
            assert_eq!(found, [(index, 5), (index, 6), (index, 7)]);
        }
        assert!(jobs.of_point(3).is_empty());
    }
}
