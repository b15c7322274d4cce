//! The documents of an index alone, read around damage to everything else.
//!
//! Texts, titles, tags, fields and ids are all that is opened: no trie, no vectors, no encoder. So
//! an index whose other parts are damaged still gives what was put into it.

use std::cell::OnceCell;
use std::path::Path;

use super::condition::stand_in;
use super::documents_left::is_dead;
use crate::columns::{Csr, SectionSource, Strings};
use crate::docs::salvage::{salvage, salvage_bytes};
use crate::docs::sections::TOMBSTONES;
use crate::docs::{Document, DocumentTable};
use crate::format::{ExtentKind, SegmentEntry};
use crate::store::{Extent, Section, Snapshot, Store};
use crate::trie::sections;
use crate::{Error, Result};

/// The documents of one committed state.
///
/// ```
/// # use zerogr::{Documents, Index, IndexOptions};
/// # use zerogr::Document;
/// # #[cfg(not(feature = "models"))]
/// # fn main() {}
/// # #[cfg(feature = "models")]
/// # fn main() -> zerogr::Result<()> {
/// # if let Err(missing) = zerogr::raw::model::Encoder::from_cache(&Default::default()) {
/// #     eprintln!("skipped: {missing}");
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("a.zgr");
/// # let index = Index::create(&path, IndexOptions::default())?;
/// # let mut writer = index.writer()?;
/// # writer.add(Document::new("doc-1").text("Thin wings may vibrate."))?;
/// # writer.commit()?;
/// let documents = Documents::open(&path)?;
/// assert_eq!(documents.get("doc-1")?.unwrap().text, "Thin wings may vibrate.");
/// let unreadable = documents.for_each(|document| Ok(println!("{}", document.id)))?;
/// assert!(unreadable.is_empty() && documents.damage().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Documents {
    segments: Vec<Segment>,
    damage: Vec<String>,
}

/// A document that cannot be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unreadable {
    /// Its external id, if that can be read.
    pub id: Option<String>,
    /// Why.
    pub error: Error,
}

/// The documents of one segment.
#[derive(Debug)]
struct Segment {
    rows: Rows,
    tombstones: Option<Section>,
    docids: Docids,
}

#[derive(Debug)]
enum Rows {
    Stored(Box<DocumentTable>),
    Salvaged(Vec<Option<Document>>),
}

/// Where the docids of documents are, once they are asked for.
#[derive(Debug)]
struct Docids {
    body: Option<Extent>,
    entry: SegmentEntry,
    opened: OnceCell<Option<(Csr, Strings)>>,
}

impl Documents {
    /// Opens the documents of the index at `path`.
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there; `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the
    /// file is; `PermissionDenied` or `Io` when it cannot be read. Damage to a segment is no error,
    /// see [`Documents::damage`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Store::open(path.as_ref()).map(|store| Documents::of(&store))
    }

    /// [`Documents::open`] through memory maps.
    ///
    /// # Safety
    ///
    /// That of [`Index::open_mmap`](crate::Index::open_mmap).
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there; `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the
    /// file is; `PermissionDenied` or `Io` when it cannot be read. Damage to a segment is no error,
    /// see [`Documents::damage`].
    #[allow(unsafe_code)]
    pub unsafe fn open_mmap(path: impl AsRef<Path>) -> Result<Self> {
        // SAFETY: the caller keeps the contract, which is the store's.
        let store = unsafe { Store::open_mmap(path.as_ref())? };
        Ok(Documents::of(&store))
    }

    fn of(store: &Store) -> Self {
        let stored = store.snapshot();
        let mut damage = store.passed_over();
        let entries = &stored.manifest().segments;
        let open = |entry| Segment::open(&stored, entry, &mut damage);
        Documents {
            segments: entries.iter().map(open).collect(),
            damage,
        }
    }

    /// What is damaged of the documents' own parts, and what that means.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// The document with an external id; `None` when there is none that can be found.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<Document>> {
        let mut found = self.segments.iter().filter_map(|segment| segment.get(id));
        found.next().transpose()
    }

    /// Calls `each` with every live document that can be read, in the order they are stored, until
    /// it fails; returns those that cannot be read.
    ///
    /// # Errors
    ///
    /// What `each` gives.
    pub fn for_each(
        &self,
        mut each: impl FnMut(Document) -> Result<()>,
    ) -> Result<Vec<Unreadable>> {
        let mut unreadable = Vec::new();
        for segment in &self.segments {
            segment.for_each(&mut each, &mut unreadable)?;
        }
        Ok(unreadable)
    }
}

impl Segment {
    fn open(stored: &Snapshot, entry: &SegmentEntry, damage: &mut Vec<String>) -> Self {
        let mut note = |what: &str, error: &Error| {
            damage.push(format!("segment {}: {what}: {}", entry.id, error.finding()));
        };
        let tombstones = entry.tombstones.as_ref().map(|reference| {
            stored
                .extent_of(ExtentKind::Tombstones, reference)
                .and_then(|extent| SectionSource::section(&extent, TOMBSTONES))
        });
        let tombstones = tombstones.transpose().unwrap_or_else(|error| {
            note(
                "deleted documents are shown, for it is not known which",
                &error,
            );
            None
        });
        let read_one_by_one = "its documents are read one by one, and some may be missing";
        let body = stored.extent_of(ExtentKind::Segment, &entry.segment);
        let (rows, body) = match body {
            Ok(body) => match DocumentTable::open(&body, entry.doc_count as usize) {
                Ok(table) => (Rows::Stored(Box::new(table.mending_bits())), Some(body)),
                Err(error) => {
                    note(read_one_by_one, &error);
                    let salvaged = salvage(&body, entry.doc_count, &stand_in(entry));
                    let body = Some(body).filter(|_| salvaged.has_ordinals);
                    (Rows::Salvaged(salvaged.documents), body)
                }
            },
            Err(error) => {
                note(read_one_by_one, &error);
                let bytes = stored.unverified(&entry.segment).unwrap_or_default();
                let salvaged = salvage_bytes(&bytes, &stand_in(entry));
                (Rows::Salvaged(salvaged.documents), None)
            }
        };
        Segment {
            rows,
            // Without ordinals there is no telling whom they mean.
            tombstones: tombstones.filter(|_| body.is_some()),
            docids: Docids {
                body,
                entry: entry.clone(),
                opened: OnceCell::new(),
            },
        }
    }

    fn is_live(&self, ordinal: u32) -> bool {
        !is_dead(self.tombstones.as_deref(), ordinal)
    }

    fn get(&self, id: &str) -> Option<Result<Document>> {
        match &self.rows {
            Rows::Stored(table) => {
                let ordinal = table.find(id).filter(|&ordinal| self.is_live(ordinal))?;
                let document = table.document(ordinal);
                Some(document.map(|document| self.docids.put_into(ordinal, document)))
            }
            Rows::Salvaged(rows) => {
                let mut rows = (0u32..)
                    .zip(rows)
                    .filter(|&(ordinal, _)| self.is_live(ordinal));
                rows.find_map(|(ordinal, row)| {
                    let document = row.as_ref().filter(|document| document.id == id)?;
                    Some(Ok(self.docids.put_into(ordinal, document.clone())))
                })
            }
        }
    }

    fn for_each(
        &self,
        each: &mut impl FnMut(Document) -> Result<()>,
        unreadable: &mut Vec<Unreadable>,
    ) -> Result<()> {
        match &self.rows {
            Rows::Stored(table) => table.try_each(
                |ordinal| self.is_live(ordinal),
                |ordinal, document| match document {
                    Ok(document) => each(self.docids.put_into(ordinal, document)),
                    Err(error) => {
                        let id = Some(table.id(ordinal).to_owned());
                        unreadable.push(Unreadable { id, error });
                        Ok(())
                    }
                },
            ),
            Rows::Salvaged(rows) => {
                let lost = || Unreadable {
                    id: None,
                    error: Error::corrupt(format!(
                        "a document of segment {} is lost",
                        self.docids.entry.id
                    )),
                };
                for (ordinal, row) in (0u32..).zip(rows) {
                    match row {
                        _ if !self.is_live(ordinal) => {}
                        Some(document) => each(self.docids.put_into(ordinal, document.clone()))?,
                        None => unreadable.push(lost()),
                    }
                }
                let found = rows.len();
                let expected = self.docids.entry.doc_count as usize;
                unreadable.extend((found..expected).map(|_| lost()));
                Ok(())
            }
        }
    }
}

impl Docids {
    /// Puts its docids into a document, where they can be read.
    fn put_into(&self, ordinal: u32, mut document: Document) -> Document {
        if let Some((ranks, texts)) = self.opened.get_or_init(|| self.open()) {
            let ranks = ranks.row(ordinal);
            document.docids = ranks.map(|rank| texts.row(rank).to_owned()).collect();
        }
        document
    }

    fn open(&self) -> Option<(Csr, Strings)> {
        let source: &dyn SectionSource = self.body.as_ref()?;
        let (documents, docids) = (self.entry.doc_count as usize, self.entry.docid_count);
        let ranks = source.section(sections::DOCUMENT_DOCIDS).ok()?;
        let ranks = Csr::open(ranks, documents, docids).ok()?;
        let texts = source.section(sections::DOCID_TEXTS).ok()?;
        Some((ranks, Strings::open(texts, docids as usize).ok()?))
    }
}
