/* zerogr: search your own documents by meaning, offline, from one index file.
 *
 * Made of the Rust source by cbindgen; `bindings/c/README.md` introduces it.
 *
 * Codes: a function returns ZGR_OK or what went wrong, and zgr_errmsg says it in words.
 *
 * Handles (zgr_index, zgr_writer, zgr_result) are numbers in the shape of pointers, and are looked up
 * before they are used: one that is null, closed or of another kind is ZGR_MISUSE, never a crash. All go
 * to zgr_close.
 *
 * Arguments: texts are UTF-8 with their length in bytes, or ZGR_NTS where they end with a zero byte; they
 * are copied where they are needed longer than the call. Paths are such texts, too; on Unix they may be any
 * bytes. A pointer that may be null says so. A function that fails leaves null or 0 where it would have
 * given something, but in a process that was forked, and structs as they are.
 *
 * Structs begin with `struct_size`, set to sizeof by the caller, so that later versions can have more
 * fields; everything else that is 0 is the default:
 *
 *     zgr_search_options options = {0};
 *     options.struct_size = sizeof options;
 *
 * Memory: what is given through a `char **` goes to zgr_free. What is given as a `const char *` belongs to
 * the handle that it was asked of.
 *
 * Threads: every function may be called by any number of threads with the same handles.
 *
 * Processes: one that was forked from a process that has called the library gets ZGR_MISUSE from all of
 * them. Fork first, or exec afterwards.
 */


#ifndef ZEROGR_H
#define ZEROGR_H

#include <stddef.h>
#include <stdint.h>

/* The length of a text that ends with a zero byte. */
#define ZGR_NTS ((size_t)-1)


/**
 * Done.
 */
#define ZGR_OK 0

/**
 * A failure of a kind that this header does not know.
 */
#define ZGR_ERROR 1

/**
 * A mistake in the library itself, which was caught; close the handle.
 */
#define ZGR_INTERNAL 2

/**
 * The operating system does not let this user do that.
 */
#define ZGR_PERMISSION_DENIED 3

/**
 * Another writer holds the index.
 */
#define ZGR_LOCKED 6

/**
 * The file system, or this handle, can only be read.
 */
#define ZGR_READ_ONLY 8

/**
 * The caller asked for the work to end before it was done.
 */
#define ZGR_CANCELLED 9

/**
 * The operating system refused a read, write, sync or rename.
 */
#define ZGR_IO 10

/**
 * The file is an index, and some of its bytes are damaged or missing.
 */
#define ZGR_CORRUPT 11

/**
 * There is no such file, folder or document.
 */
#define ZGR_NOT_FOUND 12

/**
 * The disk, or this user's share of it, is full.
 */
#define ZGR_DISK_FULL 13

/**
 * A documented limit was exceeded.
 */
#define ZGR_LIMIT 18

/**
 * The model or tokenizer at hand is not the one the index was built with.
 */
#define ZGR_MODEL_MISMATCH 20

/**
 * The library was called in a way that it forbids: a handle that is null, closed or of another kind,
 * a null pointer where there must be something, a wrong `struct_size`, a process that was forked.
 */
#define ZGR_MISUSE 21

/**
 * The file is not a zerogr index.
 */
#define ZGR_NOT_AN_INDEX 26

/**
 * A document, query, option or text is not acceptable.
 */
#define ZGR_INVALID_INPUT 40

/**
 * Something is where a new file should go.
 */
#define ZGR_ALREADY_EXISTS 41

/**
 * The path leads to another file than the one that was opened.
 */
#define ZGR_REPLACED 42

/**
 * The file was written by another version, or needs a feature this library lacks.
 */
#define ZGR_UNSUPPORTED_VERSION 43

/**
 * The file system has no locks, so other writers cannot be kept out.
 */
#define ZGR_LOCK_UNSUPPORTED 44

/**
 * An earlier write or sync failed; the index must be opened again.
 */
#define ZGR_POISONED 45

/**
 * ONNX Runtime is missing, foreign or too old.
 */
#define ZGR_RUNTIME 46

/**
 * The device of the encoder cannot be used.
 */
#define ZGR_DEVICE 47

/**
 * A model or tokenizer file is missing or unusable.
 */
#define ZGR_MODEL 48

/**
 * The index brings a model that this machine does not know, and nobody said to trust it.
 */
#define ZGR_UNTRUSTED_MODEL 49

/**
 * Map the file instead of reading it. Nobody may cut it or write into it in place while it is open,
 * but zerogr itself.
 */
#define ZGR_OPEN_MMAP 1

/**
 * Refuse writers on this handle.
 */
#define ZGR_OPEN_READ_ONLY 2

/**
 * Run the models that the index brings although this machine does not know them. A model is a program.
 */
#define ZGR_OPEN_TRUST_MODEL 4

/**
 * all-MiniLM-L6-v2 from where `zerogr setup` put it; in a library without models, none.
 */
#define ZGR_ENCODER_DEFAULT 0

/**
 * No encoder: the index is searched by words alone, and needs no model.
 */
#define ZGR_ENCODER_NONE 1

/**
 * A table of token vectors, made of the installed encoder.
 */
#define ZGR_ENCODER_STATIC 2

/**
 * The folder of an encoder, `encoder_folder`.
 */
#define ZGR_ENCODER_FOLDER 3

/**
 * Open the index that is there already, if one is; what else the options say is of no account then.
 */
#define ZGR_CREATE_OR_OPEN 1

/**
 * Everything random in the file follows from `seed`, so that equal input gives equal bytes.
 */
#define ZGR_CREATE_SEEDED 2

/**
 * Learn all documents anew, not only those that are new.
 */
#define ZGR_TRAIN_FULL 1

/**
 * Docids, vectors, and words: the best of all, and in an index without encoder the words.
 */
#define ZGR_MODE_PLANNED 0

/**
 * The words alone (BM25); needs no model.
 */
#define ZGR_MODE_LEXICAL 1

/**
 * Docids and vectors, never the words.
 */
#define ZGR_MODE_GENERATIVE 2

/**
 * The vectors of all documents.
 */
#define ZGR_MODE_DENSE 3

/**
 * Vectors and words of all documents.
 */
#define ZGR_MODE_FUSION 4

/**
 * The last word of the query may be the beginning of a longer one, as while it is typed.
 */
#define ZGR_SEARCH_PREFIX 1

/**
 * `zgr_result_explain` says why a hit was found.
 */
#define ZGR_SEARCH_EXPLAIN 2

/**
 * Leave out hits that are less alike the query than `min_similarity`.
 */
#define ZGR_SEARCH_MIN_SIMILARITY 4

/**
 * Marks stand between `open` and `close`.
 */
#define ZGR_SNIPPET_TEXT 0

/**
 * HTML, where marks are `<mark>` elements.
 */
#define ZGR_SNIPPET_HTML 1

/**
 * JSON, with the places of the snippet and of its marks in bytes and characters.
 */
#define ZGR_SNIPPET_JSON 2

/**
 * Mark what is close to the query in meaning, too; the encoder reads the passage again.
 */
#define ZGR_SNIPPET_MEANING 1

/**
 * Every byte.
 */
#define ZGR_CHECK_FULL 0

/**
 * Everything but models.
 */
#define ZGR_CHECK_STRUCTURE 1

/**
 * Headers only.
 */
#define ZGR_CHECK_HEADERS 2

/**
 * An index file, open; or one state of it (`zgr_snapshot`).
 */
typedef struct zgr_index zgr_index;

/**
 * What a search found.
 */
typedef struct zgr_result zgr_result;

/**
 * The right to change an index, and what waits for a commit.
 */
typedef struct zgr_writer zgr_writer;

/**
 * How an index is opened.
 */
typedef struct zgr_open_options {
  /**
   * `sizeof(zgr_open_options)`.
   */
  size_t struct_size;
  /**
   * `ZGR_OPEN_...`, added up.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
} zgr_open_options;

/**
 * How an index is made; all of it is recorded in the file.
 */
typedef struct zgr_create_options {
  /**
   * `sizeof(zgr_create_options)`.
   */
  size_t struct_size;
  /**
   * `ZGR_ENCODER_...`.
   */
  uint32_t encoder;
  /**
   * `ZGR_CREATE_...`, added up.
   */
  uint32_t flags;
  /**
   * For `ZGR_ENCODER_FOLDER`; otherwise null.
   */
  const char *encoder_folder;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t encoder_folder_len;
  /**
   * Types of fields that are known beforehand, a JSON object such as `{"year": "integer"}`: `boolean`,
   * `integer`, `float`, `timestamp`, `keyword`. Null: the first value of a field gives its type.
   */
  const char *fields;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t fields_len;
  /**
   * For `ZGR_CREATE_SEEDED`.
   */
  uint64_t seed;
} zgr_create_options;

/**
 * Options of a training.
 */
typedef struct zgr_train_options {
  /**
   * `sizeof(zgr_train_options)`.
   */
  size_t struct_size;
  /**
   * `ZGR_TRAIN_...`, added up.
   */
  uint32_t flags;
  /**
   * How often each pseudo-query is seen; 0: as measured to be best.
   */
  uint32_t epochs;
} zgr_train_options;

/**
 * Told how far a long call is: `done` of at most `total` steps of a stage, named in English until it
 * returns. Whatever it returns but 0 ends the call with `ZGR_CANCELLED`.
 *
 * It is called by the thread that made the call, must not throw or `longjmp`, and must not use the writer
 * that is at work.
 */
typedef int (*zgr_progress)(void *context, const char *stage, size_t done, size_t total);

/**
 * How to search; zeros are the defaults.
 */
typedef struct zgr_search_options {
  /**
   * `sizeof(zgr_search_options)`.
   */
  size_t struct_size;
  /**
   * Hits wanted; 0: 10.
   */
  uint32_t k;
  /**
   * `ZGR_MODE_...`.
   */
  uint32_t mode;
  /**
   * `ZGR_SEARCH_...`, added up.
   */
  uint32_t flags;
  /**
   * The time after which decoding ends with what it has found, in milliseconds; 0: no limit.
   */
  uint32_t max_time_ms;
  /**
   * Which documents may be found: `year >= 1950 and lang in ("en", "de") and not draft`. Comparisons
   * are `= != < <= > >= in (...)`, `starts with "..."` and `exists(field)`; `tag("...")` and `id("...")` ask
   * for tags and ids. Null: all.
   */
  const char *filter;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t filter_len;
  /**
   * The task in words, read by the encoder. Null: none.
   */
  const char *instruction;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t instruction_len;
  /**
   * For `ZGR_SEARCH_MIN_SIMILARITY`, -1 to 1.
   */
  double min_similarity;
} zgr_search_options;

/**
 * A document that was found.
 */
typedef struct zgr_hit {
  /**
   * `sizeof(zgr_hit)`, set before the call.
   */
  size_t struct_size;
  /**
   * The id, with a zero byte behind it.
   */
  const char *id;
  /**
   * Its length in bytes.
   */
  size_t id_len;
  /**
   * Its most probable docid, with a zero byte behind it.
   */
  const char *docid;
  /**
   * Its length in bytes.
   */
  size_t docid_len;
  /**
   * What hits are ordered by, within one query.
   */
  double score;
  /**
   * How alike query and document are, comparable between the queries of an index: -1 to 1.
   */
  double similarity;
} zgr_hit;

/**
 * A document, given or got.
 */
typedef struct zgr_document {
  /**
   * `sizeof(zgr_document)`.
   */
  size_t struct_size;
  /**
   * The application's own name for the document; never empty.
   */
  const char *id;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t id_len;
  /**
   * The title, or null.
   */
  const char *title;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t title_len;
  /**
   * The text, or null.
   */
  const char *text;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t text_len;
  /**
   * Everything else, a JSON object: `{"tags": ["new"], "metadata": {"year": 1957}}`. Members of
   * `metadata` are fields to filter by. Or null.
   */
  const char *rest;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t rest_len;
} zgr_document;

/**
 * How a snippet is made; zeros are the defaults.
 */
typedef struct zgr_snippet_options {
  /**
   * `sizeof(zgr_snippet_options)`.
   */
  size_t struct_size;
  /**
   * The most characters of the text; 0: 240.
   */
  uint32_t max_chars;
  /**
   * `ZGR_SNIPPET_TEXT`, `ZGR_SNIPPET_HTML` or `ZGR_SNIPPET_JSON`.
   */
  uint32_t format;
  /**
   * `ZGR_SNIPPET_MEANING` or 0.
   */
  uint32_t flags;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * What stands before a mark of `ZGR_SNIPPET_TEXT`, or null.
   */
  const char *open;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t open_len;
  /**
   * What stands behind a mark, or null.
   */
  const char *close;
  /**
   * Its length in bytes, or `ZGR_NTS`.
   */
  size_t close_len;
} zgr_snippet_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Closes a handle of any kind; null is allowed. What a writer did not commit is dropped. The order in
 * which an index, its writers and its results are closed does not matter. Texts that belong to the
 * handle end with it.
 *
 * Threads: any; a call in another thread that has the handle in use goes on to its end.
 */
int zgr_close(void *handle);

/**
 * Frees a text that a function gave through a `char **`; null is allowed.
 *
 * Threads: any.
 */
int zgr_free(char *text);

/**
 * The code of this thread's last call on a handle. Null asks for its last call that had no handle:
 * `zgr_open`, `zgr_create`, `zgr_check`, `zgr_close`, `zgr_free`, or one whose handle was null.
 *
 * Threads: any; calls of other threads do not change the answer.
 */
int zgr_errcode(const void *handle);

/**
 * What was wrong in that call and what to do about it, in English, for people: UTF-8 with a zero byte
 * behind it. It belongs to the library, and stays until this thread's next call on the same handle.
 *
 * Threads: any; calls of other threads do not change the answer.
 */
const char *zgr_errmsg(const void *handle);

/**
 * The version of the library, such as `0.1.0`; it belongs to the library and stays.
 *
 * Threads: any.
 */
const char *zgr_version(void);

/**
 * Opens an index; models are loaded when they are first needed. `options` may be null.
 *
 * On success `*index` is a handle for `zgr_close`, otherwise null, and `zgr_errmsg(NULL)` says why.
 * `ZGR_NOT_FOUND`, `ZGR_NOT_AN_INDEX`, `ZGR_CORRUPT` or `ZGR_UNSUPPORTED_VERSION` as the file is;
 * `ZGR_PERMISSION_DENIED` or `ZGR_IO`.
 *
 * Threads: any.
 */
int zgr_open(const char *path,
             size_t path_len,
             const struct zgr_open_options *options,
             struct zgr_index **index);

/**
 * Creates an index where nothing is, and opens it. `options` may be null.
 *
 * On success `*index` is a handle for `zgr_close`, otherwise null, and `zgr_errmsg(NULL)` says why.
 * `ZGR_ALREADY_EXISTS`; `ZGR_NOT_FOUND` when the folder is missing; `ZGR_RUNTIME`, `ZGR_DEVICE` or
 * `ZGR_MODEL` when the encoder cannot be loaded; `ZGR_PERMISSION_DENIED`, `ZGR_DISK_FULL` or `ZGR_IO`.
 *
 * Threads: any.
 */
int zgr_create(const char *path,
               size_t path_len,
               const struct zgr_create_options *options,
               struct zgr_index **index);

/**
 * Another handle of an index that stays at the state that it has now, whatever is committed, and only
 * reads: all functions that read take it. It needs no more memory than a handle.
 *
 * On success `*snapshot` is a handle for `zgr_close`, otherwise null.
 *
 * Threads: any.
 */
int zgr_snapshot(struct zgr_index *index,
                 struct zgr_index **snapshot);

/**
 * Looks for commits of other processes; those of this handle's writers it sees by itself. `*is_newer`
 * becomes 1 if there are some, else 0; it may be null.
 *
 * `ZGR_REPLACED` when another index is at the path; `ZGR_CORRUPT`, `ZGR_UNSUPPORTED_VERSION`, `ZGR_IO`.
 * The handle keeps its state then.
 *
 * Threads: any.
 */
int zgr_refresh(struct zgr_index *index,
                int *is_newer);

/**
 * The document with an id, as a line of JSON: `{"_id": ..., "title": ..., "text": ..., "metadata": {...}}`.
 *
 * `*json` is for `zgr_free`. `ZGR_NOT_FOUND` when there is none, and `*json` is null; `ZGR_CORRUPT` or
 * `ZGR_IO` when it cannot be read.
 *
 * Threads: any.
 */
int zgr_get(struct zgr_index *index,
            const char *id,
            size_t id_len,
            char **json);

/**
 * What an index holds, as a JSON object: path, generation (the number of the newest commit), documents,
 * passages, dead ones, parameters, and, but for a snapshot, the space that the file takes.
 *
 * `*json` is for `zgr_free`.
 *
 * Threads: any.
 */
int zgr_info(struct zgr_index *index,
             char **json);

/**
 * Looks for damage in the index at a path, whether it can be opened or not; `level` is
 * `ZGR_CHECK_FULL`, `ZGR_CHECK_STRUCTURE` or `ZGR_CHECK_HEADERS`. `ZGR_OK` when there is none,
 * `ZGR_CORRUPT` when there is some. The others of `zgr_open`.
 *
 * `*report` is for `zgr_free`: a JSON object that says what was looked at, and what was found. `report`
 * may be null.
 *
 * Threads: any.
 */
int zgr_check(const char *path,
              size_t path_len,
              uint32_t level,
              char **report);

/**
 * Gives the space of deleted, replaced and merged data back; no byte of a deleted document is in the file
 * then.
 *
 * `ZGR_LOCKED` while there is a writer, `ZGR_READ_ONLY` for a handle that only reads; `ZGR_DISK_FULL`,
 * `ZGR_CORRUPT`, `ZGR_IO` and the like, after which everything is as it was. `*report` is for `zgr_free`:
 * `{"generation": ..., "before_bytes": ..., "after_bytes": ...}`; `report` may be null.
 *
 * Threads: any.
 */
int zgr_vacuum(struct zgr_index *index,
               char **report);

/**
 * Copies the newest state to a new file, and verifies it before it appears there. Others may write
 * meanwhile.
 *
 * `ZGR_ALREADY_EXISTS` when something is at the path; `ZGR_CORRUPT` when the index is damaged, and then
 * there is no copy; `ZGR_NOT_FOUND`, `ZGR_DISK_FULL`, `ZGR_IO`.
 *
 * Threads: any.
 */
int zgr_backup(struct zgr_index *index,
               const char *path,
               size_t path_len);

/**
 * Starts writing, after waiting for another writer at most `wait_ms` milliseconds.
 *
 * On success `*writer` is a handle for `zgr_close`, otherwise null. `ZGR_LOCKED` while another writer of
 * this or another process is at work; `ZGR_READ_ONLY`, `ZGR_PERMISSION_DENIED`, `ZGR_LOCK_UNSUPPORTED`,
 * `ZGR_REPLACED`, `ZGR_POISONED`, `ZGR_CORRUPT` or `ZGR_IO`.
 *
 * Threads: any.
 */
int zgr_writer_open(struct zgr_index *index,
                    uint32_t wait_ms,
                    struct zgr_writer **writer);

/**
 * Trains as `zgr_writer_train` does, and learns from judged queries what makes searches better on queries
 * that are held out; what earlier judgements taught is replaced. `path` is a folder with a collection (BEIR,
 * TREC, MAIR), of which `split` is taken (null: `train`), a file of judgements with `queries.jsonl` in its
 * folder or the one above, or a file of clicks: lines of a query, an id and perhaps a weight. `options`,
 * `progress` and `context` may be null.
 *
 * `ZGR_NOT_FOUND` where a file is missing; `ZGR_INVALID_INPUT` with file and line for what cannot be read,
 * where no judged document is in the index, and for an index without an encoder; those of
 * `zgr_writer_train`. What judgements taught before is then in the file still. `*report` is for `zgr_free`: a
 * JSON object with what was tried, what it was worth, and what was kept; `report` may be null.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_train_from_judgements(struct zgr_writer *writer,
                                     const char *path,
                                     size_t path_len,
                                     const char *split,
                                     size_t split_len,
                                     const struct zgr_train_options *options,
                                     zgr_progress progress,
                                     void *context,
                                     char **report);

/**
 * Takes back what judgements taught, in a commit of its own; without it nothing happens.
 *
 * The codes of `zgr_writer_commit`. `*report` is for `zgr_free`, as that of `zgr_writer_commit`; `report` may
 * be null.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_forget_judgements(struct zgr_writer *writer,
                                 char **report);

/**
 * Searches the words of the queries that a language model wrote for the documents (`zerogr generate
 * queries`) beside those of the documents themselves, with this weight; 0: no more. It is kept in the index.
 *
 * `ZGR_INVALID_INPUT` for a weight that is negative or no number; `ZGR_LOCKED` while there is a writer;
 * `ZGR_READ_ONLY`, `ZGR_CORRUPT`, `ZGR_DISK_FULL`, `ZGR_IO` and the like, after which everything is as it was.
 *
 * Threads: any.
 */
int zgr_set_expansion_weight(struct zgr_index *index,
                             double weight);

/**
 * Finds the best documents for a query. `options` may be null.
 *
 * On success `*result` is a handle for `zgr_close`, otherwise null. `ZGR_INVALID_INPUT` for a blank query
 * or an option or filter that makes no sense; on the first search that needs the encoder `ZGR_RUNTIME`,
 * `ZGR_DEVICE`, `ZGR_MODEL`, `ZGR_MODEL_MISMATCH` or `ZGR_UNTRUSTED_MODEL` when it cannot be loaded;
 * `ZGR_CORRUPT` where a damaged part is met.
 *
 * Threads: any, at once.
 */
int zgr_search(struct zgr_index *index,
               const char *query,
               size_t query_len,
               const struct zgr_search_options *options,
               struct zgr_result **result);

/**
 * How many hits a result has. `*is_complete` becomes 0 if `max_time_ms` ended the search, else 1; it may
 * be null.
 *
 * Threads: any.
 */
int zgr_result_count(struct zgr_result *result,
                     size_t *count,
                     int *is_complete);

/**
 * The hit at a place, 0 is the best. Its texts belong to the result, and end with it.
 *
 * `ZGR_MISUSE` for a place that the result has not.
 *
 * Threads: any.
 */
int zgr_result_hit(struct zgr_result *result, size_t place, struct zgr_hit *hit);

/**
 * The document of a hit, in the state that was searched. Its texts have a zero byte behind them; they
 * belong to the result, and end with it.
 *
 * `ZGR_CORRUPT` when it is damaged.
 *
 * Threads: any.
 */
int zgr_result_document(struct zgr_result *result,
                        size_t place,
                        struct zgr_document *document);

/**
 * The lines of a hit's text that answer the query best. `options` may be null.
 *
 * `*snippet` is for `zgr_free`. `ZGR_CORRUPT` when the document is damaged; with `ZGR_SNIPPET_MEANING`
 * those of `zgr_search`.
 *
 * Threads: any.
 */
int zgr_result_snippet(struct zgr_result *result,
                       size_t place,
                       const struct zgr_snippet_options *options,
                       char **snippet);

/**
 * All that is known of a hit, as a JSON object: id, score, similarity, log_prob, docid, the places of its
 * passages, and, after a search with `ZGR_SEARCH_EXPLAIN`, in `explanation` the decisions that generated
 * its docid and the words that it shares with the query.
 *
 * `*json` is for `zgr_free`.
 *
 * Threads: any.
 */
int zgr_result_explain(struct zgr_result *result,
                       size_t place,
                       char **json);

/**
 * Adds a document, or replaces the one with the same id, with the next commit. What it leads to is copied.
 *
 * `ZGR_INVALID_INPUT` for an empty id, a text that is not UTF-8, or a field that has another type than
 * before; `ZGR_LIMIT`. Nothing is added then.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_add(struct zgr_writer *writer,
                   const struct zgr_document *document);

/**
 * Adds a document that is a line of JSON: `{"_id": "a", "title": "...", "text": "...", "tags": ["new"],
 * "metadata": {"year": 1957}}`. As `zgr_writer_add`.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_add_json(struct zgr_writer *writer,
                        const char *json,
                        size_t json_len);

/**
 * Deletes the document with an id, committed or not, with the next commit. `*was_there` becomes 1 if there
 * is one, else 0; it may be null.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_delete(struct zgr_writer *writer,
                      const char *id,
                      size_t id_len,
                      int *was_there);

/**
 * Makes everything since the last commit durable, in one step, and lets it be found. The writer goes on.
 * `progress` and `context` may be null; `context` is what `progress` is called with.
 *
 * `ZGR_CANCELLED` when `progress` returned something else than 0; `ZGR_RUNTIME`, `ZGR_DEVICE`, `ZGR_MODEL`,
 * `ZGR_MODEL_MISMATCH` or `ZGR_UNTRUSTED_MODEL` when the encoder cannot be loaded; `ZGR_INVALID_INPUT` or
 * `ZGR_LIMIT` for what was added: nothing is committed then, and all of it still waits. After
 * `ZGR_DISK_FULL`, `ZGR_IO` and the like the index must be opened again. `*report` is for `zgr_free`: a JSON
 * object with what the commit did; `report` may be null.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_commit(struct zgr_writer *writer,
                      zgr_progress progress,
                      void *context,
                      char **report);

/**
 * Forgets everything since the last commit. The writer goes on.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_rollback(struct zgr_writer *writer);

/**
 * Commits, and fits the index to its documents in the same step: to all of them the first time, later to
 * those that are new. `options`, `progress` and `context` may be null.
 *
 * `ZGR_INVALID_INPUT` for an index without an encoder, and those of `zgr_writer_commit`; nothing is committed
 * then, and all of it still waits.
 * `*report` is for `zgr_free`, as that of `zgr_writer_commit`; `report` may be null.
 *
 * Threads: any; calls on one writer wait for each other.
 */
int zgr_writer_train(struct zgr_writer *writer,
                     const struct zgr_train_options *options,
                     zgr_progress progress,
                     void *context,
                     char **report);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ZEROGR_H */
