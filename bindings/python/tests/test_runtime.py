"""Without ONNX Runtime, and with that of the package `onnxruntime`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import PAPERS, output_of

#: Nothing named so can be imported or found.
HIDE = "import sys; sys.modules['onnxruntime'] = None\n"

LEXICAL = """
import zerogr
index = zerogr.Index.open(sys.argv[1])
assert index.search("thin wings", mode="lexical")[0].id == "wings"
assert index.get("wings")["title"] == "Wing flutter"
assert index.search("thin wings", mode="lexical")[0].snippet().marks
try:
    index.search("thin wings")
except zerogr.OnnxRuntimeError as error:
    print(error)
try:
    zerogr.Index.create(sys.argv[2])
except zerogr.ModelError as error:
    print(error)
own = zerogr.Index.create(sys.argv[2], encoder=None)
with own.writer() as writer:
    writer.add({"id": "a", "text": "word"})
assert own.search("word")[0].id == "a"
"""

FOUND = """
import sys, zerogr
index = zerogr.Index.open(sys.argv[1], trust_model=True)
assert index.search("why does an airfoil shake?")[0].id == "wings"
assert "onnxruntime" not in sys.modules
libraries = [line.split()[-1] for line in open("/proc/self/maps") if "libonnxruntime" in line]
print(*set(libraries))
"""


@pytest.fixture
def without_runtime(papers, tmp_path, monkeypatch):
    """An environment in which there is none."""
    for variable in ("ZEROGR_ORT", "ORT_DYLIB_PATH", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(variable, raising=False)
    return {"ZEROGR_HOME": str(tmp_path / "home")}


def test_without_it_everything_but_models_works(papers, tmp_path, child, without_runtime):
    process = child(HIDE + LEXICAL, papers.path, tmp_path / "own.zgr", **without_runtime)
    search, create = output_of(process).splitlines()
    assert "ONNX Runtime is not installed" in search and "zerogr setup" in search
    assert "zerogr setup" in create


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="there is no list of libraries")
def test_that_of_the_package_is_found_and_not_imported(papers, tmp_path, child, without_runtime):
    import zerogr

    library = Path(zerogr.setup()["runtime"]).resolve()
    package = tmp_path / "site" / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('it is not to be imported')")
    for file in library.iterdir():
        (package / "capi" / file.name).symlink_to(file)
    site = str(tmp_path / "site")
    process = child(FOUND, papers.path, PYTHONPATH=site, **without_runtime)
    assert Path(output_of(process).strip()).parent in (package / "capi", library)
    assert PAPERS[0]["id"] == "wings"
