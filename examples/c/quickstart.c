/* A first index in C: three documents, a training, a search with snippets.
 *
 *     cc quickstart.c $(pkg-config --cflags --libs zerogr) -o quickstart
 *     ./quickstart papers.zgr "why do wings shake?"
 *
 * `zerogr setup` installs what the default encoder needs; with --words the index does without it.
 */
#include <stdio.h>
#include <string.h>
#include <zerogr.h>

/* Says what went wrong with a handle, and gives the code. */
static int say(int code, const void *handle) {
    if (code != ZGR_OK) {
        fprintf(stderr, "error %d: %s\n", code, zgr_errmsg(handle));
    }
    return code;
}

static int add(zgr_writer *writer, const char *id, const char *title, const char *text,
               const char *rest) {
    zgr_document document;
    memset(&document, 0, sizeof document);
    document.struct_size = sizeof document;
    document.id = id;
    document.id_len = ZGR_NTS;
    document.title = title;
    document.title_len = ZGR_NTS;
    document.text = text;
    document.text_len = ZGR_NTS;
    document.rest = rest;
    document.rest_len = ZGR_NTS;
    return say(zgr_writer_add(writer, &document), writer);
}

/* Shows how far a training is. To return something else than 0 would cancel it. */
static int show(void *context, const char *stage, size_t done, size_t total) {
    (void)context;
    fprintf(stderr, "%s: %lu of %lu\n", stage, (unsigned long)done, (unsigned long)total);
    return 0;
}

static int fill(zgr_index *index, int has_encoder) {
    zgr_writer *writer = NULL;
    int code = say(zgr_writer_open(index, 0, &writer), index);
    if (code != ZGR_OK) {
        return code;
    }
    code = add(writer, "doc-1", "Wing flutter", "Thin wings may vibrate in a fast stream.",
               "{\"metadata\": {\"year\": 1957}}");
    if (code == ZGR_OK) {
        code = add(writer, "doc-2", "Heat transfer", "Plates grow warm in a hot stream.",
                   "{\"metadata\": {\"year\": 1962}}");
    }
    if (code == ZGR_OK) {
        code = add(writer, "doc-3", "Shock tubes", "A gas is driven through a tube.",
                   "{\"metadata\": {\"year\": 1970}}");
    }
    if (code == ZGR_OK && has_encoder) {
        code = say(zgr_writer_train(writer, NULL, show, NULL, NULL), writer);
    } else if (code == ZGR_OK) {
        code = say(zgr_writer_commit(writer, NULL, NULL, NULL), writer);
    }
    zgr_close(writer);
    return code;
}

static int print_hits(zgr_result *result) {
    size_t place, count = 0;
    int code = say(zgr_result_count(result, &count, NULL), result);
    for (place = 0; code == ZGR_OK && place < count; place++) {
        zgr_snippet_options snippets;
        zgr_hit hit;
        char *snippet = NULL;
        memset(&hit, 0, sizeof hit);
        hit.struct_size = sizeof hit;
        memset(&snippets, 0, sizeof snippets);
        snippets.struct_size = sizeof snippets;
        snippets.open = snippets.close = "*";
        snippets.open_len = snippets.close_len = ZGR_NTS;
        code = say(zgr_result_hit(result, place, &hit), result);
        if (code == ZGR_OK) {
            code = say(zgr_result_snippet(result, place, &snippets, &snippet), result);
        }
        if (code == ZGR_OK) {
            printf("%6.3f  %s  [%s]\n        %s\n", hit.score, hit.id, hit.docid, snippet);
        }
        zgr_free(snippet);
    }
    return code;
}

static int search(zgr_index *index, const char *query) {
    zgr_search_options options;
    zgr_result *result = NULL;
    int code;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.k = 2;
    options.filter = "year < 1970";
    options.filter_len = ZGR_NTS;
    code = say(zgr_search(index, query, ZGR_NTS, &options, &result), index);
    if (code == ZGR_OK) {
        code = print_hits(result);
    }
    zgr_close(result);
    return code;
}

int main(int argc, char **argv) {
    zgr_create_options options;
    zgr_index *index = NULL;
    int has_encoder = argc < 4 || strcmp(argv[3], "--words") != 0;
    int code;
    if (argc < 3) {
        fprintf(stderr, "use: quickstart INDEX QUERY [--words]\n");
        return 2;
    }
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.encoder = has_encoder ? ZGR_ENCODER_DEFAULT : ZGR_ENCODER_NONE;
    code = say(zgr_create(argv[1], ZGR_NTS, &options, &index), NULL);
    if (code == ZGR_OK) {
        code = fill(index, has_encoder);
    }
    if (code == ZGR_OK) {
        code = search(index, argv[2]);
    }
    zgr_close(index);
    return code == ZGR_OK ? 0 : 1;
}
