//! Of a search and what it found.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::options::{search_options, snippet_options};
use crate::objects::{Opened, Query, Searched};
use crate::raw;
use crate::types::{
    zgr_document, zgr_hit, zgr_index, zgr_result, zgr_search_options, zgr_snippet_options,
};
use crate::{door, handles, texts};

/// Finds the best documents for a query. `options` may be null.
///
/// On success `*result` is a handle for `zgr_close`, otherwise null. `ZGR_INVALID_INPUT` for a blank query
/// or an option or filter that makes no sense; on the first search that needs the encoder `ZGR_RUNTIME`,
/// `ZGR_DEVICE`, `ZGR_MODEL`, `ZGR_MODEL_MISMATCH` or `ZGR_UNTRUSTED_MODEL` when it cannot be loaded;
/// `ZGR_CORRUPT` where a damaged part is met.
///
/// Threads: any, at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_search(
    index: *mut zgr_index,
    query: *const c_char,
    query_len: usize,
    options: *const zgr_search_options,
    result: *mut *mut zgr_result,
) -> c_int {
    door::enter(index.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (result, query) = unsafe {
            let result = raw::out(result, ptr::null_mut(), "result")?;
            let words = raw::text(query, query_len, "query")?.to_owned();
            let options = search_options(&raw::read(options)?)?;
            (result, Query { words, options })
        };
        let index = handles::find::<Opened>(index.addr())?;
        result.set(handles::open(Searched::new(&index, query)?)?);
        Ok(())
    })
}

/// How many hits a result has. `*is_complete` becomes 0 if `max_time_ms` ended the search, else 1; it may
/// be null.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_result_count(
    result: *mut zgr_result,
    count: *mut usize,
    is_complete: *mut c_int,
) -> c_int {
    door::enter(result.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (count, is_complete) = unsafe {
            let count = raw::out(count, 0, "count")?;
            (count, raw::optional_out(is_complete, 0))
        };
        let found = handles::find::<Searched>(result.addr())?;
        count.set(found.len());
        is_complete.set(c_int::from(found.is_complete()));
        Ok(())
    })
}

/// The hit at a place, 0 is the best. Its texts belong to the result, and end with it.
///
/// `ZGR_MISUSE` for a place that the result has not.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_result_hit(
    result: *mut zgr_result,
    place: usize,
    hit: *mut zgr_hit,
) -> c_int {
    door::enter(result.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let to_fill = unsafe { raw::place(hit)? };
        let found = handles::find::<Searched>(result.addr())?;
        let found = found.hit(place)?;
        to_fill.fill(zgr_hit {
            struct_size: 0,
            id: found.id.pointer(),
            id_len: found.id.len_bytes(),
            docid: found.docid.pointer(),
            docid_len: found.docid.len_bytes(),
            score: found.hit.score,
            similarity: found.hit.similarity.map_or(f64::NAN, f64::from),
        });
        Ok(())
    })
}

/// The document of a hit, in the state that was searched. Its texts have a zero byte behind them; they
/// belong to the result, and end with it.
///
/// `ZGR_CORRUPT` when it is damaged.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_result_document(
    result: *mut zgr_result,
    place: usize,
    document: *mut zgr_document,
) -> c_int {
    door::enter(result.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let to_fill = unsafe { raw::place(document)? };
        let found = handles::find::<Searched>(result.addr())?;
        let (id, found) = found.document(place)?;
        to_fill.fill(zgr_document {
            struct_size: 0,
            id: id.pointer(),
            id_len: id.len_bytes(),
            title: found.title.pointer(),
            title_len: found.title.len_bytes(),
            text: found.text.pointer(),
            text_len: found.text.len_bytes(),
            rest: found.rest.pointer(),
            rest_len: found.rest.len_bytes(),
        });
        Ok(())
    })
}

/// The lines of a hit's text that answer the query best. `options` may be null.
///
/// `*snippet` is for `zgr_free`. `ZGR_CORRUPT` when the document is damaged; with `ZGR_SNIPPET_MEANING`
/// those of `zgr_search`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_result_snippet(
    result: *mut zgr_result,
    place: usize,
    options: *const zgr_snippet_options,
    snippet: *mut *mut c_char,
) -> c_int {
    door::enter(result.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let (snippet, (options, format)) = unsafe {
            let snippet = raw::out(snippet, ptr::null_mut(), "snippet")?;
            (snippet, snippet_options(&raw::read(options)?)?)
        };
        let found = handles::find::<Searched>(result.addr())?;
        snippet.set(texts::give(found.snippet(place, options, &format)?));
        Ok(())
    })
}

/// All that is known of a hit, as a JSON object: id, score, similarity, log_prob, docid, the places of its
/// passages, and, after a search with `ZGR_SEARCH_EXPLAIN`, in `explanation` the decisions that generated
/// its docid and the words that it shares with the query.
///
/// `*json` is for `zgr_free`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zgr_result_explain(
    result: *mut zgr_result,
    place: usize,
    json: *mut *mut c_char,
) -> c_int {
    door::enter(result.addr(), || {
        // SAFETY: as said at the head of `raw`.
        let json = unsafe { raw::out(json, ptr::null_mut(), "json")? };
        let found = handles::find::<Searched>(result.addr())?;
        json.set(texts::give(found.explain(place)?));
        Ok(())
    })
}
