//! What a plan cannot give is refused before it runs; what comes along is not.

use giantstep::metric::Metric;

use super::{FILE, curves, drawn, plan, read, refused, rows};
use crate::chart::{ChartError, check, check_name};
use crate::claims::{CLAIMS, Claim};
use crate::experiments::EXPERIMENTS;
use crate::outlook::Predicted;
use crate::plan::Plan;

#[test]
fn what_a_plan_cannot_give_is_refused_before_it_runs_with_what_there_is() {
    for (keys, message) in [
        ("step = 1", "differ in target.link (z1 + z1*z2, z1*z2)"),
        ("by = \"target.link\"", "differ in step (0, 1, 2)"),
        (
            "by = \"step\"\npanels = \"target.lnk\"",
            "did you mean `target.link`?",
        ),
        ("by = \"stp\"", "did you mean `step`?"),
        ("by = \"target.link\"\nstep = 7", "`step` takes 0, 1, 2"),
        (
            "by = \"target.link\"\nstep = 1\ngroup = \"+\"",
            "the filter group=+ leaves none",
        ),
        (
            "by = \"target.link\"\nstep = 1\nwhere = [\"n>=1000\"]",
            "`n` takes 20, 40, 80",
        ),
        (
            "by = \"target.link\"\nstep = 1\ny_range = [1.0, 0.0]",
            "y_range cannot run from 1 to 0",
        ),
        (
            "by = \"target.link\"\nstep = 1\ny_range = [0.0, inf]",
            "y_range cannot run from 0 to inf",
        ),
        (
            "by = \"target.link\"\nstep = 1\ny_range = [0.0, 1.0]\ny_scale = \"log\"",
            "y_range cannot run",
        ),
        (
            "by = \"target.link\"\nstep = 1\nspread = \"sd\"\nstatistic = \"median\"",
            "belong to the mean",
        ),
    ] {
        let found = refused(&curves(keys));
        assert!(
            found.contains(message) && found.starts_with("figure[0]: "),
            "{keys}: {found}"
        );
    }
    for (figure, message) in [
        (
            "kind = \"curves\"\nname = \"f\"\nx = \"target.link\"\ny = \"test_error\"",
            "`target.link` is text",
        ),
        (
            "kind = \"curves\"\nname = \"f\"\nx = \"n/dd\"\ny = \"test_error\"",
            "unknown name `dd`",
        ),
        (
            "kind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"train_error\"",
            "no rows of the metric `train_error`",
        ),
        ("kind = \"plane\"\nname = \"f\"\nsteps = [1]", "differ in"),
        (
            "kind = \"plane\"\nname = \"f\"\nsteps = [9]\npanels = \"target.link\"",
            "at step 9",
        ),
        (
            "kind = \"heat\"\nname = \"f\"\nx = \"d\"\ny = \"n\"\nvalue = \"weight_alignment\"\nstep = 1",
            "differ in target.link",
        ),
    ] {
        let found = refused(&plan(&format!("[[figure]]\n{figure}")));
        assert!(found.contains(message), "{figure}: {found}");
    }
    // Formulas stand wherever columns do.
    check(&curves("by = \"target.link\"\nstep = \"last\"")).unwrap();
    let formulas = "kind = \"curves\"\nname = \"f\"\nx = \"n/d^2\"\ny = \"test_error\"\nby = \"2*step\"\npanels = \"target.link\"";
    check(&plan(&format!("[[figure]]\n{formulas}"))).unwrap();
}

#[test]
fn an_unknown_metric_is_answered_with_the_nearest() {
    let file = format!(
        "{FILE}\n[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"weight_alingment\""
    );
    let error = Plan::read(&file, "test", &[], crate::plan::Scale::Full)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean `weight_alignment`?"),
        "{error}"
    );
}

#[test]
fn references_and_slopes_are_checked_like_figures() {
    let reference = "[[reference]]\nvalue = 1.0\ntolerance = 1.0\nsource = \"x\"";
    let slope = "[[slope]]\npredicted = 1.0\nsource = \"x\"\nmetric = \"weight_alignment\"";
    for (entry, message) in [
        (
            format!("{reference}\nmetric = \"train_error\"\nstep = 1"),
            "reference[0]: no rows of the metric `train_error`",
        ),
        (
            format!("{reference}\nmetric = \"weight_alignment\"\nstep = 5"),
            "no step `5`",
        ),
        (
            format!(
                "{reference}\nmetric = \"weight_alignment\"\nstep = 1\nat = {{ \"target.lin\" = 1 }}"
            ),
            "did you mean `target.link`?",
        ),
        (
            format!("{reference}\nmetric = \"weight_cosine\"\nstep = 1"),
            "with this direction and group",
        ),
        (
            format!("{slope}\nstep = 1\nx = \"dd\""),
            "slope[0].x: no column `dd`",
        ),
        (
            format!("{slope}\nstep = 1\nx = \"d\"\nat = {{ \"target.link\" = 0 }}"),
            "target.link = 0",
        ),
        (format!("{slope}\nstep = 9\nx = \"d\""), "no step `9`"),
    ] {
        let found = refused(&plan(&entry));
        assert!(found.contains(message), "{entry}: {found}");
    }
    check(&plan(&format!("{slope}\nstep = 1\nx = \"n/d\""))).unwrap();
}

#[test]
fn names_of_figures_are_plain_names_and_none_is_used_twice() {
    let long = "x".repeat(101);
    for name in [
        "",
        "../evil",
        "/etc/x",
        "a/b",
        ".hidden",
        "a b",
        "a\nb",
        long.as_str(),
    ] {
        assert!(
            matches!(check_name(name), Err(ChartError::Name { .. })),
            "{name:?}"
        );
    }
    check_name("Phase-diagram_2.1").unwrap();
    let figure = "[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"weight_alignment\"\nby = \"target.link\"\nstep = 1\n";
    let found = refused(&plan(&figure.repeat(2)));
    assert!(
        found.contains("figure[1]: another figure is called `f` too"),
        "{found}"
    );
    let evil = refused(&plan(&figure.replace("\"f\"", "\"../evil\"")));
    assert!(evil.contains("no name of a figure"), "{evil}");
}

#[test]
fn what_comes_along_is_accepted_at_both_scales() {
    let mut refused = Vec::new();
    for scale in [crate::plan::Scale::Full, crate::plan::Scale::Quick] {
        for (name, text) in EXPERIMENTS {
            let plan = Plan::read(text, name, &[], scale).unwrap();
            refused.extend(check(&plan).err().map(|error| format!("{name}: {error}")));
        }
        for (name, text) in CLAIMS {
            let claim = Claim::read(name, text, scale);
            refused.extend(claim.err().map(|error| error.to_string()));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn more_panels_than_can_be_read_are_refused() {
    let file = FILE.replace(
        "[20, 40, 80]",
        &format!("{:?}", (20..47).collect::<Vec<_>>()),
    );
    let figure = "[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"step\"\ny = \"weight_alignment\"\nby = \"target.link\"\npanels = \"d\"";
    let plan = read(&format!("{file}\n{figure}"));
    assert!(refused(&plan).contains("`d` has 27 values: a figure has at most 26 panels"));
}

#[test]
fn all_wrong_figures_come_together() {
    let plan = plan(
        "[[figure]]\nname = \"a\"\nx = \"dd\"\ny = \"norm\"\n[[figure]]\nname = \"a/b\"\nx = \"d\"\ny = \"norm\"\n\
         [[figure]]\nname = \"A\"\nx = \"d\"\ny = \"norm\"",
    );
    let said = refused(&plan);
    assert!(said.starts_with("3 things are wrong"), "{said}");
    for part in [
        "figure[0]: no column `dd`",
        "help: did you mean `d`?",
        "figure[1]: `a/b`",
        "figure[2]",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_range_that_shows_nothing_is_refused() {
    let plan = curves("y_range = [100, 200]\nby = \"target.link\"\nstep = 1");
    let table = rows(&plan, &[Metric::WeightAlignment]);
    let drawn = drawn(&plan, &table, &Predicted::default());
    let error = drawn[0].1.as_ref().unwrap_err();
    assert!(
        error.to_string().contains("from 100 to 200 shows nothing"),
        "{error}"
    );
}
