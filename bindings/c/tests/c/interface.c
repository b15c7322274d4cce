/* Every function of the interface, as a user calls it and as no user should.
 *
 *     interface FOLDER words|models|no-runtime
 *
 * `models` needs ONNX Runtime and the encoder and leaves `models.zgr` in the folder, which `no-runtime`
 * opens where neither can be had.
 */
#include "parts.h"

#include <math.h>

char folder[1024];

int contains(const char *text, const char *part) { return strstr(text, part) != NULL; }

const char *in_folder(const char *name) {
    static char path[2048];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

zgr_index *create(const char *name, uint32_t encoder) {
    zgr_create_options options;
    zgr_index *index = NULL;
    INIT(options);
    options.encoder = encoder;
    EXPECT(ZGR_OK, NULL, zgr_create(in_folder(name), ZGR_NTS, &options, &index));
    CHECK(index != NULL);
    return index;
}

zgr_writer *writer_of(zgr_index *index) {
    zgr_writer *writer = NULL;
    EXPECT(ZGR_OK, index, zgr_writer_open(index, 0, &writer));
    return writer;
}

void add(zgr_writer *writer, const char *id, const char *title, const char *text,
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

void fill(zgr_index *index) {
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

void expect_best(zgr_index *index, const char *query, const zgr_search_options *options,
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
