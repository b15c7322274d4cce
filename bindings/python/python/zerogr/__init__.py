"""zerogr: search your own documents by meaning, offline, from one index file.

    >>> import zerogr
    >>> with zerogr.Index.create("papers.zgr", encoder=None) as index:
    ...     with index.writer() as writer:
    ...         writer.add({"id": "doc-1", "text": "Thin wings may vibrate."})
    ...     for hit in index.search("thin wings"):
    ...         print(hit.id, hit.score)

Classes and their options explain themselves with `help`. The adapters `zerogr.ir`,
`zerogr.pyterrier`, `zerogr.langchain` and `zerogr.llama_index` are imported by name.
"""

from __future__ import annotations

from ._arrays import Arrays
from ._command import _main, setup
from ._errors import (
    AlreadyExistsError,
    CancelledError,
    CorruptError,
    DeviceError,
    DiskFullError,
    Error,
    InvalidInputError,
    IoError,
    LimitError,
    LockedError,
    LockUnsupportedError,
    ModelError,
    ModelMismatchError,
    NotAnIndexError,
    NotFoundError,
    OnnxRuntimeError,
    PermissionDeniedError,
    PoisonedError,
    ReadOnlyError,
    ReplacedError,
    UnsupportedVersionError,
    UntrustedModelError,
)
from ._runtime import look_for_runtime
from ._zerogr import (
    Hit,
    Index,
    Passage,
    SearchResult,
    Snapshot,
    Snippet,
    Writer,
    __version__,
    check,
)

look_for_runtime()

__all__ = [
    "AlreadyExistsError",
    "Arrays",
    "CancelledError",
    "CorruptError",
    "DeviceError",
    "DiskFullError",
    "Error",
    "Hit",
    "Index",
    "InvalidInputError",
    "IoError",
    "LimitError",
    "LockUnsupportedError",
    "LockedError",
    "ModelError",
    "ModelMismatchError",
    "NotAnIndexError",
    "NotFoundError",
    "OnnxRuntimeError",
    "Passage",
    "PermissionDeniedError",
    "PoisonedError",
    "ReadOnlyError",
    "ReplacedError",
    "SearchResult",
    "Snapshot",
    "Snippet",
    "UnsupportedVersionError",
    "UntrustedModelError",
    "Writer",
    "__version__",
    "check",
    "setup",
]
