//! What an upgrade has encoded so far, beside the index: the memory of one that was interrupted.
//!
//! ```text
//!   "zerogr upgrade 1\n"  u8 plan[32]
//!   u32 len  u32 crc32    u8 text[16]  f32 vector[dim]  f16 factors[n]  u8 signs[n][ceil(dim / 8)]
//!   u32 len  u32 crc32    …
//!   u32 len  u3                                                                  cut off: written anew
//! ```
//!
//! Texts are known by their hashes, so that it serves whatever was added or deleted meanwhile.
//!
//! Invariants:
//!
//! - I1. A record is on the disk before its text is counted as done; what is cut off is taken off.
//! - I2. Records of another encoder, or of other settings, are never taken for these: they are
//!   dropped. What is no journal is left as it is.
//! - I3. One upgrade at a time has the file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::f16;
use sha2::{Digest, Sha256};

use crate::columns::OwnedSignList;
use crate::format::checksum::crc32;
use crate::segment::EncoderParams;
use crate::{Error, ErrorKind, Result};

const MAGIC: &[u8] = b"zerogr upgrade 1\n";
/// Bytes before the first record.
const HEADER_BYTES: u64 = MAGIC.len() as u64 + 32;
/// Bytes of a text's hash.
const HASH_BYTES: usize = 16;
/// Length and checksum before a record.
const PREFIX_BYTES: usize = 8;
/// A longer record is damage.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// What is known of a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Record {
    pub(super) vector: Vec<f32>,
    pub(super) tokens: OwnedSignList,
}

type TextHash = [u8; HASH_BYTES];

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    dim: usize,
    /// Where the record of a text begins, and how long it is.
    places: HashMap<TextHash, (u64, usize)>,
    len_bytes: u64,
}

impl Journal {
    /// Opens the journal beside the index at `index`, or begins one, for vectors as `params` say.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something else is in its place, `Locked` while another upgrade has it,
    /// and failures of I/O.
    pub(super) fn open(index: &Path, params: &EncoderParams) -> Result<Journal> {
        let mut path = index.as_os_str().to_owned();
        path.push(".upgrade");
        let path = PathBuf::from(path);
        let failed = |error| Error::io("opening", &path, error);
        let foreign = || {
            let message = format!(
                "{} is no journal of an upgrade: move it away",
                path.display()
            );
            Error::new(ErrorKind::AlreadyExists, message)
        };
        // A link or a pipe in the place of a file would have something else written.
        if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            return Err(foreign());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        if file.try_lock().is_err() {
            let message = format!(
                "{} is being written by another upgrade: wait for it",
                path.display()
            );
            return Err(Error::new(ErrorKind::Locked, message));
        }
        let mut header = Vec::new();
        let read = (&file).take(HEADER_BYTES).read_to_end(&mut header);
        read.map_err(failed)?;
        let shared = header.len().min(MAGIC.len());
        if header.get(..shared) != MAGIC.get(..shared) {
            return Err(foreign());
        }
        let expected = [MAGIC, &plan(params)?].concat();
        if header != expected {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            file.write_all(&expected).map_err(failed)?;
        }
        let mut journal = Journal {
            path,
            file,
            dim: params.dim,
            places: HashMap::new(),
            len_bytes: HEADER_BYTES,
        };
        journal.read()?;
        Ok(journal)
    }

    /// How a text is known; `kind` is what it is encoded as.
    pub(super) fn hash(kind: &str, text: &str) -> TextHash {
        let digest = Sha256::digest([kind, "\0", text].concat());
        let mut hash = [0; HASH_BYTES];
        for (to, from) in hash.iter_mut().zip(digest) {
            *to = from;
        }
        hash
    }

    /// What is known of a text; `None` where nothing is, or it cannot be what was written.
    ///
    /// # Errors
    ///
    /// Failures of I/O.
    pub(super) fn get(&mut self, hash: &TextHash) -> Result<Option<Record>> {
        let Some(&(at, len_bytes)) = self.places.get(hash) else {
            return Ok(None);
        };
        let mut bytes = vec![0; len_bytes];
        let read = self
            .file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| Error::io("reading", &self.path, error))?;
        Ok(record_of(&bytes, self.dim))
    }

    /// Appends what is known of texts.
    ///
    /// # Errors
    ///
    /// Failures of I/O; the journal is then as if nothing had been appended.
    pub(super) fn append(&mut self, records: &[(TextHash, Record)]) -> Result<()> {
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(records.len());
        for (hash, record) in records {
            let mut body = hash.to_vec();
            let values = record.vector.iter();
            body.extend(values.flat_map(|value| value.to_le_bytes()));
            let tokens = record.tokens.as_list();
            let factors = tokens.factors.iter();
            body.extend(factors.flat_map(|factor| factor.to_le_bytes()));
            body.extend_from_slice(tokens.signs);
            let len = u32::try_from(body.len())
                .map_err(|_| Error::limit("a text has too many tokens to be remembered"))?;
            bytes.extend(len.to_le_bytes());
            bytes.extend(crc32(&body).to_le_bytes());
            let at = self.len_bytes + bytes.len() as u64;
            places.push((*hash, (at, body.len())));
            bytes.extend(body);
        }
        let written = self
            .file
            .seek(SeekFrom::Start(self.len_bytes))
            .and_then(|_| self.file.write_all(&bytes))
            .and_then(|()| self.file.sync_data());
        written.map_err(|error| Error::io("writing", &self.path, error))?;
        self.len_bytes += bytes.len() as u64;
        self.places.extend(places);
        Ok(())
    }

    /// Removes the file, whose work is in the index. Best effort: it only costs space.
    pub(super) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// Finds the records, and takes off what is cut off or damaged behind the last whole one.
    fn read(&mut self) -> Result<()> {
        let failed = |error| Error::io("reading", &self.path, error);
        let start = SeekFrom::Start(HEADER_BYTES);
        let mut reader = std::io::BufReader::new(&self.file);
        reader.seek(start).map_err(failed)?;
        let mut body = Vec::new();
        loop {
            let mut prefix = [0; PREFIX_BYTES];
            if reader.read_exact(&mut prefix).is_err() {
                break;
            }
            let (len, crc) = prefix.split_at(PREFIX_BYTES / 2);
            let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap_or_default());
            let len = number(len) as usize;
            if !(HASH_BYTES..=MAX_RECORD_BYTES).contains(&len) {
                break;
            }
            body.clear();
            let read = (&mut reader).take(len as u64).read_to_end(&mut body);
            if read.map_err(failed)? != len || crc32(&body) != number(crc) {
                break;
            }
            let hash = body.get(..HASH_BYTES).and_then(|hash| hash.try_into().ok());
            let at = self.len_bytes + PREFIX_BYTES as u64;
            if let Some(hash) = hash.filter(|_| record_of(&body, self.dim).is_some()) {
                self.places.insert(hash, (at, len));
            }
            self.len_bytes = at + len as u64;
        }
        drop(reader);
        self.file.set_len(self.len_bytes).map_err(failed)
    }
}

/// A hash of all that vectors depend on.
fn plan(params: &EncoderParams) -> Result<[u8; 32]> {
    let json = serde_json::to_vec(params)
        .map_err(|error| Error::invalid(format!("parameters: {error}")))?;
    Ok(Sha256::digest(json).into())
}

/// The record in `body`, if it is one of vectors of `dim` values.
fn record_of(body: &[u8], dim: usize) -> Option<Record> {
    let values = body.get(HASH_BYTES..)?;
    let (vector, tokens) = values.split_at_checked(dim.checked_mul(4)?)?;
    let vector: Vec<f32> = vector
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()))
        .collect();
    let bytes_per_token = 2 + dim.div_ceil(8);
    let count = tokens.len() / bytes_per_token;
    let (factors, signs) = tokens.split_at_checked(count * 2)?;
    let factors: Vec<f16> = factors
        .chunks_exact(2)
        .map(|bytes| f16::from_le_bytes(bytes.try_into().unwrap_or_default()))
        .collect();
    let is_whole = tokens.len() == count * bytes_per_token
        && vector.iter().all(|value| value.is_finite())
        && factors.iter().all(|factor| factor.is_finite());
    is_whole.then(|| Record {
        vector,
        tokens: OwnedSignList::from_parts(factors, signs.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 9;

    fn params(fingerprint: &str) -> EncoderParams {
        EncoderParams {
            fingerprint: fingerprint.into(),
            dim: DIM,
            max_passage_tokens: 256,
            max_query_tokens: 64,
            pooling: String::new(),
            max_model_tokens: 0,
            lower_case: false,
            query_prompt: String::new(),
            document_prompt: String::new(),
            late_interaction: None,
            token_vectors: true,
        }
    }

    fn record(seed: usize) -> (TextHash, Record) {
        let value = |at: usize| (at * 7 % 5) as f32 - 2.0 + seed as f32;
        let record = Record {
            vector: (0..DIM).map(value).collect(),
            tokens: OwnedSignList::of(&(0..seed * DIM).map(value).collect::<Vec<_>>(), DIM),
        };
        (Journal::hash("passage", &format!("text {seed}")), record)
    }

    #[test]
    fn every_beginning_of_a_journal_has_the_records_that_are_whole_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("a.zgr");
        let path = folder.path().join("a.zgr.upgrade");
        let records: Vec<_> = (0..4).map(record).collect();
        let mut ends = vec![HEADER_BYTES];
        let mut journal = Journal::open(&index, &params("one")).unwrap();
        for record in &records {
            journal.append(std::slice::from_ref(record)).unwrap();
            ends.push(journal.len_bytes);
        }
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for end in 0..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let mut journal = Journal::open(&index, &params("one")).unwrap();
            for ((hash, record), record_end) in records.iter().zip(&ends[1..]) {
                let expected = (*record_end <= end as u64).then(|| record.clone());
                assert_eq!(journal.get(hash).unwrap(), expected, "{end}");
            }
            let last = ends.iter().rev().find(|&&last| last <= end as u64);
            assert_eq!(journal.len_bytes, *last.unwrap_or(&HEADER_BYTES), "{end}");
            journal.append(&records).unwrap();
            let (hash, last) = &records[3];
            assert_eq!(journal.get(hash).unwrap().as_ref(), Some(last));
        }
    }

    #[test]
    fn records_of_another_encoder_and_damaged_ones_are_dropped_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("a.zgr");
        let path = folder.path().join("a.zgr.upgrade");
        let records: Vec<_> = (0..3).map(record).collect();
        let mut journal = Journal::open(&index, &params("one")).unwrap();
        journal.append(&records).unwrap();
        let second = Journal::open(&index, &params("one")).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Locked);
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for at in HEADER_BYTES as usize..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            std::fs::write(&path, damaged).unwrap();
            let mut journal = Journal::open(&index, &params("one")).unwrap();
            let mut left = 0;
            for (hash, record) in &records {
                let found = journal.get(hash).unwrap();
                left += usize::from(found.is_some());
                assert!(found.is_none_or(|found| found == *record), "{at}");
            }
            assert!(left < records.len(), "{at}");
        }
        std::fs::write(&path, &whole).unwrap();
        let mut journal = Journal::open(&index, &params("other")).unwrap();
        assert_eq!(journal.get(&records[0].0).unwrap(), None);
        journal.remove();
        std::fs::write(&path, "a letter").unwrap();
        let error = Journal::open(&index, &params("one")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"a letter");
    }
}
