//! Searching: one query or many, to objects or to arrays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyString};
use zerogr::{CancelToken, Index, Snapshot};

use crate::answer::{Answer, SearchResult};
use crate::error::OrRaise;
use crate::interruptible;
use crate::search_options::Request;

/// Answers a query, or a list of them, with whatever `given` asks for.
pub fn search<'py>(
    query: &Bound<'py, PyAny>,
    given: Option<&Bound<'py, PyDict>>,
    index: Index,
    snapshot: Snapshot,
) -> PyResult<Bound<'py, PyAny>> {
    let py = query.py();
    let request = Request::new(given)?;
    let searcher = Searcher {
        index,
        snapshot,
        request,
    };
    if let Ok(query) = query.cast::<PyString>() {
        let query = query.to_cow()?;
        let answer = py.detach(|| searcher.answer(&query)).or_raise(py)?;
        if searcher.request.as_numpy {
            return arrays(py, &[answer], true);
        }
        let result = SearchResult(Arc::new(answer));
        return Ok(Bound::new(py, result)?.into_any());
    }
    let queries: Vec<String> = query
        .try_iter()?
        .map(|one| one?.extract())
        .collect::<PyResult<_>>()?;
    let answers = searcher.answers(py, &queries)?;
    if searcher.request.as_numpy {
        return arrays(py, &answers, false);
    }
    let results = answers.into_iter().map(|one| SearchResult(Arc::new(one)));
    results.collect::<Vec<_>>().into_pyobject(py)
}

struct Searcher {
    index: Index,
    snapshot: Snapshot,
    request: Request,
}

impl Searcher {
    fn answer(&self, query: &str) -> zerogr::Result<Answer> {
        let options = &self.request.options;
        let result = self.snapshot.search(query, options)?;
        let facets = self.request.facets.iter();
        let facets = facets.map(|(name, facet)| {
            let counts = self
                .snapshot
                .count_matching(facet, options.filter.as_ref())?;
            Ok((name.clone(), counts))
        });
        Ok(Answer {
            facets: facets.collect::<zerogr::Result<_>>()?,
            index: self.index.clone(),
            query: query.to_owned(),
            prefix: options.prefix,
            result,
        })
    }

    /// Answers queries on all cores. Ctrl-C ends it.
    fn answers(&self, py: Python<'_>, queries: &[String]) -> PyResult<Vec<Answer>> {
        let cancel = CancelToken::new();
        let answers =
            interruptible::run(py, &cancel, None, |_| self.on_all_cores(queries, &cancel))?;
        let answers = answers.into_iter().enumerate();
        answers
            .map(|(number, answer)| answer.or_raise_about(py, || format!("query {number}")))
            .collect()
    }

    /// Answers in the order of the queries, up to the first error.
    fn on_all_cores(
        &self,
        queries: &[String],
        cancel: &CancelToken,
    ) -> Vec<zerogr::Result<Answer>> {
        let next = AtomicUsize::new(0);
        let take = || {
            let mut answers = Vec::new();
            while !cancel.is_cancelled() {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(query) = queries.get(number) else {
                    break;
                };
                let answer = self.answer(query);
                if answer.is_err() {
                    // Earlier queries are taken already.
                    next.fetch_max(queries.len(), Ordering::Relaxed);
                }
                answers.push((number, answer));
            }
            answers
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut answers = thread::scope(|scope| {
            let others: Vec<_> = (1..cores.min(queries.len()))
                .map(|_| scope.spawn(take))
                .collect();
            let mut answers = take();
            for other in others {
                match other.join() {
                    Ok(more) => answers.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            answers
        });
        answers.sort_unstable_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

/// Ids, scores and counts as arrays of numpy, without an object for each hit: `zerogr._arrays` gives
/// the buffers their shapes.
fn arrays<'py>(py: Python<'py>, answers: &[Answer], is_one: bool) -> PyResult<Bound<'py, PyAny>> {
    let hits = || answers.iter().map(|answer| &answer.result.hits);
    let columns = hits().map(Vec::len).max().unwrap_or(0);
    let chars = |id: &str| id.chars().count();
    let width = hits()
        .flatten()
        .map(|hit| chars(&hit.id))
        .max()
        .unwrap_or(0)
        .max(1);
    let (ids, scores, counts) = py.detach(|| {
        let mut ids = vec![0_u8; answers.len() * columns * width * 4];
        let mut scores = Vec::with_capacity(answers.len() * columns * 8);
        let mut counts = Vec::with_capacity(answers.len() * 8);
        let mut places = ids.chunks_exact_mut(width * 4);
        for hits in hits() {
            counts.extend_from_slice(&(hits.len() as i64).to_ne_bytes());
            for number in 0..columns {
                let hit = hits.get(number);
                let score = hit.map_or(f64::NAN, |hit| hit.score);
                scores.extend_from_slice(&score.to_ne_bytes());
                let place = places.next().unwrap_or_default();
                let id = hit.map_or("", |hit| hit.id.as_str());
                for (unit, character) in place.chunks_exact_mut(4).zip(id.chars()) {
                    unit.copy_from_slice(&u32::from(character).to_ne_bytes());
                }
            }
        }
        (ids, scores, counts)
    });
    let buffers = (
        PyByteArray::new(py, &ids),
        PyByteArray::new(py, &scores),
        PyByteArray::new(py, &counts),
    );
    py.import("zerogr._arrays")?
        .call_method1("of_buffers", (buffers, width, columns, is_one))
}
