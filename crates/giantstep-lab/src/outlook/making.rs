//! Predictions in the making: on all threads, within their time and memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use giantstep::experiment::Experiment;
use giantstep::labels::Target;
use giantstep::theory::given_weights::NetworkErrors;
use giantstep::theory::{Effort, Floor, Forecast, Needs, Predictions, floors};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use web_time::Instant;

use super::ask::Ask;
use crate::words;
use crate::work::{Event, Session, Task};

/// What theory says about one point.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outlook {
    /// Predictions, and what has none.
    pub predictions: Predictions,
    /// Kernel lines and floors, or why there are none.
    pub floors: Result<Vec<Floor>, String>,
}

impl Outlook {
    /// Whether anything is missing for want of time.
    pub(super) fn is_cut(&self) -> bool {
        let absent = self.predictions.absent.iter();
        absent
            .into_iter()
            .any(|absent| absent.needs == Some(Needs::Time))
    }

    /// The same with the predictions of these ridges alone.
    pub(super) fn of_ridges(&self, ridges: Option<&[f64]>) -> Self {
        let mut outlook = self.clone();
        if let Some(ridges) = ridges {
            let present = &mut outlook.predictions.present;
            present.retain(|made| made.ridge.is_none_or(|ridge| ridges.contains(&ridge)));
        }
        outlook
    }
}

/// What a core does; a guess, for what is not to be begun.
const FLOPS_A_SECOND: f64 = 1e11;

/// Predictions in the making.
pub(super) struct Making<'a> {
    pub ask: Ask<'a>,
    pub end: Option<Instant>,
    pub stop: &'a AtomicBool,
    pub session: &'a Session<'a>,
}

impl Making<'_> {
    fn begins(&self, units: usize) {
        let (task, units) = (Task::Predictions, units as u64);
        self.session.observer.event(Event::Begins { task, units });
    }

    fn done(&self) {
        let task = Task::Predictions;
        self.session.observer.event(Event::Done { task, units: 1 });
    }

    /// First everything that is an integral, then floors, then networks drawn in law, the cheapest first.
    pub fn outlooks(&self, experiments: &[&Experiment]) -> Vec<Outlook> {
        let effort = self.ask.effort();
        self.begins(experiments.len());
        let forecasts: Vec<Forecast<'_>> = experiments
            .par_iter()
            .map(|experiment| {
                let forecast = Forecast::new(experiment, effort, self.stop);
                self.done();
                forecast
            })
            .collect();
        let shared = SharedFloors::of(experiments, effort, self.stop);
        let drawn = self.networks(&forecasts);
        forecasts
            .into_iter()
            .zip(drawn)
            .zip(experiments)
            .map(|((forecast, drawn), experiment)| Outlook {
                predictions: forecast.finish(drawn),
                floors: shared.at(experiment),
            })
            .collect()
    }

    /// The errors on the networks that each asks for, or why they were not drawn.
    fn networks(&self, forecasts: &[Forecast<'_>]) -> Vec<Result<Vec<NetworkErrors>, String>> {
        let wanted = self.ask.networks();
        let mut order: Vec<(usize, u64, f64)> = forecasts
            .iter()
            .enumerate()
            .map(|(index, forecast)| (index, forecast.networks(wanted), forecast))
            .filter(|(_, networks, _)| *networks > 0)
            .map(|(index, networks, forecast)| (index, networks, forecast.flops()))
            .collect();
        order.sort_by(|a, b| a.2.total_cmp(&b.2));
        let jobs: Vec<(usize, u64)> = order
            .iter()
            .flat_map(|(index, networks, _)| (0..*networks).map(move |k| (*index, k)))
            .collect();
        self.begins(jobs.len());
        let empty = || Mutex::new(Ok(Vec::new()));
        let found: Vec<Mutex<Result<Vec<(u64, NetworkErrors)>, String>>> =
            forecasts.iter().map(|_| empty()).collect();
        // Those of which not every thread may have one come one by one.
        let all = |(index, _): &(usize, u64)| {
            let memory = forecasts[*index].memory() * rayon::current_num_threads() as f64;
            memory <= self.ask.memory()
        };
        let (small, large): (Vec<_>, Vec<_>) = jobs.into_iter().partition(all);
        let one = |(index, number): (usize, u64)| {
            let network = self.network(&forecasts[index], number);
            let mut place = found[index].lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *place, network) {
                (Ok(all), Ok(network)) => all.push((number, network)),
                (Ok(_), Err(reason)) => *place = Err(reason),
                (Err(_), _) => {}
            }
            self.done();
        };
        let next = AtomicUsize::new(0);
        let workers = (0..rayon::current_num_threads()).into_par_iter();
        workers.for_each(|_| {
            while let Some(job) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
                one(*job);
            }
        });
        large.into_iter().for_each(one);
        let in_order = |place: Mutex<Result<Vec<(u64, NetworkErrors)>, String>>| {
            let mut all = place.into_inner().unwrap_or_else(PoisonError::into_inner)?;
            all.sort_by_key(|(number, _)| *number);
            Ok(all.into_iter().map(|(_, network)| network).collect())
        };
        found.into_iter().map(in_order).collect()
    }

    /// One network, if there is time and memory for it.
    fn network(&self, forecast: &Forecast<'_>, number: u64) -> Result<NetworkErrors, String> {
        let seconds = forecast.flops() / FLOPS_A_SECOND;
        let left = self
            .end
            .map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| seconds > left.as_secs_f64()) {
            return Err(format!(
                "the time for predictions was up: the steps and readouts of a network drawn in law take about {} of one core",
                words::seconds(seconds)
            ));
        }
        let (memory, most) = (forecast.memory(), self.ask.memory());
        if memory > most {
            return Err(format!(
                "a network drawn in law takes about {} of memory, more than {}",
                words::bytes(memory as u64),
                words::bytes(most as u64)
            ));
        }
        Ok(forecast.draw(number))
    }
}

/// Floors, computed once for experiments that share all that they may depend on.
struct SharedFloors(Vec<(String, Result<Vec<Floor>, String>)>);

impl SharedFloors {
    fn of(experiments: &[&Experiment], effort: Effort, stop: &AtomicBool) -> Self {
        let mut different: Vec<(String, &Experiment)> = Vec::new();
        for experiment in experiments {
            let key = Self::key(experiment);
            if !different.iter().any(|(other, _)| *other == key) {
                different.push((key, experiment));
            }
        }
        let known = different.into_par_iter();
        Self(
            known
                .map(|(key, experiment)| (key, floors(experiment, effort, stop)))
                .collect(),
        )
    }

    /// Everything but what is recorded and how readouts are fitted.
    fn key(experiment: &Experiment) -> String {
        let Experiment {
            target,
            network,
            protocol,
            inputs,
            directions,
            test_labels,
            ..
        } = experiment;
        // Labels that are given have no floors, whatever they are.
        let Target {
            link,
            r,
            noise,
            given,
        } = target;
        let given = given.is_some();
        format!(
            "{link:?} {r} {noise} {given} {network:?} {protocol:?} {inputs:?} {directions:?} {test_labels:?}"
        )
    }

    fn at(&self, experiment: &Experiment) -> Result<Vec<Floor>, String> {
        let key = Self::key(experiment);
        let found = self.0.iter().find(|(other, _)| *other == key);
        found.map_or_else(|| Ok(Vec::new()), |(_, floors)| floors.clone())
    }
}
