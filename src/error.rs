//! The one error type of the crate.
//!
//! Every failure says what went wrong *and what to do about it*. Callers branch on
//! [`Error::kind`] or on a predicate such as [`Error::is_corrupt`], and show the message.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

/// `Result` with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What class of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused a read, write, sync or rename, for a reason that has no kind
    /// of its own here.
    Io,
    /// There is no such file or folder.
    NotFound,
    /// Something is where a new file or folder should go.
    AlreadyExists,
    /// The operating system does not let this user do that.
    PermissionDenied,
    /// The file system can only be read.
    ReadOnly,
    /// The disk, or this user's share of it, is full.
    DiskFull,
    /// The path leads to another file than the one that was opened, or still to the one from
    /// before a vacuum.
    Replaced,
    /// The file is not a zerogr index.
    NotAnIndex,
    /// The file is an index, and some of its bytes are damaged or missing.
    Corrupt,
    /// The file was written by another version, or needs a feature this build lacks.
    UnsupportedVersion,
    /// Another writer holds the index.
    Locked,
    /// The file system has no locks, so other writers cannot be kept out.
    LockUnsupported,
    /// An earlier write or sync failed; the writer must be reopened.
    Poisoned,
    /// The caller asked for the work to end before it was done.
    Cancelled,
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

impl ErrorKind {
    fn of(error: &io::Error) -> ErrorKind {
        match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
            io::ErrorKind::StaleNetworkFileHandle => ErrorKind::Replaced,
            _ => ErrorKind::Io,
        }
    }

    /// What to do about an error of this kind, where that is the same for all of them.
    fn advice(self) -> &'static str {
        match self {
            ErrorKind::Corrupt => {
                "; restore the file from a copy, save what is left with `zerogr recover`, or \
                 rebuild the index"
            }
            _ => "",
        }
    }
}

/// What failed, why, and what to do about it. Cheap to clone.
///
/// `Display` says all of it in one line: where in which file, what was found, the cause, and the
/// advice. So [`source`](std::error::Error::source) leads to what is *behind* the cause, not to
/// the cause, whose text the line has already: whoever prints an error and then walks its sources
/// prints nothing twice. `std::io::Error` does the same.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    /// Where in which file it was found, as far as that is known.
    place: Option<String>,
    /// The finding and the cause.
    message: Cow<'static, str>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a message for people.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Arc::new(Inner {
            kind,
            place: None,
            message: message.into(),
            cause: None,
        }))
    }

    /// The same, with the error that caused it, whose text is part of `message`.
    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let (message, cause) = (message.into(), cause.into());
        debug_assert!(message.contains(&cause.to_string()), "{message}: {cause}");
        Error(Arc::new(Inner {
            kind,
            place: None,
            message,
            cause: Some(cause.into()),
        }))
    }

    /// Damage found in an index file.
    pub(crate) fn corrupt(message: impl fmt::Display) -> Self {
        Error::new(ErrorKind::Corrupt, message.to_string())
    }

    /// An I/O failure while doing `action` (a verb phrase such as "reading") on `path`.
    pub(crate) fn io(action: &str, path: &Path, cause: io::Error) -> Self {
        let message = format!("{action} {}: {cause}", path.display());
        Error::of_io(message, cause)
    }

    /// An I/O failure described by `message`, which the text of `cause` is part of.
    pub(crate) fn of_io(message: impl Into<Cow<'static, str>>, cause: io::Error) -> Self {
        Error::with_source(ErrorKind::of(&cause), message, cause)
    }

    /// The same error about `what`, named in front of it.
    pub(crate) fn about(mut self, what: impl fmt::Display) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.message = format!("{what}: {}", inner.message).into();
        self
    }

    /// The same error, found at a place of a file such as "papers.zgr, segment 3", if it is one
    /// about the content of an index. Who was nearer to the place has said more exactly where.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        let is_of_content = matches!(
            self.0.kind,
            ErrorKind::Corrupt | ErrorKind::UnsupportedVersion
        );
        if is_of_content && self.0.place.is_none() {
            Arc::make_mut(&mut self.0).place = Some(place.to_string());
        }
        self
    }

    /// What was found, without where and without advice, to be part of another message.
    pub(crate) fn finding(&self) -> &str {
        &self.0.message
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

    /// The error of the operating system that caused this one, if one did. Its text is part of
    /// the message.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.cause.as_ref()?.downcast_ref()
    }

    /// True when there is no such file or folder.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// True when something is where a new file or folder should go.
    pub fn is_already_exists(&self) -> bool {
        self.kind() == ErrorKind::AlreadyExists
    }

    /// True when the file can be read at most: by this user, or by anybody.
    pub fn is_permission_denied(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnly
        )
    }

    /// True when the disk, or this user's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        self.kind() == ErrorKind::DiskFull
    }

    /// True when the caller asked for the work to end before it was done.
    pub fn is_cancelled(&self) -> bool {
        self.kind() == ErrorKind::Cancelled
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

    /// True when another version or an unknown feature is needed to read the file.
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
        let Inner {
            kind,
            place,
            message,
            ..
        } = &*self.0;
        if let Some(place) = place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{message}{}", kind.advice())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref()?.source()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the decoder stopped")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    /// The texts that somebody prints who walks the sources.
    fn chain(error: &Error) -> Vec<String> {
        let sources = std::iter::successors(error.source(), |&source| source.source());
        let sources = sources.map(|source| source.to_string());
        std::iter::once(error.to_string()).chain(sources).collect()
    }

    #[test]
    fn no_text_comes_twice_on_the_way_down_the_sources() {
        let path = Path::new("papers.zgr");
        let plain = Error::io("reading", path, io::ErrorKind::TimedOut.into());
        assert_eq!(chain(&plain), ["reading papers.zgr: timed out"]);
        assert_eq!(plain.io_error().unwrap().kind(), io::ErrorKind::TimedOut);

        let custom = io::Error::other("the plug was pulled");
        let custom = Error::io("syncing", path, custom);
        assert_eq!(chain(&custom), ["syncing papers.zgr: the plug was pulled"]);

        let nested = Outer(io::Error::other("bits were missing"));
        let nested = Error::io("reading", path, io::Error::other(nested));
        let texts = [
            "reading papers.zgr: the decoder stopped",
            "bits were missing",
        ];
        assert_eq!(chain(&nested), texts);
        let wrapped = Error::with_source(ErrorKind::Model, format!("m.onnx: {nested}"), nested);
        let texts = [&format!("m.onnx: {}", texts[0]), texts[1]];
        assert_eq!(chain(&wrapped), texts);
    }

    #[test]
    fn refusals_of_the_system_have_kinds() {
        let kind = |kind: io::ErrorKind| Error::io("writing", Path::new("x"), kind.into()).kind();
        for (from, to) in [
            (io::ErrorKind::NotFound, ErrorKind::NotFound),
            (io::ErrorKind::AlreadyExists, ErrorKind::AlreadyExists),
            (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied),
            (io::ErrorKind::ReadOnlyFilesystem, ErrorKind::ReadOnly),
            (io::ErrorKind::StorageFull, ErrorKind::DiskFull),
            (io::ErrorKind::QuotaExceeded, ErrorKind::DiskFull),
            (io::ErrorKind::StaleNetworkFileHandle, ErrorKind::Replaced),
            (io::ErrorKind::TimedOut, ErrorKind::Io),
        ] {
            assert_eq!(kind(from), to);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_numbers_of_the_system_have_kinds() {
        let of = |code| Error::of_io(Cow::Owned(text(code)), io::Error::from_raw_os_error(code));
        fn text(code: i32) -> String {
            io::Error::from_raw_os_error(code).to_string()
        }
        assert!(of(libc::ENOENT).is_not_found());
        assert!(of(libc::EEXIST).is_already_exists());
        assert!(of(libc::ENOSPC).is_disk_full() && of(libc::EDQUOT).is_disk_full());
        assert!(of(libc::EACCES).is_permission_denied() && of(libc::EROFS).is_permission_denied());
        assert_eq!(of(libc::ESTALE).kind(), ErrorKind::Replaced);
    }

    #[test]
    fn damage_has_a_place_and_advice_and_its_finding_has_neither() {
        let error = Error::corrupt("a list is damaged");
        assert!(error.to_string().starts_with("a list is damaged; restore"));
        let placed = error.at("papers.zgr, segment 3, section postings");
        let start = "papers.zgr, segment 3, section postings: a list is damaged; restore";
        assert!(placed.to_string().starts_with(start), "{placed}");
        assert_eq!(placed.finding(), "a list is damaged");
        // The nearest place counts.
        let again = placed.clone().at("papers.zgr");
        assert_eq!(again.to_string(), placed.to_string());
        // What is not about the content of the file is not in a place of it.
        let refused = Error::invalid("too long").at("segment 3");
        assert_eq!(refused.to_string(), "too long");
        assert_eq!(refused.about("line 7").to_string(), "line 7: too long");
    }
}
