//! The one error type of the crate.
//!
//! Every failure says what went wrong *and what to do about it*. Callers branch on
//! [`Error::kind`] or on a predicate such as [`Error::is_corrupt`], and show the message.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// `Result` with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What class of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused a read, write, sync or rename.
    Io,
    /// A file that must not exist does, or one that must exist does not.
    Path,
    /// The file is not a zerogr index.
    NotAnIndex,
    /// The file is an index, and some of its bytes are damaged or missing.
    Corrupt,
    /// The file was written by a newer version, or needs a feature this build lacks.
    UnsupportedVersion,
    /// Another writer holds the index.
    Locked,
    /// The file system has no locks, so other writers cannot be kept out.
    LockUnsupported,
    /// An earlier write or sync failed; the writer must be reopened.
    Poisoned,
    /// The caller's input (document, query, option, JSON line) is not acceptable.
    InvalidInput,
    /// A documented limit was exceeded.
    Limit,
    /// ONNX Runtime is missing, foreign or too old.
    Runtime,
    /// The requested device (for example CUDA) cannot be used.
    Device,
    /// A model or tokenizer file is missing or unusable.
    Model,
    /// The model or tokenizer at hand is not the one the index was built with.
    ModelMismatch,
    /// The index brings a model that this machine does not know, and nobody said to trust it.
    UntrustedModel,
}

/// What failed, why, and what to do about it. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What to do about damage.
const CORRUPT_ADVICE: &str =
    "; restore the file from a copy, save what is left with `zerogr recover`, or rebuild the index";

impl Error {
    /// An error of `kind` with a message for people.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Arc::new(Inner {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// The same, keeping the error that caused it.
    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error(Arc::new(Inner {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }))
    }

    /// Damage found in an index file.
    pub(crate) fn corrupt(message: impl fmt::Display) -> Self {
        Error::new(ErrorKind::Corrupt, format!("{message}{CORRUPT_ADVICE}"))
    }

    /// The message without the advice that every corruption comes with, to be part of another.
    pub(crate) fn finding(&self) -> &str {
        let message = &self.0.message;
        message.strip_suffix(CORRUPT_ADVICE).unwrap_or(message)
    }

    /// An I/O failure while doing `action` (a verb phrase such as "reading") on `path`.
    pub(crate) fn io(action: &str, path: &Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::AlreadyExists => ErrorKind::Path,
            _ => ErrorKind::Io,
        };
        Error::with_source(
            kind,
            format!("{action} {}: {source}", path.display()),
            source,
        )
    }

    /// The caller's input is not acceptable.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::InvalidInput, message)
    }

    /// A documented limit was exceeded.
    pub(crate) fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Limit, message)
    }

    /// What class of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// True when bytes of the index are damaged or missing.
    pub fn is_corrupt(&self) -> bool {
        self.kind() == ErrorKind::Corrupt
    }

    /// True when the file is not an index at all.
    pub fn is_not_an_index(&self) -> bool {
        self.kind() == ErrorKind::NotAnIndex
    }

    /// True when another writer holds the index.
    pub fn is_locked(&self) -> bool {
        self.kind() == ErrorKind::Locked
    }

    /// True when the file system cannot keep other writers out.
    pub fn is_lock_unsupported(&self) -> bool {
        self.kind() == ErrorKind::LockUnsupported
    }

    /// True when a newer version or an unknown feature is needed to read the file.
    pub fn is_unsupported_version(&self) -> bool {
        self.kind() == ErrorKind::UnsupportedVersion
    }

    /// True when an earlier failed write or sync forbids further writes.
    pub fn is_poisoned(&self) -> bool {
        self.kind() == ErrorKind::Poisoned
    }

    /// True when the caller's input was refused.
    pub fn is_invalid_input(&self) -> bool {
        matches!(self.kind(), ErrorKind::InvalidInput | ErrorKind::Limit)
    }

    /// True when ONNX Runtime, the device or the model is the problem, not the index.
    pub fn is_model_or_runtime(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Runtime
                | ErrorKind::Device
                | ErrorKind::Model
                | ErrorKind::ModelMismatch
                | ErrorKind::UntrustedModel
        )
    }

    /// True when a model of the index would have to run that this machine does not know; a user
    /// who trusts it says so with `OpenOptions::trust_model`.
    pub fn is_untrusted_model(&self) -> bool {
        self.kind() == ErrorKind::UntrustedModel
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
