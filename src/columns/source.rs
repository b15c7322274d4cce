//! Where sections come from: an extent of a file, or sections that are about to be written.

use std::borrow::Cow;
use std::ops::Range;

use crate::format::SectionInput;
use crate::format::SectionKind;
use crate::store::{Extent, Section};
use crate::{Error, ErrorKind, Result};

/// The one encoding, so far, of every section that a view of this layer reads.
const ENCODING: u16 = 1;

/// A set of sections, one of a kind.
pub trait SectionSource {
    /// The section of `kind`, verified, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// `Corrupt` when its checksum is wrong, `UnsupportedVersion` when its encoding is not known,
    /// `Io` when it cannot be read.
    fn find(&self, kind: SectionKind) -> Result<Option<Section>>;

    /// The section of `kind`.
    ///
    /// # Errors
    ///
    /// `Corrupt` when there is none or its checksum is wrong, `UnsupportedVersion` when its
    /// encoding is not known, `Io` when it cannot be read.
    fn section(&self, kind: SectionKind) -> Result<Section> {
        self.find(kind)?.ok_or_else(|| self.missing(kind))
    }

    /// The error of a section of `kind` that is not there.
    fn missing(&self, kind: SectionKind) -> Error {
        Error::corrupt(format_args!("section {:#06x} is missing", kind.0))
    }

    /// The section of `kind`, to be read and verified piece by piece.
    ///
    /// # Errors
    ///
    /// `Corrupt` when there is none, `UnsupportedVersion` when its encoding is not known; damage to
    /// it shows when it is read.
    fn lazy(&self, kind: SectionKind) -> Result<LazySection> {
        self.section(kind).map(LazySection::Whole)
    }
}

/// A section too large to be read when its extent is opened.
#[derive(Debug, Clone)]
pub enum LazySection {
    /// In memory already.
    Whole(Section),
    /// Still in its extent.
    InExtent {
        /// The extent.
        extent: Extent,
        /// Which of its sections.
        kind: SectionKind,
        /// How long it is.
        len_bytes: u64,
    },
}

impl LazySection {
    /// Length of the section.
    pub fn len_bytes(&self) -> u64 {
        match self {
            LazySection::Whole(section) => section.len() as u64,
            LazySection::InExtent { len_bytes, .. } => *len_bytes,
        }
    }

    /// Damage found in the section.
    pub(crate) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        match self {
            LazySection::Whole(section) => section.damaged(what),
            LazySection::InExtent { extent, kind, .. } => extent.damaged_in(*kind, what),
        }
    }

    /// Verified bytes of a part.
    ///
    /// # Errors
    /// `Corrupt` when the part is not inside the section or its checksum is wrong; `Io`.
    pub fn read(&self, range: Range<u64>) -> Result<Section> {
        match self {
            LazySection::Whole(section) => {
                let part = usize::try_from(range.start)
                    .ok()
                    .zip(usize::try_from(range.end).ok())
                    .and_then(|(start, end)| section.get_slice(start..end));
                part.ok_or_else(|| section.damaged("a part is outside its section"))
            }
            LazySection::InExtent { extent, kind, .. } => extent.section_range(*kind, range),
        }
    }

    /// Bytes of a part as they are, for a caller who has a checksum of its own for them.
    ///
    /// # Errors
    /// `Corrupt` when the part is not inside the section; `Io`.
    pub(crate) fn read_unverified(&self, range: Range<u64>) -> Result<Vec<u8>> {
        match self {
            LazySection::Whole(_) => self.read(range).map(|part| part.to_vec()),
            LazySection::InExtent { extent, kind, .. } => extent.unverified_range(*kind, range),
        }
    }
}

impl SectionSource for Extent {
    fn find(&self, kind: SectionKind) -> Result<Option<Section>> {
        let found = Extent::find(self, kind)?;
        if let Some(section) = &found {
            check_encoding(self, kind, section.encoding())?;
        }
        Ok(found)
    }

    fn missing(&self, kind: SectionKind) -> Error {
        self.damaged_in(kind, "it is missing")
    }

    fn lazy(&self, kind: SectionKind) -> Result<LazySection> {
        let info = self
            .sections()
            .find(|info| info.kind == kind)
            .ok_or_else(|| self.missing(kind))?;
        check_encoding(self, kind, info.encoding)?;
        Ok(LazySection::InExtent {
            extent: self.clone(),
            kind,
            len_bytes: info.len_bytes,
        })
    }
}

fn check_encoding(extent: &Extent, kind: SectionKind, encoding: u16) -> Result<()> {
    if encoding == ENCODING {
        return Ok(());
    }
    let message =
        format!("encoding {encoding} is unknown to this build; use a newer version of zerogr");
    let error = Error::new(ErrorKind::UnsupportedVersion, message);
    Err(extent.located(kind, error))
}

/// Sections in memory, so that what will be written can be read before it is.
#[derive(Debug, Clone, Default)]
pub struct MemorySections(Vec<(SectionKind, Section)>);

impl MemorySections {
    /// Copies `inputs` into aligned memory.
    ///
    /// # Errors
    ///
    /// `Limit` when the memory cannot hold a copy.
    pub fn new(inputs: &[SectionInput<'_>]) -> Result<Self> {
        let copy = |input: &SectionInput<'_>| Ok((input.kind, Section::from_input(input)?));
        Ok(MemorySections(
            inputs.iter().map(copy).collect::<Result<_>>()?,
        ))
    }
}

impl MemorySections {
    /// [`MemorySections::new`], each input freed as soon as it is copied.
    pub(crate) fn taking(inputs: Vec<SectionInput<'_>>) -> Result<Self> {
        let copy = |input: SectionInput<'_>| Ok((input.kind, Section::from_input(&input)?));
        Ok(MemorySections(
            inputs.into_iter().map(copy).collect::<Result<_>>()?,
        ))
    }

    /// The sections, to be written.
    pub(crate) fn inputs(&self) -> Vec<SectionInput<'_>> {
        let sections = self.0.iter();
        sections
            .map(|(kind, section)| SectionInput {
                kind: *kind,
                encoding: section.encoding(),
                entry_count: section.entry_count(),
                bytes: Cow::Borrowed(section),
            })
            .collect()
    }
}

impl SectionSource for MemorySections {
    fn find(&self, kind: SectionKind) -> Result<Option<Section>> {
        Ok(self
            .0
            .iter()
            .find(|(other, _)| *other == kind)
            .map(|(_, section)| section.clone()))
    }
}
