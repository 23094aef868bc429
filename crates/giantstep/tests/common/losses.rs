//! Limits of steps on other losses: `reference/losses.json`, made by an independent program.

/// Mean overlaps of the neurons of positive second layer after each step, `error` being that of their sampling.
#[derive(serde::Deserialize)]
pub struct Limit {
    pub link: String,
    pub loss: String,
    pub inputs: String,
    pub rate: f64,
    pub alpha: f64,
    pub overlap: Vec<Vec<f64>>,
    pub error: f64,
}

#[derive(serde::Deserialize)]
struct Limits {
    cases: Vec<Limit>,
}

/// All cases of the file.
pub fn losses() -> Vec<Limit> {
    let text = include_str!("../../../../reference/losses.json");
    let limits: Limits = serde_json::from_str(text).expect("saved by losses.py");
    limits.cases
}
