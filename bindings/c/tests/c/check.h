/* What the test programs share. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zerogr.h>

/* Ends the program where something is not so; any thread may. */
#define CHECK(so)                                                                    \
    do {                                                                             \
        if (!(so)) {                                                                 \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #so);         \
            _Exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* Ends the program where a call does not return a code; `handle` is what it was about. */
#define EXPECT(code, handle, call)                                                   \
    do {                                                                             \
        int got_ = (call);                                                           \
        if (got_ != (code)) {                                                        \
            fprintf(stderr, "%s:%d: %s gave %d: %s\n", __FILE__, __LINE__, #call,    \
                    got_, zgr_errmsg(handle));                                       \
            _Exit(1);                                                                 \
        }                                                                            \
        CHECK(zgr_errcode(handle) == got_);                                          \
    } while (0)

/* A struct with all defaults. */
#define INIT(options)                                                                \
    do {                                                                             \
        memset(&(options), 0, sizeof(options));                                      \
        (options).struct_size = sizeof(options);                                     \
    } while (0)

#endif
