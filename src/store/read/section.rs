//! A verified section: bytes that can be kept, shared and sliced without copying.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::buffer::AlignedBuffer;
use crate::error::{Error, Result};
use crate::format::limits::to_u64;
use crate::format::sections::name_of;
use crate::format::{ExtentKind, SectionEntry, SectionInput, SectionKind};

/// What keeps a section's bytes alive.
#[derive(Clone)]
pub(in crate::store) enum Bytes {
    Heap(Arc<AlignedBuffer>),
    Map(Arc<Mmap>),
}

/// What sections of an extent are from, for messages.
#[derive(Debug)]
pub(in crate::store) struct Origin {
    /// Where the extent is: "papers.zgr, segment 3".
    pub(in crate::store) place: String,
    pub(in crate::store) kind: ExtentKind,
}

impl Origin {
    /// Where a section of the extent is: "papers.zgr, segment 3, section postings".
    pub(in crate::store) fn section(&self, kind: SectionKind) -> String {
        format!("{}, section {}", self.place, name_of(self.kind, kind))
    }
}

/// A cheap handle to the verified bytes of one section, or of a part of it.
///
/// It keeps its buffer or map alive, so it may outlive the store it came from. A whole section
/// starts on a multiple of 64 bytes in memory.
#[derive(Clone)]
pub struct Section {
    bytes: Bytes,
    range: Range<usize>,
    kind: SectionKind,
    encoding: u16,
    entry_count: u64,
    /// `None` when it comes from no file.
    origin: Option<Arc<Origin>>,
}

impl Section {
    /// The section within the map of its extent.
    pub(super) fn in_map(
        map: &Arc<Mmap>,
        entry: &SectionEntry,
        origin: &Arc<Origin>,
    ) -> Option<Section> {
        // The table was checked to lie within the extent, and the map is the extent.
        let end = entry.off_bytes.checked_add(entry.len_bytes)?;
        let range = usize::try_from(entry.off_bytes).ok()?..usize::try_from(end).ok()?;
        map.get(range.clone())?;
        let bytes = Bytes::Map(map.clone());
        Some(Section::new(bytes, range, entry, origin))
    }

    /// The section that is all of a buffer.
    pub(super) fn in_buffer(
        buffer: Arc<AlignedBuffer>,
        entry: &SectionEntry,
        origin: &Arc<Origin>,
    ) -> Section {
        let range = 0..buffer.bytes().len();
        Section::new(Bytes::Heap(buffer), range, entry, origin)
    }

    /// `range` must lie within `bytes`; a wrong one gives an empty section.
    pub(in crate::store) fn new(
        bytes: Bytes,
        range: Range<usize>,
        entry: &SectionEntry,
        origin: &Arc<Origin>,
    ) -> Self {
        Section {
            bytes,
            range,
            kind: entry.kind,
            encoding: entry.encoding,
            entry_count: entry.entry_count,
            origin: Some(origin.clone()),
        }
    }

    /// A section in memory that comes from no file, to read what is about to be written.
    ///
    /// # Errors
    /// `Limit` when the memory cannot hold a copy.
    pub fn from_input(input: &SectionInput<'_>) -> Result<Self> {
        let mut buffer = AlignedBuffer::zeroed(to_u64(input.bytes.len()))?;
        buffer.bytes_mut().copy_from_slice(&input.bytes);
        Ok(Section {
            bytes: Bytes::Heap(Arc::new(buffer)),
            range: 0..input.bytes.len(),
            kind: input.kind,
            encoding: input.encoding,
            entry_count: input.entry_count,
            origin: None,
        })
    }

    /// The name under which the section was written.
    pub fn kind(&self) -> SectionKind {
        self.kind
    }

    /// How the body is encoded, in the terms of the layer that owns it.
    pub fn encoding(&self) -> u16 {
        self.encoding
    }

    /// The entry count given when the section was written. It is covered by a checksum; check it
    /// against the length all the same before allocating by it.
    pub fn entry_count(&self) -> u64 {
        self.entry_count
    }

    /// Damage found in the section.
    pub(crate) fn damaged(&self, what: impl fmt::Display) -> Error {
        self.located(Error::corrupt(what))
    }

    /// The same error, found in this section.
    pub(crate) fn located(&self, error: Error) -> Error {
        match &self.origin {
            Some(origin) => error.at(origin.section(self.kind)),
            None => error,
        }
    }

    /// A part of the section, sharing its memory; `None` when `range` is not inside it.
    pub fn get_slice(&self, range: Range<usize>) -> Option<Section> {
        self.get(range.clone())?;
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        Some(Section {
            range: start..end,
            ..self.clone()
        })
    }

    /// A part of the section, sharing its memory. Use [`Section::get_slice`] for a range that
    /// comes from the file.
    ///
    /// # Panics
    /// If `range` is not inside the section.
    pub fn slice(&self, range: Range<usize>) -> Section {
        let len = self.len();
        self.get_slice(range.clone())
            .unwrap_or_else(|| panic!("range {range:?} is outside a section of {len} bytes"))
    }

    /// The bytes as a slice of `T`, without copying.
    ///
    /// # Errors
    /// `Corrupt` when the length is not a multiple of `T`'s size or the start is not aligned for
    /// it. The start of a whole section is aligned for every `T` up to 64 bytes.
    pub fn as_slice_of<T: FromBytes + Immutable + KnownLayout>(&self) -> Result<&[T]> {
        <[T]>::ref_from_bytes(self).map_err(|_| {
            self.damaged(format_args!(
                "it has {} bytes, which are not whole entries of {} bytes",
                self.len(),
                size_of::<T>()
            ))
        })
    }
}

#[cfg(test)]
impl Section {
    /// A section of `bytes`, for the tests of the layers above.
    pub(crate) fn for_test(bytes: Vec<u8>) -> Self {
        let count = to_u64(bytes.len());
        Section::from_input(&SectionInput::new(SectionKind(1), count, bytes)).unwrap()
    }
}

impl Deref for Section {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.bytes {
            Bytes::Heap(buffer) => buffer.bytes(),
            Bytes::Map(map) => map,
        };
        all.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("kind", &self.kind.0)
            .field("encoding", &self.encoding)
            .field("entry_count", &self.entry_count)
            .field("len_bytes", &self.len())
            .finish()
    }
}
