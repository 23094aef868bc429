//! How a process is asked to end: at once, or before the next run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use giantstep_lab::work::Asked;

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
