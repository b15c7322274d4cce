#!/usr/bin/env bash
# Builds the wheel, installs it into an empty virtual environment, and runs the tests there.
#
#   bindings/python/test.sh [--debug] [--adapters] [PYTHON...]
#
# --debug builds as `cargo test` does, which is sooner done. --adapters installs the libraries of all
# adapters, and their tests must run. Each PYTHON, `python3` if none is given, gets an environment and
# tests the same wheel.
set -euo pipefail
cd "$(dirname "$0")"
profile=(--release)
packages=(pytest numpy pandas)
extras=
while [[ ${1-} == --* ]]; do
    case $1 in
        --debug) profile=() ;;
        --adapters)
            export ZEROGR_ALL_ADAPTERS=1
            extras=[models]
            packages+=(pyarrow matplotlib python-terrier ir-datasets ir-measures)
            packages+=(langchain-core llama-index-core)
            ;;
        *) echo "$0: unknown option $1" >&2 && exit 2 ;;
    esac
    shift
done
[[ $# -gt 0 ]] || set -- python3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$1" -m venv "$place/tools"
"$place/tools/bin/pip" install --quiet maturin==1.16.0
"$place/tools/bin/maturin" build --locked ${profile[@]+"${profile[@]}"} --out "$place/wheels"
wheel=$(echo "$place"/wheels/*.whl)
ls -l "$wheel"
for python in "$@"; do
    rm -rf "$place/environment"
    "$python" -m venv "$place/environment"
    "$place/environment/bin/pip" install --quiet "${packages[@]}" "$wheel$extras"
    "$place/environment/bin/python" --version
    "$place/environment/bin/pytest"
done
