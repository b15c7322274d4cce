//! Everything a reader can get from a file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use zerogr::raw::format::{BlobPlace, ExtentRef};
use zerogr::raw::store::{Backend, MemoryBackend, Store};
use zerogr::{Filter, Index, Mode, OpenOptions, Result, SearchOptions};

/// What was read, without what says only where it lies or in which attempt it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub generation: u64,
    pub segments: usize,
    hash: u64,
}

/// Reads all of a file: every section of every extent and, if it is an index, every document,
/// and the answers to some queries.
pub fn observe(image: Vec<u8>) -> Result<Seen> {
    observe_on(Arc::new(MemoryBackend::new(image)))
}

fn observe_on(backend: Arc<dyn Backend>) -> Result<Seen> {
    let store = Store::open_on(backend.clone())?;
    let mut hasher = DefaultHasher::new();
    let seen = observe_store(&store, &mut hasher)?;
    if !store.manifest().params.is_empty() {
        let index = Index::open_on(backend, OpenOptions::new())?;
        observe_index(&index, &mut hasher)?;
    }
    Ok(Seen {
        hash: hasher.finish(),
        ..seen
    })
}

/// Reads every section of every extent.
fn observe_store(store: &Store, hasher: &mut DefaultHasher) -> Result<Seen> {
    let snapshot = store.snapshot();
    let manifest = snapshot.manifest();
    let mut extent = |reference: Option<ExtentRef>| -> Result<()> {
        reference.is_some().hash(hasher);
        let Some(reference) = reference else {
            return Ok(());
        };
        let extent = snapshot.extent(&reference)?;
        extent.kind().hash(hasher);
        for info in extent.sections() {
            (info.kind, info.encoding, info.entry_count).hash(hasher);
            extent.section(info.kind)?.hash(hasher);
        }
        Ok(())
    };
    for entry in &manifest.segments {
        extent(Some(entry.segment))?;
        extent(entry.heads)?;
        extent(entry.tombstones)?;
        extent(entry.pseudo_queries)?;
    }
    for entry in &manifest.blobs {
        if let BlobPlace::Embedded(reference) = entry.place {
            extent(Some(reference))?;
        }
    }
    for entry in &manifest.segments {
        (entry.id, entry.level, entry.doc_count).hash(hasher);
        (entry.dead_count, entry.docid_count).hash(hasher);
    }
    for entry in &manifest.blobs {
        (entry.role, &entry.name, &entry.media_type, entry.sha256).hash(hasher);
    }
    (&manifest.params, &manifest.user_metadata).hash(hasher);
    (manifest.generation, manifest.next_segment_id).hash(hasher);
    Ok(Seen {
        generation: manifest.generation,
        segments: manifest.segments.len(),
        hash: hasher.finish(),
    })
}

/// Reads every document, by listing and by id, and asks a few queries.
pub fn observe_index(index: &Index, hasher: &mut DefaultHasher) -> Result<()> {
    let snapshot = index.snapshot();
    snapshot.document_count().hash(hasher);
    let mut ids = Vec::new();
    snapshot.for_each_document(|document| {
        (&document.id, &document.title, &document.text).hash(hasher);
        (&document.tags, document.fields.len(), document.extra.len()).hash(hasher);
        ids.push(document.id);
        Ok(())
    })?;
    for id in &ids {
        let document = snapshot.document(id)?;
        document.map(|document| document.docids).hash(hasher);
    }
    let dim = snapshot.params().encoder.dim;
    for number in 0..2 {
        // Neither along an axis nor the same for all.
        let query: Vec<f32> = (0..dim)
            .map(|i| ((i * 7 + number * 3) % 11) as f32 / 40.0)
            .collect();
        let mut options = SearchOptions::new()
            .mode(Mode::Generative)
            .k(5)
            .rerank(number == 0);
        if number == 1 {
            options = options.filter(Filter::tag("even"));
        }
        for hit in snapshot.search_vector(&query, &options)?.hits {
            (hit.id, hit.docid, hit.score.to_bits()).hash(hasher);
            for place in hit.passages {
                (place.bytes, place.chars, place.headings).hash(hasher);
            }
        }
    }
    Ok(())
}
