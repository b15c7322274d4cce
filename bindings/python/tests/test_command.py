"""The command line that comes with the package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zerogr


def run(*arguments):
    program = Path(sys.executable).with_name("zerogr")
    program = str(program) if program.exists() else shutil.which("zerogr")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def test_it_is_the_whole_command_line(words, tmp_path):
    assert run("--version").stdout == f"zerogr {zerogr.__version__}\n"
    done = run("search", words.path, "thin wings", "--json")
    assert [hit["id"] for hit in json.loads(done.stdout)] == ["wings"]
    module = [sys.executable, "-m", "zerogr", "count", words.path]
    assert subprocess.run(module, capture_output=True, text=True).stdout == "3 documents\n"


def test_it_ends_as_the_program_does(tmp_path):
    assert run("search").returncode == 2
    missing = run("search", tmp_path / "nothing.zgr", "x")
    assert missing.returncode == 1 and "there is no index" in missing.stderr


def test_setup_says_where_what_is(encoder):
    done = zerogr.setup()
    assert not done["changed"] and Path(done["runtime"]).is_dir() and Path(done["model"]).is_dir()


def test_setup_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROGR_HOME", str(tmp_path / "home"))
    with pytest.raises(zerogr.Error, match="wheel"):
        zerogr.setup(wheels=tmp_path)
