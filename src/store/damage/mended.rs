//! A file as it was before a bit of it flipped.
//!
//! The small structures that everything else hangs on (manifests, headers and section tables of
//! extents) are pinned twice: by a checksum, which says where the one flipped bit is, and by what
//! refers to them, which says whether it was that. So they can be put right for reading; nothing
//! is written.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::format::limits::to_u64;
use crate::format::{
    EXTENT_HEADER_BYTES, ExtentHeader, ExtentRef, Superblock, checksum::flipped_bit,
};
use crate::store::system::backend::{Backend, read_at};
use crate::store::system::file::FileBackend;

/// Bytes of the header before its checksum.
const HEADER_CRC_OFF: usize = EXTENT_HEADER_BYTES - 4;

/// Another backend with some bytes put right. It can only be read.
#[derive(Debug)]
pub(in crate::store) struct MendedBackend {
    damaged: Arc<dyn Backend>,
    /// By offset.
    right: BTreeMap<u64, u8>,
}

impl MendedBackend {
    pub(in crate::store) fn new(damaged: Arc<dyn Backend>) -> Self {
        MendedBackend {
            damaged,
            right: BTreeMap::new(),
        }
    }

    /// Puts one flipped bit of the manifest that `superblock` names right; false when that is not
    /// what is wrong with it.
    pub(in crate::store) fn mend_manifest(
        &mut self,
        superblock: &Superblock,
        len_bytes: u64,
    ) -> bool {
        if superblock.check_bounds(len_bytes).is_err() {
            return false;
        }
        let off_bytes = superblock.manifest_off_bytes;
        self.mend(
            off_bytes,
            superblock.manifest_len_bytes,
            superblock.manifest_crc,
        )
        .unwrap_or(false)
    }

    /// Puts one flipped bit of the header or of the section table of an extent right; false when
    /// nothing was wrong that it could put right.
    pub(in crate::store) fn mend_extent(
        &mut self,
        reference: &ExtentRef,
        file_uuid: [u8; 16],
    ) -> bool {
        let mended_header = self.mend_header(reference).unwrap_or(false);
        let mended_table = self.mend_table(reference, file_uuid).unwrap_or(false);
        mended_header || mended_table
    }

    fn mend_header(&mut self, reference: &ExtentRef) -> Result<bool> {
        let mut header = [0; EXTENT_HEADER_BYTES];
        read_at(self, &mut header, reference.off_bytes)?;
        let crc_off = reference.off_bytes.saturating_add(to_u64(HEADER_CRC_OFF));
        let mut mended = false;
        for (at, (found, right)) in header
            .iter()
            .skip(HEADER_CRC_OFF)
            .zip(reference.header_crc.to_le_bytes())
            .enumerate()
        {
            if *found != right {
                self.right.insert(crc_off.saturating_add(to_u64(at)), right);
                mended = true;
            }
        }
        let covered = to_u64(HEADER_CRC_OFF);
        Ok(self.mend(reference.off_bytes, covered, reference.header_crc)? || mended)
    }

    fn mend_table(&mut self, reference: &ExtentRef, file_uuid: [u8; 16]) -> Result<bool> {
        let mut bytes = [0; EXTENT_HEADER_BYTES];
        read_at(self, &mut bytes, reference.off_bytes)?;
        let header = ExtentHeader::decode(&bytes, reference, file_uuid)?;
        let table_off = reference.off_bytes.saturating_add(to_u64(bytes.len()));
        self.mend(
            table_off,
            to_u64(header.table_len_bytes()),
            header.table_crc,
        )
    }

    /// Puts one flipped bit right in bytes that have the checksum `expected`.
    fn mend(&mut self, off_bytes: u64, len_bytes: u64, expected: u32) -> Result<bool> {
        let mut bytes = vec![0; usize::try_from(len_bytes).unwrap_or(0)];
        read_at(self, &mut bytes, off_bytes)?;
        let Some((at, bit)) = flipped_bit(&bytes, expected) else {
            return Ok(false);
        };
        let right = bytes.get(at).copied().unwrap_or_default() ^ (1 << bit);
        self.right
            .insert(off_bytes.saturating_add(to_u64(at)), right);
        Ok(true)
    }
}

impl Backend for MendedBackend {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        self.damaged.read_exact_at(buffer, off_bytes)?;
        let end = off_bytes.saturating_add(to_u64(buffer.len()));
        for (off, right) in self.right.range(off_bytes..end) {
            let at = usize::try_from(off.saturating_sub(off_bytes)).ok();
            if let Some(byte) = at.and_then(|at| buffer.get_mut(at)) {
                *byte = *right;
            }
        }
        Ok(())
    }

    fn prepare_write(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.damaged.len_bytes()
    }

    fn path(&self) -> &Path {
        self.damaged.path()
    }

    fn as_file(&self) -> Option<&FileBackend> {
        self.damaged.as_file()
    }
}
