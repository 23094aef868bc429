//! Questions that are answered at once, against the library that answers them.

use axum::http::{Method, StatusCode};
use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, analyze, analyze_boolean};
use giantstep::expr::Link;
use giantstep_lab::document;
use serde_json::{Value as Json, json};

use crate::{Browser, LONG, TOY, block};

#[test]
fn an_analysis_is_the_document_of_the_command_line() {
    block(async {
        let browser = Browser::new();
        for (link, activation) in [
            ("z1 + z1*z2 + z1*z2*z3", "relu(x)"),
            ("staircase-3", "tanh(x)"),
            ("abs(z1)", "relu(x)"),
        ] {
            let answer = browser
                .post(
                    "/api/analyze",
                    &json!({ "link": link, "activation": activation, "seconds": 60 }),
                )
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let found = answer.json();
            let named = giantstep::catalogue::find(link).map_or(link, |target| target.link);
            let link = Link::parse(named, None).unwrap();
            let activation = Activation::parse(activation).unwrap();
            let report = analyze(&link, &activation, AnalysisOptions::default()).unwrap();
            assert_eq!(found["analysis"], document::analysis(&report), "{named}");
            assert_eq!(found["stopped"], false);
            let columns = found["verdicts"]["columns"].as_array().unwrap();
            assert!(columns.iter().all(|column| {
                column["meaning"]
                    .as_str()
                    .is_some_and(|text| text.len() > 10)
            }));
            let rows = found["verdicts"]["rows"].as_array().unwrap();
            assert_eq!(rows.len(), report.verdicts.len());
        }
    });
}

#[test]
fn an_analysis_ends_at_its_time_with_what_it_knows() {
    // What rests on samples takes seconds here: a threshold that is there has not been stopped.
    let link = "z1*z2*z3*z4*z5*z6*z7*z8";
    let asked = json!({ "link": link, "activation": "relu(x)", "seconds": 0.05 });
    let answer = block(async { Browser::new().post("/api/analyze", &asked).await }).json();
    assert_eq!(answer["stopped"], true);
    assert!(answer["analysis"]["weak_recovery"].is_null());
    assert_eq!(answer["analysis"]["leap"]["one_step"], 8);
}

#[test]
fn an_analysis_of_signs_is_that_of_the_command_line_too() {
    block(async {
        let browser = Browser::new();
        let text = "z1 + z1*z2*z3";
        let body = json!({ "link": text, "activation": "relu(x)", "of": "hypercube" });
        let found = browser.post("/api/analyze", &body).await.json();
        let (link, relu) = (
            Link::parse(text, None).unwrap(),
            Activation::parse("relu(x)").unwrap(),
        );
        let report = analyze_boolean(&link, &relu).unwrap();
        assert_eq!(found["boolean"], document::boolean_analysis(&report));
        let body = json!({ "link": "z1*z2", "activation": "relu(x)", "of": "gaussian_at_once" });
        let found = browser.post("/api/analyze", &body).await.json();
        assert_eq!(
            found["analysis"]["weak_recovery"],
            Json::Null,
            "nothing is sampled"
        );
        let body = json!({ "link": "z1", "activation": "x", "of": "cube" });
        let answer = browser.post("/api/analyze", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    });
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    block(async {
        let browser = Browser::new();
        // The browser counts in units of UTF-16: 𝑛 is two of them.
        for (link, start, end, help) in [
            ("z1 + thanh(z2)", 5, 10, "did you mean `tanh`?"),
            ("z1 + é", 5, 6, ""),
            ("𝑛 + z1", 0, 2, ""),
            ("z1 +", 4, 4, ""),
        ] {
            for (path, body) in [
                ("/api/read", json!({ "link": link })),
                (
                    "/api/analyze",
                    json!({ "link": link, "activation": "relu(x)" }),
                ),
            ] {
                let answer = browser.post(path, &body).await;
                assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
                let error = &answer.json()["error"];
                assert_eq!(
                    error["at"],
                    json!({ "start": start, "end": end }),
                    "{link}: {error}"
                );
                assert!(error["help"].as_str().unwrap().contains(help), "{error}");
            }
        }
        let answer = browser
            .post("/api/read", &json!({ "link": "z1 + z2^2" }))
            .await
            .json();
        assert_eq!(answer["r"], 2);
        assert!(answer["mathml"].as_str().unwrap().starts_with("<math>"));
    });
}

#[test]
fn an_experiment_is_costed_before_it_is_run() {
    block(async {
        let browser = Browser::new();
        let found = browser
            .post("/api/check", &json!({ "file": TOY }))
            .await
            .json();
        assert_eq!(found["refused"], Json::Null);
        assert_eq!(found["config"]["target"]["link"], "z1 + z1*z2");
        assert_eq!(
            found["sizes"][0],
            json!({ "n": 30, "d": 20, "p": 6, "step_size": 6.0 })
        );
        assert_eq!(found["costs"]["runs"], 3);
        assert!(
            found["costs"]["points"][0]["taken"]["cost"]["flops"]
                .as_f64()
                .unwrap()
                > 0.0
        );
        for (change, word) in [
            ("protocol.steps = 20", "protocol.steps = 40000"),
            ("network.width = 64", "network.width = 64\nrun.threads = 64"),
        ] {
            let file = LONG.replace(change, word);
            let answer = browser.post("/api/runs", &json!({ "file": file })).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{word}");
        }
        let dear = LONG.replace("4000000", "400000000000");
        let found = browser
            .post("/api/check", &json!({ "file": dear }))
            .await
            .json();
        assert!(
            found["refused"].as_str().unwrap().contains("at a time"),
            "{found}"
        );
        let many = TOY.replace(
            "run.seeds = 3",
            "run.seeds = 90000\nevaluation.metrics = [\"neurons\"]",
        );
        let found = browser
            .post("/api/check", &json!({ "file": many }))
            .await
            .json();
        assert!(
            found["refused"].as_str().unwrap().contains("recorded"),
            "{found}"
        );
        let error = browser
            .post(
                "/api/check",
                &json!({ "file": TOY.replace("steps", "stepz") }),
            )
            .await;
        assert_eq!(
            error.json()["error"]["help"],
            "did you mean `protocol.steps`?"
        );
    });
}

#[test]
fn theory_is_told_without_a_run() {
    block(async {
        let browser = Browser::new();
        let file = TOY.replace("= 20", "= 2000").replace("= 30", "= 8000");
        let found = browser
            .post("/api/predict", &json!({ "file": file, "seconds": 60 }))
            .await
            .json();
        let present = found["predictions"][0]["present"].as_array().unwrap();
        assert!(
            present
                .iter()
                .any(|one| one["metric"] == "weight_cosine" && one["step"] == 2)
        );
        assert_eq!(found["points"][0]["n"], 8000);
    });
}

#[test]
fn the_catalogue_lists_what_there_is() {
    block(async {
        let browser = Browser::new();
        let found = browser.get("/api/catalogue").await.json();
        let targets = found["targets"].as_array().unwrap();
        assert_eq!(targets.len(), giantstep::catalogue::all().len());
        assert!(targets.iter().all(|target| target["mathml"].is_string()));
        assert!(found["presets"].as_array().unwrap().len() >= 8);
        assert!(found["glossary"]["n ~ d"].is_string() && found["metrics"]["overlap"].is_string());
        for activation in found["activations"].as_array().unwrap() {
            let answer = browser
                .post("/api/read", &json!({ "activation": activation }))
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{activation}");
        }
    });
}

#[test]
fn nonsense_is_refused_and_never_a_failure_of_the_program() {
    block(async {
        let browser = Browser::new();
        let deep = "(".repeat(20_000);
        let bodies = [
            "",
            "{",
            "null",
            "[]",
            "0",
            "\"z1\"",
            "{}",
            "{\"link\":1}",
            "{\"file\":null}",
            "{\"link\":\"\\ud800\"}",
            "{\"link\":\"\"}",
            "{\"file\":\"\"}",
            "{\"file\":\"[target]\\nlink = 3\"}",
            "{\"run\":1e999}",
            "{\"file\":\"a = 1979-05-27\",\"instead_of\":-1}",
            "{\"link\":\"z64\",\"activation\":\"0\"}",
            "{\"link\":\"1\",\"activation\":\"x\",\"seconds\":-1}",
            "{\"link\":\"z1\",\"activation\":\"x\",\"seconds\":1e300}",
            "{\"link\":\"exp(z1^2)\",\"activation\":\"relu(x)\"}",
        ];
        let mut bodies: Vec<String> = bodies.map(str::to_owned).to_vec();
        bodies.push(json!({ "link": deep }).to_string());
        bodies.push(json!({ "file": format!("x = {}", "[".repeat(20_000)) }).to_string());
        bodies.push("[".repeat(50_000));
        for path in [
            "/api/read",
            "/api/analyze",
            "/api/check",
            "/api/predict",
            "/api/runs",
        ] {
            for body in &bodies {
                let request = browser.request(Method::POST, path, body.clone(), &[]);
                let answer = browser.send(request).await;
                let shown = &body[..60.min(body.len())];
                assert!(
                    answer.status.is_client_error() || answer.status == StatusCode::OK,
                    "{path} {shown}: {}",
                    answer.text()
                );
                if answer.status != StatusCode::OK {
                    assert!(!answer.text().is_empty(), "{path} {shown}");
                }
            }
        }
        for path in [
            "/api/runs/0",
            "/api/runs/-1",
            "/api/runs/99999999999999999999",
            "/api/runs/x/events",
            "/api/runs/1/results.csv",
            "/api/folders/..%2f..%2fetc",
            "/api/folders/%00",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/..",
            "/api",
            "/page/index.html",
        ] {
            let status = browser.get(path).await.status;
            assert!(status.is_client_error(), "{path}: {status}");
        }
    });
}
