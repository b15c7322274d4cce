//! [`Backend`] over a file of the operating system.
//!
//! A reader holds a descriptor that cannot write. The writable one is opened when the first
//! transaction begins, and only if the path still names the same file: a successor may have been
//! renamed into its place, and a commit to the old file would be lost.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::backend::Backend;

/// A file, read and written at offsets.
#[derive(Debug)]
pub struct FileBackend {
    path: PathBuf,
    reader: File,
    writer: OnceLock<File>,
}

impl FileBackend {
    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// What the system reports.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The absolute path keeps its meaning when the process changes its directory.
        let path = std::fs::canonicalize(path)?;
        let reader = File::open(&path)?;
        Ok(FileBackend {
            path,
            reader,
            writer: OnceLock::new(),
        })
    }

    /// Wraps a file that is open for reading and writing.
    pub(super) fn from_writable(path: PathBuf, file: File) -> io::Result<Self> {
        let reader = file.try_clone()?;
        Ok(FileBackend {
            path,
            reader,
            writer: OnceLock::from(file),
        })
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
                let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
                self.writer.get_or_init(|| file)
            }
        };
        if !positioned::same_file(writer, &self.reader)?
            || !positioned::same_file(writer, &File::open(&self.path)?)?
        {
            return Err(io::Error::other(
                "another file took its place since it was opened; open it again",
            ));
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        positioned::write_all_at(self.writer()?, bytes, off_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.writer()?.sync_data()
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
}

#[cfg(unix)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::{FileExt, MetadataExt};

    pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        file.read_exact_at(buffer, off_bytes)
    }

    pub(super) fn write_all_at(file: &File, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        file.write_all_at(bytes, off_bytes)
    }

    pub(super) fn same_file(a: &File, b: &File) -> io::Result<bool> {
        let (a, b) = (a.metadata()?, b.metadata()?);
        Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
    }
}

#[cfg(windows)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::FileExt;

    pub(super) fn read_exact_at(
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

    pub(super) fn write_all_at(
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

    /// Stable Rust cannot ask Windows for a file's identity; a mapped or open file cannot be
    /// replaced there by the rename that this check guards against.
    pub(super) fn same_file(_: &File, _: &File) -> io::Result<bool> {
        Ok(true)
    }
}
