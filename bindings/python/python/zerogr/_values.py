"""Values that JSON has no word for, as ones that it has."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any


def plain(value: Any) -> Any:
    """The same in numbers, texts, lists and dicts. A time without a zone is one of UTC."""
    if isinstance(value, datetime.datetime):
        return value.isoformat() + ("Z" if value.utcoffset() is None else "")
    if isinstance(value, datetime.date):
        return f"{value.isoformat()}T00:00:00Z"
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    # Arrays and scalars of numpy.
    if hasattr(value, "tolist"):
        return value.tolist()
    kind = type(value)
    raise TypeError(f"a value of {kind.__module__}.{kind.__qualname__} cannot be kept in a document")
