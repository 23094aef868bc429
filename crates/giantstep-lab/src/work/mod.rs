//! How runs are worked off: who asks for an end, how they share the cores, and one of them.

mod memory;
mod schedule;
mod session;
mod simulate;
mod timer;

pub(crate) use schedule::{Pool, pool};
pub use schedule::{WorkError, peak_memory, work};
pub use session::{Asked, Event, Observer, Session, Silent, Task};
pub use simulate::simulate;
pub use timer::until;
