//! The analysis against the acceptance table and the catalogue.

use crate::common::analysis::{all_close, close, report};
use giantstep::analysis::Status;
use giantstep::catalogue;

/// One row of the acceptance table.
struct Row {
    link: &'static str,
    /// One-step, isotropic.
    leaps: [u32; 2],
    /// Dimensions after three steps at n ~ d.
    chain: [usize; 3],
    /// Directions after one step at n ~ d and at n ~ d^2.
    first: [&'static [&'static str]; 2],
    /// Dimensions revealed at once at generative order 1, and at order 2 where order 1 is empty.
    generative: [usize; 2],
    variance: f64,
    /// After T = 0, 1, 2, 3 steps at n ~ d.
    floors: [f64; 4],
    /// Degree up to 1, 2, 3.
    kernel: [f64; 3],
}

const DIAGONAL: &[&str] = &["(z1 + z2)/sqrt 2"];
const FIRST: &[&str] = &["z1"];
const BOTH: &[&str] = &["z1", "z2"];

/// From an independent NumPy program (Gauss-Hermite and composite Gauss-Legendre rules) and by hand.
const ROWS: &[Row] = &[
    Row {
        link: "z1 + He2(z1)*z2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [FIRST, FIRST],
        generative: [2, 2],
        variance: 3.0,
        floors: [3.0, 2.0, 0.0, 0.0],
        kernel: [2.0, 2.0, 0.0],
    },
    Row {
        link: "He2(z1) + He2(z2)",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 4.0,
        floors: [4.0; 4],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "sign(z1*z2*z3)",
        leaps: [3, 3],
        chain: [0, 0, 0],
        first: [&[], &[]],
        generative: [0, 0],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 1.0, 0.7420],
    },
    Row {
        link: "z1 + z1*z2 + z1*z2*z3",
        leaps: [1, 1],
        chain: [1, 2, 3],
        first: [FIRST, FIRST],
        generative: [3, 3],
        variance: 3.0,
        floors: [3.0, 2.0, 1.0, 0.0],
        kernel: [2.0, 1.0, 0.0],
    },
    Row {
        link: "He3(z1)",
        leaps: [3, 3],
        chain: [0, 0, 0],
        first: [&[], &[]],
        generative: [1, 1],
        variance: 6.0,
        floors: [6.0; 4],
        kernel: [6.0, 6.0, 0.0],
    },
    Row {
        link: "relu(z1)",
        leaps: [1, 1],
        chain: [1, 1, 1],
        first: [FIRST, FIRST],
        generative: [1, 1],
        variance: 0.3408,
        floors: [0.3408, 0.0, 0.0, 0.0],
        kernel: [0.0908, 0.0113, 0.0113],
    },
    Row {
        link: "max(z1, z2)",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 0.6817,
        floors: [0.6817, 0.1817, 0.1817, 0.1817],
        kernel: [0.1817, 0.0225, 0.0225],
    },
    Row {
        link: "z1 + z2 + z1^2 - z2^2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [DIAGONAL, DIAGONAL],
        generative: [2, 2],
        variance: 6.0,
        floors: [6.0, 4.0, 0.0, 0.0],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "z1 + z2 + z1^2 + z2^2",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 6.0,
        floors: [6.0, 2.0, 2.0, 2.0],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "4*z1 + z1^2 + z2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [&["(4 z1 + z2)/sqrt 17"], &["(4 z1 + z2)/sqrt 17"]],
        generative: [2, 2],
        variance: 19.0,
        floors: [19.0, 0.2284, 0.0, 0.0],
        kernel: [2.0, 0.0, 0.0],
    },
    Row {
        link: "z1 + z1*z2",
        leaps: [1, 1],
        chain: [1, 2, 2],
        first: [FIRST, FIRST],
        generative: [2, 2],
        variance: 2.0,
        floors: [2.0, 1.0, 0.0, 0.0],
        kernel: [1.0, 0.0, 0.0],
    },
    Row {
        link: "z1*z2",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 0.0, 0.0],
    },
    Row {
        link: "z1^2 - z2^2",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 4.0,
        floors: [4.0; 4],
        kernel: [4.0, 0.0, 0.0],
    },
    Row {
        link: "sign(z1*z2)",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], BOTH],
        generative: [0, 2],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 0.5947, 0.5947],
    },
    Row {
        link: "z1*z2*z3",
        leaps: [3, 3],
        chain: [0, 0, 0],
        first: [&[], &[]],
        generative: [0, 3],
        variance: 1.0,
        floors: [1.0; 4],
        kernel: [1.0, 1.0, 0.0],
    },
    Row {
        link: "z1 + He3(z2)",
        leaps: [1, 3],
        chain: [1, 1, 1],
        first: [FIRST, FIRST],
        generative: [2, 2],
        variance: 7.0,
        floors: [7.0, 6.0, 6.0, 6.0],
        kernel: [6.0, 6.0, 0.0],
    },
    Row {
        link: "He2(z1) + sign(z1*z2*z3)",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], FIRST],
        generative: [0, 1],
        variance: 3.0,
        floors: [3.0; 4],
        kernel: [3.0, 1.0, 0.7420],
    },
    Row {
        link: "He2(z1) + z1*z2*z3",
        leaps: [2, 2],
        chain: [0, 0, 0],
        first: [&[], FIRST],
        generative: [0, 3],
        variance: 3.0,
        floors: [3.0; 4],
        kernel: [3.0, 1.0, 0.0],
    },
    Row {
        link: "(z1 + He2(z1)/2 + He4(z1)/24 + z2 + He2(z2)/2 + He4(z2)/24)/2",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 0.7708,
        floors: [0.7708, 0.1432, 0.1432, 0.1432],
        kernel: [0.2708, 0.0208, 0.0208],
    },
    Row {
        link: "z1 + z2 + z1*z2",
        leaps: [1, 2],
        chain: [1, 1, 1],
        first: [DIAGONAL, DIAGONAL],
        generative: [1, 1],
        variance: 3.0,
        floors: [3.0, 0.5, 0.5, 0.5],
        kernel: [1.0, 0.0, 0.0],
    },
];

#[test]
fn every_row_of_the_acceptance_table_is_reproduced() {
    for row in ROWS {
        let report = report(row.link);
        let what = row.link;
        assert_eq!(report.leap.one_step, Some(row.leaps[0]), "{what}");
        assert_eq!(report.leap.isotropic, Some(row.leaps[1]), "{what}");
        let fresh = &report.staircase.fresh;
        assert_eq!(fresh[0].dims[..3], row.chain, "{what}");
        assert_eq!(fresh[0].directions[0], row.first[0], "{what}");
        assert_eq!(fresh[1].directions[0], row.first[1], "{what}");
        let reused = &report.staircase.reused;
        assert_eq!(
            [reused[0].dims[0], reused[1].dims[0]],
            row.generative,
            "{what}"
        );
        close(report.variance, row.variance, 5.1e-5, what);
        all_close(&report.floors.bounded_width, &row.floors, 5.1e-5, what);
        all_close(&report.kernel_floors, &row.kernel, 1e-4, what);
        assert_ne!(report.status, Status::Undecided, "{what}");
        for staircase in fresh.iter().chain(reused) {
            assert_ne!(staircase.status, Status::Undecided, "{what}");
        }
    }
}

#[test]
fn every_catalogue_entry_knows_its_answers() {
    assert!(catalogue::all().len() >= 20);
    for target in catalogue::all() {
        let report = report(target.link);
        let what = target.name;
        assert_eq!(report.leap.one_step, Some(target.one_step), "{what}");
        assert_eq!(report.leap.isotropic, Some(target.isotropic), "{what}");
        assert_eq!(report.leap.coordinate, Some(target.coordinate), "{what}");
        assert_eq!(report.staircase.fresh[0].dims, target.learnt, "{what}");
        let first = report.staircase.fresh[0].directions[0].first();
        assert_eq!(first.map(String::as_str), target.first, "{what}");
        if let Some(dimension) = target.reused {
            assert_eq!(report.staircase.reused[0].dims[0], dimension, "{what}");
        }
        let exponent = report.generative_exponent.as_ref().map(|e| e.value);
        assert_eq!(exponent, target.generative_exponent, "{what}");
        if let Some(alpha_c) = target.alpha_c {
            // Within the error that the answer itself states, which is a small one.
            let found = report.weak_recovery.as_ref().expect(what);
            // The catalogue has five digits.
            close(
                found.alpha_c.unwrap_or(0.0),
                alpha_c,
                found.error + 6e-6,
                what,
            );
            // Four standard errors of six repetitions, which themselves vary by a third.
            assert!(found.error < 0.06 * alpha_c, "{what}: {}", found.error);
        }
        assert_ne!(report.status, Status::Undecided, "{what}");
    }
}
