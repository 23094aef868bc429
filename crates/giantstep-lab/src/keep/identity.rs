//! What a run is: the settings that its numbers depend on, and the name made of them.

use std::collections::BTreeMap;
use std::fmt;

use giantstep::batch::EngineKind;
use giantstep::spec::Spec;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::plan::{Job, Jobs, Plan, Point};

/// Dotted keys and values, in order.
pub type Settings = BTreeMap<String, Json>;

/// Keys that change no number of a run. The seed and the engine are added to its name in their own way.
const WITHOUT_EFFECT: [&str; 9] = [
    "name",
    "title",
    // Its content counts, wherever it lies.
    "inputs.file",
    "network.start.file",
    "run.seeds",
    "run.first_seed",
    "run.engine",
    "run.threads",
    "run.memory_limit",
];

/// Keys that came after the first kept runs, with the values at which they change no number: left out there, they leave the
/// names of those runs alone.
const LATER: [(&str, &str); 9] = [
    ("inputs", "gaussian"),
    ("network.bias", "zero"),
    ("network.output", "plain"),
    ("protocol.second_layer", "frozen"),
    ("protocol.biases", "frozen"),
    ("protocol.update", "gradient"),
    ("protocol.sampling", "without_replacement"),
    ("readout.loss", "squared"),
    ("evaluation.labels", "noisy"),
];

/// The name of a run: 32 hexadecimal digits of the hash of its resolved settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunId {
    /// The name of these settings.
    pub fn of(settings: &Settings) -> Self {
        let lines = settings.iter().map(|(key, value)| line(key, value));
        Self::of_lines(&lines.collect::<String>())
    }

    fn of_lines(lines: &str) -> Self {
        Self(blake3::hash(lines.as_bytes()).to_hex()[..32].to_owned())
    }

    /// The name that a file carries, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (digits && text.len() == 32).then(|| Self(text.to_owned()))
    }
}

fn line(key: &str, value: &Json) -> String {
    format!("{key} = {value}\n")
}

const SEED: &str = "run.seed";

/// The runs of a point on an engine, which differ in their seeds alone: all other settings are made once.
#[derive(Debug, Clone)]
struct Alike {
    /// Without the seed.
    settings: Settings,
    /// The lines of their names before that of the seed, and behind it.
    before: String,
    behind: String,
}

impl Alike {
    /// Those of a point on an engine.
    fn of(point: &Point, engine: EngineKind) -> Self {
        let mut settings = typed(&point.evaluated());
        // Formulas are evaluated: what their numbers are called changes nothing.
        settings.retain(|key, _| !key.starts_with("let."));
        settings.insert("run.engine".to_owned(), json!(engine.name()));
        let (mut before, mut behind) = (String::new(), String::new());
        for (key, value) in &settings {
            let part = if key.as_str() < SEED {
                &mut before
            } else {
                &mut behind
            };
            part.push_str(&line(key, value));
        }
        Self {
            settings,
            before,
            behind,
        }
    }

    /// The settings of the one with this seed.
    fn settings(&self, seed: u64) -> Settings {
        let mut settings = self.settings.clone();
        settings.insert(SEED.to_owned(), json!(seed));
        settings
    }

    /// The name of the one with this seed.
    fn id(&self, seed: u64) -> RunId {
        let seed = line(SEED, &json!(seed));
        RunId::of_lines(&[&self.before, &*seed, &self.behind].concat())
    }
}

/// The names of all runs of a plan.
#[derive(Debug)]
pub struct Names(Vec<Alike>);

impl Names {
    /// Those of these jobs.
    pub fn of(jobs: &Jobs<'_>) -> Self {
        let points = jobs.list.chunk_by(|a, b| a.index == b.index);
        let first = points.filter_map(|runs| runs.first());
        Self(
            first
                .map(|job| Alike::of(job.point, job.cost.engine))
                .collect(),
        )
    }

    /// The name of one of them.
    pub fn id(&self, job: &Job<'_>) -> RunId {
        self.0[job.index].id(job.seed)
    }

    /// The settings that its numbers depend on.
    pub fn settings(&self, job: &Job<'_>) -> Settings {
        self.0[job.index].settings(job.seed)
    }
}

/// The settings that the numbers of one run depend on, formulas evaluated: two files that ask for the same run in
/// different words have the same.
pub fn resolved(point: &Point, engine: EngineKind, seed: u64) -> Settings {
    Alike::of(point, engine).settings(seed)
}

/// Keys that change no prediction, besides those that change no number of a run.
const UNPREDICTED: [&str; 3] = [
    "run.precision",
    "run.save_weights",
    "evaluation.test_samples",
];

/// The settings that the predictions of a point depend on, without those of its readout where one prediction serves
/// several of them.
pub(crate) fn foreseen(point: &Point) -> Settings {
    let mut settings = typed(&point.evaluated());
    settings.retain(|key, _| !key.starts_with("let.") && !UNPREDICTED.contains(&key.as_str()));
    settings
}

/// The settings as typed that every point of a plan shares.
pub(super) fn shared(plan: &Plan) -> Settings {
    let mut settings = plan
        .points
        .first()
        .map(|point| typed(&point.spec))
        .unwrap_or_default();
    let swept = plan.points.iter().flat_map(|point| &point.settings);
    let swept: Vec<&str> = swept.map(|setting| setting.key.as_str()).collect();
    settings.retain(|key, _| {
        !swept
            .iter()
            .any(|swept| key == swept || key.starts_with(&format!("{swept}.")))
    });
    settings
}

/// `key: before -> now` for every key that both have with different values.
pub(super) fn differences(before: &Settings, now: &Settings) -> Vec<String> {
    let changed = now.iter().filter_map(|(key, now)| {
        let before = before.get(key)?;
        (!LATER.iter().any(|(later, _)| later == key) && before != now)
            .then(|| format!("{key}: {before} there, {now} here"))
    });
    // A key that is left out at its default, or is a table away from it.
    let later = LATER.iter().filter_map(|(key, default)| {
        let of = |settings: &Settings| match below(settings, key) {
            nothing if nothing.is_empty() => json!(default).to_string(),
            found => found.join(", "),
        };
        let (before, now) = (of(before), of(now));
        (before != now).then(|| format!("{key}: {before} there, {now} here"))
    });
    changed.chain(later).collect()
}

/// What settings say of a key or of the keys below it.
fn below(settings: &Settings, key: &str) -> Vec<String> {
    let inside = |other: &str| {
        other
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let said = settings
        .iter()
        .filter_map(|(other, value)| match other == key {
            true => Some(value.to_string()),
            false => inside(other).then(|| format!("{} = {value}", &other[key.len() + 1..])),
        });
    said.collect()
}

/// The settings of a file as typed, defaults included, without those that change no number.
fn typed(spec: &Spec) -> Settings {
    let mut settings = Settings::new();
    flatten(
        "",
        serde_json::to_value(spec).unwrap_or_default(),
        &mut settings,
    );
    let later = |key: &str, value: &Json| {
        LATER
            .iter()
            .any(|at| *at == (key, value.as_str().unwrap_or_default()))
    };
    settings.retain(|key, value| !WITHOUT_EFFECT.contains(&key.as_str()) && !later(key, value));
    settings
}

fn flatten(path: &str, value: Json, settings: &mut Settings) {
    let Json::Object(table) = value else {
        settings.insert(path.to_owned(), value);
        return;
    };
    for (key, value) in table {
        let dotted = if path.is_empty() {
            key
        } else {
            format!("{path}.{key}")
        };
        flatten(&dotted, value, settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Machine, Scale};
    use std::collections::BTreeSet;

    const FILE: &str = r#"
        target.link = "z1 + z1*z2"
        network.width = 6
        protocol = { dimension = 20, steps = 2, batch = "2*d", step_size = "p" }
        run.seeds = 3
    "#;

    fn plan(overrides: &[&str]) -> Plan {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        Plan::read(FILE, "file", &overrides, Scale::Full).unwrap()
    }

    fn name(overrides: &[&str]) -> RunId {
        RunId::of(&resolved(&plan(overrides).points[0], EngineKind::Direct, 1))
    }

    #[test]
    fn the_same_run_in_other_words_has_the_same_name() {
        for words in [
            "protocol.batch=40",
            "protocol.batch=d+20",
            "protocol.step_size=6.0",
            "readout.ridge=n/40",
            "target.link=z1+(z1*z2)",
            "target.r=2",
            "name=other",
            "run.seeds=70",
            "run.threads=1",
            "run.memory_limit=3 GB",
            "let={k=2}",
            "run.engine=in_law",
        ] {
            assert_eq!(name(&[words]), name(&[]), "{words}");
        }
        assert_eq!(RunId::parse(&name(&[]).to_string()), Some(name(&[])));
    }

    #[test]
    fn every_setting_with_effect_changes_the_name() {
        let mut names = vec![name(&[])];
        for words in [
            "target.link=z1 + z1*z3",
            "target.r=3",
            "target.directions=canonical",
            "target.link=z1 + e1",
            "target.link=z1 + u1",
            "target.link=z1 + e2",
            "target.gram=[[1,0.5],[0.5,1]]",
            "target.noise=0.1",
            "network.width=8",
            "network.activation=tanh(x)",
            "network.first_layer=gaussian",
            "network.second_layer=ones",
            "network.pairing=symmetric",
            "network.bias={gaussian=1}",
            "network.bias={uniform=[-1,1]}",
            "network.scale=1/p",
            "network.output=centred",
            "network.start={overlap=0.1}",
            "inputs=hypercube",
            "inputs={target=\"hypercube\"}",
            "inputs.target=uniform",
            "protocol.dimension=21",
            "protocol.steps=3",
            "protocol.batch=41",
            "protocol.step_size=5",
            "protocol.reuse=2",
            "protocol.training_set=60",
            "protocol.training_set=61",
            "protocol.training_set=60;protocol.sampling=with_replacement",
            "protocol.training_set=60;readout.batch=training_set",
            "protocol.step_size=p/t",
            "let={c=2};protocol.step_size=c*p/t",
            "let={c=3};protocol.step_size=c*p/t",
            "let={c=2};inputs={spike={along=\"target\",strength=\"c*d\"}}",
            "let={c=3};inputs={spike={along=\"target\",strength=\"c*d\"}}",
            "let={c=2};inputs={spectrum=[[\"c\",0.5],[1,0.5]]}",
            "let={c=3};inputs={spectrum=[[\"c\",0.5],[1,0.5]]}",
            "let={c=0.6};inputs={spectrum=[[2,\"c\"],[1,\"1-c\"]]}",
            "let={c=2};protocol.batch=40+c*t",
            "let={c=3};protocol.batch=40+c*t",
            "let={c=2};baseline=[{kind=\"linear\",ridge=\"c\"}]",
            "let={c=3};baseline=[{kind=\"linear\",ridge=\"c\"}]",
            "let={c=2};protocol.weight_decay=c/100",
            "let={c=3};protocol.weight_decay=c/100",
            "let={c=2};network.scale=c/p",
            "let={c=3};network.scale=c/p",
            "protocol.loss=correlation",
            "protocol.loss=logistic",
            "protocol.loss=(y-f)^4",
            "protocol.second_layer={step_size=1}",
            "protocol.second_layer={step_size=2}",
            "network.bias={gaussian=1};protocol.biases={step_size=1}",
            "protocol.update=polar",
            "protocol.update={adam={}}",
            "protocol.update={adam={beta1=0.8}}",
            "protocol.momentum={heavy_ball=0.9}",
            "protocol.momentum={nesterov=0.9}",
            "protocol.weight_decay=0.1",
            "protocol.clip={rows=1}",
            "protocol.clip={whole=1}",
            "protocol.geometry=projected",
            "protocol.lookahead={kind=\"extragradient\",radius=1}",
            "protocol.lookahead={kind=\"extragradient\",radius=2}",
            "protocol.remove_below=1",
            "protocol.average_from=1",
            "readout.loss=logistic",
            "readout.ridge=2",
            "readout.batch=same",
            "readout.samples=2*n",
            "evaluation.labels=clean",
            "readout.intercept=with",
            "readout.after=last",
            "evaluation.test_samples=7",
            "evaluation.metrics=[\"norm\"]",
            "run.precision=f64",
            "run.save_weights=last",
        ] {
            let new = name(&words.split(';').collect::<Vec<_>>());
            assert!(!names.contains(&new), "{words} changes nothing");
            names.push(new);
        }
        let point = &plan(&[]).points[0];
        for (engine, seed) in [(EngineKind::InLaw, 1), (EngineKind::Direct, 2)] {
            let new = RunId::of(&resolved(point, engine, seed));
            assert!(!names.contains(&new), "{engine:?}, seed {seed}");
            names.push(new);
        }
    }

    /// Runs of a point are named without looking at the point again.
    #[test]
    fn the_runs_of_a_plan_have_the_names_of_their_settings() {
        let sweep = r#"sweep=[{key="protocol.dimension",values=[20,300]},{key="network.bias",values=["zero",{gaussian=1}]}]"#;
        let plan = plan(&[sweep, "run.save_weights=last", "run.first_seed=9"]);
        let jobs = plan.jobs(Machine { cores: 1, ranks: 1 }).unwrap();
        let names = Names::of(&jobs);
        let mut all = BTreeSet::new();
        for job in &jobs.list {
            let settings = resolved(job.point, job.cost.engine, job.seed);
            assert_eq!(settings["run.seed"], job.seed);
            assert!(settings.keys().next_back().unwrap().as_str() > SEED);
            assert_eq!(names.settings(job), settings);
            assert_eq!(names.id(job), RunId::of(&settings));
            all.insert(names.id(job));
        }
        assert_eq!(all.len(), 4 * 3);
    }

    #[test]
    fn a_run_on_own_data_rests_on_the_content_of_the_file_and_not_on_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let rows = |last: u32| {
            let lines = (0..100).map(|v| format!("{},{}\n", v % 7, v * last % 11));
            format!("a,b\n{}", lines.collect::<String>())
        };
        let of = |path: &str, text: &str, more: &str| {
            let path = folder.path().join(path);
            std::fs::write(&path, text).unwrap();
            let inputs = format!("inputs={{file={:?}{more}}}", path.to_string_lossy());
            let file = FILE.replace("dimension = 20, ", "").replace("2*d", "30");
            let plan = Plan::read(&file, "file", &[inputs], Scale::Full).unwrap();
            let settings = resolved(&plan.points[0], EngineKind::Data, 1);
            // The file as understood gives the same.
            let again = plan.document.resolved().unwrap();
            let again = Plan::read(&again, "again", &[], Scale::Full).unwrap();
            assert_eq!(settings, resolved(&again.points[0], EngineKind::Data, 1));
            RunId::of(&settings)
        };
        let name = of("x.csv", &rows(3), "");
        assert_eq!(name, of("y.csv", &rows(3), ""));
        assert_ne!(name, of("x.csv", &rows(5), ""));
        let mut names = vec![name];
        for more in [
            ",test_share=0.3",
            ",test_rows=\"last\"",
            ",standardise=\"columns\"",
        ] {
            let new = of("x.csv", &rows(3), more);
            assert!(!names.contains(&new), "{more}");
            names.push(new);
        }
    }

    #[test]
    fn a_changed_setting_is_named_and_a_swept_one_is_not() {
        let before = shared(&plan(&[]));
        let now = shared(&plan(&["readout.ridge=2.5"]));
        assert_eq!(
            differences(&before, &now),
            ["readout.ridge: 1.0 there, 2.5 here"]
        );
        for (words, said) in [
            (
                "protocol.update=polar",
                "protocol.update: \"gradient\" there, \"polar\" here",
            ),
            (
                "network.bias={gaussian=2}",
                "network.bias: \"zero\" there, gaussian = 2.0 here",
            ),
        ] {
            assert_eq!(differences(&before, &shared(&plan(&[words]))), [said]);
            assert!(differences(&before, &before).is_empty());
        }
        let swept = shared(&plan(&[
            r#"sweep=[{key="readout.ridge",values=[1.0,2.5]}]"#,
        ]));
        assert!(differences(&before, &swept).is_empty());
        assert!(differences(&before, &shared(&plan(&["run.seeds=9"]))).is_empty());
    }
}
