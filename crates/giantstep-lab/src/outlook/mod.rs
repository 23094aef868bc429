//! What theory says about every point of a plan, in the places of what is measured.

mod ask;
mod kinds;
mod making;
mod predicted;

pub use ask::{Ask, Time};
pub use making::Outlook;
pub use predicted::{Foretold, Predicted};
