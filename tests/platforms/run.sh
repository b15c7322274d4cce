#!/usr/bin/env bash
# Runs the tests that need no models on another platform: ARM64 Linux under qemu, or Windows under Wine.
#
#   tests/platforms/run.sh arm64|windows FOLDER [TEST...]
#
# needs Debian or a system like it, root, and `apt-get install mmdebstrap`. FOLDER gets an environment of
# Debian's unstable suite (2 GB, made once), a cache of crates and target folders. Tests of the whole list
# below are run, or those that are named: `lib`, `store`, ...
#
# The library and its tests are compiled here for the other platform, by gcc of that platform. For Windows
# Debian has no standard library of Rust, so it is built of its sources. What emulation cannot show: how
# weakly ordered memory of a real ARM64 is (qemu orders as this processor does), whether a sync reaches the
# disk, and what NTFS and its filters (virus scanners, indexers) do to files in use: Wine maps calls of
# Windows to this kernel's. Wine 10 knows no rename over an open file (`FileRenameInfoEx`, in Windows since
# 10.1607), so a vacuum in place is refused there, and its tests fail; and it has no Python, so those that
# ask the second reader of the format do.
set -euo pipefail
platform=$1 folder=$(realpath -m "$2")
shift 2
repository=$(realpath "$(dirname "$0")/../..")
# Without models: ONNX Runtime of the other platform would have to be there.
programs=(lib format generate index store fault decode fuzz_corpus)
[[ $# -gt 0 ]] && programs=("$@")

root=$folder/root
if [[ ! -e $root/made ]]; then
    mkdir -p "$folder"
    include=ca-certificates,cargo,gcc,gcc-aarch64-linux-gnu,gcc-mingw-w64-x86-64,libc6-dev,python3,qemu-user
    include+=,rust-src,rustc,wine,wine64
    include+=,libc6:arm64,libc6-dev:arm64,libgcc-s1:arm64,libstd-rust-dev:arm64
    mmdebstrap --aptopt='Acquire::Check-Valid-Until "false"' --variant=apt --architectures=amd64,arm64 \
        --include="$include" sid "$root"
    touch "$root/made"
fi
# Each platform has its own, because what is built for this machine differs, too.
built=$folder/target/$platform
mkdir -p "$root/work" "$folder/cargo" "$built" "$root/cargo" "$root/target"

# The crates, by the cargo of this machine, which knows where they are to be had.
fetch() {
    RUSTC_BOOTSTRAP=1 CARGO_HOME=$folder/cargo cargo fetch --quiet --locked --manifest-path "$1"
}
fetch "$repository/Cargo.toml"
fetch "$(echo "$root"/usr/src/rustc-*/library/Cargo.toml)"

case $platform in
    arm64)
        target=aarch64-unknown-linux-gnu
        build=()
        environment=(
            CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
            CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
            CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
        )
        # Programs that a test starts run by the same emulator, where the kernel can be told so.
        binfmt=/proc/sys/fs/binfmt_misc
        if [[ -w $binfmt/register && ! -e $binfmt/zerogr-aarch64 ]]; then
            magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
            mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
            echo ":zerogr-aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64:" >"$binfmt/register"
        fi
        ;;
    windows)
        target=x86_64-pc-windows-gnu
        build=(-Zbuild-std=std,panic_abort,panic_unwind)
        environment=(
            CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc
            CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine
            CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc
            RUSTC_BOOTSTRAP=1 WINEDEBUG=-all WINEPREFIX=/target/wine
        )
        ;;
    *)
        echo "$0: unknown platform $platform" >&2
        exit 2
        ;;
esac

tests=()
for program in "${programs[@]}"; do
    [[ $program == lib ]] && tests+=(--lib) || tests+=(--test "$program")
done
# In mounts of its own, which end with it.
export root folder repository built
unshare --mount --fork bash -euo pipefail -c '
    mount --bind "$repository" "$root/work"
    mount --bind "$folder/cargo" "$root/cargo"
    mount --bind "$built" "$root/target"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || true
    exec chroot "$root" /usr/bin/env -i "$@"
' bash HOME=/root PATH=/usr/bin:/bin CARGO_HOME=/cargo CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 \
    CARGO_PROFILE_DEV_DEBUG=0 "${environment[@]}" \
    sh -c 'cd /work && exec cargo test "$@"' sh --locked --offline --no-fail-fast --package zerogr \
    --no-default-features --target "$target" ${build[@]+"${build[@]}"} "${tests[@]}"
