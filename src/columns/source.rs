//! Where sections come from: an extent of a file, or sections that are about to be written.

use crate::format::SectionInput;
use crate::format::SectionKind;
use crate::store::{Extent, Section};
use crate::{Error, ErrorKind, Result};

/// The one encoding, so far, of every section that a view of this layer reads.
const ENCODING: u16 = 1;

/// A set of sections, one of a kind.
pub trait SectionSource {
    /// The section of `kind`, verified, or `None` when there is none.
    fn find(&self, kind: SectionKind) -> Result<Option<Section>>;

    /// The section of `kind`. Errors when there is none.
    fn section(&self, kind: SectionKind) -> Result<Section> {
        self.find(kind)?
            .ok_or_else(|| Error::corrupt(format!("section {:#06x} is missing", kind.0)))
    }
}

impl SectionSource for Extent {
    fn find(&self, kind: SectionKind) -> Result<Option<Section>> {
        let found = Extent::find(self, kind)?;
        match found.as_ref().map_or(ENCODING, Section::encoding) {
            ENCODING => Ok(found),
            other => Err(Error::new(
                ErrorKind::UnsupportedVersion,
                format!(
                    "section {:#06x} has encoding {other}, unknown to this build; use a newer \
                     version of zerogr",
                    kind.0
                ),
            )),
        }
    }
}

/// Sections in memory, so that what will be written can be read before it is.
#[derive(Debug, Clone, Default)]
pub struct MemorySections(Vec<(SectionKind, Section)>);

impl MemorySections {
    /// Copies `inputs` into aligned memory.
    pub fn new(inputs: &[SectionInput<'_>]) -> Result<Self> {
        let copy = |input: &SectionInput<'_>| Ok((input.kind, Section::from_input(input)?));
        Ok(MemorySections(
            inputs.iter().map(copy).collect::<Result<_>>()?,
        ))
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
