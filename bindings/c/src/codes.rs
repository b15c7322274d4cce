//! What functions return.

use std::ffi::c_int;

use zerogr::ErrorKind;

/// Done.
pub const ZGR_OK: c_int = 0;
/// A failure of a kind that this header does not know.
pub const ZGR_ERROR: c_int = 1;
/// A mistake in the library itself, which was caught; close the handle.
pub const ZGR_INTERNAL: c_int = 2;
/// The operating system does not let this user do that.
pub const ZGR_PERMISSION_DENIED: c_int = 3;
/// Another writer holds the index.
pub const ZGR_LOCKED: c_int = 6;
/// The file system, or this handle, can only be read.
pub const ZGR_READ_ONLY: c_int = 8;
/// The caller asked for the work to end before it was done.
pub const ZGR_CANCELLED: c_int = 9;
/// The operating system refused a read, write, sync or rename.
pub const ZGR_IO: c_int = 10;
/// The file is an index, and some of its bytes are damaged or missing.
pub const ZGR_CORRUPT: c_int = 11;
/// There is no such file, folder or document.
pub const ZGR_NOT_FOUND: c_int = 12;
/// The disk, or this user's share of it, is full.
pub const ZGR_DISK_FULL: c_int = 13;
/// A documented limit was exceeded.
pub const ZGR_LIMIT: c_int = 18;
/// The model or tokenizer at hand is not the one the index was built with.
pub const ZGR_MODEL_MISMATCH: c_int = 20;
/// The library was called in a way that it forbids: a handle that is null, closed or of another kind,
/// a null pointer where there must be something, a wrong `struct_size`, a process that was forked.
pub const ZGR_MISUSE: c_int = 21;
/// The file is not a zerogr index.
pub const ZGR_NOT_AN_INDEX: c_int = 26;
/// A document, query, option or text is not acceptable.
pub const ZGR_INVALID_INPUT: c_int = 40;
/// Something is where a new file should go.
pub const ZGR_ALREADY_EXISTS: c_int = 41;
/// The path leads to another file than the one that was opened.
pub const ZGR_REPLACED: c_int = 42;
/// The file was written by another version, or needs a feature this library lacks.
pub const ZGR_UNSUPPORTED_VERSION: c_int = 43;
/// The file system has no locks, so other writers cannot be kept out.
pub const ZGR_LOCK_UNSUPPORTED: c_int = 44;
/// An earlier write or sync failed; the index must be opened again.
pub const ZGR_POISONED: c_int = 45;
/// ONNX Runtime is missing, foreign or too old.
pub const ZGR_RUNTIME: c_int = 46;
/// The device of the encoder cannot be used.
pub const ZGR_DEVICE: c_int = 47;
/// A model or tokenizer file is missing or unusable.
pub const ZGR_MODEL: c_int = 48;
/// The index brings a model that this machine does not know, and nobody said to trust it.
pub const ZGR_UNTRUSTED_MODEL: c_int = 49;

/// The code of a kind of errors.
pub(crate) fn code_of(kind: ErrorKind) -> c_int {
    match kind {
        ErrorKind::Io => ZGR_IO,
        ErrorKind::NotFound => ZGR_NOT_FOUND,
        ErrorKind::AlreadyExists => ZGR_ALREADY_EXISTS,
        ErrorKind::PermissionDenied => ZGR_PERMISSION_DENIED,
        ErrorKind::ReadOnly => ZGR_READ_ONLY,
        ErrorKind::DiskFull => ZGR_DISK_FULL,
        ErrorKind::Replaced => ZGR_REPLACED,
        ErrorKind::NotAnIndex => ZGR_NOT_AN_INDEX,
        ErrorKind::Corrupt => ZGR_CORRUPT,
        ErrorKind::UnsupportedVersion => ZGR_UNSUPPORTED_VERSION,
        ErrorKind::Locked => ZGR_LOCKED,
        ErrorKind::LockUnsupported => ZGR_LOCK_UNSUPPORTED,
        ErrorKind::Poisoned => ZGR_POISONED,
        ErrorKind::Cancelled => ZGR_CANCELLED,
        ErrorKind::InvalidInput => ZGR_INVALID_INPUT,
        ErrorKind::Limit => ZGR_LIMIT,
        ErrorKind::Runtime => ZGR_RUNTIME,
        ErrorKind::Device => ZGR_DEVICE,
        ErrorKind::Model => ZGR_MODEL,
        ErrorKind::ModelMismatch => ZGR_MODEL_MISMATCH,
        ErrorKind::UntrustedModel => ZGR_UNTRUSTED_MODEL,
        _ => ZGR_ERROR,
    }
}
