//! Who is let in. Seen to fail: each with its line of `access.rs` taken out.

use std::path::Path;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use giantstep_web::Limits;
use serde_json::json;

use crate::{Browser, block, opened};

const PATHS: [&str; 5] = [
    "/",
    "/main.js",
    "/api/catalogue",
    "/api/folders",
    "/nothing",
];

#[test]
fn it_listens_to_this_machine_alone() {
    let lab = opened(Path::new("/nonexistent"), Limits::default());
    assert!(lab.listens_on().unwrap().ip().is_loopback());
}

#[test]
fn names_that_only_resolve_to_this_machine_are_refused() {
    block(async {
        let browser = Browser::new();
        let port = browser.host.rsplit(':').next().unwrap().to_owned();
        let other = if port == "80" { "81" } else { "80" };
        for host in [
            "evil.example".to_owned(),
            format!("evil.example:{port}"),
            format!("127.0.0.1.evil.example:{port}"),
            format!("127.0.0.1:{other}"),
            "127.0.0.1".to_owned(),
            format!("0.0.0.0:{port}"),
            String::new(),
        ] {
            for path in PATHS {
                let request = browser.request(Method::GET, path, Body::empty(), &[("host", &host)]);
                let answer = browser.send(request).await;
                assert_eq!(
                    answer.status,
                    StatusCode::MISDIRECTED_REQUEST,
                    "{host} {path}"
                );
            }
        }
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let host = format!("{host}:{port}");
            let request = browser.request(Method::GET, "/", Body::empty(), &[("host", &host)]);
            assert_eq!(browser.send(request).await.status, StatusCode::OK, "{host}");
        }
        // Two names, of which one is right; a name in the first line.
        let mut request = browser.request(Method::GET, "/", Body::empty(), &[]);
        request
            .headers_mut()
            .append("host", "evil.example".parse().unwrap());
        assert_eq!(
            browser.send(request).await.status,
            StatusCode::MISDIRECTED_REQUEST
        );
        let request = browser.request(Method::GET, "http://evil.example/", Body::empty(), &[]);
        assert_eq!(
            browser.send(request).await.status,
            StatusCode::MISDIRECTED_REQUEST
        );
    });
}

#[test]
fn the_token_lets_a_browser_in_once_and_for_all() {
    block(async {
        let (browser, stranger) = (Browser::new(), Browser::new());
        assert_eq!(browser.token.len(), 32, "128 bits");
        assert_ne!(browser.token, stranger.token);
        let bare = |path: &str| {
            Request::builder()
                .uri(path)
                .header("host", &browser.host)
                .body(Body::empty())
                .unwrap()
        };
        for path in PATHS {
            let answer = browser.send(bare(path)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(!answer.text().contains(&browser.token));
        }
        for wrong in [
            "",
            "x",
            &browser.token[..31],
            &stranger.token,
            &format!("{}0", browser.token),
        ] {
            let answer = browser.send(bare(&format!("/?token={wrong}"))).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
            assert!(answer.headers.get("set-cookie").is_none());
            let cookie = browser.cookie().replace(&browser.token, wrong);
            let request = browser.request(Method::GET, "/", Body::empty(), &[("cookie", &cookie)]);
            assert_eq!(
                browser.send(request).await.status,
                StatusCode::UNAUTHORIZED,
                "{wrong}"
            );
        }
        let entered = browser
            .send(bare(&format!("/?token={}", browser.token)))
            .await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER);
        assert_eq!(
            entered.headers["location"], "/",
            "the token leaves the address"
        );
        let cookie = entered.headers["set-cookie"].to_str().unwrap().to_owned();
        for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        let value = cookie.split(';').next().unwrap();
        let among = format!("theme=dark; {value}; giantstep-1=00");
        let request = browser.request(Method::GET, "/", Body::empty(), &[("cookie", &among)]);
        assert_eq!(browser.send(request).await.status, StatusCode::OK);
        // The token opens the door, and nothing else.
        let answer = browser
            .send(bare(&format!("/api/catalogue?token={}", browser.token)))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn changes_are_asked_for_by_this_page_alone() {
    block(async {
        let browser = Browser::new();
        let port = browser.host.rsplit(':').next().unwrap().to_owned();
        let body = json!({ "link": "z1" }).to_string();
        for origin in [
            "".to_owned(),
            "null".to_owned(),
            "http://evil.example".to_owned(),
            format!("https://127.0.0.1:{port}"),
            "http://127.0.0.1".to_owned(),
            "http://127.0.0.1:1".to_owned(),
            format!("http://127.0.0.1:{port}.evil.example"),
        ] {
            for (method, path) in [
                (Method::POST, "/api/read"),
                (Method::POST, "/api/runs"),
                (Method::DELETE, "/api/runs/1"),
                (Method::PUT, "/api/runs/1"),
            ] {
                let request =
                    browser.request(method.clone(), path, body.clone(), &[("origin", &origin)]);
                let answer = browser.send(request).await;
                assert_eq!(
                    answer.status,
                    StatusCode::FORBIDDEN,
                    "{origin:?} {method} {path}"
                );
            }
        }
        let request = browser.request(Method::POST, "/api/read", body.clone(), &[]);
        assert_eq!(browser.send(request).await.status, StatusCode::OK);
        // What a form of another page can send without asking first.
        for kind in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ] {
            let request = browser.request(
                Method::POST,
                "/api/read",
                body.clone(),
                &[("content-type", kind)],
            );
            let answer = browser.send(request).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        }
        let kind = [("content-type", "application/json; charset=utf-8")];
        let request = browser.request(Method::POST, "/api/read", body.clone(), &kind);
        assert_eq!(browser.send(request).await.status, StatusCode::OK);
    });
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    block(async {
        let browser = Browser::new();
        let mut requests: Vec<Request<Body>> = PATHS
            .iter()
            .map(|path| browser.request(Method::GET, path, Body::empty(), &[]))
            .collect();
        requests.push(browser.request(
            Method::GET,
            "/",
            Body::empty(),
            &[("host", "evil.example")],
        ));
        requests.push(browser.request(Method::GET, "/", Body::empty(), &[("cookie", "")]));
        requests.push(browser.request(Method::POST, "/api/read", "{", &[]));
        requests.push(browser.request(Method::POST, "/api/read", vec![b' '; 70_000], &[]));
        requests.push(browser.request(
            Method::OPTIONS,
            "/api/runs",
            Body::empty(),
            &[("origin", "http://evil.example")],
        ));
        for request in requests {
            let what = format!("{} {}", request.method(), request.uri());
            let answer = browser.send(request).await;
            let policy = answer.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'self';"), "{what}");
            assert!(!policy.contains("unsafe"), "{what}");
            assert_eq!(
                answer.headers["x-content-type-options"], "nosniff",
                "{what}"
            );
            assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{what}");
            assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
            let shared = answer
                .headers
                .keys()
                .find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(shared, None, "{what}");
        }
    });
}

#[test]
fn bodies_have_a_largest_size() {
    block(async {
        let browser = Browser::new();
        let link = |length: usize| json!({ "file": " ".repeat(length) }).to_string();
        for (length, status) in [
            (60_000, StatusCode::UNPROCESSABLE_ENTITY),
            (66_000, StatusCode::PAYLOAD_TOO_LARGE),
            (5_000_000, StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let request = browser.request(Method::POST, "/api/check", link(length), &[]);
            assert_eq!(browser.send(request).await.status, status, "{length}");
        }
    });
}

#[test]
fn the_page_names_no_other_machine() {
    block(async {
        let browser = Browser::new();
        let page = browser.get("/").await;
        let mut left = vec!["style.css", "main.js", "icon.svg", "vendor/uPlot.min.css"];
        let mut seen: Vec<String> = Vec::new();
        assert!(!page.text().contains("//"), "{}", page.text());
        // Follow what the page and its modules load: all of it is here.
        while let Some(name) = left.pop() {
            if seen.iter().any(|known| known == name) {
                continue;
            }
            seen.push(name.to_owned());
            let file = browser.get(&format!("/{name}")).await;
            assert_eq!(file.status, StatusCode::OK, "{name}");
            let text = file.text().to_owned();
            // Comments may cite; the namespace of drawings is a name.
            let is_comment = |line: &&str| line.trim_start().starts_with(['/', '*']);
            for line in text.lines().filter(|line| !is_comment(line)) {
                let mut others = line.replace("http://www.w3.org/", "");
                others.truncate(others.floor_char_boundary(200));
                assert!(
                    !others.contains("http:") && !others.contains("https:"),
                    "{name}: {others}"
                );
            }
            for import in text.split("from './").skip(1) {
                let import = import.split('\'').next().unwrap();
                left.push(Box::leak(import.to_owned().into_boxed_str()));
            }
        }
        assert!(seen.len() >= 14, "{seen:?}");
    });
}

/// Seen to fail: with `Plan::read` in the place of `Plan::read_foreign`.
#[test]
fn no_file_that_an_experiment_names_is_read() {
    block(async {
        let browser = Browser::new();
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows.csv");
        std::fs::write(&rows, "a,b,y\n1,2,3\n4,5,6\n7,8,10\n9,1,1\n2,2,5\n").unwrap();
        let path = rows.display();
        let sweep = format!("[[sweep]]\nzip = [{{ \"inputs.file\" = \"{path}\" }}]\n");
        for file in [
            format!("inputs = {{ file = \"{path}\" }}\n{}", crate::TOY),
            format!("{}\n{sweep}", crate::TOY),
            format!("inputs = {{ file = \"/etc/passwd\" }}\n{}", crate::TOY),
        ] {
            for at in ["/api/check", "/api/predict", "/api/runs"] {
                let answer = browser.post(at, &json!({ "file": file })).await;
                assert_eq!(
                    answer.status,
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "{at} {file}"
                );
                assert!(answer.said().contains("reads no file"), "{}", answer.text());
            }
        }
    });
}
