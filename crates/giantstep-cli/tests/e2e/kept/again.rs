//! Runs that are there are not computed again, and make the same table.

use crate::common::folder::{LONGER, SWEEP, run, runs, status, table, undisturbed};
use crate::common::{TOY, Toy, json};

#[test]
fn what_exists_is_not_computed_again() {
    let toy = Toy::new(TOY);
    let first = json(&run(&toy, &[SWEEP], &["--json"], 0));
    assert_eq!(
        first["runs"],
        serde_json::json!({"planned": 6, "completed": 6, "found": 0})
    );
    let before: Vec<_> = runs(&toy)
        .iter()
        .map(|path| path.metadata().unwrap().modified().unwrap())
        .collect();
    let again = json(&run(&toy, &[SWEEP], &["--json"], 0));
    assert_eq!(
        again["runs"],
        serde_json::json!({"planned": 6, "completed": 6, "found": 6})
    );
    let after: Vec<_> = runs(&toy)
        .iter()
        .map(|path| path.metadata().unwrap().modified().unwrap())
        .collect();
    assert!(before == after && first["rows"] == again["rows"]);
}

#[test]
fn a_longer_sweep_reuses_all_earlier_runs_and_equals_one_made_at_once() {
    let toy = Toy::new(TOY);
    run(&toy, &[SWEEP], &[], 0);
    let longer = json(&run(&toy, &[LONGER, "run.seeds=5"], &["--json"], 0));
    assert_eq!(
        longer["runs"],
        serde_json::json!({"planned": 20, "completed": 20, "found": 6})
    );
    assert!(table(&toy) == undisturbed(&[LONGER, "run.seeds=5"]));
    // Back to the shorter one: nothing is lost, and the table holds what is asked for.
    let shorter = json(&run(&toy, &[SWEEP], &["--json"], 0));
    assert_eq!(shorter["runs"]["found"], 6);
    assert!(table(&toy) == undisturbed(&[SWEEP]));
    assert_eq!(status(&toy)["beyond"], 14);
}

#[test]
fn the_number_of_threads_changes_no_byte_of_the_table() {
    let one = undisturbed(&[SWEEP, "run.threads=1"]);
    for threads in ["run.threads=2", "run.threads=5"] {
        assert!(undisturbed(&[SWEEP, threads]) == one, "{threads}");
    }
}
