"""Threads."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import zerogr


def test_searches_go_on_while_one_writes(papers):
    stop = threading.Event()
    faults = []

    def look():
        try:
            while not stop.is_set():
                result = papers.search("thin wings", mode="lexical")
                count = len(result.documents())
                assert result[0].id == "wings" and count == len(result)
                assert papers.search("thin wings", k=3)[0].id == "wings"
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(8):
        with papers.writer() as writer:
            writer.add({"id": f"new-{number}", "text": f"remark {number} on something else"})
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(papers) == 3 + 8


def test_threads_take_turns_at_a_writer(words):
    with words.writer() as writer, ThreadPoolExecutor(8) as pool:
        block = lambda thread: writer.add(  # noqa: E731
            {"id": f"{thread}-{number}", "text": "word"} for number in range(1500)
        )
        assert list(pool.map(block, range(8))) == [1500] * 8
    assert len(words) == 3 + 8 * 1500


def test_a_thread_that_waits_for_the_writer_lets_others_go_on(words):
    """With the GIL held, the other thread could never give the lock back."""
    writer = words.writer()
    is_waiting = threading.Event()

    def wait():
        is_waiting.set()
        words.writer(wait=60).close()

    thread = threading.Thread(target=wait)
    thread.start()
    is_waiting.wait()
    # Longer than threads take turns, so that it is inside.
    threading.Event().wait(0.2)
    writer.close()
    thread.join()


def test_others_run_during_a_training(papers):
    """Nobody is made to give the GIL back: others count only while the training does without it."""

    class Enough(Exception):
        pass

    counted = 0
    is_over = threading.Event()

    def count():
        nonlocal counted
        while not is_over.wait(0.001):
            counted += 1

    between = []

    def progress(*told):
        between.append(counted)
        if between[-1] > between[0] or len(between) == 1000:
            raise Enough

    thread = threading.Thread(target=count)
    switch_interval_s = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    try:
        thread.start()
        with pytest.raises(Enough):
            papers.train(epochs=1_000_000, max_examples=10**12, progress=progress)
    finally:
        sys.setswitchinterval(switch_interval_s)
        is_over.set()
        thread.join()
    assert between[-1] > between[0]


def test_the_progress_of_a_writer_cannot_use_it(papers):
    writer = papers.writer()
    writer.add({"id": "a", "text": "word"})
    with pytest.raises(RuntimeError, match="at work"):
        writer.commit(progress=lambda *_: writer.rollback())
    # Told where nothing can be undone any more, it may come too late.
    assert writer.commit()["added"] + papers.count(where="id('a')") in (1, 2)
    writer.close()


def test_a_writer_at_the_same_time_in_another_handle(words):
    other = zerogr.Index.open(words.path, wait=60)
    writer = words.writer()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.merge)
        writer.add({"id": "a", "text": "word"})
        writer.commit()
        writer.close()
        waiting.result()
    assert "a" in other
