//! One state of an index.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zerogr::{Index, ListOptions};

use crate::answer::facet_list;
use crate::error::OrRaise;
use crate::keywords::parsed;
use crate::search::search;
use crate::search_options::facet;
use crate::value::document_dict;

/// One committed state of an index: later commits do not change it.
#[pyclass(frozen, module = "zerogr")]
pub struct Snapshot {
    pub index: Index,
    pub snapshot: zerogr::Snapshot,
}

#[pymethods]
impl Snapshot {
    /// Searches this state: see `Index.search`.
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
        search(query, options, self.index.clone(), self.snapshot.clone())
    }

    /// Number of the commit.
    #[getter]
    fn generation(&self) -> u64 {
        self.snapshot.generation()
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.snapshot.document_count()).unwrap_or(usize::MAX)
    }

    fn __contains__(&self, id: &str) -> bool {
        self.snapshot.contains(id)
    }

    fn __repr__(&self) -> String {
        let (path, generation) = (self.index.path(), self.generation());
        format!("<zerogr.Snapshot of {path:?}: generation {generation}>")
    }

    /// The document with an id, as a dict that can be added again, or None.
    pub fn get(&self, py: Python<'_>, id: &str) -> PyResult<Option<Py<PyAny>>> {
        let document = py.detach(|| self.snapshot.document(id)).or_raise(py)?;
        document.map(|one| document_dict(py, &one)).transpose()
    }

    /// Ids of all documents, in the order they are stored.
    pub fn ids(&self) -> Vec<String> {
        self.snapshot.ids().map(str::to_owned).collect()
    }

    /// How many documents pass a filter.
    ///
    /// Args:
    ///     where: The filter; all documents without one.
    #[pyo3(signature = (*, r#where=None))]
    pub fn count(&self, py: Python<'_>, r#where: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
        let mut options = ListOptions::new();
        options.filter = r#where.map(parsed).transpose()?;
        if options.filter.is_none() {
            return Ok(self.__len__());
        }
        let ids = py.detach(|| self.snapshot.list(&options));
        ids.or_raise(py).map(|ids| ids.len())
    }

    /// Values of a field, and how many documents that pass a filter have them.
    ///
    /// Args:
    ///     by: Name of the field, or a pair of it and a list of bounds: ranges are counted then.
    ///     where: The filter; all documents without one.
    ///
    /// Returns:
    ///     A list of pairs of a value and a number.
    #[pyo3(signature = (by, *, r#where=None))]
    pub fn facet(
        &self,
        py: Python<'_>,
        by: &Bound<'_, PyAny>,
        r#where: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<(Py<PyAny>, u64)>> {
        let (_, facet) = facet(by)?;
        let filter = r#where.map(parsed).transpose()?;
        let counts = py.detach(|| self.snapshot.count_matching(&facet, filter.as_ref()));
        facet_list(py, &counts.or_raise(py)?)
    }

    /// Ids of the documents that pass a filter, in the order of a field.
    ///
    /// Args:
    ///     where: The filter; all documents without one.
    ///     sort: Name of the field; without one, as they are stored.
    ///     descending: Largest values first.
    ///     limit: The most that are listed.
    #[pyo3(signature = (*, r#where=None, sort=None, descending=false, limit=None))]
    pub fn list(
        &self,
        py: Python<'_>,
        r#where: Option<&Bound<'_, PyAny>>,
        sort: Option<String>,
        descending: bool,
        limit: Option<usize>,
    ) -> PyResult<Vec<String>> {
        let mut options = ListOptions::new();
        options.filter = r#where.map(parsed).transpose()?;
        options.sort = sort;
        options.is_descending = descending;
        options.limit = limit;
        py.detach(|| self.snapshot.list(&options)).or_raise(py)
    }
}
