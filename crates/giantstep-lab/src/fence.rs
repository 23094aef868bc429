//! A fence around code that may fail in ways nobody foresaw: predictions, drawings, reports, one run of many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fences of [`fenced`] that are open in this process.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Calls `what`; a panic in it is an error with its reason, and everything else goes on.
///
/// # Errors
/// What the panic said.
pub fn fenced<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    OPEN.fetch_add(1, Ordering::SeqCst);
    let done = caught(what);
    OPEN.fetch_sub(1, Ordering::SeqCst);
    done
}

/// [`fenced`] for code in which other ranks take part: they wait in the middle of it, so that a panic is the end of the
/// group all the same.
pub(crate) fn caught<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(what)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        format!(
            "the program failed: {}; please report it",
            text.unwrap_or_default()
        )
    })
}

/// Whether a panic at this moment is caught without harm to other ranks.
#[cfg(feature = "mpi")]
pub(crate) fn holds() -> bool {
    OPEN.load(Ordering::SeqCst) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_reason() {
        assert_eq!(fenced(|| 3), Ok(3));
        let empty: Vec<u8> = Vec::new();
        let reason = fenced(|| empty[7]).unwrap_err();
        assert!(
            reason.contains("len is 0") && reason.contains("report it"),
            "{reason}"
        );
    }
}
