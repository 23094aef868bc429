//! Prints how fast one giant step of random networks is: `sweep_speed [fraction of the rows] [name, precision]`.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use giantstep::activation::Activation;
use giantstep::batch::{
    Access, BatchId, Context, Direct, DirectionsLaw, Engine, InLaw, Purpose, Role, Stream,
};
use giantstep::expr::Link;
use giantstep::labels::{Labels, RemovedPart, Target};
use giantstep::peak::peak;
use giantstep::real::Real;
use giantstep::spec::Precision;
use giantstep::train::{Loss, StepContext, gradient};

/// The best of a few repetitions: seconds by the clock, and of all cores together.
fn best(mut work: impl FnMut()) -> (f64, f64) {
    let times = (0..3).map(|_| {
        let (start, used) = (Instant::now(), processor_time());
        work();
        (start.elapsed().as_secs_f64(), processor_time() - used)
    });
    times.fold((f64::INFINITY, f64::INFINITY), |a, b| {
        (a.0.min(b.0), a.1.min(b.1))
    })
}

/// User and system time of this process, in steps of 10 ms; other work on the machine hardly changes it.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    let ticks = fields.skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap_or(f64::NAN))
        .sum::<f64>()
        / 100.0
}

fn resident_peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}

struct Size {
    name: &'static str,
    dimension: u64,
    width: usize,
    rows: u64,
    r: usize,
}

fn step<E: Engine>(size: &Size, precision: Precision, engine: impl Fn() -> E, in_law: bool) {
    if std::env::args()
        .nth(2)
        .is_some_and(|only| only != format!("{}, {precision:?}", size.name))
    {
        return;
    }
    let stop = AtomicBool::new(false);
    let context = Context {
        stop: &stop,
        progress: &|_| {},
    };
    let id = BatchId {
        purpose: Purpose::Training,
        index: 0,
    };
    let text = std::env::var("ACTIVATION").unwrap_or_else(|_| "relu(x)".into());
    let activation = Activation::parse(&text).expect("an activation");
    let target = Target {
        link: Link::parse("z1", Some(size.r)).expect("a link"),
        r: size.r,
        noise: 0.0,
    };
    let second = vec![1.0 / (size.width as f64).sqrt(); size.width];
    let threads = rayon::current_num_threads();
    let before = peak(precision, threads);
    let one = peak(precision, 1);
    let mut q = 0;
    let (seconds, used) = best(|| {
        let mut engine = engine();
        let directions = engine.target(size.r);
        let first = engine.gaussian(size.width);
        q = directions.columns().max(first.columns());
        let mut batch = engine.open(id, size.rows, Access::Once);
        let step = StepContext {
            activation: &activation,
            second: &second,
            labels: Labels {
                target: &target,
                directions: &directions,
                seed: 1,
            },
            removed: &RemovedPart::nothing(),
            id,
            rows: size.rows,
            context,
        };
        gradient(&first, Loss::Squared, None, &mut engine, &mut batch, step).expect("not stopped");
    });
    // Other work on the machine can only lower what is measured.
    let peak = before.max(peak(precision, threads));
    let p = size.width as f64;
    let gram = if in_law { p * p } else { 0.0 };
    let flops = 2.0 * size.rows as f64 * (q as f64 * (2.0 * p + size.r as f64) + gram);
    let speed = flops / seconds * 1e-9;
    let mut normals = vec![E::Real::from_f64(0.0); 384 * q];
    let (panel, _) =
        best(|| Stream::new(1, Role::Batch(Purpose::Test), 0, 0).fill_normal(&mut normals));
    let generation = panel / 384.0 * size.rows as f64 / used;
    println!(
        "{:24} {precision:?} {seconds:8.3} s {speed:7.1} GFLOP/s {:5.1} % of peak, {:5.1} % by processor time, generation {:4.1} %, {:.0} MB",
        size.name,
        100.0 * speed / peak,
        100.0 * flops / used * 1e-9 / one,
        100.0 * generation,
        resident_peak(),
    );
}

fn main() {
    let fraction: f64 = std::env::args()
        .nth(1)
        .map_or(1.0, |text| text.parse().expect("a number"));
    let rows = |n: f64| (n * fraction) as u64;
    let size = |name, dimension, width, n, r| Size {
        name,
        dimension,
        width,
        rows: rows(n),
        r,
    };
    println!(
        "peak of one core {:.1} GFLOP/s, of all {:.1}",
        peak(Precision::F32, 1),
        peak(Precision::F32, rayon::current_num_threads())
    );
    let direct = [
        size("d 1000, p 512", 1000, 512, 1e5, 2),
        size("d 500, p 1000", 500, 1000, 2.5e5, 2),
        size("d 1000, p 64", 1000, 64, 1e5, 2),
        size("d 64, p 64", 64, 64, 1e6, 2),
    ];
    for size in &direct {
        let law = DirectionsLaw::Canonical;
        step(
            size,
            Precision::F32,
            || Direct::<f32>::new(size.dimension as usize, law, 1),
            false,
        );
    }
    for (p, r) in [(64, 2), (126, 4)] {
        let size = size(
            if p == 64 {
                "in law, p 64"
            } else {
                "in law, p 126"
            },
            1_000_000,
            p,
            1e6,
            r,
        );
        step(
            &size,
            Precision::F32,
            || InLaw::<f32>::new(size.dimension, 1),
            true,
        );
    }
    for size in &direct {
        let law = DirectionsLaw::Canonical;
        step(
            size,
            Precision::F64,
            || Direct::<f64>::new(size.dimension as usize, law, 1),
            false,
        );
    }
    let size = size("in law, p 64", 1_000_000, 64, 1e6, 2);
    step(
        &size,
        Precision::F64,
        || InLaw::<f64>::new(size.dimension, 1),
        true,
    );
}
