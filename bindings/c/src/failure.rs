//! Why a call failed: a code and a message.

use std::any::Any;
use std::ffi::c_int;

use zerogr::Error;

use crate::codes::{
    ZGR_CORRUPT, ZGR_INTERNAL, ZGR_INVALID_INPUT, ZGR_MISUSE, ZGR_NOT_FOUND, ZGR_READ_ONLY, code_of,
};

/// A call that failed.
#[derive(Debug)]
pub struct Failure {
    pub code: c_int,
    pub message: String,
}

/// What a call gives.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    fn new(code: c_int, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
        }
    }

    /// The library was called in a way that it forbids.
    pub fn misuse(message: impl Into<String>) -> Self {
        Failure::new(ZGR_MISUSE, message)
    }

    /// What the caller gave is not acceptable.
    pub fn invalid(message: impl Into<String>) -> Self {
        Failure::new(ZGR_INVALID_INPUT, message)
    }

    /// There is no such document.
    pub fn not_found(message: impl Into<String>) -> Self {
        Failure::new(ZGR_NOT_FOUND, message)
    }

    /// A handle that cannot write was asked to.
    pub fn read_only(message: impl Into<String>) -> Self {
        Failure::new(ZGR_READ_ONLY, message)
    }

    /// A check has found damage.
    pub fn damaged(message: impl Into<String>) -> Self {
        Failure::new(ZGR_CORRUPT, message)
    }

    /// A mistake in the library.
    pub fn internal(message: impl Into<String>) -> Self {
        Failure::new(ZGR_INTERNAL, message)
    }

    /// A panic that was caught.
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Failure::internal(format!(
            "a mistake in zerogr, please report it; close the handle: {}",
            text.unwrap_or("a panic without words")
        ))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::new(code_of(error.kind()), error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    /// Values of ours that cannot be written as JSON.
    fn from(error: serde_json::Error) -> Self {
        Failure::internal(error.to_string())
    }
}
