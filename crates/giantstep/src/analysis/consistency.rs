//! What the facts of a report owe each other: checked before anything is shown.

use super::report::{Answer, Report, Staircase, Status};
use super::span::{residual, squared_norm};

/// A group of facts that is withdrawn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Facts {
    /// The leaps.
    Leaps,
    /// The staircases of fresh batches, and what rests on them.
    Fresh,
    /// The staircases of reused batches.
    Reused,
    /// The generative exponent and leap.
    Generative,
    /// The floors after steps.
    Floors,
    /// The floors of kernels.
    Kernels,
}

/// Rounding of sums of energies, relative to the variance.
const ROUNDING: f64 = 1e-9;
/// What floors that are known to less than this part of the variance say is not worth showing.
const LOOSE: f64 = 0.05;

/// Withdraws the facts that contradict each other: their answers become unknown, and a note says so.
pub fn checked(mut report: Report) -> Report {
    for (facts, conflict) in conflicts(&report) {
        let what = if facts.len() > 1 {
            "both are"
        } else {
            "that is"
        };
        report.notes.push(format!("{conflict}: {what} withdrawn"));
        for facts in facts {
            withdraw(&mut report, *facts);
        }
    }
    report
}

/// Withdraws the variance, which is not known, and what is measured by it.
pub fn forget_variance(report: &mut Report) {
    (report.mean, report.variance) = (f64::NAN, f64::NAN);
    report.energies.iter_mut().for_each(|e| *e = f64::NAN);
    withdraw(report, Facts::Floors);
    withdraw(report, Facts::Kernels);
}

/// What contradicts what, and how.
fn conflicts(report: &Report) -> Vec<(&'static [Facts], String)> {
    let mut found: Vec<(&'static [Facts], String)> = Vec::new();
    let mut check = |holds: bool, facts: &'static [Facts], conflict: &dyn Fn() -> String| {
        if !holds {
            found.push((facts, conflict()));
        }
    };
    let leap = &report.leap;
    let (one_step, isotropic) = (leap.one_step.known(), leap.isotropic.known());
    let coordinate = leap.coordinate.known();
    let ordered = |low: Option<u32>, high: Option<u32>| {
        std::iter::zip(low, high).all(|(low, high)| low <= high)
    };
    check(ordered(one_step, isotropic), &[Facts::Leaps], &|| {
        format!("the one-step leap {one_step:?} exceeds the isotropic leap {isotropic:?}")
    });
    check(ordered(coordinate, isotropic), &[Facts::Leaps], &|| {
        format!("the coordinate leap {coordinate:?} exceeds the isotropic leap {isotropic:?}")
    });
    check(ordered(one_step, coordinate), &[Facts::Leaps], &|| {
        format!("the one-step leap {one_step:?} exceeds the coordinate leap {coordinate:?}")
    });
    if report.effective.dimension == 1 {
        check(ordered(isotropic, one_step), &[Facts::Leaps], &|| {
            format!("a link of one direction has the leaps {one_step:?} and {isotropic:?}")
        });
    }
    if let Some(exponent) = &report.generative_exponent {
        let facts = &[Facts::Leaps, Facts::Generative];
        check(ordered(Some(exponent.value), one_step), facts, &|| {
            let value = exponent.value;
            format!("the generative exponent {value} exceeds the leap {one_step:?}")
        });
    }
    if let Some(generative) = report.generative_leap.as_ref().and_then(|l| l.at_most) {
        let facts = &[Facts::Leaps, Facts::Generative];
        check(ordered(Some(generative), isotropic), facts, &|| {
            format!("the generative leap {generative} exceeds the isotropic leap {isotropic:?}")
        });
    }
    let generic = &report.staircase.generic;
    for [fresh, reused] in [
        [&report.staircase.fresh, &report.staircase.reused],
        [&generic.fresh, &generic.reused],
    ] {
        for (fresh, reused) in std::iter::zip(fresh, reused) {
            // An undecided staircase claims no more than what it found.
            let all = reused.status == Status::Undecided || reaches(last(reused), last(fresh));
            check(all, &[Facts::Reused], &|| {
                format!(
                    "reused batches miss directions of order {} that fresh ones find",
                    fresh.order
                )
            });
        }
        for pair in fresh.windows(2) {
            let more = std::iter::zip(&pair[0].bases, &pair[1].bases).all(|(a, b)| reaches(b, a));
            check(more, &[Facts::Fresh], &|| {
                let n = pair[1].batch_exponent;
                format!("steps at n ~ d^{n} miss directions that smaller batches find")
            });
        }
        for staircase in fresh.iter().chain(reused) {
            let grows = staircase.bases.windows(2).all(|b| reaches(&b[1], &b[0]));
            check(grows, &[Facts::Fresh], &|| {
                "a staircase loses a direction".to_owned()
            });
        }
    }
    let blind = std::iter::zip(&generic.fresh[0].bases, &report.staircase.fresh[0].bases);
    check(
        blind.clone().all(|(generic, own)| reaches(generic, own)),
        &[Facts::Fresh],
        &|| "the activation learns a direction that a generic one does not".to_owned(),
    );
    floors(report, &mut check);
    found
}

/// The checks of energies and floors.
fn floors(report: &Report, check: &mut dyn FnMut(bool, &'static [Facts], &dyn Fn() -> String)) {
    let variance = report.variance;
    if variance.is_nan() {
        return;
    }
    let room = ROUNDING * variance;
    let energies = report.energies.iter().skip(1);
    let sum: f64 = energies.clone().sum();
    check(
        sum <= variance + room && energies.clone().all(|e| *e >= 0.0),
        &[Facts::Kernels],
        &|| format!("the energies sum to {sum}, the variance is {variance}"),
    );
    let kernels = &report.kernel_floors;
    check(falls(kernels, room), &[Facts::Kernels], &|| {
        "a kernel floor rises with the degree".to_owned()
    });
    let most = LOOSE * variance;
    check(report.floors.error <= most, &[Facts::Floors], &|| {
        format!("the floors are known to {:.1e} only", report.floors.error)
    });
    let room = room + 2.0 * report.floors.error.min(most);
    // Before a step there is nothing but the kernel of the start.
    let both = room + 4.0 * report.tolerance * variance;
    for (wide, kernel) in std::iter::zip(&report.floors.wide, kernels) {
        let (kappa, before) = (wide.kappa, wide.floor.first().copied().unwrap_or(*kernel));
        check(
            !((before - kernel).abs() > both),
            &[Facts::Floors, Facts::Kernels],
            &|| {
                format!(
                    "before a step the floor at n ~ d^{kappa} is {before}, that of kernels {kernel}"
                )
            },
        );
    }
    let bounded = &report.floors.bounded_width;
    check(
        falls(bounded, room) && bounded.iter().all(|f| !(*f > variance + room)),
        &[Facts::Floors],
        &|| format!("the floors of bounded width rise: {bounded:?}"),
    );
    for pair in report.floors.wide.windows(2) {
        let mut both = std::iter::zip(&pair[0].floor, &pair[1].floor);
        check(
            both.all(|(less, more)| !(*more > less + room)),
            &[Facts::Floors],
            &|| {
                format!(
                    "floors at n ~ d^{} lie above those of smaller batches",
                    pair[1].kappa
                )
            },
        );
    }
    for wide in &report.floors.wide {
        let floor = &wide.floor;
        let below =
            wide.kappa != 1 || std::iter::zip(floor, bounded).all(|(w, b)| !(*w > b + room));
        let alike = std::iter::zip(floor, &wide.shared_response).all(|(w, s)| !(*w > s + room));
        let bounded = floor.iter().all(|f| !(*f > variance + room));
        check(
            falls(floor, room) && below && alike && bounded,
            &[Facts::Floors],
            &|| format!("the floors at n ~ d^{} do not fall: {floor:?}", wide.kappa),
        );
    }
}

/// Whether numbers fall, or stay, as far as they are known.
fn falls(values: &[f64], room: f64) -> bool {
    values.windows(2).all(|pair| !(pair[1] > pair[0] + room))
}

fn last(staircase: &Staircase) -> &[Vec<f64>] {
    staircase.bases.last().map_or(&[], Vec::as_slice)
}

/// Whether the span of an orthonormal basis contains some vectors.
fn reaches(basis: &[Vec<f64>], vectors: &[Vec<f64>]) -> bool {
    vectors
        .iter()
        .all(|v| squared_norm(&residual(v, basis)) < 1e-8)
}

fn withdraw(report: &mut Report, facts: Facts) {
    let undecided = |staircases: &mut Vec<Staircase>| {
        staircases
            .iter_mut()
            .for_each(|s| s.status = Status::Undecided);
    };
    match facts {
        Facts::Leaps => {
            let leap = &mut report.leap;
            (leap.one_step, leap.isotropic) = (Answer::Unknown, Answer::Unknown);
            (leap.coordinate, leap.explanation) = (Answer::Unknown, None);
            report.status = Status::Undecided;
        }
        Facts::Fresh => {
            report.status = Status::Undecided;
            undecided(&mut report.staircase.fresh);
            undecided(&mut report.staircase.generic.fresh);
            report.hard_directions.clear();
            for verdict in &mut report.verdicts {
                (verdict.giant_steps, verdict.generic_steps) = (Answer::Unknown, Answer::Unknown);
                (verdict.quadratic_steps, verdict.cubic_steps) = (Answer::Unknown, Answer::Unknown);
            }
        }
        Facts::Reused => {
            undecided(&mut report.staircase.reused);
            undecided(&mut report.staircase.generic.reused);
            for verdict in &mut report.verdicts {
                (verdict.reused_order, verdict.reused_step) = (Answer::Unknown, Answer::Unknown);
            }
        }
        Facts::Generative => {
            if let Some(exponent) = &mut report.generative_exponent {
                exponent.status = Status::Undecided;
            }
            if let Some(leap) = &mut report.generative_leap {
                (leap.value, leap.status) = (Answer::Unknown, Status::Undecided);
            }
        }
        Facts::Floors => {
            let floors = &mut report.floors;
            let wide = floors.wide.iter_mut();
            let wide = wide.flat_map(|w| [&mut w.floor, &mut w.shared_response]);
            for floor in wide.chain([&mut floors.bounded_width]) {
                floor.iter_mut().for_each(|f| *f = f64::NAN);
            }
        }
        Facts::Kernels => {
            let own = &mut report.activation.kernel_floors;
            for floor in report.kernel_floors.iter_mut().chain(own) {
                *floor = f64::NAN;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::analysis::{AnalysisOptions, analyze};
    use crate::expr::Link;

    fn report(text: &str) -> Report {
        let link = Link::parse(text, None).unwrap();
        let activation = Activation::parse("relu(x)").unwrap();
        analyze(&link, &activation, AnalysisOptions::default()).unwrap()
    }

    #[test]
    fn planted_contradictions_are_withdrawn() {
        let sound = report("He2(z1) + z1*z2");
        assert!(conflicts(&sound).is_empty());
        let mut wrong = sound.clone();
        wrong.leap.one_step = Answer::At(3);
        let wrong = checked(wrong);
        assert_eq!(wrong.leap.isotropic, Answer::Unknown);
        assert_eq!(wrong.status, Status::Undecided);
        let mut wrong = sound.clone();
        wrong.floors.bounded_width[1] = 1e3;
        assert!(checked(wrong).floors.bounded_width[1].is_nan());
        let mut wrong = report("z1 + z1*z2");
        for basis in &mut wrong.staircase.reused[0].bases {
            basis.clear();
        }
        let wrong = checked(wrong);
        assert_eq!(wrong.verdicts[0].reused_step, Answer::Unknown);
        assert!(wrong.notes.iter().any(|note| note.contains("withdrawn")));
        let mut wrong = report("He3(z1)");
        wrong.generative_exponent.as_mut().unwrap().value = 4;
        let wrong = checked(wrong);
        assert_eq!(wrong.generative_exponent.unwrap().status, Status::Undecided);
        let mut wrong = sound.clone();
        wrong.kernel_floors[1] += 0.5;
        let wrong = checked(wrong);
        assert!(wrong.kernel_floors[0].is_nan() && wrong.floors.bounded_width[0].is_nan());
        let mut wrong = sound;
        wrong.energies[1] = 50.0;
        assert!(checked(wrong).kernel_floors[0].is_nan());
    }
}
