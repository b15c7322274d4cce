#!/usr/bin/env bash
# Fuzzes one target: fuzz/run.sh TARGET [SECONDS]. Slow inputs and large allocations are findings.
set -euo pipefail
cd "$(dirname "$0")"
RUSTC_BOOTSTRAP=1 exec cargo fuzz run -s none "$1" -- \
    -max_total_time="${2:-600}" -timeout=10 -rss_limit_mb=2048 -max_len=65536
