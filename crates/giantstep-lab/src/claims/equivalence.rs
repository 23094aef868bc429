//! The readout on features and on what should be equivalent to them, as records of the common table.

use std::sync::atomic::AtomicBool;

use giantstep::equivalence::{Equivalence, EquivalenceError, Gaussian, Known};
use giantstep::measurement::Measurement;
use giantstep::metric::Metric;
use giantstep::setup::Setup;
use giantstep::watch::Watch;
use rayon::prelude::*;

use crate::plan::{Job, Jobs};
use crate::results::{FailureKind, Results, placed, records};
use crate::work::{Event, Session, Task};

/// The last step of every point and seed, on explicit inputs; the readout batch has the size of the training batch.
///
/// `test_error` is that of the network's features, `gaussian_error` that of their Gaussian equivalent, and after T > 0
/// steps `conditional_error` that given the T leading spikes, `unrelated_error` given T random directions and
/// `covariance_error` that of one Gaussian vector with the right covariance. THEORY.md (34) to (36).
pub(super) fn equivalence(jobs: &Jobs<'_>, session: &Session<'_>) -> Results {
    let (task, units) = (Task::Runs, jobs.list.len() as u64);
    session.observer.event(Event::Begins { task, units });
    let one = |job: &Job<'_>| {
        let found = errors(&job.point.checked.setup, job.seed, &session.asked.stop);
        session.observer.event(Event::Done { task, units: 1 });
        found
    };
    let measured: Vec<_> = jobs.list.par_iter().map(one).collect();
    let mut results = Results::of(jobs.plan, jobs.list.len());
    for (number, (job, found)) in jobs.list.iter().zip(measured).enumerate() {
        match found {
            Ok(measurements) => {
                let rows = records(job, &measurements).collect();
                results.table.records.extend(placed(number, job, rows));
                results.keep(job, None);
            }
            Err(EquivalenceError::Interrupted(_)) => results.interrupted = true,
            Err(error) => {
                let reason = (FailureKind::Failed, error.to_string());
                results.keep(job, Some(reason));
            }
        }
    }
    results
}

fn errors(
    setup: &Setup,
    seed: u64,
    stop: &AtomicBool,
) -> Result<Vec<Measurement>, EquivalenceError> {
    let protocol = &setup.experiment.protocol;
    let steps = protocol.steps as usize;
    let spikes = Known::Spikes(steps);
    let models = [
        (Metric::GaussianError, Gaussian::Conditional(Known::Nothing)),
        (Metric::ConditionalError, Gaussian::Conditional(spikes)),
        (
            Metric::UnrelatedError,
            Gaussian::Conditional(Known::Random(steps)),
        ),
        (Metric::CovarianceError, Gaussian::Marginal(spikes)),
    ];
    let models = match steps {
        0 => &models[..1],
        _ => &models[..],
    };
    let gaussian: Vec<Gaussian> = models.iter().map(|(_, model)| *model).collect();
    let equivalence = Equivalence {
        experiment: &setup.experiment,
        samples: protocol.batch,
        models: &gaussian,
    };
    let watch = Watch {
        stop,
        ..Watch::default()
    };
    let mut measurements = Vec::new();
    for errors in equivalence.run(setup.experiment.directions, setup.precision, seed, watch)? {
        let metrics =
            std::iter::once(Metric::TestError).chain(models.iter().map(|(metric, _)| *metric));
        let values = std::iter::once(errors.network).chain(errors.gaussian);
        measurements.extend(metrics.zip(values).map(|(metric, value)| Measurement {
            ridge: Some(errors.ridge),
            ..Measurement::new(protocol.steps, metric, value)
        }));
    }
    Ok(measurements)
}
