"""Ctrl-C ends what takes long, and the index stays whole."""

from __future__ import annotations

import os
import signal
import time

import pytest

import zerogr
from conftest import output_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent in another way there")

MANY = "({'id': str(n), 'text': f'report {n} on matter {n % 97} ' * 8} for n in range(40_000))"

#: What would take hours, or for ever.
WORK = {
    "train": "index.train(epochs=1_000_000, max_examples=10**12)",
    "train with progress": (
        "index.train(epochs=1_000_000, max_examples=10**12, progress=lambda *told: None)"
    ),
    "commit": "writer = index.writer(); writer.add(MANY); say(); writer.commit()",
    "commit at the end": "with index.writer() as writer: writer.add(MANY); say()",
    "add": "index.writer().add({'id': str(n)} for n in iter(int, 1))",
    "search": "index.search(['hot plates and thin wings ' * 100] * 10**6)",
}

CODE = """
import signal, sys, zerogr
# Where the tests run in the background of a shell, it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def say():
    print("now", flush=True)
index = zerogr.Index.open(sys.argv[1])
MANY = {many}
say()
try:
    {work}
except KeyboardInterrupt:
    print("interrupted", len(index), index.search("hot plates")[0].id)
"""


@pytest.mark.parametrize("name", WORK)
def test_ctrl_c(name, papers, child):
    work = WORK[name]
    before = papers.snapshot().generation
    process = child(CODE.format(work=work, many=MANY), papers.path)
    for _ in range(1 + work.count("say()")):
        line = process.stdout.readline()
        assert line == "now\n", process.stderr.read()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert output_of(process) == "interrupted 3 plates\n"
    papers.refresh()
    assert papers.snapshot().generation == before
    assert zerogr.check(papers.path)["is_ok"]
    papers.writer().close()


def test_an_exception_of_the_callback_ends_the_work(papers):
    class Enough(Exception):
        pass

    def progress(stage, done, total):
        raise Enough(stage)

    before = papers.snapshot().generation
    with pytest.raises(Enough):
        papers.train(epochs=1_000_000, max_examples=10**12, progress=progress)
    assert papers.snapshot().generation == before


def test_what_was_added_is_still_pending_after_it(papers):
    calls = []

    def progress(*told):
        calls.append(told)
        raise KeyboardInterrupt

    with papers.writer() as writer:
        writer.add({"id": str(n), "text": f"report {n}"} for n in range(3_000))
        with pytest.raises(KeyboardInterrupt):
            writer.commit(progress=progress)
        assert len(calls) == 1 and len(papers) == 3
        writer.delete(str(n) for n in range(1, 3_000))
        assert writer.commit()["added"] == 1
    assert "0" in papers and len(papers) == 4
