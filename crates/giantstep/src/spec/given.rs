//! What an experiment file cannot hold itself.

use std::sync::Arc;

use crate::activation::Activation;
use crate::batch::Data;
use crate::callable::Callable;
use crate::network::Weights;

/// What the files hold that an experiment names, and functions in the places of its expressions.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The rows of `inputs.file`.
    pub data: Option<Arc<Data<'static>>>,
    /// The weights of `network.start.file`.
    pub weights: Option<Arc<Weights>>,
    /// Functions in the places of expressions.
    pub callables: Callables,
}

/// Functions that take the places of expressions in an experiment file.
#[derive(Debug, Clone, Default)]
pub struct Callables {
    /// In the place of `target.link`, with its number r of directions.
    pub link: Option<(Callable, usize)>,
    /// In the place of `network.activation`.
    pub activation: Option<Activation>,
}
