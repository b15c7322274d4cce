//! Of a writer.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use zerogr::Document;

use super::options::{self, train_options};
use crate::objects::Writing;
use crate::raw::{self, Listener};
use crate::types::{zgr_document, zgr_progress, zgr_train_options, zgr_writer};
use crate::{door, handles, texts};

/// Adds a document, or replaces the one with the same id, with the next commit. What it leads to is copied.
///
/// `ZGR_INVALID_INPUT` for an empty id, a text that is not UTF-8, or a field that has another type than
/// before; `ZGR_LIMIT`. Nothing is added then.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_add(
    writer: *mut zgr_writer,
    document: *const zgr_document,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let document = unsafe { options::document(document)? };
        handles::find::<Writing>(writer.addr())?.add(document)
    })
}

/// Adds a document that is a line of JSON: `{"_id": "a", "title": "...", "text": "...", "tags": ["new"],
/// "metadata": {"year": 1957}}`. As `zgr_writer_add`.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_add_json(
    writer: *mut zgr_writer,
    json: *const c_char,
    json_len: usize,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let json = unsafe { raw::text(json, json_len, "json")? };
        let writer = handles::find::<Writing>(writer.addr())?;
        writer.add(Document::from_json_line(json)?)
    })
}

/// Deletes the document with an id, committed or not, with the next commit. `*was_there` becomes 1 if there
/// is one, else 0; it may be null.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_delete(
    writer: *mut zgr_writer,
    id: *const c_char,
    id_len: usize,
    was_there: *mut c_int,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (was_there, id) = unsafe {
            let was_there = raw::optional_out(was_there, 0);
            (was_there, raw::text(id, id_len, "id")?)
        };
        let writer = handles::find::<Writing>(writer.addr())?;
        was_there.set(c_int::from(writer.with(|writer| writer.delete(id))?));
        Ok(())
    })
}

/// Makes everything since the last commit durable, in one step, and lets it be found. The writer goes on.
/// `progress` and `context` may be null; `context` is what `progress` is called with.
///
/// `ZGR_CANCELLED` when `progress` returned something else than 0; `ZGR_RUNTIME`, `ZGR_DEVICE`, `ZGR_MODEL`,
/// `ZGR_MODEL_MISMATCH` or `ZGR_UNTRUSTED_MODEL` when the encoder cannot be loaded; `ZGR_INVALID_INPUT` or
/// `ZGR_LIMIT` for what was added: nothing is committed then, and all of it still waits. After
/// `ZGR_DISK_FULL`, `ZGR_IO` and the like the index must be opened again. `*report` is for `zgr_free`: a JSON
/// object with what the commit did; `report` may be null.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_commit(
    writer: *mut zgr_writer,
    progress: zgr_progress,
    context: *mut c_void,
    report: *mut *mut c_char,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (report, listener) = unsafe {
            let report = raw::optional_out(report, ptr::null_mut());
            (report, Listener::new(progress, context))
        };
        let done = handles::find::<Writing>(writer.addr())?.commit(None, &listener)?;
        report.set_if_wanted(|| Ok(texts::give(serde_json::to_string(&done)?)))
    })
}

/// Forgets everything since the last commit. The writer goes on.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_rollback(writer: *mut zgr_writer) -> c_int {
    door::enter(writer.addr(), || {
        let writer = handles::find::<Writing>(writer.addr())?;
        writer.with(|writer| {
            writer.rollback();
            Ok(())
        })
    })
}

/// Commits, and fits the index to its documents in the same step: to all of them the first time, later to
/// those that are new. `options`, `progress` and `context` may be null.
///
/// `ZGR_INVALID_INPUT` for an index without an encoder, and those of `zgr_writer_commit`; nothing is committed
/// then, and all of it still waits.
/// `*report` is for `zgr_free`, as that of `zgr_writer_commit`; `report` may be null.
///
/// Threads: any; calls on one writer wait for each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_train(
    writer: *mut zgr_writer,
    options: *const zgr_train_options,
    progress: zgr_progress,
    context: *mut c_void,
    report: *mut *mut c_char,
) -> c_int {
    door::enter(writer.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (report, options, listener) = unsafe {
            let report = raw::optional_out(report, ptr::null_mut());
            let options = train_options(&raw::read(options)?)?;
            (report, options, Listener::new(progress, context))
        };
        let done = handles::find::<Writing>(writer.addr())?.commit(Some(&options), &listener)?;
        report.set_if_wanted(|| Ok(texts::give(serde_json::to_string(&done)?)))
    })
}
