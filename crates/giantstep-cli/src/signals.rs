//! How a process is asked to end: at once, or before the next run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the process was asked to do; shared with everything that works.
#[derive(Debug, Default)]
pub struct Asked {
    /// Drop what is under way at the next block of rows.
    pub stop: AtomicBool,
    /// Begin no further run.
    pub wind_down: AtomicBool,
}

impl Asked {
    /// Whether no further run is to begin.
    pub fn to_end(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.wind_down.load(Ordering::Relaxed)
    }

    /// Asks for an end at once.
    pub fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Asks to begin no further run.
    pub fn ask_to_wind_down(&self) {
        self.wind_down.store(true, Ordering::Relaxed);
    }
}

/// Listens to signals: an interrupt (Ctrl-C), SIGTERM and SIGHUP drop the runs under way, a second interrupt ends the
/// process at once; SIGUSR1, which batch systems send ahead of a time limit, lets the runs under way finish.
///
/// # Errors
/// The system refused.
#[cfg(unix)]
pub fn listen() -> io::Result<Arc<Asked>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    use signal_hook::iterator::Signals;

    let asked = Arc::new(Asked::default());
    let told = Arc::clone(&asked);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    let listen = move || {
        for signal in signals.forever() {
            match signal {
                SIGUSR1 => {
                    told.ask_to_wind_down();
                    eprintln!("\nending after the runs under way");
                }
                SIGINT if told.stop.load(Ordering::Relaxed) => std::process::exit(1),
                _ => {
                    told.ask_to_stop();
                    eprintln!("\nstopping; finished steps are kept (again: stop at once)");
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)?;
    Ok(asked)
}

/// Listens to an interrupt (Ctrl-C), which drops the runs under way.
///
/// # Errors
/// The system refused.
#[cfg(not(unix))]
pub fn listen() -> io::Result<Arc<Asked>> {
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
