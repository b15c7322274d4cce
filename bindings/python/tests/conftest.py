"""What the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zerogr

#: Adapters whose libraries are missing fail where this is set, and are skipped elsewhere.
ALL_ADAPTERS = os.environ.get("ZEROGR_ALL_ADAPTERS") == "1"

PAPERS = [
    {
        "id": "wings",
        "title": "Wing flutter",
        "text": "Thin wings may vibrate at high speed. The flutter of a thin wing is measured.",
        "tags": ["air"],
        "metadata": {"year": 1958, "lang": "en"},
    },
    {
        "id": "plates",
        "title": "Heat transfer",
        "text": "Plates in a hot stream get hot themselves. Heat goes through the boundary layer.",
        "tags": ["heat"],
        "metadata": {"year": 1963, "lang": "en"},
    },
    {
        "id": "balken",
        "title": "Biegung",
        "text": "Ein Balken aus Holz biegt sich unter einer Last.",
        "metadata": {"year": 1971, "lang": "de"},
    },
]


@pytest.fixture(scope="session")
def encoder() -> None:
    """The default encoder and ONNX Runtime, installed if they are not yet."""
    zerogr.setup()


@pytest.fixture
def words(tmp_path: Path) -> zerogr.Index:
    """An index of words alone, with the papers."""
    index = zerogr.Index.create(tmp_path / "words.zgr", encoder=None)
    with index.writer() as writer:
        writer.add(PAPERS)
    return index


@pytest.fixture
def papers(tmp_path: Path, encoder: None) -> zerogr.Index:
    """An index with the default encoder, with the papers."""
    index = zerogr.Index.create(tmp_path / "papers.zgr")
    with index.writer() as writer:
        writer.add(PAPERS)
    return index


@pytest.fixture
def child(tmp_path: Path):
    """Starts a Python process that runs a text, with the environment changed."""

    def start(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return start


def output_of(process: subprocess.Popen[str]) -> str:
    """What a child printed, once it has ended well."""
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return out


def needs(module: str):
    """The library of an adapter."""
    if ALL_ADAPTERS:
        return __import__(module)
    return pytest.importorskip(module)
