/* What no program should do, threads and processes among it: it is told, and does no harm. */
#define _POSIX_C_SOURCE 200809L

#include "parts.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

void test_misuse(void) {
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
    EXPECT(ZGR_MISUSE, NULL,
           zgr_writer_train_from_judgements(NULL, "a", 1, NULL, 0, NULL, NULL, NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_writer_forget_judgements(NULL, &text));
    EXPECT(ZGR_MISUSE, NULL, zgr_set_expansion_weight(NULL, 0.1));
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
    EXPECT(ZGR_MISUSE, writer,
           zgr_writer_train_from_judgements(writer, "a", 1, NULL, 0, &training, NULL, NULL, NULL));
    EXPECT(ZGR_MISUSE, writer,
           zgr_writer_train_from_judgements(writer, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL));

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

void test_threads(void) {
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

void test_fork(void) {
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
