"""Every failure is an exception of its kind."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

import zerogr
from zerogr import _errors

ROOT = Path(__file__).parents[3]


def test_every_kind_of_the_engine_has_a_class():
    kinds = (ROOT / "src/error.rs").read_text().split("pub enum ErrorKind {")[1].split("\n}")[0]
    kinds = set(re.findall(r"^    (\w+),$", kinds, re.MULTILINE))
    table = (ROOT / "bindings/python/src/error.rs").read_text()
    table = dict(re.findall(r'ErrorKind::(\w+) => "(\w+)"', table))
    assert set(table) == kinds
    classes = {name for name, one in vars(_errors).items() if isinstance(one, type)}
    assert set(table.values()) | {"Error"} == classes
    for name in classes:
        assert issubclass(getattr(zerogr, name), zerogr.Error) and name in zerogr.__all__


def test_what_is_not_there_and_what_is(tmp_path, words):
    with pytest.raises(FileNotFoundError) as missing:
        zerogr.Index.open(tmp_path / "nothing.zgr")
    assert isinstance(missing.value, zerogr.NotFoundError)
    assert missing.value.errno == errno.ENOENT and "nothing.zgr" in str(missing.value)
    with pytest.raises(FileExistsError) as there:
        zerogr.Index.create(words.path, encoder=None)
    assert isinstance(there.value, zerogr.AlreadyExistsError)


def test_what_is_no_index_and_what_is_damaged(tmp_path, words):
    (tmp_path / "note.zgr").write_text("a note, not an index" * 1000)
    with pytest.raises(zerogr.NotAnIndexError):
        zerogr.Index.open(tmp_path / "note.zgr")
    assert zerogr.check(words.path)["is_ok"]
    content = Path(words.path).read_bytes()
    found = 0
    for place in range(0, len(content), 1024):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        (tmp_path / "damaged.zgr").write_bytes(damaged)
        try:
            found += not zerogr.check(tmp_path / "damaged.zgr")["is_ok"]
        except (zerogr.CorruptError, zerogr.NotAnIndexError, zerogr.UnsupportedVersionError):
            found += 1
    assert found > len(content) // 2048
    with pytest.raises(zerogr.CorruptError, match="zerogr recover"):
        (tmp_path / "damaged.zgr").write_bytes(content[: len(content) // 2])
        zerogr.Index.open(tmp_path / "damaged.zgr").search("wing")


def test_a_second_writer_is_refused_or_waits(words):
    with words.writer():
        with pytest.raises(zerogr.LockedError):
            words.writer()
        with pytest.raises(zerogr.LockedError, match="being written"):
            zerogr.Index.open(words.path).vacuum()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may do anything")
def test_what_may_not_be_written(words):
    os.chmod(words.path, 0o400)
    with pytest.raises(PermissionError) as refused:
        words.writer()
    assert isinstance(refused.value, zerogr.PermissionDeniedError)


def test_a_file_that_was_replaced(words, tmp_path):
    other = zerogr.Index.create(tmp_path / "other.zgr", encoder=None)
    other.close()
    os.replace(tmp_path / "other.zgr", words.path)
    with pytest.raises(zerogr.ReplacedError):
        words.refresh()


def test_limits_are_invalid_input(words):
    assert issubclass(zerogr.LimitError, ValueError)
    with words.writer() as writer, pytest.raises(zerogr.LimitError, match="4096 are allowed"):
        writer.add({"id": "a" * 5000})
