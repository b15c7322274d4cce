//! Calls of the tokenizer library, which may panic on what a file makes of it.

use std::panic::{self, AssertUnwindSafe};

use crate::{Error, ErrorKind, Result};

/// What `work` gives; an error of the tokenizer, or its panic, is one of the model.
pub(super) fn guarded<T>(action: &str, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(source)) => {
            let message = format!("{action}: {source}; use the tokenizer.json of the model");
            Err(Error::with_source(ErrorKind::Model, message, source))
        }
        Err(_) => {
            let message = format!(
                "{action}: the tokenizer contradicts itself; use the tokenizer.json of the model"
            );
            Err(Error::new(ErrorKind::Model, message))
        }
    }
}
