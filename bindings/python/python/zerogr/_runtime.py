"""Where ONNX Runtime is: in the package `onnxruntime`, if that is installed.

The package is looked at, not imported. What is in the environment (`ZEROGR_ORT`) comes first; what
`zerogr.setup()` installed is taken where the package is missing or its version will not do.
"""

from __future__ import annotations

import importlib.util
import os

from . import _zerogr


def look_for_runtime() -> None:
    """Tells the engine of the library in the package."""
    try:
        found = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        # What stands under that name is no package.
        return
    for folder in (found and found.submodule_search_locations) or ():
        _zerogr.look_for_runtime_in(os.path.join(folder, "capi"))
