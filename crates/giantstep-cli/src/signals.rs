//! How a process is asked to end: at once, or before the next run.

use std::io;
use std::sync::Arc;

use giantstep_lab::remedy::Remedy;
use giantstep_lab::work::Asked;

use crate::failed::{Failed, words};

/// What becomes of work that is dropped, as people are told it when they ask for the end.
#[derive(Debug, Clone, Copy)]
pub enum Kept {
    /// Ended runs stay in a folder; the table shows what dropped ones have measured.
    RunsAndTable,
    /// Ended runs stay in a folder.
    Runs,
    /// Nothing stays but what was told.
    Nothing,
    /// What is known by then is told.
    Known,
}

impl Kept {
    #[cfg(unix)]
    fn words(self) -> &'static str {
        match self {
            Self::RunsAndTable => {
                "stopping; ended runs are kept, of those under way the table shows the finished steps (again: stop at once)"
            }
            Self::Runs => {
                "stopping; ended runs are kept, those under way are dropped (again: stop at once)"
            }
            Self::Known => "stopping; what is known by now is printed (again: stop at once)",
            Self::Nothing => "stopping; what is under way is dropped (again: stop at once)",
        }
    }
}

/// Listens to signals: an interrupt (Ctrl-C), SIGTERM and SIGHUP drop the runs under way, a second one ends the process
/// at once; SIGUSR1, which batch systems send ahead of a time limit, lets the runs under way finish.
///
/// # Errors
/// [`Failed::Work`] if the system refuses.
pub fn listen(kept: Kept) -> Result<Arc<Asked>, Failed> {
    start(kept).map_err(|error| {
        let remedy = words(Remedy::AllowThreads);
        Failed::Work(format!(
            "cannot listen to signals: {error}\n  help: {remedy}"
        ))
    })
}

/// What was told to stop is no answer to a script, though what is known of it is told.
///
/// # Errors
/// [`Failed::Work`] if the end was asked for.
pub fn ended(asked: &Asked) -> Result<(), Failed> {
    match asked.to_end() {
        true => Err(Failed::Work(
            "interrupted; what was not known by then is missing".to_owned(),
        )),
        false => Ok(()),
    }
}

/// Batch systems ask a job's script and its processes at the same time, and the script asks its processes: within this
/// time it is one wish.
#[cfg(unix)]
const ONE_WISH: std::time::Duration = std::time::Duration::from_millis(200);

#[cfg(unix)]
fn start(kept: Kept) -> io::Result<Arc<Asked>> {
    use std::time::Instant;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    use signal_hook::iterator::Signals;

    use crate::note::note;

    let asked = Arc::new(Asked::default());
    let told = Arc::clone(&asked);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    let listen = move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            match (signal, first) {
                (SIGUSR1, _) => {
                    told.ask_to_wind_down();
                    note("\nending after the runs under way");
                }
                (_, Some(first)) if first.elapsed() > ONE_WISH => {
                    // Without the handlers of the end of a process, which may wait for what is to be ended.
                    signal_hook::low_level::exit(128 + signal);
                }
                (_, Some(_)) => {}
                (_, None) => {
                    first = Some(Instant::now());
                    told.ask_to_stop();
                    note(format_args!("\n{}", kept.words()));
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)?;
    Ok(asked)
}

/// An interrupt (Ctrl-C) alone.
#[cfg(not(unix))]
fn start(_kept: Kept) -> io::Result<Arc<Asked>> {
    use std::sync::atomic::{AtomicBool, Ordering};

    use signal_hook::consts::SIGINT;

    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(Asked::default());
    signal_hook::flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&stop))?;
    signal_hook::flag::register(SIGINT, Arc::clone(&stop))?;
    let told = Arc::clone(&asked);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            told.ask_to_stop();
        })?;
    Ok(asked)
}
