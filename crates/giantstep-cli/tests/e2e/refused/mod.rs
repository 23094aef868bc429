//! What is not acceptable is refused before any work, with key, value and remedy.

mod calls;
mod places;
mod values;
mod words;
