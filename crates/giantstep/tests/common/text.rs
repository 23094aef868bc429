//! Links, activations and targets from their text.

use giantstep::activation::Activation;
use giantstep::expr::Link;
use giantstep::labels::Target;

pub fn link(text: &str) -> Link {
    Link::parse(text, None).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

pub fn activation(text: &str) -> Activation {
    Activation::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

pub fn target(text: &str) -> Target {
    Target::of(link(text))
}
