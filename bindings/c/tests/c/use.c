/* Every function as a user calls it, and what is said when it fails. */
#include "parts.h"

void test_search(uint32_t encoder) {
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
    CHECK(contains(text, "\"marks\":[{\"bytes\":{\"start\":0,\"end\":4},"
                         "\"chars\":{\"start\":0,\"end\":4},\"kind\":\"word\"}"));
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
void test_round_trip(void) {
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

void test_changes(void) {
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
void test_errors(void) {
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

/* A file of clicks: each document of `fill` is the answer to some queries. */
static const char *clicks(void) {
    static const char *const answers[][2] = {
        {"thin wings shake", "wings"}, {"aerofoils in wind", "wings"},
        {"flutter of a wing", "wings"}, {"hot plate", "plates"},
        {"heat in a plate", "plates"},  {"cooling of plates", "plates"},
        {"shock at a cone", "cones"},   {"cones in a fast stream", "cones"},
    };
    const char *path = in_folder("clicks.tsv");
    FILE *file = fopen(path, "wb");
    size_t i;
    CHECK(file != NULL);
    fputs("query\tid\tweight\n", file);
    for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        fprintf(file, "%s\t%s\t1\n", answers[i][0], answers[i][1]);
    }
    CHECK(fclose(file) == 0);
    return path;
}

static void test_judgements(zgr_index *index, zgr_writer *writer) {
    zgr_index *reader;
    zgr_train_options training;
    char *json = NULL;
    heard own = {NULL, 0, 1, 0};
    own.writer = writer;
    INIT(training);
    training.epochs = 1;
    EXPECT(ZGR_CANCELLED, writer,
           zgr_writer_train_from_judgements(writer, clicks(), ZGR_NTS, NULL, 0, &training, listen,
                                            &own, &json));
    CHECK(json == NULL && own.calls == 1);
    own.stop_at = 0;
    EXPECT(ZGR_OK, writer,
           zgr_writer_train_from_judgements(writer, clicks(), ZGR_NTS, "test", ZGR_NTS, &training,
                                            listen, &own, &json));
    CHECK(contains(json, "\"queries\":8") && contains(json, "\"parts\":[{") && own.calls > 4);
    zgr_free(json);
    EXPECT(ZGR_OK, writer, zgr_writer_forget_judgements(writer, &json));
    CHECK(contains(json, "\"generation\":"));
    zgr_free(json);
    EXPECT(ZGR_OK, writer, zgr_writer_forget_judgements(writer, NULL));
    EXPECT(ZGR_NOT_FOUND, writer,
           zgr_writer_train_from_judgements(writer, in_folder("none.tsv"), ZGR_NTS, NULL, 0, NULL,
                                            NULL, NULL, &json));
    CHECK(json == NULL);

    EXPECT(ZGR_LOCKED, index, zgr_set_expansion_weight(index, 0.1));
    EXPECT(ZGR_OK, NULL, zgr_close(writer));
    EXPECT(ZGR_INVALID_INPUT, index, zgr_set_expansion_weight(index, -1.0));
    EXPECT(ZGR_OK, index, zgr_set_expansion_weight(index, 0.25));
    EXPECT(ZGR_OK, index, zgr_info(index, &json));
    CHECK(contains(json, "\"expansion_weight\":0.25"));
    zgr_free(json);
    EXPECT(ZGR_OK, index, zgr_snapshot(index, &reader));
    EXPECT(ZGR_READ_ONLY, reader, zgr_set_expansion_weight(reader, 0.5));
    EXPECT(ZGR_OK, NULL, zgr_close(reader));
    EXPECT(ZGR_OK, index, zgr_set_expansion_weight(index, 0.0));
}

void test_training(void) {
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
    test_judgements(index, writer);
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
void test_without_runtime(void) {
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
