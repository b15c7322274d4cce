"""A hit as frameworks want it."""

from __future__ import annotations

from typing import Any

from ._zerogr import Hit


def title_text_and_metadata(hit: Hit) -> tuple[str, str, dict[str, Any]]:
    """Title, text, and what else is kept: fields and other values by name, and tags."""
    document = hit.document()
    fields = document.pop("metadata", {})
    kept = {name: value for name, value in document.items() if name not in _PARTS}
    metadata = {**kept, **(fields if isinstance(fields, dict) else {"metadata": fields})}
    if document["tags"]:
        metadata["tags"] = document["tags"]
    return document["title"], document["text"], metadata


_PARTS = ("_id", "title", "text", "docid", "tags")
