//! Writing.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use zerogr::{CancelToken, Progress};

use crate::error::{OrRaise, invalid};
use crate::judgements::judged_queries;
use crate::value::{document, to_python};
use crate::{interruptible, options};

/// Documents that are taken from an iterable before the engine has them.
const BLOCK_DOCUMENTS: usize = 512;

/// Changes an index. There is one at a time.
///
/// Used as a context manager it commits at the end, or forgets what was not committed if there is an
/// exception; either way it lets the next one write.
#[pyclass(frozen, module = "zerogr")]
pub struct Writer {
    seat: Mutex<Seat>,
    vacated: Condvar,
}

/// Where the engine's writer is. Threads take turns.
enum Seat {
    Free(Box<zerogr::Writer>),
    Taken(ThreadId),
    Closed,
}

impl Writer {
    pub fn new(writer: zerogr::Writer) -> Writer {
        Writer {
            seat: Mutex::new(Seat::Free(Box::new(writer))),
            vacated: Condvar::new(),
        }
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        matches!(*self.seat(), Seat::Closed)
    }

    /// Takes the writer, once other threads are done.
    fn take(&self, py: Python<'_>) -> PyResult<zerogr::Writer> {
        let me = thread::current().id();
        let is_other = |seat: &mut Seat| matches!(seat, Seat::Taken(thread) if *thread != me);
        let seat = py.detach(|| {
            let waited = self.vacated.wait_while(self.seat(), is_other);
            let mut seat = waited.unwrap_or_else(PoisonError::into_inner);
            match &*seat {
                Seat::Closed => Seat::Closed,
                _ => std::mem::replace(&mut *seat, Seat::Taken(me)),
            }
        });
        match seat {
            Seat::Free(writer) => Ok(*writer),
            Seat::Taken(_) => Err(PyRuntimeError::new_err(
                "the writer is at work: its progress callback cannot use it",
            )),
            Seat::Closed => Err(invalid(py, "the writer is closed")),
        }
    }

    /// Has the writer for a while; it is closed where `work` does not give it back.
    fn turn<T>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(zerogr::Writer) -> (Option<zerogr::Writer>, T),
    ) -> PyResult<T> {
        let writer = self.take(py)?;
        let mut turn = Turn {
            of: self,
            after: Seat::Closed,
        };
        let (writer, result) = work(writer);
        if let Some(writer) = writer {
            turn.after = Seat::Free(Box::new(writer));
        }
        Ok(result)
    }

    /// Does what takes no time.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut zerogr::Writer) -> zerogr::Result<T> + Send,
    ) -> PyResult<T> {
        let result = self.turn(py, |mut writer| {
            let result = py.detach(|| work(&mut writer));
            (Some(writer), result)
        });
        result?.or_raise(py)
    }

    /// Does what may take long and can be stopped.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        callback: Option<Py<PyAny>>,
        work: impl FnOnce(&mut zerogr::Writer, &mut dyn FnMut(Progress)) -> zerogr::Result<T> + Send,
    ) -> PyResult<T> {
        let cancel = CancelToken::new();
        let result = self.turn(py, |writer| {
            let mut writer = writer.cancel_token(cancel.clone());
            let work = |progress: &mut dyn FnMut(Progress)| work(&mut writer, progress);
            let result = interruptible::run(py, &cancel, callback, work);
            (Some(writer), result)
        });
        result??.or_raise(py)
    }
}

/// Leaves the seat at the end, after a panic too.
struct Turn<'a> {
    of: &'a Writer,
    after: Seat,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.of.seat() = std::mem::replace(&mut self.after, Seat::Closed);
        self.of.vacated.notify_all();
    }
}

#[pymethods]
impl Writer {
    /// Adds documents; one with the id of another takes its place.
    ///
    /// Args:
    ///     documents: A dict, an iterable of dicts, a DataFrame of pandas, a Table or RecordBatch of
    ///         pyarrow. A generator is read a block at a time. A document has an `id` (or `_id`),
    ///         `title`, `text`, `tags`, `docid` if it brings docids, and `metadata`: a dict of fields
    ///         to filter, count and sort by. What else it has is kept with it.
    ///     fields: Names of keys or columns that become fields.
    ///
    /// Returns:
    ///     How many were added.
    #[pyo3(signature = (documents, *, fields=None))]
    fn add(
        &self,
        documents: &Bound<'_, PyAny>,
        fields: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let py = documents.py();
        let rows = py
            .import("zerogr._rows")?
            .call_method1("rows", (documents, fields))?;
        let mut rows = rows.try_iter()?.enumerate().peekable();
        let mut added = 0;
        while rows.peek().is_some() {
            py.check_signals()?;
            let block = rows.by_ref().take(BLOCK_DOCUMENTS);
            let block = block.map(|(number, row)| document(&row?, || format!("document {number}")));
            let block = block.collect::<PyResult<Vec<_>>>()?;
            let count = block.len();
            self.with(py, |writer| {
                block.into_iter().try_for_each(|one| writer.add(one))
            })?;
            added += count;
        }
        Ok(added)
    }

    /// Deletes documents.
    ///
    /// Args:
    ///     ids: An id, or an iterable of them.
    ///
    /// Returns:
    ///     How many there were.
    fn delete(&self, ids: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = ids.py();
        let ids: Vec<String> = match ids.cast::<PyString>() {
            Ok(id) => vec![id.to_cow()?.into_owned()],
            Err(_) => ids
                .try_iter()?
                .map(|id| id?.extract())
                .collect::<PyResult<_>>()?,
        };
        self.with(py, |writer| {
            let mut deleted = 0;
            for id in &ids {
                deleted += usize::from(writer.delete(id)?);
            }
            Ok(deleted)
        })
    }

    /// Makes everything since the last commit durable, in one step.
    ///
    /// Ctrl-C ends it: nothing is committed then, and what was added is still pending.
    ///
    /// Args:
    ///     progress: Called with a stage in words, how much is done, and how much there is.
    ///
    /// Returns:
    ///     What the commit did, as a dict.
    #[pyo3(signature = (*, progress=None))]
    fn commit(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let report = self.run(py, progress, |writer, tell| writer.commit_with(None, tell))?;
        to_python(py, &report)
    }

    /// Commits, and fits the heads to the documents: to all the first time, later to new ones.
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
    pub fn train(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let options = options::train(options)?;
        let report = self.run(py, progress, |writer, tell| writer.train(&options, tell))?;
        to_python(py, &report)
    }

    /// Commits and trains, and then learns what makes searches better from what is known of queries: which
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
    pub fn train_from_judgements(
        &self,
        py: Python<'_>,
        judgements: &Bound<'_, PyAny>,
        split: &str,
        progress: Option<Py<PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let options = options::judged(options)?;
        let judged = judged_queries(judgements, split)?;
        let report = self.run(py, progress, |writer, tell| {
            writer.train_from_judgements(&judged, &options, tell)
        })?;
        to_python(py, &report)
    }

    /// Takes back what judgements taught. What is pending stays pending.
    pub fn forget_judgements(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let report = self.run(py, None, |writer, _| writer.forget_judgements())?;
        to_python(py, &report)
    }

    /// Commits, and merges all segments into one.
    pub fn merge(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let report = self.run(py, None, |writer, _| writer.merge())?;
        to_python(py, &report)
    }

    /// Gives the space of what was deleted, replaced and merged back.
    ///
    /// Returns:
    ///     Bytes before and after.
    pub fn vacuum(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        let report = self.run(py, None, |writer, _| writer.vacuum())?;
        Ok((report.before_bytes, report.after_bytes))
    }

    /// Forgets everything since the last commit.
    fn rollback(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |writer| {
            writer.rollback();
            Ok(())
        })
    }

    /// Lets the next one write. What was not committed is forgotten.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.is_closed() {
            true => Ok(()),
            false => self.turn(py, |_| (None, ())),
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        exception: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let committed = match exception.is_none() && !self.is_closed() {
            true => self.commit(py, None).map(drop),
            false => Ok(()),
        };
        self.close(py)?;
        committed
    }
}
