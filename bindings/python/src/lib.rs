//! `zerogr._zerogr`: what the Python package `zerogr` is made of.
//!
//! Problem: Python has one lock around all of its objects, ends work by exceptions that a signal
//! raises, and knows none of the engine's types.
//!
//! ```text
//!   zerogr/__init__.py ─► Index, Writer, Snapshot, SearchResult, Hit      classes
//!                           │ keyword arguments        keywords, options, search_options
//!                           │ dicts                    value
//!                           ▼ without the lock         interruptible
//!                         the engine
//! ```
//!
//! I1. The GIL is released while the engine works.
//! I2. Every error of the engine is an exception of its kind, with its message.
//! I3. No lock of this module is held while the GIL is waited for.

mod answer;
mod error;
mod index;
mod interruptible;
mod judgements;
mod keywords;
mod options;
mod search;
mod search_options;
mod snapshot;
mod value;
mod writer;

use pyo3::prelude::*;

#[pymodule]
mod _zerogr {
    use std::ffi::OsString;
    use std::path::PathBuf;
    use std::process::ExitCode;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::answer::{Hit, Passage, SearchResult, Snippet};
    #[pymodule_export]
    use crate::index::{Index, check};
    #[pymodule_export]
    use crate::snapshot::Snapshot;
    #[pymodule_export]
    use crate::writer::Writer;

    /// Adds a folder to those where ONNX Runtime is looked for.
    #[pyfunction]
    fn look_for_runtime_in(folder: PathBuf) {
        zerogr::Runtime::look_in(folder);
    }

    /// Runs the command line and returns what the process is to end with, which it may decide itself.
    #[pyfunction]
    fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        let status = py.detach(|| zerogr_cli::run(arguments));
        // The number of a status can be asked for in no other way.
        let mut numbers = 0..=u8::MAX;
        numbers
            .find(|&number| ExitCode::from(number) == status)
            .unwrap_or(1)
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
