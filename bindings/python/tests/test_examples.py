"""The examples run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples" / "python"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quickstart.py", ["flutter", "after 1950:", "hot plates -> heat", "refused: the filter"]),
        ("scifact_plot.py", ["12 documents, 12 queries", "planned", "lexical"]),
    ],
)
def test_an_example_runs(name, said, encoder, tmp_path):
    path = EXAMPLES / name
    assert len(path.read_text().splitlines()) < 200
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in said:
        assert words in done.stdout
