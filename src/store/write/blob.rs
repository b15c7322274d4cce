//! Blobs: whole files, such as a model or a tokenizer, kept in the index under their hash.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::format::limits::to_u64;
use crate::format::{BLOB_BYTES, BlobEntry, BlobPlace, BlobRole, ExtentKind, SectionInput};
use crate::store::handle::Store;
use crate::store::read::section::Section;
use crate::store::read::snapshot::Snapshot;

impl Transaction {
    /// Writes a blob and gives the entry to put into the manifest.
    ///
    /// # Errors
    ///
    /// `InvalidInput` or `Limit` when the blob cannot form an extent (the transaction goes on),
    /// `Poisoned`, or a failure of I/O, which poisons the store.
    pub fn append_blob(
        &mut self,
        role: BlobRole,
        name: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<BlobEntry> {
        let section = SectionInput {
            kind: BLOB_BYTES,
            encoding: 1,
            entry_count: to_u64(bytes.len()),
            bytes: Cow::Borrowed(bytes),
        };
        let reference = self.append(ExtentKind::Blob, &[section])?;
        Ok(BlobEntry {
            role,
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            sha256: Sha256::digest(bytes).into(),
            len_bytes: to_u64(bytes.len()),
            place: BlobPlace::Embedded(reference),
        })
    }
}

impl Store {
    /// The verified bytes of an embedded blob of the newest state.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the blob is attached rather than embedded, `Corrupt` when it is damaged,
    /// `UnsupportedVersion` when its extent is of an unknown kind, `Io`.
    pub fn blob(&self, entry: &BlobEntry) -> Result<Section> {
        self.snapshot().blob(entry)
    }
}

impl Snapshot {
    /// The verified bytes of an embedded blob of the state.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the blob is attached rather than embedded, `Corrupt` when it is damaged,
    /// `UnsupportedVersion` when its extent is of an unknown kind, `Io`.
    pub fn blob(&self, entry: &BlobEntry) -> Result<Section> {
        let BlobPlace::Embedded(reference) = &entry.place else {
            return Err(Error::invalid(format!(
                "blob {} is in a file of its own",
                entry.name
            )));
        };
        let extent = self.extent(reference)?;
        extent.expect_kind(ExtentKind::Blob)?;
        let section = extent.section(BLOB_BYTES)?;
        if to_u64(section.len()) != entry.len_bytes {
            return Err(Error::corrupt(format_args!(
                "blob {} has {} bytes, its manifest entry says {}",
                entry.name,
                section.len(),
                entry.len_bytes
            )));
        }
        Ok(section)
    }
}
