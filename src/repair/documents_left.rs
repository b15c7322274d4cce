//! What is left of the documents of a damaged segment.

use std::collections::HashSet;

use crate::Result;
use crate::docs::{Document, DocumentTable, PassageTable};

/// The documents of a damaged segment.
#[derive(Debug)]
pub(super) enum DocumentsLeft {
    /// In their sections, but for those of some ordinals.
    Stored(Box<DocumentTable>, HashSet<u32>),
    /// Taken out of what is left of them, by ordinal.
    Salvaged(Vec<Option<Document>>),
}

impl DocumentsLeft {
    /// Calls `each` with every document that is alive and can be read.
    pub(super) fn for_each_live(
        &self,
        tombstones: Option<&[u8]>,
        mut each: impl FnMut(u32, Document) -> Result<()>,
    ) -> Result<()> {
        let is_live = |ordinal| !is_dead(tombstones, ordinal);
        match self {
            DocumentsLeft::Stored(table, lost) => {
                let is_wanted = |ordinal| is_live(ordinal) && !lost.contains(&ordinal);
                table.for_each(is_wanted, each)
            }
            DocumentsLeft::Salvaged(documents) => {
                let rows = (0u32..).zip(documents);
                for (ordinal, document) in rows.filter(|&(ordinal, _)| is_live(ordinal)) {
                    if let Some(one) = document {
                        each(ordinal, one.clone())?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Checks that passages are where the texts have them.
    pub(super) fn check_passages(
        &self,
        passages: &PassageTable,
        tombstones: Option<&[u8]>,
    ) -> Result<()> {
        if !passages.is_cut() {
            return Ok(());
        }
        self.for_each_live(tombstones, |ordinal, document| {
            passages.check(ordinal, &document.text)
        })
    }
}

/// Whether a tombstone bitmap says that a document is dead.
pub(super) fn is_dead(tombstones: Option<&[u8]>, ordinal: u32) -> bool {
    let byte = tombstones.and_then(|bitmap| bitmap.get(ordinal as usize / 8));
    byte.is_some_and(|byte| byte >> (ordinal % 8) & 1 == 1)
}
