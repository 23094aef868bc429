//! A report depends on the work that is allowed, not on time or threads; what is stopped is unknown.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::common::text::{activation, link};
use giantstep::analysis::{AnalysisOptions, Budget, Status, analyze, analyze_until};

#[test]
fn what_is_stopped_is_unknown_and_not_zero() {
    let link = link("tanh(relu(z1)+relu(z2)+relu(z3)+relu(z4)+relu(z5))");
    let activation = activation("relu(x)");
    // Stopped after ever more work; the variance is 0.0707.
    for asked in [0u64, 100, 10_000, 100_000, 1_000_000] {
        let times = AtomicU64::new(0);
        let stop = || times.fetch_add(1, Ordering::Relaxed) >= asked;
        let found = analyze_until(&link, &activation, AnalysisOptions::default(), &stop).unwrap();
        let known = (found.variance - 0.0707).abs() < 1e-3;
        assert!(
            known || found.variance.is_nan(),
            "{asked}: {}",
            found.variance
        );
        for floor in &found.floors.bounded_width {
            assert!(floor.is_nan() || *floor < 0.072, "{asked}: {floor}");
        }
    }
}

#[test]
fn a_report_depends_on_the_work_allowed_and_not_on_the_time_it_took() {
    let activation = activation("relu(x)");
    for text in [
        "relu(relu(z1)-relu(z2)*relu(z3))",
        "tanh(z1*z2)+sign(z1^2+z2^2-1)",
    ] {
        let link = link(text);
        let options = AnalysisOptions {
            budget: Budget::times(0.01),
            sampled: false,
            ..AnalysisOptions::default()
        };
        let asked = AtomicU32::new(0);
        let busy = || {
            // A machine that is busy at first.
            if asked.fetch_add(1, Ordering::Relaxed) < 100 {
                std::thread::sleep(Duration::from_millis(2));
            }
            false
        };
        let [idle, busy] = [&(|| false) as &(dyn Fn() -> bool + Sync), &busy]
            .map(|stop| analyze_until(&link, &activation, options, stop).unwrap());
        let asked = asked.into_inner();
        assert!(asked > 20, "{text}: {asked}");
        assert_eq!(format!("{idle:?}"), format!("{busy:?}"), "{text}");
        // What is known of it by then is told with its status.
        assert_eq!(idle.status, Status::Undecided, "{text}");
        assert!(
            idle.notes.iter().any(|n| n.contains("all the work")),
            "{text}: {:?}",
            idle.notes
        );
        assert!(
            idle.variance > 0.1 && idle.variance < 10.0,
            "{text}: {}",
            idle.variance
        );
    }
}

/// Seen to fail on sums in the order in which threads end.
#[test]
fn the_number_of_threads_changes_no_bit_of_a_report() {
    let activation = activation("relu(x)");
    let json = |text: &str, effort: f64, threads: usize| {
        let link = link(text);
        let options = AnalysisOptions {
            budget: Budget::times(effort),
            ..AnalysisOptions::default()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let report = pool
            .unwrap()
            .install(|| analyze(&link, &activation, options));
        serde_json::to_string(&report.unwrap()).unwrap()
    };
    for (text, efforts) in [
        ("relu(relu(z1)-relu(z2)*relu(z3))", &[1.0, 0.02, 0.003][..]),
        ("sign(z1*z2+z3*z4)", &[0.3, 0.01]),
        ("relu(z1+relu(z2+relu(z3+relu(z4))))", &[0.1]),
        ("tanh(z1*z2)+sign(z1^2+z2^2-1)", &[1.0, 0.01, 0.001]),
        ("tanh(z1*z2+z3)", &[1.0, 0.01]),
        ("sign(z1*z2)+abs(z1+z2)+0.1*e1", &[1.0]),
    ] {
        for &effort in efforts {
            let one = json(text, effort, 1);
            for threads in [2, 4] {
                let same = one == json(text, effort, threads);
                assert!(same, "{text} at {effort}: {threads} threads");
            }
        }
    }
}

#[test]
fn a_stop_ends_an_analysis_soon() {
    let activation = activation("relu(x)");
    for (text, after) in [
        ("sign(z1+z2*z3)", 20),
        ("sign(z1^2+z2^2-1)", 100),
        ("sign(z1^2+z2^2-1)", 0),
    ] {
        let link = link(text);
        let asked = AtomicU32::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= after;
        let found = analyze_until(&link, &activation, AnalysisOptions::default(), &stop);
        let found = found.unwrap_or_else(|e| panic!("{text} after {after}: {e}"));
        assert!(found.notes.iter().any(|n| n.contains("stopped")), "{text}");
        assert_eq!(found.status, Status::Undecided, "{text} after {after}");
    }
}
