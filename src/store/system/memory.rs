//! [`Backend`] over bytes in memory, for tests and for indexes that are never saved.

use std::io;
use std::path::Path;

use parking_lot::RwLock;

use super::backend::Backend;

/// A file that exists in memory only.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    bytes: RwLock<Vec<u8>>,
}

impl MemoryBackend {
    /// A file with the given content.
    pub fn new(bytes: Vec<u8>) -> Self {
        MemoryBackend {
            bytes: RwLock::new(bytes),
        }
    }

    /// A copy of the content.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.read().clone()
    }
}

impl Backend for MemoryBackend {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        let bytes = self.bytes.read();
        let source = usize::try_from(off_bytes)
            .ok()
            .and_then(|off| bytes.get(off..off.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    fn write_all_at(&self, new: &[u8], off_bytes: u64) -> io::Result<()> {
        let off = usize::try_from(off_bytes).map_err(io::Error::other)?;
        let end = off
            .checked_add(new.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = self.bytes.write();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(target) = bytes.get_mut(off..end) {
            target.copy_from_slice(new);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&self, len_bytes: u64) -> io::Result<()> {
        let len = usize::try_from(len_bytes).map_err(io::Error::other)?;
        self.bytes.write().truncate(len);
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(crate::format::limits::to_u64(self.bytes.read().len()))
    }

    fn path(&self) -> &Path {
        Path::new("(memory)")
    }
}
