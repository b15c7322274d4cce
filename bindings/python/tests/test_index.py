"""An index from the first document to the last."""

from __future__ import annotations

import pickle

import pytest

import zerogr
from conftest import PAPERS


def ids(result):
    return [hit.id for hit in result]


def test_documents_come_back_as_they_were(words):
    assert (len(words), "wings" in words, "wing" in words) == (3, True, False)
    assert words.ids() == ["wings", "plates", "balken"]
    document = words.get("wings")
    assert document["_id"] == "wings"
    assert {name: document[name] for name in PAPERS[0] if name != "id"} == {
        name: value for name, value in PAPERS[0].items() if name != "id"
    }
    assert words.get("nobody") is None


def test_a_writer_commits_at_the_end_and_forgets_at_an_exception(words):
    with words.writer() as writer:
        assert writer.add({"id": "new", "text": "a propeller"}) == 1
        assert "new" not in words
    assert "new" in words
    with pytest.raises(KeyError), words.writer() as writer:
        assert writer.delete("new") == 1
        raise KeyError("new")
    assert "new" in words
    # The lock was given back each time.
    with words.writer() as writer:
        assert writer.delete(["new", "nobody", "wings"]) == 2
        assert writer.commit()["deleted"] == 2
        writer.add({"id": "later", "text": "forgotten"})
        writer.rollback()
    assert words.ids() == ["plates", "balken"]
    with pytest.raises(zerogr.InvalidInputError, match="writer is closed"):
        writer.commit()


def test_a_snapshot_stays_and_another_handle_catches_up(words):
    other = zerogr.Index.open(words.path)
    before = other.snapshot()
    with words.writer() as writer:
        writer.delete("wings")
    assert len(other) == 3
    assert other.refresh() and not other.refresh()
    assert (len(other), len(before)) == (2, 3)
    assert ids(before.search("wing flutter")) == ["wings"]
    assert ids(other.search("wing flutter")) == []
    assert before.generation < other.snapshot().generation
    assert before.get("wings")["title"] == "Wing flutter"


def test_fields_filter_count_and_sort(words):
    assert words.count() == 3
    assert words.count(where="year >= 1960 and lang = 'en'") == 1
    assert words.facet("lang") == [("en", 2), ("de", 1)]
    assert words.facet(("year", [1960, 1970]), where="lang = 'en'") == [
        ("below 1960", 1),
        ("from 1960 below 1970", 1),
        ("from 1970", 0),
    ]
    assert words.list(sort="year", descending=True, limit=2) == ["balken", "plates"]
    assert words.list(where="tag('heat')") == ["plates"]
    with pytest.raises(zerogr.InvalidInputError, match="column"):
        words.count(where="year >=")


def test_declared_fields_have_their_type(tmp_path):
    index = zerogr.Index.create(tmp_path / "a.zgr", encoder=None, fields={"mass": "float"})
    with index.writer() as writer:
        writer.add({"id": "a", "metadata": {"mass": 2}})
        writer.add({"id": "b", "metadata": {"mass": 2.5}})
    assert index.list(where="mass > 2") == ["b"]
    with pytest.raises(zerogr.InvalidInputError, match="'a'|\"a\""):
        with index.writer() as writer:
            writer.add({"id": "a", "metadata": {"mass": "much"}})


def test_an_index_is_copied_checked_and_made_smaller(words, tmp_path):
    words.backup(tmp_path / "copy.zgr")
    with words.writer() as writer:
        writer.delete("wings")
        writer.commit()
        before, after = writer.vacuum()
    assert before > after
    words.backup(tmp_path / "small.zgr", vacuum=True)
    assert len(zerogr.Index.open(tmp_path / "copy.zgr")) == 3
    assert len(zerogr.Index.open(tmp_path / "small.zgr", mmap=True)) == 2
    assert words.check()["is_ok"]
    assert words.merge()["segments"] == 1
    info = words.info()
    assert (info["documents"], info["segments"]) == (2, 1)


def test_what_is_closed_says_so(words):
    snapshot = words.snapshot()
    with words as index:
        assert index is words
    for use in (words.ids, words.snapshot, words.writer, lambda: words.search("wing")):
        with pytest.raises(zerogr.InvalidInputError, match="index is closed"):
            use()
    assert "closed" in repr(words)
    assert len(snapshot) == 3


def test_an_index_is_not_pickled(words):
    with pytest.raises(TypeError):
        pickle.dumps(words)


def test_equal_input_gives_equal_bytes(tmp_path):
    for name in ("a.zgr", "b.zgr"):
        index = zerogr.Index.create(tmp_path / name, encoder=None, seed=7)
        with index.writer() as writer:
            writer.add(PAPERS)
    assert (tmp_path / "a.zgr").read_bytes() == (tmp_path / "b.zgr").read_bytes()
