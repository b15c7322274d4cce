#!/bin/sh
# Installs the C library: zerogr.h, libzerogr (shared and static) and zerogr.pc.
#
#     bindings/c/install.sh PREFIX [--from FOLDER]
#
# Builds it first, unless the folder of built libraries is given. Needs cargo, a C compiler and sh; DESTDIR
# is put before the prefix where files go.
set -eu

if [ $# -eq 1 ] && [ "$1" != --help ]; then
    from=
elif [ $# -eq 3 ] && [ "$2" = --from ]; then
    from=$3
else
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
prefix=$1
here=$(cd "$(dirname "$0")" && pwd)
# In a checkout the packages have their version together, in the package that is published each its own.
version=$(cat "$here/Cargo.toml" "$here/../../Cargo.toml" 2>/dev/null |
    sed -n 's/^version = "\([^"]*\)".*/\1/p' | head -1)
# Before version 1 each minor version may change the interface.
case $version in
    0.*) series=$(echo "$version" | cut -d. -f1-2) ;;
    *) series=${version%%.*} ;;
esac

if [ -z "$from" ]; then
    target=${CARGO_TARGET_DIR:-$here/../../target}
    (cd "$here" && cargo build --locked --release --package zerogr-c --lib --target-dir "$target")
    from=$target/release
fi

into=${DESTDIR:-}$prefix
mkdir -p "$into/include" "$into/lib/pkgconfig"
cp "$here/include/zerogr.h" "$into/include/"
cp "$from/libzerogr_c.a" "$into/lib/libzerogr.a"
case $(uname -s) in
    Darwin)
        cp "$from/libzerogr_c.dylib" "$into/lib/libzerogr.$version.dylib"
        ln -sf "libzerogr.$version.dylib" "$into/lib/libzerogr.$series.dylib"
        ln -sf "libzerogr.$series.dylib" "$into/lib/libzerogr.dylib"
        system="-lSystem -lc -lm -framework CoreFoundation"
        ;;
    *)
        cp "$from/libzerogr_c.so" "$into/lib/libzerogr.so.$version"
        ln -sf "libzerogr.so.$version" "$into/lib/libzerogr.so.$series"
        ln -sf "libzerogr.so.$series" "$into/lib/libzerogr.so"
        system="-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc"
        ;;
esac
# Names of functions stay, for backtraces; the lines of the source would be most of the bytes.
strip -S "$into/lib/libzerogr.a" "$into"/lib/libzerogr.*"$version"*

cat >"$into/lib/pkgconfig/zerogr.pc" <<PC
prefix=$prefix
includedir=\${prefix}/include
libdir=\${prefix}/lib

Name: zerogr
Description: Search your own documents by meaning, offline, from one index file
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lzerogr
Libs.private: $system
PC
