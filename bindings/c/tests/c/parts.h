/* What the parts of the interface's test share, and what they are. */
#ifndef PARTS_H
#define PARTS_H

#include "check.h"

#include <stdint.h>

/* Where indexes are made. */
extern char folder[1024];

int contains(const char *text, const char *part);

/* A path in the folder, good until the next call. */
const char *in_folder(const char *name);

zgr_index *create(const char *name, uint32_t encoder);

zgr_writer *writer_of(zgr_index *index);

void add(zgr_writer *writer, const char *id, const char *title, const char *text,
         const char *rest);

/* Adds three documents. */
void fill(zgr_index *index);

/* The best hit must be `id`; none where it is null. */
void expect_best(zgr_index *index, const char *query, const zgr_search_options *options,
                 const char *id);

/* use.c: every function as a user calls it. */
void test_search(uint32_t encoder);
void test_round_trip(void);
void test_changes(void);
void test_errors(void);
void test_training(void);
void test_without_runtime(void);

/* misuse.c: what no user should do. */
void test_misuse(void);
void test_threads(void);
void test_fork(void);

#endif
