//! `giantstep bench`: what a step costs here, as a share of the measured peak, or beside the same step of another library.

mod peers;

use std::fs;
use std::time::Instant;

use clap::{Args, ValueEnum};
use giantstep::activation::Activation;
use giantstep::batch::EngineKind;
use giantstep::expr::ExprError;
use giantstep::kernels::{Kernel, normals};
use giantstep::ranks::Alone;
use giantstep::real::Precision;

use self::peers::{Compared, Peer, ROUNDS};
use super::print;
use crate::failed::Failed;
use crate::launch::machine;
use crate::render::{self, aligned};
use giantstep_lab::drive::{Manner, drive};
use giantstep_lab::keep::Memory;
use giantstep_lab::load::peak;
use giantstep_lab::plan::{Plan, Scale};
use giantstep_lab::work::{Asked, Session};

/// `giantstep bench [--engine direct|in_law] [--against numpy|torch|jax] [--scale F] [--json]`
#[derive(Debug, Args)]
pub struct Bench {
    /// The engine whose stages are timed.
    #[arg(long, value_enum, default_value = "direct")]
    engine: BenchEngine,
    /// The activation.
    #[arg(long, default_value = "relu(x)")]
    activation: String,
    /// All batches this many times as large.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Only stages whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Time the same step by blocks of rows in this library too, in turn, each in a process of its own.
    #[arg(long, value_enum)]
    against: Option<Peer>,
    /// The Python that has it.
    #[arg(long, default_value = "python3", requires = "against")]
    python: String,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum BenchEngine {
    Direct,
    InLaw,
}

/// One timed stage.
#[derive(Debug, serde::Serialize)]
struct Stage {
    name: String,
    engine: &'static str,
    precision: Precision,
    d: u64,
    p: usize,
    n: u64,
    seconds: f64,
    /// Of the matrix products; generation and elementwise work count as time alone.
    gflops: f64,
    /// Fused multiply-adds on registers, all cores, measured beside the stage.
    peak_gflops: f64,
    fraction_of_peak: f64,
    /// Time to draw the inputs alone, over the time of the stage.
    generation_share: f64,
    /// Processor time of all threads over `cores x seconds`: below 1 where the machine was busy elsewhere.
    cores_had: f64,
    peak_rss_mb: f64,
}

impl Bench {
    pub(super) fn execute(self) -> Result<(), Failed> {
        if !(self.scale > 0.0 && self.scale.is_finite()) {
            return Err(Failed::Input(format!(
                "--scale {}: give a positive number",
                self.scale
            )));
        }
        let activation = Activation::parse(&self.activation)
            .map_err(|error| Failed::Input(format!("--activation: {error}")))?;
        if let Some(peer) = self.against {
            return self.compare(peer, &activation);
        }
        let mut stages = Vec::new();
        for (name, kernel) in self.kernels() {
            stages.push(step(kernel, name.to_owned(), &activation)?);
        }
        let run = "three steps with metrics";
        if self.engine == BenchEngine::InLaw && self.asks(run) {
            stages.push(whole_run(run, (1e6 * self.scale) as u64)?);
        }
        self.tell(&stages, table)
    }

    /// Whether a stage of this name is asked for.
    fn asks(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }

    /// Times ours and the peer's in turn.
    fn compare(&self, peer: Peer, activation: &Activation) -> Result<(), Failed> {
        if self.engine == BenchEngine::InLaw || self.activation != "relu(x)" {
            return Err(Failed::Input(
                "--against times explicit inputs and relu(x): leave out --engine and --activation"
                    .to_owned(),
            ));
        }
        let mut compared = Vec::new();
        for (name, kernel) in self.kernels() {
            let mut best: Option<Compared> = None;
            for _ in 0..ROUNDS {
                let theirs = peers::time(peer, &self.python, kernel)?;
                let ours = step(kernel, name.to_owned(), activation)?;
                best = Some(match best {
                    None => Compared::new(ours, theirs),
                    Some(best) => best.or(ours, theirs),
                });
            }
            compared.extend(best);
        }
        self.tell(&compared, peers::table)
    }

    fn tell<S: serde::Serialize>(
        &self,
        stages: &[S],
        table: fn(&[S]) -> String,
    ) -> Result<(), Failed> {
        if self.json {
            let json = serde_json::to_string_pretty(&serde_json::json!({ "stages": stages }))
                .map_err(Failed::work)?;
            return print(&format!("{json}\n"));
        }
        print(&table(stages))
    }

    /// The gradients, each timed as the best of three.
    fn kernels(&self) -> Vec<(&'static str, Kernel)> {
        let engine = match self.engine {
            BenchEngine::Direct => EngineKind::Direct,
            BenchEngine::InLaw => EngineKind::InLaw,
        };
        let size = |name, dimension, width, n: f64, precision| {
            let kernel = Kernel {
                engine,
                precision,
                dimension,
                width,
                rows: (n * self.scale).max(1.0) as u64,
            };
            (name, kernel)
        };
        use Precision::{F32, F64};
        let mut stages = match self.engine {
            BenchEngine::Direct => vec![
                size("main", 1000, 512, 1e5, F32),
                size("wide", 500, 1000, 2.5e5, F32),
                size("narrow", 1000, 64, 1e5, F32),
                size("main in double", 1000, 512, 1e5, F64),
                size("half of n", 1000, 512, 5e4, F32),
                size("half of d", 500, 512, 1e5, F32),
                size("half of p", 1000, 256, 1e5, F32),
            ],
            BenchEngine::InLaw => vec![
                size("d = 10^4", 10_000, 64, 1e6, F32),
                size("d = 10^6", 1_000_000, 64, 1e6, F32),
                size("d = 10^9", 1_000_000_000, 64, 1e6, F32),
                size("half of n", 1_000_000, 64, 5e5, F32),
                size("double precision", 1_000_000, 64, 1e6, F64),
                size("n = 10^8", 1_000_000, 16, 1e8, F32),
            ],
        };
        stages.retain(|(name, _)| self.asks(name));
        stages
    }
}

/// Times one gradient of random weights.
fn step(kernel: Kernel, name: String, activation: &Activation) -> Result<Stage, Failed> {
    let mut row = None;
    let timed = Timed::best(kernel.precision, 3, || {
        row = Some(kernel.gradient(activation)?);
        Ok::<(), ExprError>(())
    })
    .map_err(Failed::work)?;
    let rows = kernel.rows as f64;
    let (flops, generation) = row.map_or((f64::NAN, f64::NAN), |row| {
        let flops = 2.0 * rows * row.multiplications as f64;
        (flops, rows * generation(kernel.precision, row.coordinates))
    });
    Ok(timed.stage(name, kernel, flops, generation))
}

/// Processor seconds to draw one row of `q` normals.
fn generation(precision: Precision, q: usize) -> f64 {
    const ROWS: usize = 384;
    let mut best = f64::INFINITY;
    for block in 0..3 {
        let start = Instant::now();
        normals(precision, ROWS * q, block);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best / ROWS as f64
}

/// Times a whole run of the in-law engine at d = n.
fn whole_run(name: &str, n: u64) -> Result<Stage, Failed> {
    const WIDTH: usize = 64;
    let activation = Activation::parse("relu(x)").map_err(Failed::work)?;
    let text = format!(
        "[target]\nlink = \"z1 + z1*z2\"\n[network]\nwidth = {WIDTH}\n[protocol]\ndimension = {n}\nbatch = {n}\n\
         steps = 3\nstep_size = \"2*p\"\n[readout]\nafter = \"never\"\n[evaluation]\ntest_samples = 10000\n\
         [run]\nengine = \"in_law\"\n"
    );
    let plan = Plan::read(&text, "bench", &[], Scale::Full).map_err(Failed::work)?;
    let jobs = plan.jobs(machine(&Alone)).map_err(Failed::work)?;
    let asked = Asked::default();
    let session = Session::alone(jobs.machine.cores, &asked);
    let timed = Timed::best(Precision::F32, 3, || {
        drive(&jobs, &Memory::default(), Manner::default(), &session).map(drop)
    })
    .map_err(Failed::work)?;
    let kernel = Kernel {
        engine: EngineKind::InLaw,
        precision: Precision::F32,
        dimension: n,
        width: WIDTH,
        rows: n,
    };
    // Every step sees as many coordinates as the first, and they are as triangular.
    let one = Kernel { rows: 1, ..kernel };
    let row = one.gradient(&activation).map_err(Failed::work)?;
    let flops = 3.0 * 2.0 * n as f64 * row.multiplications as f64;
    let generation = 3.0 * n as f64 * generation(Precision::F32, row.coordinates);
    Ok(timed.stage(name.to_owned(), kernel, flops, generation))
}

/// The best of several repetitions.
struct Timed {
    seconds: f64,
    processor: f64,
    peak: f64,
    rss: f64,
}

impl Timed {
    fn best<Error>(
        precision: Precision,
        times: usize,
        mut work: impl FnMut() -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let cores = machine(&Alone).cores;
        // Other work on the machine can only lower what is measured: the best of before and after is nearest.
        let mut best = Self {
            seconds: f64::INFINITY,
            processor: 0.0,
            peak: peak(precision, cores),
            rss: 0.0,
        };
        // Linux starts the high-water mark of memory anew when asked to; elsewhere it covers earlier stages too.
        let _ = fs::write("/proc/self/clear_refs", "5");
        for _ in 0..times {
            let (start, used) = (Instant::now(), processor_seconds());
            work()?;
            let (seconds, used) = (start.elapsed().as_secs_f64(), processor_seconds() - used);
            if seconds < best.seconds {
                (best.seconds, best.processor) = (seconds, used);
            }
        }
        best.rss = status("VmHWM:").unwrap_or(f64::NAN);
        best.peak = best.peak.max(peak(precision, cores));
        Ok(best)
    }

    fn stage(self, name: String, kernel: Kernel, flops: f64, generation: f64) -> Stage {
        let cores = machine(&Alone).cores as f64;
        let gflops = flops / self.seconds * 1e-9;
        Stage {
            name,
            engine: kernel.engine.name(),
            precision: kernel.precision,
            d: kernel.dimension,
            p: kernel.width,
            n: kernel.rows,
            seconds: self.seconds,
            gflops,
            peak_gflops: self.peak,
            fraction_of_peak: gflops / self.peak,
            generation_share: generation / (cores * self.seconds),
            cores_had: self.processor / (cores * self.seconds),
            peak_rss_mb: self.rss,
        }
    }
}

/// Processor time of all threads, in steps of 10 ms; not a number where the system does not tell.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return f64::NAN;
    };
    fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap_or(f64::NAN))
        .sum::<f64>()
        / 100.0
}

/// A line of the process's status, in MB.
fn status(name: &str) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

fn table(stages: &[Stage]) -> String {
    let header = [
        "seconds",
        "GFLOP/s",
        "peak",
        "of peak",
        "generation",
        "cores had",
        "memory",
    ];
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let lines = stages.iter().map(|stage| {
        [
            format!("{:.3}", stage.seconds),
            format!("{:.0}", stage.gflops),
            format!("{:.0}", stage.peak_gflops),
            percent(stage.fraction_of_peak),
            percent(stage.generation_share),
            percent(stage.cores_had),
            format!("{:.0} MB", stage.peak_rss_mb),
        ]
    });
    beside_sizes(&header, stages.iter().zip(lines))
}

/// A table of stages: name, precision and sizes of each, and what else is told of it.
fn beside_sizes<'a, const N: usize>(
    header: &[&str; N],
    lines: impl Iterator<Item = (&'a Stage, [String; N])>,
) -> String {
    let header = [&["stage", "precision", "d", "p", "n"], &header[..]].concat();
    let lines = lines.map(|(stage, more)| {
        let precision = match stage.precision {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        };
        let sizes = [
            stage.name.clone(),
            precision.to_owned(),
            render::count(stage.d),
            stage.p.to_string(),
            render::count(stage.n),
        ];
        sizes.into_iter().chain(more).collect()
    });
    aligned(&header, lines)
}
