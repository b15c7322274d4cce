"""Documents in whatever they come."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections import UserDict
from types import SimpleNamespace

import pytest

import zerogr


@pytest.fixture
def index(tmp_path):
    return zerogr.Index.create(tmp_path / "a.zgr", encoder=None)


def test_a_generator_is_read_a_block_at_a_time(index):
    read = 0

    def documents():
        nonlocal read
        for number in range(2000):
            read += 1
            yield {"id": str(number), "text": "word"}
        raise RuntimeError("the source broke")

    with index.writer() as writer:
        with pytest.raises(RuntimeError, match="the source broke"):
            writer.add(documents())
        # What came in whole blocks before is there.
        assert 0 < writer.commit()["added"] < 2000
    assert read == 2000
    with index.writer() as writer, pytest.raises(zerogr.InvalidInputError, match="document 1"):
        writer.add({"id": one} for one in ("a", ""))


def test_values_of_python_are_kept(index):
    class Color(enum.IntEnum):
        RED = 3

    number = uuid.uuid4()
    values = {
        "truth": True,
        "color": Color.RED,
        "large": 10**30,
        "half": 0.5,
        "exact": decimal.Decimal("2.50"),
        "number": number,
        "names": ("a", "b"),
        "set": {2, 1},
        "nothing": None,
        "deep": UserDict({"a": [1, {"b": 2}]}),
    }
    with index.writer() as writer:
        writer.add({"id": 7, "text": "text", **values})
    document = index.get("7")
    assert {name: document[name] for name in values} == {
        **values,
        "color": 3,
        "exact": 2.5,
        "number": str(number),
        "names": ["a", "b"],
        "set": [1, 2],
        "deep": {"a": [1, {"b": 2}]},
    }
    assert document["truth"] is True


def test_times_are_fields(index):
    utc = datetime.timezone.utc
    zone = datetime.timezone(datetime.timedelta(hours=2))
    times = {
        "naive": datetime.datetime(2024, 5, 1, 12, 30, 0, 250),
        "utc": datetime.datetime(2024, 5, 1, 12, 30, tzinfo=utc),
        "zone": datetime.datetime(2024, 5, 1, 12, 30, tzinfo=zone),
        "day": datetime.date(2024, 5, 1),
    }
    with index.writer() as writer:
        writer.add({"id": name, "at": time} for name, time in times.items())
        writer.rollback()
        writer.add(({"id": name, "at": time} for name, time in times.items()), fields=["at"])
    assert index.list(sort="at") == ["day", "zone", "utc", "naive"]
    assert index.list(where="at > '2024-05-01T12:30:00Z'") == ["naive"]


@pytest.mark.parametrize(
    ("documents", "error", "message"),
    [
        ("a text", TypeError, "not a text"),
        (7, TypeError, "not iterable"),
        ([7], TypeError, "document 0: a dict is needed"),
        ([{"text": "no id"}], zerogr.InvalidInputError, "document 0: .*_id"),
        ([{"id": "a", "text": 7}], zerogr.InvalidInputError, "must be a string"),
        ([{"id": "a", "x": float("nan")}], zerogr.InvalidInputError, "NaN is not a number"),
        ([{"id": "a", "x": SimpleNamespace()}], TypeError, "SimpleNamespace cannot be kept"),
        ([{"id": "a", 7: 7}], TypeError, "keys of a document are texts"),
        ([{"id": "a", "text": "\ud800"}], UnicodeEncodeError, "surrogates"),
        ([{"id": "a" * 5000}], zerogr.LimitError, "4096"),
    ],
)
def test_what_is_no_document_is_refused(index, documents, error, message):
    with index.writer() as writer:
        with pytest.raises(error, match=message):
            writer.add(documents)
        assert writer.commit()["added"] == 0


def test_what_contains_itself_is_refused(index):
    circle = {"id": "a"}
    circle["me"] = circle
    with index.writer() as writer, pytest.raises(RecursionError):
        writer.add(circle)


def test_columns_become_fields(index):
    rows = [{"id": "a", "year": 2001, "note": "x", "metadata": {"lang": "en"}}, {"id": "b"}]
    with index.writer() as writer:
        assert writer.add(rows, fields=["year"]) == 2
        with pytest.raises(TypeError, match="list of names"):
            writer.add(rows, fields="year")
    assert index.get("a")["metadata"] == {"lang": "en", "year": 2001}
    assert index.list(where="year = 2001") == ["a"]
    # What was given is left as it was.
    assert rows[0]["metadata"] == {"lang": "en"}


def test_a_frame_of_pandas(index):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "id": ["a", "b", "c"],
            "text": ["one", "two", None],
            "year": [2001.0, float("nan"), 2003.0],
            "at": pandas.to_datetime(["2024-05-01", None, "2024-05-02"]),
            "count": pandas.array([1, None, 3], dtype="Int64"),
            "kind": pandas.Categorical(["x", "y", "x"]),
        }
    )
    with index.writer() as writer:
        assert writer.add(frame, fields=["year", "at", "count", "kind"]) == 3
    assert index.get("b")["metadata"] == {"kind": "y"}
    assert index.get("c")["text"] == ""
    assert index.list(where="year > 2001 and count = 3 and at > '2024-05-01'") == ["c"]


def test_a_table_of_pyarrow(index):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {
        "id": [str(number) for number in range(3000)],
        "text": ["word"] * 3000,
        "number": [None, *range(1, 3000)],
    }
    table = pyarrow.table(columns)
    with index.writer() as writer:
        assert writer.add(table, fields=["number"]) == 3000
        assert writer.add(table.slice(0, 5).to_batches()[0]) == 5
        assert writer.commit()["added"] == 3000
    assert index.count(where="number >= 1500") == 1500
    assert "metadata" not in index.get("0")


def test_arrays_and_numbers_of_numpy(index):
    numpy = pytest.importorskip("numpy")
    with index.writer() as writer:
        writer.add(
            {"id": "a", "whole": numpy.int64(3), "half": numpy.float32(0.5), "many": numpy.arange(3)}
        )
    document = index.get("a")
    assert (document["whole"], document["half"], document["many"]) == (3, 0.5, [0, 1, 2])
