//! Failures of the engine as exceptions: one class for each kind, in `zerogr/_errors.py`.

use pyo3::prelude::*;
use zerogr::{Error, ErrorKind};

/// The class of a kind; what is newer than this table is an `Error`.
fn class_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Io => "IoError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::AlreadyExists => "AlreadyExistsError",
        ErrorKind::PermissionDenied => "PermissionDeniedError",
        ErrorKind::ReadOnly => "ReadOnlyError",
        ErrorKind::DiskFull => "DiskFullError",
        ErrorKind::Replaced => "ReplacedError",
        ErrorKind::NotAnIndex => "NotAnIndexError",
        ErrorKind::Corrupt => "CorruptError",
        ErrorKind::UnsupportedVersion => "UnsupportedVersionError",
        ErrorKind::Locked => "LockedError",
        ErrorKind::LockUnsupported => "LockUnsupportedError",
        ErrorKind::Poisoned => "PoisonedError",
        ErrorKind::Cancelled => "CancelledError",
        ErrorKind::InvalidInput => "InvalidInputError",
        ErrorKind::Limit => "LimitError",
        ErrorKind::Runtime => "OnnxRuntimeError",
        ErrorKind::Device => "DeviceError",
        ErrorKind::Model => "ModelError",
        ErrorKind::ModelMismatch => "ModelMismatchError",
        ErrorKind::UntrustedModel => "UntrustedModelError",
        _ => "Error",
    }
}

/// Turns what the engine says into what Python says.
pub trait OrRaise<T> {
    /// The value, or the exception with the message of the error.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;

    /// The same; `what` stands in front of the message.
    fn or_raise_about(self, py: Python<'_>, what: impl FnOnce() -> String) -> PyResult<T>;
}

impl<T> OrRaise<T> for zerogr::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error, error.to_string()))
    }

    fn or_raise_about(self, py: Python<'_>, what: impl FnOnce() -> String) -> PyResult<T> {
        self.map_err(|error| raised(py, &error, format!("{}: {error}", what())))
    }
}

fn raised(py: Python<'_>, error: &Error, message: String) -> PyErr {
    exception(py, class_of(error.kind()), error, message).unwrap_or_else(|failed| failed)
}

fn exception(py: Python<'_>, class: &str, error: &Error, message: String) -> PyResult<PyErr> {
    let value = py
        .import("zerogr._errors")?
        .getattr(class)?
        .call1((message,))?;
    let number = error.io_error().and_then(std::io::Error::raw_os_error);
    if let Some(number) = number.filter(|_| value.is_instance_of::<pyo3::exceptions::PyOSError>()) {
        value.setattr("errno", number)?;
    }
    Ok(PyErr::from_value(value))
}

/// An `InvalidInputError` that the bindings raise themselves.
pub fn invalid(py: Python<'_>, message: &str) -> PyErr {
    let class = py
        .import("zerogr._errors")
        .and_then(|errors| errors.getattr("InvalidInputError"));
    let value = class.and_then(|class| class.call1((message,)));
    value.map_or_else(|failed| failed, PyErr::from_value)
}
