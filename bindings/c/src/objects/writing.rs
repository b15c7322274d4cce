//! A writer, which threads take turns on.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};

use zerogr::{
    CancelToken, CommitReport, Document, Error, JudgedOptions, JudgedQueries, JudgedReport,
    Progress, TrainOptions, Writer,
};

use crate::failure::{Failure, Outcome};
use crate::raw::Listener;
use crate::texts::terminated;

thread_local! {
    /// The writer whose progress the caller is told on this thread, by its address.
    static TOLD: Cell<usize> = const { Cell::new(0) };
}

/// A writer.
pub struct Writing {
    /// `None` while it is given what stops it.
    writer: Mutex<Option<Writer>>,
}

impl Writing {
    pub fn new(writer: Writer) -> Self {
        Writing {
            writer: Mutex::new(Some(writer)),
        }
    }

    /// Does something with the writer when it is this call's turn.
    pub fn with<T>(&self, work: impl FnOnce(&mut Writer) -> Result<T, Error>) -> Outcome<T> {
        let mut writer = self.lock()?;
        match writer.as_mut() {
            Some(writer) => Ok(work(writer)?),
            None => Err(lost()),
        }
    }

    /// The writer is at work on this thread when a function that is told of progress uses it.
    fn lock(&self) -> Outcome<MutexGuard<'_, Option<Writer>>> {
        if TOLD.get() == self.address() {
            return Err(Failure::misuse(
                "this writer is at work, and was used by the function that it tells its progress",
            ));
        }
        self.writer.lock().map_err(|_| lost())
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Adds or replaces a document.
    pub fn add(&self, document: Document) -> Outcome {
        self.with(|writer| writer.add(document))
    }

    /// Commits what waits, and fits the index to it if that is asked for.
    pub fn commit(
        &self,
        train: Option<&TrainOptions>,
        listener: &Listener,
    ) -> Outcome<CommitReport> {
        self.telling(listener, |writer, progress| {
            writer.commit_with(train, progress)
        })
    }

    /// Commits what waits, fits the index to it and learns from judged queries.
    pub fn train_from_judgements(
        &self,
        judged: &JudgedQueries,
        options: &JudgedOptions,
        listener: &Listener,
    ) -> Outcome<JudgedReport> {
        self.telling(listener, |writer, progress| {
            writer.train_from_judgements(judged, options, progress)
        })
    }

    /// Does something that takes long, and tells the caller how far it is.
    fn telling<T>(
        &self,
        listener: &Listener,
        work: impl FnOnce(&mut Writer, &mut dyn FnMut(Progress)) -> Result<T, Error>,
    ) -> Outcome<T> {
        let cancel = CancelToken::new();
        let mut slot = self.lock()?;
        let writer = slot.take().ok_or_else(lost)?;
        let writer = slot.insert(writer.cancel_token(cancel.clone()));
        let done = work(writer, &mut |progress: Progress| {
            let stage = terminated(progress.stage.label().to_owned());
            // Functions of the caller may use another writer meanwhile.
            let outer = TOLD.replace(self.address());
            let goes_on = listener.tell(&stage, progress.done, progress.total);
            TOLD.set(outer);
            if !goes_on {
                cancel.cancel();
            }
        });
        // A switch that was thrown stays so.
        *slot = slot
            .take()
            .map(|writer| writer.cancel_token(CancelToken::new()));
        Ok(done?)
    }
}

fn lost() -> Failure {
    Failure::internal("an earlier call on this writer failed by a mistake in zerogr: close it")
}
