//! Texts that C is shown: those that are given to the caller, who gives them back to `zgr_free`, and
//! those that stay with a handle.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::sync::{Mutex, PoisonError};

use crate::failure::{Failure, Outcome};

/// Those that were not given back, by address.
static GIVEN: Mutex<BTreeMap<usize, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// A text with a zero behind it; zeros inside it are shown as what cannot be shown.
pub fn terminated(text: String) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\u{FFFD}");
        CString::new(text).unwrap_or_default()
    })
}

/// Gives a text to the caller.
pub fn give(text: String) -> *mut c_char {
    let mut bytes = terminated(text).into_bytes_with_nul();
    let start = bytes.as_mut_ptr();
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    given.insert(start.addr(), bytes);
    start.cast()
}

/// Takes a text back.
pub fn take_back(text: *mut c_char) -> Outcome {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    match text.is_null() || given.remove(&text.addr()).is_some() {
        true => Ok(()),
        false => Err(Failure::misuse(
            "zgr_free was given what is no text of this library, or was freed already",
        )),
    }
}

/// A text that C is shown, with a zero behind it.
pub struct Shown(Vec<u8>);

impl Shown {
    pub fn new(text: &str) -> Self {
        Shown([text.as_bytes(), b"\0"].concat())
    }

    /// Where it begins; it stays there until it is dropped.
    pub fn pointer(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    /// Its bytes without the zero behind it.
    pub fn len_bytes(&self) -> usize {
        self.0.len().saturating_sub(1)
    }
}
