#!/bin/sh
# Runs the C test program under valgrind: no error, and nothing lost. Takes minutes.
#
#     bindings/c/valgrind.sh
#
# The library is linked statically, so that valgrind can name its functions. The parts with models need
# what `zerogr setup` installs. What belongs to others is in `valgrind.supp`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$(cd "$here/../.." && pwd)/target}
(cd "$here" && cargo build --locked --package zerogr-c --lib --target-dir "$target")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/install.sh" "$work" --from "$target/debug"
rm "$work"/lib/libzerogr.so*
export PKG_CONFIG_PATH="$work/lib/pkgconfig"
# shellcheck disable=SC2046
${CC:-cc} -g -std=c99 "$here/tests/c/interface.c" "$here/tests/c/use.c" \
    "$here/tests/c/misuse.c" -o "$work/interface" \
    $(pkg-config --cflags --libs --static zerogr)

# A part of the test program, and its folder.
check() {
    mkdir -p "$work/$2"
    valgrind --quiet --error-exitcode=99 --leak-check=full --child-silent-after-fork=yes \
        --suppressions="$here/valgrind.supp" "$work/interface" "$work/$2" "$1"
}
check words words
check models models
ZEROGR_ORT=$work/none check no-runtime models
