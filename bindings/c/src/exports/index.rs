//! Of an index.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::time::Duration;

use zerogr::{Index, OpenOptions, VerifyLevel};

use super::options::{check_flags, create_options};
use crate::failure::Failure;
use crate::objects::{self, Opened};
use crate::raw;
use crate::types::{
    ZGR_CHECK_FULL, ZGR_CHECK_HEADERS, ZGR_CHECK_STRUCTURE, ZGR_CREATE_OR_OPEN, ZGR_OPEN_MMAP,
    ZGR_OPEN_READ_ONLY, ZGR_OPEN_TRUST_MODEL, zgr_create_options, zgr_index, zgr_open_options,
    zgr_writer,
};
use crate::{door, handles, texts};

/// Opens an index; models are loaded when they are first needed. `options` may be null.
///
/// On success `*index` is a handle for `zgr_close`, otherwise null, and `zgr_errmsg(NULL)` says why.
/// `ZGR_NOT_FOUND`, `ZGR_NOT_AN_INDEX`, `ZGR_CORRUPT` or `ZGR_UNSUPPORTED_VERSION` as the file is;
/// `ZGR_PERMISSION_DENIED` or `ZGR_IO`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_open(
    path: *const c_char,
    path_len: usize,
    options: *const zgr_open_options,
    index: *mut *mut zgr_index,
) -> c_int {
    door::enter(0, || {
        // SAFETY: as said at the head of `raw`.
        let (index, path, options) = unsafe {
            let index = raw::out(index, ptr::null_mut(), "index")?;
            (
                index,
                raw::path(path, path_len, "path")?,
                raw::read(options)?,
            )
        };
        let known = ZGR_OPEN_MMAP | ZGR_OPEN_READ_ONLY | ZGR_OPEN_TRUST_MODEL;
        check_flags(options.flags, known, options.reserved)?;
        let has = |flag| options.flags & flag != 0;
        let how = OpenOptions::new();
        #[cfg(feature = "models")]
        let how = how.trust_model(has(ZGR_OPEN_TRUST_MODEL));
        let opened = match has(ZGR_OPEN_MMAP) {
            // SAFETY: who gives the flag answers for what it says.
            true => unsafe { Index::open_mmap(&path, how)? },
            false => Index::open_with(&path, how)?,
        };
        let opened = Opened::new(opened, has(ZGR_OPEN_READ_ONLY));
        index.set(handles::open(opened)?);
        Ok(())
    })
}

/// Creates an index where nothing is, and opens it. `options` may be null.
///
/// On success `*index` is a handle for `zgr_close`, otherwise null, and `zgr_errmsg(NULL)` says why.
/// `ZGR_ALREADY_EXISTS`; `ZGR_NOT_FOUND` when the folder is missing; `ZGR_RUNTIME`, `ZGR_DEVICE` or
/// `ZGR_MODEL` when the encoder cannot be loaded; `ZGR_PERMISSION_DENIED`, `ZGR_DISK_FULL` or `ZGR_IO`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_create(
    path: *const c_char,
    path_len: usize,
    options: *const zgr_create_options,
    index: *mut *mut zgr_index,
) -> c_int {
    door::enter(0, || {
        // SAFETY: as said at the head of `raw`.
        let (index, path, flags, options) = unsafe {
            let index = raw::out(index, ptr::null_mut(), "index")?;
            let path = raw::path(path, path_len, "path")?;
            let options = raw::read(options)?;
            (index, path, options.flags, create_options(&options)?)
        };
        let created = objects::create(&path, options, flags & ZGR_CREATE_OR_OPEN != 0)?;
        index.set(handles::open(created)?);
        Ok(())
    })
}

/// Another handle of an index that stays at the state that it has now, whatever is committed, and only
/// reads: all functions that read take it. It needs no more memory than a handle.
///
/// On success `*snapshot` is a handle for `zgr_close`, otherwise null.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_snapshot(
    index: *mut zgr_index,
    snapshot: *mut *mut zgr_index,
) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let snapshot = unsafe { raw::out(snapshot, ptr::null_mut(), "snapshot")? };
        let index = handles::find::<Opened>(index.addr())?;
        snapshot.set(handles::open(index.freeze())?);
        Ok(())
    })
}

/// Looks for commits of other processes; those of this handle's writers it sees by itself. `*is_newer`
/// becomes 1 if there are some, else 0; it may be null.
///
/// `ZGR_REPLACED` when another index is at the path; `ZGR_CORRUPT`, `ZGR_UNSUPPORTED_VERSION`, `ZGR_IO`.
/// The handle keeps its state then.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_refresh(index: *mut zgr_index, is_newer: *mut c_int) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let is_newer = unsafe { raw::optional_out(is_newer, 0) };
        let index = handles::find::<Opened>(index.addr())?;
        is_newer.set(c_int::from(index.refresh()?));
        Ok(())
    })
}

/// The document with an id, as a line of JSON: `{"_id": ..., "title": ..., "text": ..., "metadata": {...}}`.
///
/// `*json` is for `zgr_free`. `ZGR_NOT_FOUND` when there is none, and `*json` is null; `ZGR_CORRUPT` or
/// `ZGR_IO` when it cannot be read.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_get(
    index: *mut zgr_index,
    id: *const c_char,
    id_len: usize,
    json: *mut *mut c_char,
) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (json, id) = unsafe {
            let json = raw::out(json, ptr::null_mut(), "json")?;
            (json, raw::text(id, id_len, "id")?)
        };
        let index = handles::find::<Opened>(index.addr())?;
        json.set(texts::give(index.document(id)?));
        Ok(())
    })
}

/// What an index holds, as a JSON object: path, generation (the number of the newest commit), documents,
/// passages, dead ones, parameters, and, but for a snapshot, the space that the file takes.
///
/// `*json` is for `zgr_free`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_info(index: *mut zgr_index, json: *mut *mut c_char) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let json = unsafe { raw::out(json, ptr::null_mut(), "json")? };
        let index = handles::find::<Opened>(index.addr())?;
        json.set(texts::give(index.info()?));
        Ok(())
    })
}

/// Looks for damage in the index at a path, whether it can be opened or not; `level` is
/// `ZGR_CHECK_FULL`, `ZGR_CHECK_STRUCTURE` or `ZGR_CHECK_HEADERS`. `ZGR_OK` when there is none,
/// `ZGR_CORRUPT` when there is some. The others of `zgr_open`.
///
/// `*report` is for `zgr_free`: a JSON object that says what was looked at, and what was found. `report`
/// may be null.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_check(
    path: *const c_char,
    path_len: usize,
    level: u32,
    report: *mut *mut c_char,
) -> c_int {
    door::enter(0, || {
        // SAFETY: as said at the head of `raw`.
        let (report, path) = unsafe {
            let report = raw::optional_out(report, ptr::null_mut());
            (report, raw::path(path, path_len, "path")?)
        };
        let level = match level {
            ZGR_CHECK_FULL => VerifyLevel::Full,
            ZGR_CHECK_STRUCTURE => VerifyLevel::Structure,
            ZGR_CHECK_HEADERS => VerifyLevel::Headers,
            _ => return Err(Failure::misuse(format!("there is no level {level}"))),
        };
        let (json, is_sound) = objects::check(&path, level)?;
        report.set_if_wanted(|| Ok(texts::give(json)))?;
        match is_sound {
            true => Ok(()),
            false => Err(Failure::damaged(
                "the index is damaged: restore a copy, or save what is left with `zerogr recover`",
            )),
        }
    })
}

/// Gives the space of deleted, replaced and merged data back; no byte of a deleted document is in the file
/// then.
///
/// `ZGR_LOCKED` while there is a writer, `ZGR_READ_ONLY` for a handle that only reads; `ZGR_DISK_FULL`,
/// `ZGR_CORRUPT`, `ZGR_IO` and the like, after which everything is as it was. `*report` is for `zgr_free`:
/// `{"generation": ..., "before_bytes": ..., "after_bytes": ...}`; `report` may be null.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_vacuum(index: *mut zgr_index, report: *mut *mut c_char) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let report = unsafe { raw::optional_out(report, ptr::null_mut()) };
        let json = handles::find::<Opened>(index.addr())?.vacuum()?;
        report.set_if_wanted(|| Ok(texts::give(json)))
    })
}

/// Copies the newest state to a new file, and verifies it before it appears there. Others may write
/// meanwhile.
///
/// `ZGR_ALREADY_EXISTS` when something is at the path; `ZGR_CORRUPT` when the index is damaged, and then
/// there is no copy; `ZGR_NOT_FOUND`, `ZGR_DISK_FULL`, `ZGR_IO`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_backup(
    index: *mut zgr_index,
    path: *const c_char,
    path_len: usize,
) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let path = unsafe { raw::path(path, path_len, "path")? };
        let index = handles::find::<Opened>(index.addr())?;
        Ok(index.index().backup(path)?)
    })
}

/// Starts writing, after waiting for another writer at most `wait_ms` milliseconds.
///
/// On success `*writer` is a handle for `zgr_close`, otherwise null. `ZGR_LOCKED` while another writer of
/// this or another process is at work; `ZGR_READ_ONLY`, `ZGR_PERMISSION_DENIED`, `ZGR_LOCK_UNSUPPORTED`,
/// `ZGR_REPLACED`, `ZGR_POISONED`, `ZGR_CORRUPT` or `ZGR_IO`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_writer_open(
    index: *mut zgr_index,
    wait_ms: u32,
    writer: *mut *mut zgr_writer,
) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let writer = unsafe { raw::out(writer, ptr::null_mut(), "writer")? };
        let index = handles::find::<Opened>(index.addr())?;
        let writing = index.writer(Duration::from_millis(wait_ms.into()))?;
        writer.set(handles::open(writing)?);
        Ok(())
    })
}
