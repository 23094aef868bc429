//! A wish to stop that comes by itself when a time is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use web_time::Instant;

use super::Asked;

/// How often the time and the wishes of others are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Does work with a flag that is set when the time is over, or the end was asked for.
pub fn until<T>(time: Option<Duration>, asked: &Asked, work: impl FnOnce(&AtomicBool) -> T) -> T {
    let stop = AtomicBool::new(asked.to_end());
    let begun = Instant::now();
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        // Dropped with the work, whichever way that ends.
        let _done = done;
        let flag = &stop;
        let watch = move || {
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if asked.to_end() || time.is_some_and(|time| begun.elapsed() >= time) {
                    flag.store(true, Ordering::Relaxed);
                    return;
                }
            }
        };
        match std::thread::Builder::new().spawn_scoped(scope, watch) {
            Ok(_) => work(&stop),
            // Nobody looks at the clock, but the end can be asked for.
            Err(_) => work(&asked.stop),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_with_its_time_or_when_the_end_is_asked_for() {
        let asked = Asked::default();
        let waits = |stop: &AtomicBool| {
            let begun = Instant::now();
            while !stop.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(300) {
                std::thread::sleep(Duration::from_millis(1));
            }
            begun.elapsed()
        };
        let took = until(Some(Duration::from_millis(50)), &asked, waits);
        assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(300));
        assert!(!until(None, &asked, |stop| stop.load(Ordering::Relaxed)));
        asked.ask_to_wind_down();
        assert!(until(None, &asked, waits) < Duration::from_secs(300));
    }
}
