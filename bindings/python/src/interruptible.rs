//! Long work that Ctrl-C ends.
//!
//! Problem: Python runs handlers of signals only where its own code runs in the main thread, and the
//! engine works for minutes without.
//!
//! ```text
//!   caller's thread                        worker
//!   waits, without the GIL  ◄── progress ──  the engine
//!   every 50 ms, with it: signals, callback
//!   an exception? ──────── cancel ────────►  ends at the next document
//!   raises it            ◄─────────────────  result
//! ```
//!
//! I1. The callback runs in the thread of the caller, and sees the last progress of every stage.
//! I2. The worker has ended when the call returns.

use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use zerogr::{CancelToken, Progress};

/// How long an exception may wait for its turn.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Does `work`, which `cancel` has to stop, and meanwhile tells `callback` how far it is.
pub fn run<T: Send>(
    py: Python<'_>,
    cancel: &CancelToken,
    callback: Option<Py<PyAny>>,
    work: impl FnOnce(&mut dyn FnMut(Progress)) -> T + Send,
) -> PyResult<T> {
    let news = News::default();
    let (result, raised) = py.detach(|| {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let _end = End(&news);
                work(&mut |progress| news.add(progress))
            });
            let mut raised = None;
            loop {
                let (progress, is_end) = news.wait();
                if raised.is_none()
                    && let Err(exception) = Python::attach(|py| tell(py, &callback, &progress))
                {
                    cancel.cancel();
                    raised = Some(exception);
                }
                if is_end {
                    break (worker.join(), raised);
                }
            }
        })
    });
    match (result, raised) {
        (Err(panic), _) => resume_unwind(panic),
        (Ok(_), Some(exception)) => Err(exception),
        (Ok(result), None) => Ok(result),
    }
}

fn tell(py: Python<'_>, callback: &Option<Py<PyAny>>, progress: &[Progress]) -> PyResult<()> {
    py.check_signals()?;
    let Some(callback) = callback else {
        return Ok(());
    };
    for one in progress {
        callback.call1(py, (one.stage.label(), one.done, one.total))?;
    }
    Ok(())
}

#[derive(Default)]
struct News {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What was not told yet, one of each stage in a row.
    progress: Vec<Progress>,
    is_end: bool,
}

impl News {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, progress: Progress) {
        let mut state = self.state();
        match state.progress.last_mut() {
            Some(last) if last.stage == progress.stage => *last = progress,
            _ => state.progress.push(progress),
        }
    }

    /// What came until the work ended, or for a while.
    fn wait(&self) -> (Vec<Progress>, bool) {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), LOOK_EVERY, |state| !state.is_end);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut state.progress), state.is_end)
    }
}

/// Says that the work has ended, by a panic too.
struct End<'a>(&'a News);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state().is_end = true;
        self.0.changed.notify_one();
    }
}
