"""What can go wrong, by kind.

Every class is an `Error`; where Python has a class for the same thing, it is that one, too.
"""

from __future__ import annotations


class Error(Exception):
    """What every failure of zerogr is. Its text says what is wrong and what to do."""


class InvalidInputError(Error, ValueError):
    """A document, query or option is not acceptable."""


class LimitError(InvalidInputError):
    """A documented limit was exceeded."""


class IoError(Error, OSError):
    """The operating system refused something. `errno` has its number, if it gave one."""


class NotFoundError(IoError, FileNotFoundError):
    """There is no such file or folder."""


class AlreadyExistsError(IoError, FileExistsError):
    """Something is where a new file should go."""


class PermissionDeniedError(IoError, PermissionError):
    """The operating system does not let this user do that."""


class ReadOnlyError(PermissionDeniedError):
    """The file system can only be read."""


class DiskFullError(IoError):
    """The disk, or this user's share of it, is full."""


class ReplacedError(Error):
    """Another file is at the path than the one that was opened: open it again."""


class NotAnIndexError(Error):
    """The file is not a zerogr index."""


class CorruptError(Error):
    """Bytes of the index are damaged or missing."""


class UnsupportedVersionError(Error):
    """Another version wrote the file."""


class LockedError(Error):
    """Another writer holds the index."""


class LockUnsupportedError(Error):
    """The file system has no locks, so other writers cannot be kept out."""


class PoisonedError(Error):
    """An earlier write failed: open the index again."""


class CancelledError(Error):
    """The work was ended before it was done."""


class ModelError(Error):
    """A model or tokenizer is missing or unusable."""


class OnnxRuntimeError(ModelError):
    """ONNX Runtime is missing, foreign or too old."""


class DeviceError(ModelError):
    """The device that was asked for cannot be used."""


class ModelMismatchError(ModelError):
    """The model at hand is not the one the index was made with."""


class UntrustedModelError(ModelError):
    """The index brings a model that this machine does not know: see `trust_model`."""
