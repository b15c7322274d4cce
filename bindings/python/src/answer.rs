//! What a search found, as objects.

use std::ops::Range;
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use zerogr::{FacetCounts, Index, MarkKind, SnippetOptions};

use crate::error::OrRaise;
use crate::value::{document_dict, to_python};

/// A search that was answered.
pub struct Answer {
    pub index: Index,
    pub query: String,
    pub prefix: bool,
    pub result: zerogr::SearchResult,
    /// By what the fields are called.
    pub facets: Vec<(String, FacetCounts)>,
}

/// The hits of one query, best first: a sequence of `Hit`.
#[pyclass(frozen, sequence, module = "zerogr")]
pub struct SearchResult(pub Arc<Answer>);

#[pymethods]
impl SearchResult {
    fn __len__(&self) -> usize {
        self.0.result.hits.len()
    }

    fn __getitem__(&self, position: isize) -> PyResult<Hit> {
        let count = self.__len__();
        let number = match position < 0 {
            true => count.checked_sub(position.unsigned_abs()),
            false => Some(position.unsigned_abs()),
        };
        match number.filter(|&number| number < count) {
            Some(number) => Ok(self.hit(number)),
            None => Err(PyIndexError::new_err("there are not so many hits")),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyList::new(py, self.hits())?.call_method0("__iter__")
    }

    fn __repr__(&self) -> String {
        format!("<zerogr.SearchResult: {} hits>", self.__len__())
    }

    /// The hits, as a list.
    #[getter]
    fn hits(&self) -> Vec<Hit> {
        (0..self.__len__()).map(|number| self.hit(number)).collect()
    }

    /// The query.
    #[getter]
    fn query(&self) -> &str {
        &self.0.query
    }

    /// False when the budget ended the search; the hits are the best found until then.
    #[getter]
    fn complete(&self) -> bool {
        self.0.result.complete
    }

    /// Commit that was searched.
    #[getter]
    fn generation(&self) -> u64 {
        self.0.result.snapshot().generation()
    }

    /// For every field of `facets`: values and how many documents that pass the filter have them.
    #[getter]
    fn facets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (name, found) in &self.0.facets {
            counts.set_item(name, facet_list(py, found)?)?;
        }
        Ok(counts)
    }

    /// The documents of the hits, in their order, as dicts.
    fn documents(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let documents = py.detach(|| self.0.result.documents()).or_raise(py)?;
        let dicts = documents.iter().map(|one| document_dict(py, one));
        dicts.collect()
    }
}

impl SearchResult {
    fn hit(&self, number: usize) -> Hit {
        Hit {
            answer: self.0.clone(),
            number,
        }
    }
}

/// Pairs of a value and how many documents have it.
pub fn facet_list(py: Python<'_>, counts: &FacetCounts) -> PyResult<Vec<(Py<PyAny>, u64)>> {
    let pairs = counts.counts.iter();
    pairs
        .map(|count| Ok((to_python(py, &count.value)?, count.documents)))
        .collect()
}

/// A document that was found.
#[pyclass(frozen, module = "zerogr")]
pub struct Hit {
    answer: Arc<Answer>,
    /// Below the number of hits.
    number: usize,
}

impl Hit {
    fn hit(&self) -> PyResult<&zerogr::Hit> {
        let hit = self.answer.result.hits.get(self.number);
        hit.ok_or_else(|| PyIndexError::new_err("there are not so many hits"))
    }
}

#[pymethods]
impl Hit {
    /// Id of the document.
    #[getter]
    fn id(&self) -> PyResult<&str> {
        self.hit().map(|hit| hit.id.as_str())
    }

    /// What hits are ordered by, within one query.
    #[getter]
    fn score(&self) -> PyResult<f64> {
        self.hit().map(|hit| hit.score)
    }

    /// How alike query and document are, comparable between queries; None where nothing tells.
    #[getter]
    fn similarity(&self) -> PyResult<Option<f32>> {
        self.hit().map(|hit| hit.similarity)
    }

    /// What the decoder ranked by.
    #[getter]
    fn drawn_score(&self) -> PyResult<f64> {
        self.hit().map(|hit| hit.drawn_score)
    }

    /// Log of the probability of the document's docids, given the query.
    #[getter]
    fn log_prob(&self) -> PyResult<f64> {
        self.hit().map(|hit| hit.log_prob)
    }

    /// BM25 of the document; 0 in modes without words.
    #[getter]
    fn bm25(&self) -> PyResult<f64> {
        self.hit().map(|hit| hit.prior)
    }

    /// The most probable docid.
    #[getter]
    fn docid(&self) -> PyResult<&str> {
        self.hit().map(|hit| hit.docid.as_str())
    }

    /// Where in the document, best first; empty where it is one passage.
    #[getter]
    fn passages(&self) -> PyResult<Vec<Passage>> {
        let passages = &self.hit()?.passages;
        let passages = passages.iter().map(|passage| Passage {
            start: passage.chars.start,
            end: passage.chars.end,
            headings: passage.headings.clone(),
            score: passage.score,
            docid: passage.docid.clone(),
        });
        Ok(passages.collect())
    }

    /// Why it was found, as a dict, if `explain` was asked for. A decision has its token in words as
    /// `text`, which is None where the docid ends.
    #[getter]
    fn explanation(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some(explanation) = &self.hit()?.explanation else {
            return Ok(None);
        };
        let text = |token| self.answer.index.token_text(token);
        let texts = py.detach(|| {
            let decisions = explanation.decisions.iter();
            let texts = decisions.map(|decision| decision.token.map_or(Ok(None), text));
            texts.collect::<zerogr::Result<Vec<_>>>()
        });
        let shown = to_python(py, explanation)?;
        let decisions = shown.bind(py).get_item("decisions")?;
        for (decision, text) in decisions.try_iter()?.zip(texts.or_raise(py)?) {
            decision?.set_item("text", text)?;
        }
        Ok(Some(shown))
    }

    /// The document, as a dict.
    fn document(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let hits = std::slice::from_ref(self.hit()?);
        let snapshot = self.answer.result.snapshot();
        let documents = py.detach(|| snapshot.documents(hits)).or_raise(py)?;
        match documents.first() {
            Some(document) => document_dict(py, document),
            None => Ok(py.None()),
        }
    }

    /// The part of the document that answers the query best.
    ///
    /// Args:
    ///     max_chars: Its length at most, in characters.
    ///     semantic: Also mark what is close to the query in meaning; the encoder reads the document
    ///         for it.
    #[pyo3(signature = (*, max_chars=None, semantic=false))]
    fn snippet(
        &self,
        py: Python<'_>,
        max_chars: Option<usize>,
        semantic: bool,
    ) -> PyResult<Snippet> {
        let mut options = SnippetOptions::new()
            .prefix(self.answer.prefix)
            .semantic(semantic);
        options.max_chars = max_chars.unwrap_or(options.max_chars);
        let (hit, snapshot) = (self.hit()?, self.answer.result.snapshot());
        let snippet = py.detach(|| snapshot.snippet(hit, &self.answer.query, &options));
        snippet.or_raise(py).map(|snippet| Snippet::new(&snippet))
    }

    fn __repr__(&self) -> PyResult<String> {
        let hit = self.hit()?;
        Ok(format!(
            "<zerogr.Hit {:?}: {:.3} [{}]>",
            hit.id, hit.score, hit.docid
        ))
    }
}

/// A place in a document.
#[pyclass(frozen, get_all, module = "zerogr")]
pub struct Passage {
    /// Where it begins in the text, in characters.
    start: usize,
    /// Where it ends in the text, in characters.
    end: usize,
    /// The headings above it, outermost first.
    headings: Vec<String>,
    /// What the passages of a document are ordered by.
    score: f64,
    /// Its docid.
    docid: String,
}

/// A part of a document's text, with what to mark in it.
#[pyclass(frozen, get_all, module = "zerogr")]
pub struct Snippet {
    /// The part.
    text: String,
    /// Where it begins in the document's text, in characters.
    start: usize,
    /// Where it ends in the document's text, in characters.
    end: usize,
    /// Start and end in `text`, in characters, and `"word"` or `"meaning"`.
    marks: Vec<(usize, usize, &'static str)>,
    /// The part as HTML: escaped, with marks in `<mark>`.
    html: String,
}

impl Snippet {
    fn new(snippet: &zerogr::Snippet) -> Snippet {
        let Range { start, end } = snippet.chars;
        let marks = snippet.marks.iter().map(|mark| {
            let kind = match mark.kind {
                MarkKind::Word => "word",
                _ => "meaning",
            };
            (mark.chars.start, mark.chars.end, kind)
        });
        Snippet {
            html: snippet.to_html(),
            text: snippet.text.clone(),
            start,
            end,
            marks: marks.collect(),
        }
    }
}
