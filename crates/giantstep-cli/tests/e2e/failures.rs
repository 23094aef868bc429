//! What is not acceptable is refused before any work, with key, value and remedy; work that fails keeps what is done.
//!
//! Seen to catch: a caret one column off, an output folder made before the memory is known to suffice, results of
//! failed runs thrown away, an interruption that exits with 0.

use crate::common::{TOY, Toy, giantstep, json, text};

/// Runs a refused experiment: nothing on standard output, no folder, exit code 2. Returns standard error.
fn refused(file: &str, overrides: &[&str]) -> String {
    let toy = Toy::new(file);
    let output = toy.run(overrides, &[]);
    let message = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(2), "{overrides:?}: {message}");
    assert!(
        output.stdout.is_empty(),
        "{overrides:?}: {}",
        text(&output.stdout)
    );
    assert!(
        !toy.path("out").exists(),
        "{overrides:?}: a folder for nothing"
    );
    message
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(
            message.contains(part),
            "`{part}` is missing from:\n{message}"
        );
    }
}

#[test]
fn bad_values_are_refused_with_key_value_and_remedy() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["network.width=7", "network.pairing=symmetric"],
            &["network.width = 7", "even", "use 8"],
        ),
        (
            &["network.width=1e-320"],
            &["network.width = 1e-320:", "whole"],
        ),
        (
            &["evaluation.test_samples=1e-320"],
            &["`1e-320`", "whole number"],
        ),
        (
            &["network.dropout=0.5"],
            &["network.dropout", "no dropout", "Scope"],
        ),
        (&["batch=100"], &["unknown key `batch`", "protocol.batch"]),
        (
            &["protocol.batch=0"],
            &["protocol.batch = 0", "at least 1", "larger"],
        ),
        (
            &["protocol.batch=d-25"],
            &["protocol.batch = \"d-25\"", "-5", "larger"],
        ),
        (
            &["protocol.batch=d^20"],
            &["protocol.batch = \"d^20\"", "overflow", "smaller"],
        ),
        (
            &["protocol.dimension=10^400"],
            &["protocol.dimension = \"10^400\"", "overflow", "smaller"],
        ),
        (
            &["protocol.step_size=exp(d^3)"],
            &["protocol.step_size = \"exp(d^3)\"", "inf", "choose"],
        ),
        (
            &["protocol.step_size=-1"],
            &["protocol.step_size = -1", "positive", "choose"],
        ),
        (
            &["protocol.batch=n"],
            &["protocol.batch = \"n\"", "^", "d, p"],
        ),
        (
            &["target.r=21"],
            &[
                "target.r = 21",
                "dimension d = 20",
                "raise protocol.dimension",
            ],
        ),
        (
            &["protocol.dimension=1"],
            &[
                "target.r = 2",
                "dimension d = 1",
                "raise protocol.dimension",
            ],
        ),
        (
            &["target.noise=-1"],
            &["target.noise = -1", "not negative", "give 0"],
        ),
        (
            &["protocol.reuse=0"],
            &["protocol.reuse = 0", "at least one step", "fresh"],
        ),
        (
            &["protocol.remove_below=3"],
            &["protocol.remove_below = 3", "0 and 1", "use 0"],
        ),
        (
            &["protocol.loss={correlation_until=2}"],
            &["correlation_until = 2", "(0, 1]", "0.5"],
        ),
        (
            &["protocol.loss=logistc"],
            &[
                "protocol.loss = \"logistc\"",
                "unknown name",
                "did you mean \"logistic\"",
            ],
        ),
        (
            &["protocol.loss=y^2"],
            &[
                "protocol.loss = \"y^2\"",
                "does not depend on the output f",
                "in y and f",
            ],
        ),
        (
            &["protocol.loss=-y*log(f)"],
            &["protocol.loss", "not finite", "any real value"],
        ),
        (
            &["protocol.update=sign", "run.engine=in_law"],
            &[
                "protocol.update = \"sign\"",
                "coordinates of R^d",
                "the basis",
                "\"direct\"",
            ],
        ),
        (
            &["protocol.update={adam={}}", "run.engine=in_law"],
            &[
                "protocol.update = \"adam\"",
                "coordinates of R^d",
                "\"direct\"",
            ],
        ),
        (
            &["protocol.update={adam={beta2=1}}"],
            &["protocol.update.adam.beta2 = 1", "between 0 and 1", "0.999"],
        ),
        (
            &["protocol.update={adam={epsilon=0}}"],
            &["protocol.update.adam.epsilon = 0", "positive", "1e-8"],
        ),
        (
            &[
                "protocol.update={adam={}}",
                "protocol.momentum={heavy_ball=0.9}",
            ],
            &["protocol.momentum", "momentum of its own", "beta1"],
        ),
        (
            &["protocol.momentum={nesterov=1}"],
            &["protocol.momentum = 1", "between 0 and 1", "0.9"],
        ),
        (
            &["protocol.weight_decay=-1"],
            &["protocol.weight_decay = -1", "not negative", "no decay"],
        ),
        (
            &["protocol.clip={rows=0}"],
            &["protocol.clip.rows = 0", "positive", "choose"],
        ),
        (
            &["protocol.biases={step_size=1}"],
            &["protocol.biases", "no biases to train", "network.bias"],
        ),
        (
            &[
                "protocol.second_layer={step_size=1}",
                "protocol.lookahead={kind=\"extragradient\",radius=1}",
            ],
            &["protocol.second_layer", "first layer alone", "frozen"],
        ),
        (
            &["protocol.second_layer={step_size=-1}"],
            &["protocol.second_layer.step_size = -1", "positive"],
        ),
        (
            &["protocol.second_layer=thawed"],
            &["protocol.second_layer", "\"frozen\" or { step_size = ... }"],
        ),
        (
            &["protocol.step_size=p*(3-t)", "protocol.steps=4"],
            &[
                "protocol.step_size = \"p*(3-t)\"",
                "is 0 at t = 3",
                "positive",
            ],
        ),
        (
            &["network.bias={gaussian=-1}"],
            &["network.bias.gaussian = -1", "not negative", "uniform"],
        ),
        (
            &["network.bias={uniform=[1,-1]}"],
            &["network.bias.uniform = [1, -1]", "no interval", "[-1, 1]"],
        ),
        (
            &["inputs=hypercube", "run.engine=in_law"],
            &[
                "inputs = \"hypercube\"",
                "Gaussian across the target",
                "\"direct\"",
                "{ target = ... }",
            ],
        ),
        (
            &["network.start={overlap=[0.1,0.2,0.3]}"],
            &[
                "network.start.overlap = [0.1, 0.2, 0.3]",
                "3 overlaps with r = ",
                "for each direction",
            ],
        ),
        (
            &["network.start={overlap=1.5}"],
            &["network.start.overlap = 1.5", "at most 1", "smaller"],
        ),
        (
            &[
                "network.start={overlap=0.1}",
                "network.first_layer=gaussian",
            ],
            &["network.start.overlap = 0.1", "no fixed length", "sphere"],
        ),
        (
            &["network.start={overlap=[[0.1,0.2]]}"],
            &[
                "network.start.overlap = [[0.1, 0.2]]",
                "1 lists for",
                "for each neuron",
            ],
        ),
        (
            &["protocol.average_from=0"],
            &[
                "protocol.average_from = 0",
                "none of the steps",
                "all steps",
            ],
        ),
        (
            &["target.link=tanh(z1 + e1) + z2", "evaluation.labels=clean"],
            &[
                "evaluation.labels = \"clean\"",
                "no closed form",
                "\"noisy\"",
            ],
        ),
        (
            &["target.gram=[[1,2],[2,1]]"],
            &[
                "target.gram = [[1.0, 2.0], [2.0, 1.0]]",
                "direction 2",
                "independent",
            ],
        ),
        (
            &["readout.loss=logistic", "readout.ridge=0"],
            &["readout.ridge = 0", "separable", "positive"],
        ),
        (
            &["readout.loss=logistic", "protocol.remove_below=1"],
            &[
                "readout.loss = \"logistic\"",
                "nothing is removed",
                "remove_below",
            ],
        ),
        (
            &["network.scale=0"],
            &["network.scale = 0", "positive", "choose"],
        ),
        (
            &["readout.samples=7", "readout.batch=same"],
            &["readout.samples = 7", "batch of the step", "fresh"],
        ),
        (
            &["readout.ridge=d-1000"],
            &["readout.ridge = -9", "not negative", "positive"],
        ),
        (
            &["readout.ridge=-1"],
            &["readout.ridge = -1", "not negative", "positive"],
        ),
        (
            &["readout.ridge=[]"],
            &["readout.ridge = []", "no value", "at least one"],
        ),
        (
            &["evaluation.test_samples=0"],
            &["evaluation.test_samples = 0", "one sample", "100000"],
        ),
        (
            &["run.seeds=0"],
            &["run.seeds = 0", "no seed", "at least 1"],
        ),
        (
            &["run.seeds=1000000000"],
            &["run.seeds = 1000000000", "more than 1000000 runs", "fewer"],
        ),
        (
            &["run.seeds=9223372036854775807"],
            &["run.seeds = 9223372036854775807", "more than 1000000 runs"],
        ),
        (
            &[
                r#"sweep=[{key="protocol.batch",linear={from=1,to=9999,count=9999}}]"#,
                "run.seeds=200",
            ],
            &["1999800 runs", "fewer seeds"],
        ),
        (
            // 2^64 points: as many as none, counted in 64 bits.
            &[
                r#"sweep=[{key="a",linear={from=1,to=2,count=8192}},{key="b",linear={from=1,to=2,count=8192}},{key="c",linear={from=1,to=2,count=8192}},{key="d",linear={from=1,to=2,count=8192}},{key="e",linear={from=1,to=2,count=4096}}]"#,
            ],
            &["18446744073709552000 points", "shorten"],
        ),
        (
            &["evaluation.test_samples=9223372036854775807"],
            &["9223372036854775807", "more than 2^53"],
        ),
        (
            &["network.activation=1e-320*x"],
            &["`1e-320`", "double precision"],
        ),
        (
            &[r#"sweep=[{key="protocol.step_size",values=[nan]}]"#],
            &["sweep[0]", "not finite"],
        ),
        (
            &[r#"sweep=[{zip=[{"protocol.batch"=30,"network.width"=4},{"protocol.batch"=40}]}]"#],
            &["sweep[0]", "the same keys"],
        ),
        (
            &["protocol.batch=1979-05-27"],
            &["protocol.batch", "1979-05-27 is a date", "quotes"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[1979-05-27]}]"#],
            &["1979-05-27 is a date"],
        ),
        (
            &[r#"quick={"protocol.dimenson"=3}"#],
            &[
                "[quick]",
                "protocol.dimenson",
                "did you mean `protocol.dimension`",
            ],
        ),
        (
            &[r#"reference=[{metric="tset_error",step=1,value=1.0,tolerance=0.1,source="x"}]"#],
            &["reference[0].metric", "tset_error"],
        ),
        (
            &[
                r#"reference=[{metric="norm",step=1,value=1.0,tolerance=0.1,source="x",at={"network.width"=1}}]"#,
            ],
            &["reference[0].at", "no swept key `network.width`"],
        ),
        (
            &[r#"slope=[{metric="norm",step=1,predicted=1.0,source="x",x="network.widht"}]"#],
            &["slope[0].x", "network.widht"],
        ),
        (
            &[r#"figure=[{kind="curves",name="a",x="n",y="norm",y_range=[2.0,1.0]}]"#],
            &[
                "figure[0]",
                "y_range cannot run from 2 to 1",
                "the smaller one first",
            ],
        ),
        (
            &["run.threads=5000"],
            &["run.threads = 5000", "too many", "number of cores"],
        ),
        (
            &["run.memory_limit=much"],
            &["run.memory_limit = \"much\"", "not an amount", "8 GB"],
        ),
        (
            &["run.memory_limit=10 MB"],
            &[
                "run.memory_limit = 10 MB",
                "needs about",
                "raise run.memory_limit",
            ],
        ),
        (
            &[
                "run.engine=in_law",
                "protocol.reuse=2",
                "protocol.dimension=100000",
                "protocol.batch=1e9",
            ],
            &[
                "run.memory_limit = 8.0 GB",
                "in_law engine",
                "run.engine = \"auto\"",
            ],
        ),
        (
            &["name=a/b"],
            &["name = \"a/b\"", "not a file name", "rename"],
        ),
        (
            &["protocol.steps=many"],
            &["protocol.steps", "many", "schema"],
        ),
        (
            &["protocol.geometry=flat"],
            &["protocol.geometry: unknown value `flat`", "spherical"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[10,0]}]"#],
            &["protocol.batch = 0", "at least 1", "sweep"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch"}]"#],
            &["sweep[0]", "values, linear and log"],
        ),
        (
            &["protocol.dimension=100.5"],
            &["protocol.dimension = 100.5", "whole number", "100 or 101"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[40,"2*d"]}]"#],
            &["protocol.batch = 40", "\"2*d\"", "same experiment"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",log={from=10,to=12,count=5}}]"#],
            &["same experiment", "lower the count"],
        ),
        (
            &[r#"sweep=[{key="protocol.step_size",values=["p",6.0]}]"#],
            &["same experiment", "leave one"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[30]},{key="protocol.batch",values=[40]}]"#],
            &["`protocol.batch`", "later one", "leave one"],
        ),
        (
            &[
                r#"sweep=[{key="target.noise",linear={from=0,to=1,count=8192}},{key="protocol.step_size",linear={from=1,to=2,count=8192}},{key="protocol.batch",linear={from=1,to=8192,count=8192}},{key="protocol.dimension",linear={from=9,to=8200,count=8192}},{key="network.width",linear={from=1,to=8192,count=8192}}]"#,
            ],
            &["36893488147419103000 points", "shorten an axis"],
        ),
        (
            &["protocol.dimension"],
            &["--set protocol.dimension", "no `=`", "key=value"],
        ),
    ];
    for (overrides, parts) in cases {
        assert_says(&refused(TOY, overrides), parts);
    }
}

/// Words of the program's own language.
const OWN: [&str; 16] = [
    "usize",
    "u64",
    "u32",
    "i64",
    "f64",
    "struct",
    "variant",
    "enum",
    "tuple",
    "Spec",
    "sequence",
    "invalid type",
    "untagged",
    "field",
    "boolean",
    "map",
];

#[test]
fn messages_speak_of_the_file_and_not_of_the_program() {
    let keys = [
        "name",
        "title",
        "target",
        "target.link",
        "target.r",
        "target.noise",
        "target.directions",
        "network",
        "network.width",
        "network.pairing",
        "protocol",
        "protocol.steps",
        "protocol.batch",
        "protocol.loss",
        "protocol.lookahead",
        "protocol.reuse",
        "readout",
        "readout.ridge",
        "readout.batch",
        "evaluation.metrics",
        "evaluation.test_samples",
        "run",
        "run.seeds",
        "run.threads",
        "run.precision",
        "run.memory_limit",
        "sweep",
        "figure",
        "reference",
        "slope",
        "predictions",
        "largest_batch",
        "quick",
    ];
    let values = [
        "3",
        "-1",
        "1.5",
        "nan",
        "true",
        "\"x\"",
        "[]",
        "[3]",
        "[\"x\"]",
        "[[1]]",
        "{}",
        "[{}]",
        "{ x = 1 }",
        "[{ x = 1 }]",
        "[{ kind = 3 }]",
        "[{ kind = \"curves\" }]",
        "[{ key = 3 }]",
        "[{ key = \"a\", linear = { from = 1, to = 2, count = -1 } }]",
        "{ correlation_until = \"x\" }",
        "{ correlation = 1 }",
        "{ leave_one_out = 3 }",
    ];
    for key in keys {
        let toy = Toy::new(TOY);
        for value in values {
            let set = format!("{key}={value}");
            let output = toy.run(&[&set], &["--explain"]);
            let said = text(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 2)), "{set}: {said}");
            // The values of a key may be words like these.
            let said = said.split("expected one of").next().unwrap_or_default();
            let own = OWN.iter().find(|word| said.contains(**word));
            assert_eq!(own, None, "{set}: {said}");
        }
    }
}

#[test]
fn at_most_two_kilobytes_of_what_was_typed_are_told_again() {
    let long = "z1+".repeat(20_000) + "+*";
    for set in [
        format!("target.link={long}"),
        format!("{long}=3"),
        format!("protocol.loss={long}"),
        long.clone(),
    ] {
        let said = refused(TOY, &[&set]);
        assert!(said.len() < 2100, "{} bytes: {:.300}", said.len(), said);
        assert!(
            said.contains("help:") && said.contains("left out"),
            "{said}"
        );
    }
    let output = giantstep().arg(&long).output().expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.len() < 2100, "{} bytes", output.stderr.len());
}

#[cfg(unix)]
#[test]
fn an_argument_is_one_line_of_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let toy = Toy::new(TOY);
    let mut arguments = toy.arguments(&[]);
    arguments.truncate(2);
    for (option, value) in [
        ("--out", &b"a\xff"[..]),
        ("--out", b"a\n#SBATCH --account=b"),
        ("--set", b"name=\"a\"\nrun.seeds=9"),
        ("--set", b"name=\x1b[31m"),
    ] {
        let mut command = giantstep();
        command
            .args(&arguments)
            .arg(option)
            .arg(OsStr::from_bytes(value));
        let output = command
            .current_dir(toy.path(""))
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert_says(text(&output.stderr), &["not one line of text", "help:"]);
    }
    arguments[0] = "submit".to_owned();
    for option in ["--partition", "--time", "--directive"] {
        let mut command = giantstep();
        command
            .args(&arguments)
            .args(["--dry-run", &format!("{option}=a\n#SBATCH --account=b")]);
        let output = command
            .current_dir(toy.path(""))
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(!toy.path("results").exists(), "{option}");
    }
    // The folder in which it is called is no argument.
    let folder = toy.path("a\n#SBATCH --account=b");
    std::fs::create_dir(&folder).expect("a folder");
    let mut command = giantstep();
    command
        .args(&arguments)
        .arg("--dry-run")
        .current_dir(&folder);
    let output = command.output().expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert_says(text(&output.stderr), &["cannot stand in a script"]);
}

#[test]
fn whatever_is_told_is_told_as_json_too() {
    let toy = Toy::new(TOY);
    let explained = json(&toy.run(
        &[r#"sweep=[{key="protocol.batch",values=[30,60]}]"#],
        &["--explain", "--json"],
    ));
    assert_eq!(
        (
            &explained["runs"],
            explained["points"].as_array().map(Vec::len)
        ),
        (&6.into(), Some(2))
    );
    assert!(
        explained["points"][0]["taken"]["cost"]["memory"].is_number(),
        "{explained}"
    );
    for arguments in [
        ["reproduce", "--list", "--json"],
        ["claims", "--list", "--json"],
    ] {
        let output = giantstep().args(arguments).output().expect("a process");
        let list = json(&output);
        assert!(
            list[if arguments[0] == "claims" {
                "claims"
            } else {
                "experiments"
            }][0]["name"]
                .is_string(),
            "{list}"
        );
    }
    let output = giantstep()
        .args(["schema", "claim"])
        .output()
        .expect("a process");
    let schema = json(&output);
    assert!(
        schema["properties"]["claim"].is_object() && schema["properties"]["protocol"].is_object()
    );
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    for (wrong, right) in [
        ("protocol.stepsize", "protocol.step_size"),
        ("protocol.dimenson", "protocol.dimension"),
        ("network.widht", "network.width"),
        ("evaluation.tests_samples", "evaluation.test_samples"),
        ("netwrok.width", "network"),
    ] {
        let expected = format!("did you mean `{right}`?");
        let key = wrong
            .split_once('.')
            .filter(|(section, _)| *section == "netwrok");
        let named = format!(
            "unknown key `{}`",
            key.map_or(wrong, |(section, _)| section)
        );
        let set = format!("{wrong}=3");
        assert_says(&refused(TOY, &[&set]), &[&named, &expected]);
        assert_says(&refused(&format!("{TOY}\n{wrong} = 3"), &[]), &[&expected]);
        let sweep = format!("sweep=[{{key=\"{wrong}\",values=[3]}}]");
        assert_says(&refused(TOY, &[&sweep]), &[&named, &expected]);
    }
    assert_says(
        &refused(TOY, &["zzzzzzzz=1"]),
        &["unknown key `zzzzzzzz`", "giantstep schema"],
    );
}

#[test]
fn a_bad_expression_has_a_caret_under_the_place() {
    for (set, place) in [
        ("target.link=z1 + foo(z2)", "foo"),
        ("target.link=z1 + z2 +* z3", "* z3"),
        ("target.link=He2(z1, z2)", "He2"),
        ("network.activation=relu(y)", "y"),
        ("protocol.step_size=2*q", "q"),
    ] {
        let (key, source) = set.split_once('=').expect("a setting");
        let message = refused(TOY, &[set]);
        assert_says(&message, &[&format!("{key} = \"{source}\""), "help:"]);
        let lines: Vec<&str> = message.lines().collect();
        let caret = lines
            .iter()
            .position(|line| line.trim_matches([' ', '|']).starts_with('^'));
        let caret = caret.unwrap_or_else(|| panic!("no caret:\n{message}"));
        let column = lines[caret].find('^').expect("a caret");
        assert!(lines[caret - 1][column..].starts_with(place), "{message}");
    }
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let output = giantstep()
        .args(["run", "nowhere.toml"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert_says(
        text(&output.stderr),
        &["nowhere.toml", "cannot read", "help: give the path"],
    );
    assert_says(
        &refused("name = = 3", &[]),
        &["toy.toml is not TOML", "line 1"],
    );
    let output = giantstep()
        .args(["reproduce", "stairwy"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert_says(
        text(&output.stderr),
        &["no experiment `stairwy`", "did you mean `stairway`?"],
    );
    let output = giantstep()
        .args(["run", "--fast"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_any_work() {
    let toy = Toy::new(TOY);
    let file = toy.path("toy.toml");
    for (out, reason) in [
        (file.clone(), "is a file"),
        (file.join("below"), "cannot create"),
    ] {
        let mut arguments = toy.arguments(&["protocol.batch=1e12", "run.engine=direct"]);
        arguments[3] = out.display().to_string();
        // A run of years: that the process ends at all says that it was not begun.
        let output = giantstep().args(&arguments).output().expect("a process");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert_says(
            text(&output.stderr),
            &["output folder", &arguments[3], reason, "--out"],
        );
    }
}

/// Where permissions bind: not for the superuser.
#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let toy = Toy::new(TOY);
    let out = toy.path("out");
    std::fs::create_dir(&out).expect("a folder");
    std::fs::set_permissions(&out, PermissionsExt::from_mode(0o500)).expect("permissions");
    if std::fs::write(out.join("probe"), "").is_ok() {
        return;
    }
    let output = toy.run(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_says(text(&output.stderr), &["is not writable", "--out"]);
}

#[test]
fn a_run_that_diverges_exits_with_1_and_keeps_its_first_steps() {
    let toy = Toy::new(TOY);
    let overrides = [
        "network.activation=He3(x)",
        "protocol.step_size=1e6",
        "protocol.steps=20",
        "readout.after=never",
    ];
    let output = toy.run(&overrides, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let parts = [
        "3 of 3 runs did not complete",
        "step",
        "neuron",
        "protocol.step_size",
    ];
    assert_says(text(&output.stderr), &parts);
    let document = json(&output);
    let failures = document["failures"].as_array().expect("failures");
    assert_eq!(
        (failures.len(), &document["runs"]["completed"]),
        (3, &0.into())
    );
    for failure in failures {
        let reason = failure["reason"].as_str().expect("a reason");
        let step = reason
            .strip_prefix("step ")
            .and_then(|rest| rest.split(':').next());
        let step: u32 = step.and_then(|step| step.parse().ok()).expect("a step");
        let seed = failure["seed"].as_u64();
        let records = toy.records();
        let kept = records.iter().filter(|record| Some(record.seed) == seed);
        assert_eq!(kept.map(|record| record.step).max(), Some(step - 1));
    }
}

/// Ctrl-C: the process ends soon, with 1, and the table holds what an undisturbed run measures up to there.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_keeps_what_is_finished() {
    use std::process::{Command, Stdio};

    use crate::common::{computes, listens};

    let toy = Toy::new(TOY);
    let endless = [
        "protocol.steps=100000",
        "protocol.batch=3000",
        "run.seeds=2",
        "run.threads=2",
    ];
    let mut child = Command::new(crate::common::program())
        .args(toy.arguments(&endless))
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    listens(&child);
    // A step takes a few milliseconds.
    computes(&child, 2.0);
    assert_eq!(
        child.try_wait().expect("a child"),
        None,
        "ended before the signal"
    );
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let out = toy.path("out").display().to_string();
    assert_says(
        text(&output.stderr),
        &["stopping", "interrupted; 0 of 2 runs", &out],
    );
    let document = json(&output);
    assert_eq!(
        (&document["interrupted"], &document["runs"]["planned"]),
        (&true.into(), &2.into())
    );

    // Both seeds were under way, with a thread each.
    let mut kept = toy.records();
    assert!(
        kept.last().is_some_and(|record| record.step > 2),
        "little was kept"
    );
    kept.retain(|record| record.step <= 2);
    let whole = Toy::new(TOY);
    let output = whole.run(&["protocol.batch=3000", "run.seeds=2"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        kept == whole.records(),
        "other numbers than an undisturbed run"
    );
}

/// Otherwise every process would do all of the work and write over the results of the others.
#[cfg(not(feature = "mpi"))]
#[test]
fn processes_that_cannot_share_are_refused_once() {
    let toy = Toy::new(TOY);
    for (rank, told) in [("0", 1), ("1", 0)] {
        let output = giantstep()
            .args(toy.arguments(&[]))
            .env("OMPI_COMM_WORLD_SIZE", "4")
            .env("OMPI_COMM_WORLD_RANK", rank)
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(2));
        let errors = text(&output.stderr);
        assert_eq!(errors.matches("--features mpi").count(), told, "{errors}");
        assert!(!toy.path("out").exists());
    }
}

#[test]
fn a_figure_that_cannot_come_is_refused_before_anything_runs() {
    for (figure, message) in [
        (
            r#"figure=[{kind="curves",name="f",x="step",y="train_errr"}]"#,
            "did you mean `train_error`?",
        ),
        (
            r#"figure=[{kind="curves",name="f",x="stp",y="train_error"}]"#,
            "did you mean `step`?",
        ),
        (
            r#"figure=[{kind="curves",name="f",x="step",y="weight_cosine"}]"#,
            "direction (1, 2)",
        ),
        (
            r#"figure=[{kind="curves",name="../f",x="step",y="train_error"}]"#,
            "`../f` is no name of a figure",
        ),
        (
            r#"reference=[{metric="norm",step=9,value=1.0,tolerance=1.0,source="x"}]"#,
            "no step `9`",
        ),
    ] {
        let toy = Toy::new(TOY);
        let output = toy.run(&[figure], &[]);
        let answer = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{figure}: {answer}");
        assert!(answer.contains(message), "{figure}: {answer}");
        assert!(!toy.path("out").exists(), "{figure}");
    }
}
