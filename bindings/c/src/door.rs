//! The door that every call of C comes in by: no panic leaves through it, and no process comes in that
//! was forked from one that had come in.
//!
//! A forked child has one thread and all memory of its parent: its locks may be held by threads that
//! are gone, and those of the models are gone, too. So it is told, before any lock is touched.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::codes::ZGR_INTERNAL;
use crate::failure::{Failure, Outcome};
use crate::last_failure;

/// The process that came in first; 0 before.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Does what a function is for, takes note of how it ended for the handle it was about (0: none), and
/// gives the code.
pub fn enter(handle: usize, work: impl FnOnce() -> Outcome) -> c_int {
    look(ZGR_INTERNAL, || {
        let outcome = match is_forked() {
            true => Err(Failure::misuse(
                "this process was forked from one that had used zerogr: fork before the first call, \
                 or exec afterwards",
            )),
            // What work changed when it panicked is behind locks that are poisoned then, or is dropped
            // with it.
            false => catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|payload| Err(Failure::panicked(payload.as_ref()))),
        };
        last_failure::note(handle, outcome)
    })
}

/// Looks something up that no call changes, and does not count as one.
pub fn look<T>(instead: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(instead)
}

fn is_forked() -> bool {
    let this = process::id();
    let first = PROCESS.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed);
    first.is_err_and(|first| first != this)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::ffi::{CStr, c_int};
    use std::ptr;

    use super::*;
    use crate::codes::{ZGR_INTERNAL, ZGR_OK};

    extern "C" fn planted(code: c_int) -> c_int {
        enter(0, || match code {
            ZGR_OK => Ok(()),
            _ => panic!("planted {code}"),
        })
    }

    #[test]
    #[allow(unsafe_code)]
    fn a_panic_is_a_code_and_a_message() {
        assert_eq!(planted(7), ZGR_INTERNAL);
        assert_eq!(last_failure::code(0), ZGR_INTERNAL);
        // SAFETY: a message ends with a zero, and stays until the next call of this thread.
        let message = unsafe { CStr::from_ptr(last_failure::message(0)) };
        assert!(message.to_str().unwrap().ends_with("planted 7"));
        assert_eq!(planted(ZGR_OK), ZGR_OK);
        assert_eq!(last_failure::code(0), ZGR_OK);
        let pointer = look(ptr::null::<u8>(), || panic!("planted"));
        assert!(pointer.is_null());
    }
}
