//! The experiments that come along.

/// Name and text of a file under `experiments`.
macro_rules! experiment {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../experiments/", $name, ".toml")),
        )
    };
}

/// Name and text of every experiment file.
pub const EXPERIMENTS: [(&str, &str); 15] = [
    experiment!("single-step"),
    experiment!("multiple-steps"),
    experiment!("scaling"),
    experiment!("reuse"),
    experiment!("absolute-loss"),
    experiment!("staircase-hypercube"),
    experiment!("phase-retrieval"),
    experiment!("committee-online"),
    experiment!("staircase-logistic"),
    experiment!("spiked-covariance"),
    experiment!("lazy-rich"),
    experiment!("double-descent"),
    experiment!("stairway"),
    experiment!("phase-exponent"),
    experiment!("phase-step-size"),
];
