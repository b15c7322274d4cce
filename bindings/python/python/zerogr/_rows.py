"""Documents in whatever they come, as dicts one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: Rows of a table that are made dicts at once.
BLOCK_ROWS = 1024

FIELDS = "metadata"


def rows(documents: Any, fields: Iterable[str] | None) -> Iterator[Any]:
    """The documents as mappings; keys in `fields` become fields."""
    if isinstance(documents, (str, bytes)):
        raise TypeError("documents are dicts, or an iterable of them, not a text")
    found = _rows(documents)
    if fields is None:
        return iter(found)
    if isinstance(fields, str):
        raise TypeError("fields are a list of names")
    names = tuple(fields)
    return (_with_fields(row, names) for row in found)


def _rows(documents: Any) -> Any:
    if isinstance(documents, Mapping):
        return [documents]
    # A Table of pyarrow, then one of its RecordBatches, then a DataFrame of pandas.
    if hasattr(documents, "to_batches"):
        batches = documents.to_batches(max_chunksize=BLOCK_ROWS)
        return (row for batch in batches for row in _of_batch(batch))
    if hasattr(documents, "to_pylist") and hasattr(documents, "schema"):
        return _of_batch(documents)
    if hasattr(documents, "iloc") and hasattr(documents, "columns"):
        return _of_frame(documents)
    return documents


def _of_batch(batch: Any) -> Iterator[dict[str, Any]]:
    for row in batch.to_pylist():
        yield {name: value for name, value in row.items() if value is not None}


def _of_frame(frame: Any) -> Iterator[dict[str, Any]]:
    for start in range(0, len(frame), BLOCK_ROWS):
        block = frame.iloc[start : start + BLOCK_ROWS]
        names = list(block.columns)
        # What is missing has many names in pandas (None, NaN, NaT, NA), and `notna` knows all.
        for values, given in zip(
            block.itertuples(index=False, name=None), block.notna().itertuples(index=False, name=None)
        ):
            yield {name: value for name, value, is_given in zip(names, values, given) if is_given}


def _with_fields(row: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(row, Mapping):
        return row
    fields = {name: row[name] for name in names if row.get(name) is not None}
    rest = {name: value for name, value in row.items() if name not in names}
    if fields:
        rest[FIELDS] = {**(rest.get(FIELDS) or {}), **fields}
    return rest
