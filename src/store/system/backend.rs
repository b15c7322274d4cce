//! The only way from the store to a file.
//!
//! Everything the store reads, writes and syncs goes through this trait, in the order the commit
//! protocol prescribes. An implementation that fails, reorders or forgets what it is told can
//! therefore play any disk and any crash to the real code.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;

use super::file::FileBackend;
use crate::error::{Error, Result};

/// Random access to the bytes of one file.
pub trait Backend: Send + Sync + Debug {
    /// Fills `buffer` from `off_bytes`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before the buffer is full, or what the system reports.
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()>;

    /// Prepares for writing; called before the first write of every transaction. An
    /// implementation that opens its file for reading only reopens it here.
    ///
    /// # Errors
    /// What the system reports, for example on read-only media.
    fn prepare_write(&self) -> io::Result<()> {
        Ok(())
    }

    /// Writes all of `bytes` at `off_bytes`, growing the file as needed.
    ///
    /// # Errors
    /// What the system reports; how much was written is then unknown.
    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()>;

    /// Returns once everything written before, and the file's length, are on stable storage.
    ///
    /// # Errors
    /// What the system reports; what is on stable storage is then unknown.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file off at `len_bytes`, to give back what a commit that failed appended. One that
    /// cannot be cut keeps its tail, which costs space and nothing else.
    ///
    /// # Errors
    /// What the system reports, or `Unsupported`.
    fn cut(&self, len_bytes: u64) -> io::Result<()> {
        let _ = len_bytes;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Length of the file now.
    ///
    /// # Errors
    /// What the system reports.
    fn len_bytes(&self) -> io::Result<u64>;

    /// Asks that the next reads of the first `len_bytes` come from stable storage. For backends
    /// that have a cache between.
    fn forget_front(&self, len_bytes: u64) {
        let _ = len_bytes;
    }

    /// The file's name, for messages.
    fn path(&self) -> &Path;

    /// The file to map, for implementations that have one.
    fn mappable(&self) -> Option<&File> {
        None
    }

    /// The implementation over a file of the operating system, for what only such a file can do:
    /// keep writers of other processes out, follow a successor that was renamed onto its path, be
    /// vacuumed in place. Anything else has one writer per process.
    fn as_file(&self) -> Option<&FileBackend> {
        None
    }
}

/// Reads, turning "the file ends early" into `Corrupt` and anything else into an I/O error.
pub(in crate::store) fn read_at(
    backend: &dyn Backend,
    buffer: &mut [u8],
    off_bytes: u64,
) -> Result<()> {
    let len = buffer.len();
    backend
        .read_exact_at(buffer, off_bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::corrupt(format_args!(
                "{} is cut short: it ends before byte {off_bytes} + {len}",
                backend.path().display()
            )),
            _ => Error::io("reading", backend.path(), error),
        })
}
