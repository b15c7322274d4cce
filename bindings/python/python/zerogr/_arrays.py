"""Hits as arrays of numpy, which is imported when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy


class Arrays(NamedTuple):
    """Hits as arrays: a row for each query, or one row where one query was asked.

    Rows are as long as that of the query with most hits; others end in empty ids and scores that are
    not a number.
    """

    ids: numpy.ndarray
    """Ids, as texts of numpy."""
    scores: numpy.ndarray
    """Scores."""
    counts: Any
    """Hits of each query; a number where one query was asked."""


def of_buffers(buffers: tuple[bytearray, ...], width: int, columns: int, is_one: bool) -> Arrays:
    """Gives buffers their shapes."""
    import numpy

    ids, scores, lengths = buffers
    counts = numpy.frombuffer(lengths, dtype=numpy.int64)
    shape = (columns,) if is_one else (len(counts), columns)
    return Arrays(
        numpy.frombuffer(ids, dtype=f"U{width}").reshape(shape),
        numpy.frombuffer(scores, dtype=numpy.float64).reshape(shape),
        int(counts[0]) if is_one else counts,
    )
