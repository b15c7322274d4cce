"""A short run of the program that measures searches under load."""

from __future__ import annotations

import json
import os

import pytest

import load


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_nothing_is_lost_under_load(capsys):
    status = load.main(["--seconds", "4", "--threads", "8"])
    report = json.loads(capsys.readouterr().out)
    assert status == 0, report
    assert report["errors"] == [] and report["commits"] >= 2 and report["searches"] > 0
