//! An index.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use zerogr::{VerifyLevel, WriteOptions};

use crate::error::{OrRaise, invalid};
use crate::keywords::one_of;
use crate::options::{self, Open};
use crate::search::search;
use crate::snapshot::Snapshot;
use crate::value::to_python;
use crate::writer::Writer;

const LEVELS: [(&str, VerifyLevel); 3] = [
    ("headers", VerifyLevel::Headers),
    ("structure", VerifyLevel::Structure),
    ("full", VerifyLevel::Full),
];

/// An index file, open. Any number of threads may use it.
///
/// As a context manager it is closed at the end.
#[pyclass(frozen, module = "zerogr")]
pub struct Index {
    /// `None` once it is closed.
    index: RwLock<Option<zerogr::Index>>,
    /// How it is written where nothing else is said.
    write_options: WriteOptions,
}

impl Index {
    fn new(index: zerogr::Index, write_options: WriteOptions) -> Index {
        Index {
            index: RwLock::new(Some(index)),
            write_options,
        }
    }

    fn index(&self, py: Python<'_>) -> PyResult<zerogr::Index> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index
            .clone()
            .ok_or_else(|| invalid(py, "the index is closed"))
    }

    /// Does something with the index, without the GIL.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&zerogr::Index) -> zerogr::Result<T> + Send,
    ) -> PyResult<T> {
        let index = self.index(py)?;
        py.detach(|| work(&index)).or_raise(py)
    }
}

#[pymethods]
impl Index {
    /// Makes an index where nothing is yet.
    ///
    /// Args:
    ///     path: The file.
    ///     encoder: `"default"`, the one that `zerogr.setup()` installs; `"static"`, a table of token
    ///         vectors; a folder; or None, for an index that is searched by words alone.
    ///     fields: Types of fields: `{"year": "integer"}`. Others get that of their first value.
    ///     docids: `"keywords"` or `"title"`.
    ///     docids_per_document, docid_words: Of keywords.
    ///     passages: Whether long documents are cut into passages.
    ///     max_passage_tokens: Tokens of a passage that are encoded.
    ///     token_vectors: Whether vectors of tokens are kept, by which searches rerank.
    ///     stemming, stop_words: Rules of words.
    ///     embed_encoder: Whether the encoder is kept in the file.
    ///     language_model: Folder of a language model that answers queries.
    ///     seed: Makes equal input give equal bytes.
    ///     device: `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`.
    ///     threads: Of the encoder; 0 means one per core.
    #[staticmethod]
    #[pyo3(
        signature = (path, **options),
        text_signature = "(path, *, encoder=\"default\", fields={}, docids=\"keywords\", \
                          docids_per_document=3, docid_words=7, passages=True, \
                          max_passage_tokens=256, token_vectors=True, stemming=True, stop_words=True, \
                          embed_encoder=True, language_model=None, seed=None, device=\"auto\", \
                          threads=0)"
    )]
    fn create(
        py: Python<'_>,
        path: PathBuf,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Index> {
        let options = options::create(options)?;
        let index = py.detach(|| zerogr::Index::create(path, options));
        let index = index.or_raise(py)?;
        Ok(Index::new(index, WriteOptions::new()))
    }

    /// Opens an index.
    ///
    /// Args:
    ///     path: The file.
    ///     mmap: Map the file instead of reading it. Processes share its memory then, and no other
    ///         program may cut it or write into it in place.
    ///     trust_model: Run the models that the index brings although this machine does not know them.
    ///     language_model: Where the language model is, if it was moved.
    ///     wait: Seconds that writers wait for another one.
    ///     lock: False where the file system has no locks, and nobody else writes.
    ///     durability: `"full"` or `"ordered"`.
    ///     device: `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`.
    ///     threads: Of the encoder; 0 means one per core.
    #[staticmethod]
    #[pyo3(
        signature = (path, **options),
        text_signature = "(path, *, mmap=False, trust_model=False, language_model=None, wait=0, \
                          lock=True, durability=\"full\", device=\"auto\", threads=0)"
    )]
    #[allow(unsafe_code)]
    fn open(py: Python<'_>, path: PathBuf, options: Option<&Bound<'_, PyDict>>) -> PyResult<Index> {
        let Open { options, mmap } = Open::new(options)?;
        let write_options = options.write_options.clone();
        let index = py.detach(|| match mmap {
            false => zerogr::Index::open_with(path, options),
            // SAFETY: who asks for a map is told above what nobody may do then.
            true => unsafe { zerogr::Index::open_mmap(path, options) },
        });
        Ok(Index::new(index.or_raise(py)?, write_options))
    }

    /// The best documents for a query, or for each of several.
    ///
    /// Args:
    ///     query: A text, or a list of texts, which are answered on all cores.
    ///     k: Hits wanted.
    ///     mode: `"planned"`, `"generative"`, `"lexical"`, `"dense"` or `"fusion"`.
    ///     where: Only documents whose fields are so: `"year >= 2020 and lang in ('en', 'de')"`.
    ///     facets: Fields to count the documents by that pass: `["lang", ("year", [2000, 2010])]`.
    ///     instruction: The task in words.
    ///     min_similarity: Leave out hits that are less alike the query, -1 to 1.
    ///     rerank: Whether what was drawn is put in another order.
    ///     explain: Whether hits say why they were found.
    ///     prefix: Whether the last word may be the beginning of a longer one.
    ///     passages: Places in a long document that a hit tells at most.
    ///     draws, planner, prior_share, token_share: How documents are drawn and scored.
    ///     retriever: `"compact"` or `"lm"`.
    ///     budget_ms, budget_nodes: What the query may cost.
    ///     as_numpy: Arrays instead of objects.
    ///
    /// Returns:
    ///     A `SearchResult`, or a list of them; with `as_numpy` one `Arrays`.
    #[pyo3(
        signature = (query, **options),
        text_signature = "($self, query, *, k=10, mode=\"planned\", where=None, facets=None, \
                          instruction=None, min_similarity=None, rerank=None, explain=False, \
                          prefix=False, passages=3, draws=None, planner=None, prior_share=None, \
                          token_share=None, retriever=\"compact\", budget_ms=None, budget_nodes=None, \
                          as_numpy=False)"
    )]
    fn search<'py>(
        &self,
        query: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let index = self.index(query.py())?;
        let snapshot = index.snapshot();
        search(query, options, index, snapshot)
    }

    /// The newest state this handle knows.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let index = self.index(py)?;
        Ok(Snapshot {
            snapshot: index.snapshot(),
            index,
        })
    }

    /// Looks for commits of other processes. True when there is a newer state.
    fn refresh(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, zerogr::Index::refresh)
    }

    /// Starts writing.
    ///
    /// Args:
    ///     wait: Seconds to wait for another writer.
    ///     lock: False where the file system has no locks, and nobody else writes.
    ///     durability: `"full"` or `"ordered"`.
    #[pyo3(
        signature = (**options),
        text_signature = "($self, *, wait=0, lock=True, durability=\"full\")"
    )]
    fn writer(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Writer> {
        let options = options::write(self.write_options.clone(), options)?;
        let writer = self.with(py, |index| index.writer_with(&options))?;
        Ok(Writer::new(writer))
    }

    /// Fits the heads to the documents: to all the first time, later to new ones.
    ///
    /// Ctrl-C ends it, and the index is as it was.
    ///
    /// Args:
    ///     progress: Called with a stage in words, how much is done, and how much there is.
    ///     seed: Of all that is random.
    ///     epochs: How often each pseudo-query is seen.
    ///     max_examples: Examples after which fitting ends in any case.
    ///     full: Fit everything anew.
    #[pyo3(
        signature = (*, progress=None, **options),
        text_signature = "($self, *, progress=None, seed=0, epochs=3, max_examples=200000, full=False)"
    )]
    fn train(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        self.writer(py, None)?.train(py, progress, options)
    }

    /// Trains, and then learns what makes searches better from what is known of queries: which
    /// documents answer them. Only what makes held-out queries better is kept; what earlier ones taught
    /// is replaced.
    ///
    /// Args:
    ///     judgements: A folder or a file, as for `zerogr train --judgements`, or tuples of a query, the
    ///         id of a document and, if it is not 1, a weight: clicks, say. At 0 the document does not
    ///         answer the query.
    ///     split: Of a folder, which of its judgements.
    ///     progress: Called with a stage in words, how much is done, and how much there is.
    ///     folds: Parts of the queries, each of which is measured by what the others teach.
    ///     max_queries: Most queries that are looked at.
    ///     seed, epochs, max_examples, full: As for `train`.
    ///
    /// Returns:
    ///     What was tried and kept, as a dict.
    #[pyo3(
        signature = (judgements, *, split="train", progress=None, **options),
        text_signature = "($self, judgements, *, split='train', progress=None, folds=5, max_queries=5000, seed=0, epochs=3, max_examples=200000, full=False)"
    )]
    fn train_from_judgements(
        &self,
        py: Python<'_>,
        judgements: &Bound<'_, PyAny>,
        split: &str,
        progress: Option<Py<PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        self.writer(py, None)?
            .train_from_judgements(py, judgements, split, progress, options)
    }

    /// Takes back what judgements taught.
    fn forget_judgements(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.writer(py, None)?.forget_judgements(py)
    }

    /// Has the words of the queries that a language model wrote for the documents (`zerogr generate
    /// queries`) searched beside those of their texts.
    ///
    /// Args:
    ///     weight: What they count beside those of the texts; 0, as in a new index, for nothing.
    fn set_expansion_weight(&self, py: Python<'_>, weight: f64) -> PyResult<()> {
        self.with(py, |index| index.set_expansion_weight(weight))
    }

    /// Merges all segments into one.
    fn merge(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.writer(py, None)?.merge(py)
    }

    /// Gives the space of what was deleted, replaced and merged back.
    ///
    /// Returns:
    ///     Bytes before and after.
    fn vacuum(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        self.writer(py, None)?.vacuum(py)
    }

    /// Copies the newest state to a new file; others may write meanwhile.
    ///
    /// Args:
    ///     path: The new file.
    ///     vacuum: Leave what was deleted out of it.
    #[pyo3(signature = (path, *, vacuum=false))]
    fn backup(&self, py: Python<'_>, path: PathBuf, vacuum: bool) -> PyResult<()> {
        self.with(py, |index| match vacuum {
            true => index.vacuum_into(path),
            false => index.backup(path),
        })
    }

    /// What the index holds, as a dict.
    fn info(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let info = self.with(py, |index| {
            let (snapshot, stored) = (index.snapshot(), index.stored());
            let space = stored.space()?;
            Ok(json!({
                "path": index.path().to_string_lossy(),
                "generation": snapshot.generation(),
                "documents": snapshot.document_count(),
                "passages": snapshot.passage_count(),
                "segments": stored.manifest().segments.len(),
                "file_bytes": space.file_bytes,
                "dead_bytes": space.dead_bytes,
                "parameters": snapshot.params(),
            }))
        })?;
        to_python(py, &info)
    }

    /// Verifies the file: see `zerogr.check`.
    #[pyo3(signature = (*, level=None))]
    fn check(&self, py: Python<'_>, level: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        check(py, self.index(py)?.path().to_owned(), level)
    }

    /// Where the file is.
    #[getter]
    fn path(&self, py: Python<'_>) -> PyResult<PathBuf> {
        Ok(self.index(py)?.path().to_owned())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let count = self.index(py)?.snapshot().document_count();
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn __contains__(&self, py: Python<'_>, id: &str) -> PyResult<bool> {
        Ok(self.index(py)?.snapshot().contains(id))
    }

    /// The document with an id, as a dict that can be added again, or None.
    fn get(&self, py: Python<'_>, id: &str) -> PyResult<Option<Py<PyAny>>> {
        self.snapshot(py)?.get(py, id)
    }

    /// Ids of all documents, in the order they are stored.
    fn ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.snapshot(py)?.ids())
    }

    /// How many documents pass a filter: see `Snapshot.count`.
    #[pyo3(signature = (*, r#where=None))]
    fn count(&self, py: Python<'_>, r#where: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
        self.snapshot(py)?.count(py, r#where)
    }

    /// Values of a field, and how many documents have them: see `Snapshot.facet`.
    #[pyo3(signature = (by, *, r#where=None))]
    fn facet(
        &self,
        py: Python<'_>,
        by: &Bound<'_, PyAny>,
        r#where: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<(Py<PyAny>, u64)>> {
        self.snapshot(py)?.facet(py, by, r#where)
    }

    /// Ids of the documents that pass a filter, in the order of a field: see `Snapshot.list`.
    #[pyo3(signature = (*, r#where=None, sort=None, descending=false, limit=None))]
    fn list(
        &self,
        py: Python<'_>,
        r#where: Option<&Bound<'_, PyAny>>,
        sort: Option<String>,
        descending: bool,
        limit: Option<usize>,
    ) -> PyResult<Vec<String>> {
        self.snapshot(py)?
            .list(py, r#where, sort, descending, limit)
    }

    /// Lets go of the file. What was taken of the index stays usable.
    fn close(&self) {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        _exception: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.close();
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.index(py) {
            Ok(index) => format!("<zerogr.Index {:?}>", index.path()),
            Err(_) => "<zerogr.Index, closed>".to_owned(),
        }
    }
}

/// Verifies an index file.
///
/// Args:
///     path: The file.
///     level: `"headers"`, `"structure"` or `"full"`.
///
/// Returns:
///     What was found, as a dict; `is_ok` says whether that is nothing.
#[pyfunction]
#[pyo3(signature = (path, *, level=None), text_signature = "(path, *, level='full')")]
pub fn check(
    py: Python<'_>,
    path: PathBuf,
    level: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let level = level.map_or(Ok(VerifyLevel::Full), |level| one_of(level, &LEVELS))?;
    let report = py.detach(|| zerogr::check(&path, level)).or_raise(py)?;
    let found = to_python(py, &report)?;
    found.bind(py).set_item("is_ok", report.is_ok())?;
    Ok(found)
}
