//! Types of the header.
//!
//! Each struct begins with its own size, which the caller sets, so that it can grow: see
//! [`raw::read`](crate::raw::read) and [`raw::place`](crate::raw::place).
#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_int, c_void};

/// The length of a text that ends with a zero byte.
pub const ZGR_NTS: usize = usize::MAX;

/// An index file, open; or one state of it (`zgr_snapshot`).
pub struct zgr_index(());

/// The right to change an index, and what waits for a commit.
pub struct zgr_writer(());

/// What a search found.
pub struct zgr_result(());

/// Map the file instead of reading it. Nobody may cut it or write into it in place while it is open,
/// but zerogr itself.
pub const ZGR_OPEN_MMAP: u32 = 1;
/// Refuse writers on this handle.
pub const ZGR_OPEN_READ_ONLY: u32 = 2;
/// Run the models that the index brings although this machine does not know them. A model is a program.
pub const ZGR_OPEN_TRUST_MODEL: u32 = 4;

/// How an index is opened.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct zgr_open_options {
    /// `sizeof(zgr_open_options)`.
    pub struct_size: usize,
    /// `ZGR_OPEN_...`, added up.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// all-MiniLM-L6-v2 from where `zerogr setup` put it; in a library without models, none.
pub const ZGR_ENCODER_DEFAULT: u32 = 0;
/// No encoder: the index is searched by words alone, and needs no model.
pub const ZGR_ENCODER_NONE: u32 = 1;
/// A table of token vectors, made of the installed encoder.
pub const ZGR_ENCODER_STATIC: u32 = 2;
/// The folder of an encoder, `encoder_folder`.
pub const ZGR_ENCODER_FOLDER: u32 = 3;

/// Open the index that is there already, if one is; what else the options say is of no account then.
pub const ZGR_CREATE_OR_OPEN: u32 = 1;
/// Everything random in the file follows from `seed`, so that equal input gives equal bytes.
pub const ZGR_CREATE_SEEDED: u32 = 2;

/// How an index is made; all of it is recorded in the file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zgr_create_options {
    /// `sizeof(zgr_create_options)`.
    pub struct_size: usize,
    /// `ZGR_ENCODER_...`.
    pub encoder: u32,
    /// `ZGR_CREATE_...`, added up.
    pub flags: u32,
    /// For `ZGR_ENCODER_FOLDER`; otherwise null.
    pub encoder_folder: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub encoder_folder_len: usize,
    /// Types of fields that are known beforehand, a JSON object such as `{"year": "integer"}`: `boolean`,
    /// `integer`, `float`, `timestamp`, `keyword`. Null: the first value of a field gives its type.
    pub fields: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub fields_len: usize,
    /// For `ZGR_CREATE_SEEDED`.
    pub seed: u64,
}

/// A document, given or got.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zgr_document {
    /// `sizeof(zgr_document)`.
    pub struct_size: usize,
    /// The application's own name for the document; never empty.
    pub id: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub id_len: usize,
    /// The title, or null.
    pub title: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub title_len: usize,
    /// The text, or null.
    pub text: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub text_len: usize,
    /// Everything else, a JSON object: `{"tags": ["new"], "metadata": {"year": 1957}}`. Members of
    /// `metadata` are fields to filter by. Or null.
    pub rest: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub rest_len: usize,
}

/// Options of a training.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct zgr_train_options {
    /// `sizeof(zgr_train_options)`.
    pub struct_size: usize,
    /// `ZGR_TRAIN_...`, added up.
    pub flags: u32,
    /// How often each pseudo-query is seen; 0: as measured to be best.
    pub epochs: u32,
}

/// Learn all documents anew, not only those that are new.
pub const ZGR_TRAIN_FULL: u32 = 1;

/// Told how far a long call is: `done` of at most `total` steps of a stage, named in English until it
/// returns. Whatever it returns but 0 ends the call with `ZGR_CANCELLED`.
///
/// It is called by the thread that made the call, must not throw or `longjmp`, and must not use the writer
/// that is at work.
pub type zgr_progress = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        stage: *const c_char,
        done: usize,
        total: usize,
    ) -> c_int,
>;

/// Docids, vectors, and words: the best of all, and in an index without encoder the words.
pub const ZGR_MODE_PLANNED: u32 = 0;
/// The words alone (BM25); needs no model.
pub const ZGR_MODE_LEXICAL: u32 = 1;
/// Docids and vectors, never the words.
pub const ZGR_MODE_GENERATIVE: u32 = 2;
/// The vectors of all documents.
pub const ZGR_MODE_DENSE: u32 = 3;
/// Vectors and words of all documents.
pub const ZGR_MODE_FUSION: u32 = 4;

/// The last word of the query may be the beginning of a longer one, as while it is typed.
pub const ZGR_SEARCH_PREFIX: u32 = 1;
/// `zgr_result_explain` says why a hit was found.
pub const ZGR_SEARCH_EXPLAIN: u32 = 2;
/// Leave out hits that are less alike the query than `min_similarity`.
pub const ZGR_SEARCH_MIN_SIMILARITY: u32 = 4;

/// How to search; zeros are the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zgr_search_options {
    /// `sizeof(zgr_search_options)`.
    pub struct_size: usize,
    /// Hits wanted; 0: 10.
    pub k: u32,
    /// `ZGR_MODE_...`.
    pub mode: u32,
    /// `ZGR_SEARCH_...`, added up.
    pub flags: u32,
    /// The time after which decoding ends with what it has found, in milliseconds; 0: no limit.
    pub max_time_ms: u32,
    /// Which documents may be found: `year >= 1950 and lang in ("en", "de") and not draft`. Comparisons
    /// are `= != < <= > >= in (...)`, `starts with "..."` and `exists(field)`; `tag("...")` and `id("...")` ask
    /// for tags and ids. Null: all.
    pub filter: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub filter_len: usize,
    /// The task in words, read by the encoder. Null: none.
    pub instruction: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub instruction_len: usize,
    /// For `ZGR_SEARCH_MIN_SIMILARITY`, -1 to 1.
    pub min_similarity: f64,
}

/// A document that was found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zgr_hit {
    /// `sizeof(zgr_hit)`, set before the call.
    pub struct_size: usize,
    /// The id, with a zero byte behind it.
    pub id: *const c_char,
    /// Its length in bytes.
    pub id_len: usize,
    /// Its most probable docid, with a zero byte behind it.
    pub docid: *const c_char,
    /// Its length in bytes.
    pub docid_len: usize,
    /// What hits are ordered by, within one query.
    pub score: f64,
    /// How alike query and document are, comparable between the queries of an index: -1 to 1.
    pub similarity: f64,
}

/// Marks stand between `open` and `close`.
pub const ZGR_SNIPPET_TEXT: u32 = 0;
/// HTML, where marks are `<mark>` elements.
pub const ZGR_SNIPPET_HTML: u32 = 1;
/// JSON, with the places of the snippet and of its marks in bytes and characters.
pub const ZGR_SNIPPET_JSON: u32 = 2;

/// Mark what is close to the query in meaning, too; the encoder reads the passage again.
pub const ZGR_SNIPPET_MEANING: u32 = 1;

/// How a snippet is made; zeros are the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zgr_snippet_options {
    /// `sizeof(zgr_snippet_options)`.
    pub struct_size: usize,
    /// The most characters of the text; 0: 240.
    pub max_chars: u32,
    /// `ZGR_SNIPPET_TEXT`, `ZGR_SNIPPET_HTML` or `ZGR_SNIPPET_JSON`.
    pub format: u32,
    /// `ZGR_SNIPPET_MEANING` or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// What stands before a mark of `ZGR_SNIPPET_TEXT`, or null.
    pub open: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub open_len: usize,
    /// What stands behind a mark, or null.
    pub close: *const c_char,
    /// Its length in bytes, or `ZGR_NTS`.
    pub close_len: usize,
}

/// Every byte.
pub const ZGR_CHECK_FULL: u32 = 0;
/// Everything but models.
pub const ZGR_CHECK_STRUCTURE: u32 = 1;
/// Headers only.
pub const ZGR_CHECK_HEADERS: u32 = 2;
