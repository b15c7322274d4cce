//! What an index learns from those who use it.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use zerogr::{JudgedOptions, JudgedQueries};

use super::options::train_options;
use crate::objects::{Opened, Writing};
use crate::raw::{self, Listener};
use crate::types::{zgr_index, zgr_progress, zgr_train_options, zgr_writer};
use crate::{door, handles, texts};

/// Trains as `zgr_writer_train` does, and learns from judged queries what makes searches better on queries
/// that are held out; what earlier judgements taught is replaced. `path` is a folder with a collection (BEIR,
/// TREC, MAIR), of which `split` is taken (null: `train`), a file of judgements with `queries.jsonl` in its
/// folder or the one above, or a file of clicks: lines of a query, an id and perhaps a weight. `options`,
/// `progress` and `context` may be null.
///
/// `ZGR_NOT_FOUND` where a file is missing; `ZGR_INVALID_INPUT` with file and line for what cannot be read,
/// where no judged document is in the index, and for an index without an encoder; those of
/// `zgr_writer_train`. What judgements taught before is then in the file still. `*report` is for `zgr_free`: a
/// JSON object with what was tried, what it was worth, and what was kept; `report` may be null.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_train_from_judgements(
    writer: *mut zgr_writer,
    path: *const c_char,
    path_len: usize,
    split: *const c_char,
    split_len: usize,
    options: *const zgr_train_options,
    progress: zgr_progress,
    context: *mut c_void,
    report: *mut *mut c_char,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (report, path, split, options, listener) = unsafe {
            (
                raw::optional_out(report, ptr::null_mut()),
                raw::path(path, path_len, "path")?,
                raw::optional_text(split, split_len, "split")?,
                train_options(&raw::read(options)?)?,
                Listener::new(progress, context),
            )
        };
        let writer = handles::find::<Writing>(writer.addr())?;
        let judged = JudgedQueries::read(path, split.unwrap_or("train"))?;
        let options = JudgedOptions::new().train(options);
        let done = writer.train_from_judgements(&judged, &options, &listener)?;
        report.set_if_wanted(|| Ok(texts::give(serde_json::to_string(&done)?)))
    })
}

/// Takes back what judgements taught, in a commit of its own; without it nothing happens.
///
/// The codes of `zgr_writer_commit`. `*report` is for `zgr_free`, as that of `zgr_writer_commit`; `report` may
/// be null.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_forget_judgements(
    writer: *mut zgr_writer,
    report: *mut *mut c_char,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let report = unsafe { raw::optional_out(report, ptr::null_mut()) };
        let writer = handles::find::<Writing>(writer.addr())?;
        let done = writer.with(|writer| writer.forget_judgements())?;
        report.set_if_wanted(|| Ok(texts::give(serde_json::to_string(&done)?)))
    })
}

/// Searches the words of the queries that a language model wrote for the documents (`zerogr generate
/// queries`) beside those of the documents themselves, with this weight; 0: no more. It is kept in the index.
///
/// `ZGR_INVALID_INPUT` for a weight that is negative or no number; `ZGR_LOCKED` while there is a writer;
/// `ZGR_READ_ONLY`, `ZGR_CORRUPT`, `ZGR_DISK_FULL`, `ZGR_IO` and the like, after which everything is as it was.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_set_expansion_weight(index: *mut zgr_index, weight: f64) -> c_int {
    door::enter(index.addr(), || {
        handles::find::<Opened>(index.addr())?.set_expansion_weight(weight)
    })
}
