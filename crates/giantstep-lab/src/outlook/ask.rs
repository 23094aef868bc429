//! What is asked of theory, and how long it may take.

use std::time::Duration;

use giantstep::theory::{Effort, Networks};

use crate::keep::Shelf;
use crate::plan::Wanted;

/// The time that nobody minds, and the most that is taken without being asked for.
const LEAST_TIME: Duration = Duration::from_secs(2);
const MOST_TIME: Duration = Duration::from_secs(10);
/// The memory that is taken at most, in bytes, and where all predictions are asked for.
const MEMORY: f64 = 1e9;
const MORE_MEMORY: f64 = 8e9;

/// How long predictions may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// So long, by default; what was left out before is left out again.
    Usual(Duration),
    /// So long, as was asked for.
    Asked(Duration),
    /// As long as they take.
    Endless,
}

/// What is asked of theory.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Which predictions.
    pub wanted: Wanted,
    /// How long they may take.
    pub time: Time,
    /// Where they are kept.
    pub shelf: Option<&'a Shelf>,
}

impl<'a> Ask<'a> {
    /// These predictions: quick ones within 10 s, all as long as they take; kept nowhere.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            time: match wanted {
                Wanted::Patient | Wanted::All => Time::Endless,
                Wanted::None | Wanted::Quick => Time::Usual(MOST_TIME),
            },
            shelf: None,
        }
    }

    /// Beside runs that take this long: quick predictions take no longer, but for 2 s that nobody minds and 10 s at most.
    pub fn beside(self, runs: Duration) -> Self {
        match self.time {
            Time::Usual(_) => Self {
                time: Time::Usual(runs.clamp(LEAST_TIME, MOST_TIME)),
                ..self
            },
            Time::Asked(_) | Time::Endless => self,
        }
    }

    /// Within a time that was asked for.
    pub fn within(self, time: Duration) -> Self {
        Self {
            time: Time::Asked(time),
            ..self
        }
    }

    /// Kept on this shelf.
    pub fn kept(self, shelf: &'a Shelf) -> Self {
        Self {
            shelf: Some(shelf),
            ..self
        }
    }

    /// The seconds that predictions take at most beside runs of this length; none if nobody knows.
    pub fn seconds(self, runs: f64) -> Option<f64> {
        let runs = Duration::try_from_secs_f64(runs).unwrap_or(MOST_TIME);
        match (self.wanted, self.beside(runs).time) {
            (Wanted::None, _) => Some(0.0),
            (_, Time::Usual(time) | Time::Asked(time)) => Some(time.as_secs_f64()),
            (_, Time::Endless) => None,
        }
    }

    pub(super) fn effort(self) -> Effort {
        match self.wanted {
            Wanted::None | Wanted::Quick | Wanted::Patient => Effort::Integrated,
            Wanted::All => Effort::Sampled,
        }
    }

    /// Many take a time that nobody has set: of what does not fit into one nothing would be known.
    pub(super) fn networks(self) -> Networks {
        match (self.wanted, self.time) {
            (Wanted::None | Wanted::Quick, _) | (Wanted::Patient, Time::Asked(_)) => Networks::Few,
            (Wanted::Patient | Wanted::All, _) => Networks::Many,
        }
    }

    pub(super) fn memory(self) -> f64 {
        match self.wanted {
            Wanted::None | Wanted::Quick | Wanted::Patient => MEMORY,
            Wanted::All => MORE_MEMORY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_networks_take_a_time_that_nobody_has_set() {
        let limited = |wanted| Ask::new(wanted).within(MOST_TIME).networks();
        for (wanted, free, within) in [
            (Wanted::Quick, Networks::Few, Networks::Few),
            (Wanted::Patient, Networks::Many, Networks::Few),
            (Wanted::All, Networks::Many, Networks::Many),
        ] {
            assert_eq!(Ask::new(wanted).networks(), free);
            assert_eq!(limited(wanted), within);
        }
    }
}
