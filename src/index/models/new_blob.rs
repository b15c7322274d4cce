//! A file that a new index takes in, or names.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::Result;
use crate::format::{BlobEntry, BlobPlace, BlobRole};
#[cfg(feature = "models")]
use crate::model::trust::ModelFile;
use crate::store::Transaction;

/// A file that goes with the models of an index.
#[derive(Clone)]
pub(in crate::index) struct NewBlob {
    pub(super) role: BlobRole,
    pub(super) name: &'static str,
    pub(super) media_type: &'static str,
    pub(super) bytes: Arc<Vec<u8>>,
    /// `Some`: stays outside, at this path.
    pub(super) outside: Option<String>,
}

impl fmt::Debug for NewBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBlob")
            .field("role", &self.role)
            .field("len_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl NewBlob {
    /// A file that is kept in the index.
    #[cfg(any(feature = "models", feature = "eval"))]
    pub(in crate::index) fn inside(
        role: BlobRole,
        name: &'static str,
        media_type: &'static str,
        bytes: Arc<Vec<u8>>,
    ) -> Self {
        NewBlob {
            role,
            name,
            media_type,
            bytes,
            outside: None,
        }
    }

    /// What the machine is to know of it.
    #[cfg(feature = "models")]
    pub(in crate::index) fn model_file(&self) -> ModelFile {
        ModelFile {
            name: self.name.to_owned(),
            sha256: Sha256::digest(self.bytes.as_slice()).into(),
            len_bytes: self.bytes.len() as u64,
        }
    }

    pub(in crate::index) fn append(&self, transaction: &mut Transaction) -> Result<BlobEntry> {
        let Some(path) = &self.outside else {
            return transaction.append_blob(self.role, self.name, self.media_type, &self.bytes);
        };
        Ok(BlobEntry {
            role: self.role,
            name: self.name.to_owned(),
            media_type: self.media_type.to_owned(),
            sha256: Sha256::digest(self.bytes.as_slice()).into(),
            len_bytes: self.bytes.len() as u64,
            place: BlobPlace::External { path: path.clone() },
        })
    }
}
