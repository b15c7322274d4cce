//! Of handles of any kind, and of the library.

use std::ffi::{c_char, c_int, c_void};

use crate::codes::ZGR_INTERNAL;
use crate::{door, handles, last_failure, texts};

/// Closes a handle of any kind; null is allowed. What a writer did not commit is dropped. The order in
/// which an index, its writers and its results are closed does not matter. Texts that belong to the
/// handle end with it.
///
/// Threads: any; a call in another thread that has the handle in use goes on to its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_close(handle: *mut c_void) -> c_int {
    door::enter(0, || match handle.is_null() {
        true => Ok(()),
        false => handles::close(handle.addr()).map(drop),
    })
}

/// Frees a text that a function gave through a `char **`; null is allowed.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_free(text: *mut c_char) -> c_int {
    door::enter(0, || texts::take_back(text))
}

/// The code of this thread's last call on a handle. Null asks for its last call that had no handle:
/// `zgr_open`, `zgr_create`, `zgr_check`, `zgr_close`, `zgr_free`, or one whose handle was null.
///
/// Threads: any; calls of other threads do not change the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_errcode(handle: *const c_void) -> c_int {
    door::look(ZGR_INTERNAL, || last_failure::code(handle.addr()))
}

/// What was wrong in that call and what to do about it, in English, for people: UTF-8 with a zero byte
/// behind it. It belongs to the library, and stays until this thread's next call on the same handle.
///
/// Threads: any; calls of other threads do not change the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_errmsg(handle: *const c_void) -> *const c_char {
    door::look(c"".as_ptr(), || last_failure::message(handle.addr()))
}

/// The version of the library, such as `0.1.0`; it belongs to the library and stays.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_version() -> *const c_char {
    door::look(c"".as_ptr(), || {
        concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
    })
}
