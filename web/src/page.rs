//! The files of the page, which are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use crate::State;

/// Files under `page`: where they are served, and their bytes.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$((concat!("/", $name), include_bytes!(concat!("../page/", $name)).as_slice())),*]
    };
}

/// What the browser opens.
const INDEX: &[u8] = include_bytes!("../page/index.html");

/// What that loads.
const FILES: &[(&str, &[u8])] = files![
    "style.css",
    "icon.svg",
    "main.js",
    "backend.js",
    "experiment.js",
    "dom.js",
    "ask.js",
    "staircase.js",
    "train.js",
    "curves.js",
    "plane.js",
    "explore.js",
    "rows.js",
    "watch.js",
    "take.js",
    "vendor/uPlot.esm.js",
    "vendor/uPlot.min.css",
];

/// What a file is, by its ending.
fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "text/html; charset=utf-8",
    }
}

/// Adds the files to what is answered.
pub fn routes(mut router: Router<Arc<State>>) -> Router<Arc<State>> {
    for (path, bytes) in [("/", INDEX)].iter().chain(FILES) {
        let file = ([(CONTENT_TYPE, kind(path))], *bytes);
        router = router.route(path, get(move || async move { file }));
    }
    router
}
