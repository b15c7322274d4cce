//! The last failure of each handle, by thread: another thread's call changes neither code nor message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int};

use crate::codes::ZGR_OK;
use crate::failure::{Failure, Outcome};
use crate::handles;
use crate::texts::terminated;

thread_local! {
    /// By the number of the handle, 0 for calls without one.
    static LAST: RefCell<BTreeMap<usize, (c_int, CString)>> = const { RefCell::new(BTreeMap::new()) };
}

/// Failures that are kept before those of closed handles are forgotten.
const KEPT: usize = 64;

/// Takes note of how a call on a handle ended, and gives its code.
pub fn note(handle: usize, outcome: Outcome) -> c_int {
    let code = match &outcome {
        Ok(()) => ZGR_OK,
        Err(failure) => failure.code,
    };
    // A thread that is ending has no place for messages any more.
    let _ = LAST.try_with(|last| {
        let mut last = last.borrow_mut();
        last.remove(&handle);
        if let Err(Failure { code, message }) = outcome {
            if last.len() >= KEPT {
                last.retain(|&other, _| other == 0 || handles::is_open(other));
            }
            last.insert(handle, (code, terminated(message)));
        }
    });
    code
}

/// The code of the last call of this thread on a handle.
pub fn code(handle: usize) -> c_int {
    LAST.with_borrow(|last| last.get(&handle).map_or(ZGR_OK, |(code, _)| *code))
}

/// Its message, which stays until the next call of this thread on the handle.
pub fn message(handle: usize) -> *const c_char {
    LAST.with_borrow(|last| {
        let message = last.get(&handle).map(|(_, message)| message.as_ptr());
        message.unwrap_or(c"no error".as_ptr())
    })
}
