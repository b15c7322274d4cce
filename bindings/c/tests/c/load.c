/* Eight threads search while one writer commits every second: no error, no commit lost, flat memory.
 *
 *     load FOLDER SECONDS [words|planned]
 *
 * Prints how many searches were answered, how long they took, and the memory after a quarter of the time
 * and at the end.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define DOCUMENTS 2000
#define ADDED_PER_COMMIT 5

static const char *const WORDS[] = {"wing",  "plate", "stream", "shock", "tube",   "cone",  "heat",
                                    "layer", "wave",  "nozzle", "jet",   "vortex", "blade", "gas"};
#define WORD_COUNT (sizeof WORDS / sizeof WORDS[0])

/* Latencies in steps of 100 microseconds, the last one for all that took longer. */
#define STEPS 50000

typedef struct reader {
    zgr_index *index;
    uint32_t mode;
    unsigned seed;
    unsigned long searches;
    unsigned long *steps;
} reader;

static double end_s;

static double now_s(void) {
    struct timespec time;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static unsigned next(unsigned *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static const char *word(unsigned *seed) { return WORDS[next(seed) % WORD_COUNT]; }

static double resident_mb(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long all = 0, resident = 0;
    if (file == NULL) {
        return 0;
    }
    CHECK(fscanf(file, "%lu %lu", &all, &resident) == 2);
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void add(zgr_writer *writer, const char *id, unsigned *seed) {
    zgr_document document;
    char text[512] = "";
    int words;
    for (words = 0; words < 40; words++) {
        strcat(text, word(seed));
        strcat(text, " ");
    }
    INIT(document);
    document.id = id;
    document.id_len = ZGR_NTS;
    document.text = text;
    document.text_len = ZGR_NTS;
    EXPECT(ZGR_OK, writer, zgr_writer_add(writer, &document));
}

static void *read_all_the_time(void *argument) {
    reader *own = (reader *)argument;
    zgr_search_options options;
    INIT(options);
    options.mode = own->mode;
    while (now_s() < end_s) {
        zgr_result *result = NULL;
        zgr_hit hit;
        char query[64], *snippet = NULL;
        size_t count = 0, step;
        double begun_s = now_s();
        snprintf(query, sizeof query, "%s in a %s", word(&own->seed), word(&own->seed));
        EXPECT(ZGR_OK, own->index, zgr_search(own->index, query, ZGR_NTS, &options, &result));
        EXPECT(ZGR_OK, result, zgr_result_count(result, &count, NULL));
        CHECK(count == 10);
        INIT(hit);
        EXPECT(ZGR_OK, result, zgr_result_hit(result, 0, &hit));
        EXPECT(ZGR_OK, result, zgr_result_snippet(result, 0, NULL, &snippet));
        zgr_free(snippet);
        zgr_close(result);
        step = (size_t)((now_s() - begun_s) * 1e4);
        own->steps[step < STEPS ? step : STEPS - 1] += 1;
        own->searches += 1;
    }
    return NULL;
}

static double percentile_ms(const unsigned long *steps, unsigned long searches, double share) {
    unsigned long seen = 0;
    size_t step;
    for (step = 0; step < STEPS - 1; step++) {
        seen += steps[step];
        if ((double)seen >= share * (double)searches) {
            break;
        }
    }
    return (double)(step + 1) / 10;
}

static unsigned long *new_steps(void) {
    unsigned long *steps = (unsigned long *)calloc(STEPS, sizeof(unsigned long));
    CHECK(steps != NULL);
    return steps;
}

int main(int argc, char **argv) {
    int is_planned = argc == 4 && strcmp(argv[3], "planned") == 0;
    double seconds = argc >= 3 ? atof(argv[2]) : 0, begun_s, warm_mb = 0, end_mb, slept_until_s;
    unsigned long *steps = new_steps(), searches = 0, commits = 0, number;
    zgr_create_options creating;
    zgr_index *index = NULL;
    zgr_writer *writer = NULL;
    pthread_t threads[THREADS];
    reader readers[THREADS];
    unsigned seed = 1;
    char path[2048], id[64], *json = NULL;
    size_t step;
    CHECK(argc >= 3 && seconds > 0);
    snprintf(path, sizeof path, "%s/load.zgr", argv[1]);

    INIT(creating);
    creating.encoder = is_planned ? ZGR_ENCODER_DEFAULT : ZGR_ENCODER_NONE;
    EXPECT(ZGR_OK, NULL, zgr_create(path, ZGR_NTS, &creating, &index));
    EXPECT(ZGR_OK, index, zgr_writer_open(index, 0, &writer));
    for (number = 0; number < DOCUMENTS; number++) {
        snprintf(id, sizeof id, "first-%lu", number);
        add(writer, id, &seed);
    }
    EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));

    begun_s = now_s();
    end_s = begun_s + seconds;
    for (number = 0; number < THREADS; number++) {
        readers[number].index = index;
        readers[number].mode = is_planned ? ZGR_MODE_PLANNED : ZGR_MODE_LEXICAL;
        readers[number].seed = (unsigned)number * 7919u + 1;
        readers[number].searches = 0;
        readers[number].steps = new_steps();
        CHECK(pthread_create(&threads[number], NULL, read_all_the_time, &readers[number]) == 0);
    }
    slept_until_s = begun_s;
    while (now_s() < end_s) {
        struct timespec pause;
        for (number = 0; number < ADDED_PER_COMMIT; number++) {
            snprintf(id, sizeof id, "later-%lu", commits * ADDED_PER_COMMIT + number);
            add(writer, id, &seed);
        }
        EXPECT(ZGR_OK, writer, zgr_writer_commit(writer, NULL, NULL, NULL));
        commits += 1;
        if (warm_mb == 0 && now_s() > begun_s + seconds / 4) {
            warm_mb = resident_mb();
        }
        slept_until_s += 1;
        pause.tv_sec = 0;
        pause.tv_nsec = 1000 * 1000;
        while (now_s() < slept_until_s && now_s() < end_s) {
            nanosleep(&pause, NULL);
        }
    }
    for (number = 0; number < THREADS; number++) {
        CHECK(pthread_join(threads[number], NULL) == 0);
        searches += readers[number].searches;
        for (step = 0; step < STEPS; step++) {
            steps[step] += readers[number].steps[step];
        }
        free(readers[number].steps);
    }
    CHECK(searches > 0 && commits > 0);

    end_mb = resident_mb();
    printf("%lu searches, %.0f a second; p50 %.1f ms, p95 %.1f ms, p99 %.1f ms; %lu commits; "
           "resident %.1f MB, at the end %.1f MB\n",
           searches, (double)searches / seconds, percentile_ms(steps, searches, 0.50),
           percentile_ms(steps, searches, 0.95), percentile_ms(steps, searches, 0.99), commits,
           warm_mb, end_mb);

    /* Every commit is in the file that somebody else opens. */
    zgr_close(writer);
    zgr_close(index);
    EXPECT(ZGR_OK, NULL, zgr_open(path, ZGR_NTS, NULL, &index));
    for (number = 0; number < commits * ADDED_PER_COMMIT; number++) {
        snprintf(id, sizeof id, "later-%lu", number);
        EXPECT(ZGR_OK, index, zgr_get(index, id, ZGR_NTS, &json));
        zgr_free(json);
    }
    EXPECT(ZGR_OK, NULL, zgr_check(path, ZGR_NTS, ZGR_CHECK_FULL, NULL));
    zgr_close(index);
    free(steps);
    return 0;
}
