"""Threads that search while a writer commits: errors, commits that are lost, memory, times.

    python load.py [--index INDEX] [--queries FILE.jsonl] [--threads 8] [--seconds 120] [--mode planned]

INDEX is copied and not changed; without one, an index of words is made. Prints what it measured as JSON, and
fails where an error came up, a commit was lost, or memory grew by more than a tenth between the second third
of the time and the last.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import zerogr

WORDS = "wing plate heat flow shear layer shock jet cone body nose wake drag lift boundary".split()


def small_index(path: Path) -> zerogr.Index:
    index = zerogr.Index.create(path, encoder=None)
    with index.writer() as writer:
        writer.add(
            {"id": str(number), "text": " ".join(WORDS[number * step % 15] for step in range(1, 40))}
            for number in range(2_000)
        )
    return index


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Load:
    """Searches and commits, until it is over."""

    def __init__(self, index: zerogr.Index, queries: list[str], mode: str) -> None:
        self.index = index
        self.queries = queries
        self.mode = mode
        self.is_over = threading.Event()
        self.faults: list[BaseException] = []
        self.times: list[list[float]] = []
        self.commits = 0

    def search(self, first: int, times: list[float]) -> None:
        number = first
        while not self.is_over.is_set():
            query = self.queries[number % len(self.queries)]
            number += 1
            started = time.perf_counter()
            result = self.index.search(query, mode=self.mode)
            times.append(time.perf_counter() - started)
            if number % 50 == 0 and len(result.documents()) != len(result):
                raise AssertionError("a hit has no document")

    def write(self) -> None:
        while not self.is_over.wait(1.0):
            with self.index.writer() as writer:
                # Of four places in turn, so that the index does not grow.
                writer.add({"id": f"load-{self.commits % 4}", "text": f"load {self.commits}"})
                writer.commit()
            self.commits += 1

    def guarded(self, work, *arguments) -> threading.Thread:
        def run() -> None:
            try:
                work(*arguments)
            except BaseException as fault:
                self.faults.append(fault)
                self.is_over.set()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def run(self, threads: int, seconds: float) -> dict:
        self.times = [[] for _ in range(threads)]
        work = [self.guarded(self.search, 7 * n, times) for n, times in enumerate(self.times)]
        work.append(self.guarded(self.write))
        memory = []
        started = time.perf_counter()
        while not self.is_over.wait(min(1.0, seconds / 30)):
            memory.append(resident_bytes())
            if time.perf_counter() - started > seconds:
                self.is_over.set()
        for thread in work:
            thread.join()
        elapsed = time.perf_counter() - started
        times = sorted(time for of_thread in self.times for time in of_thread)
        at = lambda share: round(times[int(share * (len(times) - 1))] * 1e3, 3)  # noqa: E731
        third = len(memory) // 3
        return {
            "threads": threads,
            "mode": self.mode,
            "seconds": round(elapsed, 1),
            "searches": len(times),
            "searches_per_s": round(len(times) / elapsed, 1),
            "p50_ms": at(0.5),
            "p95_ms": at(0.95),
            "p99_ms": at(0.99),
            "commits": self.commits,
            "errors": [repr(fault) for fault in self.faults],
            "resident_mb": [
                round(max(part) / 1e6, 1)
                for part in (memory[:third], memory[third : 2 * third], memory[2 * third :])
            ],
        }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--index", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--mode", default="planned")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.zgr"
        if options.index:
            shutil.copyfile(options.index, path)
            index = zerogr.Index.open(path)
        else:
            index = small_index(path)
        queries = [f"{one} {two}" for one in WORDS for two in WORDS]
        if options.queries:
            queries = [json.loads(line)["text"] for line in open(options.queries, encoding="utf-8")]
        before = index.snapshot().generation
        load = Load(index, queries, options.mode)
        report = load.run(options.threads, options.seconds)
        written = zerogr.Index.open(path)
        report["generations"] = written.snapshot().generation - before
        last = written.get(f"load-{(load.commits - 1) % 4}") or {}
        is_kept = load.commits == 0 or last.get("text") == f"load {load.commits - 1}"
        is_kept = is_kept and report["generations"] == load.commits
        print(json.dumps(report))
        _, early, late = report["resident_mb"]
        return int(bool(report["errors"]) or not is_kept or late > early * 1.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
