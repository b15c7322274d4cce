/* Every function of the interface, as a user calls it and as no user should.
 *
 *     interface FOLDER words|models|no-runtime
 *
 * `models` needs ONNX Runtime and the encoder and leaves `models.zgr` in the folder, which `no-runtime`
 * opens where neither can be had.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[1024];

static int contains(const char *text, const char *part) { return strstr(text, part) != NULL; }

/* A path in the folder, good until the next call. */
static const char *in_folder(const char *name) {
    static char path[2048];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static zgr_index *create(const char *name, uint32_t encoder) {
    zgr_create_options options;
    zgr_index *index = NULL;
    INIT(options);
    options.encoder = encoder;
    EXPECT(ZGR_OK, NULL, zgr_create(in_folder(name), ZGR_NTS, &options, &index));
    CHECK(index != NULL);
    return index;
}

static zgr_writer *writer_of(zgr_index *index) {
    zgr_writer *writer = NULL;
    EXPECT(ZGR_OK, index, zgr_writer_open(index, 0, &writer));
    return writer;
}

static void add(zgr_writer *writer, const char *id, const char *title, const char *text,
                const char *rest) {
    zgr_document document;
    INIT(document);
    document.id = id;
    document.id_len = strlen(id);
    document.title = title;
    document.title_len = ZGR_NTS;
    document.text = text;
    document.text_len = ZGR_NTS;
    document.rest = rest;
    document.rest_len = ZGR_NTS;
    EXPECT(ZGR_OK, writer, zgr_writer_add(writer, &document));
}

/* Three documents. */
static void fill(zgr_index *index) {
    zgr_writer *writer = writer_of(index);
    char *report = NULL;
    add(writer, "wings", "Wing flutter", "Thin wings may vibrate in a fast stream.",
        "{\"tags\": [\"air\"], \"metadata\": {\"year\": 1957}}");
    add(writer, "plates", "Heat transfer", "Plates grow warm in a hot stream.",
        "{\"metadata\": {\"year\": 1962}, \"mass\": 12345678901234567890123}");
    EXPECT(ZGR_OK, writer,
           zgr_writer_add_json(writer,
                               "{\"_id\": \"cones\", \"title\": \"Cones\", \"text\": \"Cones in a "
                               "shock tube.\", \"metadata\": {\"year\": 1970}}",
                               ZGR_NTS));
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, &report));
    CHECK(contains(report, "\"added\":3"));
    EXPECT(ZGR_OK, NULL, zgr_free(report));
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
}

/* The best hit must be `id`; none where it is null. */
static void expect_best(zgr_index *index, const char *query, const zgr_search_options *options,
                        const char *id) {
    zgr_result *result = NULL;
    size_t count = 7;
    int is_complete = 0;
    zgr_hit hit;
    INIT(hit);
    EXPECT(ZGR_OK, index, zgr_search(index, query, ZGR_NTS, options, &result));
    EXPECT(ZGR_OK, result, zgr_result_count(result, &count, &is_complete));
    CHECK(is_complete == 1);
    CHECK((count > 0) == (id != NULL));
    if (id != NULL) {
        EXPECT(ZGR_OK, result, zgr_result_hit(result, 0, &hit));
        CHECK(strcmp(hit.id, id) == 0 && hit.id_len == strlen(id));
        CHECK(hit.struct_size == sizeof hit);
        CHECK(strlen(hit.docid) == hit.docid_len && hit.docid_len > 0);
        CHECK(!isnan(hit.similarity) && !isnan(hit.score));
    }
    EXPECT(ZGR_OK, NULL, zgr_close(result));
}

static void test_search(uint32_t encoder) {
    zgr_index *index = create("search.zgr", encoder);
    zgr_search_options options;
    zgr_snippet_options snippets;
    zgr_result *result = NULL;
    zgr_document document;
    char *text = NULL;
    fill(index);

    expect_best(index, "wings that vibrate", NULL, "wings");
    INIT(options);
    options.mode = ZGR_MODE_LEXICAL;
    expect_best(index, "hot plates", &options, "plates");
    options.filter = "year >= 1960";
    options.filter_len = ZGR_NTS;
    expect_best(index, "a stream of wings", &options, "plates");
    options.filter = "year >= 1960 and not year < 1970, cut here";
    options.filter_len = strlen("year >= 1960 and not year < 1970");
    expect_best(index, "a shock in a stream", &options, "cones");
    options.filter = "tag(\"air\")";
    options.filter_len = ZGR_NTS;
    expect_best(index, "stream", &options, "wings");
    options.filter = "year > 2000";
    expect_best(index, "stream", &options, NULL);
    options.filter = NULL;
    options.flags = ZGR_SEARCH_MIN_SIMILARITY;
    options.min_similarity = 1.0;
    expect_best(index, "stream", &options, NULL);
    options.flags = ZGR_SEARCH_PREFIX | ZGR_SEARCH_EXPLAIN;
    expect_best(index, "vibr", &options, "wings");

    EXPECT(ZGR_OK, index, zgr_search(index, "thin wings in a strea", ZGR_NTS, &options, &result));
    INIT(document);
    EXPECT(ZGR_OK, result, zgr_result_document(result, 0, &document));
    CHECK(strcmp(document.title, "Wing flutter") == 0 && document.title_len == 12);
    CHECK(contains(document.text, "Thin wings"));
    CHECK(contains(document.rest, "\"metadata\":{\"year\":1957}"));
    CHECK(!contains(document.rest, "Thin wings"));
    INIT(snippets);
    snippets.open = snippets.close = "*";
    snippets.open_len = snippets.close_len = ZGR_NTS;
    EXPECT(ZGR_OK, result, zgr_result_snippet(result, 0, &snippets, &text));
    CHECK(strcmp(text, "*Thin* *wings* may vibrate in a fast *stream*.") == 0);
    zgr_free(text);
    EXPECT(ZGR_OK, result, zgr_result_snippet(result, 0, NULL, &text));
    CHECK(strcmp(text, "Thin wings may vibrate in a fast stream.") == 0);
    zgr_free(text);
    snippets.format = ZGR_SNIPPET_HTML;
    snippets.max_chars = 12;
    EXPECT(ZGR_OK, result, zgr_result_snippet(result, 0, &snippets, &text));
    CHECK(strcmp(text, "<mark>Thin</mark> <mark>wings</mark>") == 0);
    zgr_free(text);
    snippets.format = ZGR_SNIPPET_JSON;
    EXPECT(ZGR_OK, result, zgr_result_snippet(result, 0, &snippets, &text));
    CHECK(contains(text, "\"marks\":[{\"bytes\":{\"start\":0,\"end\":4},\"kind\":\"word\"}"));
    zgr_free(text);
    EXPECT(ZGR_OK, result, zgr_result_explain(result, 0, &text));
    CHECK(contains(text, "\"id\":\"wings\"") && contains(text, "\"term\":\"thin\""));
    zgr_free(text);
    EXPECT(ZGR_OK, NULL, zgr_close(result));

    EXPECT(ZGR_OK, index, zgr_get(index, "plates", 6, &text));
    CHECK(contains(text, "\"_id\":\"plates\"") && contains(text, "12345678901234567890123"));
    zgr_free(text);
    EXPECT(ZGR_NOT_FOUND, index, zgr_get(index, "spheres", ZGR_NTS, &text));
    CHECK(text == NULL && contains(zgr_errmsg(index), "spheres"));
    EXPECT(ZGR_OK, NULL, zgr_close(index));
}

/* What a document gives comes back the same. */
static void test_round_trip(void) {
    zgr_index *index = create("round.zgr", ZGR_ENCODER_NONE);
    zgr_writer *writer = writer_of(index);
    zgr_result *result = NULL;
    zgr_document document, given;
    INIT(given);
    given.id = "a\0b";
    given.id_len = 3;
    given.text = "Gr\xc3\xbc\xc3\x9f\x65\0behind";
    given.text_len = 14;
    EXPECT(ZGR_OK, writer, zgr_writer_add(writer, &given));
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
    EXPECT(ZGR_OK, index, zgr_search(index, "behind", ZGR_NTS, NULL, &result));
    INIT(document);
    EXPECT(ZGR_OK, result, zgr_result_document(result, 0, &document));
    CHECK(document.id_len == 3 && memcmp(document.id, "a\0b", 4) == 0);
    CHECK(document.text_len == 14 && memcmp(document.text, given.text, 14) == 0);
    CHECK(document.title_len == 0 && document.title[0] == '\0');
    /* What was got can be given. */
    EXPECT(ZGR_OK, writer, zgr_writer_add(writer, &document));
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
    zgr_close(result);
    zgr_close(writer);
    zgr_close(index);
}

static void test_changes(void) {
    zgr_index *index = create("changes.zgr", ZGR_ENCODER_NONE), *snapshot = NULL, *other = NULL;
    zgr_create_options or_open;
    zgr_open_options options;
    zgr_writer *writer = NULL, *second = NULL;
    int was_there = 7, is_newer = 7;
    char *json = NULL, path[2048];
    fill(index);
    strcpy(path, in_folder("changes.zgr"));

    INIT(options);
    options.flags = ZGR_OPEN_MMAP | ZGR_OPEN_READ_ONLY;
    EXPECT(ZGR_OK, NULL, zgr_open(path, strlen(path), &options, &other));
    EXPECT(ZGR_READ_ONLY, other, zgr_writer_open(other, 0, &second));
    EXPECT(ZGR_READ_ONLY, other, zgr_vacuum(other, &json));
    CHECK(second == NULL && json == NULL);
    EXPECT(ZGR_OK, index, zgr_snapshot(index, &snapshot));

    writer = writer_of(index);
    EXPECT(ZGR_LOCKED, index, zgr_writer_open(index, 1, &second));
    EXPECT(ZGR_LOCKED, index, zgr_vacuum(index, NULL));
    EXPECT(ZGR_OK, writer, zgr_writer_delete(writer, "wings", ZGR_NTS, &was_there));
    CHECK(was_there == 1);
    EXPECT(ZGR_OK, writer, zgr_writer_rollback(writer));
    EXPECT(ZGR_OK, writer, zgr_writer_delete(writer, "nobody", ZGR_NTS, &was_there));
    CHECK(was_there == 0);
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
    expect_best(index, "wings", NULL, "wings");
    EXPECT(ZGR_OK, writer, zgr_writer_delete(writer, "wings", ZGR_NTS, NULL));
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, &json));
    CHECK(contains(json, "\"deleted\":1"));
    zgr_free(json);
    EXPECT(ZGR_OK, NULL, zgr_close(writer));

    expect_best(index, "wings", NULL, NULL);
    expect_best(snapshot, "wings", NULL, "wings");
    expect_best(other, "wings", NULL, "wings");
    EXPECT(ZGR_OK, other, zgr_refresh(other, &is_newer));
    CHECK(is_newer == 1);
    expect_best(other, "wings", NULL, NULL);
    EXPECT(ZGR_OK, other, zgr_refresh(other, NULL));
    EXPECT(ZGR_MISUSE, snapshot, zgr_refresh(snapshot, &is_newer));
    EXPECT(ZGR_READ_ONLY, snapshot, zgr_writer_open(snapshot, 0, &writer));

    EXPECT(ZGR_OK, index, zgr_vacuum(index, &json));
    CHECK(contains(json, "\"after_bytes\":"));
    zgr_free(json);
    expect_best(snapshot, "wings", NULL, "wings");
    EXPECT(ZGR_OK, index, zgr_info(index, &json));
    CHECK(contains(json, "\"documents\":2") && contains(json, "\"space\""));
    zgr_free(json);
    EXPECT(ZGR_OK, snapshot, zgr_info(snapshot, &json));
    CHECK(contains(json, "\"documents\":3"));
    zgr_free(json);

    EXPECT(ZGR_OK, index, zgr_backup(index, in_folder("copy.zgr"), ZGR_NTS));
    EXPECT(ZGR_ALREADY_EXISTS, index, zgr_backup(index, in_folder("copy.zgr"), ZGR_NTS));
    EXPECT(ZGR_OK, NULL, zgr_check(in_folder("copy.zgr"), ZGR_NTS, ZGR_CHECK_FULL, &json));
    CHECK(contains(json, "\"documents\":2"));
    zgr_free(json);

    /* Writers and results outlive the index that they are of. */
    writer = writer_of(index);
    EXPECT(ZGR_OK, NULL, zgr_close(index));
    add(writer, "late", "", "Added behind a closed index.", NULL);
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
    INIT(or_open);
    or_open.flags = ZGR_CREATE_OR_OPEN;
    or_open.encoder = ZGR_ENCODER_NONE;
    EXPECT(ZGR_OK, NULL, zgr_create(path, ZGR_NTS, &or_open, &index));
    expect_best(index, "behind", NULL, "late");
    EXPECT(ZGR_OK, NULL, zgr_close(index));
    EXPECT(ZGR_OK, NULL, zgr_close(other));
    EXPECT(ZGR_OK, NULL, zgr_close(snapshot));
}

static void damage(const char *path) {
    FILE *file = fopen(path, "r+b");
    long at;
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    at = ftell(file) / 2;
    for (; at > 8192; at -= 512) {
        CHECK(fseek(file, at, SEEK_SET) == 0 && fputc('x', file) != EOF);
    }
    CHECK(fclose(file) == 0);
}

/* What is wrong is said. */
static void test_errors(void) {
    zgr_index *index = create("errors.zgr", ZGR_ENCODER_NONE), *none = index;
    zgr_create_options fields;
    zgr_search_options options;
    zgr_result *result = NULL;
    zgr_writer *writer = NULL;
    zgr_document document;
    FILE *file;
    char *json = NULL;
    fill(index);

    EXPECT(ZGR_NOT_FOUND, NULL, zgr_open(in_folder("none.zgr"), ZGR_NTS, NULL, &none));
    CHECK(none == NULL && contains(zgr_errmsg(NULL), "none.zgr"));
    INIT(fields);
    fields.encoder = ZGR_ENCODER_NONE;
    EXPECT(ZGR_ALREADY_EXISTS, NULL, zgr_create(in_folder("errors.zgr"), ZGR_NTS, &fields, &none));
    file = fopen(in_folder("text.zgr"), "wb");
    CHECK(file != NULL && fputs("no index, but a text that is long enough", file) >= 0);
    CHECK(fclose(file) == 0);
    EXPECT(ZGR_NOT_AN_INDEX, NULL, zgr_open(in_folder("text.zgr"), ZGR_NTS, NULL, &none));
    EXPECT(ZGR_NOT_FOUND, NULL, zgr_check(in_folder("none.zgr"), ZGR_NTS, 0, &json));
    CHECK(json == NULL);
    fields.fields = "{\"year\": \"number\"}";
    fields.fields_len = ZGR_NTS;
    EXPECT(ZGR_INVALID_INPUT, NULL, zgr_create(in_folder("new.zgr"), ZGR_NTS, &fields, &none));
    fields.fields = "{\"year\": \"float\"}";
    EXPECT(ZGR_OK, NULL, zgr_create(in_folder("new.zgr"), ZGR_NTS, &fields, &none));
    EXPECT(ZGR_OK, none, zgr_info(none, &json));
    CHECK(contains(json, "\"year\":\"float\""));
    zgr_free(json);
    EXPECT(ZGR_OK, NULL, zgr_close(none));

    EXPECT(ZGR_INVALID_INPUT, index, zgr_search(index, " ", ZGR_NTS, NULL, &result));
    CHECK(result == NULL && contains(zgr_errmsg(index), "empty"));
    EXPECT(ZGR_INVALID_INPUT, index, zgr_search(index, "\xff", 1, NULL, &result));
    CHECK(contains(zgr_errmsg(index), "UTF-8"));
    INIT(options);
    options.filter = "year >=";
    options.filter_len = ZGR_NTS;
    EXPECT(ZGR_INVALID_INPUT, index, zgr_search(index, "wings", ZGR_NTS, &options, &result));
    options.filter = "yeer > 1900";
    EXPECT(ZGR_INVALID_INPUT, index, zgr_search(index, "wings", ZGR_NTS, &options, &result));
    CHECK(contains(zgr_errmsg(index), "yeer"));
    options.filter = NULL;
    options.mode = ZGR_MODE_GENERATIVE;
    EXPECT(ZGR_INVALID_INPUT, index, zgr_search(index, "wings", ZGR_NTS, &options, &result));
    /* The message of one handle is not that of another, and a good call clears it. */
    EXPECT(ZGR_NOT_FOUND, NULL, zgr_open(in_folder("none.zgr"), ZGR_NTS, NULL, &none));
    CHECK(zgr_errcode(index) == ZGR_INVALID_INPUT);
    EXPECT(ZGR_OK, index, zgr_refresh(index, NULL));
    CHECK(strcmp(zgr_errmsg(index), "no error") == 0);

    writer = writer_of(index);
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add_json(writer, "{\"text\": 1}", ZGR_NTS));
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add_json(writer, "[]", 2));
    INIT(document);
    document.id = "";
    document.id_len = 0;
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add(writer, &document));
    document.id = "x";
    document.id_len = 1;
    document.rest_len = ZGR_NTS;
    document.rest = "{\"metadata\": {\"year\": \"last\"}}";
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add(writer, &document));
    CHECK(contains(zgr_errmsg(writer), "year"));
    document.rest = "{\"_id\": \"y\"}";
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add(writer, &document));
    document.rest = "[1]";
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add(writer, &document));
    document.rest = "{\"text\": \"one\"}";
    document.text = "two";
    document.text_len = 3;
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_add(writer, &document));
    document.rest = " { } ";
    EXPECT(ZGR_OK, writer, zgr_writer_add(writer, &document));
    EXPECT(ZGR_INVALID_INPUT, writer, zgr_writer_train(writer, NULL, NULL, NULL, &json));
    CHECK(json == NULL && contains(zgr_errmsg(writer), "encoder"));
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
    EXPECT(ZGR_OK, NULL, zgr_close(index));

    damage(in_folder("errors.zgr"));
    EXPECT(ZGR_CORRUPT, NULL, zgr_check(in_folder("errors.zgr"), ZGR_NTS, 0, &json));
    zgr_free(json);
}

/* What no program should do is told, and does no harm. */
static void test_misuse(void) {
    struct {
        zgr_search_options known;
        double unknown;
    } newer;
    struct {
        zgr_hit known;
        double unknown;
    } newer_hit;
    zgr_index *index = create("misuse.zgr", ZGR_ENCODER_NONE), *made_up;
    zgr_index *closed = index, *none = index;
    zgr_search_options options;
    zgr_snippet_options snippets;
    zgr_open_options opening;
    zgr_create_options creating;
    zgr_train_options training;
    zgr_result *result = NULL, *lost = NULL;
    zgr_writer *writer;
    zgr_document document;
    zgr_hit hit;
    size_t count;
    char *text = NULL, own[8] = "own";
    fill(index);
    CHECK(zgr_version()[0] >= '0' && zgr_version()[0] <= '9');

    /* Null. */
    EXPECT(ZGR_OK, NULL, zgr_close(NULL));
    EXPECT(ZGR_OK, NULL, zgr_free(NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_open(NULL, 3, NULL, &none));
    CHECK(none == NULL && contains(zgr_errmsg(NULL), "path is null"));
    EXPECT(ZGR_MISUSE, NULL, zgr_open("a", 1, NULL, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_create("a", 1, NULL, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_check(NULL, 1, 0, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_snapshot(NULL, &none));
    EXPECT(ZGR_MISUSE, NULL, zgr_refresh(NULL, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_info(NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_get(NULL, "a", 1, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_vacuum(NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_backup(NULL, "a", 1));
    EXPECT(ZGR_MISUSE, NULL, zgr_search(NULL, "a", 1, NULL, &result));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_open(NULL, 0, &writer));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_add(NULL, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_add_json(NULL, "{\"_id\": \"a\"}", ZGR_NTS));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_delete(NULL, "a", 1, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_commit(NULL, NULL, NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_rollback(NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_train(NULL, NULL, NULL, NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_result_count(NULL, &count, NULL));
    INIT(hit);
    INIT(document);
    EXPECT(ZGR_MISUSE, NULL, zgr_result_hit(NULL, 0, &hit));
    EXPECT(ZGR_MISUSE, NULL, zgr_result_document(NULL, 0, &document));
    EXPECT(ZGR_MISUSE, NULL, zgr_result_snippet(NULL, 0, NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_result_explain(NULL, 0, &text));
    CHECK(text == NULL);
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "a", 1, NULL, NULL));
    EXPECT(ZGR_MISUSE, index, zgr_search(index, NULL, 1, NULL, &result));
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "a", (size_t)-2, NULL, &result));
    EXPECT(ZGR_MISUSE, index, zgr_snapshot(index, NULL));
    EXPECT(ZGR_MISUSE, index, zgr_info(index, NULL));
    EXPECT(ZGR_MISUSE, index, zgr_get(index, NULL, 0, &text));
    EXPECT(ZGR_MISUSE, index, zgr_backup(index, NULL, 0));
    EXPECT(ZGR_MISUSE, index, zgr_writer_open(index, 0, NULL));

    /* Structs of another size, flags and numbers that mean nothing. */
    INIT(options);
    options.struct_size = 0;
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "wings", 5, &options, &result));
    CHECK(contains(zgr_errmsg(index), "sizeof(zgr_search_options)"));
    options.struct_size = sizeof options - 1;
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "wings", 5, &options, &result));
    options.struct_size = (size_t)1 << 40;
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "wings", 5, &options, &result));
    memset(&newer, 0, sizeof newer);
    newer.known.struct_size = sizeof newer;
    expect_best(index, "wings", &newer.known, "wings");
    newer.unknown = 1;
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "wings", 5, &newer.known, &result));
    INIT(options);
    options.mode = 99;
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "wings", 5, &options, &result));
    INIT(options);
    options.flags = 1u << 31;
    EXPECT(ZGR_MISUSE, index, zgr_search(index, "wings", 5, &options, &result));
    INIT(opening);
    opening.reserved = 1;
    EXPECT(ZGR_MISUSE, NULL, zgr_open(in_folder("misuse.zgr"), ZGR_NTS, &opening, &none));
    INIT(creating);
    creating.encoder = 99;
    EXPECT(ZGR_MISUSE, NULL, zgr_create(in_folder("m.zgr"), ZGR_NTS, &creating, &none));
    creating.encoder = ZGR_ENCODER_FOLDER;
    EXPECT(ZGR_MISUSE, NULL, zgr_create(in_folder("m.zgr"), ZGR_NTS, &creating, &none));
    EXPECT(ZGR_MISUSE, NULL, zgr_check(in_folder("misuse.zgr"), ZGR_NTS, 99, &text));

    EXPECT(ZGR_OK, index, zgr_search(index, "wings", 5, NULL, &result));
    EXPECT(ZGR_OK, result, zgr_result_count(result, &count, NULL));
    memset(&newer_hit, 1, sizeof newer_hit);
    newer_hit.known.struct_size = sizeof newer_hit;
    EXPECT(ZGR_OK, result, zgr_result_hit(result, 0, &newer_hit.known));
    CHECK(newer_hit.unknown == 0 && strcmp(newer_hit.known.id, "wings") == 0);
    EXPECT(ZGR_MISUSE, result, zgr_result_count(result, NULL, NULL));
    EXPECT(ZGR_MISUSE, result, zgr_result_hit(result, count, &hit));
    EXPECT(ZGR_MISUSE, result, zgr_result_hit(result, (size_t)-1, &hit));
    EXPECT(ZGR_MISUSE, result, zgr_result_hit(result, 0, NULL));
    hit.struct_size = 1;
    EXPECT(ZGR_MISUSE, result, zgr_result_hit(result, 0, &hit));
    EXPECT(ZGR_MISUSE, result, zgr_result_document(result, count, &document));
    EXPECT(ZGR_MISUSE, result, zgr_result_explain(result, count, &text));
    INIT(snippets);
    snippets.format = 99;
    EXPECT(ZGR_MISUSE, result, zgr_result_snippet(result, 0, &snippets, &text));
    writer = writer_of(index);
    EXPECT(ZGR_MISUSE, writer, zgr_writer_add(writer, NULL));
    INIT(document);
    EXPECT(ZGR_MISUSE, writer, zgr_writer_add(writer, &document));
    INIT(training);
    training.flags = 99;
    EXPECT(ZGR_MISUSE, writer, zgr_writer_train(writer, &training, NULL, NULL, NULL));

    /* Handles of another kind, made up, and closed; texts of others, and twice. */
    made_up = (zgr_index *)(void *)writer;
    EXPECT(ZGR_MISUSE, made_up, zgr_info(made_up, &text));
    made_up = (zgr_index *)(void *)own;
    EXPECT(ZGR_MISUSE, made_up, zgr_search(made_up, "wings", 5, NULL, &lost));
    EXPECT(ZGR_MISUSE, NULL, zgr_close(made_up));
    made_up = (zgr_index *)(uintptr_t)1234567;
    EXPECT(ZGR_MISUSE, made_up, zgr_refresh(made_up, NULL));
    EXPECT(ZGR_MISUSE, NULL, zgr_free(own));
    EXPECT(ZGR_OK, index, zgr_info(index, &text));
    EXPECT(ZGR_OK, NULL, zgr_free(text));
    EXPECT(ZGR_MISUSE, NULL, zgr_free(text));
    EXPECT(ZGR_OK, NULL, zgr_close(index));
    EXPECT(ZGR_MISUSE, NULL, zgr_close(index));
    EXPECT(ZGR_MISUSE, closed, zgr_search(closed, "wings", 5, NULL, &lost));
    CHECK(contains(zgr_errmsg(closed), "closed"));
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
    EXPECT(ZGR_MISUSE, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
    EXPECT(ZGR_OK, NULL, zgr_close(result));
}

#define THREADS 8

typedef struct shared {
    zgr_index *index;
    zgr_writer *writer;
    pthread_barrier_t *all_are_done;
    int number;
    int closed;
} shared;

static void *use(void *argument) {
    shared *own = (shared *)argument;
    zgr_search_options options;
    zgr_result *result = NULL;
    char filter[64], id[64], text[64];
    int turn;
    INIT(options);
    options.filter_len = ZGR_NTS;
    options.filter = filter;
    for (turn = 0; turn < 20; turn++) {
        snprintf(filter, sizeof filter, "missing%d = 1", own->number);
        EXPECT(ZGR_INVALID_INPUT, own->index,
               zgr_search(own->index, "wings", 5, &options, &result));
        /* The message is that of this thread. */
        snprintf(id, sizeof id, "missing%d", own->number);
        CHECK(contains(zgr_errmsg(own->index), id));
        expect_best(own->index, "wings", NULL, "wings");
        snprintf(id, sizeof id, "thread-%d-%d", own->number, turn);
        snprintf(text, sizeof text, "Thread %d adds a document, %d.", own->number, turn);
        add(own->writer, id, "Of a thread", text, NULL);
        if (turn % 5 == 4) {
            EXPECT(ZGR_OK, own->writer, zgr_writer_commit(own->writer, NULL, NULL, NULL));
        }
    }
    pthread_barrier_wait(own->all_are_done);
    /* One of them closes it; to the others it is closed. */
    own->closed = zgr_close(own->writer) == ZGR_OK;
    return NULL;
}

static void test_threads(void) {
    zgr_index *index = create("threads.zgr", ZGR_ENCODER_NONE);
    zgr_writer *writer;
    pthread_barrier_t all_are_done;
    shared all[THREADS];
    pthread_t threads[THREADS];
    char *json = NULL;
    int number, closed = 0;
    fill(index);
    writer = writer_of(index);
    CHECK(pthread_barrier_init(&all_are_done, NULL, THREADS) == 0);
    for (number = 0; number < THREADS; number++) {
        all[number].index = index;
        all[number].writer = writer;
        all[number].all_are_done = &all_are_done;
        all[number].number = number;
        all[number].closed = 0;
    }
    for (number = 0; number < THREADS; number++) {
        CHECK(pthread_create(&threads[number], NULL, use, &all[number]) == 0);
    }
    for (number = 0; number < THREADS; number++) {
        CHECK(pthread_join(threads[number], NULL) == 0);
        closed += all[number].closed;
    }
    CHECK(closed == 1);
    pthread_barrier_destroy(&all_are_done);
    EXPECT(ZGR_OK, index, zgr_info(index, &json));
    CHECK(contains(json, "\"documents\":163"));
    zgr_free(json);
    EXPECT(ZGR_OK, NULL, zgr_close(index));
}

static void test_fork(void) {
    zgr_index *index = create("fork.zgr", ZGR_ENCODER_NONE), *other = NULL;
    zgr_result *result = NULL;
    char told = 0;
    int pipes[2];
    pid_t child;
    fill(index);
    CHECK(pipe(pipes) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        told = zgr_search(index, "wings", 5, NULL, &result) == ZGR_MISUSE &&
               contains(zgr_errmsg(index), "forked") &&
               zgr_open(in_folder("fork.zgr"), ZGR_NTS, NULL, &other) == ZGR_MISUSE &&
               zgr_close(index) == ZGR_MISUSE;
        CHECK(write(pipes[1], &told, 1) == 1);
        _exit(0);
    }
    CHECK(read(pipes[0], &told, 1) == 1 && told == 1);
    CHECK(waitpid(child, NULL, 0) == child);
    close(pipes[0]);
    close(pipes[1]);
    expect_best(index, "wings", NULL, "wings");
    EXPECT(ZGR_OK, NULL, zgr_close(index));
}

typedef struct heard {
    zgr_writer *writer;
    int calls;
    int stop_at;
    size_t last_total;
} heard;

static int listen(void *context, const char *stage, size_t done, size_t total) {
    heard *own = (heard *)context;
    CHECK(stage[0] != '\0' && done <= total);
    own->calls += 1;
    own->last_total = total;
    /* The writer is at work. */
    EXPECT(ZGR_MISUSE, own->writer, zgr_writer_rollback(own->writer));
    return own->calls == own->stop_at;
}

static void test_training(void) {
    zgr_index *index = create("models.zgr", ZGR_ENCODER_DEFAULT);
    zgr_search_options options;
    zgr_snippet_options snippets;
    zgr_train_options training;
    zgr_result *result = NULL;
    zgr_writer *writer;
    char *json = NULL;
    heard own = {NULL, 0, 2, 0};
    fill(index);
    writer = writer_of(index);
    own.writer = writer;
    add(writer, "spheres", "Spheres", "A sphere falls through a viscous liquid.", NULL);
    EXPECT(ZGR_CANCELLED, writer, zgr_writer_train(writer, NULL, listen, &own, &json));
    CHECK(json == NULL && own.calls == 2);
    expect_best(index, "why do thin aerofoils shake?", NULL, "wings");
    own.stop_at = 3;
    EXPECT(ZGR_CANCELLED, writer, zgr_writer_commit(writer, listen, &own, &json));
    CHECK(json == NULL && own.calls == 3);
    own.stop_at = 0;
    INIT(training);
    training.flags = ZGR_TRAIN_FULL;
    training.epochs = 2;
    EXPECT(ZGR_OK, writer, zgr_writer_train(writer, &training, listen, &own, &json));
    CHECK(contains(json, "\"added\":1") && own.calls > 4 && own.last_total > 0);
    zgr_free(json);
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
    expect_best(index, "a ball that sinks slowly in oil", NULL, "spheres");

    INIT(options);
    options.k = 1;
    options.mode = ZGR_MODE_GENERATIVE;
    options.flags = ZGR_SEARCH_EXPLAIN;
    options.instruction = "Find the experiment that is described.";
    options.instruction_len = ZGR_NTS;
    EXPECT(ZGR_OK, index, zgr_search(index, "oscillation of aerofoils", ZGR_NTS, &options, &result));
    EXPECT(ZGR_OK, result, zgr_result_explain(result, 0, &json));
    CHECK(contains(json, "\"decisions\":[{") && contains(json, "\"text\":\""));
    zgr_free(json);
    INIT(snippets);
    snippets.flags = ZGR_SNIPPET_MEANING;
    snippets.format = ZGR_SNIPPET_HTML;
    EXPECT(ZGR_OK, result, zgr_result_snippet(result, 0, &snippets, &json));
    CHECK(contains(json, "wings"));
    zgr_free(json);
    EXPECT(ZGR_OK, NULL, zgr_close(result));
    EXPECT(ZGR_OK, NULL, zgr_close(index));
}

/* What needs a model says so, and everything else works. */
static void test_without_runtime(void) {
    zgr_index *index = NULL;
    zgr_search_options options;
    zgr_result *result = NULL;
    zgr_writer *writer;
    char *json = NULL;
    EXPECT(ZGR_OK, NULL, zgr_open(in_folder("models.zgr"), ZGR_NTS, NULL, &index));
    EXPECT(ZGR_RUNTIME, index, zgr_search(index, "wings", ZGR_NTS, NULL, &result));
    CHECK(contains(zgr_errmsg(index), "zerogr setup"));
    INIT(options);
    options.mode = ZGR_MODE_LEXICAL;
    expect_best(index, "wings", &options, "wings");
    EXPECT(ZGR_OK, index, zgr_get(index, "cones", ZGR_NTS, &json));
    zgr_free(json);
    EXPECT(ZGR_OK, index, zgr_info(index, &json));
    zgr_free(json);
    writer = writer_of(index);
    add(writer, "new", "New", "Without an encoder this has to wait.", NULL);
    EXPECT(ZGR_RUNTIME, writer, zgr_writer_commit(writer, NULL, NULL, &json));
    CHECK(json == NULL);
    EXPECT(ZGR_OK, writer, zgr_writer_rollback(writer));
    EXPECT(ZGR_OK, writer, zgr_writer_delete(writer, "cones", ZGR_NTS, NULL));
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
    EXPECT(ZGR_OK, index, zgr_vacuum(index, NULL));
    EXPECT(ZGR_OK, index, zgr_backup(index, in_folder("moved.zgr"), ZGR_NTS));
    EXPECT(ZGR_OK, NULL, zgr_check(in_folder("moved.zgr"), ZGR_NTS, ZGR_CHECK_FULL, NULL));
    EXPECT(ZGR_OK, NULL, zgr_close(index));
    EXPECT(ZGR_RUNTIME, NULL, zgr_create(in_folder("n.zgr"), ZGR_NTS, NULL, &index));
}

/* Handles count up, so one that was not closed is found. */
static void expect_all_closed(void) {
    uintptr_t handle;
    for (handle = 1; handle < 10000; handle++) {
        CHECK(zgr_close((void *)handle) == ZGR_MISUSE);
    }
}

int main(int argc, char **argv) {
    const char *part = argc == 3 ? argv[2] : "";
    CHECK(argc == 3 && strlen(argv[1]) < sizeof folder);
    strcpy(folder, argv[1]);
    if (strcmp(part, "words") == 0) {
        test_search(ZGR_ENCODER_NONE);
        test_round_trip();
        test_changes();
        test_errors();
        test_misuse();
        test_threads();
        test_fork();
    } else if (strcmp(part, "models") == 0) {
        test_search(ZGR_ENCODER_DEFAULT);
        test_training();
    } else if (strcmp(part, "no-runtime") == 0) {
        test_without_runtime();
    } else {
        CHECK(!"a known part");
    }
    expect_all_closed();
    printf("%s: passed\n", part);
    return 0;
}
