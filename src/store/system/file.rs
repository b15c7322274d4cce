//! [`Backend`] over a file of the operating system.
//!
//! A reader holds a descriptor that cannot write. The writable one is opened when the first
//! transaction begins, and only if the path still names the same file: a successor may have been
//! renamed into its place, and a commit to the old file would be lost.
//!
//! Interrupted calls and short reads and writes are the standard library's business on Unix, and
//! are handled below on Windows.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::backend::Backend;
use super::page_cache;
use super::regular_file;

/// A file, read and written at offsets.
#[derive(Debug)]
pub struct FileBackend {
    path: PathBuf,
    reader: File,
    writer: OnceLock<File>,
}

impl FileBackend {
    /// Opens an existing regular file for reading.
    ///
    /// # Errors
    /// `InvalidInput` when something else is at `path`, or what the system reports.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The absolute path keeps its meaning when the process changes its directory.
        let path = std::fs::canonicalize(path)?;
        let reader = open_above_stdio(OpenOptions::new().read(true), &path)?;
        Ok(FileBackend {
            path,
            reader,
            writer: OnceLock::new(),
        })
    }

    /// Wraps a file that is open for reading and writing.
    pub(in crate::store) fn from_writable(path: PathBuf, file: File) -> io::Result<Self> {
        let reader = file.try_clone()?;
        Ok(FileBackend {
            path,
            reader,
            writer: OnceLock::from(file),
        })
    }

    /// A descriptor of its own, open for writing, of the file that the path names now.
    pub(in crate::store) fn open_writable(&self) -> io::Result<File> {
        open_above_stdio(OpenOptions::new().read(true).write(true), &self.path)
    }

    /// Which file this is, whatever its path names now.
    pub(in crate::store) fn id(&self) -> io::Result<FileId> {
        FileId::of(&self.reader)
    }

    /// Which file the path names now.
    pub(in crate::store) fn id_at_path(&self) -> io::Result<FileId> {
        let (volume, file) = positioned::identity_at(&self.path)?;
        Ok(FileId { volume, file })
    }

    /// How many names the file has.
    pub(in crate::store) fn link_count(&self) -> io::Result<u64> {
        positioned::link_count(&self.reader)
    }

    /// What the system knows about the file.
    pub(in crate::store) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.reader.metadata()
    }

    fn writer(&self) -> io::Result<&File> {
        self.writer
            .get()
            .ok_or_else(|| io::Error::other("the file is not open for writing"))
    }
}

impl Backend for FileBackend {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        positioned::read_exact_at(&self.reader, buffer, off_bytes)
    }

    fn prepare_write(&self) -> io::Result<()> {
        let writer = match self.writer.get() {
            Some(writer) => writer,
            None => {
                let file = self.open_writable()?;
                self.writer.get_or_init(|| file)
            }
        };
        let id = self.id()?;
        if FileId::of(writer)? != id || self.id_at_path()? != id {
            return Err(replaced());
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        positioned::write_all_at(self.writer()?, bytes, off_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.writer()?.sync_data()
    }

    fn cut(&self, len_bytes: u64) -> io::Result<()> {
        self.writer()?.set_len(len_bytes)
    }

    fn forget_front(&self, len_bytes: u64) {
        page_cache::forget_front(&self.reader, len_bytes);
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.reader.metadata()?.len())
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn mappable(&self) -> Option<&File> {
        Some(&self.reader)
    }

    fn as_file(&self) -> Option<&FileBackend> {
        Some(self)
    }
}

/// Why a file cannot be written, or followed, any more.
pub(in crate::store) fn replaced() -> io::Error {
    io::Error::new(
        io::ErrorKind::StaleNetworkFileHandle,
        "another file took its place since it was opened; open it again",
    )
}

/// Opens with a descriptor above those of the standard streams. In a host that closed one of
/// these the index would get its number, and whatever is printed next would go into the index.
fn open_above_stdio(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = regular_file::open_with(options, path)?;
    #[cfg(unix)]
    if std::os::fd::AsRawFd::as_raw_fd(&file) <= 2 {
        // The copy gets the lowest free number above 2.
        return file.try_clone();
    }
    Ok(file)
}

/// Tells one file from another, under whatever names they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct FileId {
    volume: u64,
    file: u64,
}

impl FileId {
    pub(in crate::store) fn of(file: &File) -> io::Result<Self> {
        let (volume, file) = positioned::identity(file)?;
        Ok(FileId { volume, file })
    }
}

#[cfg(unix)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::path::Path;

    pub(in crate::store) fn read_exact_at(
        file: &File,
        buffer: &mut [u8],
        off_bytes: u64,
    ) -> io::Result<()> {
        file.read_exact_at(buffer, off_bytes)
    }

    pub(in crate::store) fn write_all_at(
        file: &File,
        bytes: &[u8],
        off_bytes: u64,
    ) -> io::Result<()> {
        file.write_all_at(bytes, off_bytes)
    }

    pub(in crate::store) fn identity(file: &File) -> io::Result<(u64, u64)> {
        let metadata = file.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    pub(in crate::store) fn identity_at(path: &Path) -> io::Result<(u64, u64)> {
        let metadata = std::fs::metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }

    pub(in crate::store) fn link_count(file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.nlink())
    }
}

#[cfg(windows)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::FileExt;
    use std::path::Path;

    use crate::store::system::windows_file::file_information;

    pub(in crate::store) fn read_exact_at(
        file: &File,
        mut buffer: &mut [u8],
        mut off_bytes: u64,
    ) -> io::Result<()> {
        while !buffer.is_empty() {
            match file.seek_read(buffer, off_bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buffer = buffer.get_mut(n..).unwrap_or_default();
                    off_bytes = off_bytes.saturating_add(crate::format::limits::to_u64(n));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(in crate::store) fn write_all_at(
        file: &File,
        mut bytes: &[u8],
        mut off_bytes: u64,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            match file.seek_write(bytes, off_bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = bytes.get(n..).unwrap_or_default();
                    off_bytes = off_bytes.saturating_add(crate::format::limits::to_u64(n));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(in crate::store) fn identity(file: &File) -> io::Result<(u64, u64)> {
        file_information(file).map(|(volume, file, _)| (volume, file))
    }

    pub(in crate::store) fn identity_at(path: &Path) -> io::Result<(u64, u64)> {
        identity(&File::open(path)?)
    }

    pub(in crate::store) fn link_count(file: &File) -> io::Result<u64> {
        file_information(file).map(|(.., links)| links)
    }
}
