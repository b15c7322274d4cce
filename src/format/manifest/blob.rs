//! Blobs: whole files that belong to an index, inside it or beside it.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::raw_ref::{NO_REF, RawRef};
use crate::error::{Error, Result};
use crate::format::extent::ExtentRef;
use crate::format::limits::{MAX_BLOB_BYTES, MAX_BLOB_TEXT_BYTES};

/// What a blob is for. An open set: unknown codes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BlobRole {
    /// The sentence encoder's graph.
    Encoder,
    /// The encoder's tokenizer, and that of the docids unless there is another one for them.
    Tokenizer,
    /// The tokenizer of the docids: that of the language model that answers queries.
    DocidTokenizer,
    /// The token head of an encoder outside the file: bytes that belong behind its graph.
    TokenHead,
    /// What a training changed of the language model that answers queries.
    Adapter,
    /// What judgements taught of queries: a linear map of their vectors.
    QueryMap,
    /// Another role, by its code.
    Other(u16),
}

impl BlobRole {
    /// The code on disk.
    pub fn code(self) -> u16 {
        match self {
            BlobRole::Encoder => 1,
            BlobRole::Tokenizer => 2,
            BlobRole::DocidTokenizer => 3,
            BlobRole::TokenHead => 4,
            BlobRole::Adapter => 5,
            BlobRole::QueryMap => 6,
            BlobRole::Other(code) => code,
        }
    }

    /// The role of a code.
    pub fn from_code(code: u16) -> Self {
        match code {
            1 => BlobRole::Encoder,
            2 => BlobRole::Tokenizer,
            3 => BlobRole::DocidTokenizer,
            4 => BlobRole::TokenHead,
            5 => BlobRole::Adapter,
            6 => BlobRole::QueryMap,
            other => BlobRole::Other(other),
        }
    }
}

/// One blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// What it is for.
    pub role: BlobRole,
    /// Its name, for people.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Length of its bytes.
    pub len_bytes: u64,
    /// Where its bytes are.
    pub place: BlobPlace,
}

/// Where a blob's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobPlace {
    /// In this file.
    Embedded(ExtentRef),
    /// In a file of its own.
    External {
        /// Path of that file; a relative one starts at the index's directory.
        path: String,
    },
}

const PLACE_EMBEDDED: u16 = 1;
const PLACE_EXTERNAL: u16 = 2;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawBlob {
    role: U16,
    place: U16,
    name_len: U32,
    media_type_len: U32,
    path_len: U32,
    len_bytes: U64,
    sha256: [u8; 32],
    extent: RawRef,
}

impl BlobEntry {
    pub(super) fn validate(&self) -> Result<()> {
        let path = match &self.place {
            BlobPlace::Embedded(_) => "",
            BlobPlace::External { path } if path.is_empty() => {
                return Err(Error::invalid("the path of an attached blob is empty"));
            }
            BlobPlace::External { path } => path.as_str(),
        };
        if [self.name.as_str(), &self.media_type, path]
            .iter()
            .any(|s| s.len() > MAX_BLOB_TEXT_BYTES)
        {
            return Err(Error::limit(format!(
                "a blob's name, media type and path have at most {MAX_BLOB_TEXT_BYTES} bytes each"
            )));
        }
        if self.len_bytes > MAX_BLOB_BYTES {
            return Err(Error::limit("a blob has at most 2^40 bytes"));
        }
        Ok(())
    }

    /// Appends the record. The texts are within their limit, so their lengths fit.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (place, path, extent) = match &self.place {
            BlobPlace::Embedded(reference) => (PLACE_EMBEDDED, "", RawRef::from(*reference)),
            BlobPlace::External { path } => (PLACE_EXTERNAL, path.as_str(), NO_REF),
        };
        let text_len = |text: &str| U32::new(u32::try_from(text.len()).unwrap_or(u32::MAX));
        let raw = RawBlob {
            role: self.role.code().into(),
            place: place.into(),
            name_len: text_len(&self.name),
            media_type_len: text_len(&self.media_type),
            path_len: text_len(path),
            len_bytes: self.len_bytes.into(),
            sha256: self.sha256,
            extent,
        };
        out.extend_from_slice(raw.as_bytes());
        for text in [self.name.as_str(), &self.media_type, path] {
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// Reads exactly `count` records that fill `bytes`.
    pub(super) fn decode_list(mut bytes: &[u8], count: u64) -> Option<Vec<BlobEntry>> {
        let mut entries = Vec::new();
        for _ in 0..count {
            // Each turn consumes a record or ends the loop, so a lying count costs nothing.
            let (raw, rest) = RawBlob::ref_from_prefix(bytes).ok()?;
            let (name, rest) = take_text(rest, raw.name_len)?;
            let (media_type, rest) = take_text(rest, raw.media_type_len)?;
            let (path, rest) = take_text(rest, raw.path_len)?;
            let place = match raw.place.get() {
                PLACE_EMBEDDED if path.is_empty() => BlobPlace::Embedded(raw.extent.get()),
                PLACE_EXTERNAL => BlobPlace::External { path },
                _ => return None,
            };
            entries.push(BlobEntry {
                role: BlobRole::from_code(raw.role.get()),
                name,
                media_type,
                sha256: raw.sha256,
                len_bytes: raw.len_bytes.get(),
                place,
            });
            bytes = rest;
        }
        bytes.is_empty().then_some(entries)
    }
}

fn take_text(bytes: &[u8], len: U32) -> Option<(String, &[u8])> {
    let (text, rest) = bytes.split_at_checked(usize::try_from(len.get()).ok()?)?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), rest))
}
